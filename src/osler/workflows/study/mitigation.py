"""A fairness aim in training, measured on both sides: what it did to groups, and what it cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from osler import evaluate
from osler.errors import NotEstimable
from osler.workflows.study.fitting import CrossFitted, Outcomes, cross_fit
from osler.workflows.study.gather import UNKNOWN, Material
from osler.workflows.study.judging import Judge
from osler.workflows.study.question import Study

COSTS = ("auroc", "brier", "ici")


def with_groups(outcomes: Outcomes, material: Material, study: Study) -> Outcomes:
    """Return the outcomes with the group of each row, where the model is to be fair to groups."""
    plan = study.model.fairness
    if plan is None:
        return outcomes
    told = material.groups[plan.groups].to_list()
    audited = np.array([None if one == UNKNOWN else one for one in told], dtype=object)
    return replace(outcomes, audited=audited)


def trade(
    study: Study,
    material: Material,
    outcomes: Outcomes,
    fitted: CrossFitted,
    judge: Judge,
    seed: int,
) -> dict[str, Any] | None:
    """Compare the study's model with the one that it would have been without its fairness aim.

    Returns
    -------
    None where the study has no such aim. Else the plan, `changes` of AUROC, Brier score and ICI
    (with the aim less without, paired over resamples of subjects), and one of
    `osler.evaluate.Mitigation` for each threshold: differences between groups and net benefit,
    before and after. Both models are judged on rows that they did not see, the same for both.
    """
    plan = study.model.fairness
    if plan is None:
        return None
    free = replace(study, model=replace(study.model, fairness=None))
    rows, horizon = material.cohort.rows, fitted.times
    other = cross_fit(material.matrix, outcomes, rows, free, horizon, horizon, seed)
    before, after = (one.incidence[judge.rows, 0, 0] for one in (other, fitted))
    labels = material.groups[plan.groups].gather(judge.rows).to_list()
    tables = []
    for threshold in study.evaluation.thresholds:
        asked: dict[str, Any] = {"threshold": threshold, "what": plan.aim, **judge.common}
        found = evaluate.mitigated(judge.y, before, after, labels, **asked)
        if found is not None:
            told = {key: _plain(value) for key, value in vars(found).items()}
            tables.append({"threshold": threshold, **told})
    return {
        "groups": plan.groups,
        "aim": plan.aim,
        "strength": plan.strength,
        "changes": _changes(judge, before, after),
        "tables": tables,
    }


def _changes(judge: Judge, before: Any, after: Any) -> dict[str, Any]:
    found = {}
    for metric in COSTS:
        try:
            change = evaluate.compare(metric, judge.y, after, before, **judge.common)
        except NotEstimable:
            continue
        found[metric] = change.to_json()
    return found


def _plain(value: Any) -> Any:
    return value.to_json() if hasattr(value, "to_json") else value
