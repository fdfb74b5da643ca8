"""Columns in a trial's texts are called by their names."""

from __future__ import annotations

import polars as pl

from osler.features import featurise
from osler.testing import cohort, patient
from osler.workflows.study.trial.words import in_names, names_of

NAMES = {"STAGE//2|full|any": "Stage: 2", "AGE|static|years": "Age", "STAGE//2|full|any2": "other"}


def test_conditions_on_what_was_recorded_are_read_as_words() -> None:
    """A column that says whether something was recorded is there or not; numbers stay."""
    told = in_names(
        {
            "who": "STAGE//2|full|any ≤ 0 and AGE|static|years > 63.9",
            "n": 3,
            "more": ["STAGE//2|full|any > 0"],
        },
        NAMES,
    )
    assert told == {"who": "not Stage: 2 and Age > 63.9", "n": 3, "more": ["Stage: 2"]}


def test_a_threshold_that_begins_with_zero_is_a_number() -> None:
    """Only the whole of `> 0` means that it was recorded."""
    assert in_names("STAGE//2|full|any > 0.5", NAMES) == "Stage: 2 > 0.5"


def test_two_columns_of_one_measurement_have_two_names() -> None:
    """What tells them apart is added to the second."""
    events = cohort(
        *(
            patient(subject_id=n).lab("crp", 3.0 + n, day=-1).lab("crp", 4.0, day=0)
            for n in range(4)
        )
    )
    rows = events.group_by("subject_id").agg(prediction_time=pl.col("time").max())
    names = names_of(featurise(events, rows, ["full"], ["last", "mean"]), {})
    assert len(set(names.values())) == len(names) == 2
