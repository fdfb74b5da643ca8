"""What `results.json` says of a saved model on new people."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from osler import evaluate
from osler.errors import NotEstimable
from osler.evaluate import Recalibration
from osler.model import FORMAT_VERSION
from osler.workflows.study.alerting import alerts_applied
from osler.workflows.study.applied import Applied
from osler.workflows.study.domain import cells_of
from osler.workflows.study.judging import SELECTED, Judge, observed_incidence, unformed
from osler.workflows.study.question import Study
from osler.workflows.study.results import cohort_section, variables_section
from osler.workflows.study.saved import (
    SavedRun,
)
from osler.workflows.study.transport import Newcomers, performance, transport_section
from osler.workflows.study.wording import Variable

AS_SAVED = "as saved"
EVERYONE = "nobody left out"
FEWEST_JUDGED_EVENTS = 10
SAME_PEOPLE_SHARE = 0.5
LIMITS = (
    "The numbers describe people like those of this cohort, under the care they had.",
    "A reason says what moved the prediction, not what would happen if it were changed.",
    "One vault is one place: that a model travels to it says little about the next.",
)
# What is told of a model before and after its recalibration.
BEFORE_AND_AFTER = (
    "brier",
    "ibs",
    "log_loss",
    "oe",
    "calibration_slope",
    "calibration_intercept",
    "ici",
)

# What is repeated of the run that the model comes from.
DEVELOPMENT = (
    "question", "scope", "cohort", "model", "metrics", "selected", "groups", "group_note",
    "fairness", "outcome",
)  # fmt: skip

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def results_of(applied: Applied, study: Study) -> dict[str, Any]:
    """Return the object of `results.json`, but for the provenance."""
    saved, material, outcomes = applied.run.results, applied.material, applied.outcomes
    judged = applied.inside & ~applied.fitted_on
    judge = applied.judge(judged)
    _check_events(judge)
    metrics = _metrics(applied, judge)
    own = metrics[SELECTED]
    groups, group_note = judge.groups(applied.final, material)
    part = applied.model.of(material.matrix)
    columns = [(one.code, one.aggregation) for one in part.columns]
    known = _variables(applied.run, part)
    gates = evaluate.gates(study.evaluation.limits, own, groups)
    timed = outcomes.entry_days is not None
    return {
        "format_version": FORMAT_VERSION,
        "title": study.title,
        "people": study.people,
        "scope": list(study.scope),
        "warnings": [*study.warnings, *_warnings(applied)],
        "cohort": cohort_section(material, outcomes, known, columns, part),
        "outcome": saved["outcome"],
        "model": {**saved["model"], "validation": _how(applied, judged)},
        "metrics": {name: _json(one) for name, one in metrics.items()},
        "other_causes": {
            name: _json(judge.metrics(applied.final, cause))
            for cause, name in list(enumerate(outcomes.causes, start=1))[1:]
            if timed and (judge.y["event"] == cause).any()
        },
        "selected": SELECTED,
        "headline": saved["headline"],
        "comparisons": [],
        "groups": groups,
        "group_note": group_note,
        "fairness": judge.fairness(applied.final, material),
        "sites": [],
        "calibration": judge.calibration(applied.final),
        "net_benefit": judge.net_benefit(applied.final),
        **alerts_applied(applied, judge),
        "incidence": observed_incidence(outcomes, max(one.days for one in applied.horizons)),
        "leakage": [],
        "gates": [vars(gate) for gate in gates],
        "importance": [],
        "variables": variables_section(known, part),
        "limits": [*LIMITS, *_limits(applied)],
        "question": saved["question"],
        "transport": {
            **transport_section(
                applied.run, _newcomers(applied), applied.run.domain(), applied.placing
            ),
            "absent_columns": _absent(applied),
            "performance": performance(saved["metrics"][saved["selected"]], _json(own)),
        },
        "development": {name: saved[name] for name in DEVELOPMENT if name in saved},
        "recalibration": _recalibration(applied, judge, metrics, own),
    }


def _metrics(applied: Applied, judge: Judge) -> dict[str, dict[str, Any]]:
    """Return the metrics of the model as it speaks, as it was saved, and over everyone."""
    metrics = {SELECTED: judge.metrics(applied.final)}
    if applied.wanted.recalibrate is not None:
        metrics[f"{SELECTED}, {AS_SAVED}"] = judge.metrics(applied.saved)
    unseen = ~applied.fitted_on
    if not applied.inside[unseen].all():
        metrics[f"{SELECTED}, {EVERYONE}"] = applied.judge(unseen).metrics(applied.final)
    return metrics


def _check_events(judge: Judge) -> None:
    """Refuse to judge by a handful of events."""
    cause = judge.outcomes.take(judge.rows).cause
    events = int((cause == 1).sum())
    fewer = events if judge.outcomes.entry_days is not None else min(events, len(cause) - events)
    if fewer < FEWEST_JUDGED_EVENTS:
        raise NotEstimable(
            f"{fewer} rows of the {'event' if fewer == events else 'rarer outcome'} to judge the "
            f"model by; at least {FEWEST_JUDGED_EVENTS} are needed: load more subjects, or fit the "
            "recalibration on a smaller share"
        )


def _how(applied: Applied, judged: Bools) -> str:
    subjects = applied.material.cohort.rows["subject_id"].to_numpy()
    count = len(np.unique(subjects[judged]))
    how = f"external validation: {count:,} subjects of another vault, none of whom it learned from"
    if applied.wanted.recalibrate is not None:
        other = len(np.unique(subjects[applied.fitted_on]))
        how += f" or was recalibrated on ({other:,} others were drawn for that)"
    return how


def _warnings(applied: Applied) -> list[str]:
    """Return what every reader of the applied run must be told first."""
    told = []
    outside = int((~applied.inside).sum())
    if outside:
        told.append(
            f"The model abstains of {outside:,} of {len(applied.inside):,} rows: they are out of "
            "its domain, and the first column of numbers is not about them."
        )
    if _same_people(applied):
        told.append(
            "Many rows equal rows that the model was learned on in subject, time and outcome. If "
            "they are the same people, this is no external validation."
        )
    return told


def _same_people(applied: Applied) -> bool:
    """Tell whether the new rows are those of the run in another vault."""
    rows, before = applied.material.cohort.rows, applied.run.predictions
    keys = [name for name in rows.columns if name in before.columns]
    shared = rows.select(keys).join(before.select(keys), on=keys, how="semi", nulls_equal=True)
    return shared.height > SAME_PEOPLE_SHARE * rows.height


def _limits(applied: Applied) -> list[str]:
    told = list(applied.model.unknown(applied.material.matrix))
    if applied.run.study.treatment is not None:
        told.append("The target trial of the study was not repeated here: run the study itself.")
    absent = _absent(applied)
    if absent:
        told.append(
            f"{len(absent)} of the model's {len(applied.model.columns)} columns are of events that "
            "nobody here has; the model takes them for not recorded."
        )
    told += [
        f"No group of {name} could be formed: no event tells it."
        for name in unformed(applied.material)
    ]
    return told


def _absent(applied: Applied) -> list[str]:
    present = {str(one) for one in applied.material.matrix.columns}
    return [one for one in applied.model.columns if one not in present]


def _newcomers(applied: Applied) -> Newcomers:
    return Newcomers(
        applied.material.cohort.rows,
        cells_of(applied.model.of(applied.material.matrix)),
        applied.outcomes,
        applied.saved,
        applied.at,
        applied.horizons,
        applied.run.study.evaluation.bootstrap,
        applied.wanted.seed,
    )


def _recalibration(
    applied: Applied, judge: Judge, metrics: dict[str, dict[str, Any]], own: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what was fitted, on whom, and the model before and after on those left."""
    update: Recalibration | None = applied.model.recalibration
    if update is None or applied.wanted.recalibrate is None:
        return None
    before = metrics[f"{SELECTED}, {AS_SAVED}"]
    subjects = applied.material.cohort.rows["subject_id"].to_numpy()
    fitted_on = applied.fitted_on
    return {
        "kind": update.kind,
        "notes": list(update.notes),
        "fitted_on": {
            "rows": int((fitted_on & applied.inside).sum()),
            "subjects": len(np.unique(subjects[fitted_on & applied.inside])),
            "events": {
                name: int((applied.outcomes.cause[fitted_on & applied.inside] == c).sum())
                for c, name in enumerate(applied.outcomes.causes, start=1)
            },
            "share": applied.wanted.share,
            "seed": applied.wanted.seed,
        },
        "judged_on": {
            "rows": len(judge.rows),
            "subjects": len(np.unique(subjects[judge.rows])),
        },
        "curves": {
            name: curve.to_json()
            for name, curve in zip(applied.outcomes.causes, update.curves, strict=True)
        },
        "anchor_days": update.anchor,
        "before_and_after": [
            {"metric": name, "before": before[name].to_json(), "after": one.to_json()}
            for name, one in own.items()
            if name.startswith(BEFORE_AND_AFTER) and name in before
        ],
        "calibration_before": judge.calibration(applied.saved),
    }


def _variables(run: SavedRun, part: Any) -> list[Variable]:
    """Return the run's variables by the columns of its model."""
    position = {str(column): index for index, column in enumerate(part.columns)}
    found = []
    for one in run.results["variables"]:
        places = {name: position[name] for name in one["columns"] if name in position}
        levels = {places[name]: level for name, level in one["levels"].items() if name in places}
        if places:
            columns = tuple(places.values())
            found.append(Variable(one["name"], one["code"], columns, levels, one["unit"]))
    return found


def _json(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: one.to_json() for key, one in metrics.items()}
