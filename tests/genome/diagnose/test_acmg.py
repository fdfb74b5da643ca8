"""The ACMG/AMP criteria add up by ClinGen's points, and what is wrong with them is told at once."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.errors import InputError
from osler.genome.diagnose.acmg import CRITERIA, Class, Criterion, Strength, classify

PATHOGENIC = [one for one in CRITERIA if one.startswith("P")]
BENIGN = [one for one in CRITERIA if one.startswith("B") and one != "BA1"]
STATES = st.sampled_from(["met", "not met", "not assessed"])


@pytest.mark.parametrize(
    ("criteria", "points", "class_"),
    [
        ("PVS1 PS1", 12, "pathogenic"),
        ("PVS1 PM2", 10, "pathogenic"),
        ("PVS1 PM2_Supporting", 9, "likely pathogenic"),
        ("PS1 PM1", 6, "likely pathogenic"),
        ("PS3 PM2_Supporting", 5, "uncertain significance"),
        ("PM1 PM2 PP3", 5, "uncertain significance"),
        ("", 0, "uncertain significance"),
        ("BP4", -1, "likely benign"),
        ("BS1 BP4 BP7", -6, "likely benign"),
        ("BS1 BP4_Moderate BP7", -7, "benign"),
        ("BS1 BS2", -8, "benign"),
        ("PVS1 BS1", 4, "uncertain significance"),
    ],
)
def test_points_of_the_published_scale(criteria: str, points: int, class_: str) -> None:
    """Supporting 1, moderate 2, strong 4, very strong 8; tiers from 10, 6, 0, -1 and -7."""
    found = classify(criteria.split())
    assert (found.points, found.class_.value) == (points, class_)


# Richards et al. 2015, table 5, whose combinations the points were fitted to; those of likely
# pathogenic reach at least likely pathogenic. Tavtigian et al. 2020 note that one very strong and
# one moderate are pathogenic by points.
@pytest.mark.parametrize(
    "criteria",
    [
        "PVS1 PS1",
        "PVS1 PM1 PM2",
        "PVS1 PM1 PP1",
        "PVS1 PP1 PP2",
        "PS1 PM1 PM2 PM4",
        "PS1 PM1 PM2 PP1 PP2",
        "PS1 PM1 PP1 PP2 PP3 PP4",
    ],
)
def test_combinations_that_are_pathogenic_by_the_guideline(criteria: str) -> None:
    """What table 5 of the guideline calls pathogenic has ten points or more."""
    assert classify(criteria.split()).class_ is Class.PATHOGENIC


@pytest.mark.parametrize(
    "criteria",
    [
        "PS1 PM1",
        "PS1 PM1 PM2",
        "PS1 PP1 PP2",
        "PM1 PM2 PM4",
        "PM1 PM2 PP1 PP2",
        "PM1 PP1 PP2 PP3 PP4",
    ],
)
def test_combinations_that_are_likely_pathogenic_by_the_guideline(criteria: str) -> None:
    """What table 5 of the guideline calls likely pathogenic has six to nine points."""
    assert classify(criteria.split()).class_ is Class.LIKELY_PATHOGENIC


def test_ba1_stands_alone() -> None:
    """BA1 makes a variant benign against any evidence, and the contradiction is told."""
    found = classify(["BA1", "PVS1", "PS1"])
    assert found.class_ is Class.BENIGN
    assert found.contradictory
    assert "PVS1, PS1 against BA1" in found.notes[0]
    assert found.posterior is None
    assert found.odds_path is None


def test_odds_and_posterior_are_the_published_ones() -> None:
    """Eight points are odds of 350, and from a prior of 0.1 a probability of 0.975."""
    found = classify(["PVS1"])
    assert found.odds_path == pytest.approx(350)
    assert found.posterior == pytest.approx(0.975, abs=5e-4)
    assert classify([]).posterior == pytest.approx(0.1)
    assert classify(["PP1"]).odds_path == pytest.approx(2.08, abs=0.005)


@given(st.lists(st.tuples(st.sampled_from(CRITERIA), STATES), unique_by=lambda one: one[0]))
def test_every_criterion_is_answered_for(chosen: list[tuple[str, str]]) -> None:
    """All 28 are listed once; only those met have points, and those not given are not assessed."""
    given_ = [Criterion(code, state, "a test") for code, state in chosen]  # type: ignore[arg-type]  # Literal
    found = classify(given_)
    assert [one.code for one in found.criteria] == list(CRITERIA)
    assert found.points == sum(one.points for one in given_ if one.state == "met")
    absent = set(CRITERIA) - {code for code, _ in chosen}
    assert absent <= set(found.not_assessed)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["points"] == found.points


@given(st.sets(st.sampled_from(PATHOGENIC)), st.sets(st.sampled_from(BENIGN)))
def test_more_evidence_never_weakens(pathogenic: set[str], benign: set[str]) -> None:
    """Adding evidence for raises the posterior, adding evidence against lowers it."""
    base = classify(pathogenic | benign).posterior
    assert base is not None
    for code in set(PATHOGENIC) - pathogenic:
        more = classify({*pathogenic, *benign, code}).posterior
        assert more is not None
        assert more > base
    for code in set(BENIGN) - benign:
        less = classify({*pathogenic, *benign, code}).posterior
        assert less is not None
        assert less < base


@pytest.mark.parametrize(
    ("text", "code", "strength"),
    [
        ("PVS1", "PVS1", Strength.VERY_STRONG),
        (" pm2_supporting ", "PM2", Strength.SUPPORTING),
        ("PVS1_Strong", "PVS1", Strength.STRONG),
        ("PM3_VeryStrong", "PM3", Strength.VERY_STRONG),
        ("PM3_Very Strong", "PM3", Strength.VERY_STRONG),
        ("PP3_Moderate", "PP3", Strength.MODERATE),
        ("BA1", "BA1", Strength.STAND_ALONE),
        ("BA1_Stand-alone", "BA1", Strength.STAND_ALONE),
    ],
)
def test_spellings(text: str, code: str, strength: Strength) -> None:
    """A criterion is read as ClinGen's pages write it."""
    one = Criterion.said(text)
    assert (one.code, one.applied) == (code, strength)


