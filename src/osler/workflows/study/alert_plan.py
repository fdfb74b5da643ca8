"""The alerts that a study file asks to be judged, read with every fault at once, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from osler.cohort import duration
from osler.evaluate import AlertPolicy
from osler.workflows.study.document import kind_of

if TYPE_CHECKING:
    from osler.workflows.study.question import Section

HOUR = timedelta(hours=1)
HOURS_A_DAY = 24.0
MOST_COMPARED = 10
MOST_BURDEN = 10_000.0
# Where no lead times are named: these parts of the horizon, 1 to 12 of 24 hours.
LEADS = (1 / 24, 1 / 12, 1 / 6, 1 / 4, 1 / 2)
COMPARABLE = ("refractory", "consecutive", "most")


@dataclass(frozen=True)
class AlertPlan:
    """Which predictions would be shown as alerts, and what is told of them.

    Parameters
    ----------
    policy
        When an alert is shown; its threshold gives way where `at_burden` is set.
    horizon_hours
        An alert is true if the event comes within so many hours.
    lead_hours
        Hours before the event at which sensitivity is told.
    at_burden
        Alerts for 100 patient-days at which the threshold is to be found; None takes the
        policy's own.
    compare
        Other policies, by what they are called; each is judged at the same burden.
    every_hours
        How long a prediction stands until the next; None where predictions are made at events.
    label
        Predicate of the event where the outcome is a yes or no; empty where it is a time.
    """

    policy: AlertPolicy
    horizon_hours: float
    lead_hours: tuple[float, ...]
    at_burden: float | None
    compare: Mapping[str, AlertPolicy]
    every_hours: float | None
    label: str = ""


def read_alerts(
    above: Section,
    *,
    task: Mapping[str, Any],
    outcome: Mapping[str, Any],
    index: Mapping[str, Any] | None,
) -> AlertPlan | None:
    """Read `alerts:` of the `evaluate:` section; None when the study asks for none.

    Parameters
    ----------
    above
        The `evaluate:` section.
    task, outcome, index
        The other sections, as they stand in the file; None for no `index:`.
    """
    if above.content.get("alerts") is None:
        above.known.append("alerts")
        return None
    section = above.section("alerts")
    if index is None:
        section.fault(
            "",
            "asked for in a study that predicts once",
            "predictions along a stay",
            "add `index: {every: 1h, until: PREDICATE}`, or take it out",
        )
    timed = outcome.get("type") == "time-to-event"
    horizon = _horizon(section, outcome, timed=timed)
    threshold, burden = _sounding(section)
    policy = _policy(section, AlertPolicy(threshold))
    every = (index or {}).get("every")
    length = duration(every) if isinstance(every, str) else None
    plan = AlertPlan(
        policy,
        horizon,
        _leads(section, horizon),
        burden,
        _compared(section, policy),
        None if length is None else length / HOUR,
        "" if timed else _label(section, task),
    )
    section.finish()
    return plan


def _horizon(section: Section, outcome: Mapping[str, Any], *, timed: bool) -> float:
    """Return the horizon in hours: as asked, else the shortest of the outcome."""
    hours = _hours(section, "horizon", section.take("horizon"))
    asked = outcome.get("horizon") if timed else None
    listed = asked if isinstance(asked, list) else [asked]
    lengths = [duration(one) for one in listed if isinstance(one, str)]
    known = sorted(one / HOUR for one in lengths if one is not None)
    if timed and not known:
        section.fault(
            "horizon",
            "an outcome without horizon",
            "a time within which an alert has to come true",
            "name it under `outcome`, such as `horizon: 24h`",
        )
    elif timed and hours is not None and hours not in known:
        named = ", ".join(str(one) for one in listed)
        section.fault("horizon", "another time than the outcome's", f"one of {named}")
    elif not timed and "horizon" not in section.content:
        section.fault(
            "horizon",
            "absent",
            "a time such as 24h, as long as the window of the task's label",
            "a yes or no does not say by when an alert has to come true",
        )
    return hours or (known[0] if known else HOURS_A_DAY)


def _sounding(section: Section) -> tuple[float, float | None]:
    """Return the threshold, and the burden that it is to be found for."""
    given = [key for key in ("threshold", "at_burden") if key in section.content]
    if len(given) != 1:
        came = "both threshold and at_burden" if given else "neither threshold nor at_burden"
        section.fault("", came, "threshold: a risk, or at_burden: alerts for 100 patient-days")
    threshold = section.number("threshold", default=0.5, low=0.0, high=1.0)
    burden = section.number("at_burden", default=1.0, low=0.01, high=MOST_BURDEN)
    return threshold, burden if "at_burden" in section.content else None


def _policy(section: Section, else_as: AlertPolicy) -> AlertPolicy:
    """Return the policy with what the section says of it; what is left out is as in another."""
    taken = section.take("refractory")
    hours = _hours(section, "refractory", taken, least=0.0)
    consecutive = section.number(
        "consecutive", default=else_as.consecutive, low=1, high=1000, whole=True
    )
    most = section.number("most", default=0, low=1, high=1e6, whole=True)
    said = "most" in section.content
    return replace(
        else_as,
        refractory_hours=else_as.refractory_hours if hours is None else hours,
        consecutive=int(consecutive),
        most_per_stay=(int(most) or None) if said else else_as.most_per_stay,
    )


def _compared(section: Section, policy: AlertPolicy) -> dict[str, AlertPolicy]:
    listed = section.take("compare")
    if listed is None:
        return {}
    if not isinstance(listed, list) or len(listed) > MOST_COMPARED:
        came = kind_of(listed) if not isinstance(listed, list) else f"{len(listed)} policies"
        wanted = f"a list of at most {MOST_COMPARED}, such as [{{consecutive: 2}}]"
        section.fault("compare", came, wanted)
        return {}
    found: dict[str, AlertPolicy] = {}
    for place, one in enumerate(listed, 1):
        own = type(section)(one, f"{section.where}: compare, entry {place}", section.faults)
        if isinstance(one, dict) and not one:
            own.fault("", "nothing", f"any of {', '.join(COMPARABLE)}")
        other = _policy(own, policy)
        own.finish()
        if isinstance(one, dict) and one and (other == policy or other in found.values()):
            own.fault("", "a policy that is there already", "another")
        found[policy_words(other)] = other
    return found


def _leads(section: Section, horizon_hours: float) -> tuple[float, ...]:
    listed = section.take("lead")
    if listed is None:
        return tuple(horizon_hours * part for part in LEADS)
    found = [
        _hours(section, "lead", one) for one in (listed if isinstance(listed, list) else [listed])
    ]
    known = sorted({one for one in found if one is not None})
    if any(one > horizon_hours for one in known):
        section.fault("lead", "a time longer than the horizon", "times within it")
    return tuple(known)


def _label(section: Section, task: Mapping[str, Any]) -> str:
    """Return the predicate whose coming is the event of a yes-or-no task."""
    windows = task.get("windows")
    named = [
        one.get("label")
        for one in (windows.values() if isinstance(windows, Mapping) else ())
        if isinstance(one, Mapping)
    ]
    label = next((str(one) for one in named if one), "")
    predicates = task.get("predicates")
    if not isinstance(predicates, Mapping) or label not in predicates:
        section.fault(
            "", "a label that is no predicate of the task", "a label with a time of its own"
        )
    return label


def _hours(section: Section, key: str, raw: Any, *, least: float | None = None) -> float | None:
    """Return a length in hours; None where it is absent or, with a fault noted, is none."""
    if raw is None:
        return None
    length = duration(raw) if isinstance(raw, str) else None
    if length is None or (not length and least is None):
        section.fault(key, kind_of(raw) if not isinstance(raw, str) else "no length of time",
                      "a time such as 12h or 30 minutes")  # fmt: skip
        return None
    return length / HOUR


def hours_words(hours: float) -> str:
    """Return hours in words, in minutes or days where those are plainer.

    Examples
    --------
    >>> hours_words(1), hours_words(0.5), hours_words(48), hours_words(36)
    ('1 hour', '30 minutes', '2 days', '36 hours')
    """
    number, unit = hours, "hour"
    if hours < 1:
        number, unit = hours * 60, "minute"
    elif hours >= 2 * HOURS_A_DAY and hours % HOURS_A_DAY == 0:
        number, unit = hours / HOURS_A_DAY, "day"
    return f"{number:.4g} {unit}{'' if f'{number:.4g}' == '1' else 's'}"


def policy_words(policy: AlertPolicy) -> str:
    """Return a policy in words, but for its threshold.

    Examples
    --------
    >>> policy_words(AlertPolicy(0.2, refractory_hours=12, consecutive=2))
    '2 in a row over the threshold, then silent for 12 hours'
    >>> policy_words(AlertPolicy(0.2))
    'each over the threshold'
    """
    row = "each over the threshold"
    if policy.consecutive > 1:
        row = f"{policy.consecutive} in a row over the threshold"
    parts = [row]
    if policy.refractory_hours:
        parts.append(f"then silent for {hours_words(policy.refractory_hours)}")
    if policy.most_per_stay is not None:
        alerts = "1 alert" if policy.most_per_stay == 1 else f"{policy.most_per_stay} alerts"
        parts.append(f"at most {alerts} a stay")
    return ", ".join(parts)


def alert_sentences(plan: AlertPlan | None) -> list[str]:
    """Return in plain words what a study asks of alerts; nothing when it asks for none."""
    if plan is None:
        return []
    if plan.at_burden is None:
        reach = f"the predicted risk is at least {100 * plan.policy.threshold:.3g} of 100"
    else:
        reach = (
            "the predicted risk reaches the lowest threshold that alerts at most "
            f"{plan.at_burden:g} times in 100 patient-days"
        )
    told = [
        f"Judged as alerts: one sounds where {reach} ({policy_words(plan.policy)}), and is right "
        f"if the event comes within {hours_words(plan.horizon_hours)}."
    ]
    if plan.compare:
        told.append(f"Compared at the same number of alerts: {'; '.join(plan.compare)}.")
    return told
