"""The running sums of every person and score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from osler.genome.score.calls import Genotypes
from osler.genome.score.weights import ADDITIVE, BY_GENOTYPE, DOMINANT, RECESSIVE

Impute = Literal["reference", "cohort", "none"]

# About this many genotypes are summed at once: few enough to stay in a processor's cache.
BLOCK_CELLS = 1 << 17

# A genotype `0/1` and the tab behind it are one little-endian word. Without the two bits that tell
# 0 from 1, a called one is one of these two.
_WITHOUT_BITS = np.uint32(0xFFFEFFFE)
_UNPHASED, _PHASED = np.uint32(0x09302F30), np.uint32(0x09307C30)
# So many records are summed together. The sums of all subsets of their weights fill a table that
# stays in a processor's first cache.
RECORDS_TOGETHER = 12
_FIRST_STRAND, _SECOND_STRAND = np.uint32(0xFFFF), np.uint32(16)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# A record's sample columns, and what it adds.
Waiting = tuple[memoryview, Sequence["Term"]]


class Term(NamedTuple):
    """What one record adds to one score.

    Parameters
    ----------
    score
        Number of the score.
    allele
        Of the record, whose copies count; 0 is the reference, -1 one that nobody carries.
    weight
        Per copy; unused with `by_genotype`.
    effect
        Additive, dominant, recessive or by genotype.
    by_genotype
        The weights of 0, 1 and 2 copies.
    frequency
        Of the allele in a reference, for missing genotypes; NaN where there is none.
    """

    score: int
    allele: int
    weight: float
    effect: int = ADDITIVE
    by_genotype: tuple[float, float, float] | None = None
    frequency: float = float("nan")


@dataclass(frozen=True)
class Sums:
    """The totals of every score.

    Parameters
    ----------
    sums : shape (scores, samples)
    alleles : shape (scores, samples)
        Copies of a chromosome that the sum speaks of; imputed ones count.
    missing, imputed : shape (scores, samples)
        Variants whose genotype was missing, and those of them that were imputed.
    """

    sums: Floats
    alleles: Ints
    missing: Ints
    imputed: Ints


class Totals:
    """Adds up records, one genotype matrix row after another.

    Parameters
    ----------
    impute
        What stands for a missing genotype: the copies expected in a reference, those expected in
        this very cohort, or nothing.
    """

    def __init__(self, n_scores: int, n_samples: int, impute: Impute = "reference") -> None:
        self.shape, self.impute = (n_scores, n_samples), impute
        self.sums = np.zeros(self.shape)
        self.constants = np.zeros(n_scores)
        self.called = np.zeros(n_scores, np.int64)
        self.fewer: dict[int, Ints] = {}
        self.missing: dict[int, Ints] = {}
        self.imputed: dict[int, Ints] = {}
        self.waiting: list[Waiting] = []
        self.most_waiting = max(1, BLOCK_CELLS // max(n_samples, 1))
        self.scratch = np.empty((self.most_waiting, n_samples), np.uint32)
        self.packed = np.zeros(n_samples, np.uint32)
        self.packed_terms: list[Sequence[Term]] = []

    def add_text(self, region: memoryview, terms: Sequence[Term]) -> list[Waiting]:
        """Add a record of two alleles with all genotypes in three letters and a tab between them.

        Parameters
        ----------
        region
            The sample columns, `4 n - 1` bytes.
        terms
            Additive ones only.

        Returns
        -------
        Records, waiting from earlier calls or this one, that hold anything but called 0s and 1s,
        all phased or all unphased; they were not added.
        """
        self.waiting.append((region, terms))
        return self.flush() if len(self.waiting) >= self.most_waiting else []

    def flush(self) -> list[Waiting]:
        """Add what waits; return the records that are not plain, which were not added."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return []
        text = b"\t".join([region for region, _ in waiting]) + b"\t"
        words = np.frombuffer(text, "<u4").reshape(len(waiting), self.shape[1])
        is_phased = words[:, :1] & _WITHOUT_BITS == _PHASED
        bits = self.scratch[: len(waiting)]
        np.bitwise_xor(words, np.where(is_phased, _PHASED, _UNPHASED), out=bits)
        plain = np.bitwise_or.reduce(bits, axis=1) & _WITHOUT_BITS == 0
        odd = []
        for number, is_plain in enumerate(plain.tolist()):
            if is_plain:
                self.pack(bits[number], waiting[number][1])
            else:
                odd.append(waiting[number])
        return odd

    def pack(self, bits: NDArray[np.uint32], terms: Sequence[Term]) -> None:
        """Put a plain record's alternative alleles beside those of the records before it.

        Parameters
        ----------
        bits : shape (n,)
            Bit 0 is the first strand's allele and bit 16 the second's; it is used up.
        """
        np.left_shift(bits, np.uint32(len(self.packed_terms)), out=bits)
        np.bitwise_or(self.packed, bits, out=self.packed)
        self.packed_terms.append(terms)
        if len(self.packed_terms) == RECORDS_TOGETHER:
            self.unpack()

    def unpack(self) -> None:
        """Add the packed records: each strand's bits are a row of the table of subset sums."""
        packed, self.packed_terms = self.packed_terms, []
        weights = np.zeros((self.shape[0], len(packed)))
        for number, terms in enumerate(packed):
            self.weigh(weights[:, number], terms)
        first = (self.packed & _FIRST_STRAND).astype(np.intp)
        second = (self.packed >> _SECOND_STRAND).astype(np.intp)
        for score in np.flatnonzero(weights.any(axis=1)).tolist():
            table = subset_sums(weights[score])
            self.sums[score] += table[first]
            self.sums[score] += table[second]
        self.packed[:] = 0

    def weigh(self, column: Floats, terms: Sequence[Term]) -> None:
        """Set the weights of one record, a reference allele's as two less those of the other."""
        for term in terms:
            self.called[term.score] += 2
            if term.allele == 0:
                self.constants[term.score] += 2 * term.weight
                column[term.score] -= term.weight
            elif term.allele > 0:
                column[term.score] += term.weight

    def add(self, genotypes: Genotypes, terms: Sequence[Term], *, haploid: bool = False) -> None:
        """Add a record of any kind.

        Parameters
        ----------
        haploid
            Whether nobody has more than one copy here, however the genotype is written.
        """
        ploidy = genotypes.ploidy
        for term in terms:
            copies = genotypes.copies(term.allele)
            if haploid:
                copies, present = copies / ploidy, np.ones_like(ploidy)
            else:
                present = ploidy
            self.add_term(term, copies, present)

    def add_term(self, term: Term, copies: Floats, ploidy: Floats) -> None:
        """Add one record to one score."""
        absent = np.isnan(copies)
        self.called[term.score] += 2
        counted = ploidy
        if not absent.any():
            self.sums[term.score] += weighted(term, copies)
        else:
            share = self.expected(term, copies, ploidy)
            value = weighted(term, np.where(absent, 0.0, copies))
            self.count(self.missing, term.score, absent)
            if np.isnan(share):
                value[absent] = 0.0
                counted = np.where(absent, 0.0, ploidy)
            else:
                value[absent] = imputed(term, share, ploidy[absent])
                self.count(self.imputed, term.score, absent)
            self.sums[term.score] += value
        if (counted != 2.0).any():
            self.count(self.fewer, term.score, 2 - counted.astype(np.int64))

    def expected(self, term: Term, copies: Floats, ploidy: Floats) -> float:
        """Return the allele's expected share for those missing; NaN if there is no source of it."""
        if self.impute == "reference":
            return term.frequency
        if self.impute == "none":
            return float("nan")
        known = ~np.isnan(copies)
        total = float(ploidy[known].sum())
        return float(copies[known].sum()) / total if total else float("nan")

    def count(self, counts: dict[int, Ints], score: int, by: NDArray[np.bool_] | Ints) -> None:
        """Add to one of the counts that most scores never need."""
        if score not in counts:
            counts[score] = np.zeros(self.shape[1], np.int64)
        counts[score] += by

    def finish(self) -> Sums:
        """Return the totals. What waits must have been flushed."""
        self.unpack()
        return Sums(
            sums=self.sums + self.constants[:, None],
            alleles=self.called[:, None] - self.filled(self.fewer),
            missing=self.filled(self.missing),
            imputed=self.filled(self.imputed),
        )

    def filled(self, counts: dict[int, Ints]) -> Ints:
        """Return counts of every score as one array, read-only zeros where there are none."""
        if not counts:
            return np.broadcast_to(np.int64(0), self.shape)
        nothing = np.zeros(self.shape[1], np.int64)
        return np.stack([counts.get(score, nothing) for score in range(self.shape[0])])


