"""Genotypes of the positions of the definitions, gathered record by record for all samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osler.genome.pgx.nouns import (
    ABSENT,
    UNKNOWN,
    Discarded,
    GeneGenotypes,
    Position,
    State,
)
from osler.genome.pgx.sites import Site
from osler.genome.pgx.spelling import REASONS, Meaning, Set
from osler.sources.vcf import Record

# Phred-scaled: a block of reference below it is wrong in more than 1 of 100 places.
LEAST_BLOCK_QUALITY = 20
MOST_ALLELES = 120

HALF = "half a genotype, taken as missing"
OVER_TWO = "more than two copies"
CONTRADICTORY = "several records that contradict each other"
LOW_QUALITY = f"a reference block of a genotype quality under {LEAST_BLOCK_QUALITY} or no depth"
TOO_MANY = f"more than {MOST_ALLELES} alleles"

Int8s = NDArray[np.int8]
Bools = NDArray[np.bool_]


@dataclass
class Reading:
    """What one record says of a position: the same arrays as of a gene, for one row."""

    first: Int8s
    second: Int8s
    state: NDArray[np.uint8]
    phased: Bools
    phase_set: NDArray[np.int32] | None
    set_aside: dict[str, Bools]
    alternates: frozenset[int]


class GeneGathering:
    """The arrays of one gene, filled as its records come.

    Parameters
    ----------
    positions
        In the order of the definition, the extra ones last.
    columns
        Which samples of the file are asked for; None for all.
    """

    def __init__(
        self,
        gene: str,
        positions: tuple[Position, ...],
        n_samples: int,
        columns: NDArray[np.int64] | None = None,
    ) -> None:
        self.gene = gene
        self.positions = positions
        self._columns = columns
        shape = (len(positions), n_samples)
        self._first = np.full(shape, UNKNOWN, np.int8)
        self._second = np.full(shape, UNKNOWN, np.int8)
        self._state = np.full(shape, State.NOT_ASSAYED, np.uint8)
        self._phased = np.zeros(shape, np.bool_)
        self._phase_set: NDArray[np.int32] | None = None
        self._alleles = [list(one.alleles) for one in positions]
        self._seen: dict[int, frozenset[int]] = {}
        self._touched: set[int] = set()
        self._set_aside: dict[tuple[int, str], Bools] = {}
        self._notes: dict[tuple[int | None, str], None] = {}

    def add(self, site: Site, record: Record, meaning: Meaning) -> None:
        """Take what a record means for a position.

        Raises
        ------
        ValueError
            If the record has not as many columns as samples.
        """
        if meaning.refused is not None:
            self._refuse(site.row, meaning.refused, meaning.weak)
            return
        read = self._read(site, record, meaning)
        if meaning.only_spans:
            self._span(site.row, read)
        elif site.row in self._seen:
            self._merge(site.row, read)
        else:
            self._place(site.row, read)
        self._note(site, record, read)

    def note(self, text: str) -> None:
        """Tell something of the gene in all samples."""
        self._notes[None, text] = None

    def finished(self) -> GeneGenotypes:
        """Return what was gathered."""
        self._note_homozygotes()
        phase_set = self._phase_set
        if phase_set is None:
            phase_set = np.broadcast_to(np.int32(0), self._first.shape)
        return GeneGenotypes(
            self.gene,
            self.positions,
            tuple(tuple(one) for one in self._alleles),
            self._first,
            self._second,
            self._state,
            self._phased,
            phase_set,
            tuple(self._discarded()),
            tuple(self._notes),
        )

    # --- one record -----------------------------------------------------------------------------

    def _read(self, site: Site, record: Record, meaning: Meaning) -> Reading:
        found = record.genotypes
        alleles, phased = found.alleles, found.phased
        if self._columns is not None:
            alleles, phased = alleles[self._columns], phased[self._columns]
        table = self._table(site.row, meaning.alleles)
        pair = table[alleles]
        if pair.shape[1] == 1:
            pair = np.column_stack([pair[:, 0], np.full(len(pair), ABSENT, np.int8)])
        carried = frozenset(int(one) for one in table[1 : len(meaning.alleles)] if one > 0)
        called = np.uint8(State.REFERENCE if meaning.block else State.CALLED)
        state = np.full(len(pair), called, np.uint8)
        read = Reading(pair[:, 0], pair[:, 1], state, phased, None, {}, carried)
        if meaning.block:
            state[self._doubtful_block(record)] = State.MISSING
            self._note_low(site, state, read)
        if meaning.block or pair.shape[1] > 2 or pair.min() < 0:
            self._set_aside_in(read, pair, site)
        if b"PS" in record.format_keys:
            phase_set = record.phase_set
            if phase_set is not None and self._columns is not None:
                phase_set = phase_set[self._columns]
            read.phase_set = phase_set
        return read

    def _set_aside_in(self, read: Reading, pair: Int8s, site: Site) -> None:
        """Take out of a reading what is missing and what cannot be trusted."""
        first, second, state = read.first, read.second, read.state
        missing = (first == UNKNOWN) | (second == UNKNOWN)
        state[missing] = State.MISSING
        if (missing & ((first >= 0) | (second >= 0))).any():
            self._notes[None, f"{site.position.position}: {HALF}"] = None
        for kind, reason in REASONS.items():
            which = (first == kind) | (second == kind)
            if which.any():
                read.set_aside[reason] = which
        if pair.shape[1] > 2:
            over = (pair[:, 2:] != ABSENT).any(axis=1)
            if over.any():
                read.set_aside[OVER_TWO] = over
        for which in read.set_aside.values():
            state[which] = State.DISCARDED
        gone = state > State.REFERENCE
        first[gone] = UNKNOWN
        second[gone] = UNKNOWN

    def _table(self, row: int, alleles: tuple[str | Set, ...]) -> Int8s:
        """Return the index at the position of each allele of a record; the last two for no copy.

        The file's -2 (no such copy) and -1 (missing) find themselves at the end of the table.
        """
        known = self._alleles[row]
        found = []
        for one in alleles:
            if isinstance(one, Set):
                found.append(int(one))
                continue
            if one not in known and len(known) < MOST_ALLELES:
                known.append(one)
            found.append(known.index(one) if one in known else int(Set.SYMBOLIC))
        return np.array([*found, ABSENT, UNKNOWN], np.int8)

    def _doubtful_block(self, record: Record) -> Bools:
        """Return the samples whose block of reference is no evidence."""
        doubtful = np.zeros(self._first.shape[1], np.bool_)
        for key, least in (("GQ", LEAST_BLOCK_QUALITY), ("MIN_DP", 1), ("DP", 1)):
            values = record.columns.integers(key)
            if values is not None:
                own = values if self._columns is None else values[self._columns]
                doubtful |= (own >= 0) & (own < least)
        return doubtful

    # --- several records ------------------------------------------------------------------------

    def _place(self, row: int, read: Reading) -> None:
        """Take the first record of a position."""
        self._seen[row] = read.alternates
        if row in self._touched:
            fresh = (self._state[row] != State.DISCARDED) | (read.state <= State.REFERENCE)
            self._take(row, read, fresh)
        else:
            self._take(row, read, slice(None))
        for reason, which in read.set_aside.items():
            self._add_aside(row, reason, which)

    def _take(self, row: int, read: Reading, which: Bools | slice) -> None:
        self._touched.add(row)
        self._first[row, which] = read.first[which]
        self._second[row, which] = read.second[which]
        self._state[row, which] = read.state[which]
        # Pages that nothing is written to cost no memory.
        if not isinstance(which, slice) or read.phased.any():
            self._phased[row, which] = read.phased[which]
        if read.phase_set is not None:
            if self._phase_set is None:
                self._phase_set = np.zeros(self._first.shape, np.int32)
            self._phase_set[row, which] = np.maximum(read.phase_set[which], 0)

    def _merge(self, row: int, read: Reading) -> None:
        """Take another record of a position: equal ones are one, those that differ contradict.

        Records with different alternates are parts of one, as `bcftools norm -m -` makes them:
        what one calls reference is the other's alternate.
        """
        first, second, state = self._first[row], self._second[row], self._state[row]
        before = self._seen[row]
        called = (state <= State.REFERENCE) & (read.state <= State.REFERENCE)
        equal = (first == read.first) & (second == read.second)
        equal |= (
            (first == read.second) & (second == read.first) & ~(self._phased[row] & read.phased)
        )
        own_unseen = _beyond(first, second, read.alternates)
        new_unseen = _beyond(read.first, read.second, before)
        own_reference, new_reference = (
            _is_reference(first, second),
            _is_reference(read.first, read.second),
        )
        parts = called & ~equal & own_unseen & new_unseen
        takes = (state > State.REFERENCE) & (read.state < state) | (
            parts & own_reference & ~new_reference
        )
        both = parts & ~own_reference & ~new_reference
        combined = both & self._combine(row, read, both)
        kept = parts & new_reference
        contradictory = called & ~equal & ~(takes | combined | kept)
        self._take(row, read, takes)
        if contradictory.any():
            self._drop(row, contradictory, CONTRADICTORY)
        for reason, which in read.set_aside.items():
            self._add_aside(row, reason, which & (self._state[row] == State.DISCARDED))
        self._seen[row] = before | read.alternates

    def _combine(self, row: int, read: Reading, which: Bools) -> Bools:
        """Make one genotype of two heterozygotes with different alternates; tell where it went."""
        first, second = self._first[row], self._second[row]
        single = (second == ABSENT) | (read.second == ABSENT)
        phased = self._phased[row] & read.phased
        own_left = first > 0
        new_left = read.first > 0
        heterozygous = (own_left != (second > 0)) & (new_left != (read.second > 0))
        fits: Bools = which & heterozygous & ~single & (~phased | (own_left != new_left))
        own = np.where(own_left, first, second)
        new = np.where(new_left, read.first, read.second)
        left = np.where(phased & ~own_left, new, own)
        right = np.where(phased & ~own_left, own, new)
        np.copyto(self._first[row], left, where=fits)
        np.copyto(self._second[row], right, where=fits)
        np.copyto(self._phased[row], phased, where=fits)
        return fits

    def _span(self, row: int, read: Reading) -> None:
        """Tell which samples carry a deletion over a position; no other record is overruled."""
        which = read.set_aside.get(REASONS[Set.SPANNED])
        if which is None:
            return
        text = f"{self.positions[row].position}: {REASONS[Set.SPANNED]} in another record"
        for sample in np.flatnonzero(which & (self._state[row] <= State.REFERENCE)):
            self._notes[int(sample), text] = None
        self._drop(row, which & (self._state[row] > State.REFERENCE), REASONS[Set.SPANNED])

    def _refuse(self, row: int, reason: str, weak: bool) -> None:
        """Set a position aside in all samples where no other record has spoken of it."""
        if row in self._seen:
            if not weak:
                position = self.positions[row].position
                self._notes[None, f"{position}: another record was set aside, {reason}"] = None
            return
        which = self._state[row] > State.REFERENCE
        self._drop(row, which, reason)

    def _drop(self, row: int, which: Bools, reason: str) -> None:
        self._touched.add(row)
        self._first[row, which] = UNKNOWN
        self._second[row, which] = UNKNOWN
        self._state[row, which] = State.DISCARDED
        self._add_aside(row, reason, which)

    def _add_aside(self, row: int, reason: str, which: Bools) -> None:
        if which.any():
            before = self._set_aside.get((row, reason))
            self._set_aside[row, reason] = which.copy() if before is None else before | which

    # --- telling --------------------------------------------------------------------------------

    def _discarded(self) -> Iterable[Discarded]:
        for (row, reason), which in self._set_aside.items():
            samples = np.flatnonzero(which & (self._state[row] == State.DISCARDED))
            if len(samples):
                yield Discarded(self.positions[row].position, reason, tuple(samples.tolist()))

    def _note(self, site: Site, record: Record, read: Reading) -> None:
        position = site.position.position
        if record.filters and not read.set_aside:
            shown = ", ".join(record.filters)
            self._notes[None, f"{position}: used though its FILTER is {shown}"] = None
        if record.genotypes.malformed:
            text = f"{position}: a genotype that cannot be read, taken as missing"
            self._notes[None, text] = None

    def _note_low(self, site: Site, state: NDArray[np.uint8], read: Reading) -> None:
        low = (state == State.MISSING) & (read.first >= 0)
        if low.any():
            self._notes[None, f"{site.position.position}: {LOW_QUALITY}, taken as missing"] = None

    def _note_homozygotes(self) -> None:
        """Tell that two equal alleles on chrX may stand for one copy."""
        if not self.positions or self.positions[0].chromosome != "chrX":
            return
        if ((self._first == self._second) & (self._first > 0)).any():
            self.note(
                "on chrX two equal alleles are taken as two copies, as the file writes them; "
                "in a male they stand for one"
            )


def _is_reference(first: Int8s, second: Int8s) -> Bools:
    reference: Bools = (first == 0) & ((second == 0) | (second == ABSENT))
    return reference


def _beyond(first: Int8s, second: Int8s, alternates: frozenset[int]) -> Bools:
    """Return where no alternate of a genotype is one that another record has."""
    beyond = np.ones(len(first), np.bool_)
    for one in alternates:
        beyond &= (first != one) & (second != one)
    return beyond


def by_gene(sites: Iterable[Site]) -> dict[str, list[Site]]:
    """Return positions by their gene."""
    found: dict[str, list[Site]] = defaultdict(list)
    for site in sites:
        found[site.gene].append(site)
    return dict(found)
