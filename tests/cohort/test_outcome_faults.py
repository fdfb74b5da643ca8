"""Faults of an outcome are told together."""

from __future__ import annotations

from osler.cohort import faults

TASK = {"predicates": {"start": {"code": "START"}}, "trigger": "start"}


def test_an_unknown_type_does_not_hide_the_other_faults() -> None:
    """The type, the predicate that is not there and the horizon are all told at once."""
    told = " ".join(map(str, faults(TASK, {"type": "nope", "event": "q", "horizon": ["5q"]})))
    assert "nope" in told
    assert "5q" in told
    assert "event" in told


def test_an_outcome_without_an_event_and_of_no_type_is_one_fault() -> None:
    """Where it cannot be seen what was meant, only the type is told."""
    assert len(faults(TASK, {"type": "nope"})) == 1
