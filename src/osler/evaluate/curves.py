"""Observed curves: Kaplan–Meier, Aalen–Johansen, and each subject's influence on them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from osler.errors import NotEstimable
from osler.evaluate.inputs import Checking, Floats, Outcome


def left_limit(steps: Floats, values: Floats, at: Floats, start: float) -> Floats:
    """Return a right-continuous step function just before the given times."""
    index = np.searchsorted(steps, at, side="left")
    return np.concatenate([[start], values])[index]


@dataclass(frozen=True)
class Censoring:
    """The chance of still being under observation, by Kaplan–Meier of the censoring times.

    At a tied time events come before censoring, so that an event at t is seen when the censoring
    is at t or later, with probability `before(t)`.
    """

    steps: Floats
    under_observation: Floats

    @classmethod
    def of(cls, outcome: Outcome) -> Censoring:
        """Estimate it from an outcome."""
        steps, first = np.unique(np.sort(outcome.time), return_index=True)
        position = np.searchsorted(steps, outcome.time)
        censored = np.bincount(position, outcome.event == 0, steps.size)
        events = np.bincount(position, outcome.event > 0, steps.size)
        at_risk = len(outcome) - first - events
        hazard = np.divide(censored, at_risk, out=np.zeros(steps.size), where=at_risk > 0)
        return cls(steps, np.cumprod(1 - hazard))

    def before(self, time: Floats) -> Floats:
        """Return the chance of being under observation up to just before each time."""
        return left_limit(self.steps, self.under_observation, np.asarray(time), 1.0)


def known_status_weights(outcome: Outcome, censoring: Censoring, time: float) -> Floats:
    """Return inverse probability weights of the subjects whose status at `time` is known.

    Known: an event by then, or observation up to then. Others weigh 0.

    References
    ----------
    Graf et al. 1999, Statistics in Medicine 18:2529-2545.
    """
    known = (outcome.time >= time) | (outcome.event > 0)
    chance = censoring.before(np.minimum(outcome.time, time))
    usable = known & (chance > 0)
    return np.divide(1.0, chance, out=np.zeros(len(outcome)), where=usable)


def followed_to(outcome: Outcome, time: float) -> bool:
    """Say whether the curve is known at `time`: someone is followed to it, or all had events."""
    last = outcome.time.max()
    return bool(time <= last or (outcome.event[outcome.time == last] > 0).all())


@dataclass(frozen=True)
class Influenced:
    """A cumulative incidence at one time, and its derivative by each subject's weight.

    Parameters
    ----------
    influence : shape (n,)
        Infinitesimal jackknife: dF/dw_i at equal weights; sums to 0.
    """

    value: float
    influence: Floats

    @property
    def pseudo_values(self) -> Floats:
        """Infinitesimal-jackknife pseudo-observations; their mean is the value."""
        return self.value + self.influence.size * self.influence

    @property
    def standard_error(self) -> float:
        """Infinitesimal-jackknife standard error; for one cause it is Greenwood's."""
        return float(np.sqrt((self.influence**2).sum()))


