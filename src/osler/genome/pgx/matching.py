"""From genotypes to the pairs of named alleles that explain them.

An allele fits a sample if each of its cells holds one of the two bases there. A pair explains the
sample if one allele can take, at every heterozygote, the base that the other leaves. Which bases an
allele can take are two sets of bits over the heterozygotes; an allele that can take only one base
at each of them fixes its partner's bits, so partners are looked up and strands never enumerated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import or_

from osler.genome.pgx.columns import UNPHASED, Column, Site, units
from osler.genome.pgx.definitions import GeneDefinition, in_order
from osler.genome.pgx.nouns import Diplotype

Found = tuple[tuple[int, ...], int]
"""The rows of one or two alleles, and their score."""


class Kept:
    """A definition with only the positions that have a genotype, and its alleles rescored.

    Parameters
    ----------
    missing
        The positions that are dropped, as bits.

    Attributes
    ----------
    live
        The alleles that still have a cell, as bits.
    some
        Whether any position is kept.
    tells
        Whether it is asked for what cannot be called, too.
    """

    def __init__(self, definition: GeneDefinition, missing: int) -> None:
        touched = freed = 0
        for index in bits(missing):
            touched |= definition.touched[index]
            freed |= definition.needing[index]
        live = (1 << len(definition.alleles)) - 1
        for row in bits(touched):
            if not definition.filled[row] & ~missing:
                live &= ~(1 << row)
        self._set(definition, missing, live, freed)

    def _set(self, definition: GeneDefinition, missing: int, live: int, freed: int) -> None:
        self.definition = definition
        self.missing = missing
        self.some = missing.bit_count() < len(definition.positions)
        self.live = live
        self.freed = freed
        self.tells = True
        self._last: tuple[Column, list[Found]] | None = None

    def with_position(self, index: int) -> Kept:
        """Return the same with one dropped position kept; faster than from the definition.

        It serves to ask what would be called: what cannot be is not told of it.
        """
        kept = Kept.__new__(Kept)
        live = self.live | self.definition.touched[index]
        kept._set(self.definition, self.missing & ~(1 << index), live, self._freed_without[index])
        kept.gone = kept.dropped = ()
        kept.tells = False
        return kept

    @cached_property
    def _freed_without(self) -> dict[int, int]:
        """For each dropped position the rows that need something at any of the others, as bits."""
        needing, dropped = self.definition.needing, list(bits(self.missing))
        after = list(accumulate((needing[one] for one in reversed(dropped)), or_, initial=0))
        before = accumulate((needing[one] for one in dropped), or_, initial=0)
        return {
            one: left | right
            for one, left, right in zip(dropped, before, reversed(after[:-1]), strict=False)
        }

    def has(self, index: int | None) -> bool:
        """Tell whether a position is kept; one that the definition does not have is not."""
        return index is not None and not self.missing >> index & 1

    @cached_property
    def gone(self) -> tuple[str, ...]:
        """The alleles that can no longer be called, since no cell of theirs is left."""
        alleles, core_of = self.definition.alleles, self.definition.core_of
        rows = bits(((1 << len(alleles)) - 1) & ~self.live)
        names = (alleles[row].name for row in rows)
        return tuple(dict.fromkeys(core_of.get(one, one) for one in names))

    @cached_property
    def dropped(self) -> tuple[int, ...]:
        """The positions that are dropped, in the chromosome's coordinates."""
        positions = self.definition.positions
        return tuple(sorted({positions[index].position for index in bits(self.missing)}))

    def found(self, column: Column) -> list[Found]:
        """Return the pairs of rows that explain a sample with two copies, with their scores.

        Whoever asks of a column asks several times; the last answer is kept.
        """
        if self._last is None or self._last[0] is not column:
            self._last = column, list(_pairs(column, self, _candidates(column, self)))
        return self._last[1]

    def score(self, row: int) -> int:
        """Return how many kept cells of an allele name one base."""
        definition = self.definition
        return (definition.filled[row] & ~definition.several[row] & ~self.missing).bit_count()

    def wobbles(self, row: int) -> int:
        """Return the positions of the kept cells that stand for several bases, as bits."""
        return self.definition.several[row] & ~self.missing


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
    if not kept.some:
        return ()
    if column.haploid:
        rows = _candidates(column, kept)
        alone = [((row,), _single_score(column, kept, row)) for row in rows]
        return _named(alone, kept.definition, every)
    return _named(kept.found(column), kept.definition, every)


def hidden(column: Column, kept: Kept, shown: tuple[Diplotype, ...]) -> tuple[str, ...]:
    """Return alleles that fit only because positions of theirs are missing, and are not shown.

    Less of them is left than of an allele that looks the same without those positions, so that the
    score hides them: CYP2C19*2 behind *1 where rs4244285 and rs12769205 are missing.
    """
    if not kept.freed or not kept.tells:
        return ()
    definition = kept.definition
    if column.haploid:
        rows = _candidates(column, kept)
    else:
        rows = sorted({row for pair, _ in kept.found(column) for row in pair})
    names = (definition.alleles[row].name for row in rows if definition.needs[row] & kept.missing)
    called = {name for pair in shown for name in (pair.first, pair.second)}
    core = (definition.core_of.get(name, name) for name in names)
    return tuple(dict.fromkeys(name for name in core if name not in called))


def explaining(column: Column, kept: Kept) -> list[tuple[int, ...]]:
    """Return the rows of every pair that explains a sample with two copies, of any score."""
    return [rows for rows, _ in kept.found(column)]


