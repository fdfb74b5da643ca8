"""Fairness at a threshold, as rows of a page: who is flagged, missed, and what it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from osler.report.names import horizon_names, words
from osler.report.numbers import as_dict, decimal, dicts, estimate, finite, maybe, plain, whole

Json = Mapping[str, Any]

DIFFERENCES = {
    "selection_rate": "flagged",
    "true_positive_rate": "found, of those with the event",
    "false_positive_rate": "flagged, of those without it",
    "equalised_odds": "equalised odds",
}


def fairness(results: Json) -> list[dict[str, Any]]:
    """Return one table per variable and threshold.

    Parameters
    ----------
    results
        The content of `results.json`.
    """
    horizons = horizon_names(results)
    return [_table(table, horizons) for table in dicts(results.get("fairness"))]


def _table(table: Json, horizons: Mapping[str, str]) -> dict[str, Any]:
    horizon = str(table.get("horizon") or "")
    when = f" within {horizons.get(horizon) or horizon}" if horizon else ""
    threshold = decimal(100 * (finite(table.get("threshold")) or 0.0), 0)
    return {
        "heading": f"By {words(table.get('variable'))}, acting from {threshold} in 100{when}",
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
        "cells": [
            _points(metrics.get("selection_rate")),
            _points(metrics.get("true_positive_rate")),
            _points(metrics.get("false_positive_rate")),
            _points(metrics.get("calibration_in_the_large")),
            estimate(metrics.get("missed_per_1000"), 0),
            estimate(metrics.get("false_alarms_per_1000"), 0),
        ],
    }


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
