"""How many rows and subjects are left after each step of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from osler.errors import Fault, InputError


@dataclass(frozen=True)
class FlowStep:
    """Rows and subjects after one step, or a part of them that is worth telling.

    Parameters
    ----------
    step
        What was asked.
    rows, subjects
        How many are left; in a step that begins with `of these`, how many are meant.
    note
        What the step means in words.
    """

    step: str
    rows: int
    subjects: int
    note: str = ""


def add_flows(flows: Sequence[Sequence[FlowStep]]) -> tuple[FlowStep, ...]:
    """Sum flows of the same task over shards, which share no subject."""
    if not flows:
        return ()
    if len({tuple(one.step for one in flow) for flow in flows}) > 1:
        raise InputError(Fault("cohorts", "different steps", "cohorts of the same study"))
    return tuple(
        FlowStep(
            steps[0].step,
            sum(one.rows for one in steps),
            sum(one.subjects for one in steps),
            steps[0].note,
        )
        for steps in zip(*flows, strict=True)
    )
