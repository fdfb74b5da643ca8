"""CYP2D6 inhibitors on the medication list: beside the genotype, never in its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler import knowledge
from osler.errors import InputError
from osler.genome.pgx.answers import Answers
from osler.genome.pgx.nouns import Diplotype
from osler.genome.pgx.outside import OutsideCall
from osler.genome.pgx.phenoconversion import (
    Medication,
    convert,
    inhibitors_among,
    read_medications,
)
from osler.genome.pgx.phenotype_tables import read_cpic
from osler.genome.pgx.result import SampleResult

RELEASE = knowledge.get("cpic-2025-11-05")
PHENOTYPES = read_cpic(RELEASE, "phenotypes/cpic_CYP2D6", "CYP2D6")


def result(pair: tuple[str, str] | None, *taken: Medication) -> SampleResult:
    """Return the result of a sample with this pair of CYP2D6 and these medications."""
    calls = () if pair is None else (OutsideCall("CYP2D6", Diplotype(*pair)),)
    return Answers(RELEASE, calls, taken).sample("one", {})


def converted(of: SampleResult) -> list[tuple[str | None, float | None]]:
    """Return what the inhibitors make of CYP2D6."""
    assert of.phenoconversion is not None
    return [(one.name, one.activity_score) for one in of.phenoconversion.phenotypes]


def test_a_strong_inhibitor_makes_a_poor_metaboliser_beside_the_genotype() -> None:
    """The genotype keeps its phenotype and advice; the converted ones stand beside them."""
    found = result(("*1", "*1"), Medication("paroxetine"))
    assert converted(found) == [("Poor Metabolizer", 0.0)]
    assert found.gene("CYP2D6").phenotype == "Normal Metabolizer"
    by_genotype = {one.drug: dict(one.lookup) for one in found.drugs}
    by_conversion = {one.drug: dict(one.lookup) for one in found.converted}
    assert by_genotype["codeine"] == {"CYP2D6": "2.0"}
    assert by_conversion["codeine"] == {"CYP2D6": "0.0"}
    assert "citalopram" not in by_conversion


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("*1", "*1"), ("Intermediate Metabolizer", 1.0)),
        (("*1", "*41"), ("Intermediate Metabolizer", 0.625)),
        (("*1x2", "*1x2"), ("Normal Metabolizer", 2.0)),
        (("*1x2", "*10"), ("Intermediate Metabolizer", 1.125)),
        (("*4", "*4"), ("Poor Metabolizer", 0.0)),
    ],
)
def test_a_moderate_inhibitor_halves_the_score(
    pair: tuple[str, str], expected: tuple[str, float]
) -> None:
    """Half of the score has the phenotype of CPIC's ranges."""
    assert converted(result(pair, Medication("duloxetine 30 mg"))) == [expected]


def test_the_strongest_inhibitor_counts() -> None:
    """A moderate one beside a strong one changes nothing more."""
    found = result(("*1", "*1"), Medication("mirabegron"), Medication("fluoxetine"))
    assert converted(found) == [("Poor Metabolizer", 0.0)]
    assert found.phenoconversion is not None
    assert [one.strength for one in found.phenoconversion.inhibitors] == ["strong", "moderate"]


def test_what_the_list_says_goes_before_what_osler_knows() -> None:
    """A strength on the list is taken, also for a drug of which nothing is known here."""
    found, not_known = inhibitors_among(
        [
            Medication("paroxetine", "weak"),
            Medication("terbinafine", "strong"),
            Medication("aspirin"),
        ]
    )
    assert [(one.drug, one.strength) for one in found] == [
        ("terbinafine", "strong"),
        ("paroxetine", "weak"),
    ]
    assert not_known == ("aspirin",)


def test_a_drug_of_unknown_strength_is_not_said_to_be_free_of_inhibition() -> None:
    """An unknown drug converts nothing, and the result says that it is unknown."""
    found = result(("*1", "*1"), Medication("terbinafine")).phenoconversion
    assert found is not None
    assert (found.phenotypes, found.not_known) == ((), ("terbinafine",))
    assert any("not thereby free" in caveat for caveat in found.caveats)


def test_without_a_genotype_only_a_strong_inhibitor_says_anything() -> None:
    """Half of an unknown score is unknown; no activity is no activity."""
    assert converted(result(None, Medication("quinidine"))) == [("Poor Metabolizer", 0.0)]
    assert converted(result(None, Medication("cinacalcet"))) == []


def test_a_lower_bound_halved_stays_open() -> None:
    """At least three halved is at least one and a half: normal or ultrarapid."""
    assert converted(result(("*1x≥3", "*4"), Medication("duloxetine"))) == [(None, 1.5)]


def test_without_a_list_there_is_no_phenoconversion() -> None:
    """No medications given is not the same as no inhibitors taken."""
    assert result(("*1", "*1")).phenoconversion is None


def test_a_medication_list_is_read_from_a_file(tmp_path: Path) -> None:
    """One drug a line, with or without the strength of its inhibition."""
    path = tmp_path / "medications.tsv"
    path.write_text("# drug, strength\nParoxetine 20 mg\nterbinafine\tStrong\n\n", "utf-8")
    assert read_medications(path) == (
        Medication("Paroxetine 20 mg"),
        Medication("terbinafine", "strong"),
    )


@pytest.mark.parametrize(
    "line", ["drug\tvery strong", "drug\tstrong\tmore", "\tstrong", "a" * 300, "bell\x07"]
)
def test_a_malformed_line_is_told_without_its_content(tmp_path: Path, line: str) -> None:
    """A bad line is named by its number, not by what it says."""
    path = tmp_path / "medications.tsv"
    path.write_text(f"codeine\n{line}\n", "utf-8")
    with pytest.raises(InputError, match="medication 2") as error:
        read_medications(path)
    assert "very" not in str(error.value)


def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A file that is not there or not text ends in one sentence."""
    with pytest.raises(InputError):
        read_medications(tmp_path / "absent.tsv")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        read_medications(tmp_path / "binary")


@given(st.sampled_from(sorted(PHENOTYPES.values)), st.sampled_from(sorted(PHENOTYPES.values)))
def test_an_inhibitor_never_raises_the_activity(first: str, second: str) -> None:
    """Whatever the genotype, inhibition leaves the same activity or less."""
    before = PHENOTYPES.of(Diplotype(first, second))
    for drug in ("paroxetine", "duloxetine"):
        after = convert([Medication(drug)], [before], PHENOTYPES)
        assert after is not None
        (phenotype,) = after.phenotypes
        if before.activity_score is not None:
            assert phenotype.activity_score is not None
            assert phenotype.activity_score <= before.activity_score
        elif drug == "duloxetine":
            assert phenotype.name is None
