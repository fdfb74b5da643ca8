"""Tiers from CIViC's levels, the disease, and how well the variant fits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.genome.somatic.civic import Assertion, Evidence
from osler.genome.somatic.disease import Disease, DiseaseMatch
from osler.genome.somatic.match import VariantMatch
from osler.genome.somatic.tiers import RANK, TIERS, tier_of

DISEASE = Disease("DOID:1612", "breast cancer")
ITEM = Evidence(
    number=1,
    variant=1,
    kind="Predictive",
    direction="Supports",
    level="B",
    significance="Sensitivity/Response",
    drugs=("Alpelisib",),
    together="",
    disease=DISEASE,
    origin="Somatic",
    rating=3,
    citation="One et al., 2019, Journal, PMID 1",
    statement="It responds.",
)
SAME, OTHER, ANY = DiseaseMatch.SAME, DiseaseMatch.OTHER, DiseaseMatch.PAN_CANCER
EXACT = VariantMatch.SAME_CHANGE


def tier(
    *items: Evidence,
    variant: VariantMatch = EXACT,
    disease: DiseaseMatch = SAME,
    assertions: tuple[Assertion, ...] = (),
) -> str | None:
    """Return the tier's name."""
    found = tier_of(items, variant, disease, assertions)
    return found.tier if found else None


@pytest.mark.parametrize(
    ("level", "disease", "expected"),
    [
        ("A", SAME, "I-A"),
        ("B", SAME, "I-B"),
        ("C", SAME, "II-D"),
        ("D", SAME, "II-D"),
        ("E", SAME, "III"),
        ("A", ANY, "I-A"),
        ("B", ANY, "II-C"),
        ("A", DiseaseMatch.GENERAL, "I-A"),
        ("A", DiseaseMatch.SUBTYPE_FITS, "I-A"),
        ("A", DiseaseMatch.SUBTYPE_OPEN, "II-C"),
        ("A", OTHER, "II-C"),
        ("B", OTHER, "II-C"),
        ("C", OTHER, "II-D"),
        ("D", OTHER, "II-D"),
        ("E", OTHER, "III"),
    ],
)
def test_level_and_disease_give_the_tier(level: str, disease: DiseaseMatch, expected: str) -> None:
    """The documented table."""
    assert tier(replace(ITEM, level=level), disease=disease) == expected


def test_case_reports_that_agree_count_for_more() -> None:
    """Two publications of cases are II-C, two items of one publication II-D."""
    first = replace(ITEM, level="C")
    again = replace(first, number=2)
    second = replace(first, number=3, citation="Two et al., 2020, Journal, PMID 2")
    assert tier(first, again) == "II-D"
    assert tier(first, second) == "II-C"


@pytest.mark.parametrize(
    "item",
    [
        replace(ITEM, direction="Does Not Support"),
        replace(ITEM, kind="Functional"),
        replace(ITEM, kind="Predisposing"),
        replace(ITEM, significance="N/A"),
        replace(ITEM, significance="Uncertain Significance"),
    ],
    ids=lambda item: f"{item.kind} {item.direction} {item.significance}",
)
def test_what_speaks_for_nothing_has_no_tier(item: Evidence) -> None:
    """Evidence against, of function, of inherited risk or of no significance raises nothing."""
    assert tier(item) is None


@pytest.mark.parametrize(
    ("variant", "disease", "expected"),
    [
        (VariantMatch.GENE, SAME, "II-C"),
        (VariantMatch.GENE, OTHER, "III"),
        (VariantMatch.ONE_COPY, SAME, "II-C"),
        (VariantMatch.OTHER_CHANGE, SAME, "III"),
        (VariantMatch.PART, SAME, "III"),
        (VariantMatch.CODON, SAME, "I-A"),
        (VariantMatch.EXON, SAME, "I-A"),
    ],
)
def test_a_loose_match_caps_the_tier(
    variant: VariantMatch, disease: DiseaseMatch, expected: str
) -> None:
    """Evidence about something else than this alteration does not make it tier I."""
    assert tier(replace(ITEM, level="A"), variant=variant, disease=disease) == expected


def test_inherited_evidence_caps_the_tier() -> None:
    """What was shown of inherited variants is II-C at most for one found in a tumour."""
    assert tier(replace(ITEM, level="A", origin="Rare Germline")) == "II-C"
    assert tier(replace(ITEM, level="D", origin="Rare Germline")) == "II-D"


def test_prognosis_elsewhere_says_nothing_here() -> None:
    """A prognostic association in another disease is of unknown significance in this one."""
    assert (
        tier(replace(ITEM, kind="Prognostic", significance="Poor Outcome"), disease=OTHER) == "III"
    )


ASSERTION = Assertion(
    number=9,
    variant=1,
    disease=DISEASE,
    drugs=frozenset({"Alpelisib"}),
    kind="Predictive",
    direction="Supports",
    significance="Sensitivity/Response",
    tier="I-A",
    items=frozenset({1}),
    summary="",
)


def test_an_assertion_goes_before_the_table() -> None:
    """What CIViC's editors said of these very drugs in this disease is taken over."""
    found = tier_of((ITEM,), EXACT, SAME, (ASSERTION,))
    assert found is not None
    assert (found.tier, found.assertion) == ("I-A", 9)
    other = replace(ASSERTION, drugs=frozenset({"Alpelisib", "Fulvestrant"}))
    assert tier(ITEM, assertions=(other,)) == "I-B"
    assert tier(ITEM, disease=OTHER, assertions=(ASSERTION,)) == "II-C"
    assert tier(ITEM, variant=VariantMatch.GENE, assertions=(ASSERTION,)) == "II-C"


@given(
    st.sampled_from("ABCDE"),
    st.sampled_from(list(DiseaseMatch)),
    st.sampled_from(list(VariantMatch)),
)
def test_nothing_fits_better_than_the_same_change_in_the_same_disease(
    level: str, disease: DiseaseMatch, variant: VariantMatch
) -> None:
    """No other match reaches a higher tier; every tier is one of five, and none is IV."""
    item = replace(ITEM, level=level)
    found, best = tier(item, variant=variant, disease=disease), tier(item)
    assert found in TIERS
    assert best in TIERS
    assert RANK[found] >= RANK[best]
