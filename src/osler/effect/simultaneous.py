"""Many averages at once: intervals that all hold together, by what the largest error can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from osler.learn.losses import Floats, Ints

DRAWS = 1000
CHUNK = 512


@dataclass(frozen=True)
class Many:
    """Estimates with their influence functions summed within subjects.

    Parameters
    ----------
    value : shape (G,)
    influence : shape (subjects, G)
        Scaled so that the estimate is the value plus the sum of these, up to smaller terms.
    """

    value: Floats
    influence: Floats

    @property
    def error(self) -> Floats:
        """Standard errors, shape (G,); 0 influence gives NaN."""
        count = _touched(self.influence)
        error = np.sqrt(count / (count - 1) * (self.influence**2).sum(axis=0))
        return np.where(error > 0, error, np.nan)


def group_means(values: Floats, inside: Floats, member: Ints) -> Many:
    """Return the mean of each weighted set of rows, with influence by subject.

    Parameters
    ----------
    values : shape (n,)
    inside : shape (n, G)
        Weight of each row in each mean, such as 1 inside a group and 0 outside.
    member : shape (n,)
        Subject of each row, 0..m−1.
    """
    total = inside.sum(axis=0)
    mean = values @ inside / total
    rows = inside * (values[:, None] - mean) / total
    return Many(mean, by_subject(rows, member))


def by_subject(rows: Floats, member: Ints) -> Floats:
    """Return the sums of rows (n, G) within subjects, shape (m, G)."""
    if len(member) == int(member.max()) + 1 and (member == np.arange(len(member))).all():
        return rows
    order = np.argsort(member, kind="stable")
    starts = np.flatnonzero(np.diff(member[order], prepend=-1))
    return np.asarray(np.add.reduceat(rows[order], starts, axis=0))


def minus(one: Many, other: Many) -> Many:
    """Return the differences of estimates from the same subjects."""
    return Many(one.value - other.value, one.influence - other.influence)


def largest_by_permutation(values: Floats, inside: Floats, seed: int, draws: int = DRAWS) -> Floats:
    """Draw the largest studentised difference of inside and outside, if rows were exchangeable.

    Rows' values are dealt out anew, so that skewed values in small groups are calibrated as they
    are. With a difference in spread but not in mean it holds as the groups grow, since every
    difference is divided by its own error.

    References
    ----------
    Chung & Romano 2013, Annals of Statistics 41:484-507, doi:10.1214/13-AOS1090.
    """
    rng = np.random.default_rng(seed)
    centred = values - values.mean()
    dealt = np.stack([rng.permutation(centred) for _ in range(draws)])
    squared = dealt**2
    size = inside.sum(axis=0)
    rest = len(values) - size
    whole, whole_squared = float(centred.sum()), float((centred**2).sum())
    top = np.zeros(draws)
    for start in range(0, inside.shape[1], CHUNK):
        block = inside[:, start : start + CHUNK]
        m, k = size[start : start + CHUNK], rest[start : start + CHUNK]
        low, high = dealt @ block, squared @ block
        mean_in, mean_out = low / m, (whole - low) / k
        error = np.sqrt(
            np.maximum(high / m - mean_in**2, 0.0) / np.maximum(m - 1, 1)
            + np.maximum((whole_squared - high) / k - mean_out**2, 0.0) / np.maximum(k - 1, 1)
        )
        ratio = np.abs(mean_in - mean_out) / np.where(error > 0, error, np.inf)
        np.maximum(top, ratio.max(axis=1, initial=0.0), out=top)
    return top


def largest_by_signs(inside: Many, outside: Many, seed: int, draws: int = DRAWS) -> Floats:
    """Draw the largest studentised difference with subjects' influences turned at random.

    For subjects with several rows, which cannot be dealt out anew.

    References
    ----------
    Chernozhukov, Chetverikov & Kato 2013, Annals of Statistics 41:2786-2819,
    doi:10.1214/13-AOS1161.
    """
    count = len(inside.influence)
    signs = np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(draws, count))
    top = np.zeros(draws)
    for start in range(0, inside.influence.shape[1], CHUNK):
        one = inside.influence[:, start : start + CHUNK]
        other = outside.influence[:, start : start + CHUNK]
        total, rest = signs @ one, signs @ other
        taken = total**2 / _touched(one) + rest**2 / _touched(other)
        left = ((one - other) ** 2).sum(axis=0) - taken
        spread = np.sqrt(np.where(left > 0, left, np.inf))
        np.maximum(top, (np.abs(total - rest) / spread).max(axis=1, initial=0.0), out=top)
    return top


def _touched(influence: Floats) -> Floats:
    return np.asarray(np.maximum((influence != 0).sum(axis=0), 2), np.float64)


def critical(draws: Floats, level: float) -> float:
    """Return the quantile of the largest ratio that all intervals of a level share."""
    rank = int(np.ceil(level * (len(draws) + 1)))
    return float(np.sort(draws)[min(rank, len(draws)) - 1])


def adjusted(ratio: Floats, draws: Floats) -> Floats:
    """Return p-values that hold for all estimates together: share of draws at least as large."""
    ordered = np.sort(draws)
    above = len(draws) - np.searchsorted(ordered, np.abs(ratio), side="left")
    return np.asarray((above + 1) / (len(draws) + 1))
