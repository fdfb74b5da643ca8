"""Named alleles are matched as published, and as trying every strand would match them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler import InputError
from osler.genome.pgx.columns import UNPHASED, Column, Site
from osler.genome.pgx.definitions import (
    GeneDefinition,
    NamedAllele,
    in_order,
    natural,
    read_gene,
)
from osler.genome.pgx.matching import Kept, crossed, explaining, hidden, match
from osler.genome.pgx.nouns import Position


def defined(rows: dict[str, list[str | None]], alts: list[str], **exempt: object) -> GeneDefinition:
    """Return a definition from rows of cells; the first row is the reference, of single bases."""
    first = next(iter(rows.values()))
    variants = [
        {
            "chromosome": "chr1",
            "position": 100 + place,
            "rsid": f"rs{place + 1}",
            "chromosomeHgvsName": f"g.{100 + place}",
            "ref": ref,
            "alts": list(alt),
        }
        for place, (ref, alt) in enumerate(zip(first, alts, strict=True))
    ]
    alleles = [
        {"name": name, "alleles": cells, "reference": place == 0}
        for place, (name, cells) in enumerate(rows.items())
    ]
    content = {"gene": "TOY", "chromosome": "chr1", "variants": variants, "namedAlleles": alleles}
    return read_gene(
        {**content, **{key: exempt[key] for key in exempt if key == "suballelesMap"}}, exempt
    )


TOY = defined(
    {
        "*1": ["C", "C", "T", "G", "A"],
        "*2": ["T", None, None, "A", None],
        "*3": [None, None, None, "A", None],
        "*4": [None, "T", None, None, None],
        "*5": ["T", None, None, None, None],
    },
    ["T", "T", "C", "A", "G"],
)
"""The worked example of PharmCAT's description of its matcher (Named Allele Matcher 101)."""

HET, REF, MISSING = (0, 1), (0, 0), None


def column(*genotypes: tuple[int, int] | None, phase: int = UNPHASED) -> Column:
    """Return a column of genotypes, `None` where missing, all with one phase."""
    sites = [
        Site(place, *one, phase if one[0] != one[1] else UNPHASED)
        for place, one in enumerate(genotypes)
        if one not in (None, (0, 0)) and one is not None
    ]
    missing = sum(1 << place for place, one in enumerate(genotypes) if one is None)
    return Column(tuple(sites), missing)


def called(definition: GeneDefinition, sample: Column, *, every: bool = False) -> list[str]:
    """Return the pairs with their scores."""
    pairs = match(sample, Kept(definition, sample.missing), every=every)
    return [f"{one} {one.score}" for one in pairs]


def test_the_worked_example_is_called_with_the_published_scores() -> None:
    """The best pair is *1/*2 with 7; *3/*5 explains the sample too, with 2."""
    sample = column(HET, REF, REF, HET, REF)
    assert called(TOY, sample) == ["*1/*2 7"]
    assert called(TOY, sample, every=True) == ["*1/*2 7", "*3/*5 2"]


def test_a_missing_position_is_dropped_and_scores_shrink() -> None:
    """Without rs5 every score that counted it is one lower."""
    assert called(TOY, column(HET, REF, REF, HET, MISSING)) == ["*1/*2 6"]


def test_equally_scored_pairs_are_all_called() -> None:
    """Without rs1 *2 and *3 look alike, and *5 cannot be called any more."""
    sample = column(MISSING, REF, REF, HET, REF)
    assert called(TOY, sample) == ["*1/*2 5", "*1/*3 5"]
    assert Kept(TOY, sample.missing).gone == ("*5",)


def test_known_strands_forbid_what_lies_apart() -> None:
    """In trans the two variants are *3/*5, and *1/*2 is none of it."""
    apart = Column((Site(0, 1, 0, 7), Site(3, 0, 1, 7)))
    assert called(TOY, apart) == ["*3/*5 2"]
    assert called(TOY, column(HET, REF, REF, HET, REF, phase=7)) == ["*1/*2 7"]


