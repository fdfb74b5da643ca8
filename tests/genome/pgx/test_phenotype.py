"""Pairs of alleles to phenotypes and activity scores, by the tables that ship with osler."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler import knowledge
from osler.genome.pgx.nouns import Diplotype
from osler.genome.pgx.phenotype import PhenotypeTable, Score, cpic_cyp2d6_phenotype
from osler.genome.pgx.phenotype_tables import Phenotypes

RELEASE = knowledge.get("cpic-2025-11-05")
PHENOTYPES = Phenotypes(RELEASE)


def table(gene: str) -> PhenotypeTable:
    """Return the table of a gene that has one."""
    found = PHENOTYPES.table(gene)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("gene", "first", "second", "name", "score", "lookups"),
    [
        ("CYP2C19", "*1", "*2", "Intermediate Metabolizer", None, ("Intermediate Metabolizer",)),
        ("CYP2C19", "*38", "*38", "Normal Metabolizer", None, ("Normal Metabolizer",)),
        ("CYP2C9", "*2", "*3", "Poor Metabolizer", 0.5, ("0.5",)),
        ("CYP2D6", "*1", "*3", "Intermediate Metabolizer", 1.0, ("1.0",)),
        ("CYP2D6", "*3", "*1", "Intermediate Metabolizer", 1.0, ("1.0",)),
        ("CYP2D6", "*22", "*1", "Indeterminate", None, ("n/a",)),
        ("DPYD", "Reference", "Reference", "Normal Metabolizer", 2.0, ("2.0",)),
        ("G6PD", "B (reference)", "Chatham", "Variable", None, ("Variable",)),
        ("G6PD", "Chatham", None, "Deficient", None, ("Deficient",)),
        ("G6PD", "B (reference)", None, "Normal", None, ("Normal",)),
    ],
)
def test_a_pair_has_the_phenotype_and_score_of_its_table(
    gene: str,
    first: str,
    second: str | None,
    name: str,
    score: float | None,
    lookups: tuple[str, ...],
) -> None:
    """Phenotype, activity score and lookup of a pair are those that the table lists."""
    found = PHENOTYPES.of(gene, Diplotype(first, second))
    assert (found.name, found.activity_score, found.lookups) == (name, score, lookups)


@pytest.mark.parametrize(
    ("first", "second", "name", "score", "lookups"),
    [
        ("*1", "*1x2", "Ultrarapid Metabolizer", 3.0, ("3.0",)),
        ("*1", "*1x3", "Ultrarapid Metabolizer", 4.0, ("≥4.0",)),
        ("*1x≥3", "*4", "Ultrarapid Metabolizer", 3.0, ("≥3.0",)),
        ("*4xN", "*10", "Intermediate Metabolizer", 0.25, ("0.25",)),
        ("*6x5", "*4", "Poor Metabolizer", 0.0, ("0.0",)),
        ("*1xN", "*4", None, None, ("2.0", "≥3.0")),
        ("*2x2", "*17x3", "Ultrarapid Metabolizer", 3.5, ("3.0", "4.0")),
        ("*22x3", "*1", "Indeterminate", None, ("n/a",)),
    ],
)
def test_copies_of_cyp2d6_count_in_the_score(
    first: str, second: str, name: str | None, score: float | None, lookups: tuple[str, ...]
) -> None:
    """Copies multiply the value of an allele; uncounted copies leave every possibility open."""
    found = PHENOTYPES.of("CYP2D6", Diplotype(first, second))
    assert (found.name, found.activity_score, found.lookups) == (name, score, lookups)


def test_an_allele_without_activity_stays_so_however_often_it_stands() -> None:
    """A no-function allele has no activity in any number of copies."""
    for copies in ("x2", "x3", "x7", "xN", "x≥3"):
        found = PHENOTYPES.of("CYP2D6", Diplotype(f"*4{copies}", "*5"))
        assert (found.name, found.activity_score) == ("Poor Metabolizer", 0.0), copies


@pytest.mark.parametrize(
    ("gene", "first", "second"),
    [
        ("CYP2D6", "*1", "*XXX"),
        ("CYP2D6", "*36+*10", "*1"),
        ("CYP2C19", "*1", "*999"),
        ("MT-RNR1", "1555A>G", None),
        ("RYR1", "Reference", "c.97A>G"),
        ("CYP4F2", "*1", "*1"),
        ("IFNL3", "rs12979860 reference (C)", "rs12979860 reference (C)"),
        ("NOSUCH", "*1", "*1"),
    ],
)
def test_what_no_table_knows_is_unknown_and_says_so(
    gene: str, first: str, second: str | None
) -> None:
    """An allele or a gene without an entry has no phenotype, no lookup, and a note."""
    found = PHENOTYPES.of(gene, Diplotype(first, second))
    assert (found.name, found.activity_score, found.lookups) == (None, None, ())
    assert found.notes


def test_a_name_that_is_nearly_right_is_told_how_the_table_writes_it() -> None:
    """An unknown mitochondrial allele is answered with the spelling that would be looked up."""
    found = PHENOTYPES.of("MT-RNR1", Diplotype("1555A>G"))
    assert any("m.1555A>G" in note for note in found.notes)


def test_ryr1_agrees_with_every_pair_that_its_source_lists() -> None:
    """The rule for RYR1 gives the phenotype of each of the 1,225 pairs that pypgx writes out."""
    rows = csv.DictReader(io.StringIO(RELEASE.read("pypgx/diplotype").decode()))
    pairs = [row for row in rows if row["Gene"] == "RYR1"]
    assert len(pairs) > 1000
    for row in pairs:
        first, second = row["Diplotype"].split("/")
        assert PHENOTYPES.of("RYR1", Diplotype(first, second)).name == row["Phenotype"]


def test_every_pair_of_defined_g6pd_alleles_has_a_phenotype() -> None:
    """No pair of alleles with an underscore, comma or blank in its name is lost in the reading."""
    g6pd = table("G6PD")
    names = sorted(g6pd.alleles)
    assert len(names) > 180
    assert all(g6pd.of(Diplotype(one, two)).name for one in names[:40] for two in names)
    assert all(g6pd.of(Diplotype(one)).name for one in names)


@given(st.sampled_from(["CYP2C9", "CYP2D6", "DPYD"]), st.data())
def test_the_order_of_the_alleles_does_not_matter(gene: str, data: st.DataObject) -> None:
    """A pair means the same whichever allele is named first."""
    names = sorted(table(gene).alleles)
    first, second = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
    forward = PHENOTYPES.of(gene, Diplotype(first, second))
    assert forward == PHENOTYPES.of(gene, Diplotype(second, first))


def test_the_listed_scores_of_cyp2d6_have_the_phenotypes_of_cpics_ranges() -> None:
    """Table and ranges agree, so that a score between two listed ones can be placed."""
    listed = table("CYP2D6").by_score
    assert len(listed) > 15
    for score, name in listed.items():
        assert cpic_cyp2d6_phenotype(score) == name


@given(st.floats(0, 20, allow_nan=False))
def test_any_score_of_cyp2d6_has_a_phenotype_and_a_lookup(value: float) -> None:
    """A score that is not listed is looked up by listed ones of its own phenotype."""
    cyp2d6 = table("CYP2D6")
    found = cyp2d6.of_score(Score(round(value, 3)))
    assert found.name == cpic_cyp2d6_phenotype(Score(round(value, 3)))
    assert found.lookups
    for key in found.lookups:
        score = Score.read(key)
        assert score is not None
        assert cyp2d6.by_score[score] == found.name


def test_at_least_a_normal_score_leaves_normal_and_ultrarapid_open() -> None:
    """A lower bound in the normal range has no phenotype and is looked up by all that it may be."""
    found = table("CYP2D6").of_score(Score(1.5, at_least=True))
    assert found.name is None
    assert {"1.5", "2.0", "3.0", "≥3.0"} <= set(found.lookups)
    assert "1.25" not in found.lookups


def test_a_phenotype_told_alone_is_looked_up_by_every_score_that_has_it() -> None:
    """Intermediate metabolisers of CYP2D6 have four scores, and guidelines may part them."""
    found = table("CYP2D6").of_phenotype("Intermediate Metabolizer")
    assert found.lookups == ("0.25", "0.5", "0.75", "1.0")
    assert found.activity_score is None


def test_a_phenotype_that_the_gene_does_not_have_is_told() -> None:
    """A phenotype that no table has is kept as it was told, with a note and without lookups."""
    found = table("CYP2C19").of_phenotype("Very Slow")
    assert found.lookups == ()
    assert found.notes


@pytest.mark.parametrize("text", ["", "n/a", "two", "-1", "1e3", "nan", "1.2.3", "٣"])
def test_what_is_no_score_is_not_read_as_one(text: str) -> None:
    """Only plain numbers from 0, with or without `≥`, are scores."""
    assert Score.read(text) is None
