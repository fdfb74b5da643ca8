"""From genotypes to the pairs of named alleles that explain them.

An allele fits a sample if each of its cells holds one of the two bases there. A pair explains the
sample if one allele can take, at every heterozygote, the base that the other leaves. Which bases an
allele can take are two sets of bits over the heterozygotes; an allele that can take only one base
at each of them fixes its partner's bits, so partners are looked up and strands never enumerated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from osler.genome.pgx.columns import UNPHASED, Column
from osler.genome.pgx.definitions import GeneDefinition, in_order
from osler.genome.pgx.nouns import Diplotype

Found = tuple[tuple[int, ...], int]
"""The rows of one or two alleles, and their score."""


class Kept:
    """A definition with only the positions that have a genotype, and its alleles rescored.

    Attributes
    ----------
    indexes
        The positions kept.
    live
        The alleles that still have a cell, as bits.
    """

    def __init__(self, definition: GeneDefinition, indexes: Sequence[int]) -> None:
        self.definition = definition
        self.indexes = tuple(indexes)
        self.live = 0
        for index in indexes:
            self.live |= definition.touched[index]
        self._left = frozenset(indexes)
        self._scored: dict[int, tuple[int, frozenset[int]]] = {}

    @property
    def gone(self) -> tuple[str, ...]:
        """The alleles that can no longer be called, since no cell of theirs is left."""
        core_of = self.definition.core_of
        rows = enumerate(self.definition.alleles)
        names = (core_of.get(one.name, one.name) for row, one in rows if not self.live >> row & 1)
        return tuple(dict.fromkeys(names))

    def scored(self, row: int) -> tuple[int, frozenset[int]]:
        """Return how many kept cells of an allele name one base, and which stand for several."""
        if row not in self._scored:
            cells = self.definition.alleles[row].cells
            several = self.definition.several[row] & self._left
            kept = sum(index in self._left for index in cells)
            self._scored[row] = kept - len(several), several
        return self._scored[row]


def match(column: Column, kept: Kept, *, every: bool = False) -> tuple[Diplotype, ...]:
    """Return the pairs of named alleles that explain a sample; the best score only.

    Parameters
    ----------
    every
        Return the pairs of lower scores too, the best first.

    Returns
    -------
    Pairs, named by core alleles and in order; single alleles where the sample has one copy. Empty
    if nothing explains the sample.

    References
    ----------
    Sangkuhl et al. 2020, doi:10.1002/cpt.1568; PharmCAT, Named Allele Matcher 101 and 201.
    """
    if not kept.indexes:
        return ()
    rows = list(_candidates(column, kept))
    if column.haploid:
        alone = [((row,), _single_score(column, kept, row)) for row in rows]
        return _named(alone, kept.definition, every)
    return _named(_pairs(column, kept, rows), kept.definition, every)


def explaining(column: Column, kept: Kept) -> list[tuple[int, ...]]:
    """Return the rows of every pair that explains a sample with two copies, of any score."""
    return [rows for rows, _ in _pairs(column, kept, _candidates(column, kept))]


def crossed(column: Column, kept: Kept, rows: tuple[int, ...]) -> list[int]:
    """Return the heterozygotes at which the first allele of a pair has the second base."""
    fits = kept.definition.fits

    def straight(index: int) -> bool:
        here = fits[index]
        first, second = here[column.first[index]], here[column.second[index]]
        return bool(first >> rows[0] & 1 and second >> rows[1] & 1)

    units = column.units(kept.indexes)
    return [one for unit in units if not all(map(straight, unit)) for one in unit]


def _candidates(column: Column, kept: Kept) -> Iterator[int]:
    """Yield the alleles all of whose cells hold one of the sample's bases."""
    fits, first, second = kept.definition.fits, column.first, column.second
    left = kept.live
    for index in kept.indexes:
        row, a, b = fits[index], first[index], second[index]
        here = row[a] if a < len(row) else 0
        if b != a and b < len(row):
            here |= row[b]
        left &= here
        if not left:
            return
    yield from _bits(left)


def _bits(number: int) -> Iterator[int]:
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


def _single_score(column: Column, kept: Kept, row: int) -> int:
    score, several = kept.scored(row)
    return score + sum(column.first[index] != 0 for index in several)