def test_two_phase_sets_flip_on_their_own() -> None:
    """Variants in different sets are as good as unphased to one another."""
    sets = Column((Site(0, 1, 0, 7), Site(3, 0, 1, 9)))
    assert called(TOY, sets) == ["*1/*2 7"]


def test_one_copy_is_called_as_one_allele() -> None:
    """A sample with one copy has a single allele, not a pair."""
    alone = Column((Site(0, 1, 1), Site(3, 1, 1)), haploid=True)
    assert called(TOY, alone) == ["*2 2"]
    assert called(TOY, Column(haploid=True)) == ["*1 5"]


def test_an_undocumented_allele_fits_nothing() -> None:
    """No named allele holds an allele that the definition does not have."""
    assert called(TOY, column(REF, (0, 2), REF, REF, REF)) == []
    assert called(TOY, column(REF, (2, 3), REF, REF, REF)) == []


def test_nothing_read_is_nothing_called() -> None:
    """Without any genotype there is no call, least of all the reference."""
    assert called(TOY, column(*[MISSING] * 5)) == []


def test_a_wobble_counts_only_where_it_is_not_the_reference() -> None:
    """A cell for two bases fits both, and scores on the alternative only."""
    definition = defined({"*1": ["C", "A"], "*2": ["Y", "G"], "*3": ["T", None]}, ["T", "G"])
    assert called(definition, column(REF, (1, 1))) == ["*2/*2 2"]
    assert called(definition, column((1, 1), (1, 1))) == ["*2/*2 4"]
    assert called(definition, column(HET, (1, 1))) == ["*2/*2 3"]
    assert called(definition, column(HET, HET), every=True) == ["*1/*2 4", "*2/*3 2"]


def test_suballeles_are_called_by_their_core() -> None:
    """Two suballeles of one core are the same allele once called."""
    definition = defined(
        {"*1": ["C", "A"], "*2.001": ["T", "A"], "*2.002": ["T", "G"]},
        ["T", "G"],
        suballelesMap={"*2.001": "*2", "*2.002": "*2"},
    )
    assert called(definition, column((1, 1), HET)) == ["*2/*2 4"]
    assert called(definition, column(HET, HET)) == ["*1/*2 4"]


def test_an_allele_hidden_by_missing_positions_is_told() -> None:
    """An allele without cells is gone; one that a better-scored one hides is told as hidden."""
    sample = column(REF, REF, REF, MISSING, REF)
    pairs = match(sample, Kept(TOY, sample.missing))
    assert [str(one) for one in pairs] == ["*1/*1"]
    assert Kept(TOY, sample.missing).gone == ("*3",)
    definition = defined(
        {"*1": ["C", "C", "C"], "*2": ["T", "T", None], "*3": ["T", "C", "C"]}, ["T", "T", "T"]
    )
    lacking = column(HET, MISSING, REF)
    assert called(definition, lacking) == ["*1/*3 4"]
    shown = match(lacking, Kept(definition, lacking.missing))
    assert hidden(lacking, Kept(definition, lacking.missing), shown) == ("*2",)


def test_ignored_positions_and_alleles_are_left_out() -> None:
    """What the exemptions ignore is no column and no row, and the scores do not count it."""
    rows = {"*1": ["C", "A"], "*2": ["T", "G"], "*3": [None, "G"], "*4": ["T", None]}
    ignored = [{"chromosomeHgvsName": "g.101"}]
    definition = defined(rows, ["T", "G"], ignoredPositions=ignored, ignoredAlleles=["*4"])
    assert [one.name for one in definition.alleles] == ["*1", "*2"]
    assert [one.position for one in definition.positions] == [100]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"namedAlleles": []}, "reference"),
        ({"variants": []}, "cells"),
        ({"gene": None, "namedAlleles": None}, "no"),
    ],
)
def test_a_table_that_is_no_definition_is_refused(change: dict[str, object], told: str) -> None:
    """A definition without reference, columns or rows is told as a fault."""
    content: dict[str, object] = {
        "gene": "TOY",
        "chromosome": "chr1",
        "variants": [
            {
                "chromosome": "chr1",
                "position": 1,
                "rsid": None,
                "chromosomeHgvsName": "g.1",
                "ref": "C",
                "alts": ["T"],
            }
        ],
        "namedAlleles": [{"name": "*1", "alleles": ["C"], "reference": True}],
    }
    broken = {key: value for key, value in {**content, **change}.items() if value is not None}
    with pytest.raises(InputError, match=told):
        read_gene(broken, {}, "alleles/TOY")


