"""Which allele of which record a variant of a score is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.genome.score.matching import (
    ABSENT,
    ALLELES_DIFFER,
    AS_WRITTEN,
    BY_FREQUENCY,
    LISTED_TWICE,
    NO_COPY,
    OTHER_STRAND,
    PALINDROME,
    WITHOUT_OTHER,
    Rules,
    Site,
    Wanted,
)
from osler.genome.score.naming import complement
from osler.genome.score.weights import read_rows

from .conftest import COLUMNS

HERE = ("1", 100)


def wanted(*rows: str, ambiguous: str = "drop") -> Wanted:
    """Look for rows of effect allele, other allele and its frequency, all at one position."""
    table = []
    for row in rows:
        effect, other, *share = row.split()
        table.append(["1", "100", effect, other.replace("-", ""), "1", *(share or [""])])
    score, _ = read_rows(Path("s.txt"), [*COLUMNS, "allelefrequency_effect"], table)
    return Wanted(score, score.placements[0], Rules("keep" if ambiguous == "keep" else "drop"))


@pytest.mark.parametrize(
    ("row", "sites", "allele", "how"),
    [
        ("G A", ["A G"], 1, AS_WRITTEN),
        ("A G", ["A G"], 0, AS_WRITTEN),
        ("C T", ["A G"], 1, OTHER_STRAND),
        ("T C", ["A G"], 0, OTHER_STRAND),
        ("G -", ["A G"], 1, WITHOUT_OTHER),
        ("C -", ["A G"], 1, OTHER_STRAND),
        ("G T/A", ["A G"], 1, AS_WRITTEN),
        ("AT A", ["A AT"], 1, AS_WRITTEN),
        ("T C", ["C A,T"], 2, AS_WRITTEN),
        ("C T", ["C A,T"], 0, AS_WRITTEN),
        ("G A", ["A *,G"], 2, AS_WRITTEN),
        ("A G", ["A"], 0, AS_WRITTEN),
        ("G A", ["A"], NO_COPY, AS_WRITTEN),
        ("C T", ["A"], NO_COPY, OTHER_STRAND),
    ],
)
def test_a_variant_is_found_in_a_record(row: str, sites: list[str], allele: int, how: str) -> None:
    """Alleles match as written or swapped, on either strand, with or without an other allele."""
    asked = wanted(row)
    (hit,) = asked.resolve(HERE, [Site(tuple(one.replace(",", " ").split())) for one in sites])
    assert (hit.record, hit.allele, hit.how) == (0, allele, how)
    assert dict(asked.finish().matched) == {how: 1}


@pytest.mark.parametrize(
    ("row", "site", "reason"),
    [
        ("G C", "A G", ALLELES_DIFFER),
        ("T G", "A G", ALLELES_DIFFER),
        ("TA T", "A AT", ALLELES_DIFFER),
        ("C -", "A AC", ALLELES_DIFFER),
        ("G A", "A <DEL>", ALLELES_DIFFER),
        ("G -", "A", ALLELES_DIFFER),
        ("A T", "A T", PALINDROME),
        ("C G", "G C", PALINDROME),
        ("A -", "A T", PALINDROME),
        ("A T", "A G,T", PALINDROME),
        ("A T", "A", PALINDROME),
    ],
)
def test_a_variant_that_is_not_found_has_a_reason(row: str, site: str, reason: str) -> None:
    """Other alleles, turned insertions and palindromic pairs are not matched, and counted."""
    asked = wanted(row)
    assert asked.resolve(HERE, [Site(tuple(site.replace(",", " ").split()))]) == []
    assert dict(asked.finish().unmatched) == {reason: 1}


def test_a_position_without_a_record_is_counted() -> None:
    """A variant that no record answers is absent."""
    tally = wanted("A G").finish()
    assert (dict(tally.unmatched), tally.n_matched) == ({ABSENT: 1}, 0)


def test_palindromes_are_kept_when_asked() -> None:
    """`keep` takes palindromic variants as written."""
    (hit,) = wanted("T A", ambiguous="keep").resolve(HERE, [Site(("A", "T"))])
    assert (hit.allele, hit.how) == (1, AS_WRITTEN)


@pytest.mark.parametrize(
    ("share", "known", "allele"),
    [("0.1", 0.12, 1), ("0.1", 0.9, 0), ("0.9", 0.1, 0), ("0.1", 0.5, None), ("0.45", 0.1, None)],
)
def test_frequencies_tell_the_strand_of_a_palindrome(
    share: str, known: float, allele: int | None
) -> None:
    """An effect allele rare in both places is the same letter, rare in one the other strand's."""
    found = wanted(f"T A {share}").resolve(HERE, [Site(("A", "T"))], [{"T": known, "A": 1 - known}])
    assert [(one.allele, one.how) for one in found] == (
        [] if allele is None else [(allele, BY_FREQUENCY)]
    )


def test_the_better_of_two_records_is_taken() -> None:
    """Alleles as written in a later record go before the other strand's in an earlier one."""
    (hit,) = wanted("G A").resolve(HERE, [Site(("T", "C")), Site(("A", "G"))])
    assert hit.record == 1


def test_of_equal_records_the_first_is_taken() -> None:
    """A record that the genotypes hold twice is used once."""
    (hit,) = wanted("G A").resolve(HERE, [Site(("A", "G")), Site(("A", "G"))])
    assert hit.record == 0


def test_a_variant_listed_twice_is_left_out() -> None:
    """Two rows for one variant are dropped both, whichever allele or strand they name."""
    asked = wanted("G A", "A G", "C T")
    assert asked.resolve(HERE, [Site(("A", "G"))]) == []
    assert dict(asked.finish().unmatched) == {LISTED_TWICE: 3}


def test_two_alternatives_of_one_record_are_two_variants() -> None:
    """A score may weigh both alternative alleles of a record."""
    found = wanted("C A", "G A").resolve(HERE, [Site(("A", "C", "G"))])
    assert [one.allele for one in found] == [1, 2]


alleles = st.sampled_from(["A", "C", "G", "T", "AC", "GTT", ""])


@given(
    st.lists(st.tuples(alleles.filter(bool), alleles), min_size=1, max_size=6),
    st.lists(st.lists(alleles.filter(bool), min_size=1, max_size=3, unique=True), max_size=3),
)
def test_every_variant_is_matched_once_or_has_a_reason(
    rows: list[tuple[str, str]], records: list[list[str]]
) -> None:
    """Whatever stands in score and genotypes, the counts add up to the score's variants."""
    asked = wanted(*(f"{effect} {other or '-'}" for effect, other in rows))
    sites = [Site(tuple(one)) for one in records]
    hits = asked.resolve(HERE, sites) if sites else []
    tally = asked.finish()
    assert tally.n_matched == len(hits) == len({one.row for one in hits})
    assert tally.n_matched + sum(tally.unmatched.values()) == len(rows)


@given(st.permutations(["A", "C", "G", "T"]).map(lambda one: one[:2]), st.booleans())
def test_the_strand_of_a_score_does_not_matter(pair: list[str], swapped: bool) -> None:
    """A score written on the other strand finds the same allele, or both are palindromes."""
    effect, other = reversed(pair) if swapped else pair
    there = wanted(f"{effect} {other}").resolve(HERE, [Site(tuple(pair))])
    turned = wanted(f"{complement(effect)} {complement(other)}").resolve(HERE, [Site(tuple(pair))])
    assert [one.allele for one in there] == [one.allele for one in turned]
    assert len(there) == int(complement(effect) != other)
