"""What a rule is worth to people whom it was not learned from."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.stats import t as student

from osler.effect.average import mean_and_error
from osler.effect.policy_limits import Limit, search_within
from osler.effect.policy_rule import place
from osler.errors import Fault, InputError
from osler.learn.clock import Clock
from osler.learn.losses import Floats, Ints
from osler.learn.splits import splits, stratified_folds
from osler.learn.table import as_frame
from osler.model.estimate import Estimate

FEWEST_IN_GROUP = 20
MOST_LABELS = 30


class Task(Protocol):
    """What is asked of a rule."""

    @property
    def limits(self) -> list[Limit]:
        """Limits that it has to keep."""

    @property
    def depth(self) -> int:
        """Questions in a row."""

    @property
    def folds(self) -> int:
        """Parts that are held out in turn."""

    @property
    def level(self) -> float:
        """Level of the intervals."""

    @property
    def cost(self) -> Floats:
        """Costs by row and action, shape (n, K)."""

    @property
    def time_budget_s(self) -> float | None:
        """Seconds for each search."""


@dataclass(frozen=True)
class Heldout:
    """What rules learned without a row would give it.

    Parameters
    ----------
    action : shape (n,)
    fold : shape (n,)
    """

    action: Ints
    fold: Ints


def held_out(net: Floats, numbers: Floats, task: Task, member: Ints, seed: int) -> Heldout:
    """Learn a rule without each part, and apply it to that part."""
    fold = stratified_folds(np.zeros(len(net), dtype=np.int64), task.folds, seed, member)
    action = np.empty(len(net), dtype=np.int64)
    for _, train, test in splits(fold):
        limits = [limit.take(train) for limit in task.limits]
        found = search_within(
            net[train], numbers[train], task.depth, limits, Clock(task.time_budget_s)
        )
        action[test] = place(found.root, numbers[test])
    return Heldout(action, fold)


def compared(
    values: Floats,
    task: Task,
    seen: Heldout,
    practice: Any,
    actions: tuple[str, ...],
    member: Ints,
    sign: float,
) -> tuple[Estimate, dict[str, Estimate], str]:
    """Return the value under the rule, its gain over each alternative, and the best single action.

    Parameters
    ----------
    values : shape (n, K)
        Scores of which more is better, without costs.
    sign
        −1 where lower outcomes are better: the value is told on the scale of the outcome.
    """
    rows = np.arange(len(values))
    under = values[rows, seen.action]
    net = values - task.cost
    net_under = net[rows, seen.action]
    value = interval(
        sign * under, member, task.level, "mean outcome under rules learned without these people"
    )
    gain = {
        f"all {name}": interval(
            net_under - net[:, a], member, task.level, f"gain of the rule over {name} for all"
        )
        for a, name in enumerate(actions)
    }
    best = _best_alternative(gain, task, actions)
    if practice is not None:
        present = sign * np.asarray(practice, dtype=np.float64)
        gain["current practice"] = interval(
            net_under - present,
            member,
            task.level,
            "gain of the rule over current practice, whose costs are not known",
        )
    return value, gain, best


def _best_alternative(gain: dict[str, Estimate], task: Task, actions: tuple[str, ...]) -> str:
    """Return the single action that leaves the rule least to gain, of those within the limits."""
    kept = [
        f"all {name}"
        for a, name in enumerate(actions)
        if all(float(limit.weight[:, a].mean()) <= limit.most for limit in task.limits)
    ]
    return min(kept or list(gain), key=lambda name: gain[name].value)


def interval(values: Floats, member: Ints, level: float, meaning: str) -> Estimate:
    """Return the mean of rows with an interval clustered by subject."""
    mean, error, subjects = mean_and_error(values, member)
    half = float(student.ppf(0.5 + level / 2, max(subjects - 1, 1))) * error
    return Estimate(mean, mean - half, mean + half, level, len(values), meaning)


def benefit_by_group(
    over: Floats, groups: Any, member: Ints, level: float, rows: int
) -> dict[str, dict[str, Estimate]]:
    """Return the rule's gain in every group and in every crossing of two, by column.

    Intervals hold together within a column; a group of fewer than twenty rows has NaN.

    Parameters
    ----------
    over : shape (n,)
        What the rule gains over its alternative.
    groups
        Anything `as_frame` takes, or None.
    """
    if groups is None:
        return {}
    frame, _ = as_frame(groups)
    if frame.height != rows:
        raise InputError(Fault("groups", f"{frame.height} rows", f"the {rows} of the scores"))
    labels = {
        name: np.array(["unknown" if v is None else _label(v) for v in frame[name].to_list()])
        for name in frame.columns
    }
    many = [name for name, label in labels.items() if len(np.unique(label)) > MOST_LABELS]
    if many:
        raise InputError(
            [
                Fault(f"groups column {name!r}", "too many values", f"at most {MOST_LABELS}")
                for name in many
            ]
        )
    for one, other in itertools.combinations(list(labels), 2):
        pairs = zip(labels[one].tolist(), labels[other].tolist(), strict=True)
        labels[f"{one} × {other}"] = np.array([f"{a}, {b}" for a, b in pairs])
    return {name: _together(over, label, member, level) for name, label in labels.items()}


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _together(over: Floats, label: Any, member: Ints, level: float) -> dict[str, Estimate]:
    names = np.unique(label)
    sized = [name for name in names if (label == name).sum() >= FEWEST_IN_GROUP]
    answer = {
        str(name): Estimate(
            float("nan"), float("nan"), float("nan"), level, int((label == name).sum()),
            f"not estimable: fewer than {FEWEST_IN_GROUP} rows",
        )
        for name in names
    }  # fmt: skip
    # Sidak: the groups of one column share no rows (and rarely a subject).
    each = level ** (1.0 / max(len(sized), 1))
    for name in sized:
        inside = label == name
        found = interval(over[inside], np.unique(member[inside], return_inverse=True)[1], each, "")
        answer[str(name)] = Estimate(
            found.value, found.low, found.high, level, found.n,
            "gain of the rule inside the group; intervals hold together within the column",
        )  # fmt: skip
    return answer
