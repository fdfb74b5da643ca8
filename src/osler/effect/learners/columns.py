"""Covariates as standardised columns for smooth surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from osler.learn.encoding import Encoding
from osler.learn.losses import Bools, Floats, Ints

MOST_DEVIATIONS = 5.0  # further out a surface would be guided by single people
FEWEST_MISSING = 5
MOST_COLUMNS = 80


@dataclass(frozen=True)
class SurfaceColumns:
    """How covariates become columns; no row of the data is in it.

    Parameters
    ----------
    encoding
        Input columns and their levels.
    kept : shape (q,)
        Which columns of the tree design vary.
    centre, scale : shape (q,)
        Mean and standard deviation of those that are not missing.
    absent : shape (m,)
        Columns of the tree design whose missingness is a column of its own.
    chosen : shape (p,)
        Which of the q + m columns are used.
    """

    encoding: Encoding
    kept: Ints
    centre: Floats
    scale: Floats
    absent: Ints
    chosen: Ints

    @staticmethod
    def fit(frame: pl.DataFrame, named: bool) -> SurfaceColumns:
        """Learn ranges and levels from a frame out of `as_frame`, without the outcome."""
        encoding = Encoding.fit(frame, named, splines=False)
        design = encoding.tree_design(frame)
        missing = np.isnan(design)
        count = missing.sum(axis=0)
        present = np.maximum(len(design) - count, 1)
        filled = np.where(missing, 0.0, design)
        mean = filled.sum(axis=0) / present
        spread = np.sqrt((np.where(missing, 0.0, design - mean) ** 2).sum(axis=0) / present)
        kept = np.flatnonzero(spread > 1e-9 * np.maximum(1.0, np.abs(mean)))
        absent = np.flatnonzero((count >= FEWEST_MISSING) & (present >= FEWEST_MISSING))
        absent = absent[_first_of_each(missing[:, absent])]
        everything = np.arange(len(kept) + len(absent))
        return SurfaceColumns(encoding, kept, mean[kept], spread[kept], absent, everything)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.chosen)

    def design(self, frame: pl.DataFrame) -> Floats:
        """Return the columns of rows out of `Schema.align` or `as_frame`, shape (n, p).

        A missing number is at the mean, with its indicator set where one was learned.
        """
        raw = self.encoding.tree_design(frame)
        values = (raw[:, self.kept] - self.centre) / self.scale
        values = np.clip(np.nan_to_num(values, nan=0.0), -MOST_DEVIATIONS, MOST_DEVIATIONS)
        gaps = np.isnan(raw[:, self.absent]).astype(np.float64)
        return np.column_stack([values, gaps])[:, self.chosen]

    def screened(self, design: Floats, arm: Ints, y: Floats) -> SurfaceColumns:
        """Return the same with at most `MOST_COLUMNS`, those that say most within an arm.

        References
        ----------
        Fan & Lv 2008, J R Stat Soc B 70:849-911 (screening by marginal strength).
        """
        if self.width <= MOST_COLUMNS:
            return self
        strength = np.zeros(self.width)
        for one in np.unique(arm):
            inside = arm == one
            x = design[inside] - design[inside].mean(axis=0)
            r = y[inside] - y[inside].mean()
            size = np.maximum(np.sqrt((x**2).sum(axis=0) * float(r @ r)), 1e-12)
            strength = np.maximum(strength, (x.T @ r / size) ** 2 * inside.sum())
        best = np.sort(np.argsort(-strength, kind="stable")[:MOST_COLUMNS])
        return SurfaceColumns(
            self.encoding, self.kept, self.centre, self.scale, self.absent, self.chosen[best]
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        arrays = ("kept", "centre", "scale", "absent", "chosen")
        listed = {name: getattr(self, name).tolist() for name in arrays}
        return {"encoding": self.encoding.to_json(), **listed}

    @staticmethod
    def from_json(data: dict[str, Any]) -> SurfaceColumns:
        """Rebuild from `to_json`."""
        kept, absent, chosen = (
            np.array(data[name], dtype=np.int64) for name in ("kept", "absent", "chosen")
        )
        centre, scale = (np.array(data[name], dtype=np.float64) for name in ("centre", "scale"))
        encoding = Encoding.from_json(data["encoding"])
        return SurfaceColumns(encoding, kept, centre, scale, absent, chosen)


def _first_of_each(gaps: Bools) -> Ints:
    """Return one of every set of columns with the same gaps."""
    seen: dict[bytes, int] = {}
    for at in range(gaps.shape[1]):
        seen.setdefault(np.packbits(gaps[:, at]).tobytes(), at)
    return np.array(sorted(seen.values()), dtype=np.int64)
