"""Aggregations over slices of arrays: one slice of events for each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DAY_US = 86_400_000_000
MOST_PAIRS = 4_000_000
# Taking values out costs as much as passing over about so many.
FAR_APART = 4


def ranges(starts: Ints, lengths: Ints) -> Ints:
    """Return start, start + 1, … of each range, one after the other.

    Examples
    --------
    >>> ranges(np.array([5, 9]), np.array([2, 1])).tolist()
    [5, 6, 9]
    """
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def bisect(sorted_within: Ints, low: Ints, high: Ints, wanted: Ints) -> Ints:
    """Return, for each slice, the first position whose value is greater than the one wanted.

    Parameters
    ----------
    sorted_within : shape (n,)
        Ascending inside each slice.
    low, high : shape (k,)
        Slices; the answer is `high` where no value is greater.
    """
    low, left = low.copy(), high - low
    while left.any():
        half = left >> 1
        passed = (sorted_within.take(low + half, mode="clip") <= wanted) & (left > 0)
        low += (half + 1) * passed
        left = np.where(passed, left - half - 1, half)
    return low


@dataclass(frozen=True)
class Slices:
    """Events ordered so that those of a cell are adjacent, and where each cell's lie.

    Parameters
    ----------
    times_us, values : shape (n,)
        Of the events; NaN is no value.
    first, end : shape (k,)
        Slice of each cell, never empty.
    until_us : shape (k,)
        Prediction time of each cell.
    """

    measured: Measured
    times_us: Ints
    first: Ints
    end: Ints
    until_us: Ints

    def aggregate(self, name: str) -> tuple[Floats, Bools]:
        """Return the cells of one aggregation, and which of them have a value."""
        everywhere = np.ones(self.first.size, dtype=np.bool_)
        if name == "count":
            return (self.end - self.first).astype(np.float64), everywhere
        if name == "any":
            return everywhere.astype(np.float64), everywhere
        if name == "time_since_last":
            return (self.until_us - self.times_us[self.end - 1]) / DAY_US, everywhere
        return self.measured.aggregate(name, self.first, self.end)


@dataclass(frozen=True)
class Measured:
    """The events that have a value, and for every event how many such come before it.

    Parameters
    ----------
    values : shape (m + 1,)
        With one further number at the end, which no slice holds.
    before : shape (n + 1,)
        Position among the measured of the first one at or after each event.
    """

    values: Floats
    times_us: Ints
    before: Ints

    @classmethod
    def of(cls, values: npt.NDArray[np.floating], times_us: Ints) -> Measured:
        """Take the events with a value out of all."""
        known = ~np.isnan(values)
        before = np.zeros(values.size + 1, dtype=np.int64)
        np.cumsum(known, out=before[1:])
        kept = np.zeros(int(before[-1]) + 1, dtype=np.float64)
        kept[:-1] = values[known]
        return cls(kept, times_us[known], before)

    def aggregate(self, name: str, first: Ints, end: Ints) -> tuple[Floats, Bools]:
        """Aggregate the values in slices of events; no value where none was measured."""
        low, high = self.before[first], self.before[end]
        present = high > low
        if name == "slope" and present.any():
            some = np.flatnonzero(present)
            present[some] = self.times_us[low[some]] != self.times_us[high[some] - 1]
        if name == "count_values":
            return (high - low).astype(np.float64), present
        cells = np.zeros(first.size, dtype=np.float64)
        cells[present] = self._over(name, low[present], high[present])
        return cells, present

    def _over(self, name: str, low: Ints, high: Ints) -> Floats:
        if name == "first":
            return self.values[low]
        if name == "last":
            return self.values[high - 1]
        if name == "slope":
            return self._slopes(low, high)
        with np.errstate(invalid="ignore", over="ignore"):
            function = {"min": np.minimum, "max": np.maximum}.get(name, np.add)
            reduced = _reduce(function, self.values, low, high, squared=name == "sum_sqd")
            return reduced / (high - low) if name == "mean" else reduced

    def _slopes(self, low: Ints, high: Ints) -> Floats:
        """Fit a least-squares line to each slice; the change of the value in a day."""
        parts = []
        at = 0
        ends = np.cumsum(high - low)
        while at < low.size:
            done = int(ends[at - 1]) if at else 0
            until = max(at + 1, int(np.searchsorted(ends, done + MOST_PAIRS, side="right")))
            parts.append(self._slopes_at_once(low[at:until], high[at:until]))
            at = until
        return np.concatenate(parts) if parts else np.zeros(0)

    def _slopes_at_once(self, low: Ints, high: Ints) -> Floats:
        lengths = high - low
        owner = np.repeat(np.arange(low.size), lengths)
        every = ranges(low, lengths)
        days = (self.times_us[every] - self.times_us[low][owner]) / DAY_US
        values = self.values[every]

        def centred(numbers: Floats) -> Floats:
            means = np.bincount(owner, numbers, low.size) / lengths
            return numbers - means[owner]

        with np.errstate(invalid="ignore", over="ignore"):
            days, values = centred(days), centred(values)
            together = np.bincount(owner, days * values, low.size)
            return together / np.bincount(owner, days * days, low.size)


def _reduce(
    function: np.ufunc, values: Floats, low: Ints, high: Ints, *, squared: bool = False
) -> Floats:
    """Reduce each slice, none of which is empty.

    Where slices are far apart, only what is in them is looked at.
    """
    if not low.size:
        return np.zeros(0)
    lengths = high - low
    first, last = int(low.min()), int(high.max())
    sparse = FAR_APART * int(lengths.sum()) < last - first
    part = values[ranges(low, lengths)] if sparse else values[first : last + 1]
    part = part * part if squared else part
    if sparse:
        return np.asarray(function.reduceat(part, np.cumsum(lengths) - lengths), dtype=np.float64)
    edges = np.empty(2 * low.size, dtype=np.int64)
    edges[::2], edges[1::2] = low - first, high - first
    reduced: Floats = function.reduceat(part, edges)[::2]
    return reduced