def test_every_fault_of_a_definition_is_told_at_once() -> None:
    """A wrong cell, a short row and a name given twice are all in one message."""
    rows = [
        {"name": "*1", "alleles": ["C"], "reference": True},
        {"name": "*2", "alleles": ["G"], "reference": False},
        {"name": "*3", "alleles": [], "reference": False},
        {"name": "*3", "alleles": ["Y"], "reference": False},
    ]
    variant = {
        "chromosome": "chr1",
        "position": 1,
        "rsid": None,
        "chromosomeHgvsName": "g.1",
        "ref": "C",
        "alts": ["T"],
    }
    content = {"gene": "TOY", "chromosome": "chr1", "variants": [variant], "namedAlleles": rows}
    with pytest.raises(InputError) as refused:
        read_gene(content, {}, "alleles/TOY")
    assert len(refused.value.faults) == 3


def test_alleles_of_a_pair_have_one_order() -> None:
    """The reference comes first unless stars have numbers, and *2 before *10."""
    assert in_order(["*10", "*2"], "*1") == ["*2", "*10"]
    assert in_order(["*38", "*2"], "*38") == ["*2", "*38"]
    assert in_order(["A- 202A", "B (reference)"], "B (reference)") == ["B (reference)", "A- 202A"]
    assert natural("*4.001") < natural("*4.010") < natural("*5")


BASES = "CTA"


