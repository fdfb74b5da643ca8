"""A target trial in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from osler.features import FeatureMatrix
from osler.workflows.study.trial.plan import TrialPlan
from osler.workflows.study.wording import variables

ABSENT, PRESENT = " ≤ 0", " > 0"


def sentences(plan: TrialPlan | None) -> list[str]:
    """Return what the trial of a study asks; nothing for a study without one."""
    if plan is None:
        return []
    others = ", ".join(plan.labels[1:])
    told = [
        f"Beside the prediction: what would have happened had everyone been in one arm, {others}, "
        f"instead of {plan.reference}?"
    ]
    told += [_begins(label, predicate) for label, predicate in plan.arms.items()]
    if plan.prior == "exclude":
        told.append("Who had the event of an arm before the prediction is not in the trial.")
    if plan.grace:
        told.append(
            f"An arm may begin within {plan.grace.days} days; time is counted from their end, for "
            "those followed until then without the outcome."
        )
    told.append(
        "The arm was drawn by lot."
        if plan.randomised
        else "The arm was not drawn by lot: what decided it has to be among the features."
    )
    return told


def _begins(label: str, predicate: str | None) -> str:
    if predicate is None:
        return f"Arm {label}: the event of no other arm."
    return f"Arm {label}: begins with {predicate.replace('_', ' ')}."


def names_of(part: FeatureMatrix, descriptions: Mapping[str, str]) -> dict[str, str]:
    """Return what each column is called in a sentence; two columns never alike."""
    columns = [(one.code, one.aggregation) for one in part.columns]
    found: dict[str, str] = {}
    for variable in variables(columns, part.values, dict(descriptions)):
        for position in variable.columns:
            column = part.columns[position]
            level = variable.levels.get(position)
            name = f"{variable.name}: {level}" if level else variable.name
            if name in found.values():
                name = f"{name} ({column.aggregation.replace('_', ' ')}, {column.window})"
            found[str(column)] = name
    return found


def in_names(part: Any, names: Mapping[str, str]) -> Any:
    """Return plain JSON with every column in its texts called by its name."""
    if isinstance(part, str):
        return _reader(names)(part)
    if isinstance(part, Mapping):
        return {key: in_names(one, names) for key, one in part.items()}
    return [in_names(one, names) for one in part] if isinstance(part, list) else part


def _reader(names: Mapping[str, str]) -> Callable[[str], str]:
    longest = sorted(names, key=len, reverse=True)
    pattern = re.compile(f"({'|'.join(map(re.escape, longest))})({ABSENT}|{PRESENT})?(?![.0-9])")

    def called(found: re.Match[str]) -> str:
        column, condition = found[1], found[2] or ""
        name = names[column]
        if column.endswith("|any") and condition:
            return name if condition == PRESENT else f"not {name}"
        return f"{name}{condition}"

    return lambda text: pattern.sub(called, text) if names else text
