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


@dataclass(frozen=True)
class Scores:
    """Log likelihood ratios of a patient's findings, before they are tempered.

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
        self._papers = _papers(library, np.arange(len(library.annotations.disease)))
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
            Rows of the annotations not to be used.
        """
        ontology = self.library.ontology
        needed = ontology.closure([*observed, *excluded])
        ruled_out = np.unique(np.array(excluded, np.int32))
        strength = self._dense(needed, self._strength)
        frequency = self._dense(ruled_out, self._frequency)
        breadth = self._breadth
        if left_out is not None and len(left_out):
            changed = self.library.without(left_out)
            breadth = breadth.copy()
            breadth[changed.diseases] = changed.breadth
            strength[:, changed.diseases] = _table(changed, needed, "strength")
            frequency[:, changed.diseases] = _table(changed, ruled_out, "frequency")
        implied = self._implied(observed)
        ratios, exact = self._observed(observed, implied, needed, strength, breadth, left_out)
        expected = strength[np.searchsorted(needed, ruled_out)]
        return Scores(ratios, self._excluded(excluded, frequency, expected), implied, exact)

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
        papers = self._papers.astype(np.float64)
        if left_out is not None and len(left_out):
            papers -= _papers(self.library, left_out)
        return self.weights.published * np.log1p(np.maximum(papers, 0.0))

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

    def _observed(
        self,
        observed: Sequence[int],
        implied: NDArray[np.bool_],
        needed: Ints,
        strength: Floats,
        breadth: Floats,
        left_out: Places | None,
    ) -> tuple[Floats, NDArray[np.bool_]]:
        ontology, weights = self.library.ontology, self.weights
        lift = strength / self.background[needed][:, None]
        too_broad = weights.breadth * np.log(breadth + weights.breadth_offset)
        ratios = np.zeros((len(observed), self.library.n_diseases))
        exact = np.zeros(ratios.shape, np.bool_)
        for place, term in enumerate(observed):
            family = np.searchsorted(needed, ontology.ancestors_of(term))
            own, above = family[-1], family[:-1]
            exact[place] = strength[own] > 0
            if implied[place]:
                continue
            near = lift[above].max(axis=0, initial=0.0)
            ruled_out = self._said_not(term, left_out)
            whole = np.where(ruled_out, 0.0, lift[own] + weights.nearby * near)
            ratios[place] = np.log(whole + weights.unrelated) - too_broad
        return ratios * self._independence(observed, implied)[:, None], exact

    def _independence(self, observed: Sequence[int], implied: NDArray[np.bool_]) -> Floats:
        """Return how much of each finding is not told by the others, 1 for one unlike any.

        The likeness of two terms is that of Lin 1998, Proc 15th Int Conf Mach Learn:296-304, with
        the background as probability.
        """
        ontology, weights = self.library.ontology, self.weights
        surprise = -np.log(self.background)
        families = [ontology.ancestors_of(term) for term in observed]
        likeness = np.zeros((len(observed), len(observed)))
        for place in np.flatnonzero(~implied).tolist():
            for other in np.flatnonzero(~implied[:place]).tolist():
                shared = np.intersect1d(families[place], families[other], assume_unique=True)
                whole = surprise[observed[place]] + surprise[observed[other]]
                alike = 2 * surprise[shared].max(initial=0.0) / whole if whole > 0 else 0.0
                likeness[place, other] = likeness[other, place] = alike
        beyond = np.maximum(likeness - weights.unlike, 0.0).sum(axis=1)
        independence: Floats = 1 / (1 + weights.redundancy * beyond)
        return independence

    def _excluded(self, excluded: Sequence[int], frequency: Floats, expected: Floats) -> Floats:
        weights = self.weights
        distinct = np.unique(np.array(excluded, np.int32))
        ratios = np.zeros((len(excluded), self.library.n_diseases))
        for place, term in enumerate(excluded):
            if term in excluded[:place]:
                continue
            row = np.searchsorted(distinct, term)
            here = np.log1p(-weights.never_certain * frequency[row])
            usual = np.log1p(-weights.never_certain * self.usual_frequency[term])
            looked_for = weights.looked_for * (expected[row] - self.background[term])
            ratios[place] = weights.exclusion * (here - usual) + looked_for
        return ratios

    def _said_not(self, term: int, left_out: Places | None) -> NDArray[np.bool_]:
        """Tell in which diseases the term, or what it is a kind of, is said not to be."""
        said = np.zeros(self.library.n_diseases, np.bool_)
        dropped = set() if left_out is None else set(left_out.tolist())
        for one in self.library.ontology.ancestors_of(term).tolist():
            for disease, row in self._negated.get(one, ()):
                said[disease] |= row not in dropped
        return said


def _negated(library: Library) -> dict[int, list[tuple[int, int]]]:
    told = library.annotations
    found: dict[int, list[tuple[int, int]]] = {}
    for row in np.flatnonzero(told.negated & (told.disease < library.n_diseases)).tolist():
        found.setdefault(int(told.term[row]), []).append((int(told.disease[row]), row))
    return found


def _papers(library: Library, rows: Places) -> Floats:
    """Return how many publications of a disease these rows are from, shape (diseases,)."""
    told = library.annotations
    published = np.array([bool(publications_of(one)) for one in told.references])
    rows = rows[published[told.reference[rows]]]
    pairs = np.unique(
        told.disease[rows].astype(np.int64) * len(told.references) + told.reference[rows]
    )
    diseases = pairs // max(len(told.references), 1)
    return np.bincount(diseases, minlength=len(told.names))[: library.n_diseases].astype(np.float64)


def _table(profiles: Profiles, terms: Ints, values: str) -> Floats:
    """Return values of profiles, shape (terms, diseases)."""
    entries = profiles.entries
    there = np.isin(entries.term, terms)
    place = np.searchsorted(profiles.diseases, entries.disease[there])
    table = np.zeros((len(terms), len(profiles.diseases)))
    column: Any = getattr(entries, values)
    table[np.searchsorted(terms, entries.term[there]), place] = column[there]
    return table
