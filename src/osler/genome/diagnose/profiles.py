"""What each disease is expected to show: its own annotations, and weaker what is close to it.

A profile is a strength between 0 and 1 for each term. A disease's own annotations come first; with
lower weights follow what Orphanet says of the same disease, the other diseases of its genes, the
series it belongs to, and the findings it is named after. Where several say the same term, the
strongest counts. A term's strength holds for all that the term is a kind of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from osler.genome.diagnose import names
from osler.genome.diagnose.annotations import Annotations, Ints
from osler.genome.diagnose.ontology import Ontology
from osler.genome.diagnose.weights import Weights

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Entries:
    """Strength of terms in diseases, sorted by disease and term, each pair once.

    Attributes
    ----------
    disease, term, strength
        Of each entry.
    frequency
        Of each entry; 0 where it was borrowed.
    """

    disease: Ints
    term: Ints
    strength: Floats
    frequency: Floats

    def bounds(self, diseases: Ints) -> tuple[Places, Places]:
        """Return where the entries of each disease begin and end."""
        return (
            np.searchsorted(self.disease, diseases, "left"),
            np.searchsorted(self.disease, diseases, "right"),
        )


@dataclass(frozen=True)
class Partners:
    """Which other diseases a disease borrows from, sorted by disease.

    Attributes
    ----------
    disease, partner
        As indices into the annotations.
    weight
        Relative strength of what is borrowed.
    by_gene
        Whether a shared gene is all that links the two.
    """

    disease: Ints
    partner: Ints
    weight: Floats
    by_gene: NDArray[np.bool_]


@dataclass(frozen=True)
class Profiles:
    """The profiles of some diseases, propagated to more general terms.

    Attributes
    ----------
    entries
        Sorted by disease and term.
    breadth
        Of each disease asked for, the sum of its strengths before they were propagated.
    """

    diseases: Ints
    entries: Entries
    breadth: Floats


class Library:
    """The annotations of a release, ready to make profiles of.

    Parameters
    ----------
    weights
        How much each kind of evidence counts.
    """

    def __init__(self, ontology: Ontology, annotations: Annotations, weights: Weights) -> None:
        self.ontology = ontology
        self.annotations = annotations
        self.weights = weights
        self._row_order = np.argsort(annotations.disease, kind="stable")
        self._rows_by_disease = annotations.disease[self._row_order]
        self._partners = partners(annotations, weights)
        groups = names.series(annotations.names[: annotations.n_omim])
        self._members = {one: group for group in groups for one in group}
        self._named = _named(ontology, annotations)
        self._last: tuple[bytes, Profiles] | None = None

    @property
    def n_diseases(self) -> int:
        """How many diseases are ranked."""
        return self.annotations.n_omim

    @cached_property
    def all(self) -> Profiles:
        """The profiles of every ranked disease."""
        rows = np.arange(len(self.annotations.disease))
        return self._profiles(np.arange(self.n_diseases, dtype=np.int32), self._own(rows), ())

    def without(self, left_out: Places) -> Profiles:
        """Return the profiles that change when rows are left out; the last answer is kept."""
        key = left_out.tobytes()
        if self._last is None or self._last[0] != key:
            self._last = key, self._changed(left_out)
        return self._last[1]

    def _changed(self, left_out: Places) -> Profiles:
        annotations = self.annotations
        touched = np.unique(annotations.disease[left_out])
        if not len(touched):
            return self._profiles(touched, self._own(left_out), ())
        borrowing = self._partners.disease[np.isin(self._partners.partner, touched)]
        series = chain.from_iterable(self._members.get(int(one), ()) for one in touched)
        together = [touched, borrowing, np.fromiter(series, np.int32)]
        targets = np.unique(np.concatenate(together)).astype(np.int32)
        targets = targets[targets < self.n_diseases]
        rows = self._rows_of(self._sources(targets))
        own = self._own(rows[~np.isin(rows, left_out)])
        emptied = np.setdiff1d(touched, own.disease)
        return self._profiles(targets, own, emptied)

    # --- making ---------------------------------------------------------------------------------

    def _rows_of(self, diseases: Ints) -> Places:
        starts = np.searchsorted(self._rows_by_disease, diseases, "left")
        ends = np.searchsorted(self._rows_by_disease, diseases, "right")
        places, _ = spread(starts, ends)
        return self._row_order[places]

    def _sources(self, targets: Ints) -> Ints:
        """Return the targets and all that they borrow from."""
        borrowed = self._partners.partner[np.isin(self._partners.disease, targets)]
        series = chain.from_iterable(self._members.get(int(one), ()) for one in targets)
        return np.unique(np.concatenate([targets, borrowed, np.fromiter(series, np.int32)]))

    def _own(self, rows: Places) -> Entries:
        """Combine rows to one frequency for each disease and term."""
        told, weights = self.annotations, self.weights
        rows = rows[~told.negated[rows]]
        n_terms = len(self.ontology)
        keys = told.disease[rows].astype(np.int64) * n_terms + told.term[rows]
        pairs, place = np.unique(keys, return_inverse=True)
        seen = np.bincount(place, told.seen[rows], len(pairs))
        of = np.bincount(place, told.of[rows], len(pairs))
        share = np.full(len(pairs), -1.0)
        np.maximum.at(share, place, np.nan_to_num(told.share[rows], nan=-1.0))
        base = np.where(share >= 0, share, weights.default_frequency)
        frequency = (seen + weights.pseudo_people * base) / (of + weights.pseudo_people)
        kept = frequency > 0
        frequency, pairs = frequency[kept], pairs[kept]
        strength = np.maximum(frequency, weights.least_frequency) ** weights.exponent
        return Entries(
            (pairs // n_terms).astype(np.int32),
            (pairs % n_terms).astype(np.int32),
            strength,
            frequency,
        )

    def _profiles(self, targets: Ints, own: Entries, emptied: Iterable[int]) -> Profiles:
        """Join what is a disease's own with what it borrows, and propagate it."""
        parts = [
            _restricted(own, targets),
            self._borrowed(targets, own, emptied),
            self._of_series(targets, own),
            self._of_names(targets),
        ]
        direct = _strongest(parts, len(self.ontology))
        place = np.searchsorted(targets, direct.disease)
        breadth: Floats = np.bincount(place, direct.strength, len(targets)).astype(np.float64)
        return Profiles(targets, _propagated(direct, self.ontology), breadth)

    def _borrowed(self, targets: Ints, own: Entries, emptied: Iterable[int]) -> Entries:
        links = self._partners
        wanted = np.isin(links.disease, targets)
        # A link by gene is in the file because of the annotations; with these it is left out.
        wanted &= ~(links.by_gene & np.isin(links.disease, list(emptied)))
        chosen = np.flatnonzero(wanted)
        starts, ends = own.bounds(links.partner[chosen])
        places, owner = spread(starts, ends)
        chosen = chosen[owner]
        return _unranked(
            links.disease[chosen], own.term[places], own.strength[places] * links.weight[chosen]
        )

    def _of_series(self, targets: Ints, own: Entries) -> Entries:
        """Return the mean strength over the other members of the series."""
        n_terms = len(self.ontology)
        parts = []
        done: set[int] = set()
        within = set(targets.tolist())
        for one in targets.tolist():
            group = self._members.get(one)
            if group is None or group[0] in done:
                continue
            done.add(group[0])
            members = np.array(group, np.int32)
            places, _ = spread(*own.bounds(members))
            terms, total = _summed(own.term[places], own.strength[places], n_terms)
            parts += [
                self._of_others(member, len(group) - 1, terms, total, own)
                for member in within.intersection(group)
            ]
        return _joined(parts)

    def _of_others(
        self, member: int, others: int, terms: Ints, total: Floats, own: Entries
    ) -> Entries:
        start, end = own.bounds(np.array([member], np.int32))
        its = slice(int(start[0]), int(end[0]))
        rest = total.copy()
        rest[np.searchsorted(terms, own.term[its])] -= own.strength[its]
        strength = self.weights.series * rest / others
        kept = strength > self.weights.least_series
        return _unranked(np.full(int(kept.sum()), member, np.int32), terms[kept], strength[kept])

    def _of_names(self, targets: Ints) -> Entries:
        wanted = np.isin(self._named[0], targets)
        disease, term = (column[wanted] for column in self._named)
        return _unranked(disease, term, np.full(len(disease), self.weights.name))


