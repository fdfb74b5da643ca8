"""Fairness at a threshold, as rows of a page: who is flagged, missed, and what it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from osler.report.names import horizon_names, words
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

DIFFERENCES = {
    "selection_rate": "flagged",
    "true_positive_rate": "found, of those with the event",
    "false_positive_rate": "flagged, of those without it",
    "equalised_odds": "equalised odds",
}
COSTS = {"auroc": "AUROC", "brier": "Brier score", "ici": "calibration error (ICI)"}
GAPS = {
    "gap": "Found, of those with the event",
    "false_positive_gap": "Flagged, of those without it",
}
COLUMNS = (
    ("selection_rate", 100, 1),
    ("true_positive_rate", 100, 1),
    ("false_positive_rate", 100, 1),
    ("calibration_in_the_large", 100, 1),
    ("missed_per_1000", 1, 0),
    ("false_alarms_per_1000", 1, 0),
)


def fairness(results: Json) -> list[dict[str, Any]]:
    """Return one table per variable and threshold.

    Parameters
    ----------
    results
        The content of `results.json`.
    """
    horizons = horizon_names(results)
    return [_table(table, horizons) for table in dicts(results.get("fairness"))]


def in_training(results: Json) -> dict[str, Any] | None:
    """Return what a fairness aim in training did to groups, and what it cost; None without one.

    Parameters
    ----------
    results
        The content of `results.json`.
    """
    told = as_dict(results.get("fairness_in_training"))
    if not told:
        return None
    aim = plain(told.get("aim")).replace("_", " ")
    changes = as_dict(told.get("changes"))
    return {
        "aim": aim,
        "groups": _small(words(told.get("groups"))),
        "strength": decimal(finite(told.get("strength")) or 0.0, 1),
        "changes": [
            (name, _scaled(changes[key], 1, 3)) for key, name in COSTS.items() if key in changes
        ],
        "tables": [
            {
                "threshold": decimal(100 * (finite(one.get("threshold")) or 0.0), 0),
                "rows": [
                    (name, _points(one.get(f"{key}_before")), _points(one.get(f"{key}_after")))
                    for key, name in GAPS.items()
                ],
                "benefit": _per_thousand(one.get("net_benefit_change")),
            }
            for one in dicts(told.get("tables"))
        ],
    }


def _table(table: Json, horizons: Mapping[str, str]) -> dict[str, Any]:
    horizon = str(table.get("horizon") or "")
    when = f" within {horizons.get(horizon) or horizon}" if horizon else ""
    threshold = decimal(100 * (finite(table.get("threshold")) or 0.0), 0)
    variable = _small(words(table.get("variable")))
    return {
        "heading": f"By {variable}, acting from {threshold} in 100{when}",
        "groups": [_group(row) for row in dicts(table.get("groups"))],
        "differences": [
            (name, _points(one))
            for key, name in DIFFERENCES.items()
            if (one := as_dict(as_dict(table.get("differences")).get(key)))
        ],
        "mitigation": [
            {
                "what": plain(one.get("what")),
                "before": _points(one.get("gap_before")),
                "after": _points(one.get("gap_after")),
                "benefit": _per_thousand(one.get("net_benefit_change")),
            }
            for one in dicts(table.get("mitigation"))
        ],
        "note": maybe(table.get("note")),
    }


def _group(row: Json) -> dict[str, Any]:
    metrics = as_dict(row.get("metrics"))
    return {
        "level": plain(row.get("level")),
        "n": whole(row["n"]) if finite(row.get("n")) is not None else plain(row.get("n")),
        "suppressed": bool(row.get("suppressed")),
        "cells": [_cell(metrics.get(name), factor, places) for name, factor, places in COLUMNS],
    }


def _cell(entry: Any, factor: float, places: int) -> tuple[str, str]:
    """Return a value, and its interval apart."""
    content = as_dict(entry)
    value, low, high = (finite(content.get(key)) for key in ("value", "low", "high"))
    if value is None:
        return UNKNOWN, ""
    told = decimal(factor * value, places)
    if low is None or high is None:
        return told, ""
    return told, f"{decimal(factor * low, places)} to {decimal(factor * high, places)}"


def _small(name: str) -> str:
    """Return words as they stand within a sentence; initials keep their size."""
    return name if name[1:2].isupper() else f"{name[:1].lower()}{name[1:]}"


def _points(entry: Any) -> str:
    """Return a share and its interval in points of 100."""
    return _scaled(entry, 100, 1)


def _per_thousand(entry: Any) -> str:
    return _scaled(entry, 1000, 1)


def _scaled(entry: Any, factor: float, places: int) -> str:
    content = as_dict(entry)
    found = {key: finite(content.get(key)) for key in ("value", "low", "high")}
    scaled = {key: None if one is None else factor * one for key, one in found.items()}
    return estimate(scaled, places)
