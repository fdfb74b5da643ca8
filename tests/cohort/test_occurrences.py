"""When predicates occur around the predictions of rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.cohort import extract, occurrences
from osler.errors import InputError
from osler.testing import cohort, patient

TASK = {
    "predicates": {
        "start": {"code": "START"},
        "drug": {"code": "DRUG"},
        "never": {"code": "NEVER"},
        "both": {"expr": "and(start, drug)"},
        "female": {"code": "SEX//F", "static": True},
    },
    "trigger": "start",
    "windows": {},
}


def test_the_next_and_the_last_before_are_found_for_each_row() -> None:
    """An event at the prediction is the next one; rows stay in the order given."""
    events = cohort(
        patient(subject_id=1).event("START", day=0).event("DRUG", day=0).event("DRUG", day=-3),
        patient(subject_id=2).event("START", day=0).event("DRUG", day=5),
        patient(subject_id=3).event("START", day=0),
    )
    rows = extract(events, TASK).reverse()
    found = occurrences(events, TASK, rows, ["drug", "never", "both"])
    at = rows["prediction_time"]
    asked = ("drug|next", "drug|last_before", "both|next", "never|next")
    days = [(found[name] - at).dt.total_days().to_list() for name in asked]
    assert days == [[None, 5, 0], [None, None, -3], [None, None, 0], [None] * 3]


def test_a_predicate_without_a_time_is_a_fault() -> None:
    """A condition on the subject has no moment, and an unknown name no meaning."""
    events = cohort(patient(subject_id=1).event("START", day=0))
    with pytest.raises(InputError, match="female"):
        occurrences(events, TASK, extract(events, TASK), ["female"])
    with pytest.raises(InputError):
        occurrences(events, TASK, extract(events, TASK), ["unheard"])


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-5, 5), st.booleans()), max_size=30))
def test_it_agrees_with_looking_at_every_event(told: list[tuple[int, int, bool]]) -> None:
    """For random timelines the answer is that of a search through all events."""
    origin = datetime(2020, 1, 1)
    events = pl.DataFrame(
        {
            "subject_id": [one[0] for one in told] + [1, 2, 3, 4],
            "time": [origin + timedelta(days=one[1]) for one in told] + [origin] * 4,
            "code": ["DRUG" if one[2] else "START" for one in told] + ["START"] * 4,
            "numeric_value": pl.Series([None] * (len(told) + 4), dtype=pl.Float32),
        }
    )
    rows = extract(events, TASK)
    found = occurrences(events, TASK, rows, ["drug"])
    for line, row in zip(found.iter_rows(), rows.iter_rows(named=True), strict=True):
        drugs = events.filter(pl.col("code") == "DRUG", pl.col("subject_id") == row["subject_id"])
        at = row["prediction_time"]
        times = drugs["time"].to_list()
        assert line[0] == min((one for one in times if one >= at), default=None)
        assert line[1] == max((one for one in times if one < at), default=None)