def subset_sums(weights: Floats) -> Floats:
    """Return the sum of every subset of weights; bit k of a subset's number stands for weight k.

    Examples
    --------
    >>> subset_sums(np.array([1.0, 10.0])).tolist()
    [0.0, 1.0, 10.0, 11.0]
    """
    table = np.zeros(1)
    for weight in weights.tolist():
        table = np.concatenate([table, table + weight])
    return table


def weighted(term: Term, copies: Floats) -> Floats:
    """Return what copies of an allele are worth, by the kind of its effect.

    Dominant counts at most one copy, recessive those beyond the first, as `plink2 --score dominant`
    and `recessive` do. Between the weights of 0, 1 and 2 copies a dosage lies on straight lines.
    """
    if term.effect == DOMINANT:
        return term.weight * np.minimum(copies, 1.0)
    if term.effect == RECESSIVE:
        return term.weight * np.maximum(copies - 1.0, 0.0)
    if term.effect == BY_GENOTYPE and term.by_genotype is not None:
        return np.interp(copies, (0.0, 1.0, 2.0), term.by_genotype)
    return term.weight * copies


def imputed(term: Term, share: float, ploidy: Floats) -> Floats:
    """Return what a missing genotype is worth on average, the allele's share being known.

    Two copies are drawn independently, as in Hardy-Weinberg equilibrium. For additive weights this
    is what `plink2 --score` takes; for dominant and recessive ones PLINK takes the allele's share
    itself, which is not their mean.
    """
    by_copies = weighted(term, np.array([0.0, 1.0, 2.0]))
    one = np.array([1 - share, share, 0.0]) @ by_copies
    two = np.array([(1 - share) ** 2, 2 * share * (1 - share), share**2]) @ by_copies
    value: Floats = np.where(ploidy == 2, two, one)
    return value