def crossed(column: Column, kept: Kept, rows: tuple[int, ...]) -> list[int]:
    """Return the heterozygotes at which the first allele of a pair has the second base."""
    fits = kept.definition.fits

    def straight(site: Site) -> bool:
        here = fits[site.place]
        return bool(here[site.first] >> rows[0] & 1 and here[site.second] >> rows[1] & 1)

    return [
        one.place for unit in units(column.sites) if not all(map(straight, unit)) for one in unit
    ]


def bits(number: int) -> Iterator[int]:
    """Yield the places of the bits that are set, the lowest first."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


def _candidates(column: Column, kept: Kept) -> list[int]:
    """Return the alleles all of whose cells hold one of the sample's bases.

    An allele other than the reference's equals must need something where the sample has something.
    """
    definition = kept.definition
    open_places, needing = kept.missing, kept.freed
    left = kept.live
    for one in column.sites:
        here = definition.fits[one.place]
        both = here[one.first] if one.first < len(here) else 0
        if one.second < len(here):
            both |= here[one.second]
        left &= both
        open_places |= 1 << one.place
        needing |= definition.needing[one.place]
    found = definition.unneeding & left
    for row in bits(needing & left):
        if not definition.needs[row] & ~open_places:
            found |= 1 << row
    return list(bits(found))


def _single_score(column: Column, kept: Kept, row: int) -> int:
    wobbles = kept.wobbles(row)
    return kept.score(row) + sum(wobbles >> one.place & 1 for one in column.sites)


@dataclass(frozen=True)
class _Heterozygotes:
    """The heterozygotes of a sample, as bits over them.

    `free` are those whose strand is not known; each of `sets` flips as one; `first` and `second`
    are those whose base there is not the reference, so that a wobble cell counts it.
    """

    sites: tuple[Site, ...]
    all: int
    free: int
    sets: tuple[int, ...]
    first: int
    second: int

    @classmethod
    def of(cls, column: Column) -> _Heterozygotes:
        sites = tuple(one for one in column.sites if one.heterozygous)
        by_phase: dict[int, int] = defaultdict(int)
        first = second = 0
        for bit, one in enumerate(sites):
            by_phase[one.phase] |= 1 << bit
            first |= (one.first != 0) << bit
            second |= (one.second != 0) << bit
        free = by_phase.pop(UNPHASED, 0)
        return cls(sites, (1 << len(sites)) - 1, free, tuple(by_phase.values()), first, second)


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
    het = _Heterozygotes.of(column)
    exact: dict[int, list[_Strand]] = defaultdict(list)
    loose = []
    for row in rows:
        one = _strand(column, kept, het, row)
        if one.first ^ one.second == het.all:
            exact[one.first].append(one)
        else:
            loose.append(one)
    for group in exact.values():
        for one in group:
            partners = [other for other in exact.get(one.second, ()) if other.row >= one.row]
            yield from _explained(one, partners, het)
    for place, one in enumerate(loose):
        yield from _explained(one, loose[place:], het)
        yield from _explained(one, (other for group in exact.values() for other in group), het)


def _strand(column: Column, kept: Kept, het: _Heterozygotes, row: int) -> _Strand:
    fits, wobbles = kept.definition.fits, kept.wobbles(row)
    first = second = flexible = 0
    for bit, one in enumerate(het.sites):
        here = fits[one.place]
        first |= (here[one.first] >> row & 1 if one.first < len(here) else 0) << bit
        second |= (here[one.second] >> row & 1 if one.second < len(here) else 0) << bit
        flexible |= (wobbles >> one.place & 1) << bit
    score = kept.score(row)
    if wobbles:
        homozygous = (one.place for one in column.sites if not one.heterozygous)
        score += sum(wobbles >> index & 1 for index in homozygous)
    return _Strand(row, first, second, flexible, score)


def _explained(one: _Strand, others: Iterable[_Strand], het: _Heterozygotes) -> Iterator[Found]:
    """Yield the pairs of an allele with those of the others that take what it leaves."""
    for other in others:
        straight, across = one.first & other.second, one.second & other.first
        if (straight | across) & het.free != het.free:
            continue
        if any(part & ~straight and part & ~across for part in het.sets):
            continue
        score = one.score + other.score
        if one.wobbles | other.wobbles:
            score += _wobble_score(one, other, het)
        yield (one.row, other.row), score


def _wobble_score(one: _Strand, other: _Strand, het: _Heterozygotes) -> int:
    """Return the most that the wobble cells of a pair count, over the strands that are possible."""
    straight = one.wobbles & het.first, other.wobbles & het.second
    across = one.wobbles & het.second, other.wobbles & het.first
    free = (1 << bit for bit in bits(het.free & (one.wobbles | other.wobbles)))
    best = 0
    for part in [*het.sets, *free]:
        counts = []
        if not part & ~(one.first & other.second):
            counts.append(sum((cells & part).bit_count() for cells in straight))
        if not part & ~(one.second & other.first):
            counts.append(sum((cells & part).bit_count() for cells in across))
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
    ordered = list(named)
    if len(named) > 1:
        names = in_order({name for pair in named for name in pair}, definition.reference)
        place = {name: rank for rank, name in enumerate(names)}
        ordered.sort(key=lambda pair: (-named[pair], [place[one] for one in pair]))
    return tuple(
        Diplotype(pair[0], pair[1] if len(pair) > 1 else None, named[pair]) for pair in ordered
    )
