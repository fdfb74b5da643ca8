"""One person's events."""

from __future__ import annotations

import polars as pl
import pytest

from osler.errors import InputError
from osler.model import BIRTH, DEATH, Timeline, empty_events
from osler.testing import cohort, patient


def test_a_timeline_holds_one_subject_in_order() -> None:
    """Other subjects are left out; static events come first, then by time."""
    one = patient(subject_id=-5, born=1950).died(day=9).lab("crp", 3, day=2).static("SEX//F")
    events = cohort(one, patient(subject_id=5).lab("crp", 1)).reverse()
    timeline = Timeline.of(events, -5)
    assert timeline.events["code"].to_list() == ["SEX//F", BIRTH, "LAB//crp", DEATH]
    assert len(timeline) == 4
    assert timeline.subject_id == -5


def test_an_unknown_subject_has_an_empty_timeline() -> None:
    """Nothing is known of a subject who is not there, which is not an error."""
    assert len(Timeline.of(empty_events(), 1)) == 0


def test_a_frame_that_is_no_events_is_refused() -> None:
    """A frame without the MEDS columns is the user's mistake."""
    with pytest.raises(InputError):
        Timeline.of(pl.DataFrame({"a": [1]}), 1)
