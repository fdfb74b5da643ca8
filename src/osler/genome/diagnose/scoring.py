"""Likelihood ratios of a patient's findings in every disease.

After LIRICAL: Robinson et al. 2020, Am J Hum Genet 107:403-417, doi:10.1016/j.ajhg.2020.06.021. The
likelihood ratio of a finding compares how strongly a disease expects it with how strongly the mean
disease does. A finding that is not in a disease's profile counts by the most telling more general
term that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osler.genome.diagnose.annotations import Ints, publications_of
from osler.genome.diagnose.profiles import Floats, Library, Places, Profiles, spread

TINY = 1e-12


@dataclass(frozen=True)
class Scores:
    """Log likelihood ratios of a patient's findings, as they are added up.

    Attributes
    ----------
    observed, excluded
        Shape (findings, diseases).
    implied
        Of each observed finding, whether another one is a kind of it; its row is zero.
    exact
        Shape (observed, diseases): whether the disease's profile has the finding itself.
    """

    observed: Floats
    excluded: Floats
    implied: NDArray[np.bool_]
    exact: NDArray[np.bool_]

    @property
    def total(self) -> Floats:
        """Shape (diseases,): the sum over all findings."""
        whole: Floats = self.observed.sum(axis=0) + self.excluded.sum(axis=0)
        return whole


@dataclass(frozen=True)
class _Expected:
    """What all diseases expect of some terms.

    Attributes
    ----------
    terms
        Sorted indices, with all that they are kinds of.
    strength, frequency
        Shape (terms, diseases).
    background, usual_frequency
        Shape (terms,): the means over all diseases.
    too_broad
        Shape (diseases,): what each explained finding is to be taken off.
    """

    terms: Ints
    strength: Floats
    frequency: Floats
    background: Floats
    usual_frequency: Floats
    too_broad: Floats

    def places(self, terms: Ints) -> Places:
        """Return the rows of terms."""
        return np.searchsorted(self.terms, terms)


class Scorer:
    """Scores findings against the profiles of a library.

    Attributes
    ----------
    background
        Shape (terms,): the mean strength of a term over all diseases.
    usual_frequency
        Shape (terms,): its mean frequency.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self.weights = library.weights
        profiles = library.all
        entries, n_terms = profiles.entries, len(library.ontology)
        order = np.argsort(entries.term, kind="stable")
        self._disease = entries.disease[order]
        self._strength = entries.strength[order]
        self._frequency = entries.frequency[order]
        self._starts = np.searchsorted(entries.term[order], np.arange(n_terms + 1))
        self._breadth = profiles.breadth
        self._negated = _negated(library)
        self._papers = _Papers.of(library)
        whole = np.bincount(entries.term, entries.strength, n_terms)
        self.background = (whole + self.weights.unseen) / (library.n_diseases + 1)
        self.usual_frequency = (
            np.bincount(entries.term, entries.frequency, n_terms) / library.n_diseases
        )

    def score(
        self, observed: Sequence[int], excluded: Sequence[int], left_out: Places | None = None
    ) -> Scores:
        """Score findings in every ranked disease.

        Parameters
        ----------
        observed, excluded
            Indices of terms.
        left_out
            Rows of the annotations not to be used, nor anything worked out from them.
        """
        weights = self.weights
        table = self._table_of(observed, excluded, left_out)
        implied = self._implied(observed)
        hidden = None if left_out is None else frozenset(left_out.tolist())
        absent = np.stack([self._said_not(term, hidden) for term in observed]) if observed else None
        ratios, exact = self._explained(observed, implied, table, absent)
        repeated = self._implied(excluded)
        looked_for, _ = self._explained(excluded, repeated, table, None)
        negatives = self._not_there(excluded, table) + weights.looked_for * looked_for
        return Scores(
            ratios * weights.temper_of(int((~implied).sum())),
            negatives * weights.temper_of(int((~repeated).sum())),
            implied,
            exact,
        )

    def frequencies(self, diseases: Places, left_out: Places | None = None) -> Floats:
        """Return how often each disease shows each term, by its own annotations.

        Returns
        -------
        Shape (diseases, terms); zero where nothing is annotated.
        """
        profiles = self.library.all
        table = np.zeros((len(diseases), len(self.library.ontology)))
        places, owner = spread(*profiles.entries.bounds(diseases.astype(np.int32)))
        table[owner, profiles.entries.term[places]] = profiles.entries.frequency[places]
        if left_out is not None and len(left_out):
            changed = self.library.without(left_out)
            for row in np.flatnonzero(np.isin(diseases, changed.diseases)).tolist():
                its = changed.entries.disease == diseases[row]
                table[row] = 0.0
                table[row, changed.entries.term[its]] = changed.entries.frequency[its]
        return table

    def log_prior(self, left_out: Places | None = None) -> Floats:
        """Return the log prior weight of each ranked disease, by how much was published of it.

        A disease described in more papers is met more often. Publications left out do not count.
        """
        hidden = (
            None if left_out is None else np.unique(self.library.annotations.reference[left_out])
        )
        return self.weights.published * np.log1p(self._papers.counts(hidden))

    # --- parts ----------------------------------------------------------------------------------

    def _dense(self, terms: Ints, values: Floats) -> Floats:
        """Return shape (terms, diseases); zero where a profile has nothing."""
        table = np.zeros((len(terms), self.library.n_diseases))
        places, owner = spread(self._starts[terms], self._starts[terms + 1])
        table[owner, self._disease[places]] = values[places]
        return table

    def _implied(self, observed: Sequence[int]) -> NDArray[np.bool_]:
        """Tell which findings another one is a kind of, or repeats."""
        ontology = self.library.ontology
        above: set[int] = set()
        for term in observed:
            above.update(ontology.ancestors_of(term)[:-1].tolist())
        repeated = [term in observed[:place] for place, term in enumerate(observed)]
        known = [term in above for term in observed]
        return np.array(known, np.bool_) | np.array(repeated, np.bool_)

    def _table_of(
        self, observed: Sequence[int], excluded: Sequence[int], left_out: Places | None
    ) -> _Expected:
        """Gather what all diseases expect of these terms and of what they are kinds of."""
        terms = self.library.ontology.closure([*observed, *excluded])
        strength = self._dense(terms, self._strength)
        frequency = self._dense(terms, self._frequency)
        breadth, background = self._breadth, self.background[terms]
        usual = self.usual_frequency[terms]
        if left_out is not None and len(left_out):
            changed = self.library.without(left_out)
            its = changed.diseases
            stronger, oftener = (_table(changed, terms, one) for one in ("strength", "frequency"))
            # The means over all diseases are made of the rows left out, too.
            n_diseases = self.library.n_diseases
            background = background + (stronger - strength[:, its]).sum(axis=1) / (n_diseases + 1)
            usual = usual + (oftener - frequency[:, its]).sum(axis=1) / n_diseases
            strength[:, its], frequency[:, its] = stronger, oftener
            breadth = breadth.copy()
            breadth[its] = changed.breadth
        too_broad = self.weights.breadth * np.log(breadth + self.weights.breadth_offset)
        return _Expected(terms, strength, frequency, background, usual, too_broad)

    def _explained(
        self,
        findings: Sequence[int],
        implied: NDArray[np.bool_],
        table: _Expected,
        absent: NDArray[np.bool_] | None,
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return how well each disease explains each finding, and whether its profile has it.

        Parameters
        ----------
        absent
            Shape (findings, diseases): where the disease is said not to have the finding.
        """
        weights = self.weights
        lift = table.strength / table.background[:, None]
        ratios = np.zeros((len(findings), self.library.n_diseases))
        exact = np.zeros(ratios.shape, np.bool_)
        for place, term in enumerate(findings):
            family = table.places(self.library.ontology.ancestors_of(term))
            own, above = family[-1], family[:-1]
            exact[place] = table.strength[own] > 0
            if implied[place]:
                continue
            whole = lift[own] + weights.nearby * lift[above].max(axis=0, initial=0.0)
            if absent is not None:
                whole[absent[place]] = 0.0
            ratios[place] = np.log(whole + weights.unrelated) - table.too_broad
        return ratios * self._independence(findings, implied, table)[:, None], exact

    def _independence(
        self, findings: Sequence[int], implied: NDArray[np.bool_], table: _Expected
    ) -> Floats:
        """Return how much of each finding is not told by the others, 1 for one unlike any.

        The likeness of two terms is that of Lin 1998, Proc 15th Int Conf Mach Learn:296-304, with
        the background as probability.
        """
        weights, surprise = self.weights, -np.log(np.minimum(table.background, 1.0))
        kinds = np.zeros((len(findings), len(table.terms)))
        own = np.zeros(len(findings))
        for place in np.flatnonzero(~implied).tolist():
            family = table.places(self.library.ontology.ancestors_of(findings[place]))
            kinds[place, family] = surprise[family]
            own[place] = surprise[family[-1]]
        beyond = np.zeros(len(findings))
        for place in np.flatnonzero(~implied).tolist():
            shared = np.minimum(kinds, kinds[place]).max(axis=1)
            likeness = 2 * shared / np.maximum(own + own[place], TINY)
            likeness[place] = 0.0
            beyond[place] = np.maximum(likeness - weights.unlike, 0.0).sum()
        independence: Floats = 1 / (1 + weights.redundancy * beyond)
        return independence

    def _not_there(self, excluded: Sequence[int], table: _Expected) -> Floats:
        """Return how well each disease fits that findings are not there."""
        weights = self.weights
        ratios = np.zeros((len(excluded), self.library.n_diseases))
        for place, term in enumerate(excluded):
            if term in excluded[:place]:
                continue
            (row,) = table.places(np.array([term]))
            here = np.log1p(-weights.never_certain * table.frequency[row])
            usual = np.log1p(-weights.never_certain * table.usual_frequency[row])
            ratios[place] = weights.exclusion * (here - usual)
        return ratios

    def _said_not(self, term: int, hidden: frozenset[int] | None) -> NDArray[np.bool_]:
        """Tell in which diseases the term, or what it is a kind of, is said not to be."""
        said = np.zeros(self.library.n_diseases, np.bool_)
        for one in self.library.ontology.ancestors_of(term).tolist():
            for disease, row in self._negated.get(one, ()):
                said[disease] |= hidden is None or row not in hidden
        return said


def _negated(library: Library) -> dict[int, list[tuple[int, int]]]:
    told = library.annotations
    found: dict[int, list[tuple[int, int]]] = {}
    for row in np.flatnonzero(told.negated & (told.disease < library.n_diseases)).tolist():
        found.setdefault(int(told.term[row]), []).append((int(told.disease[row]), row))
    return found


@dataclass(frozen=True)
class _Papers:
    """Which publications each disease is annotated from; a row may name several as one."""

    disease: Ints
    reference: Ints
    n_diseases: int

    @classmethod
    def of(cls, library: Library) -> _Papers:
        told = library.annotations
        published = np.array([bool(publications_of(one)) for one in told.references], np.bool_)
        rows = published[told.reference] & (told.disease < library.n_diseases)
        pairs = np.unique(np.stack([told.disease[rows], told.reference[rows]]), axis=1)
        return cls(pairs[0], pairs[1], library.n_diseases)

    def counts(self, without: Ints | None = None) -> Floats:
        """Return how many there are of each disease, without some references."""
        disease = self.disease
        if without is not None and len(without):
            disease = disease[~np.isin(self.reference, without)]
        return np.bincount(disease, minlength=self.n_diseases).astype(np.float64)


def _table(profiles: Profiles, terms: Ints, values: str) -> Floats:
    """Return values of profiles, shape (terms, diseases)."""
    entries = profiles.entries
    there = np.isin(entries.term, terms)
    place = np.searchsorted(profiles.diseases, entries.disease[there])
    table = np.zeros((len(terms), len(profiles.diseases)))
    column: Any = getattr(entries, values)
    table[np.searchsorted(terms, entries.term[there]), place] = column[there]
    return table
