"""Which rare diseases a patient's signs speak for, for her report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from osler import knowledge
from osler.model import NotAssessed, Provenance
from osler.workflows.genome.phenotypes import NO_TERM, FoundSigns, PhenotypeInterpreter, signs
from osler.workflows.patient.part import Part

if TYPE_CHECKING:
    from osler.genome.diagnose import Candidate, Diagnosis
    from osler.knowledge import Release

WHAT = "Rare disease"
MOST_CANDIDATES = 5
MOST_SIGNS = 8
MOST_TELLING = 3


def diagnosis(events: pl.DataFrame, provenance: Provenance) -> Part:
    """Rank rare diseases by the signs on a timeline, by the newest release of knowledge.

    Parameters
    ----------
    events
        The patient's timeline, without what was derived before.
    """
    found = signs(events)
    if found is None:
        return Part(not_assessed=(NotAssessed(WHAT, NO_TERM),))
    from osler.genome.diagnose.findings import findings

    release = knowledge.current(PhenotypeInterpreter.about)
    ranked = PhenotypeInterpreter(release).rank(found)
    return Part(
        findings=tuple(findings(ranked, release=release, provenance=provenance)),
        section=section_of(ranked, found, release),
        inputs=((release.name, release.sha256),),
    )


def section_of(ranked: Diagnosis, found: FoundSigns, release: Release) -> dict[str, Any]:
    """Return the section `diagnosis` of `report.json`."""
    return {
        "knowledge": {"release": release.name, "date": str(release.date)},
        "reported": found.reported.date().isoformat() if found.reported else None,
        "present": len(found.packet.present),
        "absent": len(found.packet.excluded),
        "diseases": ranked.ranked_diseases,
        "ranking": [_candidate(one) for one in ranked.ranking[:MOST_CANDIDATES]],
        "would_tell": [
            {"hpo": sign.hpo, "name": sign.name, "for": _names(sign.for_, ranked)}
            for sign in ranked.telling_signs[:MOST_TELLING]
        ],
        "notes": list(ranked.notes),
    }


def _candidate(one: Candidate) -> dict[str, Any]:
    weighed = sorted(one.terms, key=lambda term: -abs(term.log_lr))[:MOST_SIGNS]
    return {
        "disease": one.disease,
        "name": one.name,
        "posterior": one.posterior,
        "genes": list(one.genes),
        "for": [_sign(term.name, excluded=term.excluded) for term in weighed if term.log_lr > 0],
        "against": [
            _sign(term.name, excluded=term.excluded) for term in weighed if term.log_lr < 0
        ],
    }


def _sign(name: str, *, excluded: bool) -> str:
    return f"no {name}" if excluded else name


def _names(diseases: tuple[str, ...], ranked: Diagnosis) -> list[str]:
    named = {one.disease: one.name for one in ranked.ranking}
    return [named.get(one, one) for one in diseases]
