"""The nouns of pharmacogenomics: what was seen at a position, and what is called from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

UNKNOWN = -1
ABSENT = -2


class State(IntEnum):
    """How the genotype of one sample at one position is known.

    Only `CALLED` and `REFERENCE` carry alleles. Missing is never assumed to be the reference.
    """

    CALLED = 0
    REFERENCE = 1
    """Reference with evidence: inside a block of a gVCF; single bases only."""
    MISSING = 2
    """A record is there, without a genotype."""
    NOT_ASSAYED = 3
    """No record."""
    DISCARDED = 4
    """A record that cannot be trusted; the reason is in `GeneGenotypes.discarded`."""


@dataclass(frozen=True)
class Position:
    """A position of a gene's definition, in GRCh38 and written as VCF writes it."""

    chromosome: str
    position: int
    rsid: str | None
    alleles: tuple[str, ...]
    """The reference first, then the alleles that the definition documents."""


@dataclass(frozen=True)
class Discarded:
    """A position that was set aside in some samples, and why."""

    position: int
    reason: str
    samples: tuple[int, ...]


@dataclass(frozen=True)
class GeneGenotypes:
    """What was seen of one gene in all samples.

    Attributes
    ----------
    positions
        In the order of the gene's definition, the extra positions last.
    alleles
        For each position the strings that `first` and `second` point to: those of the position,
        then undocumented ones that the file has there.
    first, second
        Shape (positions, samples), int8: index into `alleles`; `UNKNOWN` (-1) without a genotype;
        `second` is `ABSENT` (-2) where the sample has one copy (chrX and chrM of a male). The
        order is that of the file, so it is the strand where `phased`.
    state
        Shape (positions, samples), uint8: a `State`.
    phased
        Shape (positions, samples), bool.
    phase_set
        Shape (positions, samples), int32: 0 where the file names none; phased genotypes with 0
        are all on the same two strands, as are those with one other number.
    discarded, notes
        What was set aside, and what else a reader should know, as (sample or None for all, text).
    """

    gene: str
    positions: tuple[Position, ...]
    alleles: tuple[tuple[str, ...], ...]
    first: NDArray[np.int8]
    second: NDArray[np.int8]
    state: NDArray[np.uint8]
    phased: NDArray[np.bool_]
    phase_set: NDArray[np.int32]
    discarded: tuple[Discarded, ...] = ()
    notes: tuple[tuple[int | None, str], ...] = ()


@dataclass(frozen=True)
class Diplotype:
    """Two named alleles, or one where there is one copy; `score` counts the cells that fit."""

    first: str
    second: str | None = None
    score: int = 0

    def __str__(self) -> str:
        return self.first if self.second is None else f"{self.first}/{self.second}"


Status = Literal["called", "ambiguous", "no call", "not callable"]


@dataclass(frozen=True)
class GeneCall:
    """What is called for one gene of one sample.

    Attributes
    ----------
    diplotypes
        Every equally supported pair, the best score only; empty without a call.
    detected
        Instead of pairs, where the strands are not known (DPYD, RYR1, CFTR): one entry for each
        detected allele, `X (homozygous)` or `X (heterozygous)` where the gene's rule says so.
    advised
        The pairs that advice is looked up with where they are not `diplotypes`: the two alleles
        of lowest function, for example.
    phased
        Whether the file says which alleles lie together.
    missing
        Positions of the definition without a genotype, those discarded included.
    uncallable
        Named alleles that cannot be called, or cannot be ruled out, because positions that define
        them are missing.
    undocumented
        Positions with an allele that the definition does not have.
    beside
        Genotypes that are reported with the gene and define none of its alleles, by rsid; None
        where there is none. rs12777823 of CYP2C9.
    """

    gene: str
    status: Status
    diplotypes: tuple[Diplotype, ...] = ()
    detected: tuple[str, ...] = ()
    advised: tuple[Diplotype, ...] = ()
    phased: bool = False
    source: Literal["file", "outside call"] = "file"
    missing: tuple[int, ...] = ()
    uncallable: tuple[str, ...] = ()
    undocumented: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    beside: tuple[tuple[str, str | None], ...] = ()

    def printed(self) -> Sequence[str]:
        """Return what the list `diplotypes` of a result shows."""
        return self.detected or tuple(str(one) for one in self.diplotypes)
