"""One sample's genotypes of one gene, and the distinct ones among many samples.

Equal columns are called once. What does not change a call is taken out before columns are
compared: the order of an unphased genotype's alleles, the phase of a homozygote, and how a
reference is known. A column holds what is not the reference, and which positions are missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from osler.genome.pgx.definitions import GeneDefinition
from osler.genome.pgx.nouns import ABSENT, UNKNOWN, GeneGenotypes, State

UNPHASED = -1
HAPLOID_CHROMOSOMES = frozenset({"chrX", "chrY", "chrM"})
"""Where a sample may have one copy; one allele elsewhere is half a genotype, so missing."""

SAMPLES_AT_ONCE = 8192
"""Of which the arrays are worked on together, so that memory does not grow with the cohort."""


class Site(NamedTuple):
    """A position, by its place in the definition, with a genotype other than two references.

    `first` and `second` are indexes into the position's alleles, past them for an undocumented one;
    equal where the sample has one copy. `phase` is a phase set, or `UNPHASED`.
    """

    place: int
    first: int
    second: int
    phase: int = UNPHASED

    @property
    def heterozygous(self) -> bool:
        """Whether the two alleles differ."""
        return self.first != self.second


@dataclass(frozen=True)
class Column:
    """The genotypes of one sample at the positions of one definition.

    Attributes
    ----------
    sites
        What is not the reference, by place.
    missing
        The positions without a genotype, as bits.
    haploid
        Whether the sample has one copy.
    marked
        Whether no genotype is heterozygous and all are written as phased.
    """

    sites: tuple[Site, ...] = ()
    missing: int = 0
    haploid: bool = False
    marked: bool = False

    def at(self, index: int) -> tuple[int, int] | None:
        """Return the two alleles at a position; None where it is missing."""
        if self.missing >> index & 1:
            return None
        return next(((one.first, one.second) for one in self.sites if one.place == index), (0, 0))

    def before(self, n_positions: int) -> Column:
        """Return the column of the first positions only."""
        sites = tuple(one for one in self.sites if one.place < n_positions)
        return replace(self, sites=sites, missing=self.missing & ((1 << n_positions) - 1))

    def with_genotype(self, index: int, first: int, second: int) -> Column:
        """Return the column with an unphased genotype at a position that was missing."""
        more = (Site(index, first, second),) if first or second else ()
        sites = tuple(sorted((*self.sites, *more)))
        return replace(self, sites=sites, missing=self.missing & ~(1 << index))

    def phased(self, crossed: Collection[int]) -> Column:
        """Return the column with all strands known, the alleles swapped where they are crossed."""
        sites = (
            Site(one.place, one.second, one.first, 0)
            if one.place in crossed
            else one._replace(phase=0)
            for one in self.sites
        )
        return replace(self, sites=tuple(sites))

    def documented(self, sizes: Collection[int]) -> Column:
        """Return the column with the reference in place of undocumented alleles."""
        size = tuple(sizes)
        known = (
            one._replace(
                first=one.first if one.first < size[one.place] else 0,
                second=one.second if one.second < size[one.place] else 0,
            )
            for one in self.sites
        )
        return replace(self, sites=tuple(one for one in known if one.first or one.second))


def strands_known(sites: Iterable[Site]) -> bool:
    """Tell whether it is known which alleles lie together.

    So it is where all heterozygotes are in one phase set, or there is at most one of them.
    """
    phases = [one.phase for one in sites if one.heterozygous]
    return len(phases) <= 1 or (phases[0] != UNPHASED and len(set(phases)) == 1)


def units(sites: Iterable[Site]) -> list[list[Site]]:
    """Return the heterozygotes that flip together: each phase set, and each unphased one."""
    together: dict[tuple[int, int], list[Site]] = {}
    for one in sites:
        if one.heterozygous:
            key = (one.phase, UNPHASED if one.phase != UNPHASED else one.place)
            together.setdefault(key, []).append(one)
    return list(together.values())


@dataclass(frozen=True)
class Columns:
    """The distinct columns of a gene, and which of them each sample has.

    Attributes
    ----------
    of_sample
        Shape (samples,): index into `distinct`.
    """

    distinct: tuple[Column, ...]
    of_sample: NDArray[np.int64]


def columns_of(genotypes: GeneGenotypes, definition: GeneDefinition) -> Columns:
    """Return the distinct columns of the samples, in the order of the definition.

    A position that the genotypes do not have is missing; one that the definition does not have is
    left out.
    """
    n_samples = genotypes.first.shape[1]
    of_sample = np.zeros(n_samples, np.int64)
    place_of: dict[Column, int] = {}
    for begin in range(0, n_samples, SAMPLES_AT_ONCE):
        part = slice(begin, begin + SAMPLES_AT_ONCE)
        table = _aligned(genotypes, part, definition)
        groups, chosen = _grouped(table)
        columns = _columns(table.take(chosen))
        places = [place_of.setdefault(one, len(place_of)) for one in columns]
        of_sample[part] = np.asarray(places, np.int64)[groups]
    return Columns(tuple(place_of), of_sample)


Alleles = NDArray[np.int8]
Phases = NDArray[np.int32]


@dataclass(frozen=True)
class _Table:
    """Genotypes by the definition's positions: shapes (positions, samples) and (samples,)."""

    first: Alleles
    second: Alleles
    phase: Phases
    haploid: NDArray[np.bool_]
    marked: NDArray[np.bool_]

    def take(self, samples: NDArray[np.int64]) -> _Table:
        first, second = self.first[:, samples], self.second[:, samples]
        haploid, marked = self.haploid[samples], self.marked[samples]
        return _Table(first, second, self.phase[:, samples], haploid, marked)


