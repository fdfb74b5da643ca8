"""How much a split of a split can gain at most: bounds over cells of pairs of thresholds.

A tree of depth 2 asks one column at its root and one on each side. For a pair of columns (root
column, inner column) the plane of their two thresholds is cut into cells. Within a cell some rows
certainly lie in a leaf, some may. A leaf that gives one action to its rows gains at most the sum
of what is certain and of what is positive among the rest; the best action's sum bounds the leaf,
and the sums of two leaves bound one side of the tree. A cell with one threshold each way has
nothing uncertain: its bound is the value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from osler.learn.losses import Bools, Floats, Ints


@dataclass(frozen=True)
class Signed:
    """Scores taken apart by sign, one row per action; their difference is the score.

    Parameters
    ----------
    positive, negative : shape (K, n)
        max(score, 0) and max(−score, 0), of scores from which each row's median was taken: that
        shifts every tree by the same constant and makes the bounds narrowest.
    """

    positive: Floats
    negative: Floats

    @staticmethod
    def of(scores: Floats) -> Signed:
        """Take centred scores, shape (n, K), apart."""
        return Signed(
            np.ascontiguousarray(np.maximum(scores, 0.0).T),
            np.ascontiguousarray(np.maximum(-scores, 0.0).T),
        )


@dataclass(frozen=True)
class Cut:
    """The codes 0..m−1 of one column, cut into ranges.

    Parameters
    ----------
    edges : shape (G + 1,)
        Strictly increasing, from 0 to m; range g holds codes edges[g]..edges[g + 1] − 1 and the
        thresholds "at most code c" of the same codes.
    """

    edges: Ints

    @property
    def count(self) -> int:
        """Number of ranges."""
        return len(self.edges) - 1

    @property
    def single(self) -> Bools:
        """Which ranges hold one code, shape (G,)."""
        return np.asarray(np.diff(self.edges) == 1)

    def place(self, codes: Ints) -> Ints:
        """Return the range of each code."""
        table = np.repeat(np.arange(self.count), np.diff(self.edges))
        return np.asarray(table[codes], dtype=np.int64)


@dataclass(frozen=True)
class SideBounds:
    """Most that either side of the root can gain, by cell of thresholds.

    Parameters
    ----------
    left, right : shape (root ranges, inner ranges)
        Rows at or below the root's threshold, and above it.
    """

    left: Floats
    right: Floats


def side_bounds(
    signed: Signed, root: Cut, inner: Cut, at_root: Ints, at_inner: Ints
) -> tuple[SideBounds, SideBounds]:
    """Bound both sides of a root, for every cell of a root and an inner column.

    Parameters
    ----------
    at_root, at_inner : shape (n,)
        Range of each row in the two cuts.

    Returns
    -------
    The bounds with the first column at the root, and with the second at the root; the latter's
    arrays have shape (inner ranges, root ranges).
    """
    cell = at_root * inner.count + at_inner
    shape = (root.count, inner.count)
    leaves = [np.full(shape, -np.inf) for _ in range(4)]
    for positive, negative in zip(signed.positive, signed.negative, strict=True):
        gain = _cumulated(positive, cell, shape)
        loss = _cumulated(negative, cell, shape)
        for best, bound in zip(leaves, _leaf_bounds(gain, loss, root, inner), strict=True):
            np.maximum(best, bound, out=best)
    low_low, low_high, high_low, high_high = leaves
    return (
        SideBounds(low_low + low_high, high_low + high_high),
        SideBounds((low_low + high_low).T, (low_high + high_high).T),
    )


def _cumulated(weight: Floats, cell: Ints, shape: tuple[int, int]) -> Floats:
    """Return sums over all cells before a corner, shape (G + 1, H + 1)."""
    total = np.zeros((shape[0] + 1, shape[1] + 1))
    total[1:, 1:] = np.bincount(cell, weight, shape[0] * shape[1]).reshape(shape)
    np.cumsum(total, axis=0, out=total)
    np.cumsum(total, axis=1, out=total)
    return total


def _leaf_bounds(
    gain: Floats, loss: Floats, root: Cut, inner: Cut
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return one action's most in the four leaves: low-low, low-high, high-low, high-high.

    A low leaf has for certain what lies before its range, with the range's own code where there
    is but one; at most it has the whole range. A high leaf has for certain what lies after the
    range; at most also the range without its first code's share where there is but one.
    """
    t, u = root.single, inner.single
    gain_tt, loss_tt = gain[1:], _step(loss, t)  # rows low at the root: most, certain
    gain_th, loss_th = gain[-1:] - _step(gain, t), loss[-1:] - loss[1:]  # high at the root
    return (
        gain_tt[:, 1:] - _step(loss_tt.T, u).T,
        (gain_tt[:, -1:] - _step(gain_tt.T, u).T) - (loss_tt[:, -1:] - loss_tt[:, 1:]),
        gain_th[:, 1:] - _step(loss_th.T, u).T,
        (gain_th[:, -1:] - _step(gain_th.T, u).T) - (loss_th[:, -1:] - loss_th[:, 1:]),
    )


def _step(total: Floats, single: Bools) -> Floats:
    """Return sums up to each range's start, or to its end where it holds one code."""
    if single.all():
        return total[1:]
    if not single.any():
        return total[:-1]
    return np.asarray(total[np.arange(len(single)) + single])
