"""Stays with the predictions made along them, and which of those a policy shows as alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.errors import Fault, InputError
from osler.evaluate.inputs import Bools, Floats, Ints

HOURS_A_DAY = 24.0
# Hours; what is nearer than this is the same moment.
SAME_HOURS = 1e-9


@dataclass(frozen=True)
class AlertPolicy:
    """When a prediction is shown as an alert.

    Attributes
    ----------
    threshold
        Least risk that can alert.
    refractory_hours
        After an alert the stay is silent for so long; 0 for never.
    consecutive
        How many predictions in a row have to reach the threshold.
    most_per_stay
        After so many alerts the stay is silent; None for no limit.
    """

    threshold: float
    refractory_hours: float = 0.0
    consecutive: int = 1
    most_per_stay: int | None = None

    def __post_init__(self) -> None:
        faults = []
        if not np.isfinite(self.threshold):
            faults.append(Fault("threshold", "not a number", "a risk"))
        if not (np.isfinite(self.refractory_hours) and self.refractory_hours >= 0):
            faults.append(Fault("refractory_hours", "not a duration", "hours, 0 or more"))
        if self.consecutive < 1:
            faults.append(Fault("consecutive", "less than 1", "a whole number from 1"))
        if self.most_per_stay is not None and self.most_per_stay < 1:
            faults.append(Fault("most_per_stay", "less than 1", "a whole number from 1, or None"))
        if faults:
            raise InputError(faults)


@dataclass(frozen=True)
class Stays:
    """Stays, and the predictions along them.

    Attributes
    ----------
    stay : shape (n,)
        Which stay each prediction belongs to: an index into the arrays below.
    time_hours, risk : shape (n,)
        When each prediction was made, counted from any one origin of its stay, and what it said.
    start_hours, end_hours : shape (s,)
        From when to when each stay was watched.
    event_hours : shape (s,)
        When the event came; NaN if it did not come.
    subject : shape (s,)
        Whose stay it is; stays of one subject are drawn together for intervals.
    shown_until_hours : shape (s,)
        Until when predictions were made and shown; None for the end of each stay. An event after
        it counts, patient-days do not.
    known_until_hours : shape (s,)
        Until when it is known whether the event came, infinite where it is known for good; None
        for all. An alert whose horizon reaches beyond it is neither true nor false.
    """

    stay: Ints
    time_hours: Floats
    risk: Floats
    start_hours: Floats
    end_hours: Floats
    event_hours: Floats
    subject: Ints
    shown_until_hours: Floats | None = None
    known_until_hours: Floats | None = None

    @classmethod
    def of(
        cls,
        stay: Any,
        time_hours: Any,
        risk: Any,
        start_hours: Any,
        end_hours: Any,
        event_hours: Any,
        subject: Any = None,
        *,
        shown_until_hours: Any = None,
        known_until_hours: Any = None,
    ) -> Stays:
        """Check the arrays and bring the predictions into the order of stay and time.

        Predictions at or after the event, and after the end of the stay, are left out: nobody could
        have been warned by them.

        Parameters
        ----------
        stay : shape (n,)
            Of each prediction: the place of its stay in the arrays of stays.
        time_hours, risk : shape (n,)
            When it was made, and what it said.
        start_hours, end_hours, event_hours : shape (stays,)
            When each stay began and ended, and its event; NaN where there was none.
        subject : shape (stays,)
            Whose stay it is; None if each is another person's.
        shown_until_hours, known_until_hours : shape (stays,)
            As in the class.

        Raises
        ------
        InputError
            If lengths differ, a stay is unknown, a risk or time is missing, or a stay ends before
            it begins.
        """
        index = np.asarray(stay, np.int64 if len(stay) == 0 else None)
        times, risks = (np.asarray(one, np.float64) for one in (time_hours, risk))
        start, end, event = (
            np.asarray(one, np.float64) for one in (start_hours, end_hours, event_hours)
        )
        whose = np.arange(len(start)) if subject is None else np.asarray(subject)
        _check(index, times, risks, start, end, event, whose)
        shown, known = (
            None if one is None else np.asarray(one, np.float64)
            for one in (shown_until_hours, known_until_hours)
        )
        _check_ends(start, shown, known)
        last = np.where(np.isnan(event), end, np.minimum(event, end))[index]
        kept = np.flatnonzero(times < np.where(np.isnan(event[index]), np.inf, event[index]))
        kept = kept[(times[kept] <= last[kept]) & (times[kept] >= start[index[kept]])]
        order = kept[np.lexsort((times[kept], index[kept]))]
        _, codes = np.unique(whose, return_inverse=True)
        return cls(
            index[order].astype(np.int64),
            times[order],
            risks[order],
            start,
            end,
            event,
            codes.astype(np.int64).ravel(),
            shown,
            known,
        )

    @property
    def watched_days(self) -> Floats:
        """Days from the start of each stay to its event or its last showing, shape (s,)."""
        shown = self.end_hours if self.shown_until_hours is None else self.shown_until_hours
        until = np.fmin(np.minimum(self.end_hours, shown), self.event_hours)
        return np.maximum(until - self.start_hours, 0) / HOURS_A_DAY

    @property
    def had_event(self) -> Bools:
        """Whether the event came while the stay was watched, shape (s,)."""
        return np.asarray(
            (self.event_hours >= self.start_hours) & (self.event_hours <= self.end_hours)
        )


def _check(
    index: Any,
    times: Floats,
    risks: Floats,
    start: Floats,
    end: Floats,
    event: Floats,
    whose: Any,
) -> None:
    faults = []
    if not len(index) == len(times) == len(risks):
        faults.append(Fault("predictions", "arrays of different lengths", "one entry for each"))
    if not len(start) == len(end) == len(event) == len(whose):
        faults.append(Fault("stays", "arrays of different lengths", "one entry for each"))
    if faults:
        raise InputError(faults)
    if len(index) and (
        index.dtype.kind not in "iu" or index.min() < 0 or index.max() >= len(start)
    ):
        faults.append(Fault("stay", "an index of no stay", f"whole numbers below {len(start)}"))
    for name, values in (("time_hours", times), ("risk", risks), ("start_hours", start)):
        if not np.isfinite(values).all():
            faults.append(Fault(name, "missing or infinite values", "numbers"))
    if not np.isfinite(end).all() or (end < start).any():
        faults.append(Fault("end_hours", "missing, or before the start", "the end of each stay"))
    if np.isinf(event).any():
        faults.append(Fault("event_hours", "infinite values", "hours, NaN without an event"))
    if faults:
        raise InputError(faults)


def _check_ends(start: Floats, shown: Floats | None, known: Floats | None) -> None:
    named = {"shown_until_hours": shown, "known_until_hours": known}
    faults = [
        Fault(name, "another length than the stays, or missing values", "one entry for each stay")
        for name, values in named.items()
        if values is not None and (values.shape != start.shape or np.isnan(values).any())
    ]
    if faults:
        raise InputError(faults)


@dataclass(frozen=True)
class Alerts:
    """Which predictions were shown, and which reached the threshold and were kept silent."""

    shown: Bools
    silent: Bools


def fire(stays: Stays, policy: AlertPolicy) -> Alerts:
    """Apply a policy; returns flags of the predictions in the order of `stays`, shape (n,)."""
    reaching = stays.risk >= policy.threshold
    ready = np.flatnonzero(_in_a_row(reaching, stays.stay, policy.consecutive))
    shown = np.zeros(len(reaching), np.bool_)
    stay, silent_until, count = -1, -np.inf, 0
    for at, here, now in zip(
        ready.tolist(), stays.stay[ready].tolist(), stays.time_hours[ready].tolist(), strict=True
    ):
        if here != stay:
            stay, silent_until, count = here, -np.inf, 0
        if now < silent_until - SAME_HOURS or count == policy.most_per_stay:
            continue
        shown[at] = True
        count += 1
        if policy.refractory_hours:
            silent_until = now + policy.refractory_hours
    return Alerts(shown, reaching & ~shown)


def _in_a_row(reaching: Bools, stay: Ints, wanted: int) -> Bools:
    """Say at which predictions this and the `wanted` − 1 before reach the threshold."""
    answer = reaching.copy()
    for back in range(1, wanted):
        before = np.zeros_like(reaching)
        before[back:] = reaching[:-back] & (stay[back:] == stay[:-back])
        answer &= before
    return answer
