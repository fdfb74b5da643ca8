"""Shares of pairs that a score puts in the right order, for any weighting and number of subjects.

A concordance is Σ f_i g_j [pair comparable] ([score_i > score_j] + ½ [equal]) over the same sum
without the scores. Cases i carry f, controls j carry g, and a pair is comparable when
`order_j >= start_i`. Harrell's C, Uno's C, Wolbers' C, AUROC and the time-dependent AUC are all of
this form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from osler.evaluate.bootstrap import Measured, Resamples, divide
from osler.evaluate.curves import Censoring
from osler.evaluate.inputs import Floats, Ints, Outcome

# Up to here every resample recounts all pairs (a matrix product); beyond, the statistic is
# linearised, which differs from it by terms of order 1/n.
MOST_EXACT_ROWS = 3_000
MOST_EXACT_CELLS = 150_000_000


@dataclass(frozen=True)
class Pairs:
    """Which pairs count and by how much.

    Parameters
    ----------
    case, control : shape (n,)
        Weights f and g; 0 for those who are neither.
    start, order : shape (n,), optional
        A pair counts when `order[control] >= start[case]`; None: every pair counts.
    """

    case: Floats
    control: Floats
    start: Floats | None = None
    order: Floats | None = None


def weight_below(
    score: Floats, weight: Floats, asked: Floats, order: Floats | None, start: Floats | None
) -> tuple[Floats, Floats]:
    """Return for each asked score the weight of points below it (ties half), and of all points.

    With `order` and `start` only points with `order >= start` of the asking one count. The time is
    O(n log² n): the points are laid out by order, and every suffix is a union of aligned blocks
    that are each sorted by score.
    """
    if order is None or start is None:
        return _weight_below_all(score, weight, asked), np.full(asked.size, weight.sum())
    laid = np.argsort(order, kind="stable")
    first = np.searchsorted(order[laid], start, side="left")
    values, rank = np.unique(score[laid], return_inverse=True)
    low = np.searchsorted(values, asked, side="left")
    high = np.searchsorted(values, asked, side="right")
    below = np.zeros(asked.size)
    n, position = score.size, first.copy()
    for bit in range(max(1, int(n).bit_length())):
        block = np.arange(n) >> bit
        key = block * (values.size + 1) + rank
        sorting = np.argsort(key, kind="stable")
        ordered = key[sorting]
        sums = np.concatenate([[0.0], np.cumsum(weight[laid][sorting])])
        here = np.flatnonzero((position >> bit) & 1 & (position < n))
        base = (position[here] >> bit) * (values.size + 1)
        begin = sums[np.searchsorted(ordered, base, side="left")]
        to_low = sums[np.searchsorted(ordered, base + low[here], side="left")]
        to_high = sums[np.searchsorted(ordered, base + high[here], side="left")]
        below[here] += (to_low + to_high) / 2 - begin
        position[here] += 1 << bit
    # A suffix that starts at 0 is all points.
    whole = first == 0
    below[whole] = _weight_below_all(score, weight, asked[whole])
    total = np.concatenate([np.cumsum(weight[laid][::-1])[::-1], [0.0]])[first]
    return below, total


def _weight_below_all(score: Floats, weight: Floats, asked: Floats) -> Floats:
    sorting = np.argsort(score, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(weight[sorting])])
    ordered = score[sorting]
    low = sums[np.searchsorted(ordered, asked, side="left")]
    high = sums[np.searchsorted(ordered, asked, side="right")]
    return np.asarray((low + high) / 2)


@dataclass(frozen=True)
class Counted:
    """Concordant and comparable weight, in sum and by subject as case plus as control."""

    concordant: float
    comparable: float
    concordant_by_subject: Floats
    comparable_by_subject: Floats

    @property
    def value(self) -> float:
        """The concordance; NaN without comparable pairs."""
        return self.concordant / self.comparable if self.comparable > 0 else float("nan")

    @property
    def influence(self) -> Floats:
        """Derivative of the concordance by each subject's weight; NaN without pairs."""
        if not self.comparable > 0:
            return np.full(self.concordant_by_subject.size, np.nan)
        return (
            self.concordant_by_subject - self.value * self.comparable_by_subject
        ) / self.comparable


def count_pairs(score: Floats, pairs: Sequence[Pairs]) -> Counted:
    """Count the pairs of several kinds together, in O(n log² n)."""
    concordant, comparable = np.zeros(score.size), np.zeros(score.size)
    total_concordant = total_comparable = 0.0
    for kind in pairs:
        cases, controls = np.flatnonzero(kind.case), np.flatnonzero(kind.control)
        f, g = kind.case[cases], kind.control[controls]
        start = None if kind.start is None else kind.start[cases]
        order = None if kind.order is None else kind.order[controls]
        below, reached = weight_below(score[controls], g, score[cases], order, start)
        above, reaching = weight_below(
            -score[cases],
            f,
            -score[controls],
            None if start is None else -start,
            None if order is None else -order,
        )
        total_concordant += float((f * below).sum())
        total_comparable += float((f * reached).sum())
        concordant[cases] += f * below
        comparable[cases] += f * reached
        concordant[controls] += g * above
        comparable[controls] += g * reaching
    return Counted(total_concordant, total_comparable, concordant, comparable)


def concordance(
    score: Floats, pairs: Sequence[Pairs], resamples: Resamples, meaning: str
) -> Measured:
    """Return the concordance of a score with its resamples."""
    counted = count_pairs(score, pairs)
    n = score.size
    if not counted.comparable > 0:
        return Measured.impossible("no two subjects can be compared; more events are needed", n)
    if n > MOST_EXACT_ROWS:
        draws = resamples.linearised(counted.value, counted.influence)
        return Measured(counted.value, draws, n, f"{meaning}; resamples linearised for n = {n}")
    timed = any(kind.order is not None for kind in pairs)
    draws = (_dense_draws if timed else _sorted_draws)(score, pairs, resamples)
    return Measured(counted.value, draws, n, meaning)


