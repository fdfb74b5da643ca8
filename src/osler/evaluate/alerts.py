"""Early warning: what alerts cost and what they give, under a policy of when to alert.

Predictions are made again and again along a stay. A policy says which of them are shown as alerts;
an alert is true if the event follows within the horizon. The metrics are those a ward feels: alerts
for 100 patient-days, the share that is true, the share of events that were warned of, and how long
before.

Sources: alert burden and lead time as in Hyland et al. 2020, Nat Med 26:364-373,
doi:10.1038/s41591-020-0789-4 (event-based recall, silencing); Wong et al. 2021, JAMA Intern Med
181:1065-1070, doi:10.1001/jamainternmed.2021.2626 (alerts per patient, number needed to evaluate).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from osler.errors import Fault, InputError, NotEstimable
from osler.evaluate.bootstrap import Measured, Resamples, divide
from osler.evaluate.inputs import Bools, Floats, Ints
from osler.model import Estimate

HOURS_A_DAY = 24.0
PER_DAYS = 100.0
LEAD_HOURS = (1.0, 2.0, 4.0, 6.0, 12.0)
BISECTIONS = 40


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
    """

    stay: Ints
    time_hours: Floats
    risk: Floats
    start_hours: Floats
    end_hours: Floats
    event_hours: Floats
    subject: Ints

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
        )

    @property
    def watched_days(self) -> Floats:
        """Days from the start of each stay to its event or end, shape (s,)."""
        until = np.where(np.isnan(self.event_hours), self.end_hours, self.event_hours)
        return np.maximum(np.minimum(until, self.end_hours) - self.start_hours, 0) / HOURS_A_DAY

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
        if now < silent_until or count == policy.most_per_stay:
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


@dataclass(frozen=True)
class AlertReport:
    """What a policy costs and gives.

    Attributes
    ----------
    alerts_per_100_days
        Shown alerts for 100 patient-days under watch.
    precision
        Share of shown alerts that the event follows within the horizon.
    sensitivity
        Share of events with at least one shown alert within the horizon before.
    sensitivity_by_lead
        The same with the alert at least so many hours before the event.
    first_lead_hours
        Median hours from the first true alert of a stay to its event, among events warned of.
    stays_alerted
        Share of stays with a shown alert.
    silent_share
        Share of the predictions that reached the threshold which the policy kept silent.
    """

    policy: AlertPolicy
    horizon_hours: float
    alerts_per_100_days: Estimate
    precision: Estimate
    sensitivity: Estimate
    sensitivity_by_lead: Mapping[float, Estimate]
    first_lead_hours: Estimate
    stays_alerted: Estimate
    silent_share: Estimate
    events: int
    patient_days: float


