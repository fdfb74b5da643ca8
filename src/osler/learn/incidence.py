"""Cause-specific hazards combined into incidences that sum, with survival, to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from osler.learn.losses import ETA_LIMIT, CoxLoss, Floats, Ints
from osler.learn.outcome import SurvivalOutcome

MOST_TIMES = 1000
ROWS_AT_ONCE = 1024
LEFT_OUT = 0.1
MOST_ROWS_TO_MATCH = 20_000
MATCHING_STEPS = 3
WITHIN_ERRORS = 1.96


@dataclass(frozen=True)
class Hazards:
    """Baseline hazard of every cause, at the times when an event happened.

    Parameters
    ----------
    times : shape (g,)
        Increasing.
    jumps : shape (causes, g)
        Cumulative-hazard increments at a predictor of 0.
    period : shape (causes, g)
        Which of a cause's predictors holds at each time; all 0 under proportional hazards.
    events : shape (causes, g)
        How many events of each cause the jumps stand for.
    """

    times: Floats
    jumps: Floats
    period: Ints
    events: Ints

    @property
    def causes(self) -> int:
        """Number of competing causes."""
        return len(self.jumps)

    def incidence(self, eta: Floats, times: Floats) -> Floats:
        """Return the incidence of every cause, shape (n, causes, t).

        At each jump the chance to have any event, given none before, is 1 − exp(−Σ hazards) and
        is shared among the causes as their hazards are; so incidences and survival sum to one
        and none leaves [0, 1], however large a predictor is. At time 0 all are 0; events that
        happened at time 0 count at any time after it.

        Parameters
        ----------
        eta : shape (n, causes, periods)
            Log hazard ratios.
        times : shape (t,)
            In any order; beyond the last event the curves stay flat.
        """
        answer = np.empty((len(eta), self.causes, len(times)))
        step = self._step(times)
        for part in _parts(len(eta)):
            answer[part] = self._curves(eta[part], int(step.max(initial=0)))[:, :, step]
        return answer

    def _step(self, times: Floats) -> Ints:
        step = np.searchsorted(self.times, times, side="right")
        step[times == 0] = 0
        return step

    def _rates(self, eta: Floats, steps: int) -> Floats:
        """Return each row's hazards at the first `steps` jumps, shape (n, causes, steps)."""
        ratio = np.exp(np.clip(eta, -ETA_LIMIT, ETA_LIMIT))
        rates = np.empty((len(eta), self.causes, steps))
        for cause in range(self.causes):
            held = ratio[:, cause, :][:, self.period[cause, :steps]]
            rates[:, cause] = held * self.jumps[cause, :steps]
        return rates

    def _curves(self, eta: Floats, steps: int) -> Floats:
        """Return incidences before the first jump and after each of the first `steps`."""
        rates = self._rates(eta, steps)
        total = rates.sum(axis=1)
        lost = _before(total) * _share_lost(total)
        curves = np.zeros((len(eta), self.causes, steps + 1))
        np.cumsum(rates * lost[:, None, :], axis=2, out=curves[:, :, 1:])
        return curves

    def slope(self, eta: Floats, time: float, cause: int) -> Floats:
        """Return the derivative of the incidence of `cause` at `time` by every predictor.

        Returns
        -------
        shape (n, causes, periods)
        """
        steps = int(self._step(np.array([time]))[0])
        answer = np.zeros(eta.shape)
        if not steps:
            return answer
        for part in _parts(len(eta)):
            effect = self._slopes(eta[part], steps, cause)
            for other in range(self.causes):
                period = self.period[other, :steps]
                starts = np.flatnonzero(np.diff(period, prepend=-1))
                answer[part, other, period[starts]] = np.add.reduceat(
                    effect[:, other], starts, axis=1
                )
        return answer

    def _slopes(self, eta: Floats, steps: int, cause: int) -> Floats:
        rates = self._rates(eta, steps)
        total = rates.sum(axis=1)
        before, lost = _before(total), _share_lost(total)
        gained = np.cumsum(before * rates[:, cause - 1] * lost, axis=1)
        later = gained[:, [-1]] - gained
        indirect = before * rates[:, cause - 1] * _share_lost_slope(total) - later
        effect = rates * indirect[:, None, :]
        effect[:, cause - 1] += rates[:, cause - 1] * before * lost
        return effect

    def mean_incidence(self, eta: Floats, cause: int | None = None) -> Floats:
        """Return the incidence averaged over the times at which events happened, shape (n,).

        Of any event, or of one cause; the first and last tenth of the events are left out, as
        few are at risk or few have had it there. It is between 0 and 1.
        """
        events = self.events if cause is None else self.events[[cause - 1]]
        weight = _middle(events.sum(axis=0))
        steps = int(np.flatnonzero(weight)[-1]) + 1
        mean = np.empty(len(eta))
        for part in _parts(len(eta)):
            curves = self._curves(eta[part], steps)[:, :, 1:]
            chosen = curves.sum(axis=1) if cause is None else curves[:, cause - 1]
            mean[part] = chosen @ weight[:steps]
        return mean