def _dense_draws(score: Floats, pairs: Sequence[Pairs], resamples: Resamples) -> Floats:
    cases = np.flatnonzero(np.sum([kind.case for kind in pairs], axis=0))
    n = score.size
    comparable = np.zeros((cases.size, n), np.float32)
    for kind in pairs:
        product = kind.case[cases, None] * kind.control[None]
        if kind.order is not None and kind.start is not None:
            product *= kind.order[None] >= kind.start[cases, None]
        comparable += product
    right = (score[cases, None] > score[None]) + np.float32(0.5) * (
        score[cases, None] == score[None]
    )
    both = np.concatenate([comparable * right, comparable], axis=1).astype(np.float32)

    def share(weights: Floats) -> Floats:
        small = weights.astype(np.float32)
        reached = small[:, cases] @ both
        concordant = (reached[:, :n] * small).sum(1, dtype=np.float64)
        return divide(concordant, (reached[:, n:] * small).sum(1, dtype=np.float64))

    return resamples.each(share)


def _sorted_draws(score: Floats, pairs: Sequence[Pairs], resamples: Resamples) -> Floats:
    plans = []
    for kind in pairs:
        cases, controls = np.flatnonzero(kind.case), np.flatnonzero(kind.control)
        controls = controls[np.argsort(score[controls], kind="stable")]
        low = np.searchsorted(score[controls], score[cases], side="left")
        high = np.searchsorted(score[controls], score[cases], side="right")
        plans.append((cases, kind.case[cases], controls, kind.control[controls], low, high))

    def share(weights: Floats) -> Floats:
        concordant, comparable = np.zeros(len(weights)), np.zeros(len(weights))
        for cases, f, controls, g, low, high in plans:
            sums = np.zeros((len(weights), controls.size + 1))
            np.cumsum(weights[:, controls] * g, axis=1, out=sums[:, 1:])
            carried = weights[:, cases] * f
            concordant += (carried * (sums[:, low] + sums[:, high])).sum(1) / 2
            comparable += carried.sum(1) * sums[:, -1]
        return divide(concordant, comparable)

    return resamples.each(share)


def _later(outcome: Outcome) -> tuple[Floats, Floats]:
    # At one time, events come before censorings, and two events are not comparable.
    rank = np.unique(outcome.time, return_inverse=True)[1].astype(np.float64)
    return 2 * rank + 1, 2 * rank + (outcome.event == 0)


def harrell_pairs(outcome: Outcome, cause: int = 1) -> list[Pairs]:
    """Return the pairs of Harrell's C: an event, and anyone known to be free of it for longer.

    A subject with another cause can no longer have this one and counts as free of it for ever.

    References
    ----------
    Harrell et al. 1996, Statistics in Medicine 15:361-387; Wolbers et al. 2014, Biostatistics
    15:526-539 (competing risks).
    """
    case = (outcome.event == cause).astype(np.float64)
    return _pairs(outcome, cause, case, case, np.ones(len(outcome)))


def uno_pairs(outcome: Outcome, censoring: Censoring, until: float, cause: int = 1) -> list[Pairs]:
    """Return the pairs of Uno's C up to a time: each weighs by the inverse chance of being seen.

    References
    ----------
    Uno et al. 2011, Statistics in Medicine 30:1105-1117; Wolbers et al. 2014, Biostatistics
    15:526-539 (competing risks).
    """
    chance = censoring.before(outcome.time)
    seen = (outcome.event == cause) & (outcome.time <= until) & (chance > 0)
    inverse = np.divide(1.0, chance, out=np.zeros(len(outcome)), where=chance > 0)
    return _pairs(outcome, cause, seen * inverse**2, seen * inverse, inverse)


def _pairs(
    outcome: Outcome, cause: int, case: Floats, case_of_others: Floats, other: Floats
) -> list[Pairs]:
    start, order = _later(outcome)
    later = Pairs(case, np.ones(len(outcome)), start, order)
    others = (outcome.event > 0) & (outcome.event != cause)
    if not others.any():
        return [later]
    time = outcome.time
    return [later, Pairs(case_of_others, others * other, -time, -time)]


def binary_pairs(labels: Floats) -> list[Pairs]:
    """Return the pairs of the AUROC: everyone with the outcome against everyone without."""
    return [Pairs(labels, 1 - labels)]


def auc_pairs(outcome: Outcome, weights: Floats, time: float, cause: int = 1) -> list[Pairs]:
    """Return the pairs of the cumulative/dynamic AUC at a time.

    Cases had the event by then; controls did not: event-free, or with another cause by then.

    References
    ----------
    Uno et al. 2007, Journal of the American Statistical Association 102:527-537; Blanche, Dartigues
    & Jacqmin-Gadda 2013, Statistics in Medicine 32:5381-5397 (second definition of controls).
    """
    case = (outcome.time <= time) & (outcome.event == cause)
    return [Pairs(case * weights, ~case * weights)]


def rows_of(pairs: Sequence[Pairs], index: Ints) -> list[Pairs]:
    """Return the pairs among some of the subjects."""

    def part(values: Floats | None) -> Floats | None:
        return None if values is None else values[index]

    return [
        Pairs(kind.case[index], kind.control[index], part(kind.start), part(kind.order))
        for kind in pairs
    ]
