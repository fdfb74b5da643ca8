"""What each treatment would do for a patient, as a study's target trial says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from osler.effect import TreatmentEffect
from osler.effect.baseline_risk import NAMES
from osler.features import FeatureMatrix
from osler.model import Evidence, Finding, Interval, NotAssessed, Provenance, Reason
from osler.report.numbers import decimal
from osler.report.treatment import TREATMENT, Unit
from osler.workflows.patient.part import Part
from osler.workflows.patient.prognosis import Patient, asked_of, outside_domain
from osler.workflows.study.fitting import predict
from osler.workflows.study.gather import adjusting_of
from osler.workflows.study.saved import MODEL, FittedModel, SavedRun
from osler.workflows.study.trial.estimate import EFFECT

PERSONALISE, AVERAGE_ONLY = "personalise", "average only"
LEVEL = 0.95
LEARNED_FROM = (
    "If this patient is among the people of the trial, the model has seen her or his outcome: "
    "effects have no out-of-fold form."
)
NOT_BY_PERSON = (
    "These data do not support choosing by person: that people differ in what the treatment does "
    "to them was not shown, which does not mean that they do not. This is the average."
)
OUTSIDE = (
    "This patient is unlike everyone in the trial, so that the average may not be hers or his."
)


def treatment(
    run: SavedRun, subject_id: int, events: pl.DataFrame, vault_id: str, provenance: Provenance
) -> Part:
    """Return what a run's trial says of the options of one patient; nothing if it has no trial."""
    told: Mapping[str, Any] = run.results.get("treatment") or {}
    if not told:
        return Part()
    what = f"{run.study.title}: which treatment would help"
    seen = asked_of(run, events)
    if seen is None:
        why = "the timeline does not meet the study's conditions"
        return Part(not_assessed=(NotAssessed(what, why),))
    if told.get("verdict") not in (PERSONALISE, AVERAGE_ONLY):
        return Part((_abstained(run, told, provenance),), _section(run, told, (), []))
    fold = run.fold_of(subject_id, vault_id)
    fitted = run.final()
    outside = fold is None and outside_domain(run, fitted, seen.matrix)
    own = told["verdict"] == PERSONALISE and not outside
    names = [str(arm) for arm in told["design"]["arms"][1:]]
    if own:
        model = TreatmentEffect.load(run.path / MODEL / EFFECT)
        row = _known_of(run, subject_id, events, seen).select(list(model.feature_names))
        options = [_own(model, told, arm, row) for arm in names]
    else:
        options = [_average(told, arm) for arm in names]
    caveats = _caveats(told, own=own, outside=outside, known=fold is not None)
    findings = tuple(_finding(run, told, one, caveats, provenance) for one in options)
    quarter = "" if own or outside else _quarter(run, fitted, seen)
    return Part(findings, {**_section(run, told, caveats, options), "quarter": quarter})


def _known_of(run: SavedRun, subject_id: int, events: pl.DataFrame, seen: Patient) -> FeatureMatrix:
    """Return what the trial adjusted for, as this patient has it."""
    at = pl.Series([seen.prediction_time], dtype=pl.Datetime("us"))
    rows = pl.DataFrame({"subject_id": [subject_id], "prediction_time": at})
    wider = adjusting_of(events, rows, run.study)
    return seen.matrix if wider is None else wider


