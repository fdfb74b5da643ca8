"""`results.json`: everything a study has found, put together from its parts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from osler import evaluate
from osler.model import FORMAT_VERSION
from osler.predict import TimeToEvent
from osler.workflows.study.alerting import alerts_section
from osler.workflows.study.faithful import faithfulness_section
from osler.workflows.study.fitting import (
    CrossFitted,
    Outcomes,
    leave_one_site_out,
    reference_incidence,
)
from osler.workflows.study.gather import Material
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.judging import SELECTED, Judge, judge_of, observed_incidence, unformed
from osler.workflows.study.mitigation import trade
from osler.workflows.study.question import Study
from osler.workflows.study.shapes import shapes_section
from osler.workflows.study.table_one import table_one
from osler.workflows.study.wording import Variable, in_words, variables

MOST_IMPORTANT = 20
ROWS_EXPLAINED = 500
COUNTED_APART = "of these:"


def assemble(
    study: Study,
    material: Material,
    outcomes: Outcomes,
    fitted: CrossFitted,
    horizons: list[Horizon],
    descriptions: dict[str, str],
    seed: int,
) -> dict[str, Any]:
    """Return the object of `results.json`, but for question and provenance."""
    judge = judge_of(material, outcomes, fitted, horizons, study.evaluation, seed)
    own = judge.metrics(fitted.incidence)
    references = reference_incidence(material.matrix, outcomes, fitted, study, descriptions, seed)
    groups, group_note = judge.groups(fitted.incidence, material)
    part = fitted.final.of(material.matrix)
    columns = [(one.code, one.aggregation) for one in part.columns]
    known = variables(columns, part.values, descriptions)
    middle = horizons[len(horizons) // 2]
    gates = evaluate.gates(study.evaluation.limits, own, groups)
    return {
        "format_version": FORMAT_VERSION,
        "title": study.title,
        "people": study.people,
        "scope": list(study.scope),
        "warnings": list(study.warnings),
        "cohort": cohort_section(material, outcomes, known, columns, part),
        "outcome": outcome_section(study, outcomes, horizons),
        "model": model_section(study, fitted),
        "metrics": {
            SELECTED: _json(own),
            **{name: _json(judge.metrics(one)) for name, one in references.items()},
        },
        "other_causes": {
            name: _json(judge.metrics(fitted.incidence, cause))
            for cause, name in list(enumerate(outcomes.causes, start=1))[1:]
            if (judge.y["event"] == cause).any()
        },
        "selected": SELECTED,
        "headline": headline(study),
        "comparisons": [
            judge.against(fitted.incidence, one, name) for name, one in references.items()
        ],
        "groups": groups,
        "group_note": group_note,
        "fairness": judge.fairness(fitted.incidence, material),
        "fairness_in_training": trade(study, material, outcomes, fitted, judge, seed),
        "sites": site_section(study, material, outcomes, fitted, judge, seed),
        "calibration": judge.calibration(fitted.incidence),
        "net_benefit": judge.net_benefit(fitted.incidence),
        **alerts_section(material, judge, fitted.incidence, references),
        "incidence": observed_incidence(outcomes, max(one.days for one in horizons)),
        "leakage": leakage_section(study, material, outcomes, fitted),
        "gates": [vars(gate) for gate in gates],
        "importance": importance(fitted, part, known, horizons),
        "shapes": shapes_section(fitted.final, part, known, middle),
        "faithfulness": faithfulness_section(fitted.final, part, known, middle, seed),
        "variables": variables_section(known, part),
        "limits": [
            *LIMITS_OF_ALL,
            *(
                f"No group of {name} could be formed: no event tells it."
                for name in unformed(material)
            ),
        ],
    }


LIMITS_OF_ALL = (
    "The numbers describe people like those of this cohort, under the care they had.",
    "A reason says what moved the prediction, not what would happen if it were changed.",
    "The validation is internal: the model was not tested on another hospital's patients.",
)


def cohort_section(
    material: Material, outcomes: Outcomes, known: list[Variable], columns: Any, part: Any
) -> dict[str, Any]:
    """Return who is in the study: counts, flow, Table 1, span of time."""
    rows = material.cohort.rows
    counted = Counter(outcomes.cause.tolist())
    return {
        "rows": rows.height,
        "subjects": rows["subject_id"].n_unique(),
        "events": {name: counted.get(c, 0) for c, name in enumerate(outcomes.causes, start=1)},
        "without_event": counted.get(0, 0),
        "flow": [
            {"step": one.step, "rows": one.rows, "subjects": one.subjects, "note": one.note}
            for one in material.cohort.flow
            if one.rows or not one.step.startswith(COUNTED_APART)
        ],
        "table1": table_one(known, columns, part.values),
        "first_prediction": str(rows["prediction_time"].dt.date().min()),
        "last_prediction": str(rows["prediction_time"].dt.date().max()),
    }


def outcome_section(study: Study, outcomes: Outcomes, horizons: list[Horizon]) -> dict[str, Any]:
    """Return what is predicted and when."""
    names = {cause: in_words(cause).lower() for cause in outcomes.causes}
    names |= {str(key): str(name) for key, name in study.names.items()}
    return {
        "type": study.outcome["type"],
        "event": outcomes.causes[0],
        "competing": list(outcomes.causes[1:]),
        "causes": list(outcomes.causes),
        "names": names,
        "horizons": [{"label": h.label, "days": h.days, "text": h.text} for h in horizons],
    }


def model_section(study: Study, fitted: CrossFitted) -> dict[str, Any]:
    """Return what the model is and how it was kept from what it is judged on."""
    folds = study.split.folds
    held = study.split.temporal_holdout
    how = f"{folds}-fold cross-fitting by subject, every row judged by a model that never saw it"
    if held is not None:
        how = f"rows predicted from {held.date()} on were kept from all training and judged alone"
    model = fitted.final.model
    return {
        "kind": type(model).__name__,
        "chosen": model.chosen,
        "columns": len(fitted.final.columns),
        "notes": list(model.notes),
        "validation": how,
        "interval": type(model).interval_meaning,
    }


def headline(study: Study) -> list[list[str]]:
    """Return the metrics that a patient's report cites, with their names."""
    if not study.time_to_event:
        return [["auroc", "AUROC"], ["calibration_slope", "calibration slope"]]
    return [["uno_c", "Uno's C"], ["calibration_slope", "calibration slope"]]


