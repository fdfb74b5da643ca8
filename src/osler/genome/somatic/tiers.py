"""From CIViC's levels to the tiers of AMP, ASCO and CAP.

Li et al. 2017, J Mol Diagn 19:4-23, doi:10.1016/j.jmoldx.2016.10.002, table 3: I-A therapies that
are approved or in guidelines for this tumour type; I-B well-powered studies with consensus; II-C
approved for another tumour type, investigational, or several small studies with some consensus;
II-D preclinical studies or few case reports; III unknown significance. Tier IV, benign, rests on
how common a variant is in the population; that is not known here, and IV is never given.

CIViC's levels are those of Griffith et al. 2017, Nat Genet 49:170-174, doi:10.1038/ng.3774. How
the one becomes the other is osler's rule, except where an assertion of CIViC's editors says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from osler.genome.somatic.civic import (
    DIAGNOSTIC,
    NOT_TOLD,
    PREDICTIVE,
    PROGNOSTIC,
    SUPPORTS,
    Assertion,
    Evidence,
)
from osler.genome.somatic.disease import APPLIES, CONCERNS, DiseaseMatch
from osler.genome.somatic.match import VariantMatch

I_A, I_B, II_C, II_D, III = "I-A", "I-B", "II-C", "II-D", "III"
TIERS = (I_A, I_B, II_C, II_D, III)
RANK = {tier: rank for rank, tier in enumerate(TIERS)}
TIERED_KINDS = frozenset({PREDICTIVE, PROGNOSTIC, DIAGNOSTIC})
CASE_REPORTS_FOR_CONSENSUS = 2
_UNKNOWN = NOT_TOLD | {"Uncertain Significance"}


@dataclass(frozen=True)
class Tier:
    """A tier and why; `assertion` is the number of CIViC's assertion that says it, if one does."""

    tier: str
    why: str
    assertion: int | None = None


# No better than this, for matches that say less than the evidence was about.
CAPS = {
    VariantMatch.GENE: Tier(
        II_C, "the evidence is about any alteration of the gene, not about this"
    ),
    VariantMatch.ONE_COPY: Tier(II_C, "the evidence is about loss; this may change one copy only"),
    VariantMatch.OTHER_CHANGE: Tier(III, "the evidence is about another change of the same codon"),
    VariantMatch.PART: Tier(III, "the evidence asks for a further alteration that was not found"),
}
FAR_CAP = Tier(III, "neither the alteration nor the disease is what the evidence is about")
INHERITED_CAP = Tier(
    II_C, "the evidence is about inherited variants, and whether this one is inherited is not known"
)


def tier_of(
    items: Sequence[Evidence],
    variant: VariantMatch,
    disease: DiseaseMatch,
    assertions: Sequence[Assertion] = (),
) -> Tier | None:
    """Return the tier of items that say one thing; None if they are not of a kind that has one.

    Parameters
    ----------
    items
        Of one variant, kind, direction, significance, disease and set of drugs.
    assertions
        CIViC's assertions of the same variant whose disease applies.
    """
    first = items[0]
    tiered = first.kind in TIERED_KINDS and first.significance not in _UNKNOWN
    if not tiered or first.direction != SUPPORTS:
        return None
    asserted = _asserted(first, assertions) if disease in APPLIES or _pan(disease) else None
    tier = asserted or _by_level(items, disease)
    for cap in _caps(items, variant, disease):
        if RANK[tier.tier] < RANK[cap.tier]:
            tier = cap
    return tier


def _caps(items: Sequence[Evidence], variant: VariantMatch, disease: DiseaseMatch) -> list[Tier]:
    caps = [CAPS[variant]] if variant in CAPS else []
    if variant is VariantMatch.GENE and disease not in CONCERNS:
        caps.append(FAR_CAP)
    return [*caps, INHERITED_CAP] if all(item.germline for item in items) else caps


def best(tiers: Sequence[Tier]) -> Tier | None:
    """Return the highest tier."""
    return min(tiers, key=lambda one: RANK[one.tier], default=None)


def _pan(disease: DiseaseMatch) -> bool:
    return disease is DiseaseMatch.PAN_CANCER


def _asserted(item: Evidence, assertions: Sequence[Assertion]) -> Tier | None:
    for assertion in assertions:
        same = (
            assertion.kind == item.kind
            and assertion.direction == item.direction
            and assertion.significance == item.significance
            and assertion.drugs == frozenset(item.drugs)
        )
        if same and assertion.tier in RANK:
            why = f"CIViC's assertion AID{assertion.number} says so"
            return Tier(assertion.tier, why, assertion.number)
    return None


def _by_level(items: Sequence[Evidence], disease: DiseaseMatch) -> Tier:
    level = min(item.level for item in items)
    if disease in APPLIES:
        return _in_this_disease(items, level)
    if _pan(disease):
        return _in_any_cancer(items, level)
    if items[0].kind != PREDICTIVE:
        return Tier(III, "what it says of prognosis or diagnosis holds in another disease only")
    if disease is DiseaseMatch.SUBTYPE_OPEN:
        return _elsewhere(level, "in a subtype, and whether this is one was not given")
    return _elsewhere(level, "in another disease")


def _in_this_disease(items: Sequence[Evidence], level: str) -> Tier:
    if level == "A":
        return Tier(I_A, "level A, validated, in this disease")
    if level == "B":
        return Tier(I_B, "level B, clinical evidence, in this disease")
    return _small_studies(items, level)


def _in_any_cancer(items: Sequence[Evidence], level: str) -> Tier:
    if level == "A":
        return Tier(I_A, "level A, validated, whatever the cancer")
    if level == "B":
        return Tier(II_C, "level B, clinical evidence, in cancers of several kinds")
    return _small_studies(items, level)


def _small_studies(items: Sequence[Evidence], level: str) -> Tier:
    """Tier levels C to E: case reports that agree count for more than one alone."""
    if level == "C":
        reports = {item.citation for item in items if item.level == "C"}
        if len(reports) >= CASE_REPORTS_FOR_CONSENSUS:
            return Tier(II_C, f"level C, {len(reports)} reports of cases that agree")
        return Tier(II_D, "level C, one report of cases")
    if level == "D":
        return Tier(II_D, "level D, preclinical")
    return Tier(III, "level E, inferred")


def _elsewhere(level: str, where: str) -> Tier:
    if level in {"A", "B"}:
        return Tier(II_C, f"level {level} {where}")
    if level in {"C", "D"}:
        return Tier(II_D, f"level {level} {where}")
    return Tier(III, f"level {level}, inferred, {where}")
