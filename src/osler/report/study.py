"""The study report: whom it covers, what happens to them, how good the model is and for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from osler.report import charts, metrics
from osler.report.alerts import alerts
from osler.report.cells import bar_cell
from osler.report.fairness import fairness, in_training
from osler.report.flow import flow
from osler.report.names import (
    cause_words,
    causes_of,
    horizon_names,
    horizon_words,
    metric_of,
    words,
)
from osler.report.numbers import (
    as_dict,
    as_list,
    day,
    decimal,
    dicts,
    estimate,
    finite,
    maybe,
    plain,
    texts,
    whole,
)
from osler.report.page import flat, render
from osler.report.shapes import faithful, shapes
from osler.report.transport import transport
from osler.report.treatment import treatment

MOST_IMPORTANT = 20
MOST_BENEFIT_ROWS = 8
STATUS_WORDS = {"ok": "passed", "warning": "look at this", "fault": "failed"}

Json = Mapping[str, Any]


def study_html(results: Json) -> str:
    """Return the report of a study as one HTML page that needs nothing else.

    Parameters
    ----------
    results
        The content of `results.json`. Absent keys leave their section out. Beside the known keys
        it takes `people` (who they are, such as `women`), `outcome.names` (cause to words),
        `comparisons`, `sites`, `group_note`, `model`, `limits` (sentences) and `citation`.
    """
    return render("study.html.j2", _content(results))


def _content(results: Json) -> dict[str, Any]:
    cohort = as_dict(results.get("cohort"))
    overall = as_dict(as_dict(results.get("metrics")).get(str(results.get("selected"))))
    return {
        "title": plain(results.get("title") or "Study"),
        "people": str(results.get("people") or "people"),
        "question": texts(results.get("question")),
        "warnings": texts(results.get("warnings")),
        "scope": texts(results.get("scope")),
        "facts": _facts(results),
        "verdict": verdict(results),
        "gates": [_gate(entry) for entry in dicts(results.get("gates"))],
        "flow": flow(cohort.get("flow")),
        "table1": _table1(cohort.get("table1")),
        "incidence": _incidence(results),
        "how": how_judged(results),
        "models": metrics.models(results),
        "metrics": metrics.main_rows(results),
        "other_metrics": metrics.other_rows(results),
        "comparisons": metrics.comparisons(results.get("comparisons")),
        "calibration": _calibration(results),
        "net_benefit": _net_benefit(results),
        "alerts": alerts(results),
        "groups": metrics.forest(results.get("groups"), overall),
        "group_note": maybe(results.get("group_note")),
        "fairness": fairness(results),
        "in_training": in_training(results),
        "sites": metrics.forest(_sites(results.get("sites")), overall),
        "importance": _importance(results.get("importance")),
        "shapes": shapes(results),
        "faithful": faithful(results),
        "leakage": [_check(entry) for entry in dicts(results.get("leakage"))],
        "transport": transport(results),
        "treatment": treatment(results),
        "limits": texts(results.get("limits")),
        "provenance": [*flat(results.get("provenance")), *_model_rows(results)],
        "citation": citation(results),
    }


def _facts(results: Json) -> list[tuple[str, str]]:
    cohort, names = as_dict(results.get("cohort")), causes_of(results)
    people = str(results.get("people") or "subjects")
    facts = [(whole(cohort["subjects"]), people)] if "subjects" in cohort else []
    if "rows" in cohort and cohort["rows"] != cohort.get("subjects"):
        facts.append((whole(cohort["rows"]), "predictions"))
    facts += [
        (whole(count), cause_words(cause, names).lower())
        for cause, count in as_dict(cohort.get("events")).items()
    ]
    return facts


def _table1(rows: Any) -> list[dict[str, Any]]:
    """Return Table 1 by variable, each with its levels and how many are not recorded."""
    grouped: dict[str, dict[str, Any]] = {}
    for row in dicts(rows):
        name = plain(row.get("variable"))
        group = grouped.setdefault(name, {"name": words(name), "levels": [], "missing": ""})
        if finite(row.get("missing")) is not None:
            group["missing"] = whole(row.get("missing"))
        level = plain(row["level"]) if row.get("level") else ""
        group["levels"].append((level, plain(row.get("value"))))
    return list(grouped.values())


def _incidence(results: Json) -> Any:
    curves, names = results.get("incidence"), causes_of(results)
    marks = charts.horizon_years(as_dict(results.get("outcome")).get("horizons"))
    label = f"Cumulative incidence. {charts.curve_words(curves, names)}."
    return charts.incidence(curves, label=label, names=names, marks=marks)


def verdict(results: Json) -> dict[str, Any]:
    """Return whether the model may speak, in words: it may when it met every limit."""
    gates = dicts(results.get("gates"))
    failed = [entry for entry in gates if entry.get("passed") is not True]
    if not gates:
        headline = "No limits were set"
        sentence = "The study set no limits that the model must meet before it may speak."
    elif failed:
        which = ", ".join(metric_of(str(entry.get("limit"))).name for entry in failed)
        headline = "The model does not speak"
        sentence = (
            f"It missed {len(failed)} of the {len(gates)} limits that the study set: {which}."
        )
        sentence += " Its findings about the people whom this concerns are withheld."
    else:
        all_of = f"all {len(gates)} limits" if len(gates) > 1 else "the limit"
        headline = "The model speaks"
        sentence = f"It met {all_of} that the study set."
    return {"speaks": not failed, "headline": headline, "sentence": sentence}


def _gate(entry: Json) -> dict[str, Any]:
    bound = entry.get("bound")
    value = finite(entry.get("value"))
    return {
        "limit": metric_of(str(entry.get("limit"))).name,
        "value": plain(entry.get("value")) if value is None else decimal(value),
        "bound": bound if isinstance(bound, str) else " to ".join(map(plain, as_list(bound))),
        "passed": entry.get("passed") is True,
        "why": maybe(entry.get("why")),
    }


def how_judged(results: Json) -> list[str]:
    """Return on whom the models were judged, and what is to be said of the selected one."""
    model = as_dict(results.get("model"))
    judged = plain(model.get("validation") or "on people whom each model had not seen")
    return [f"{judged[:1].upper()}{judged[1:]}.", *texts(model.get("notes"))]


def _calibration(results: Json) -> list[dict[str, Any]]:
    """Return the plots, one row of them per cause."""
    names, horizons = causes_of(results), horizon_names(results)
    tables = as_dict(results.get("calibration"))
    causes = list(dict.fromkeys(cause for table in tables.values() for cause in as_dict(table)))
    known = list(as_dict(as_dict(results.get("cohort")).get("events")))
    causes.sort(key=lambda cause: known.index(cause) if cause in known else len(known))
    plots = []
    for position, cause in enumerate(causes):
        for horizon, table in tables.items():
            entry = as_dict(as_dict(table).get(cause))
            when = horizons.get(str(horizon)) or horizon_words(horizon)
            heading = f"{cause_words(cause, names)}, {when}"
            label = f"Calibration of {heading}, out of 100: "
            label += charts.calibration_words(entry.get("bins"))
            picture = charts.calibration(entry.get("bins"), label=label, position=position)
            if picture is not None:
                plots.append({"heading": heading, "picture": picture, "numbers": _fits(entry)})
    return plots


def _fits(entry: Json) -> list[tuple[str, str]]:
    names = {"slope": "Slope", "intercept": "Intercept", "oe": "Observed / predicted", "ici": "ICI"}
    return [
        (name, estimate(value if isinstance(value, Mapping) else {"value": value}, 2))
        for key, name in names.items()
        if (value := entry.get(key)) is not None
    ]


def _net_benefit(results: Json) -> list[dict[str, Any]]:
    horizons = horizon_names(results)
    by_horizon: dict[str, list[Json]] = {}
    for entry in dicts(results.get("net_benefit")):
        by_horizon.setdefault(str(entry.get("horizon") or ""), []).append(entry)
    shown = []
    for horizon, rows in by_horizon.items():
        when = horizons.get(horizon) or (horizon_words(horizon) if horizon else "")
        label = f"Net benefit{f' at {when}' if when else ''}, by threshold"
        picture = charts.net_benefit(rows, label=label)
        told = [_benefit_row(entry) for entry in _tens(rows)]
        shown.append({"horizon": when, "picture": picture, "rows": told})
    return shown


def _tens(rows: Sequence[Json]) -> Sequence[Json]:
    """Return the rows at thresholds of 10, 20, 30, … out of 100 when there are many."""
    if len(rows) <= MOST_BENEFIT_ROWS:
        return rows
    tens = [row for row in rows if abs(_off_ten(row.get("threshold"))) < 1e-6]
    return (tens or rows)[:MOST_BENEFIT_ROWS]


def _off_ten(threshold: Any) -> float:
    value = finite(threshold)
    return 1.0 if value is None else value * 10 - round(value * 10)


def _benefit_row(entry: Json) -> dict[str, str]:
    threshold = finite(entry.get("threshold"))
    model = {"value": entry.get("model"), "low": entry.get("low"), "high": entry.get("high")}
    return {
        "threshold": plain(None) if threshold is None else f"{threshold * 100:.3g}",
        "model": estimate(model),
        "treat_all": decimal(entry.get("treat_all")),
        "treat_none": decimal(entry.get("treat_none")),
    }


def _model_rows(results: Json) -> list[tuple[str, str]]:
    """Return what the model is, as rows of the provenance."""
    model = as_dict(results.get("model"))
    return flat({"model": {key: model.get(key) for key in ("kind", "columns", "chosen")}})


def _sites(rows: Any) -> list[dict[str, Any]]:
    return [{**entry, "group": {"centre": entry.get("site")}} for entry in dicts(rows)]


def _check(entry: Json) -> dict[str, str]:
    status = str(entry.get("status") or "warning")
    return {
        "check": words(entry.get("check")),
        "status": status if status in STATUS_WORDS else "warning",
        "words": STATUS_WORDS.get(status, status),
        "detail": maybe(entry.get("detail")),
    }


def _importance(rows: Any) -> list[dict[str, Any]]:
    """Return the variables that move the predicted risk most, in points out of 100."""
    entries = dicts(rows)[:MOST_IMPORTANT]
    largest = max((abs(finite(entry.get("effect")) or 0.0) for entry in entries), default=0.0)
    diverging = any((finite(entry.get("effect")) or 0.0) < 0 for entry in entries)
    return [
        {
            "what": plain(entry.get("what")),
            "code": maybe(entry.get("code")),
            "effect": decimal(100 * (finite(entry.get("effect")) or 0.0), 1),
            "picture": bar_cell(entry.get("effect"), largest, diverging=diverging),
        }
        for entry in entries
        if finite(entry.get("effect")) is not None
    ]


def citation(results: Json) -> str:
    """Return how to cite the run: as the study says, else by its title, date and software."""
    given = texts(results.get("citation"))
    if given:
        return " ".join(given)
    provenance = as_dict(results.get("provenance"))
    software = provenance.get("software") or "osler"
    title = plain(results.get("title") or "Study")
    return f"{title}. Study report made with {software}, {day(provenance.get('created_at'))}."
