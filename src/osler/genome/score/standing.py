"""Joins sums with a reference panel: who is like whom, and what a sum means there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from osler.genome.score.normalise import LEAST_OF_PANEL, Adjustment, beside_population
from osler.genome.score.options import ReferenceFiles
from osler.genome.score.reference import Panel, read_components, read_panel, read_sums
from osler.genome.score.result import A_DISTANCE, RELATIVE, Z_NORM2, Standing
from osler.genome.score.similarity import Similarity, most_similar

FEW = f"fewer than {LEAST_OF_PANEL} people of a reference have sums for a score: no z"
OWN_SUMS = "the reference's sums are those of its people who are in the genotypes themselves"
UNPLACED = "samples without principal components: no most similar population"
FAR = (
    "samples farther from every population of the reference than 99 in 100 of its own people: "
    "the score was not shown to hold for people like them"
)
PLAIN = "beside the whole reference"

Floats = NDArray[np.float64]


class References:
    """Reference files, read before the genotypes so that their faults are told first."""

    def __init__(self, files: ReferenceFiles, score_ids: Sequence[str]) -> None:
        self.panel: Panel | None = read_panel(files) if files.pcs else None
        self.people = read_components(files.target_pcs) if files.target_pcs else None
        self.sums = read_sums(files.scores, score_ids) if files.scores else None

    def standing(
        self,
        samples: Sequence[str],
        score_ids: Sequence[str],
        sums: Floats,
        projected: Floats | None,
    ) -> Standing:
        """Say what the sums mean.

        Parameters
        ----------
        sums : shape (scores, samples)
            NaN for a refused score.
        projected : shape (samples, components) or None
            From loadings.
        """
        notes: list[str] = []
        components = self.components(samples, projected)
        similarity = self.similarity(components, notes)
        empty = np.full(sums.shape, np.nan)
        standing = Standing(
            similarity, empty, empty.copy(), empty.copy(), empty.copy(), empty.copy(), (), ()
        )
        kinds, sizes = [], []
        for score, score_id in enumerate(score_ids):
            known = self.panel_sums(samples, score_id, sums[score], notes)
            sizes.append(len(known))
            kinds.append(self.place(standing, score, sums[score], known, components))
        if 0 < max(sizes, default=0) < LEAST_OF_PANEL:
            notes.append(FEW)
        if not any(kinds):
            notes.append(RELATIVE)
        return Standing(
            similarity, standing.z, standing.percentile, standing.z_most_similar,
            standing.z_norm1, standing.z_norm2, tuple(kinds), tuple(sizes),
            tuple(dict.fromkeys(notes)),
        )  # fmt: skip

    def components(self, samples: Sequence[str], projected: Floats | None) -> Floats | None:
        """Return each sample's components: given, else projected, else its row of the panel."""
        if self.panel is None:
            return None
        given = self.people.of(samples) if self.people else None
        sources = [given, projected, self.panel.everybody.of(samples)]
        known = [one for one in sources if one is not None]
        width = min(one.shape[1] for one in [self.panel.values, *known])
        found = known[0][:, :width].copy()
        for other in known[1:]:
            absent = np.isnan(found).any(axis=1)
            found[absent] = other[absent, :width]
        return found

    def similarity(self, components: Floats | None, notes: list[str]) -> Similarity | None:
        """Return how similar the samples are to the panel's populations."""
        if self.panel is None or components is None:
            return None
        found = most_similar(self.panel.values, self.panel.labels, components)
        notes.append(A_DISTANCE)
        unplaced, far = int((found.nearest < 0).sum()), int(found.far.sum())
        if unplaced:
            notes.append(f"{unplaced:,} {UNPLACED}")
        if far:
            notes.append(f"{far:,} {FAR}")
        return found

    def panel_sums(
        self, samples: Sequence[str], score_id: str, sums: Floats, notes: list[str]
    ) -> dict[str, float]:
        """Return the sums of the panel's people, or of all in the file if there is no panel."""
        if np.isnan(sums).all():
            return {}
        if self.sums is not None:
            known: Mapping[str, float] = self.sums.get(score_id, {})
            if self.panel is None:
                return dict(known)
            return {name: known[name] for name in self.panel.names if name in known}
        if self.panel is None:
            return {}
        there = {name: number for number, name in enumerate(samples)}
        found = {name: float(sums[there[name]]) for name in self.panel.names if name in there}
        if found:
            notes.append(OWN_SUMS)
        return found

    def place(
        self,
        standing: Standing,
        score: int,
        sums: Floats,
        known: Mapping[str, float],
        components: Floats | None,
    ) -> str | None:
        """Fill in one score's Z scores and percentile; return what its `z` is."""
        if len(known) < LEAST_OF_PANEL:
            return None
        panel_sums = np.array(list(known.values()))
        spread = float(panel_sums.std())
        if spread == 0:
            return None
        standing.z[score] = (sums - panel_sums.mean()) / spread
        if self.panel is None or components is None or standing.similarity is None:
            return PLAIN
        row = {name: number for number, name in enumerate(self.panel.names)}
        rows = np.array([row[name] for name in known])
        similarity = standing.similarity
        numbers = np.searchsorted(np.array(similarity.populations), self.panel.labels[rows])
        standing.z_most_similar[score], standing.percentile[score] = beside_population(
            panel_sums, numbers.astype(np.int64), sums, similarity.nearest
        )
        fitted = Adjustment.fit(self.panel.values[rows][:, : components.shape[1]], panel_sums)
        if fitted is None:
            return PLAIN
        standing.z_norm1[score] = fitted.z_norm1(components, sums)
        standing.z_norm2[score] = fitted.z_norm2(components, sums)
        # Beside the whole panel a sum says more of ancestry than of the trait: without components
        # there is then no z.
        standing.z[score] = standing.z_norm2[score]
        return Z_NORM2
