"""What will probably happen to a patient, as a study's model says it: findings and a summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.cohort import extract
from osler.features import FeatureMatrix
from osler.model import Evidence, Finding, Interval, NotAssessed, Provenance, Reason
from osler.predict import Risk, TimeToEvent
from osler.report.numbers import out_of_100, people_of_100
from osler.workflows.patient.alike import alike_findings, alike_section
from osler.workflows.patient.reasons import missing_for, reasons_for
from osler.workflows.study.domain import cells_of
from osler.workflows.study.fitting import predict, predict_interval
from osler.workflows.study.gather import groups_of, matrix_of
from osler.workflows.study.saved import FittedModel, SavedRun
from osler.workflows.study.wording import Variable, in_words

LEVEL = 0.95
CURVE_POINTS = 61
WORSE_BY = 0.02
OUTSIDE = (
    "This patient is out of the model's domain: the measurements are unlike those of everyone that "
    "the model learned from, so it abstains."
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prognosis:
    """What one run says of one patient.

    Parameters
    ----------
    findings
        One per horizon and cause, or one that abstains.
    summary
        Risks per horizon and cause for the head of the page; None when abstained.
    curves
        Incidence per cause over time, with interval; None when abstained.
    missing
        What most of the cohort had recorded and this patient has not.
    alike
        What became of the people most like this patient; None when that is not known.
    groups
        The patient's groups, and how well the model did in each.
    until
        The prediction time: nothing later was used; None when there was no prediction.
    not_assessed
        Why there is nothing, when there is nothing.
    """

    findings: tuple[Finding, ...] = ()
    summary: dict[str, Any] | None = None
    curves: dict[str, Any] | None = None
    alike: dict[str, Any] | None = None
    missing: tuple[str, ...] = ()
    groups: tuple[dict[str, Any], ...] = ()
    until: Any = None
    not_assessed: tuple[NotAssessed, ...] = ()


@dataclass(frozen=True)
class Patient:
    """The patient as the run's model sees her: one row."""

    matrix: FeatureMatrix
    groups: dict[str, str]
    prediction_time: Any


def prognosis(
    run: SavedRun, subject_id: int, events: pl.DataFrame, vault_id: str, provenance: Provenance
) -> Prognosis:
    """Let the model of a run speak of one patient, if it may.

    Parameters
    ----------
    run
        The study's run.
    events
        The patient's whole timeline; only what was known at the prediction time is used.
    vault_id
        The vault the patient is in; decides whether the model was trained on her.
    """
    patient = asked_of(run, events)
    if patient is None:
        why = "the timeline does not meet the study's conditions: " + " ".join(run.results["scope"])
        return Prognosis(not_assessed=(NotAssessed(run.study.title, why.strip()),))
    refusal = refusals(run, patient.groups)
    if refusal:
        return Prognosis(findings=(_abstained(run, refusal, provenance),))
    fitted, fold = run.model_for(subject_id, vault_id)
    if fold is None and outside_domain(run, fitted, patient.matrix):
        return Prognosis(findings=(_abstained(run, [OUTSIDE], provenance),))
    return _speak(run, patient, fitted, fold, provenance)


def asked_of(run: SavedRun, events: pl.DataFrame) -> Patient | None:
    """Return the patient at the latest time that the study asks about; None if there is none."""
    rows = extract(events, run.study.task, index=run.study.index)
    return _patient(run, rows.sort("prediction_time").tail(1), events) if rows.height else None


def outside_domain(run: SavedRun, fitted: FittedModel, matrix: FeatureMatrix) -> bool:
    """Tell whether a new patient is unlike everyone that the run's model learned from."""
    domain = run.domain()
    return domain is not None and not domain.place(cells_of(fitted.of(matrix))).inside.all()


def refusals(run: SavedRun, groups: dict[str, str]) -> list[str]:
    """Return the limits that the model failed, over all or in a group of this patient."""
    failed = []
    for gate in run.results["gates"]:
        group = gate.get("group")
        concerned = not group or all(groups.get(name) == level for name, level in group.items())
        if not gate["passed"] and concerned:
            failed.append(f"The model failed a limit that the study sets: {gate['why']}")
    return failed


def _patient(run: SavedRun, row: pl.DataFrame, events: pl.DataFrame) -> Patient:
    levels = groups_of(events, row, run.study).row(0, named=True)
    return Patient(
        matrix_of(events, row, run.study, keep_events=True),
        dict(levels),
        row["prediction_time"].item(),
    )


def _abstained(run: SavedRun, failed: list[str], provenance: Provenance) -> Finding:
    return Finding(
        kind="prognosis",
        statement=f"{run.study.title}: the model does not speak of this patient.",
        value=None,
        unit=None,
        interval=None,
        reasons=(),
        evidence=(),
        caveats=tuple(failed),
        status="abstained",
        provenance=provenance,
    )


