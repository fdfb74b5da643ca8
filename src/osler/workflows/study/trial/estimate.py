"""A target trial answered: what each arm does, how far that can be believed, and for whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import polars as pl

from osler.cohort.flow import FlowStep
from osler.cohort.grammar import read_task
from osler.cohort.reading import Reading
from osler.cohort.task import Plain, Task
from osler.effect import TreatmentEffect
from osler.errors import NotEstimable
from osler.features import ANSWER_MARK, Column, FeatureMatrix
from osler.workflows.study.fitting import Outcomes
from osler.workflows.study.gather import Material
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.question import Study
from osler.workflows.study.trial.people import People, people_of
from osler.workflows.study.trial.plan import TrialPlan
from osler.workflows.study.trial.words import names_of

EFFECT = "effect"


@dataclass(frozen=True)
class Trial:
    """A fitted target trial.

    Parameters
    ----------
    people
        Who is in it; empty of arms where they could not be formed.
    columns
        What is adjusted for.
    model
        None where nothing can be estimated; `why_not` says what is missing.
    names
        What each column is called in a sentence.
    groups
        Levels of the study's group variables, row by row; None where it names none.
    """

    plan: TrialPlan
    people: People | None
    columns: tuple[Column, ...]
    horizon: Horizon
    model: TreatmentEffect | None
    why_not: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    groups: pl.DataFrame | None = None

    @property
    def fitted(self) -> TreatmentEffect:
        """The model, where there is one."""
        if self.model is None:
            raise NotEstimable(self.why_not)
        return self.model

    @property
    def flow(self) -> list[FlowStep]:
        """Rows and subjects left after each step."""
        return [] if self.people is None else self.people.flow


def trial_of(
    study: Study,
    material: Material,
    outcomes: Outcomes,
    horizons: list[Horizon],
    descriptions: Mapping[str, str],
    seed: int,
) -> Trial | None:
    """Form the arms and learn what they do; None when the study asks for no trial.

    What cannot be answered is told in `why_not` and stops nothing else of the study.
    """
    plan = study.treatment
    if plan is None:
        return None
    horizon = _horizon(plan, horizons)
    people: People | None = None
    columns: tuple[Column, ...] = ()
    try:
        people = people_of(material, outcomes, plan)
        part = material.adjusted.take(people.rows)
        columns = adjusted_for(part, study, plan)
        model = TreatmentEffect(
            outcome=str(study.outcome["type"]),
            horizon=horizon.days if study.time_to_event else None,
            randomised=plan.randomised,
            better=plan.better,
            seed=seed,
            reference=plan.reference,
        )
        names = names_of(part.select(columns), descriptions)
        model.fit(
            part.select(columns),
            people.labels,
            people.y,
            groups=people.subject,
            probability=_probability(plan, people),
        )
    except NotEstimable as error:
        return Trial(plan, people, columns, horizon, None, str(error))
    wanted = sorted({name for group in study.evaluation.groups for name in group})
    formed = [one for one in wanted if one in material.groups.columns]
    groups = material.groups.select(formed)[people.rows] if formed else None
    return Trial(plan, people, columns, horizon, model, names=names, groups=groups)


def adjusted_for(part: FeatureMatrix, study: Study, plan: TrialPlan) -> tuple[Column, ...]:
    """Return the columns to adjust for: known at time zero, frequent, and not the treatment.

    Raises
    ------
    NotEstimable
        If there is none.
    """
    treated = _treatment_codes(study, plan)
    frequent = part.frequent_columns(min_subjects=study.features.min_subjects)
    columns = tuple(
        one
        for one in frequent
        if _listed(one.code, (*plan.include, *plan.also))
        and not _listed(one.code, plan.exclude)
        and not treated(one.code)
    )
    if not columns:
        raise NotEstimable(
            "nothing known at time zero is left to adjust for: widen `features: include` or "
            "`treatment: include`, or lower `features: min_subjects`"
        )
    return columns


def _horizon(plan: TrialPlan, horizons: list[Horizon]) -> Horizon:
    named = [one for one in horizons if one.label == plan.horizon]
    return named[0] if named else horizons[len(horizons) // 2]


def _probability(plan: TrialPlan, people: People) -> Any:
    """Return the chances by design, one column per arm in the sorted order of their labels."""
    if not plan.probability:
        return None
    chances = [plan.probability[label] for label in sorted(plan.labels)]
    return np.tile(chances, (len(people.rows), 1))


def _listed(code: str, patterns: tuple[str, ...]) -> bool:
    return any(code == one or fnmatchcase(code, one) for one in patterns)


def _treatment_codes(study: Study, plan: TrialPlan) -> Callable[[str], bool]:
    """Return what tells whether a code, or an answer to it, is one that an arm is told by."""
    task = _task(study.task, plan)
    wanted = [one for one in plan.arms.values() if one is not None]
    plain: list[Plain] = []
    while wanted:
        predicate = task.predicates[wanted.pop()]
        if isinstance(predicate, Plain):
            plain.append(predicate)
        else:
            wanted.extend(predicate.inputs)

    def tells(code: str) -> bool:
        bare = code.partition(ANSWER_MARK)[0]
        return any(
            bare in one.codes or (one.regex is not None and re.search(one.regex, bare) is not None)
            for one in plain
        )

    return tells


def _task(task: Mapping[str, Any], plan: TrialPlan) -> Task:
    read = read_task(task, Reading("task"), plan.predicates)
    if read is None:
        raise AssertionError("the study was read before")
    return read