def alert_report(
    stays: Stays,
    policy: AlertPolicy,
    horizon_hours: float,
    *,
    lead_hours: Sequence[float] = LEAD_HOURS,
    bootstrap: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> AlertReport:
    """Judge one policy.

    Parameters
    ----------
    horizon_hours
        An alert is true if the event comes within so many hours after it.
    lead_hours
        Hours before the event at which sensitivity is told as well.

    Raises
    ------
    NotEstimable
        If no stay was watched for any time.
    """
    sums = _sums(stays, fire(stays, policy), horizon_hours, lead_hours)
    draws = _drawn(stays, bootstrap, seed)
    return _report(stays, policy, horizon_hours, tuple(lead_hours), sums, draws, level)


@dataclass(frozen=True)
class _Sums:
    """What each stay adds, shape (s, columns), by name; and the first true lead of each stay."""

    columns: Mapping[str, Floats]
    first_lead: Floats


def _sums(stays: Stays, alerts: Alerts, horizon_hours: float, lead_hours: Sequence[float]) -> _Sums:
    if not stays.watched_days.sum() > 0:
        raise NotEstimable("no stay was watched for any time; alerts have no rate")
    if not horizon_hours > 0:
        raise InputError(Fault("horizon_hours", "not above 0", "hours"))
    count = len(stays.start_hours)
    lead = stays.event_hours[stays.stay] - stays.time_hours
    counts = np.where(stays.had_event[stays.stay], lead, np.nan)
    true = alerts.shown & (counts <= horizon_hours)

    def per_stay(flags: Bools) -> Floats:
        return np.bincount(stays.stay[flags], minlength=count).astype(np.float64)

    first = np.full(count, np.nan)
    earliest = np.flatnonzero(true)[::-1]
    first[stays.stay[earliest]] = counts[earliest]
    columns = {
        "days": stays.watched_days,
        "stays": np.ones(count),
        "events": stays.had_event.astype(np.float64),
        "shown": per_stay(alerts.shown),
        "reached": per_stay(alerts.shown | alerts.silent),
        "true": per_stay(true),
        "warned": (per_stay(true) > 0).astype(np.float64),
        "alerted": (per_stay(alerts.shown) > 0).astype(np.float64),
    }
    for hours in lead_hours:
        columns[_lead(hours)] = (per_stay(true & (counts >= hours)) > 0).astype(np.float64)
    return _Sums(columns, first)


def _lead(hours: float) -> str:
    return f"lead {hours:g}"


def _drawn(stays: Stays, bootstrap: int, seed: int) -> Resamples:
    return Resamples.of(len(stays.start_hours), bootstrap, seed, stays.subject)


def _ratio(
    sums: _Sums, draws: Resamples, above: str, below: str, meaning: str, scale: float = 1.0
) -> Measured:
    pair = np.column_stack([sums.columns[above], sums.columns[below]])
    total = pair.sum(axis=0)
    if total[1] == 0:
        return Measured.impossible(f"there are no {_NOUNS[below]}", 0)
    resampled = draws.totals(pair)
    value = scale * float(total[0] / total[1])
    return Measured(value, scale * divide(resampled[:, 0], resampled[:, 1]), int(total[1]), meaning)


_NOUNS = {
    "days": "patient-days",
    "stays": "stays",
    "events": "events",
    "shown": "shown alerts",
    "reached": "predictions that reach the threshold",
}


def _median_lead(sums: _Sums, draws: Resamples) -> Measured:
    known = np.flatnonzero(np.isfinite(sums.first_lead))
    if not known.size:
        return Measured.impossible("no event was warned of", 0)
    order = known[np.argsort(sums.first_lead[known])]
    sorted_leads = sums.first_lead[order]

    def medians(weights: Floats) -> Floats:
        cumulated = np.cumsum(weights[:, order], axis=1)
        half = cumulated[:, -1:] / 2
        at = np.minimum((cumulated < half).sum(axis=1), len(order) - 1)
        return np.where(cumulated[:, -1] > 0, sorted_leads[at], np.nan)

    meaning = "median hours from the first true alert to the event, of events warned of"
    value = float(np.median(sorted_leads))
    return Measured(value, draws.each(medians), int(known.size), meaning)


def _report(
    stays: Stays,
    policy: AlertPolicy,
    horizon_hours: float,
    lead_hours: tuple[float, ...],
    sums: _Sums,
    draws: Resamples,
    level: float,
) -> AlertReport:
    within = f"within {horizon_hours:g} hours"
    warned = f"share of events with a shown alert {within} before"

    def told(above: str, below: str, meaning: str, scale: float = 1.0) -> Estimate:
        return _ratio(sums, draws, above, below, meaning, scale).estimate(level)

    return AlertReport(
        policy,
        horizon_hours,
        told("shown", "days", "shown alerts for 100 patient-days", PER_DAYS),
        told("true", "shown", f"share of shown alerts that the event follows {within}"),
        told("warned", "events", warned),
        {
            hours: told(_lead(hours), "events", f"{warned}, at least {hours:g} hours before")
            for hours in lead_hours
        },
        _median_lead(sums, draws).estimate(level),
        told("alerted", "stays", "share of stays with a shown alert"),
        _silent(sums, draws).estimate(level),
        int(stays.had_event.sum()),
        float(stays.watched_days.sum()),
    )


def _silent(sums: _Sums, draws: Resamples) -> Measured:
    shown = _ratio(sums, draws, "shown", "reached", "")
    if not np.isfinite(shown.value):
        return shown
    meaning = "share of predictions over the threshold that were kept silent"
    return Measured(1 - shown.value, 1 - shown.draws, shown.n, meaning)


def at_burden(stays: Stays, policy: AlertPolicy, alerts_per_100_days: float) -> AlertPolicy:
    """Return the policy with the lowest threshold that alerts no more often than asked.

    Raises
    ------
    InputError
        If the burden is not above 0.
    """
    if not alerts_per_100_days > 0:
        raise InputError(Fault("alerts_per_100_days", "not above 0", "a rate"))
    allowed = alerts_per_100_days / PER_DAYS * float(stays.watched_days.sum())
    levels = np.unique(stays.risk)
    low, high = 0, len(levels)  # at `high` no prediction alerts
    for _ in range(BISECTIONS):
        if low >= high:
            break
        middle = (low + high) // 2
        shown = fire(stays, replace(policy, threshold=float(levels[middle]))).shown.sum()
        if shown <= allowed:
            high = middle
        else:
            low = middle + 1
    threshold = float(levels[high]) if high < len(levels) else float("inf")
    if not np.isfinite(threshold):
        threshold = float(np.nextafter(levels[-1], np.inf)) if len(levels) else 1.0
    return replace(policy, threshold=threshold)


def compare_at_burden(
    models: Mapping[str, Stays],
    policy: AlertPolicy,
    alerts_per_100_days: float,
    horizon_hours: float,
    *,
    bootstrap: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, dict[str, Estimate]]:
    """Compare models that alert equally often: the first named against each of the others.

    Parameters
    ----------
    models
        The same stays with the predictions of each model.

    Returns
    -------
    dict
        For each model `alerts_per_100_days`, `precision`, `sensitivity`, `first_lead_hours`; for
        those after the first also `precision_difference` and `sensitivity_difference`, the first
        minus this one over the same resamples.

    Raises
    ------
    InputError
        If the models are not of the same stays.
    """
    first = next(iter(models.values()))
    if any(not _same_stays(first, one) for one in models.values()):
        raise InputError(Fault("models", "predictions of different stays", "the same stays"))
    draws = _drawn(first, bootstrap, seed)
    measured = {}
    for name, stays in models.items():
        chosen = at_burden(stays, policy, alerts_per_100_days)
        sums = _sums(stays, fire(stays, chosen), horizon_hours, ())
        measured[name] = {
            "alerts_per_100_days": _ratio(sums, draws, "shown", "days", "", PER_DAYS),
            "precision": _ratio(sums, draws, "true", "shown", "share of alerts that are true"),
            "sensitivity": _ratio(sums, draws, "warned", "events", "share of events warned of"),
            "first_lead_hours": _median_lead(sums, draws),
        }
    reference = next(iter(measured))
    answer = {}
    for name, values in measured.items():
        told = {key: one.estimate(level) for key, one in values.items()}
        if name != reference:
            for key in ("precision", "sensitivity"):
                difference = measured[reference][key].minus(values[key])
                told[f"{key}_difference"] = difference.estimate(level)
        answer[name] = told
    return answer


def _same_stays(one: Stays, other: Stays) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
        for name in ("start_hours", "end_hours", "event_hours", "subject")
    )