def _speak(
    run: SavedRun,
    patient: Patient,
    fitted: FittedModel,
    fold: int | None,
    provenance: Provenance,
) -> Prognosis:
    part = fitted.of(patient.matrix)
    horizons = run.results["outcome"]["horizons"]
    causes = list(run.results["outcome"]["causes"])
    days = np.asarray([one["days"] for one in horizons], dtype=float)
    value = predict(fitted, part, days, len(causes))[0]
    low, high = (one[0] for one in predict_interval(fitted, part, days, len(causes), LEVEL))
    known = variables_of(run, part)
    unknown = fitted.unknown(patient.matrix)
    effects = _effects(fitted, part, days)
    # A cause that nobody had whom the model learned from has no reasons, and no finding.
    reasons = [
        [reasons_for(effects[c, h], part, known) for h in range(len(horizons))]
        if _known(fitted, c + 1)
        else []
        for c in range(len(causes))
    ]
    findings = tuple(
        _finding(
            run,
            cause,
            horizon,
            (value[c, h], low[c, h], high[c, h]),
            reasons[c][h],
            fold,
            unknown,
            provenance,
        )
        for h, horizon in enumerate(horizons)
        for c, cause in enumerate(causes)
        if reasons[c]
    )
    alike = _alike(run, fitted, part)
    usual = {one["code"]: one["share"] for one in run.results["variables"]}
    return Prognosis(
        findings=(*findings, *_of_alike(run, alike, reasons, provenance)),
        alike=alike,
        summary={
            **_summary(run, horizons, causes, value, low, high),
            "from": _time_zero(run, patient.prediction_time),
        },
        curves=_curves(run, fitted, part, causes),
        missing=tuple(missing_for(part, known, usual)),
        groups=tuple(_standing(run, patient.groups)),
        until=patient.prediction_time,
    )


def _alike(run: SavedRun, fitted: FittedModel, part: FeatureMatrix) -> dict[str, Any] | None:
    names = [_name(run, cause) for cause in run.results["outcome"]["causes"]]
    horizons = run.results["outcome"]["horizons"]
    return alike_section(fitted, part, run.results["people"], horizons, names)


def _of_alike(
    run: SavedRun,
    alike: dict[str, Any] | None,
    reasons: list[list[tuple[Reason, ...]]],
    provenance: Provenance,
) -> tuple[Finding, ...]:
    """Return what is told of people alike, with the reasons of the middle horizon."""
    middle = len(run.results["outcome"]["horizons"]) // 2
    why = [each[middle] if each else () for each in reasons]
    return alike_findings(alike, run.study.title, why, provenance)


def variables_of(run: SavedRun, part: FeatureMatrix) -> list[Variable]:
    """Return the run's variables in terms of the columns of this matrix."""
    position = {str(column): index for index, column in enumerate(part.columns)}
    found = []
    for one in run.results["variables"]:
        columns = {name: position[name] for name in one["columns"] if name in position}
        if columns:
            levels = {columns[n]: level for n, level in one["levels"].items() if n in columns}
            found.append(
                Variable(one["name"], one["code"], tuple(columns.values()), levels, one["unit"])
            )
    return found


def _known(fitted: FittedModel, cause: int) -> bool:
    """Tell whether anyone that the model learned from had the cause; else it cannot speak of it."""
    return isinstance(fitted.model, Risk) or cause in fitted.model.causes


def _effects(fitted: FittedModel, part: FeatureMatrix, days: Floats) -> Floats:
    """Return what each column adds to the risk of each cause by each horizon, (K, t, p)."""
    if isinstance(fitted.model, TimeToEvent):
        return np.asarray(fitted.model.explain_all(part, days)[0])
    return np.asarray(fitted.model.explain(part))[:, None, :]


def _finding(
    run: SavedRun,
    cause: str,
    horizon: dict[str, Any],
    numbers: tuple[float, float, float],
    reasons: tuple[Reason, ...],
    fold: int | None,
    unknown: tuple[str, ...],
    provenance: Provenance,
) -> Finding:
    value, low, high = (float(one) for one in numbers)
    name = _name(run, cause)
    people = run.results["people"]
    within = f" within {horizon['text']}" if horizon["text"] else ""
    statement = (
        f"Of 100 {people} like this one, about {_have(value)} {name}{within} "
        f"({LEVEL:.0%} interval {out_of_100(low)} to {out_of_100(high)})."
    )
    return Finding(
        kind="prognosis",
        statement=statement,
        value=value,
        unit="probability",
        interval=Interval(low, high, LEVEL, _meaning(run)),
        reasons=reasons,
        evidence=(_evidence(run),),
        caveats=(*run.results["warnings"], _training(fold), *unknown),
        status="final",
        provenance=provenance,
        cause=name,
        horizon=horizon["text"] or None,
    )