def partners(annotations: Annotations, weights: Weights) -> Partners:
    """Return which diseases each ranked disease borrows from, and how much.

    Orphanet's diseases are linked by their name, by their name up to numbers, or by a gene; OMIM's
    by a gene.
    """
    n_omim = annotations.n_omim
    annotated = set(np.unique(annotations.disease).tolist())
    of_gene: dict[str, list[int]] = {}
    for disease, genes in annotations.genes.items():
        if disease in annotated:
            for gene in genes:
                of_gene.setdefault(gene, []).append(disease)
    orphanet = [one for one in range(n_omim, len(annotations.names)) if one in annotated]
    same_name = names.by_key((one, names.plain(annotations.names[one])) for one in orphanet)
    same_stem = names.by_key((one, names.stem(annotations.names[one])) for one in orphanet)
    rows: list[tuple[int, int, float, bool]] = []
    for disease in range(n_omim):
        name = annotations.names[disease]
        found: dict[int, tuple[float, bool]] = {}
        for gene in annotations.genes.get(disease, ()):
            for one in of_gene.get(gene, ()):
                if one >= n_omim:
                    found[one] = (weights.same_gene / _shared(annotations, one, weights), True)
                elif one != disease:
                    found[one] = (weights.allelic, True)
        for one in same_stem.get(names.stem(name), ()):
            found[one] = (weights.same_stem / _shared(annotations, one, weights), False)
        for one in same_name.get(names.plain(name), ()):
            found[one] = (weights.same_name, False)
        rows += [(disease, one, weight, by) for one, (weight, by) in found.items() if weight > 0]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Partners(
        np.array(columns[0], np.int32),
        np.array(columns[1], np.int32),
        np.array(columns[2], np.float64),
        np.array(columns[3], np.bool_),
    )


