"""Signs on timelines, coded in the Human Phenotype Ontology, ranked to rare diseases.

What is read
------------
Any event whose code names a term, such as `HPO//HP:0001250` or what a FHIR observation becomes.
It is present, unless its text, or what stands after the term in its code, says that it is not:
`absent`, `excluded`, `negative`, `no`, `false`. The latest event of a term decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from osler.workflows.genome.interpreters import ShardResults, SubjectResult

if TYPE_CHECKING:
    from osler.genome.diagnose import Diagnosis, Engine, Phenopacket
    from osler.knowledge import Release
    from osler.vault import Vault

TERM = re.compile(r"(?:^|//)(?P<term>HP:\d{7})(?://(?P<state>.*))?$")
# What osler itself derives names diseases and not signs; other vocabularies have other letters.
IN_CODE = r"(^|//)HP:\d{7}(//|$)"
ABSENT = frozenset({"absent", "excluded", "negative", "no", "false"})
NO_TERM = "no sign coded in the Human Phenotype Ontology is on the timeline"


@dataclass(frozen=True)
class FoundSigns:
    """The signs on a timeline.

    Parameters
    ----------
    reported
        When the latest was recorded; None if none has a time.
    """

    packet: Phenopacket
    reported: datetime | None


def signs(events: pl.DataFrame) -> FoundSigns | None:
    """Return the signs on a timeline, present and absent; None if there are none.

    Parameters
    ----------
    events
        One subject's timeline, sorted.
    """
    from osler.genome.diagnose import Phenopacket

    told = events.filter(pl.col("code").str.contains(IN_CODE))
    state: dict[str, bool] = {}
    for code, text in told.select("code", "text_value").iter_rows():
        found = TERM.search(code)
        if found is not None:
            words = {(one or "").strip().casefold() for one in (text, found["state"])}
            state[found["term"]] = not words & ABSENT
    if not state:
        return None
    reported = told["time"].max()
    packet = Phenopacket(
        "",
        tuple(term for term, is_present in state.items() if is_present),
        tuple(term for term, is_present in state.items() if not is_present),
    )
    return FoundSigns(packet, reported if isinstance(reported, datetime) else None)


class PhenotypeInterpreter:
    """Ranks rare diseases by the signs on timelines.

    Parameters
    ----------
    release
        About phenotypes; read when the first patient has a sign.
    """

    about = "phenotype"

    def __init__(self, release: Release) -> None:
        self.release = release

    @cached_property
    def _engine(self) -> Engine:
        from osler.genome.diagnose import load

        return load(self.release)

    def of_shard(self, vault: Vault, shard: int) -> ShardResults:
        """Rank diseases for each subject with a sign."""
        whole = ShardResults()
        told = vault.shard_events(shard).filter(pl.col("code").str.contains(IN_CODE))
        parts: Mapping[tuple[object, ...], pl.DataFrame] = told.partition_by(
            "subject_id", as_dict=True, maintain_order=True
        )
        for (subject_id,), own in parts.items():
            found = signs(own)
            if found is not None and isinstance(subject_id, int):
                whole.results.append(self._result(subject_id, found))
        return whole

    def rank(self, found: FoundSigns) -> Diagnosis:
        """Rank the diseases of the release by a patient's signs."""
        return self._engine.rank(found.packet)

    def _result(self, subject_id: int, found: FoundSigns) -> SubjectResult:
        from osler.genome.diagnose.findings import codes, findings

        ranked = self.rank(found)
        return SubjectResult(
            subject_id,
            found.reported,
            codes(ranked),
            lambda provenance: findings(ranked, release=self.release, provenance=provenance),
        )
