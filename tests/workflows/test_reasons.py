"""A reason names the events behind it or says what is lacking, and mistakes neither."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from osler.features import featurise
from osler.model import Reason
from osler.testing import DAY_ZERO, PatientBuilder, cohort, patient
from osler.workflows.patient.reasons import reasons_for
from osler.workflows.study.wording import AGE, Variable


def reason(
    one: PatientBuilder, variable: Variable, columns: list[str], *, text: bool = False
) -> Reason:
    """Return the reason that a variable of these columns gives on day 100."""
    events = cohort(one)
    rows = pl.DataFrame(
        {"subject_id": [1], "prediction_time": [DAY_ZERO + timedelta(days=100)]}
    ).cast({"prediction_time": pl.Datetime("us")})
    matrix = featurise(
        events,
        rows,
        windows=["7d", "30d", "full"],
        aggregations=["last", "any"],
        age=True,
        text=text,
        keep_events=True,
    ).select(columns)
    return reasons_for(np.full(len(columns), 0.1), matrix, [variable])[0]


def test_a_measured_value_is_cited_with_its_date() -> None:
    """The value, the code and the day of the latest event are named, earlier ones counted."""
    one = patient()
    for day in range(5):
        one = one.lab("x", float(day), day=90 + day)
    told = reason(one, Variable("LAB x", "LAB//x", (0,), {}), ["LAB//x|full|last"])
    assert told.what == "LAB x: 4"
    assert told.source.count("LAB//x (") == 3
    assert told.source.endswith("and 2 earlier")


def test_nothing_recorded_is_said_to_be_nothing() -> None:
    """Where no event of a code is on the timeline, the reason says so and up to when."""
    told = reason(
        patient().event("START", day=1), Variable("LAB x", "LAB//x", (0,), {}), ["LAB//x|full|any"]
    )
    assert told.what == "LAB x: no record"
    until = (DAY_ZERO + timedelta(days=100)).date().isoformat()
    assert told.source == f"no event of LAB//x up to {until}"


def test_what_was_recorded_too_long_ago_is_cited_as_such() -> None:
    """An event before the window is no record in the window, and is named all the same."""
    columns = ["LAB//x|7d|any", "LAB//x|30d|any"]
    told = reason(patient().lab("x", 3.0, day=10), Variable("LAB x", "LAB//x", (0, 1), {}), columns)
    assert told.what == "LAB x: no record in the last 30d"
    day = (DAY_ZERO + timedelta(days=10)).date().isoformat()
    assert told.source.endswith(f"; there is LAB//x ({day})")


def test_what_came_later_is_not_cited() -> None:
    """An event after the prediction was not known, and is not told."""
    told = reason(
        patient().lab("x", 3.0, day=150), Variable("LAB x", "LAB//x", (0,), {}), ["LAB//x|30d|any"]
    )
    assert "there is" not in told.source


def test_a_level_that_the_model_never_met_is_told_as_such() -> None:
    """A grade that no column stands for is cited, not told as if no grade were recorded."""
    grades = Variable("Grade", "GRADE", (0, 1), {0: "1", 1: "2"})
    columns = ["GRADE//1|static|any", "GRADE//2|static|any"]
    told = reason(patient().static("GRADE//9"), grades, columns)
    assert told.what == "Grade: not among those that the model knows"
    assert "GRADE//9 (no date)" in told.source
    assert reason(patient().static("GRADE//2"), grades, columns).what == "Grade: 2"


def test_an_unknown_answer_is_told_as_such() -> None:
    """An answer without a column is cited with its question's code."""
    smoking = Variable("Smoking", "SMOKING", (0,), {0: "Never"})
    one = patient().event("SMOKING", day=5, text="Sometimes")
    told = reason(one, smoking, ["SMOKING//=Never|full|last"], text=True)
    assert told.what == "Smoking: not among those that the model knows"
    assert "SMOKING (" in told.source


def test_an_age_cites_the_birth_or_its_lack() -> None:
    """Age names the birth that it was counted from; without one there is none to name."""
    age = Variable("Age", AGE, (0,), {}, "years")
    known = reason(patient(born=1950).event("START", day=1), age, ["AGE|static|years"])
    assert known.what.endswith("years")
    assert known.source.startswith("MEDS_BIRTH (1950")
    lacking = reason(patient().event("START", day=1), age, ["AGE|static|years"])
    assert lacking.what == "Age: no record of a birth"
    assert lacking.source == "no event of MEDS_BIRTH"
