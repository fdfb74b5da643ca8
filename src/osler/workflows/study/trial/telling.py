"""What a target trial has found, as `results.json` says it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from osler.effect import TreatmentEffect
from osler.effect.average import average, mean_and_error
from osler.effect.checks.negative_controls import empirical_null
from osler.effect.checks.sensitivity import (
    e_value_of_means,
    e_value_of_risks,
    omitted_variable_bounds,
    robustness_of_average,
)
from osler.effect.nuisance import estimate
from osler.effect.policy import learn
from osler.effect.policy_limits import capacity
from osler.effect.problem import BINARY, CONTINUOUS, TIME_TO_EVENT, Problem
from osler.effect.saving import POPULATIONS
from osler.effect.scores import doubly_robust
from osler.effect.subgroups import discover
from osler.effect.verdict import PERSONALISE
from osler.errors import InputError, NotEstimable
from osler.model import Estimate
from osler.workflows.study.question import Study
from osler.workflows.study.trial.estimate import Trial
from osler.workflows.study.trial.words import in_names
from osler.workflows.study.wording import in_words

INSUFFICIENT = "insufficient overlap"
FEWEST_CONTROLS = 3
MOST_SEARCH_S = 20.0
# What of a rule people read; the tree keeps the names of columns, to be applied.
SAID_OF_A_RULE = ("rules", "losers", "notes")
OBSERVATIONAL = (
    "The treatment was not drawn by lot. These are effects of the treatment only if everything "
    "that decided it, and that bears on the outcome too, is among what was adjusted for; no data "
    "can show that it is."
)
RANDOMISED = "The treatment was drawn by lot, by the study's word."

Json = dict[str, Any]


def treatment(trial: Trial, study: Study, causes: tuple[str, ...], seed: int) -> Json:
    """Return the key `treatment` of `results.json`.

    Parameters
    ----------
    causes
        Names of causes 1..K of the outcome; of the label.
    """
    told = {
        "design": design(trial, study, causes),
        "flow": [vars(step) for step in trial.flow],
        "adjusted_for": [str(one) for one in trial.columns],
        "warnings": [RANDOMISED if trial.plan.randomised else OBSERVATIONAL],
    }
    if trial.model is None:
        return {"treatment": {**told, **_unanswered(trial.why_not)}}
    problem = trial.model.rows.problem
    answered = {
        **told,
        "notes": list(trial.model.notes),
        "arms": arms(trial, problem),
        **averages(trial, causes),
        "overlap": trial.model.overlap.to_json(),
        "balance": in_names([one.to_json() for one in trial.model.balance], trial.names),
        "negative_controls": negative_controls(trial, problem, seed),
        **for_whom(trial, seed),
    }
    return {"treatment": answered}


def design(trial: Trial, study: Study, causes: tuple[str, ...]) -> Json:
    """Return the protocol of the target trial."""
    plan = trial.plan
    return {
        "kind": study.outcome["type"],
        "outcome": str(study.names.get(causes[0], in_words(causes[0]).lower())),
        "arms": list(plan.labels),
        "reference": plan.reference,
        "horizon": {"label": trial.horizon.label, "text": trial.horizon.text},
        "grace_days": plan.grace.total_seconds() / 86_400,
        "prior": plan.prior,
        "randomised": plan.randomised,
        "better": plan.better,
    }


def _unanswered(why: str) -> Json:
    """Return the answer where there is none: no number, and what is missing."""
    nothing = Estimate(float("nan"), float("nan"), float("nan"), meaning=why)
    overlap = "overlap" in why or "common support" in why or "decided" in why
    return {
        "not_estimable": why,
        "average_effect": nothing.to_json(),
        "verdict": INSUFFICIENT if overlap else None,
        "heterogeneity": None,
        "policy": None,
        "subgroups": [],
        "balance": [],
    }


def arms(trial: Trial, problem: Problem) -> list[Json]:
    """Return who is in each arm, what happened there, and what is expected had all been in it."""
    scores = trial.fitted.rows.scores
    told = []
    for label in trial.plan.labels:
        arm = problem.labels.index(label)
        inside = problem.arm == arm
        value, error, _ = mean_and_error(scores[:, arm], problem.cluster)
        half = float(ndtri(0.975)) * error
        mean = Estimate(
            value, value - half, value + half, n=problem.rows,
            meaning=f"expected outcome had all been in the arm {label}",
        )  # fmt: skip
        told.append(
            {
                "arm": label,
                "rows": int(inside.sum()),
                "subjects": len(np.unique(problem.cluster[inside])),
                "events": _events(problem, inside),
                "expected": mean.to_json(),
            }
        )
    return told


def _events(problem: Problem, inside: Any) -> int | None:
    if problem.kind == TIME_TO_EVENT:
        return int((problem.survival.event[inside] == 1).sum())
    return int(problem.number[inside].sum()) if problem.kind == BINARY else None


def averages(trial: Trial, causes: tuple[str, ...]) -> Json:
    """Return the average effect of each arm, over whom, with what would explain it away."""
    model = trial.fitted
    told: list[Json] = []
    for label in trial.plan.labels[1:]:
        told += [_average(model, label, population) for population in POPULATIONS]
    first = next(one for one in told if one["population"] == POPULATIONS[0])
    return {
        "average_effect": first["effect"],
        "effects": told,
        "by_cause": _by_cause(trial, causes),
    }


def _average(model: TreatmentEffect, label: str, population: str) -> Json:
    nothing = Estimate(float("nan"), float("nan"), float("nan")).to_json()
    try:
        effect = model.average_effect(label, population)
    except NotEstimable as error:
        return {"arm": label, "population": population, "effect": nothing, "why_not": str(error)}
    told = {"arm": label, "population": population, "effect": effect.to_json()}
    if population == POPULATIONS[0]:
        told["sensitivity"] = _sensitivity(model, label, effect)
    return told


def _sensitivity(model: TreatmentEffect, label: str, effect: Estimate) -> Json:
    problem, nuisance = model.rows.problem, model.rows.nuisance
    arm = problem.labels.index(label)
    told: Json = {
        "robustness": asdict(robustness_of_average(problem, nuisance, effect, arm)),
        "bounds": asdict(omitted_variable_bounds(problem, nuisance, effect, arm)),
    }
    try:
        if problem.kind == CONTINUOUS:
            e_value = e_value_of_means(effect, float(np.std(problem.number)))
        else:
            reference = float(np.mean(model.rows.scores[:, problem.reference]))
            e_value = e_value_of_risks(effect, reference)
    except (InputError, NotEstimable) as error:
        return {**told, "e_value": None, "why_not": str(error)}
    return {**told, "e_value": {**asdict(e_value), "says": str(e_value)}}


def _by_cause(trial: Trial, causes: tuple[str, ...]) -> list[Json]:
    """Return the effect on every cause and on any of them, side by side."""
    model = trial.fitted
    if model.rows.problem.kind != TIME_TO_EVENT or len(causes) < 2:
        return []
    names = {f"cause {number}": name for number, name in enumerate(causes, start=1)}
    told = []
    for label in trial.plan.labels[1:]:
        try:
            effects = model.effects_by_cause(label)
        except NotEstimable:
            continue
        told += [
            {"arm": label, "cause": names.get(name, name), "effect": one.to_json()}
            for name, one in effects.items()
        ]
    return told


def for_whom(trial: Trial, seed: int) -> Json:
    """Return whether the data support choosing by person, and what they say of groups and rules."""
    model = trial.fitted
    verdict = model.verdict()
    return {
        "verdict": verdict.decision,
        "verdict_says": str(verdict),
        "heterogeneity": verdict.heterogeneity.to_json(),
        "by_baseline_risk": [one.to_json() for one in verdict.by_baseline_risk],
        **_subgroups(trial, seed),
        "policy": _policy(trial, seed),
    }


def _subgroups(trial: Trial, seed: int) -> Json:
    """Return the groups that differ, else the nearest to it, of the first arm."""
    rows = trial.fitted.rows
    problem = rows.problem
    arm = problem.labels.index(trial.plan.labels[1])
    if not trial.fitted.overlap.sufficient:
        return {"subgroups": [], "subgroups_note": "the arms do not share their people enough"}
    try:
        found = discover(
            rows.scores[:, arm] - rows.scores[:, problem.reference],
            problem.frame,
            seed=seed,
            cluster=problem.cluster,
        )
    except NotEstimable as error:
        return {"subgroups": [], "subgroups_note": str(error)}
    listed = found.found or found.nearest
    note = f"{found.looked_at} groups were looked at; intervals and p hold for all together"
    told = in_names([one.to_json() for one in listed], trial.names)
    return {"subgroups": told, "subgroups_note": note}


def _policy(trial: Trial, seed: int) -> Json | None:
    """Return the rule that the study asks for, with what it is worth on people it never saw.

    Where no difference between people was shown it asks nothing: everyone gets what is best on
    average.
    """
    model, plan = trial.fitted, trial.plan
    depth = plan.policy.depth if model.verdict().decision == PERSONALISE else 0
    if not model.overlap.sufficient:
        return None
    rows = model.rows
    problem = rows.problem
    labels = list(problem.labels)
    treated = [one for one in range(problem.arms) if one != problem.reference]
    most = plan.policy.most
    limits = [capacity(most, treated, problem.rows, problem.arms)] if most < 1 else None
    cost = [plan.policy.cost.get(label, 0.0) for label in labels]
    try:
        rule = learn(
            rows.scores,
            problem.frame,
            labels,
            depth=depth,
            better=problem.better,
            costs=cost if any(cost) else None,
            limits=limits,
            practice=rows.nuisance.pseudo,
            groups=trial.groups,
            seed=seed,
            cluster=problem.cluster,
            time_budget_s=MOST_SEARCH_S,
        )
    except NotEstimable as error:
        return {"not_estimable": str(error)}
    told = rule.to_json()
    return {**told, **in_names({key: told[key] for key in SAID_OF_A_RULE}, trial.names)}


def negative_controls(trial: Trial, problem: Problem, seed: int) -> Json | None:
    """Return the effects on outcomes that no arm can change, and the main one calibrated by them.

    Each control is taken as happened or not while the row was followed.
    """
    people = trial.people
    if people is None or not people.negative:
        return None
    label = trial.plan.labels[1]
    arm = problem.labels.index(label)
    told: list[Json] = []
    for name, happened in people.negative.items():
        own = replace(problem, kind=BINARY, y=happened, horizon=None, measure="risk", cause=1)
        try:
            nuisance = estimate(own, seed, "fast")
            effect = average(doubly_robust(own, nuisance), own, arm)
        except NotEstimable as error:
            told.append({"control": name, "effect": None, "why_not": str(error)})
            continue
        told.append({"control": name, "effect": effect.to_json()})
    return {"arm": label, "controls": told, **_calibrated(trial, label, told)}


def _calibrated(trial: Trial, label: str, told: list[Json]) -> Json:
    known = [one["effect"] for one in told if one["effect"] is not None]
    if len(known) < FEWEST_CONTROLS:
        return {
            "calibrated": None,
            "why_not": f"{len(known)} negative controls; at least {FEWEST_CONTROLS} tell how far "
            "the method errs",
        }
    errors = [_standard_error(one["low"], one["high"]) for one in known]
    try:
        null = empirical_null([one["value"] for one in known], errors)
        effect = trial.fitted.average_effect(label)
    except NotEstimable as why:
        return {"calibrated": None, "why_not": str(why)}
    own = _standard_error(effect.low, effect.high)
    return {
        "calibrated": null.calibrate(effect.value, own).to_json(),
        "p": null.p_value(effect.value, own),
        "null": {"mean": null.mean, "deviation": null.deviation, "controls": null.controls},
    }


def _standard_error(low: float, high: float) -> float:
    return (high - low) / 2 / float(ndtri(0.975))
