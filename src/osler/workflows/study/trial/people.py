"""Who is in the target trial, in which arm, and from when time is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.cohort.flow import FlowStep
from osler.cohort.occurrences import LAST_BEFORE, NEXT
from osler.errors import NotEstimable
from osler.workflows.study.fitting import Outcomes
from osler.workflows.study.gather import Material
from osler.workflows.study.trial.plan import TrialPlan

DAY = timedelta(days=1)
NO_ARM, TWO_ARMS = -1, -2

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass
class People:
    """The rows of the cohort that are in the trial.

    Parameters
    ----------
    rows : shape (m,)
        Their positions in the cohort.
    arm : shape (m,)
        Place in `plan.labels`.
    y : shape (m,)
        Labels, or a structured array of event and time in days, counted from the end of the grace
        period.
    negative : dict
        For each negative control 0/1 per row: whether it happened while the row was followed.
    """

    plan: TrialPlan
    rows: Ints
    arm: Ints
    y: NDArray[Any]
    subject: Ints
    negative: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    flow: list[FlowStep] = field(default_factory=list)

    @property
    def labels(self) -> NDArray[np.str_]:
        """Name of each row's arm, shape (m,)."""
        return np.asarray(self.plan.labels)[self.arm]

    def keep(self, kept: Bools, step: str, note: str = "") -> None:
        """Leave the other rows out, and count those that stay."""
        self.rows, self.arm, self.y = self.rows[kept], self.arm[kept], self.y[kept]
        self.subject = self.subject[kept]
        self.negative = {name: one[kept] for name, one in self.negative.items()}
        self.flow.append(FlowStep(step, len(self.rows), len(np.unique(self.subject)), note))


def people_of(material: Material, outcomes: Outcomes, plan: TrialPlan) -> People:
    """Assign an arm to each row, and leave out whom the trial would not have taken.

    Raises
    ------
    NotEstimable
        If nobody is left; says after which step. If rows came under observation late.
    """
    if outcomes.entry_days is not None and outcomes.entry_days.any():
        raise NotEstimable(
            "rows come under observation after time zero (`entry`), and effects are estimated from "
            "time zero on: leave `entry` out, or begin the task at the entry"
        )
    rows = material.cohort.rows
    days = _days(material.occurrences, rows["prediction_time"], plan)
    arm = _first_arm(days, plan)
    subject = rows["subject_id"].to_numpy()
    everyone = np.arange(rows.height)
    people = People(plan, everyone, arm, np.array(outcomes.y), subject)
    people.negative = _negative(days, people, outcomes)
    people.flow.append(FlowStep("eligible at time zero", rows.height, len(np.unique(subject))))
    if plan.prior == "exclude":
        people.keep(~_had_before(material.occurrences, plan), "no arm begun before time zero")
    _wait(people, outcomes)
    people.keep(people.arm != TWO_ARMS, "not two arms at the same moment")
    people.keep(people.arm != NO_ARM, "in one of the arms")
    if not len(people.rows):
        lost = next(step.step for step in people.flow if not step.rows)
        raise NotEstimable(
            f"nobody is left in the trial after the step {lost!r}: check the predicates of the "
            "arms against the vault's codes, or allow a longer `grace`"
        )
    return people


def _days(
    occurrences: pl.DataFrame, at: pl.Series, plan: TrialPlan
) -> dict[str, NDArray[np.float64]]:
    """Return days from time zero to the next occurrence of each predicate, infinite for never."""
    found = {}
    for name in plan.predicates:
        length = (occurrences[f"{name}|{NEXT}"] - at).dt.total_microseconds() / (
            DAY / timedelta.resolution
        )
        found[name] = length.fill_null(np.inf).to_numpy().astype(np.float64)
    return found


def _first_arm(days: dict[str, NDArray[np.float64]], plan: TrialPlan) -> Ints:
    """Return the arm that began first within the grace period; no arm's event is an arm too."""
    named = [(place, plan.arms[label]) for place, label in enumerate(plan.labels)]
    events = [(place, name) for place, name in named if name is not None]
    none = next((place for place, name in named if name is None), NO_ARM)
    begun = np.column_stack([days[name] for _, name in events])
    first = begun.min(axis=1)
    arm = np.asarray([place for place, _ in events])[begun.argmin(axis=1)]
    arm[(begun == first[:, None]).sum(axis=1) > 1] = TWO_ARMS
    arm[first > plan.grace / DAY] = none
    return np.asarray(arm, dtype=np.int64)


def _had_before(occurrences: pl.DataFrame, plan: TrialPlan) -> Bools:
    named = [one for one in plan.arms.values() if one is not None]
    had = [occurrences[f"{name}|{LAST_BEFORE}"].is_not_null().to_numpy() for name in named]
    return np.asarray(np.logical_or.reduce(had))


def _wait(people: People, outcomes: Outcomes) -> None:
    """Count time from the end of the grace period for those who are still followed then."""
    grace_days = people.plan.grace / DAY
    if outcomes.entry_days is None or not grace_days:
        return
    still = people.y["time"] > grace_days
    people.keep(
        still,
        "followed without the outcome to the end of the grace period",
        "time is counted from there, so that nobody had to live to be treated",
    )
    people.y["time"] = people.y["time"] - grace_days


def _negative(
    days: dict[str, NDArray[np.float64]], people: People, outcomes: Outcomes
) -> dict[str, NDArray[np.float64]]:
    """Return whether each negative control happened, after the grace period and in follow-up."""
    grace_days = people.plan.grace / DAY
    last = people.y["time"] if outcomes.entry_days is not None else np.inf
    return {
        name: ((days[name] > grace_days) & (days[name] <= last)).astype(np.float64)
        for name in people.plan.negative_controls
    }
