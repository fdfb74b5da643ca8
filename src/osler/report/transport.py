"""How a model travelled: whom it met, what was updated, before and after, as rows of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from osler.report.names import metric_of
from osler.report.numbers import (
    as_dict,
    decimal,
    dicts,
    estimate,
    finite,
    maybe,
    plain,
    texts,
    whole,
)

Json = Mapping[str, Any]

MOST_ROWS = 12
SIDE_BY_SIDE = (
    "uno_c", "auroc", "ibs", "brier", "calibration_slope", "calibration_intercept", "oe", "ici",
)  # fmt: skip
MEMBERSHIP = {
    "by_prediction_and_outcome": "By predicted risk and outcome",
    "by_predictors": "By the model's measurements",
}


def transport(results: Json) -> dict[str, Any] | None:
    """Return what a page says of a model applied elsewhere; None for one judged where it learned.

    Parameters
    ----------
    results
        The content of `results.json`.
    """
    told = as_dict(results.get("transport"))
    if not told:
        return None
    case_mix = as_dict(told.get("case_mix"))
    domain = as_dict(told.get("domain"))
    return {
        "performance": [
            {
                "name": metric_of(str(row.get("metric"))).name,
                "there": estimate(row.get("there")),
                "here": estimate(row.get("here")),
            }
            for row in dicts(told.get("performance"))
            if row.get("metric") in SIDE_BY_SIDE
        ],
        "membership": [
            {"name": name, "value": estimate(one), "meaning": maybe(one.get("meaning"))}
            for key, name in MEMBERSHIP.items()
            if (one := as_dict(as_dict(case_mix.get("membership")).get(key)))
        ],
        "spread": [_spread(row) for row in dicts(case_mix.get("prediction"))],
        "variables": [_variable(row) for row in dicts(case_mix.get("variables"))[:MOST_ROWS]],
        "missing": [
            _missing(row) for row in dicts(told.get("missingness"))[:MOST_ROWS] if _apart(row)
        ],
        "rule": maybe(domain.get("rule") if domain.get("known") else domain.get("why")),
        "outside": _outside(domain),
        "absent": texts(told.get("absent_columns")),
        "recalibration": _recalibration(as_dict(results.get("recalibration"))),
    }


def _spread(row: Json) -> dict[str, str]:
    return {
        "horizon": maybe(row.get("horizon")),
        "there": f"{decimal(row.get('mean_there'), 2)} ({decimal(row.get('sd_there'), 2)})",
        "here": f"{decimal(row.get('mean_here'), 2)} ({decimal(row.get('sd_here'), 2)})",
    }


def _variable(row: Json) -> dict[str, Any]:
    return {
        "what": _what(row),
        "column": maybe(row.get("column")),
        "there": decimal(row.get("mean_there"), 2),
        "here": decimal(row.get("mean_here"), 2),
        "difference": decimal(row.get("standardised_difference"), 2),
        "notable": bool(row.get("notable")),
    }


def _what(row: Json) -> str:
    level = maybe(row.get("level"))
    return f"{plain(row.get('what'))}{f', {level}' if level else ''}"


def _apart(row: Json) -> bool:
    return abs(finite(as_dict(row.get("difference")).get("value")) or 0.0) > 0


def _missing(row: Json) -> dict[str, str]:
    gap = as_dict(row.get("difference"))
    points = {key: 100 * (finite(gap.get(key)) or 0.0) for key in ("value", "low", "high")}
    return {
        "what": _what(row),
        "there": decimal(100 * (finite(row.get("known_there")) or 0.0), 1),
        "here": decimal(100 * (finite(row.get("known_here")) or 0.0), 1),
        "difference": estimate(points, 1),
    }


def _outside(domain: Json) -> str:
    if not domain.get("known"):
        return ""
    count = whole(domain.get("rows_outside"))
    share = decimal(100 * (finite(domain.get("share_outside")) or 0.0), 1)
    return (
        f"{count} rows ({share} %) are out of it: {whole(domain.get('far'))} too far, "
        f"{whole(domain.get('number_beyond_ends'))} with a number beyond the ends, "
        f"{whole(domain.get('too_little_known'))} with too little known."
    )


def _recalibration(found: Json) -> dict[str, Any] | None:
    if not found:
        return None
    fitted, judged = as_dict(found.get("fitted_on")), as_dict(found.get("judged_on"))
    return {
        "kind": plain(found.get("kind")),
        "sentence": (
            f"Fitted on {whole(fitted.get('subjects'))} subjects drawn for it, judged on the "
            f"{whole(judged.get('subjects'))} others."
        ),
        "notes": texts(found.get("notes")),
        "rows": [
            {
                "name": metric_of(str(row.get("metric"))).name,
                "before": estimate(row.get("before")),
                "after": estimate(row.get("after")),
            }
            for row in dicts(found.get("before_and_after"))
            if row.get("metric") in SIDE_BY_SIDE
        ],
        "coefficients": [
            {"cause": cause, "name": name, "value": estimate(one), "meaning": maybe(one["meaning"])}
            for cause, curve in as_dict(found.get("curves")).items()
            for name, one in as_dict(as_dict(curve).get("coefficients")).items()
        ],
    }