@dataclass(frozen=True)
class _Sites:
    """The heterozygotes of a sample, as bits.

    `free` are those whose strand is not known; each of `sets` flips as one; `first` and `second`
    are those whose base there is not the reference, so that a wobble cell counts it.
    """

    indexes: tuple[int, ...]
    all: int
    free: int
    sets: tuple[int, ...]
    first: int
    second: int

    @classmethod
    def of(cls, column: Column, kept: Kept) -> _Sites:
        indexes = tuple(column.heterozygous(kept.indexes))
        by_phase: dict[int, int] = defaultdict(int)
        first = second = 0
        for bit, index in enumerate(indexes):
            by_phase[column.phase[index]] |= 1 << bit
            first |= (column.first[index] != 0) << bit
            second |= (column.second[index] != 0) << bit
        free = by_phase.pop(UNPHASED, 0)
        every = (1 << len(indexes)) - 1
        return cls(indexes, every, free, tuple(by_phase.values()), first, second)


@dataclass(frozen=True)
class _Strand:
    """An allele over the heterozygotes: where it can take the first base, where the second."""

    row: int
    first: int
    second: int
    wobbles: int
    score: int


def _pairs(column: Column, kept: Kept, rows: Iterable[int]) -> Iterator[Found]:
    """Yield the pairs that explain a sample, with their scores."""
    sites = _Sites.of(column, kept)
    exact: dict[int, list[_Strand]] = defaultdict(list)
    loose = []
    for row in rows:
        one = _strand(column, kept, sites, row)
        if one.first ^ one.second == sites.all:
            exact[one.first].append(one)
        else:
            loose.append(one)
    for group in exact.values():
        for one in group:
            partners = [other for other in exact.get(one.second, ()) if other.row >= one.row]
            yield from _explained(one, partners, sites)
    for place, one in enumerate(loose):
        yield from _explained(one, loose[place:], sites)
        yield from _explained(one, (other for group in exact.values() for other in group), sites)


def _strand(column: Column, kept: Kept, sites: _Sites, row: int) -> _Strand:
    fits = kept.definition.fits
    first = second = 0
    for bit, index in enumerate(sites.indexes):
        here, one, other = fits[index], column.first[index], column.second[index]
        first |= (here[one] >> row & 1 if one < len(here) else 0) << bit
        second |= (here[other] >> row & 1 if other < len(here) else 0) << bit
    score, several = kept.scored(row)
    if not several:
        return _Strand(row, first, second, 0, score)
    wobbles = sum(1 << bit for bit, index in enumerate(sites.indexes) if index in several)
    homozygous = several.difference(sites.indexes)
    counted = sum(column.first[index] != 0 for index in homozygous)
    return _Strand(row, first, second, wobbles, score + counted)


def _explained(one: _Strand, others: Iterable[_Strand], sites: _Sites) -> Iterator[Found]:
    """Yield the pairs of an allele with those of the others that take what it leaves."""
    for other in others:
        straight, crossed = one.first & other.second, one.second & other.first
        if (straight | crossed) & sites.free != sites.free:
            continue
        if any(part & ~straight and part & ~crossed for part in sites.sets):
            continue
        score = one.score + other.score
        if one.wobbles | other.wobbles:
            score += _wobble_score(one, other, sites)
        yield (one.row, other.row), score


def _wobble_score(one: _Strand, other: _Strand, sites: _Sites) -> int:
    """Return the most that the wobble cells of a pair count, over the strands that are possible."""
    straight = one.wobbles & sites.first, other.wobbles & sites.second
    crossed = one.wobbles & sites.second, other.wobbles & sites.first
    free = (1 << bit for bit in _bits(sites.free & (one.wobbles | other.wobbles)))
    best = 0
    for part in [*sites.sets, *free]:
        counts = []
        if not part & ~(one.first & other.second):
            counts.append(sum((cells & part).bit_count() for cells in straight))
        if not part & ~(one.second & other.first):
            counts.append(sum((cells & part).bit_count() for cells in crossed))
        best += max(counts)
    return best


def _named(
    found: Iterable[Found], definition: GeneDefinition, every: bool
) -> tuple[Diplotype, ...]:
    """Name the pairs by core alleles, keep the best, and put them in order."""
    listed = sorted(found, key=lambda one: -one[1])
    if not every:
        listed = [one for one in listed if one[1] == listed[0][1]]
    named: dict[tuple[str, ...], int] = {}
    for rows, score in listed:
        names = [definition.alleles[row].name for row in rows]
        core = [definition.core_of.get(one, one) for one in names]
        named.setdefault(tuple(in_order(core, definition.reference)), score)
    every_name = {name for pair in named for name in pair}
    place = {name: rank for rank, name in enumerate(in_order(every_name, definition.reference))}
    ordered = sorted(named, key=lambda pair: (-named[pair], [place[one] for one in pair]))
    return tuple(
        Diplotype(pair[0], pair[1] if len(pair) > 1 else None, named[pair]) for pair in ordered
    )
