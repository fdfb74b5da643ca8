"""One interpreter for each subject of knowledge: from a shard of a vault to results of subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import polars as pl

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
    """Concludes something of every subject of a shard, by one release."""

    about: str
    release: Release

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


def interpreter_of(
    about: str, release: Release, vault: Vault, *, cancer: str | None = None
) -> Interpreter:
    """Return the interpreter of a subject of knowledge.

    Raises
    ------
    InputError
        If `cancer` is a disease that the release does not know.
    """
    from osler.workflows.study.run import described

    if about == "tumour":
        return TumourInterpreter(release, described(vault), cancer)
    raise NotImplementedError(about)
