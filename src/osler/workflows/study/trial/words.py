"""A target trial in plain words."""

from __future__ import annotations

from osler.workflows.study.trial.plan import TrialPlan


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
