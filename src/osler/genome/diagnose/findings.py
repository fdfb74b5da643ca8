"""A ranking of rare diseases as findings for a report, and as codes for the timeline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from osler.genome.diagnose.nouns import (
    IN_PROFILE,
    Candidate,
    Diagnosis,
    GenotypeEvidence,
    TermRatio,
)
from osler.model import Evidence, Finding, Provenance, Reason

if TYPE_CHECKING:
    from osler.knowledge import Release

KIND = "diagnosis"
MOST_CANDIDATES = 3
MOST_REASONS = 6
METHOD = Evidence(
    "LIRICAL, whose idea is followed",
    "method",
    "Robinson et al. 2020, Am J Hum Genet 107:403-417, doi:10.1016/j.ajhg.2020.06.021",
)
HYPOTHESIS = (
    "a ranking is a hypothesis to test, no diagnosis: the posterior was calibrated on published "
    "cases, which are chosen, and may be off for other patients"
)
ONLY_ANNOTATED = (
    "only diseases of OMIM that are annotated in the knowledge release are ranked; what is newer, "
    "unannotated or not of a single gene is not among them"
)
NO_VARIANTS = "no variants were given: genes were not assessed"


def findings(case: Diagnosis, *, release: Release, provenance: Provenance) -> list[Finding]:
    """Return the leading candidates as findings, best first.

    Parameters
    ----------
    release
        That the case was ranked by.
    provenance
        Of the report; the release is added to it.

    Returns
    -------
    Up to three `final` findings with the posterior as value, or one that abstained where nothing
    could be ranked.
    """
    made = replace(provenance, inputs={**provenance.inputs, release.name: release.sha256})
    if not case.ranking:
        return [_nothing(case, release, made)]
    return [
        _finding(place, candidate, case, release, made)
        for place, candidate in enumerate(case.ranking[:MOST_CANDIDATES], 1)
    ]


def codes(case: Diagnosis) -> list[tuple[str, float | None, str | None]]:
    """Return the events that land on the timeline: code, number and text.

    `DIAGNOSIS_CANDIDATE//OMIM:162200` with the posterior as number and the name as text, for the
    leading candidates. Nothing where nothing could be ranked.
    """
    return [
        (f"DIAGNOSIS_CANDIDATE//{one.disease}", one.posterior, one.name)
        for one in case.ranking[:MOST_CANDIDATES]
    ]


def _finding(
    place: int, candidate: Candidate, case: Diagnosis, release: Release, provenance: Provenance
) -> Finding:
    return Finding(
        kind=KIND,
        statement=statement(place, candidate, case),
        value=candidate.posterior,
        unit="posterior probability",
        interval=None,
        reasons=_reasons(candidate, release),
        evidence=(
            Evidence(
                release.name,
                "curated annotations",
                f"Human Phenotype Ontology, release of {release.date}",
            ),
            METHOD,
        ),
        caveats=caveats(candidate, case, release),
        status="final",
        provenance=provenance,
    )


def statement(place: int, candidate: Candidate, case: Diagnosis) -> str:
    """Say in words where a disease stands."""
    rank = {1: "leading candidate", 2: "second candidate", 3: "third candidate"}[place]
    return (
        f"{rank} of {case.ranked_diseases:,} diseases: {candidate.name} ({candidate.disease}), "
        f"posterior {candidate.posterior:.1%}"
    )


def _reasons(candidate: Candidate, release: Release) -> tuple[Reason, ...]:
    """Return what weighed most, for and against, as log likelihood ratios."""
    weighed = sorted(candidate.terms, key=lambda term: -abs(term.log_lr))[:MOST_REASONS]
    reasons = [Reason(_told(term), term.log_lr, release.name) for term in weighed]
    if candidate.genotype is not None:
        reasons.append(_by_genotype(candidate.genotype))
    return tuple(reasons)


def _told(term: TermRatio) -> str:
    said = f"no {term.name}" if term.excluded else term.name
    return f"{said} ({term.hpo}), {term.how}: log likelihood ratio {term.log_lr:+.2f}"


def _by_genotype(genotype: GenotypeEvidence) -> Reason:
    mode = genotype.inheritance or "no single mode of inheritance annotated"
    what = f"{genotype.gene}: {_variants(genotype)}; {mode}"
    what = f"{what}: log likelihood ratio {genotype.log_lr:+.2f}"
    return Reason(what, genotype.log_lr, "the patient's variants")


def _variants(genotype: GenotypeEvidence) -> str:
    named = [
        f"{one.variant} ({one.zygosity.value}, {one.classification.class_.value} by ACMG/AMP)"
        for one in genotype.evidence.variants[:MOST_REASONS]
    ]
    return ", ".join(named) or "no variant found"


def caveats(candidate: Candidate, case: Diagnosis, release: Release) -> tuple[str, ...]:
    """Say what is not known of a candidate."""
    told = [HYPOTHESIS, f"{ONLY_ANNOTATED}; the release is of {release.date}"]
    if candidate.genotype is None:
        told.append(NO_VARIANTS)
    if all(term.how != IN_PROFILE for term in candidate.terms if not term.excluded):
        told.append("none of the findings is in the disease's profile as such")
    if case.telling_signs:
        names = ", ".join(f"{sign.name} ({sign.hpo})" for sign in case.telling_signs[:3])
        told.append(f"not told, and would tell the leading candidates apart: {names}")
    told.append(f"posterior that it is none of the candidates told: {_not_shown(case):.1%}")
    return (*told, *case.notes)


def _not_shown(case: Diagnosis) -> float:
    shown = sum(one.posterior for one in case.ranking[:MOST_CANDIDATES])
    return max(0.0, 1.0 - shown)


def _nothing(case: Diagnosis, release: Release, provenance: Provenance) -> Finding:
    return Finding(
        kind=KIND,
        statement="no disease could be ranked",
        value=None,
        unit=None,
        interval=None,
        reasons=tuple(Reason(note, None, release.name) for note in case.notes),
        evidence=(),
        caveats=("nothing is known of rare diseases in this patient: that is not 'none'",),
        status="abstained",
        provenance=provenance,
    )