def _quarter(run: SavedRun, fitted: FittedModel, seen: Patient) -> str:
    """Return the quarter of the cohort's predicted risk that the patient is in.

    It is the risk under care as it was, whose order stands for that of the risk without treatment.
    """
    horizons = run.results["outcome"]["horizons"]
    middle = horizons[len(horizons) // 2]
    cause = run.results["outcome"]["event"]
    name = f"{cause}|{middle['label']}" if middle["label"] else cause
    causes = len(run.results["outcome"]["causes"])
    part = fitted.of(seen.matrix)
    risk = float(predict(fitted, part, np.asarray([float(middle["days"])]), causes)[0, 0, 0])
    known = run.predictions[name].drop_nulls()
    share = float((known < risk).sum()) / max(known.len(), 1)
    return NAMES[min(int(share * len(NAMES)), len(NAMES) - 1)]


def _own(
    model: TreatmentEffect, told: Mapping[str, Any], arm: str, row: FeatureMatrix
) -> dict[str, Any]:
    """Return an arm's effect among people like this patient, with what is expected of both."""
    value = float(model.effect(row, arm)[0])
    low, high = (float(end[0]) for end in model.effect_interval(row, LEVEL, arm))
    expected = model.expected(row)
    return {
        "arm": arm,
        "of": "people like this one",
        "effect": {"value": value, "low": low, "high": high},
        "with": float(expected[arm][0]),
        "without": float(expected[str(told["design"]["reference"])][0]),
    }


def _average(told: Mapping[str, Any], arm: str) -> dict[str, Any]:
    """Return an arm's effect over everyone, with what is expected of both."""
    average = next(
        one["effect"]
        for one in told["effects"]
        if one["arm"] == arm and one["population"] == "everyone"
    )
    arms = {one["arm"]: one["expected"]["value"] for one in told["arms"]}
    return {
        "arm": arm,
        "of": "everyone in the trial",
        "effect": {key: average[key] for key in ("value", "low", "high")},
        "with": arms[arm],
        "without": arms[str(told["design"]["reference"])],
    }


def _caveats(told: Mapping[str, Any], *, own: bool, outside: bool, known: bool) -> tuple[str, ...]:
    lines = list(told["warnings"])
    if not own:
        lines.append(NOT_BY_PERSON)
    if outside:
        lines.append(OUTSIDE)
    if own and known:
        lines.append(LEARNED_FROM)
    return tuple(lines)


def _finding(
    run: SavedRun,
    told: Mapping[str, Any],
    option: Mapping[str, Any],
    caveats: tuple[str, ...],
    provenance: Provenance,
) -> Finding:
    unit = Unit.of(told, str(run.results["people"]))
    effect = option["effect"]
    whose = (
        "like this one" if option["of"] == "people like this one" else "of the trial, on average"
    )
    design = told["design"]
    return Finding(
        kind=TREATMENT,
        statement=unit.sentence({"arm": option["arm"], "effect": effect}, whose),
        value=effect["value"],
        unit="difference of probabilities" if unit.risk else "difference",
        interval=Interval(effect["low"], effect["high"], LEVEL, _meaning(option)),
        reasons=tuple(
            Reason(f"Expected with {arm}: {_expected(option[key], unit)}", None, _source(run))
            for key, arm in (("with", option["arm"]), ("without", design["reference"]))
        ),
        evidence=(_evidence(run, told),),
        caveats=caveats,
        status="final",
        provenance=provenance,
        cause=str(design["outcome"]),
        horizon=str(design["horizon"]["text"]) or None,
    )


def _expected(value: float, unit: Unit) -> str:
    return f"{decimal(100 * value, 1)} of 100" if unit.risk else decimal(value, 2)


def _meaning(option: Mapping[str, Any]) -> str:
    if option["of"] == "people like this one":
        return (
            "where the mean effect among all people with these covariates would lie; not the "
            "difference of one person's own two outcomes, which nobody can observe"
        )
    return "where the average effect over everyone in the trial would lie"


def _source(run: SavedRun) -> str:
    return f"target trial of the study {run.results['title']!r}"


def _evidence(run: SavedRun, told: Mapping[str, Any]) -> Evidence:
    rows = sum(int(one["rows"]) for one in told["arms"])
    drawn = "randomised" if told["design"]["randomised"] else "observational, not randomised"
    return Evidence(
        source=_source(run), level=drawn, citation=f"{rows:,} rows; {told['verdict_says']}"
    )


def _abstained(run: SavedRun, told: Mapping[str, Any], provenance: Provenance) -> Finding:
    why = told.get("verdict_says") or told.get("not_estimable") or "nothing could be estimated"
    return Finding(
        kind=TREATMENT,
        statement=f"{run.study.title}: these data cannot say which treatment helps.",
        value=None,
        unit=None,
        interval=None,
        reasons=(),
        evidence=(),
        caveats=(str(why), *told["warnings"]),
        status="abstained",
        provenance=provenance,
    )


def _section(
    run: SavedRun,
    told: Mapping[str, Any],
    caveats: tuple[str, ...],
    options: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return what the page shows: options side by side, or that there is no answer."""
    return {
        "title": run.study.title,
        "people": run.results["people"],
        "design": told["design"],
        "verdict": told.get("verdict"),
        "verdict_says": told.get("verdict_says") or told.get("not_estimable"),
        "caveats": list(caveats or told["warnings"]),
        "options": options,
        "by_baseline_risk": told.get("by_baseline_risk") or [],
    }