def site_section(
    study: Study,
    material: Material,
    outcomes: Outcomes,
    fitted: CrossFitted,
    judge: Judge,
    seed: int,
) -> list[dict[str, Any]]:
    """Return leave-one-centre-out validation; empty when the study names no site."""
    if study.split.site is None or material.groups["site"].n_unique() < 2:
        return []
    site = material.groups["site"]
    incidence = leave_one_site_out(material.matrix, outcomes, site, study, fitted.times, seed)
    return judge.sites(incidence, site.to_numpy())


def leakage_section(
    study: Study,
    material: Material,
    outcomes: Outcomes,
    fitted: CrossFitted,
) -> list[dict[str, Any]]:
    """Return the audit for information that the model should not have had."""
    part = fitted.final.of(material.matrix)
    checks = evaluate.leakage(
        part,
        outcomes.y,
        prediction_time=material.cohort.rows["prediction_time"],
        source_time=material.latest_source,
        subjects=material.cohort.rows["subject_id"].to_numpy(),
        split=fitted.fold,
        outcome_codes=outcome_codes(study),
    )
    return [vars(one) for one in checks]


def outcome_codes(study: Study) -> list[str]:
    """Return the codes of the predicates that are the outcome."""
    asked = [study.outcome.get("event"), *(study.outcome.get("competing") or [])]
    if not study.time_to_event:
        asked = [study.label]
    predicates = study.task.get("predicates") or {}
    found = []
    for name in asked:
        code = (predicates.get(name) or {}).get("code") if isinstance(name, str) else None
        if isinstance(code, str):
            found.append(code)
    return found


def importance(
    fitted: CrossFitted, part: Any, known: list[Variable], horizons: list[Horizon]
) -> list[dict[str, Any]]:
    """Return the mean absolute effect of each variable on the main cause's risk."""
    n = part.values.shape[0]
    rows = np.linspace(0, n - 1, min(n, ROWS_EXPLAINED)).astype(np.int64)
    model = fitted.final.model
    some = part.take(rows)
    if isinstance(model, TimeToEvent):
        effects = model.explain(some, horizon=horizons[len(horizons) // 2].days, cause=1)
    else:
        effects = model.explain(some)
    summed = [
        (float(np.abs(effects[:, list(one.columns)].sum(axis=1)).mean()), one) for one in known
    ]
    summed.sort(key=lambda pair: -pair[0])
    return [
        {"what": one.name, "code": one.code, "effect": effect, "unit": one.unit}
        for effect, one in summed[:MOST_IMPORTANT]
        if effect > 0
    ]


def variables_section(known: list[Variable], part: Any) -> list[dict[str, Any]]:
    """Return the variables behind the columns, and how many of the cohort had each."""
    present = part.values.astype(bool).tocsr()
    names = [str(one) for one in part.columns]
    return [
        {
            "name": one.name,
            "code": one.code,
            "unit": one.unit,
            "columns": [names[position] for position in one.columns],
            "levels": {names[position]: level for position, level in one.levels.items()},
            "share": float((present[:, list(one.columns)].sum(axis=1) > 0).mean()),
        }
        for one in known
    ]


def _json(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: one.to_json() for key, one in metrics.items()}