def _shared(annotations: Annotations, disease: int, weights: Weights) -> float:
    """Return by how much an Orphanet disease of several genes counts less for each."""
    return float(max(len(annotations.genes.get(disease, ())), 1) ** weights.sharing_exponent)


def _named(ontology: Ontology, annotations: Annotations) -> tuple[Ints, Ints]:
    known = names.phrases(ontology)
    found = [
        (disease, term)
        for disease, name in enumerate(annotations.names[: annotations.n_omim])
        for term in names.findings_in(name, known)
    ]
    pairs = np.array(found, np.int32).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def spread(starts: Places, ends: Places) -> tuple[Places, Places]:
    """Return the places of several stretches, one after the other, and whose each place is.

    Examples
    --------
    >>> spread(np.array([3, 7]), np.array([5, 8]))
    (array([3, 4, 7]), array([0, 0, 1]))
    """
    lengths = ends - starts
    owner = np.repeat(np.arange(len(lengths)), lengths)
    before = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) - before[owner] + starts[owner], owner


def _unranked(disease: Ints, term: Ints, strength: Floats) -> Entries:
    return Entries(disease, term, strength, np.zeros(len(disease)))


def _joined(parts: Sequence[Entries]) -> Entries:
    if not parts:
        nothing = np.zeros(0, np.int32)
        return _unranked(nothing, nothing, np.zeros(0))
    return Entries(
        np.concatenate([one.disease for one in parts]),
        np.concatenate([one.term for one in parts]),
        np.concatenate([one.strength for one in parts]),
        np.concatenate([one.frequency for one in parts]),
    )


def _restricted(entries: Entries, diseases: Ints) -> Entries:
    places, _ = spread(*entries.bounds(diseases))
    return Entries(
        entries.disease[places],
        entries.term[places],
        entries.strength[places],
        entries.frequency[places],
    )


def _summed(terms: Ints, strength: Floats, n_terms: int) -> tuple[Ints, Floats]:
    total = np.bincount(terms, strength, n_terms).astype(np.float64)
    there = np.flatnonzero(total > 0).astype(np.int32)
    return there, total[there]


def _strongest(parts: Sequence[Entries], n_terms: int) -> Entries:
    """Return each pair of disease and term once, with the highest strength and frequency."""
    whole = _joined(parts)
    keys = whole.disease.astype(np.int64) * n_terms + whole.term
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    if not len(first):
        return whole
    pairs = keys[first]
    return Entries(
        (pairs // n_terms).astype(np.int32),
        (pairs % n_terms).astype(np.int32),
        np.maximum.reduceat(whole.strength[order], first),
        np.maximum.reduceat(whole.frequency[order], first),
    )


def _propagated(direct: Entries, ontology: Ontology) -> Entries:
    """Return the entries and those of all more general terms."""
    starts = ontology.ancestor_starts[direct.term].astype(np.int64)
    ends = ontology.ancestor_starts[direct.term + 1].astype(np.int64)
    places, owner = spread(starts, ends)
    whole = Entries(
        direct.disease[owner],
        ontology.ancestors[places],
        direct.strength[owner],
        direct.frequency[owner],
    )
    return _strongest([whole], len(ontology))
