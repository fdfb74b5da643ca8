"""Whether predicted risks happen: slope, intercept, mean distance and ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from osler.evaluate.bootstrap import Measured, Resamples, divide
from osler.evaluate.curves import RiskSets
from osler.evaluate.inputs import Bools, Floats, Outcome

Link = Literal["cloglog", "logit"]

# Predictions of exactly 0 or 1 have no finite place on a link scale.
SMALLEST_RISK = 1e-6
RESAMPLED_BINS = 100
MOST_STEPS = 60
SETTLED = 1e-6
SETTLED_MISFIT = 1e-9
STUCK = 1e12
# Harrell 2015, Regression Modeling Strategies, table 2.3: four knots.
KNOT_QUANTILES = (0.05, 0.35, 0.65, 0.95)
FEWEST_EVENTS = 5


@dataclass(frozen=True)
class Judged:
    """What calibration is judged on: a predicted risk and what was observed in its place.

    Parameters
    ----------
    observed : shape (n,)
        0/1 outcomes, or pseudo-observations of the cumulative incidence at the horizon.
    events
        Number of subjects seen to have the event.
    """

    predicted: Floats
    observed: Floats
    link: Link
    events: int
    how: str

    @classmethod
    def at_horizon(cls, outcome: Outcome, risk: Floats, time: float, cause: int) -> Judged:
        """Judge risks at a horizon by pseudo-observations.

        References
        ----------
        van Geloven et al. 2022, BMJ 377:e069249; Royston 2015, The Stata Journal 15:275-291.
        """
        point = RiskSets.of(outcome).influenced(cause, time)
        events = int(((outcome.event == cause) & (outcome.time <= time)).sum())
        how = f"at time {time:g}, by pseudo-observations on the cloglog scale"
        return cls(risk, point.pseudo_values, "cloglog", events, how)

    @classmethod
    def of_labels(cls, labels: Floats, risk: Floats) -> Judged:
        """Judge risks by 0/1 outcomes."""
        return cls(risk, labels, "logit", int(labels.sum()), "on the logit scale")


def to_link(risk: Floats, link: Link) -> Floats:
    """Return risks on the link scale; 0 and 1 are moved inwards by `SMALLEST_RISK`."""
    inside = np.clip(risk, SMALLEST_RISK, 1 - SMALLEST_RISK)
    if link == "logit":
        return np.asarray(np.log(inside) - np.log1p(-inside))
    return np.asarray(np.log(-np.log1p(-inside)))


def from_link(linear: Floats, link: Link) -> Floats:
    """Return the risk at a place on the link scale."""
    if link == "logit":
        return np.asarray(1 / (1 + np.exp(-np.clip(linear, -500, 500))))
    return np.asarray(-np.expm1(-np.exp(np.clip(linear, -700, 5))))


def fit_link(
    design: Floats,
    offset: Floats,
    weight: Floats,
    total: Floats,
    link: Link,
    *,
    by_fit: bool = False,
) -> tuple[Floats, Bools]:
    """Fit observed values on a link scale, many weightings at once, by Levenberg–Marquardt.

    0/1 outcomes by likelihood (logit); pseudo-observations, which leave 0 to 1, by least squares
    (cloglog).

    Parameters
    ----------
    design, offset : shape (k, p), (k,)
        One row per bin of subjects.
    weight, total : shape (b, k)
        Number of subjects and sum of their observed values per bin, in each of b resamples.
    by_fit
        Settled once the fit no longer improves; else once the coefficients no longer move, which
        they never stop doing when the predictions separate those with from those without the event.

    Returns
    -------
    coefficients (b, p) and whether each settled (b,).
    """
    b, p = len(weight), design.shape[1]
    coefficients = np.zeros((b, p))
    coefficients[:, 0] = _start(offset + (design[:, 1] if p > 1 else 0), weight, total, link)
    if p > 1:
        coefficients[:, 1] = 1.0
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), p * p)
    settled = np.zeros(b, np.bool_)
    damping = np.full(b, 1e-3)
    active = np.arange(b)
    misfit = _misfit(coefficients @ design.T + offset, weight, total, link)
    for _ in range(MOST_STEPS):
        own, sums = weight[active], total[active]
        pull, information = _working(coefficients[active] @ design.T + offset, own, sums, link)
        curvature = (information @ products).reshape(-1, p, p)
        diagonal = np.einsum("bii->bi", curvature)
        diagonal *= 1 + damping[active, None]
        diagonal += 1e-12 * diagonal.max(1, keepdims=True) + 1e-300
        step = np.linalg.solve(curvature, (pull @ design)[..., None])[..., 0]
        tried = coefficients[active] + step
        reached = _misfit(tried @ design.T + offset, own, sums, link)
        gain = misfit[active] - reached
        better = gain >= 0
        coefficients[active[better]], misfit[active[better]] = tried[better], reached[better]
        damping[active] *= np.where(better, 0.1, 10.0)
        still = np.abs(step).max(1) < SETTLED
        if by_fit:
            still |= better & (gain <= SETTLED_MISFIT * own.sum(1))
        settled[active] = still
        active = active[~still & (damping[active] < STUCK)]
        if not active.size:
            break
    return coefficients, settled & np.isfinite(coefficients).all(1)


def _misfit(linear: Floats, weight: Floats, total: Floats, link: Link) -> Floats:
    """Return what the fit makes least: negative log-likelihood, or squares less a constant."""
    if link == "logit":
        return np.asarray((weight * np.logaddexp(0, linear) - total * linear).sum(1))
    mean = from_link(linear, link)
    return np.asarray((mean * (weight * mean - 2 * total)).sum(1) / 2)


def _working(linear: Floats, weight: Floats, total: Floats, link: Link) -> tuple[Floats, Floats]:
    """Return the descent and the (expected) curvature of the misfit at each bin."""
    mean = from_link(linear, link)
    if link == "logit":
        return total - weight * mean, weight * mean * (1 - mean)
    hazard = np.exp(np.clip(linear, -700, 5))
    rise = hazard * (1 - mean)
    return rise * (total - weight * mean), weight * rise**2


def _start(linear: Floats, weight: Floats, total: Floats, link: Link) -> Floats:
    rate = np.clip(divide(total.sum(1), weight.sum(1)), 1e-4, 1 - 1e-4)
    centre = divide(weight @ linear, weight.sum(1))
    return np.nan_to_num(to_link(np.nan_to_num(rate, nan=0.5), link) - centre)


def spline_basis(place: Floats, knots: Floats) -> Floats:
    """Return intercept, linear and restricted cubic spline columns.

    References
    ----------
    Harrell 2015, Regression Modeling Strategies, section 2.4.5.
    """
    columns = [np.ones_like(place), place]
    last, before = knots[-1], knots[-2] if knots.size > 1 else knots[-1]
    for knot in knots[:-2]:
        curved = (
            np.maximum(place - knot, 0) ** 3
            - np.maximum(place - before, 0) ** 3 * (last - knot) / (last - before)
            + np.maximum(place - last, 0) ** 3 * (before - knot) / (last - before)
        )
        columns.append(curved / (last - knots[0]) ** 2)
    return np.column_stack(columns)


def _knots(place: Floats) -> Floats:
    knots = np.unique(np.quantile(place, KNOT_QUANTILES))
    return knots if knots.size >= 3 and np.unique(place).size >= 10 else knots[:0]


@dataclass(frozen=True)
class _Binned:
    """Subjects gathered by predicted risk, so that a resample is a hundred numbers."""

    place: Floats
    predicted: Floats
    weight: Floats
    total: Floats
    expected: Floats

    @classmethod
    def of(cls, judged: Judged, place: Floats, resamples: Resamples) -> _Binned:
        edges = np.unique(np.quantile(place, np.linspace(0, 1, RESAMPLED_BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, place, side="right")
        _, bins = np.unique(bins, return_inverse=True)
        size = np.bincount(bins)
        sorting = np.argsort(bins, kind="stable")
        begin = np.concatenate([[0], np.cumsum(size)[:-1]])

        def sums(weights: Floats) -> Floats:
            laid = weights[:, sorting]
            ordered = judged.observed[sorting], judged.predicted[sorting]
            parts = [laid, laid * ordered[0], laid * ordered[1]]
            return np.stack([np.add.reduceat(part, begin, axis=1) for part in parts], axis=1)

        drawn = resamples.each(sums)
        if not drawn.size:
            drawn = np.empty((0, 3, size.size))
        middle = np.bincount(bins, place) / size
        risk = np.bincount(bins, judged.predicted) / size
        return cls(middle, risk, drawn[:, 0], drawn[:, 1], drawn[:, 2])


def calibration_metrics(judged: Judged, resamples: Resamples) -> dict[str, Measured]:
    """Return slope, intercept, ICI, O/E, observed and expected risk.

    The observed values are fixed through the resamples, which is slightly conservative for
    pseudo-observations (Jacobsen & Martinussen 2016, Scandinavian Journal of Statistics
    43:845-862).
    """
    n = judged.predicted.size
    place = to_link(judged.predicted, judged.link)
    moved = int(((judged.predicted < SMALLEST_RISK) | (judged.predicted > 1 - SMALLEST_RISK)).sum())
    how = judged.how + (f"; {moved} risks of 0 or 1 moved inwards by 1e-6" if moved else "")
    binned = _Binned.of(judged, place, resamples)
    found = _slope_and_intercept(judged, place, binned, how)
    found["ici"] = _ici(judged, place, binned, how)
    found |= _observed_and_expected(judged, binned, n)
    return found


def _slope_and_intercept(
    judged: Judged, place: Floats, binned: _Binned, how: str
) -> dict[str, Measured]:
    n = place.size
    if judged.events < FEWEST_EVENTS or n - judged.events < FEWEST_EVENTS:
        few = Measured.impossible(f"fewer than {FEWEST_EVENTS} subjects with or without event", n)
        return {"calibration_slope": few, "calibration_intercept": few}
    once = np.ones((1, n)), judged.observed[None]
    line, level = np.column_stack([np.ones(n), place]), np.ones((n, 1))
    binned_line = np.column_stack([np.ones(binned.place.size), binned.place])
    binned_level = binned_line[:, :1]
    found = {}
    at_one, fine = fit_link(level, place, *once, judged.link)
    draws = _settled(fit_link(binned_level, binned.place, binned.weight, binned.total, judged.link))
    intercept = _measured(
        at_one[0, 0], fine[0], draws[:, 0], n, f"calibration intercept (0 is right) {how}"
    )
    if np.ptp(place) < 1e-9:
        slope = Measured.impossible("the model predicts the same risk for everyone", n)
    else:
        both, fine = fit_link(line, np.zeros(n), *once, judged.link)
        zero = np.zeros(binned.place.size)
        draws = _settled(fit_link(binned_line, zero, binned.weight, binned.total, judged.link))
        slope = _measured(
            both[0, 1], fine[0], draws[:, 1], n, f"calibration slope (1 is right) {how}"
        )
    found["calibration_slope"], found["calibration_intercept"] = slope, intercept
    return found


def _settled(fitted: tuple[Floats, Bools]) -> Floats:
    coefficients, settled = fitted
    return np.where(settled[:, None], coefficients, np.nan)


def _measured(value: float, fine: bool, draws: Floats, n: int, meaning: str) -> Measured:
    if not fine:
        return Measured.impossible("the regression did not settle; predictions separate events", n)
    return Measured(float(value), draws, n, meaning)


def _ici(judged: Judged, place: Floats, binned: _Binned, how: str) -> Measured:
    """Return the mean distance between predicted and smoothed observed risk.

    References
    ----------
    Austin & Steyerberg 2019, Statistics in Medicine 38:4051-4065; Austin, Harrell & van Klaveren
    2020, Statistics in Medicine 39:2714-2742 (time to event); Gerds & Kattan 2021, Medical Risk
    Prediction Models (pseudo-observations with competing risks).
    """
    n = place.size
    if judged.events < FEWEST_EVENTS or n - judged.events < FEWEST_EVENTS:
        return Measured.impossible(f"fewer than {FEWEST_EVENTS} subjects with or without event", n)
    knots = _knots(place)
    design = _smoothing_design(place, knots)
    coefficients, fine = fit_link(
        design, np.zeros(n), np.ones((1, n)), judged.observed[None], judged.link, by_fit=True
    )
    smooth = from_link(coefficients[0] @ design.T, judged.link)
    value = float(np.abs(smooth - judged.predicted).mean())
    coarse = _smoothing_design(binned.place, knots)
    zero = np.zeros(binned.place.size)
    drawn = _settled(fit_link(coarse, zero, binned.weight, binned.total, judged.link, by_fit=True))
    distance = np.abs(from_link(drawn @ coarse.T, judged.link) - binned.predicted)
    draws = divide((binned.weight * distance).sum(1), binned.weight.sum(1))
    meaning = f"integrated calibration index: mean |observed − predicted| risk (0 is right) {how}"
    return _measured(value, bool(fine[0]), draws, n, meaning)


def _smoothing_design(place: Floats, knots: Floats) -> Floats:
    if knots.size:
        return spline_basis(place, knots)
    if np.ptp(place) < 1e-9:
        return np.ones((place.size, 1))
    return np.column_stack([np.ones(place.size), place])


def _observed_and_expected(judged: Judged, binned: _Binned, n: int) -> dict[str, Measured]:
    size = binned.weight.sum(1)
    observed = float(judged.observed.mean())
    expected = float(judged.predicted.mean())
    seen, foreseen = divide(binned.total.sum(1), size), divide(binned.expected.sum(1), size)
    ratio = (
        Measured(observed / expected, divide(seen, foreseen), n, "observed over expected risk")
        if expected > 0
        else Measured.impossible("the model expects no event at all", n)
    )
    return {
        "oe": ratio,
        "observed_risk": Measured(observed, seen, n, f"observed risk {_when(judged)}"),
        "predicted_risk": Measured(expected, foreseen, n, f"mean predicted risk {_when(judged)}"),
    }


def _when(judged: Judged) -> str:
    return judged.how.split(",", maxsplit=1)[0] if judged.link == "cloglog" else "of the outcome"
