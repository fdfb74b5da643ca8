"""One interpreter for each subject of knowledge: from a shard of a vault to results of subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import polars as pl

from osler.errors import InputError
from osler.knowledge import Release
from osler.model import EVENT_SCHEMA, Finding, Provenance
from osler.vault import Vault

Codes = list[tuple[str, float | None, str | None]]


@dataclass(frozen=True)
class SubjectResult:
    """What was concluded of one subject.

    Parameters
    ----------
    reported
        When the latest event that it rests on was reported; None if none has a time.
    codes
        Code, number and text of each event that lands on the timeline.
    findings
        Makes the findings, with their provenance.
    """

    subject_id: int
    reported: datetime | None
    codes: Codes
    findings: Callable[[Provenance], list[Finding]]


@dataclass
class ShardResults:
    """What was concluded of a shard's subjects, and why nothing was of others."""

    results: list[SubjectResult] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def events(self) -> pl.DataFrame:
        """Return the results as events."""
        rows = [
            (one.subject_id, one.reported, code, number, text)
            for one in self.results
            for code, number, text in one.codes
        ]
        return pl.DataFrame(rows, schema=EVENT_SCHEMA, orient="row")


class Interpreter(Protocol):
    """Concludes something of every subject of a shard."""

    about: str

    def of_shard(self, vault: Vault, shard: int) -> ShardResults:
        """Return the results of a shard's subjects."""
        ...


class TumourInterpreter:
    """Interprets the tumours on timelines by CIViC.

    Parameters
    ----------
    descriptions
        What the vault's codes mean.
    cancer
        The disease of those whose timeline names none.
    """

    about = "tumour"

    def __init__(
        self, release: Release, descriptions: Mapping[str, str], cancer: str | None = None
    ) -> None:
        from osler.genome.somatic import load
        from osler.workflows.genome.tumours import TumourReader

        self.release = release
        self.civic = load(release)
        self.reader = TumourReader(self.civic, descriptions, cancer)

    def of_shard(self, vault: Vault, shard: int) -> ShardResults:
        """Interpret the tumour of each subject that has one."""
        from osler.workflows.genome.tumours import NOT_SEQUENCED

        whole = ShardResults()
        events = vault.shard_events(shard)
        for (subject_id,), own in events.partition_by(
            "subject_id", as_dict=True, maintain_order=True
        ).items():
            found = self.of_subject(int(subject_id), own)
            if isinstance(found, str):
                whole.skipped[found] += found != NOT_SEQUENCED.why
            else:
                whole.results.append(found)
        whole.skipped = +whole.skipped
        return whole

    def of_subject(self, subject_id: int, events: pl.DataFrame) -> SubjectResult | str:
        """Interpret the tumour of one subject, or say why there is none to interpret."""
        from osler.genome.somatic import codes, findings, interpret
        from osler.workflows.genome.tumours import NoTumour

        found = self.reader.read(events)
        if isinstance(found, NoTumour):
            return found.why
        result = interpret(found.tumour, self.civic)
        return SubjectResult(
            subject_id,
            found.reported,
            codes(result),
            lambda provenance: findings(result, provenance=provenance),
        )


class DrugInterpreter:
    """Interprets inherited genomes for drugs, by CPIC.

    Parameters
    ----------
    descriptions
        What the vault's codes mean.
    """

    about = "pharmacogenomics"

    def __init__(self, release: Release, descriptions: Mapping[str, str]) -> None:
        from osler.workflows.genome.germline import GermlineReader

        self.release = release
        self.reader = GermlineReader(release, descriptions, settle=False)

    def of_shard(self, vault: Vault, shard: int) -> ShardResults:
        """Read the germline file of each subject that has one."""
        names: dict[int, list[str]] = {}
        for subject_id, name in vault.shard_attachments(shard):
            names.setdefault(subject_id, []).append(name)
        whole = ShardResults()
        for subject_id, events in self._concerned(vault, shard, names):
            found = self.of_subject(vault, subject_id, events, names.get(subject_id, []))
            if isinstance(found, str):
                whole.skipped[found] += 1
            else:
                whole.results.append(found)
        return whole

    def of_subject(
        self, vault: Vault, subject_id: int, events: pl.DataFrame, names: Sequence[str]
    ) -> SubjectResult | str:
        """Read one subject's germline file, or say why nothing is said."""
        from osler.genome.pgx.findings import codes, findings

        try:
            found = self.reader.read(vault, subject_id, events, names)
        except InputError as error:
            # One damaged file must not keep the others from being read.
            return f"a germline file that cannot be read: {error.faults[0]}"
        if isinstance(found, str):
            return found
        return SubjectResult(
            subject_id,
            found.reported,
            codes(found.sample),
            lambda provenance: findings(found.sample, release=self.release, provenance=provenance),
        )

    def _concerned(
        self, vault: Vault, shard: int, names: Mapping[int, Sequence[str]]
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield the timeline of each subject with a germline file or a call made elsewhere."""
        from osler.workflows.genome.germline import germline_files, is_call

        events = vault.shard_events(shard)
        told = events.filter(is_call())["subject_id"].unique().to_list()
        asked = {*told, *(one for one, files in names.items() if germline_files(files))}
        kept = events.filter(pl.col("subject_id").is_in(list(asked)))
        parts = kept.partition_by("subject_id", as_dict=True, maintain_order=True)
        for subject_id in sorted(asked):
            yield subject_id, parts.get((subject_id,), kept.clear())


def interpreter_of(
    about: str, release: Release, vault: Vault, *, cancer: str | None = None
) -> Interpreter:
    """Return the interpreter of a subject of knowledge.

    Parameters
    ----------
    about
        One of `BY_KNOWLEDGE`.
    cancer
        Of tumours whose timeline names no disease.

    Raises
    ------
    InputError
        If `cancer` is a disease that the release does not know.
    """
    from osler.workflows.study.run import described

    descriptions = described(vault)
    if about == TumourInterpreter.about:
        return TumourInterpreter(release, descriptions, cancer)
    if about == "phenotype":
        from osler.workflows.genome.phenotypes import PhenotypeInterpreter

        return PhenotypeInterpreter(release)
    return DrugInterpreter(release, descriptions)
