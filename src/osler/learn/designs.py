"""The two designs of a frame, made once where they are small and in pieces where they are not."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import polars as pl

from osler.learn.encoding import Encoding
from osler.learn.losses import Floats, Ints

CELLS_KEPT = 50_000_000
ROWS_AT_ONCE = 50_000


class Designs:
    """The designs of one frame.

    Parameters
    ----------
    encoding
        How columns become design columns.
    frame
        Rows out of `Schema.align` or `as_frame`.
    """

    def __init__(self, encoding: Encoding, frame: pl.DataFrame) -> None:
        self.encoding = encoding
        self.frame = frame
        self._linear: Floats | None = None
        self._toward = 1

    def opposed(self) -> Designs:
        """Return the same designs with every monotone direction turned round."""
        other = copy.copy(self)
        other._toward = -self._toward
        return other

    @property
    def linear_sign(self) -> Ints:
        """Sign that each linear coefficient must have: 1, -1, or 0 for either."""
        return self._toward * self.encoding.linear_sign

    @property
    def tree_sign(self) -> Ints:
        """Direction in which trees may follow each of their columns: 1, -1, or 0 for either."""
        return self._toward * self.encoding.tree_sign

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.frame.height

    @property
    def linear_width(self) -> int:
        """Columns of the linear design."""
        return len(self.encoding.linear_owner)

    @cached_property
    def trees(self) -> Floats:
        """The design for trees, shape (n, p)."""
        return self.encoding.tree_design(self.frame)

    def linear(self) -> Iterator[tuple[slice, Floats]]:
        """Yield slices of rows with their linear design; the whole at once where it is small."""
        if self.rows * self.linear_width <= CELLS_KEPT:
            if self._linear is None:
                self._linear = self.encoding.linear_design(self.frame)
            yield slice(0, self.rows), self._linear
            return
        for start in range(0, self.rows, ROWS_AT_ONCE):
            chunk = self.frame.slice(start, ROWS_AT_ONCE)
            yield slice(start, start + chunk.height), self.encoding.linear_design(chunk)

    def every(self, stride: int) -> Floats:
        """Return the linear design of every `stride`-th row."""
        if self._linear is not None:
            return self._linear[::stride]
        return self.encoding.linear_design(self.frame.gather_every(stride))

    def times(self, coefficients: Floats) -> Floats:
        """Return the linear design times coefficients, shape (n,) or (n, k)."""
        answer = np.zeros((self.rows, *coefficients.shape[1:]))
        for rows, design in self.linear():
            answer[rows] = design @ coefficients
        return answer

    def linear_mean(self) -> Floats:
        """Return the mean of each column of the linear design."""
        total = np.zeros(self.linear_width)
        for _, design in self.linear():
            total += design.sum(axis=0)
        return total / max(self.rows, 1)
