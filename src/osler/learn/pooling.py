"""Baseline hazards of rows learned from and of new ones together, without the rows learned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from osler.learn.incidence import Hazards, thinned
from osler.learn.losses import ETA_LIMIT, Floats
from osler.learn.outcome import SurvivalOutcome


def pooled(
    old: Hazards,
    outcome: SurvivalOutcome,
    eta: Floats,
    cuts: Sequence[Floats],
    grown: Floats | None = None,
) -> Hazards:
    """Return the baseline hazards of old rows and new ones.

    A jump is events over the weight at risk, so that the old weight can be had back wherever an
    event happened; between events it is interpolated, after the last it is taken for none. Rows
    with an event count half in the weight at risk at their own time.

    Parameters
    ----------
    outcome, eta : shape (n, causes, periods)
        Of the new rows, with log hazard ratios from where the old ones are counted.
    cuts
        As in `osler.learn.incidence.baseline`.
    grown : shape (causes, periods), optional
        By how much the weight of the old rows grew since their jumps were estimated.
    """
    times = np.union1d(old.times, outcome.time[outcome.event > 0])
    period = np.stack([np.searchsorted(cut, times, side="left") for cut in cuts])
    jumps, events = np.zeros(period.shape), np.zeros(period.shape, dtype=np.int64)
    for cause in range(old.causes):
        weight = _before(old, cause, times)
        if grown is not None:
            weight *= grown[cause, period[cause]]
        for now in np.unique(period[cause]):
            held = period[cause] == now
            weight[held] += _at_risk(outcome, eta[:, cause, now], times)[held]
        events[cause, np.searchsorted(times, old.times)] = old.events[cause]
        own = outcome.time[outcome.event == cause + 1]
        events[cause] += np.bincount(np.searchsorted(times, own), minlength=len(times))
        known = (events[cause] > 0) & (weight > 0)
        jumps[cause, known] = events[cause, known] / weight[known]
    return thinned(Hazards(times, jumps, period, events), events.sum(axis=0))


def _before(hazards: Hazards, cause: int, times: Floats) -> Floats:
    """Return the weight at risk behind a cause's jumps, at any times."""
    known = np.flatnonzero(hazards.jumps[cause] > 0)
    if not len(known):
        return np.zeros(len(times))
    behind = hazards.events[cause, known] / hazards.jumps[cause, known]
    found = np.interp(times, hazards.times[known], behind)
    return np.asarray(np.where(times > hazards.times[-1], 0.0, found))


def _at_risk(outcome: SurvivalOutcome, eta: Floats, times: Floats) -> Floats:
    """Return the sum of exp(eta) over the rows at risk at each time."""
    weight = np.exp(np.clip(eta, -ETA_LIMIT, ETA_LIMIT))
    entry = np.where(
        outcome.entry >= outcome.time, np.nextafter(outcome.time, -np.inf), outcome.entry
    )
    happened = outcome.event > 0
    total = _from(outcome.time, weight, times, "left") - _from(entry, weight, times, "left")
    ends, own = outcome.time[happened], weight[happened]
    tied = _from(ends, own, times, "left") - _from(ends, own, times, "right")
    several = np.bincount(np.searchsorted(times, ends), minlength=len(times)) > 1
    return np.asarray(total - np.where(several, tied / 2, 0.0))


def _from(ends: Floats, weight: Floats, times: Floats, side: str) -> Floats:
    """Return the weight of the ends from each time on, itself included (left) or not (right)."""
    order = np.argsort(ends, kind="stable")
    later = np.concatenate([np.cumsum(weight[order][::-1])[::-1], [0.0]])
    place = np.searchsorted(ends[order], times, side="left" if side == "left" else "right")
    return np.asarray(later[place])
