"""Metrics as rows of tables: beside each other by model, and by group as a forest plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from osler.report.cells import range_cell, span
from osler.report.names import MAIN, METRICS, family_of, group_words, metric_of, words
from osler.report.numbers import (
    UNKNOWN,
    as_dict,
    decimal,
    dicts,
    estimate,
    finite,
    maybe,
    plain,
    whole,
)

Json = Mapping[str, Any]

# The columns of a forest plot: the first that was measured of each.
IN_GROUPS = (
    ("uno_c", "auroc", "harrell_c"),
    ("oe", "calibration_in_the_large", "calibration_slope"),
)


def models(results: Json) -> list[dict[str, Any]]:
    """Return the models in the order of the results, the selected one marked."""
    selected = results.get("selected")
    return [
        {"name": name.replace("_", " "), "selected": name == selected}
        for name in as_dict(results.get("metrics"))
    ]


def main_rows(results: Json) -> list[dict[str, Any]]:
    """Return the metrics to look at first, family by family, each with a cell per model."""
    by_model = _by_model(results)
    names = [name for name in _names(by_model) if _is_main(name, by_model)]
    order = {family: place for place, family in enumerate(MAIN)}
    names.sort(key=lambda name: order[family_of(name)])
    rows = [_row(name, by_model) for name in names]
    for earlier, later in pairwise(rows):
        later["again"] = later["says"] == earlier["says"]
    return rows


def other_rows(results: Json) -> list[dict[str, Any]]:
    """Return the metrics that `main_rows` leaves out."""
    by_model = _by_model(results)
    names = [name for name in _names(by_model) if not _is_main(name, by_model)]
    return [_row(name, by_model) for name in names]


def _by_model(results: Json) -> dict[str, Json]:
    return {name: as_dict(content) for name, content in as_dict(results.get("metrics")).items()}


def _names(by_model: Mapping[str, Json]) -> list[str]:
    return list(dict.fromkeys(metric for content in by_model.values() for metric in content))


def _is_main(name: str, by_model: Mapping[str, Json]) -> bool:
    """Whether a metric is shown first: of a main family, and not the same as one with a time."""
    if family_of(name) not in MAIN:
        return False
    timed = [one for one in _names(by_model) if one != name and family_of(one) == name]
    return not timed


def _row(name: str, by_model: Mapping[str, Json]) -> dict[str, Any]:
    metric = metric_of(name)
    entries = [as_dict(content.get(name)) for content in by_model.values()]
    meaning = next((plain(entry["meaning"]) for entry in entries if entry.get("meaning")), "")
    unknown = all(finite(entry.get("value")) is None for entry in entries)
    return {
        "name": metric.name,
        "says": meaning if unknown or family_of(name) not in METRICS else metric.says,
        "meaning": meaning,
        "again": False,
        "cells": cells(entries, metric.neutral),
    }


def cells(entries: Sequence[Json], reference: float | None = None) -> list[dict[str, Any]]:
    """Return values with interval and picture, all on one scale that holds the reference."""
    scale = span(entries, reference)
    return [
        {
            "text": estimate(entry),
            "value": decimal(entry.get("value")),
            "interval": interval(entry),
            "picture": range_cell(entry, scale, reference=reference)
            if finite(entry.get("value")) is not None
            else "",
        }
        for entry in entries
    ]


def interval(entry: Json) -> str:
    """Return `0.690 to 0.733`, empty when there is none."""
    if finite(entry.get("low")) is None or finite(entry.get("high")) is None:
        return ""
    return f"{decimal(entry.get('low'))} to {decimal(entry.get('high'))}"


def comparisons(rows: Any) -> list[dict[str, Any]]:
    """Return differences between models, with a line at no difference."""
    entries = dicts(rows)
    return [
        {"what": words(entry.get("what")), "meaning": maybe(entry.get("meaning")), **cell}
        for entry, cell in zip(entries, cells(entries, 0.0), strict=True)
    ]


def forest(rows: Any, overall: Json) -> dict[str, Any] | None:
    """Return groups as rows of a forest plot, one column per metric; None without groups."""
    groups = dicts(rows)
    if not groups:
        return None
    names = group_metrics(groups)
    columns = [_column(name, groups, as_dict(overall.get(name))) for name in names]
    return {
        "columns": columns,
        "events": any(entry.get("events") is not None for entry in groups),
        "rows": [_group(entry, place, columns) for place, entry in enumerate(groups)],
    }


def group_metrics(groups: Sequence[Json]) -> list[str]:
    """Return which metrics of groups are shown: those known to matter, else the first."""
    measured = list(dict.fromkeys(name for one in groups for name in as_dict(one.get("metrics"))))
    chosen = [next((one for one in family if one in measured), None) for family in IN_GROUPS]
    return [name for name in chosen if name] or measured[: len(IN_GROUPS)]


def _column(name: str, groups: Sequence[Json], overall: Json) -> dict[str, Any]:
    metric = metric_of(name)
    whole_cohort = finite(overall.get("value"))
    reference = whole_cohort if metric.neutral is None else metric.neutral
    entries = [
        {} if entry.get("suppressed") else as_dict(as_dict(entry.get("metrics")).get(name))
        for entry in groups
    ]
    told = "" if whole_cohort is None else f"all: {estimate(overall, 2)}"
    return {
        "name": metric.name,
        "overall": told or metric.says,
        "cells": cells(entries, reference),
    }


def _group(entry: Json, place: int, columns: Sequence[Json]) -> dict[str, Any]:
    suppressed = bool(entry.get("suppressed"))
    stands_out = [metric_of(str(name)).name for name in entry.get("stands_out") or ()]
    notes = [f"stands out: {', '.join(stands_out)}"] if stands_out else []
    if entry.get("why"):
        notes.append(plain(entry["why"]))
    return {
        "name": group_words(entry.get("group")),
        "crossed": len(as_dict(entry.get("group"))) > 1,
        "n": count(entry.get("n")),
        "events": "" if suppressed else _events(entry.get("events")),
        "suppressed": suppressed,
        "notes": notes,
        "cells": [column["cells"][place] for column in columns],
    }


def count(n: Any) -> str:
    """Return a count; a text such as `<50` as it is."""
    return n if isinstance(n, str) and n else whole(n)


def _events(events: Any) -> str:
    if isinstance(events, Mapping):
        return " · ".join(whole(number) for number in events.values())
    told = whole(events)
    return "" if told == UNKNOWN else told
