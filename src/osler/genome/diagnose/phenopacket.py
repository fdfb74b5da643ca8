"""Reading GA4GH Phenopackets: a patient's findings, present and excluded.

Version 2, https://phenopacket-schema.readthedocs.io/en/2.0.0/, as JSON: one object, a list, or one
object a line. What a packet says of the diagnosis (`interpretations`, `diseases`) is not read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osler.errors import Fault, InputError
from osler.genome.diagnose.annotations import publications_of
from osler.genome.diagnose.ontology import TERM_ID
from osler.sources.files import open_binary, require_file

# A packet is a few kilobytes; the whole store of published cases is below 100 MB.
LARGEST_BYTES = 1 << 30
# The largest published packets have two hundred features.
MOST_FEATURES = 1_000
# What an object has at least that is a packet of a patient without findings.
MARKS = frozenset({"id", "subject", "metaData", "meta_data"})
SEXES = frozenset({"MALE", "FEMALE"})
_PUBMED = ("https://pubmed.ncbi.nlm.nih.gov/", "https://www.ncbi.nlm.nih.gov/pubmed/")
_WANTED = "a Phenopacket: an object with phenotypicFeatures"

# Notes, counted for the file. None names a patient.
NO_ID = "cases without an id, named by their place in the file"
REPEATED_ID = "cases with the id of an earlier one; all are answered"
NO_HPO_TYPE = "features whose type is no HPO term, left out"
NEGATED = "features with `negated` of version 1, taken as excluded"
UNPACKED = "families or cohorts, of which the patients were taken"


@dataclass(frozen=True)
class Phenopacket:
    """What one packet says of a patient, as far as it is used.

    Attributes
    ----------
    id
        Of the packet; its place in the file where it has none.
    present, excluded
        HPO ids as they stand there, in order.
    sex
        `MALE`, `FEMALE` or None.
    publications
        `PMID:…` of its `metaData.externalReferences`.
    """

    id: str
    present: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    sex: str | None = None
    publications: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A part of the file that is no packet."""

    where: str
    why: str


@dataclass(frozen=True)
class PhenopacketFile:
    """The packets of a file, and what was doubtful.

    Attributes
    ----------
    refused
        Lines or members that are no packets; the others are there.
    notes
        What was left out or read in another way, counted.
    """

    packets: tuple[Phenopacket, ...]
    refused: tuple[Refused, ...]
    notes: Mapping[str, int]