@given(st.sampled_from(CRITERIA), st.sampled_from(list(Strength)))
def test_what_is_written_is_read_again(code: str, strength: Strength) -> None:
    """A criterion's own writing gives it back."""
    one = Criterion(code, "met", "a test", strength)
    assert Criterion.said(str(one)).applied is strength


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "PVS2",
        "PM2_",
        "PM2_P",
        "PM2_Huge",
        "P" * 10_000,
        "PM2\x00",
        "BA1_Strong",
        "PM2_StandAlone",
    ],
)
def test_what_is_no_criterion_is_refused(text: str) -> None:
    """Unknown codes, and strengths that a criterion cannot have, are refused in a short line."""
    with pytest.raises(InputError) as told:
        classify([text])
    assert len(str(told.value)) < 300


def test_all_faults_are_told_at_once_with_their_names() -> None:
    """Every bad code is named in one error."""
    with pytest.raises(InputError) as told:
        classify(["PVS9", "PM2", "XX1", "PM2_Strong", "BS1_Wrong"])
    text = str(told.value)
    assert all(name in text for name in ("PVS9", "XX1", "PM2", "BS1"))
    assert len(told.value.faults) == 4


def test_an_unknown_state_and_what_is_no_criterion() -> None:
    """A state outside the three, and values that are neither text nor criterion, are refused."""
    with pytest.raises(InputError, match="state"):
        classify([Criterion("PM2", "perhaps", "a test")])  # type: ignore[arg-type]  # the point
    with pytest.raises(InputError, match="NoneType"):
        classify([None])  # type: ignore[list-item]  # the point


def test_repeated_word_for_word_counts_once() -> None:
    """The same criterion twice adds nothing; with another strength it is refused."""
    assert classify(["PM2", "PM2"]).points == 2
    with pytest.raises(InputError, match="twice"):
        classify(["PM2", "PM2_Supporting"])
    with pytest.raises(InputError, match="twice"):
        classify(["PM2", Criterion("PM2", "not met", "a test")])


def test_one_text_is_one_criterion() -> None:
    """A text alone is taken as one criterion, not as its letters."""
    assert classify("PVS1").points == 8


def test_reports_of_others_count_only_when_given_and_say_so() -> None:
    """PP5 and BP6 are never assessed by osler; given by a user they count, with a note."""
    assert {"PP5", "BP6"} <= set(classify([]).not_assessed)
    found = classify(["PP5"])
    assert found.points == 1
    assert any("PP5" in note and "ClinGen" in note for note in found.notes)


def test_contradictory_evidence_is_shown_and_added() -> None:
    """Evidence for and against is added up, and a note names both sides."""
    found = classify(["PS1", "BP4"])
    assert (found.points, found.contradictory) == (3, True)
    assert found.to_json()["contradictory"] is True


def test_modified_strengths_are_written_out() -> None:
    """Each strength other than the usual one stands behind the code."""
    for code, strength in product(("PM2", "BP4"), list(Strength)[:4]):
        one = Criterion(code, "met", "a test", strength)
        assert abs(one.points) == strength.value
        assert one.to_json()["strength"] == str(strength)