def _name(run: SavedRun, cause: str) -> str:
    return str(run.results["outcome"]["names"].get(cause, in_words(cause).lower()))


def _have(share: float) -> str:
    told = out_of_100(share)
    return f"{told} {'has' if told == '1' else 'have'}"


def _meaning(run: SavedRun) -> str:
    return (TimeToEvent if run.study.time_to_event else Risk).interval_meaning


def _training(fold: int | None) -> str:
    if fold is None:
        return "This patient was not in the training data; the final model speaks."
    return (
        "This patient is in the study's data: the number comes from a model that was fitted "
        f"without her or him (out-of-fold prediction, fold {fold + 1})."
    )


def _evidence(run: SavedRun) -> Evidence:
    results = run.results
    metrics = results["metrics"][results["selected"]]
    shown = []
    for key, label in results["headline"]:
        if key in metrics and metrics[key]["value"] is not None:
            one = metrics[key]
            shown.append(f"{label} {one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})")
    rows = results["cohort"]["rows"]
    return Evidence(
        source=f"study {results['title']!r}",
        level="internal validation, " + results["model"]["validation"],
        citation=f"{rows:,} rows; " + "; ".join(shown),
    )


def _time_zero(run: SavedRun, moment: Any) -> str:
    trigger = run.study.task.get("trigger")
    name = in_words(trigger).lower() if isinstance(trigger, str) else "the prediction"
    return f"{name}, {moment.date().isoformat()}"


def _summary(
    run: SavedRun,
    horizons: list[dict[str, Any]],
    causes: list[str],
    value: Floats,
    low: Floats,
    high: Floats,
) -> dict[str, Any]:
    names = run.results["outcome"]["names"]
    told = [
        {
            "label": horizon["text"],
            "days": horizon["days"],
            "causes": [
                {
                    "cause": names.get(cause, in_words(cause).lower()),
                    "value": float(value[c, h]),
                    "low": float(low[c, h]),
                    "high": float(high[c, h]),
                }
                for c, cause in enumerate(causes)
            ],
            "event_free": float(1 - value[:, h].sum()),
        }
        for h, horizon in enumerate(horizons)
    ]
    middle = told[len(told) // 2]
    people = run.results["people"]
    parts = [f"{_have(one['value'])} {one['cause']}" for one in middle["causes"]]
    when = f"After {middle['label']}, of" if middle["label"] else "Of"
    rest = "have neither" if len(parts) > 1 else "have not"
    free = people_of_100([one["value"] for one in middle["causes"]])[-1]
    sentence = f"{when} 100 {people} like this one about {' and '.join(parts)}; {free} {rest}."
    return {"horizons": told, "sentence": sentence, "people": people}


def _curves(
    run: SavedRun, fitted: FittedModel, part: FeatureMatrix, causes: list[str]
) -> dict[str, Any] | None:
    if isinstance(fitted.model, Risk):
        return None
    last = max(one["days"] for one in run.results["outcome"]["horizons"])
    times = np.linspace(0, min(last, fitted.model.last_event_time), CURVE_POINTS)
    value = predict(fitted, part, times, len(causes))[0]
    low, high = (one[0] for one in predict_interval(fitted, part, times, len(causes), LEVEL))
    names = run.results["outcome"]["names"]
    return {
        "times_days": times.tolist(),
        "causes": [
            {
                "cause": names.get(cause, in_words(cause).lower()),
                "value": value[c].tolist(),
                "low": low[c].tolist(),
                "high": high[c].tolist(),
            }
            for c, cause in enumerate(causes)
        ],
    }


def _standing(run: SavedRun, groups: dict[str, str]) -> list[dict[str, Any]]:
    """Return the patient's groups and what the study measured in each."""
    overall = run.results["metrics"][run.results["selected"]]
    told = []
    for one in run.results["groups"]:
        if any(groups.get(name) != level for name, level in one["group"].items()):
            continue
        line = {"group": one["group"], "n": one["n"], "suppressed": one["suppressed"]}
        if one["suppressed"]:
            line["text"] = "too few people to say how well the model does in this group"
        else:
            key, label = run.results["headline"][0]
            line["metric"], line["label"] = one["metrics"].get(key), label
            line["worse"] = _worse(one["metrics"].get(key), overall.get(key))
        told.append(line)
    return told


def _worse(own: dict[str, Any] | None, overall: dict[str, Any] | None) -> bool:
    if not own or not overall or own.get("value") is None or overall.get("value") is None:
        return False
    return bool(own["value"] < overall["value"] - WORSE_BY)