def read_phenopackets(path: Path) -> PhenopacketFile:
    """Read a file of packets, plain or packed.

    Raises
    ------
    InputError
        If it cannot be read, or holds no packet at all.
    """
    require_file(path)
    with open_binary(path) as stream:
        content = stream.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise InputError(Fault(path.name, "more than 1 GiB", "less in one file", "split it"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(Fault(path.name, "not UTF-8", "JSON in UTF-8")) from error
    packets: list[Phenopacket] = []
    refused: list[Refused] = []
    notes: Counter[str] = Counter()
    for where, value in _values(text):
        try:
            for one in _members(value, notes):
                packets.append(read_packet(one, f"case {len(packets) + 1}", notes))
        except ValueError as error:
            refused.append(Refused(where, str(error)))
    if not packets:
        faults = [Fault(f"{path.name}, {one.where}", one.why, _WANTED) for one in refused]
        raise InputError(faults or [Fault(path.name, "nothing", _WANTED)])
    notes[REPEATED_ID] = len(packets) - len({one.id for one in packets})
    return PhenopacketFile(tuple(packets), tuple(refused), +notes)


def read_packet(
    value: object, name: str = "case 1", notes: Counter[str] | None = None
) -> Phenopacket:
    """Read one packet from its JSON value.

    Parameters
    ----------
    name
        Its id where it has none.
    notes
        Counts what was doubtful.

    Raises
    ------
    ValueError
        If it is no packet; the message holds nothing of its content.
    """
    notes = Counter() if notes is None else notes
    if not isinstance(value, dict):
        raise ValueError(_kind(value))
    features = _either(value, "phenotypicFeatures", "phenotypic_features")
    if not isinstance(features, list | None):
        raise ValueError(f"phenotypicFeatures is {_kind(features)} instead of a list")
    subject = value.get("subject")
    if features is None and not MARKS.intersection(value):
        raise ValueError("an object without phenotypicFeatures, subject, metaData or id")
    features = features or []
    if len(features) > MOST_FEATURES:
        raise ValueError(f"more than {MOST_FEATURES} features")
    present: list[str] = []
    excluded: list[str] = []
    for feature in features:
        term = _term(feature)
        if term is None:
            notes[NO_HPO_TYPE] += 1
            continue
        (excluded if _is_excluded(feature, notes) else present).append(term)
    own = value.get("id")
    if not isinstance(own, str) or not own.strip():
        notes[NO_ID] += 1
        own = name
    return Phenopacket(
        own, tuple(present), tuple(excluded), _sex(subject), tuple(_publications(value))
    )


def _values(text: str) -> Iterator[tuple[str, object]]:
    """Yield the JSON values with their place; what is not JSON as a `_Malformed`."""
    whole = _parsed(text)
    if isinstance(whole, list):
        yield from ((f"member {number}", one) for number, one in enumerate(whole, 1))
        return
    if not isinstance(whole, _Malformed):
        yield "the whole file", whole
        return
    lines = [(number, one) for number, one in enumerate(text.splitlines(), 1) if one.strip()]
    read = [(f"line {number}", _parsed(line)) for number, line in lines]
    if all(isinstance(one, _Malformed) for _, one in read):
        # One packet over many lines, damaged: a fault a line would say nothing.
        read = [("the whole file", whole)] if read else []
    yield from read


class _Malformed:
    """Text that is not JSON."""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _Malformed()


def _members(value: object, notes: Counter[str]) -> list[object]:
    """Return the packet, or those in a family (its proband) or a cohort (its members)."""
    if not isinstance(value, dict) or _either(value, "phenotypicFeatures", "phenotypic_features"):
        return [value]
    for key in ("proband", "members"):
        inner = value.get(key)
        if isinstance(inner, dict | list):
            notes[UNPACKED] += 1
            return inner if isinstance(inner, list) else [inner]
    return [value]


def _either(value: Mapping[str, Any], *names: str) -> Any:
    """Return what stands under either spelling that Protobuf's JSON allows."""
    return next((value[name] for name in names if name in value), None)


def _term(feature: object) -> str | None:
    kind = feature.get("type") if isinstance(feature, dict) else None
    term = kind.get("id") if isinstance(kind, dict) else None
    if not isinstance(term, str):
        return None
    term = term.strip().upper().replace("HP_", "HP:")
    return term if TERM_ID.fullmatch(term) else None


def _is_excluded(feature: Mapping[str, Any], notes: Counter[str]) -> bool:
    if feature.get("excluded") is True:
        return True
    if feature.get("negated") is True:
        notes[NEGATED] += 1
        return True
    return False


def _sex(subject: object) -> str | None:
    sex = subject.get("sex") if isinstance(subject, dict) else None
    return sex if isinstance(sex, str) and sex in SEXES else None


def _publications(value: Mapping[str, Any]) -> list[str]:
    about = _either(value, "metaData", "meta_data")
    listed = (
        _either(about, "externalReferences", "external_references")
        if isinstance(about, dict)
        else None
    )
    found: list[str] = []
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict):
            for text in (one.get("id"), one.get("reference")):
                found += _pubmed(text)
    return list(dict.fromkeys(found))


def _pubmed(text: object) -> list[str]:
    if not isinstance(text, str):
        return []
    for place in _PUBMED:
        if text.startswith(place):
            number = text.removeprefix(place).split("/", 1)[0]
            return [f"PMID:{number}"] if number.isdigit() else []
    return publications_of(text)


def _kind(value: object) -> str:
    if isinstance(value, _Malformed):
        return "no JSON"
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return kinds.get(type(value), "nothing" if value is None else "a number")