@st.composite
def tables(draw: st.DrawFn) -> GeneDefinition:
    """Draw a definition of up to four positions of three bases each, wobbles among the cells."""
    n_positions = draw(st.integers(1, 4))
    n_rows = draw(st.integers(1, 6))
    cell = st.sampled_from([(), (), (0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
    rows = [NamedAllele("*1", dict.fromkeys(range(n_positions), (0,)))]
    for number in range(2, n_rows + 2):
        cells = draw(st.lists(cell, min_size=n_positions, max_size=n_positions))
        filled = {place: one for place, one in enumerate(cells) if one}
        if filled:
            rows.append(NamedAllele(f"*{number}", filled))
    positions = tuple(
        Position("chr1", place + 1, None, tuple(BASES)) for place in range(n_positions)
    )
    return GeneDefinition("TOY", "chr1", positions, (), tuple(rows))


@st.composite
def samples(draw: st.DrawFn, definition: GeneDefinition) -> Column:
    """Draw genotypes: missing, undocumented, unphased or in one of two phase sets."""
    sites, missing = [], 0
    haploid = draw(st.booleans())
    for place in range(len(definition.positions)):
        if draw(st.integers(0, 6)) == 0:
            missing |= 1 << place
            continue
        first = draw(st.sampled_from([0, 0, 1, 1, 2, 3]))
        second = first if haploid else draw(st.sampled_from([0, 0, 1, 1, 2]))
        phase = draw(st.sampled_from([UNPHASED, UNPHASED, 0, 8])) if first != second else UNPHASED
        if first or second:
            sites.append(Site(place, first, second, phase))
    return Column(tuple(sites), missing, haploid)


def by_trying(definition: GeneDefinition, sample: Column) -> dict[tuple[str, ...], int]:
    """Return every pair with its best score, by trying every strand of every sample."""
    kept = [one for one in range(len(definition.positions)) if not sample.missing >> one & 1]
    best: dict[tuple[str, ...], int] = {}
    alleles = [one for one in definition.alleles if set(one.cells) & set(kept)]
    for strand, other in strands_of(definition, sample, kept):
        found = {one.name: score(one, strand, kept) for one in alleles}
        partner = {one.name: score(one, other, kept) for one in alleles}
        named = (
            [(one.name,) for one in alleles]
            if sample.haploid
            else list(product((one.name for one in alleles), repeat=2))
        )
        for names in named:
            scores = [found[names[0]], *(partner[one] for one in names[1:])]
            if None not in scores:
                key = tuple(sorted(names, key=natural))
                total = sum(one for one in scores if one is not None)
                best[key] = max(best.get(key, 0), total)
    return best


def strands_of(
    definition: GeneDefinition, sample: Column, kept: list[int]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield both strands, for every way in which the unphased and the phase sets may lie."""
    het = [one for one in sample.sites if one.heterozygous]
    flips = sorted({(one.phase, one.place if one.phase == UNPHASED else 0) for one in het})
    for chosen in product((False, True), repeat=len(flips)):
        turned = dict(zip(flips, chosen, strict=True))
        first = [0] * len(definition.positions)
        second = list(first)
        for one in sample.sites:
            swap = turned.get((one.phase, one.place if one.phase == UNPHASED else 0), False)
            first[one.place] = one.second if swap else one.first
            second[one.place] = one.first if swap else one.second
        yield first, second


def score(allele: NamedAllele, strand: list[int], kept: list[int]) -> int | None:
    """Return the score of an allele on a strand; None where it does not fit."""
    total = 0
    for place in kept:
        cell = allele.cells.get(place)
        if strand[place] not in (cell or (0,)):
            return None
        total += bool(cell) and (len(cell or ()) == 1 or strand[place] != 0)
    return total


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_matching_is_what_trying_every_strand_finds(data: st.DataObject) -> None:
    """Bits and look-ups find the pairs and scores that trying every strand does."""
    definition = data.draw(tables())
    sample = data.draw(samples(definition))
    expected = by_trying(definition, sample)
    kept = Kept(definition, sample.missing)
    found = {
        tuple(name for name in (one.first, one.second) if name): one.score
        for one in match(sample, kept, every=True)
    }
    assert found == (expected if kept.some else {})
    best = match(sample, kept)
    assert {one.score for one in best} <= {max(expected.values(), default=0)}
    assert len(best) == list(found.values()).count(max(found.values(), default=-1))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_phasing_as_a_pair_lies_leaves_that_pair(data: st.DataObject) -> None:
    """Each pair that explains a sample still does once the strands are as it has them."""
    definition = data.draw(tables())
    sample = data.draw(samples(definition))
    kept = Kept(definition, sample.missing)
    if sample.haploid or not kept.some:
        return
    for rows in explaining(sample, kept):
        phased = sample.phased(crossed(sample, kept, rows))
        assert rows in explaining(phased, kept)


def test_many_heterozygotes_are_no_work() -> None:
    """Sixty unphased heterozygotes, 2^59 ways to lie, are matched at once."""
    n = 60
    rows: dict[str, list[str | None]] = {"*1": ["C"] * n, "*2": ["T"] * n}
    rows |= {
        f"*{place + 3}": [None] * place + ["T"] + [None] * (n - place - 1) for place in range(n)
    }
    definition = defined(rows, ["T"] * n)
    assert called(definition, column(*[HET] * n)) == [f"*1/*2 {2 * n}"]


def test_pairs_of_a_definition_come_back() -> None:
    """Every pair of the toy, rendered unphased, comes back, but the one that *1/*2 looks like."""
    lost = []
    for one, other in combinations_with_replacement(TOY.alleles, 2):
        both = [
            tuple(sorted((one.cells.get(place, (0,))[0], other.cells.get(place, (0,))[0])))
            for place in range(5)
        ]
        found = called(TOY, column(*[(low, high) for low, high in both]))
        if not any(text.startswith(f"{one.name}/{other.name} ") for text in found):
            lost.append((one.name, other.name))
    assert lost == [("*3", "*5")]
