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

import numpy as np

from osler.errors import Fault, InputError, NotEstimable
from osler.evaluate.bootstrap import Measured, Resamples, divide
from osler.evaluate.inputs import Bools, Floats
from osler.evaluate.stays import SAME_HOURS, AlertPolicy, Alerts, Stays, fire
from osler.model import Estimate

PER_DAYS = 100.0
LEAD_HOURS = (1.0, 2.0, 4.0, 6.0, 12.0)
BISECTIONS = 40


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
    silent_precision
        Share of those kept silent that the event follows within the horizon.
    only_silent
        Share of events with no shown alert within the horizon before, but one kept silent.
    base_rate
        Share of all predictions that the event follows within the horizon: the precision of
        alerts that fall by chance.
    shown, silent
        How many predictions were shown, and kept silent.
    not_judged
        Shown alerts of which it is not known whether the event came within the horizon; they
        count as alerts and in no precision.
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
    silent_precision: Estimate
    only_silent: Estimate
    base_rate: Estimate
    shown: int
    silent: int
    not_judged: int
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
    counts = np.round(np.where(stays.had_event[stays.stay], lead, np.nan), 9)
    follows = counts <= horizon_hours
    judged = follows | _known(stays, horizon_hours)
    true = alerts.shown & follows

    def per_stay(flags: Bools) -> Floats:
        return np.bincount(stays.stay[flags], minlength=count).astype(np.float64)

    first = np.full(count, np.nan)
    earliest = np.flatnonzero(true)[::-1]
    first[stays.stay[earliest]] = counts[earliest]
    warned = per_stay(true) > 0
    columns = {
        "days": stays.watched_days,
        "stays": np.ones(count),
        "events": stays.had_event.astype(np.float64),
        "shown": per_stay(alerts.shown),
        "judged": per_stay(alerts.shown & judged),
        "silent": per_stay(alerts.silent),
        "silent judged": per_stay(alerts.silent & judged),
        "silent true": per_stay(alerts.silent & follows),
        "reached": per_stay(alerts.shown | alerts.silent),
        "predictions": per_stay(judged),
        "followed": per_stay(follows),
        "true": per_stay(true),
        "warned": warned.astype(np.float64),
        "only silent": (~warned & (per_stay(alerts.silent & follows) > 0)).astype(np.float64),
        "alerted": (per_stay(alerts.shown) > 0).astype(np.float64),
    }
    for hours in lead_hours:
        columns[_lead(hours)] = (per_stay(true & (counts >= hours)) > 0).astype(np.float64)
    return _Sums(columns, first)


def _known(stays: Stays, horizon_hours: float) -> Bools:
    """Say of which predictions it is known whether the event came within the horizon."""
    if stays.known_until_hours is None:
        return np.ones(len(stays.stay), np.bool_)
    known = stays.known_until_hours[stays.stay] - stays.time_hours
    return np.asarray(known >= horizon_hours - SAME_HOURS)


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
    "judged": "shown alerts whose outcome is known",
    "silent judged": "silent predictions whose outcome is known",
    "predictions": "predictions whose outcome is known",
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
        told("true", "judged", f"share of shown alerts that the event follows {within}"),
        told("warned", "events", warned),
        {
            hours: told(_lead(hours), "events", f"{warned}, at least {hours:g} hours before")
            for hours in lead_hours
        },
        _median_lead(sums, draws).estimate(level),
        told("alerted", "stays", "share of stays with a shown alert"),
        _silent(sums, draws).estimate(level),
        told("silent true", "silent judged", f"share of those silent that it follows {within}"),
        told("only silent", "events", "share of events that only silent predictions came before"),
        told("followed", "predictions", f"share of predictions that the event follows {within}"),
        _total(sums, "shown"),
        _total(sums, "silent"),
        _total(sums, "shown") - _total(sums, "judged"),
        int(stays.had_event.sum()),
        float(stays.watched_days.sum()),
    )


def _total(sums: _Sums, column: str) -> int:
    return int(sums.columns[column].sum())


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
    cases = {name: (stays, policy) for name, stays in models.items()}
    compared = compare_alerts(
        cases, alerts_per_100_days, horizon_hours, bootstrap=bootstrap, level=level, seed=seed
    )
    return {name: dict(one.estimates) for name, one in compared.items()}


@dataclass(frozen=True)
class Compared:
    """A policy at the burden of a comparison, and what it gives there, by name."""

    policy: AlertPolicy
    estimates: Mapping[str, Estimate]


def compare_alerts(
    cases: Mapping[str, tuple[Stays, AlertPolicy]],
    alerts_per_100_days: float,
    horizon_hours: float,
    *,
    bootstrap: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Compared]:
    """Compare models and policies that alert equally often: the first against each other one.

    Parameters
    ----------
    cases
        The same stays with the predictions of a model, and the policy that shows them; the
        threshold of the policy gives way to the one that `at_burden` finds.

    Returns
    -------
    dict
        For each case its policy with the threshold found, and the estimates that
        `compare_at_burden` names.

    Raises
    ------
    InputError
        If the cases are not of the same stays.
    """
    first, _ = next(iter(cases.values()))
    if any(not _same_stays(first, one) for one, _ in cases.values()):
        raise InputError(Fault("models", "predictions of different stays", "the same stays"))
    draws = _drawn(first, bootstrap, seed)
    chosen = {
        name: at_burden(stays, policy, alerts_per_100_days)
        for name, (stays, policy) in cases.items()
    }
    measured = {
        name: _measured(_sums(stays, fire(stays, chosen[name]), horizon_hours, ()), draws)
        for name, (stays, _) in cases.items()
    }
    reference = next(iter(measured.values()))
    return {
        name: Compared(chosen[name], _told(values, reference, level))
        for name, values in measured.items()
    }


def _measured(sums: _Sums, draws: Resamples) -> dict[str, Measured]:
    return {
        "alerts_per_100_days": _ratio(
            sums, draws, "shown", "days", "shown alerts for 100 patient-days", PER_DAYS
        ),
        "precision": _ratio(sums, draws, "true", "judged", "share of alerts that are true"),
        "sensitivity": _ratio(sums, draws, "warned", "events", "share of events warned of"),
        "first_lead_hours": _median_lead(sums, draws),
    }


def _told(
    values: Mapping[str, Measured], reference: Mapping[str, Measured], level: float
) -> dict[str, Estimate]:
    told = {key: one.estimate(level) for key, one in values.items()}
    if values is not reference:
        for key in ("precision", "sensitivity"):
            difference = reference[key].minus(values[key])
            meaning = f"{key} of the first of those compared, minus that of this one"
            told[f"{key}_difference"] = replace(difference, meaning=meaning).estimate(level)
    return told


def _same_stays(one: Stays, other: Stays) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
        for name in ("start_hours", "end_hours", "event_hours", "subject")
    )
