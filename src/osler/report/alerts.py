"""The section on predictions shown as alerts: how often, how often right, and how long before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from osler.report.numbers import (
    as_dict,
    decimal,
    dicts,
    finite,
    maybe,
    out_of_100,
    plain,
    texts,
    whole,
)
from osler.report.svg import ACCENT, Scale, axes, drawing, line, polyline, round_up, tag

WIDTH, HEIGHT = 520.0, 296.0
HOURS_A_DAY = 24.0
# Leads longer than this are drawn in days.
MOST_HOURS = 96.0
# Below this a length or a rate is told with one decimal place.
LEAST_WHOLE = 10
CHOSEN = {
    "threshold": "the threshold of the study file",
    "burden": "the lowest threshold that alerts no more often than the study file allows",
    "run": "the threshold of the run that was applied",
}
DIFFERENCES = (("precision_difference", "precision"), ("sensitivity_difference", "sensitivity"))

Json = Mapping[str, Any]


def alerts(results: Json) -> dict[str, Any] | None:
    """Return the section; None where the study asked for no alerts.

    Parameters
    ----------
    results
        The content of `results.json`.
    """
    told = as_dict(results.get("alerts"))
    if not told:
        return None
    if told.get("why"):
        return {"why": f"{plain(told['why'])[:1].upper()}{plain(told['why'])[1:]}."}
    rate = whole_or_one(told.get("alerts_per_100_days"))
    return {
        "why": "",
        "policy": _policy(told),
        "facts": _facts(told, rate),
        "sentences": _sentences(told, rate),
        "picture": leads(told),
        "policies": _lines(told.get("policies")),
        "models": _lines(told.get("models")),
        "burden": decimal(told.get("burden"), 1).removesuffix(".0"),
        "notes": texts(told.get("notes")),
    }


def whole_or_one(entry: Any) -> str:
    """Return a rate as a person says it: whole from 10 on, else with one place.

    Examples
    --------
    >>> whole_or_one({"value": 19.98}), whole_or_one({"value": 2.04}), whole_or_one(None)
    ('20', '2.0', '–')
    """
    value = finite(as_dict(entry).get("value"))
    return decimal(value, 1 if value is not None and value < LEAST_WHOLE else 0)


def _policy(told: Json) -> str:
    policy = as_dict(told.get("policy"))
    threshold = finite(policy.get("threshold"))
    risk = plain(None) if threshold is None else f"{100 * threshold:.3g}"
    chosen = CHOSEN.get(str(policy.get("chosen_by")), "")
    horizon = plain(as_dict(told.get("horizon")).get("text"))
    return (
        f"An alert sounds at a predicted risk of {risk} or more out of 100"
        f"{f', {chosen}' if chosen else ''}: {plain(policy.get('text'))}. It is right if the event "
        f"comes within {horizon}."
    )


def _facts(told: Json, rate: str) -> list[tuple[str, str]]:
    return [
        (rate, "alerts per 100 patient-days"),
        (_whole(_value(told, "precision")), "of 100 alerts right"),
        (_whole(_value(told, "sensitivity")), "of 100 events warned of"),
        (_hours(told.get("first_lead_hours")), "from the first true alert to the event, median"),
    ]


def _sentences(told: Json, rate: str) -> list[str]:
    found = [
        f"About {rate} alerts per 100 patient-days{_range(told.get('alerts_per_100_days'))}: "
        f"{whole(told.get('shown'))} alerts in {whole(told.get('patient_days'))} patient-days of "
        f"{whole(told.get('stays'))} stays; {share(as_dict(told.get('stays_alerted')))} of "
        "100 stays had one.",
        f"{share(as_dict(told.get('precision')))} of 100 alerts were right; of 100 alerts "
        f"that fall by chance, {_whole(_value(told, 'base_rate'))} would be.",
        f"{share(as_dict(told.get('sensitivity')))} of 100 events were warned of, of "
        f"{whole(told.get('events'))} in all.",
    ]
    found += [
        f"{share(one)} of 100 events were warned of at least {plain(one.get('text'))} before."
        for one in dicts(told.get("sensitivity_by_lead"))
        if finite(one.get("value")) is not None
    ]
    if finite(_value(told, "silent_share")):
        found.append(_silent(told))
    return found


def _silent(told: Json) -> str:
    only = finite(_value(told, "only_silent")) or 0.0
    kept = f"{whole(told.get('silent'))} more predictions were over the threshold and kept silent"
    if not only:
        return f"{kept}; no event was lost by that."
    return f"{kept}; only they came before {out_of_100(only)} of 100 events."


def share(entry: Json) -> str:
    """Return a counted share out of 100 with its interval; all and none are 100 and 0.

    Examples
    --------
    >>> share({"value": 1.0, "low": 0.96, "high": 1.0}), share({"value": 0.0})
    ('100 (96 to 100)', '0')
    """
    ends = [_whole(entry.get(key)) for key in ("value", "low", "high")]
    if finite(entry.get("low")) is None or finite(entry.get("high")) is None:
        return ends[0]
    return f"{ends[0]} ({ends[1]} to {ends[2]})"


def _whole(value: Any) -> str:
    known = finite(value)
    return "0" if known == 0 else "100" if known == 1 else out_of_100(value)


def _value(told: Json, key: str) -> Any:
    return as_dict(told.get(key)).get("value")


def _hours(entry: Any) -> str:
    value = finite(as_dict(entry).get("value"))
    if value is None:
        return plain(None)
    if value >= MOST_HOURS:
        return f"{value / HOURS_A_DAY:.1f} days"
    return f"{value:.0f} h" if value >= LEAST_WHOLE else f"{value:.1f} h"


def _range(entry: Any, places: int = 1) -> str:
    low, high = (finite(as_dict(entry).get(key)) for key in ("low", "high"))
    if low is None or high is None:
        return ""
    return f" ({decimal(low, places)} to {decimal(high, places)})"


def _lines(rows: Any) -> list[dict[str, Any]]:
    """Return policies or models at one burden, the first as it is, the others against it."""
    return [
        {
            "name": plain(row.get("name")),
            "threshold": _threshold(row),
            "precision": share(as_dict(row.get("precision"))),
            "sensitivity": share(as_dict(row.get("sensitivity"))),
            "lead": _hours(row.get("first_lead_hours")),
            "differences": [_difference(row[key], name) for key, name in DIFFERENCES if key in row],
        }
        for row in dicts(rows)
    ]


def _threshold(row: Json) -> str:
    value = finite(row.get("threshold"))
    return plain(None) if value is None else f"{100 * value:.3g}"


def _difference(entry: Any, name: str) -> str:
    """Return how much better this line is than the first, in points out of 100."""
    value = finite(as_dict(entry).get("value"))
    if value is None:
        return f"{name}: not estimable"
    low, high = (finite(as_dict(entry).get(key)) for key in ("low", "high"))
    told = f"{name} {_points(-value)}"
    return told if low is None or high is None else f"{told} ({_points(-high)} to {_points(-low)})"


def _points(value: float) -> str:
    text = decimal(100 * value, 0)
    return f"+{text}" if value > 0 and text != "0" else text


def leads(told: Json) -> Markup | None:
    """Draw the share of events warned of against how long before, each with its interval."""
    rows = [
        (hours, one)
        for hours, one in [
            (0.0, as_dict(told.get("sensitivity"))),
            *((finite(row.get("hours")), row) for row in dicts(told.get("sensitivity_by_lead"))),
        ]
        if hours is not None and finite(one.get("value")) is not None
    ]
    if len(rows) < 2:
        return None
    longest = max(hours for hours, _ in rows)
    unit, name = (HOURS_A_DAY, "Days") if longest > MOST_HOURS else (1.0, "Hours")
    x = Scale(0, round_up(longest / unit), 44, WIDTH - 16)
    y = Scale(0, 100, HEIGHT - 46, 34)
    parts = [axes(x, y, f"{name} before the event, at least", "Events warned of, out of 100")]
    way = [(x(hours / unit), y(100 * float(one["value"]))) for hours, one in rows]
    parts.append(polyline(way, stroke=ACCENT, stroke_width=1, stroke_opacity=0.5))
    for (_, one), (across, up) in zip(rows, way, strict=True):
        low, high = finite(one.get("low")), finite(one.get("high"))
        if low is not None and high is not None:
            ends = (across, y(100 * low)), (across, y(100 * high))
            parts.append(line(*ends, stroke=ACCENT, stroke_width=1.6))
        parts.append(tag("circle", cx=across, cy=up, r=4, fill=ACCENT, stroke="#fff"))
    words = "; ".join(
        f"{share(one)} at least {maybe(one.get('text')) or 'any time'} before" for _, one in rows
    )
    return drawing(WIDTH, HEIGHT, f"Events warned of, out of 100: {words}", *parts)
