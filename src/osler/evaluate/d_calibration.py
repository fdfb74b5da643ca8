"""D-calibration: whether a tenth of the subjects have the event in each tenth of survival."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from osler.evaluate.bootstrap import Measured, Resamples
from osler.evaluate.inputs import Bools, Floats, Outcome

D_BINS = 10
FEWEST_TIMES_FOR_D = 10
LEAST_STEP = 1e-9


def survival_at_own_time(
    survival: Floats, times: Floats, outcome: Outcome
) -> tuple[Floats, Outcome]:
    """Return each subject's predicted survival at her own time, linear between given times.

    Whoever is followed past the last given time is taken as censored there.
    """
    grid = np.concatenate([[0.0], times])
    curves = np.column_stack([np.ones(len(outcome)), survival])
    if times[0] == 0:
        grid, curves = times, survival
    past = outcome.time > times[-1]
    own = np.minimum(outcome.time, times[-1])
    right = np.clip(np.searchsorted(grid, own, side="left"), 1, grid.size - 1)
    rows = np.arange(len(outcome))
    share = (own - grid[right - 1]) / (grid[right] - grid[right - 1])
    value = (1 - share) * curves[rows, right - 1] + share * curves[rows, right]
    return value, Outcome(np.where(past, 0, outcome.event), own)


def survival_before_tie(survival: Floats, times: Floats, outcome: Outcome) -> Floats:
    """Return each subject's predicted survival where the step of her time began, shape (n,).

    Times told in whole days or months put every event of a step at its end. Where several events
    share a time, the step began at the last earlier time at which anyone's follow-up ended; where
    none do, it has no length.
    """
    known = np.concatenate([[0.0], outcome.time])
    distinct, place = np.unique(known, return_inverse=True)
    place = place[1:]
    events = np.bincount(place, outcome.event > 0, len(distinct))
    before = distinct[np.maximum(place - 1, 0)]
    began = np.where(events[place] > 1, before, outcome.time)
    return survival_at_own_time(survival, times, Outcome(outcome.event, began))[0]


def d_calibration_shares(
    at_own_time: Floats, event: Bools, before_tie: Floats | None = None
) -> Floats:
    """Return each subject's share in each tenth of predicted survival, shape (n, 10).

    A censored subject is spread over the tenths below her survival at censoring. A subject with
    an event at a time that others share is spread between her survival before and at that time:
    at the end alone even true curves would leave the first tenths short.

    Parameters
    ----------
    before_tie : shape (n,), optional
        From `survival_before_tie`.

    References
    ----------
    Haider et al. 2020, Journal of Machine Learning Research 21(85):1-63; Czado, Gneiting & Held
    2009, Biometrics 65:1254-1261 (discrete outcomes: the share of each step, not its end).
    """
    low = np.arange(D_BINS) / D_BINS
    shares = np.zeros((at_own_time.size, D_BINS))
    tenth = np.minimum((at_own_time * D_BINS).astype(np.int64), D_BINS - 1)
    shares[np.arange(at_own_time.size), tenth] = 1.0
    spread = ~event & (at_own_time > 0)
    below = np.clip(at_own_time[spread, None] - low, 0, 1 / D_BINS)
    shares[spread] = below / at_own_time[spread, None]
    if before_tie is not None:
        tied = event & (before_tie - at_own_time > LEAST_STEP)
        edges = np.arange(D_BINS + 1) / D_BINS
        inside = np.clip(edges[None], at_own_time[tied, None], before_tie[tied, None])
        shares[tied] = np.diff(inside, axis=1) / (before_tie - at_own_time)[tied, None]
    return shares


def d_calibration(
    survival: Floats, times: Floats, outcome: Outcome, resamples: Resamples
) -> dict[str, Measured]:
    """Return how far the tenths of predicted survival are from holding a tenth each."""
    n = len(outcome)
    if times.size < FEWEST_TIMES_FOR_D:
        few = Measured.impossible(
            f"D-calibration needs survival at {FEWEST_TIMES_FOR_D} or more times", n
        )
        return {"d_calibration": few, "d_calibration_p": few}
    own, cut = survival_at_own_time(survival, times, outcome)
    before = survival_before_tie(survival, times, cut)
    shares = d_calibration_shares(own, cut.event > 0, before)
    observed, draws = shares.mean(0), resamples.means(shares)
    return {
        "d_calibration": Measured(
            _moved(observed[None])[0],
            _moved(draws),
            n,
            "share of subjects that would have to move for a tenth to lie in each tenth of "
            "predicted survival (0 is right; chance alone makes it positive)",
        ),
        "d_calibration_p": Measured(
            float(_chance(observed[None], n)[0]),
            _chance(draws, n),
            n,
            "p-value of D-calibration, χ² with 9 degrees of freedom, conservative under censoring; "
            "its range shows how it would vary and is no confidence interval",
        ),
    }


def _moved(shares: Floats) -> Floats:
    return np.asarray(np.abs(shares - 1 / D_BINS).sum(1) / 2)


def _chance(shares: Floats, n: int) -> Floats:
    statistic = n * D_BINS * ((shares - 1 / D_BINS) ** 2).sum(1)
    return np.asarray(chdtrc(D_BINS - 1, statistic))