def _aligned(genotypes: GeneGenotypes, part: slice, definition: GeneDefinition) -> _Table:
    """Return alleles and phase by the definition's positions, in the form that columns have."""
    shape = (len(definition.all_positions), genotypes.first[:, part].shape[1])
    first, second = np.full(shape, UNKNOWN, np.int8), np.full(shape, UNKNOWN, np.int8)
    phase = np.full(shape, UNPHASED, np.int32)
    read = {one: row for row, one in enumerate(genotypes.positions)}
    for index, position in enumerate(definition.all_positions):
        row = read.get(position)
        if row is None:
            continue
        known = genotypes.state[row, part] <= State.REFERENCE
        first[index] = np.where(known, genotypes.first[row, part], UNKNOWN)
        second[index] = np.where(known, genotypes.second[row, part], UNKNOWN)
        phased = genotypes.phased[row, part]
        phase[index] = np.where(phased, genotypes.phase_set[row, part], UNPHASED)
    haploid = _one_copy(first, second, definition.chromosome)
    return _in_one_form(first, second, phase, haploid)


def _one_copy(first: Alleles, second: Alleles, chromosome: str) -> NDArray[np.bool_]:
    """Return which samples have one copy, and set its allele twice.

    A file may write one copy as `1` at some positions and as `1/1` at others. A heterozygote of a
    sample with one copy contradicts itself, so it is missing.
    """
    single = (second == ABSENT) & (first >= 0)
    if chromosome not in HAPLOID_CHROMOSOMES:
        first[single] = UNKNOWN
        single[:] = False
    haploid = single.any(axis=0)
    np.copyto(second, first, where=single)
    unknown = (first < 0) | (second < 0) | (haploid & (first != second))
    first[unknown] = UNKNOWN
    second[unknown] = UNKNOWN
    return np.asarray(haploid, np.bool_)


def _in_one_form(
    first: Alleles, second: Alleles, phase: Phases, haploid: NDArray[np.bool_]
) -> _Table:
    """Return the arrays with only what a call depends on."""
    same, unknown = first == second, first < 0
    marked = (same & (unknown | (phase != UNPHASED))).all(axis=0) & ~unknown.all(axis=0)
    phase[same] = UNPHASED
    swapped = (phase == UNPHASED) & (first > second)
    low, high = np.where(swapped, second, first), np.where(swapped, first, second)
    return _Table(low, high, phase, haploid, marked)


def _grouped(table: _Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the group of each sample, and a sample of each group.

    Columns are compared by a 64-bit sum with random weights, and then cell by cell, so that two
    that differ are never taken for one.
    """
    if len(table.haploid) == 1:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    parts: tuple[NDArray[np.signedinteger], ...] = (table.first, table.second, table.phase)
    n_rows = len(table.first)
    weights = np.random.default_rng(2026).integers(1, 2**63, (3, n_rows + 1), np.uint64)
    flags = table.haploid.astype(np.int8) + 2 * table.marked.astype(np.int8)
    total = flags.astype(np.uint64) * weights[0, -1]
    varying: list[NDArray[np.signedinteger]] = [flags]
    for part, weight in zip(parts, weights, strict=True):
        for row in np.flatnonzero((part != part[:, :1]).any(axis=1)):
            total += part[row].astype(np.uint64) * weight[row]
            varying.append(part[row])
    _, chosen, groups = np.unique(total, return_index=True, return_inverse=True)
    like = chosen[groups]
    if all(np.array_equal(row, row[like]) for row in varying):
        return groups.astype(np.int64), chosen.astype(np.int64)
    _, chosen, groups = np.unique(
        np.vstack(varying), axis=1, return_index=True, return_inverse=True
    )
    return groups.ravel().astype(np.int64), chosen.astype(np.int64)


def _columns(table: _Table) -> Iterable[Column]:
    """Yield each sample's column."""
    n_samples = len(table.haploid)
    sites: list[list[Site]] = [[] for _ in range(n_samples)]
    missing = [0] * n_samples
    samples, indexes = np.nonzero(((table.first != 0) | (table.second != 0)).T)
    cells = (table.first[indexes, samples], table.second[indexes, samples])
    phases = table.phase[indexes, samples].tolist()
    listed = zip(
        samples.tolist(), indexes.tolist(), *(one.tolist() for one in cells), phases, strict=True
    )
    for sample, index, first, second, phase in listed:
        if first < 0:
            missing[sample] |= 1 << index
        else:
            sites[sample].append(Site(index, first, second, phase))
    flags = table.haploid.tolist(), table.marked.tolist()
    for here, gone, haploid, marked in zip(sites, missing, *flags, strict=True):
        yield Column(tuple(here), gone, haploid, marked)
