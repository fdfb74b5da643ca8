"""The section on what became of the people most like a patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from osler.report.cells import axis_cell, range_cell
from osler.report.names import words
from osler.report.numbers import (
    as_dict,
    dicts,
    finite,
    maybe,
    out_of_100,
    plain,
    range_of_100,
    texts,
)

ALIKE = "people alike"
HIDDEN_FEW = "fewer than ten of them"
HIDDEN = "not told"
# Scales of the pictures; the first that holds all intervals.
SCALES = (0.2, 0.4, 0.6, 0.8, 1.0)
WIDTH = 160.0

Json = Mapping[str, Any]


def alike(report: Json, summary: Json) -> dict[str, Any] | None:
    """Return the section; None where the report has none or the model may not speak.

    Parameters
    ----------
    summary
        The summary that is shown, empty where the model may not speak; what is predicted for
        the patient stands beside what was seen.
    """
    section = as_dict(report.get("alike"))
    if not section or not summary:
        return None
    horizons = dicts(section.get("horizons"))
    predicted = [dicts(one.get("causes")) for one in dicts(summary.get("horizons"))]
    top = _top([*(cause for one in horizons for cause in dicts(one.get("causes")))])
    rows = []
    for position, horizon in enumerate(horizons):
        own = predicted[position] if position < len(predicted) else []
        for number, cause in enumerate(dicts(horizon.get("causes"))):
            beside = own[number].get("value") if number < len(own) else None
            label = maybe(horizon.get("label")) if number == 0 else ""
            rows.append(_row(cause, label, beside, top, number))
    return {
        "sentence": plain(section.get("sentence")),
        "rows": rows,
        "axis": axis_cell(100 * top, width=WIDTH),
        "notes": texts(section.get("notes")),
    }


def _row(cause: Json, label: str, beside: Any, top: float, position: int) -> dict[str, Any]:
    told = finite(cause.get("value")) is not None
    return {
        "horizon": label,
        "cause": words(cause.get("cause")),
        "value": out_of_100(cause.get("value")) if told else "",
        "interval": range_of_100(cause.get("low"), cause.get("high")),
        "picture": range_cell(cause, (0.0, top), position=position, reference=beside, width=WIDTH),
        "hidden": HIDDEN_FEW if cause.get("few") else HIDDEN,
        "theirs": "" if finite(cause.get("predicted")) is None else out_of_100(cause["predicted"]),
        "predicted": "" if finite(beside) is None else out_of_100(beside),
    }


def _top(causes: list[Json]) -> float:
    seen = [finite(one.get(key)) for one in causes for key in ("value", "high")]
    highest = max((one for one in seen if one is not None), default=0.0)
    return next((scale for scale in SCALES if scale >= highest), 1.0)
