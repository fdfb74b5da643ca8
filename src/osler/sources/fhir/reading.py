"""Reading FHIR: resource by resource into columns, batch by batch into events."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import polars as pl

from osler.errors import Fault, InputError
from osler.model import CODE_COLUMNS
from osler.sources.base import Batch, LoadReport, Request
from osler.sources.fhir.batches import Resources, events_of
from osler.sources.fhir.clinical import CLINICAL, Reader, check_status, medication_reader
from osler.sources.fhir.codes import Resource, code_of
from osler.sources.fhir.documents import (
    EXPECTED,
    Found,
    read_source,
    source_files,
)
from osler.sources.fhir.observations import read_observation
from osler.sources.fhir.patients import Links, Patients, read_patient, target_of
from osler.sources.fhir.rows import Rows, Unfit
from osler.sources.soundness import Lifespans

# A resource is a few kilobytes as Python objects, an event half of one.
MOST_BATCH_EVENTS = 200_000
# References to medications that come later wait for the end.
MOST_WAITING = 100_000

NOT_AS_FHIR = "content not as FHIR has it"
NOT_UNICODE = "a text with half a character"
NO_ID = "no id"
OTHER_TYPES = "resource type not read: others"
MEDICATION_NOT_FOUND = "its medication is not in the source"
MOST_TYPES_TOLD = 200

_TYPE = re.compile(r"[A-Z][A-Za-z]{2,39}")


class FhirSource:
    """Reads HL7 FHIR R4."""

    name: ClassVar[str] = "fhir"
    describes: ClassVar[str] = "FHIR R4: bundles (.json) or bulk data (.ndjson), a file or a folder"

    def files(self, path: Path) -> list[Path]:
        """Return the JSON files.

        Raises
        ------
        InputError
            If there are none.
        """
        return source_files(path)

    def read(self, request: Request) -> Iterator[Batch]:
        """Yield the events batch by batch, and what their codes mean.

        Raises
        ------
        InputError
            If a file is damaged or far too large, or nothing in the source is FHIR.
        """
        source_files(request.path)
        yield from _Reading(request).batches()


@dataclass
class _Reading:
    """What is known so far of the source that is being read."""

    request: Request
    patients: Patients = field(default_factory=Patients)
    medications: dict[str, tuple[str, str | None] | None] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    rows: Rows = field(default_factory=Rows)
    waiting: list[tuple[Resource, Links]] = field(default_factory=list)
    described: set[str] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)
    lifespans: Lifespans = field(default_factory=Lifespans)

    def __post_init__(self) -> None:
        self.links: Links = {}
        self.at_end = False
        self.readers: dict[str, Reader] = {
            **CLINICAL,
            **medication_reader(self._medication_of),
            "Observation": read_observation,
            "Patient": read_patient,
            "Medication": self._keep_medication,
        }

    def batches(self) -> Iterator[Batch]:
        most = min(self.request.batch_rows, MOST_BATCH_EVENTS)
        for found in read_source(self.request.path):
            self._take(found)
            if len(self.rows) >= most or len(self.resources) >= most:
                yield self._flush()
        self.at_end = True
        for resource, links in self.waiting:
            self._add(resource, links)
        self._require_fhir()
        yield self._flush()
        self.lifespans.note(self.request.report)

    def _take(self, found: Found) -> None:
        if found.resource is None:
            reason = found.fault or NOT_AS_FHIR
            self.faults[reason] += 1
            self.request.report.refuse(reason)
        else:
            self._add(found.resource, found.links)

    def _add(self, resource: Resource, links: Links) -> None:
        """Read one resource; keep why, if it cannot become events."""
        kind = resource["resourceType"]
        reader = self.readers.get(kind)
        if reader is None:
            self.resources.refuse(self._not_read(kind))
            return
        self.links = links
        reason = self._read(resource, reader, kind)
        if reason == MEDICATION_NOT_FOUND and not self.at_end and len(self.waiting) < MOST_WAITING:
            self.waiting.append((resource, links))
            return
        self.resources.add(resource, kind, reason)

    def _read(self, resource: Resource, reader: Reader, kind: str) -> str | None:
        """Return why a resource is refused, or None when it is in `rows`."""
        mark = self.rows.begin("", len(self.resources))
        try:
            self.rows.subject = self._subject(resource, kind)
            check_status(resource)
            reader(resource, self.rows)
        except Unfit as unfit:
            reason = str(unfit)
        except UnicodeEncodeError:
            reason = NOT_UNICODE
        except (AttributeError, TypeError, KeyError, IndexError):
            reason = NOT_AS_FHIR
        else:
            return None
        self.rows.cut(mark)
        return reason

    def _subject(self, resource: Resource, kind: str) -> str:
        if kind == "Medication":
            return ""
        if kind != "Patient":
            subject = self.patients.subject_of(resource, self.links)
        else:
            subject = resource.get("id") or ""
            if subject:
                self.patients.add(resource)
        if not subject:
            raise Unfit(NO_ID)
        if not subject.isascii():
            subject.encode()
        return subject

    def _keep_medication(self, medication: Resource, _: Rows) -> None:
        """Keep the code of a medication for the resources that refer to it."""
        if not medication.get("id"):
            raise Unfit(NO_ID)
        self.medications.setdefault(medication["id"], code_of(medication.get("code"), "Medication"))

    def _medication_of(self, resource: Resource) -> tuple[str, str | None] | None:
        """Return the code of the medication, named in place, contained or referred to."""
        stated = resource.get("medication") or {}
        concept = resource.get("medicationCodeableConcept") or stated.get("concept")
        if concept:
            return code_of(concept, "Medication")
        reference = resource.get("medicationReference") or stated.get("reference") or {}
        target = reference.get("reference")
        if not target:
            return None
        if target.startswith("#"):
            inside = [one for one in resource.get("contained") or [] if one["id"] == target[1:]]
            return code_of(inside[0].get("code"), "Medication") if inside else None
        name = target_of(target, self.links)[1]
        if name not in self.medications:
            raise Unfit(MEDICATION_NOT_FOUND)
        return self.medications[name]

    def _not_read(self, kind: str) -> str:
        reason = f"resource type not read: {kind}"
        if not _TYPE.fullmatch(kind):
            return OTHER_TYPES
        known = self.faults
        return reason if reason in known or len(known) < MOST_TYPES_TOLD else OTHER_TYPES

    def _flush(self) -> Batch:
        report: LoadReport = self.request.report
        events = events_of(self.rows, self.resources, self.request.subjects, report)
        self.lifespans.add(events)
        for note, count in Counter(self.rows.noted).items():
            report.note(note, count)
        codes = self._new_descriptions()
        self.rows = Rows()
        self.resources = self.resources.next()
        return Batch(events, codes)

    def _new_descriptions(self) -> pl.DataFrame | None:
        new = {
            code: words
            for code, words in self.rows.descriptions.items()
            if code not in self.described
        }
        self.described.update(new)
        if not new:
            return None
        return pl.DataFrame(
            {
                "code": list(new),
                "description": list(new.values()),
                "parent_codes": [[] for _ in new],
            },
            schema=CODE_COLUMNS,
        )

    def _require_fhir(self) -> None:
        """Refuse a source in which nothing at all is a FHIR resource."""
        if self.resources.seen:
            return
        common = self.faults.most_common(1)
        came = common[0][0] if common else "nothing in it"
        raise InputError(Fault(self.request.path.name, came, EXPECTED))
