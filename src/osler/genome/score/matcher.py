"""What the records of a position add to every score that asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from osler.genome.score.matching import Hit, Rules, Site, Wanted
from osler.genome.score.totals import Term
from osler.genome.score.weights import Placement, ScoringFile

if TYPE_CHECKING:
    from osler.genome.score.frequencies import ByAllele, Frequencies
    from osler.genome.score.loadings import Loadings

REPEATED = "records that repeat position and alleles of the one before, left out"
LATER_RECORD = "records of a position already answered, further down the file, left out"


_NOTHING: dict[int, tuple[int, ...]] = {}


@dataclass(frozen=True)
class _Asker:
    """The variants that are looked for, and what one that is found adds."""

    wanted: Wanted
    terms_of: Callable[[Hit, Mapping[str, float]], list[Term]]


class Matcher:
    """All scores, and the loadings of components if there are any, side by side.

    Attributes
    ----------
    wanted : list of Wanted
        One for each score, in their order.
    loadings : Wanted or None
    offsets : shape (scores + components,)
        What centring takes off each sum.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.wanted: list[Wanted] = []
        self.loadings: Wanted | None = None
        self.frequencies: Frequencies | None = None
        self.told: Counter[str] = Counter()
        self._askers: list[_Asker] = []
        self.offsets: list[float] = []

    def add_score(self, score: ScoringFile, placement: Placement) -> None:
        """Look for a score's variants; scores come before loadings."""
        number = len(self.wanted)
        wanted = Wanted(score, placement, self.rules)
        self.wanted.append(wanted)
        self.offsets.append(0.0)

        weights, effects = score.weights.tolist(), score.effects.tolist()
        frequencies, by_genotype = score.frequencies.tolist(), score.by_genotype

        def terms_of(hit: Hit, known: Mapping[str, float]) -> list[Term]:
            row = hit.row
            share = known.get(hit.name, frequencies[row]) if known else frequencies[row]
            return [
                Term(number, hit.allele, weights[row], effects[row], by_genotype.get(row), share)
            ]

        self._askers.append(_Asker(wanted, terms_of))

    def add_loadings(self, loadings: Loadings, placement: Placement) -> None:
        """Look for the variants of a panel's components."""
        start = len(self.offsets)
        wanted = Wanted(loadings.variants, placement, self.rules)
        self.loadings = wanted
        self.offsets += [0.0] * loadings.values.shape[1]

        def terms_of(hit: Hit, _: Mapping[str, float]) -> list[Term]:
            share = float(loadings.variants.frequencies[hit.row])
            terms = []
            for component, weight in enumerate(loadings.values[hit.row].tolist()):
                if np.isfinite(share):
                    self.offsets[start + component] -= 2 * share * weight
                terms.append(Term(start + component, hit.allele, weight, frequency=share))
            return terms

        self._askers.append(_Asker(wanted, terms_of))

    def positions(self) -> dict[str, Collection[int]]:
        """Return every position that is looked for, by chromosome."""
        found: dict[str, set[int]] = {}
        for asker in self._askers:
            for chromosome, there in asker.wanted.rows.items():
                found.setdefault(chromosome, set()).update(there)
        return dict(found)

    def asks_for(self, chromosome: str) -> list[Mapping[int, object]]:
        """Return, for each that looks for something on a chromosome, its positions."""
        return [
            one.wanted.rows[chromosome] for one in self._askers if chromosome in one.wanted.rows
        ]

    def plain_terms(self, where: tuple[str, int], alleles: tuple[str, ...]) -> list[Term] | None:
        """Return what the only record of a position adds, if every asker's case is the plain one.

        Returns
        -------
        None if for any of them it is not; then nothing was counted, and `terms` is to be asked.
        """
        chromosome, position = where
        found: list[tuple[_Asker, Hit]] = []
        for one in self._askers:
            rows = one.wanted.rows.get(chromosome, _NOTHING).get(position)
            if rows is None:
                continue
            hit = one.wanted.plain(rows, alleles)
            if hit is None:
                return None
            found.append((one, hit))
        known = self.frequencies.of(where, Site(alleles)) if self.frequencies else {}
        terms: list[Term] = []
        for one, hit in found:
            one.wanted.take(where)
            terms += one.terms_of(hit, known)
        return terms

    def terms(self, where: tuple[str, int], sites: Sequence[Site]) -> list[list[Term]]:
        """Return, for each record of a position, what it adds to the scores."""
        chromosome, position = where
        asking = [one for one in self._askers if one.wanted.rows.get(chromosome, {}).get(position)]
        if not asking:
            self.told[LATER_RECORD] += len(sites)
            return [[] for _ in sites]
        self.told[REPEATED] += len(sites) - len(set(sites))
        known: list[ByAllele] = (
            [self.frequencies.of(where, site) for site in sites]
            if self.frequencies
            else [{}] * len(sites)
        )
        found: list[list[Term]] = [[] for _ in sites]
        for one in asking:
            for hit in one.wanted.resolve(where, sites, known):
                found[hit.record] += one.terms_of(hit, known[hit.record])
        return found