@dataclass(frozen=True)
class RiskSets:
    """Who is at risk and what happens at each time at which something happens.

    With delayed entry a subject is at risk after `entry` up to and including `time`.
    """

    outcome: Outcome
    entry: Floats
    steps: Floats
    at_risk: Floats
    hazard: Floats
    survival: Floats
    survival_before: Floats

    @classmethod
    def of(cls, outcome: Outcome, entry: Floats | None = None) -> RiskSets:
        """Count the risk sets."""
        entered = np.full(len(outcome), -np.inf) if entry is None else entry
        steps = np.unique(outcome.time[outcome.event > 0])
        leaving = np.searchsorted(np.sort(outcome.time), steps, side="left")
        entering = np.searchsorted(np.sort(entered), steps, side="left")
        at_risk = (entering - leaving).astype(np.float64)
        position = np.searchsorted(steps, outcome.time[outcome.event > 0])
        hazard = np.bincount(position, minlength=steps.size) / at_risk
        survival = np.asarray(np.cumprod(1 - hazard), dtype=np.float64)
        before: Floats = np.concatenate([[1.0], survival])[:-1]
        return cls(outcome, entered, steps, at_risk, hazard, survival, before)

    def cause_hazard(self, cause: int) -> Floats:
        """Return the hazard of one cause at each step."""
        chosen = self.outcome.event == cause
        position = np.searchsorted(self.steps, self.outcome.time[chosen])
        return np.asarray(np.bincount(position, minlength=self.steps.size) / self.at_risk)

    def incidence(self, cause: int) -> Floats:
        """Return the Aalen–Johansen cumulative incidence after each step."""
        return np.cumsum(self.survival_before * self.cause_hazard(cause))

    def influenced(self, cause: int, time: float) -> Influenced:
        """Return the cumulative incidence at `time` with each subject's influence.

        References
        ----------
        Parner, Andersen & Overgaard 2023, Lifetime Data Analysis 29:654-671 (infinitesimal
        jackknife pseudo-observations); Andersen et al. 1993, Statistical Models Based on Counting
        Processes, section IV.4 (Aalen–Johansen).
        """
        upto = int(np.searchsorted(self.steps, time, side="right"))
        if not upto:
            return Influenced(0.0, np.zeros(len(self.outcome)))
        steps, at_risk = self.steps[:upto], self.at_risk[:upto]
        gain = (self.survival_before * self.cause_hazard(cause))[:upto]
        reached = np.cumsum(gain)
        left = 1 - self.hazard[:upto]
        # Where everyone at risk has the event, nothing follows that could be influenced.
        decay = np.divide(
            self.hazard[:upto], at_risk * left, out=np.zeros(upto), where=left > 1e-12
        )
        earlier = np.concatenate([[0.0], np.cumsum(decay)[:-1]])

        def exposure(until: Floats) -> Floats:
            # ∫ of the hazard compensator up to `until`: lost survival and lost own increments.
            index = np.searchsorted(steps, until, side="right")
            own = _from_zero(gain / at_risk)[index]
            lost = _from_zero(earlier * gain)[index]
            later = reached[-1] - _from_zero(gain)[index]
            return np.asarray(own - lost - _from_zero(decay)[index] * later)

        influence = -(exposure(self.outcome.time) - exposure(self.entry))
        had = np.flatnonzero((self.outcome.event > 0) & (self.outcome.time <= time))
        step = np.searchsorted(steps, self.outcome.time[had])
        survived = left[step] > 1e-12
        share = np.where(survived, left[step], 1.0) * at_risk[step]
        influence[had] -= np.where(survived, (reached[-1] - reached[step]) / share, 0.0)
        own_cause = self.outcome.event[had] == cause
        influence[had] += own_cause * self.survival_before[step] / at_risk[step]
        return Influenced(float(reached[-1]), influence)


def _from_zero(increments: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(increments)])


def log_log_interval(value: float, error: float, level: float) -> tuple[float, float]:
    """Return an interval for a probability that stays within 0 and 1.

    Symmetric on the scale log(−log(1 − p)).

    References
    ----------
    Kalbfleisch & Prentice 2002, The Statistical Analysis of Failure Time Data, section 1.4.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    spread = z * error / ((1 - value) * -np.log1p(-value))
    hazard = -np.log1p(-value)
    return float(-np.expm1(-hazard * np.exp(-spread))), float(-np.expm1(-hazard * np.exp(spread)))


def wilson_interval(share: float, n: int, level: float) -> tuple[float, float]:
    """Return Wilson's interval for a share.

    References
    ----------
    Wilson 1927, Journal of the American Statistical Association 22:209-212.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if share == 0 else max(0.0, middle - half)
    return float(low), float(1.0 if share == 1 else min(1.0, middle + half))


def probability_interval(
    value: float, error: float, known: int, level: float
) -> tuple[float, float]:
    """Return an interval for an incidence; Wilson's among those of known status at 0 or 1."""
    if 0 < value < 1:
        return log_log_interval(value, error, level)
    return wilson_interval(min(max(value, 0.0), 1.0), max(known, 1), level)


