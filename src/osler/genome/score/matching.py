"""Which allele of which record a score's variant speaks of, or why of none.

The rules are those that the PGS Catalog Calculator documents (Lambert et al. 2024, medRxiv
2024.05.29.24307783, supplement; PGScatalog/pgscatalog-utils): position and alleles decide, as
written before swapped, the written strand before the other, a known other allele before none;
palindromic sites and variants that a score lists twice are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from osler.genome.score import naming
from osler.genome.score.weights import NO_POSITION, Placement, ScoringFile

Ambiguous = Literal["drop", "keep"]

# Why a variant of the score was not matched.
ABSENT = "position not in the genotypes"
ALLELES_DIFFER = "alleles differ"
PALINDROME = "palindromic alleles (A/T or C/G), strand unknown"
LISTED_TWICE = "listed more than once in the score"

# How one was.
AS_WRITTEN = "alleles as written"
OTHER_STRAND = "on the other strand"
WITHOUT_OTHER = "without an other allele"
BY_FREQUENCY = "palindromic, strand told by frequency"

# An allele must be clearly the rarer or the commoner one in both places before its frequency may
# tell the strand; the bound is that of Hemani et al. 2018, eLife 7:e34408 (0.42 for the rarer one).
CLEARLY_RARER = 0.42

_PAIRED = {"A": "T", "T": "A", "C": "G", "G": "C"}

# The allele of a record that nobody called there can carry.
NO_COPY = -1


class Site(NamedTuple):
    """A record of the genotypes: its reference allele and the others, in upper case.

    A record without a usable alternative allele has the reference allele alone.
    """

    alleles: tuple[str, ...]


class Hit(NamedTuple):
    """A variant of the score found in a record.

    Parameters
    ----------
    row
        Of the score.
    record
        Number among the records of the position.
    allele
        The effect allele's number in the record; `NO_COPY` if the record does not have it.
    name
        The effect allele as the record writes it.
    how
        What the match rests on.
    """

    row: int
    record: int
    allele: int
    name: str
    how: str


class Candidate(NamedTuple):
    """One way to read a variant in a record; the smaller rank is the better."""

    rank: int
    record: int
    allele: int
    flipped: bool


@dataclass
class Tally:
    """How many variants of a score were matched, how, and why the rest was not."""

    matched: Counter[str] = field(default_factory=Counter)
    unmatched: Counter[str] = field(default_factory=Counter)

    @property
    def n_matched(self) -> int:
        """Count the variants that were matched."""
        return sum(self.matched.values())


@dataclass(frozen=True)
class Rules:
    """What to do where the alleles leave a choice.

    Parameters
    ----------
    ambiguous
        `drop` leaves palindromic variants out unless frequencies tell the strand; `keep` takes them
        as written.
    """

    ambiguous: Ambiguous = "drop"


class Wanted:
    """The variants of one score by position, and what became of each.

    Parameters
    ----------
    placement
        Where they lie in the genotypes' build.
    """

    def __init__(self, score: ScoringFile, placement: Placement, rules: Rules) -> None:
        self.score, self.rules = score, rules
        self.tally = Tally(unmatched=Counter(score.refused))
        self.rows: dict[str, dict[int, tuple[int, ...]]] = {}
        nowhere = 0
        positions = placement.positions.tolist()
        for row, (name, at) in enumerate(zip(placement.chromosomes, positions, strict=True)):
            if not at:
                nowhere += 1
                continue
            there = self.rows.setdefault(name, {})
            there[at] = (*there[at], row) if at in there else (row,)
        if nowhere:
            self.tally.unmatched[NO_POSITION] += nowhere

    def resolve(
        self,
        where: tuple[str, int],
        sites: Sequence[Site],
        reference_frequencies: Sequence[Mapping[str, float]] = (),
    ) -> list[Hit]:
        """Return the variants that the records of one position answer, and count the others.

        Parameters
        ----------
        where
            Chromosome and position, one of `rows`; it is answered once, later asks find nothing.
        sites
            Every record of this position.
        reference_frequencies
            For each record, allele to frequency in a reference on the forward strand; may be empty.
        """
        hits: list[Hit] = []
        chromosome, position = where
        there = self.rows[chromosome]
        rows, there[position] = there[position], ()
        for row in rows:
            found = self.best(row, sites)
            if found is None:
                self.tally.unmatched[ALLELES_DIFFER] += 1
                continue
            known = reference_frequencies[found.record] if reference_frequencies else {}
            hit = self.accept(row, found, sites[found.record], known)
            if hit is None:
                self.tally.unmatched[PALINDROME] += 1
            else:
                hits.append(hit)
        return self.once(hits, sites)

    def plain(self, rows: Sequence[int], alleles: tuple[str, ...]) -> Hit | None:
        """Return the hit of the commonest case: one variant, one record, two alleles as written.

        What the general rules say of it is the same; it is answered apart because it is nearly
        always the case, and scores have millions of variants.
        """
        if len(rows) != 1 or len(alleles) != 2:
            return None
        effect, others = self.score.effect_alleles[rows[0]], self.score.other_alleles[rows[0]]
        if len(others) != 1 or _PAIRED.get(effect) in alleles:
            return None
        first, second = alleles
        if effect == second and others[0] == first:
            return Hit(rows[0], 0, 1, effect, AS_WRITTEN)
        if effect == first and others[0] == second:
            return Hit(rows[0], 0, 0, effect, AS_WRITTEN)
        return None

    def take(self, where: tuple[str, int]) -> None:
        """Count the variant of a position, found plain, as answered."""
        self.rows[where[0]][where[1]] = ()
        self.tally.matched[AS_WRITTEN] += 1

    def best(self, row: int, sites: Sequence[Site]) -> Candidate | None:
        """Return the best way to read a variant in the records, the first of equal ones."""
        effect, others = self.score.effect_alleles[row], self.score.other_alleles[row]
        return min(
            (
                candidate
                for number, site in enumerate(sites)
                for candidate in _candidates(number, site, effect, others)
            ),
            default=None,
            key=lambda one: (one.rank, one.record),
        )

    def accept(
        self, row: int, found: Candidate, site: Site, known: Mapping[str, float]
    ) -> Hit | None:
        """Settle the strand of a palindromic variant; None if it cannot be told."""
        how = (
            OTHER_STRAND
            if found.flipped
            else (AS_WRITTEN if self.score.other_alleles[row] else WITHOUT_OTHER)
        )
        if not _is_palindromic(site, self.score.effect_alleles[row], self.score.other_alleles[row]):
            return _hit(row, found, found.allele, site, how)
        told = _strand(
            float(self.score.frequencies[row]), known.get(self.score.effect_alleles[row], np.nan)
        )
        if len(site.alleles) == 1:
            told = None
        if told == "same":
            written = site.alleles.index(self.score.effect_alleles[row])
            return _hit(row, found, written, site, BY_FREQUENCY)
        if told == "other":
            turned = site.alleles.index(naming.complement(self.score.effect_alleles[row]))
            return _hit(row, found, turned, site, BY_FREQUENCY)
        if self.rules.ambiguous == "keep":
            return _hit(row, found, found.allele, site, how)
        return None

    def once(self, hits: list[Hit], sites: Sequence[Site]) -> list[Hit]:
        """Leave out variants that a score lists twice, and count those that stay."""
        pairs = Counter(self.identity(hit, sites) for hit in hits)
        kept = [hit for hit in hits if pairs[self.identity(hit, sites)] == 1]
        self.tally.unmatched[LISTED_TWICE] += len(hits) - len(kept)
        self.tally.matched.update(hit.how for hit in kept)
        return kept

    def identity(self, hit: Hit, sites: Sequence[Site]) -> tuple[int, int, frozenset[str]]:
        """Return what makes two rows of a score the same variant: record, effect type, alleles."""
        alleles = sites[hit.record].alleles
        pair = alleles if len(alleles) == 2 else (alleles[0], hit.name)
        return hit.record, int(self.score.effects[hit.row]), frozenset(pair)

    def finish(self) -> Tally:
        """Count what no record answered, and return the tally."""
        absent = sum(len(rows) for there in self.rows.values() for rows in there.values())
        if absent:
            self.tally.unmatched[ABSENT] += absent
        self.tally.unmatched = +self.tally.unmatched
        return self.tally


def _hit(row: int, found: Candidate, allele: int, site: Site, how: str) -> Hit:
    return Hit(row, found.record, allele, "" if allele == NO_COPY else site.alleles[allele], how)


def _candidates(number: int, site: Site, effect: str, others: tuple[str, ...]) -> list[Candidate]:
    """Return every way to read a variant in one record."""
    found = _on_strand(number, site, effect, others, flipped=False)
    # On the other strand an insertion or deletion is anchored at another base: only single bases.
    if len(effect) == 1 and all(len(one) == 1 for one in others):
        turned = tuple(map(naming.complement, others))
        found += _on_strand(number, site, naming.complement(effect), turned, flipped=True)
    return found


def _on_strand(
    number: int, site: Site, effect: str, others: tuple[str, ...], *, flipped: bool
) -> list[Candidate]:
    """Return the way to read a variant on one strand, if there is one.

    Ranks follow pgscatalog-utils: effect allele reference, effect allele alternative, the same on
    the other strand; then all of them again where no other allele is known. Last comes a record
    without alternative alleles: who is called there carries no copy of another allele.
    """
    if len(site.alleles) == 1:
        return _monomorphic(number, site.alleles[0], effect, others, flipped=flipped)
    if effect not in site.alleles:
        return []
    allele = site.alleles.index(effect)
    if others and not any(one in site.alleles and one != effect for one in others):
        return []
    rank = (0 if others else 4) + (2 if flipped else 0) + (0 if allele == 0 else 1)
    return [Candidate(rank, number, allele, flipped)]


def _monomorphic(
    number: int, reference: str, effect: str, others: tuple[str, ...], *, flipped: bool
) -> list[Candidate]:
    """Return the way to read a variant in a record of the reference allele alone."""
    if not others or len(effect) > 1 or any(len(one) > 1 for one in others):
        return []
    rank = 8 + (2 if flipped else 0)
    if effect == reference:
        return [Candidate(rank, number, 0, flipped)]
    return [Candidate(rank + 1, number, NO_COPY, flipped)] if reference in others else []


def _is_palindromic(site: Site, effect: str, others: tuple[str, ...]) -> bool:
    """Tell whether a variant reads alike on both strands: A/T or C/G.

    Of a site with more alleles it is the pair that the score names; without an other allele, any
    allele of the site that pairs with the effect allele.
    """
    if len(effect) > 1:
        return False
    paired = naming.complement(effect)
    if len(site.alleles) == 1:
        return paired in others
    if not others or len(site.alleles) == 2:
        return paired in site.alleles and effect in site.alleles
    return paired in others and paired in site.alleles


def _strand(score_frequency: float, reference_frequency: float) -> Literal["same", "other"] | None:
    """Tell the strand of a palindromic variant by the effect allele's frequency, if it is clear."""
    rarer = [
        None if not abs(one - 0.5) > 0.5 - CLEARLY_RARER else one < 0.5
        for one in (score_frequency, reference_frequency)
    ]
    if None in rarer:
        return None
    return "same" if rarer[0] == rarer[1] else "other"