def _middle(events: Ints) -> Floats:
    """Return the events' share at each time, of those between the first and the last tenth."""
    if not events.any():
        return np.full(len(events), 1.0 / len(events))
    upto = np.cumsum(events)
    low, high = LEFT_OUT * upto[-1], (1 - LEFT_OUT) * upto[-1]
    inside = np.clip(upto, low, high) - np.clip(upto - events, low, high)
    return np.asarray(inside / inside.sum())


def _parts(rows: int) -> Iterator[slice]:
    return (slice(start, start + ROWS_AT_ONCE) for start in range(0, rows, ROWS_AT_ONCE))


def _before(total: Floats) -> Floats:
    """Return the chance of no event before each jump."""
    alive = np.exp(-np.cumsum(total, axis=1))
    return np.concatenate([np.ones((len(total), 1)), alive], axis=1)[:, : total.shape[1]]


def _share_lost(total: Floats) -> Floats:
    """Return (1 − exp(−h)) / h, which is 1 at 0."""
    return np.asarray(-np.expm1(-total) / np.where(total > 0, total, 1.0) + (total == 0))


def _share_lost_slope(total: Floats) -> Floats:
    """Return its derivative, by series where the quotient would cancel."""
    small = total < 1e-3
    h = np.where(small, 1.0, total)
    exact = (np.exp(-h) * h + np.expm1(-h)) / h**2
    return np.asarray(np.where(small, -0.5 + total / 3, exact))


def baseline(outcome: SurvivalOutcome, eta: Floats, cuts: Sequence[Floats]) -> Hazards:
    """Estimate the baseline hazards of all causes, given every row's predictors.

    Tied events leave the risk set one after another, as in Fleming and Harrington's estimator;
    so that heavy ties give the Kaplan–Meier curve, not an excess of survivors. Without late entry
    they are then brought to average to Aalen and Johansen's estimate, see `_matched`.

    Parameters
    ----------
    eta : shape (n, causes, periods)
    cuts
        For each cause the times after which its second, third, ... predictor holds.

    References
    ----------
    Breslow 1974, Biometrics 30:89-99; Fleming & Harrington 1984, Commun Stat 13:2469-2486.
    """
    loss = CoxLoss(outcome.time, outcome.event > 0, outcome.entry)
    times = loss.event_times
    jumps = np.zeros((eta.shape[1], len(times)))
    events = np.zeros(jumps.shape, dtype=np.int64)
    period = np.stack([np.searchsorted(cut, times, side="left") for cut in cuts])
    for cause in range(eta.shape[1]):
        happened = outcome.event == cause + 1
        slots = np.searchsorted(times, outcome.time[happened])
        events[cause] = np.bincount(slots, minlength=len(times))
        share = events[cause] / loss.deaths
        for now in np.unique(period[cause]):
            weight = np.exp(np.clip(eta[:, cause, now], -ETA_LIMIT, ETA_LIMIT))
            held = period[cause] == now
            jumps[cause, held] = (share * loss.exposure(weight))[held]
    found = thinned(Hazards(times, jumps, period, events), loss.deaths)
    return found if outcome.entry.any() or not eta.any() else _matched(found, outcome, eta)


