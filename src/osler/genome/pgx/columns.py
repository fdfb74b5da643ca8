"""One sample's genotypes of one gene, and the distinct ones among many samples.

Equal columns are called once. What does not change a call is taken out before columns are
compared: the order of an unphased genotype's alleles, the phase of a homozygote, and how a
reference is known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osler.genome.pgx.definitions import GeneDefinition
from osler.genome.pgx.nouns import ABSENT, UNKNOWN, GeneGenotypes, State

UNPHASED = -1
HAPLOID_CHROMOSOMES = frozenset({"chrX", "chrY", "chrM"})
"""Where a sample may have one copy; one allele elsewhere is half a genotype, so missing."""


@dataclass(frozen=True)
class Column:
    """The genotypes of one sample, in the order of the definition's positions.

    Attributes
    ----------
    first, second
        Indexes into the position's alleles, `UNKNOWN` where missing; an index past them is an
        undocumented allele. Equal where the sample has one copy.
    phase
        `UNPHASED`, or the number of the phase set; what is not heterozygous is `UNPHASED`.
    haploid
        Whether the sample has one copy.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    phase: tuple[int, ...]
    haploid: bool = False

    def kept(self, n_positions: int) -> tuple[int, ...]:
        """Return the indexes of the positions that have a genotype."""
        return tuple(index for index in range(n_positions) if self.first[index] >= 0)

    def heterozygous(self, indexes: Sequence[int]) -> list[int]:
        """Return those of the indexes where the two alleles differ."""
        return [one for one in indexes if self.first[one] != self.second[one]]

    def strands_known(self, indexes: Sequence[int]) -> bool:
        """Tell whether it is known which alleles lie together.

        So it is where all heterozygotes are in one phase set, or there is at most one of them.
        """
        phases = [self.phase[one] for one in self.heterozygous(indexes)]
        return len(phases) <= 1 or (phases[0] != UNPHASED and len(set(phases)) == 1)

    def units(self, indexes: Sequence[int]) -> list[list[int]]:
        """Return the heterozygotes that flip together: each phase set, and each unphased one."""
        sets: dict[tuple[int, int], list[int]] = {}
        for one in self.heterozygous(indexes):
            key = (self.phase[one], -1) if self.phase[one] != UNPHASED else (UNPHASED, one)
            sets.setdefault(key, []).append(one)
        return list(sets.values())

    def phased(self, crossed: Collection[int]) -> Column:
        """Return the column with all strands known, the alleles swapped where they are crossed."""
        first, second = list(self.first), list(self.second)
        for one in crossed:
            first[one], second[one] = second[one], first[one]
        phase = (0,) * len(first)
        return Column(tuple(first), tuple(second), phase, self.haploid)

    def with_reference_at(self, indexes: Sequence[int], sizes: Sequence[int]) -> Column:
        """Return the column with the reference for undocumented alleles at the positions."""
        first, second, phase = list(self.first), list(self.second), list(self.phase)
        for one in indexes:
            first[one] = first[one] if first[one] < sizes[one] else 0
            second[one] = second[one] if second[one] < sizes[one] else 0
            phase[one] = phase[one] if first[one] != second[one] else UNPHASED
        return Column(tuple(first), tuple(second), tuple(phase), self.haploid)


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
    first, second, phase, haploid = _aligned(genotypes, definition)
    if not len(haploid):
        return Columns((), np.zeros(0, np.int64))
    of_sample, chosen = _grouped(first, second, phase, haploid)
    distinct = [
        Column(
            tuple(first[:, one].tolist()),
            tuple(second[:, one].tolist()),
            tuple(phase[:, one].tolist()),
            bool(haploid[one]),
        )
        for one in chosen
    ]
    return Columns(tuple(distinct), of_sample)


Aligned = tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int32], NDArray[np.bool_]]


def _aligned(genotypes: GeneGenotypes, definition: GeneDefinition) -> Aligned:
    """Return alleles and phase by the definition's positions, in the form that columns have."""
    shape = (len(definition.all_positions), genotypes.first.shape[1])
    first, second = np.full(shape, UNKNOWN, np.int8), np.full(shape, UNKNOWN, np.int8)
    phase = np.full(shape, UNPHASED, np.int32)
    read = {one: row for row, one in enumerate(genotypes.positions)}
    for index, position in enumerate(definition.all_positions):
        row = read.get(position)
        if row is None:
            continue
        known = genotypes.state[row] <= State.REFERENCE
        first[index] = np.where(known, genotypes.first[row], UNKNOWN)
        second[index] = np.where(known, genotypes.second[row], UNKNOWN)
        phase[index] = np.where(genotypes.phased[row], genotypes.phase_set[row], UNPHASED)
    haploid = _one_copy(first, second, definition.chromosome)
    _in_one_form(first, second, phase)
    return first, second, phase, haploid


def _one_copy(
    first: NDArray[np.int8], second: NDArray[np.int8], chromosome: str
) -> NDArray[np.bool_]:
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
    contradicts = haploid & (first != second)
    unknown = (first < 0) | (second < 0) | contradicts
    first[unknown] = UNKNOWN
    second[unknown] = UNKNOWN
    return np.asarray(haploid, np.bool_)


def _in_one_form(
    first: NDArray[np.int8], second: NDArray[np.int8], phase: NDArray[np.int32]
) -> None:
    """Leave in the arrays only what a call depends on."""
    phase[first == second] = UNPHASED
    swapped = (phase == UNPHASED) & (first > second)
    low = np.where(swapped, second, first)
    np.copyto(second, first, where=swapped)
    np.copyto(first, low)


def _grouped(
    first: NDArray[np.int8],
    second: NDArray[np.int8],
    phase: NDArray[np.int32],
    haploid: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the group of each sample, and a sample of each group.

    Columns are compared by a 64-bit sum with random weights, and then cell by cell, so that two
    that differ are never taken for one.
    """
    weights = np.random.default_rng(2026).integers(1, 2**63, (3, len(first) + 1), np.uint64)
    total = haploid.astype(np.uint64) * weights[0, -1]
    parts: tuple[NDArray[np.signedinteger], ...] = (first, second, phase)
    varying: list[NDArray[np.signedinteger]] = [haploid.astype(np.int8)]
    for part, weight in zip(parts, weights, strict=True):
        for row in np.flatnonzero((part != part[:, :1]).any(axis=1)):
            total += part[row].astype(np.uint64) * weight[row]
            varying.append(part[row])
    _, chosen, groups = np.unique(total, return_index=True, return_inverse=True)
    like = chosen[groups]
    if all(np.array_equal(row, row[like]) for row in varying):
        return groups.astype(np.int64), chosen.astype(np.int64)
    cells = np.vstack([first, second, phase, haploid[None]])
    _, chosen, groups = np.unique(cells, axis=1, return_index=True, return_inverse=True)
    return groups.ravel().astype(np.int64), chosen.astype(np.int64)