@dataclass(frozen=True)
class IncidenceCurve:
    """The observed cumulative incidence of one cause, with a pointwise interval.

    Parameters
    ----------
    times, value, low, high : shape (t,)
        NaN at times to which nobody was followed.
    at_risk : shape (t,)
        Subjects under observation and event-free at each time.
    """

    times: Floats
    value: Floats
    low: Floats
    high: Floats
    at_risk: Floats
    level: float
    n: int
    meaning: str

    def to_json(self) -> dict[str, list[float | None]]:
        """Return the object of `results.json`; NaN becomes null."""

        def plain(values: Floats) -> list[float | None]:
            return [None if np.isnan(value) else float(value) for value in values]

        return {
            "times_days": plain(self.times),
            "value": plain(self.value),
            "low": plain(self.low),
            "high": plain(self.high),
            "at_risk": plain(self.at_risk),
        }


def incidence(
    y: Any, times: Any, *, entry: Any = None, level: float = 0.95
) -> dict[int, IncidenceCurve]:
    """Estimate the cumulative incidence of each cause by Aalen–Johansen.

    Parameters
    ----------
    y : structured, shape (n,)
        Fields `event` (0 censored, 1..K) and `time`.
    times : shape (t,)
        Increasing, in the unit of `y`.
    entry : shape (n,), optional
        Time from which each subject is under observation (delayed entry); None: from 0.

    Returns
    -------
    One curve per cause that occurs; with one cause it is 1 − Kaplan–Meier. The interval is by the
    infinitesimal jackknife on the log(−log) scale; at 0 or 1, where that has no width, it is
    Wilson's among those of known status.

    Raises
    ------
    InputError
        If the arrays do not fit together, or someone leaves before entering.
    NotEstimable
        If there is no event at all.

    Examples
    --------
    >>> kind = [("event", int), ("time", float)]
    >>> y = np.array([(1, 1.0), (0, 2.0), (2, 3.0), (1, 4.0)], dtype=kind)
    >>> incidence(y, [2.0, 4.0])[1].value.round(3).tolist()
    [0.25, 0.625]

    References
    ----------
    Aalen & Johansen 1978, Scandinavian Journal of Statistics 5:141-150.
    """
    checking = Checking()
    outcome, grid = checking.outcome(y, "y"), checking.times(times)
    entered = None
    if entry is not None:
        entered = checking.numbers(entry, "entry", 1)
        if entered.shape != outcome.time.shape:
            checking.fault("entry", f"{entered.size} entries", f"{len(outcome)}, one per row of y")
        elif (entered >= outcome.time).any():
            late = int((entered >= outcome.time).sum())
            checking.fault(
                "entry",
                f"{late} subjects enter at or after their last time",
                "entry before the event or censoring",
                "leave them out: they were never under observation",
            )
    checking.settings(level, 0)
    checking.done()
    if not outcome.causes:
        raise NotEstimable("no incidence: nobody had an event; follow longer or widen the outcome")
    sets = RiskSets.of(outcome, entered)
    return {cause: _curve(sets, cause, grid, level) for cause in outcome.causes}


def _curve(sets: RiskSets, cause: int, grid: Floats, level: float) -> IncidenceCurve:
    outcome = sets.outcome
    rows = np.full((grid.size, 3), np.nan)
    for row, time in enumerate(grid):
        if followed_to(outcome, time):
            point = sets.influenced(cause, time)
            known = int(((outcome.time >= time) | (outcome.event > 0)).sum())
            low, high = probability_interval(point.value, point.standard_error, known, level)
            rows[row] = (point.value, low, high)
    at_risk = ((outcome.time[None] >= grid[:, None]) & (sets.entry[None] < grid[:, None])).sum(1)
    return IncidenceCurve(
        grid,
        rows[:, 0],
        rows[:, 1],
        rows[:, 2],
        at_risk.astype(np.float64),
        level,
        len(outcome),
        f"observed cumulative incidence of cause {cause} (Aalen–Johansen), pointwise interval by "
        "the infinitesimal jackknife on the log(−log) scale",
    )