def _matched(hazards: Hazards, outcome: SurvivalOutcome, eta: Floats) -> Hazards:
    """Return hazards whose incidences average to Aalen and Johansen's over the rows.

    Where censoring depends on the features, that estimate is wrong and the hazards are right. So
    nothing is done if, before the last tenth of the events, the two are anywhere further apart
    than its sampling error explains.
    """
    none = null_incidence(outcome)
    step = np.searchsorted(none.times, hazards.times, side="right")
    level = np.zeros((1, none.causes, 1))
    observed = none._curves(level, len(none.times))[0][:, step]
    sample = eta[:: -(-len(eta) // MOST_ROWS_TO_MATCH)]
    curves = [hazards._curves(sample[part], len(step)).sum(axis=0) for part in _parts(len(sample))]
    mean = np.sum(curves, axis=0)[:, 1:] / len(sample)
    error = np.sqrt(observed * (1 - observed) / len(outcome))
    early = np.cumsum(hazards.events.sum(axis=0)) <= (1 - LEFT_OUT) * hazards.events.sum()
    if (np.abs(mean - observed) > WITHIN_ERRORS * error + 1e-12)[:, early].any():
        return hazards
    jumps = _matching_jumps(hazards, sample, np.diff(observed, axis=1, prepend=0.0))
    return Hazards(hazards.times, jumps, hazards.period, hazards.events)


def _matching_jumps(hazards: Hazards, eta: Floats, gained: Floats) -> Floats:
    """Return the jumps under which the rows' mean incidence gains this much at each time.

    Parameters
    ----------
    eta : shape (n, causes, periods)
    gained : shape (causes, g)
    """
    ratio = np.exp(np.clip(eta, -ETA_LIMIT, ETA_LIMIT))
    every = np.arange(hazards.causes)
    jumps, alive = np.zeros(hazards.jumps.shape), np.ones(len(eta))
    for at in range(len(hazards.times)):
        held = ratio[:, every, hazards.period[:, at]]
        lost, step = alive, hazards.jumps[:, at]
        for _ in range(MATCHING_STEPS):
            lost = alive * _share_lost(held @ step)
            step = gained[:, at] / np.maximum(lost @ held / len(eta), 1e-12)
        jumps[:, at] = step
        alive = alive * np.exp(-(held @ step))
    return jumps


def thinned(hazards: Hazards, deaths: Ints) -> Hazards:
    """Merge neighbouring jumps until about `MOST_TIMES` remain, evenly filled with events."""
    if len(hazards.times) <= MOST_TIMES:
        return hazards
    rank = np.cumsum(deaths)
    bin_of = (rank - 1) * MOST_TIMES // rank[-1]
    changes = np.diff(bin_of, prepend=-1) != 0
    changes |= (np.diff(hazards.period, axis=1, prepend=-1) != 0).any(axis=0)
    starts = np.flatnonzero(changes)
    ends = np.append(starts[1:], len(bin_of)) - 1
    return Hazards(
        hazards.times[ends],
        np.add.reduceat(hazards.jumps, starts, axis=1),
        hazards.period[:, ends],
        np.add.reduceat(hazards.events, starts, axis=1),
    )


def null_incidence(outcome: SurvivalOutcome) -> Hazards:
    """Return the hazards of everyone alike, whose incidences are near Aalen and Johansen's."""
    none: list[Floats] = [np.zeros(0)] * outcome.causes
    return baseline(outcome, np.zeros((len(outcome), outcome.causes, 1)), none)
