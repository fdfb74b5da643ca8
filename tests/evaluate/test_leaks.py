"""The leakage audit: each planted leak is found and named, and clean data pass."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from osler import InputError
from osler.evaluate import leakage

AFTER = "information after the prediction time"
NAMED = "columns named in the outcome"
CONTAINS = "columns that contain the outcome"
TOO_GOOD = "single columns that are too good"
SUBJECTS = "subjects in two splits"
ROWS = "equal rows in two splits"


@dataclass
class Matrix:
    """Something with sparse values and columns, as a feature matrix has."""

    values: sparse.csr_matrix
    columns: tuple


@pytest.fixture
def clean(world):
    """Return 400 subjects with features that know the outcome no better than they may."""
    made = world(400, seed=1)
    rng = np.random.default_rng(0)
    features = pl.DataFrame(
        {
            "AGE|full|last": made.x + rng.normal(size=400),
            "LAB//x|30d|mean": rng.normal(size=400),
            "sex": rng.choice(["f", "m"], 400),
        }
    )
    return made, features


def told(checks):
    """Return check to (status, detail)."""
    return {check.check: (check.status, check.detail) for check in checks}


def test_clean_data_pass_every_check(clean):
    """With everything given and nothing wrong, every check is ok."""
    made, features = clean
    found = told(
        leakage(
            features,
            made.y,
            prediction_time=np.zeros(400),
            source_time=np.full(400, -1.0),
            outcome_codes=["MEDS_DEATH"],
            subjects=np.arange(400),
            split=np.arange(400) % 5,
        )
    )
    assert {status for status, _ in found.values()} == {"ok"}
    assert len(found) == 6


def test_what_was_not_given_is_told_as_not_checked(clean):
    """Silence is not safety: a check without its input is a warning."""
    found = told(leakage(clean[1]))
    assert all(status == "warning" for status, _ in found.values())
    assert all("not checked" in detail for _, detail in found.values())


def test_events_after_the_prediction_are_found_by_row_and_column(clean):
    """Later source events are counted, and their columns named; missing times are no events."""
    _, features = clean
    limit = np.array([datetime(2020, 1, 1)] * 400, dtype="datetime64[us]")
    late = limit.copy()
    late[:7] += np.timedelta64(1, "D")
    late[9] = np.datetime64("NaT")
    status, detail = told(leakage(features, prediction_time=limit, source_time=late))[AFTER]
    assert (status, detail) == ("fault", "7 of 400 rows use later events")
    by_column = {"AGE|full|last": limit, "LAB//x|30d|mean": late}
    _, detail = told(leakage(features, prediction_time=limit, source_time=by_column))[AFTER]
    assert detail.endswith("in LAB//x|30d|mean")
    series = pl.Series(limit)
    assert told(leakage(features, prediction_time=series, source_time=series))[AFTER][0] == "ok"


def test_columns_of_outcome_codes_are_named(clean):
    """The code itself and codes under it; not a code that merely begins alike."""
    _, features = clean
    features = features.with_columns(
        pl.lit(1.0).alias("CONDITION//MI|full|count"),
        pl.lit(1.0).alias("CONDITION//MI//acute|30d|any"),
        pl.lit(1.0).alias("CONDITION//MIGRAINE|30d|any"),
    )
    status, detail = told(leakage(features, outcome_codes=["CONDITION//MI"]))[NAMED]
    assert status == "warning"
    assert "2 columns" in detail
    assert "MIGRAINE" not in detail


@pytest.mark.parametrize(
    "leak",
    [
        lambda y: (y["event"] > 0) * 1.0,
        lambda y: y["event"] * -3.0,
        lambda y: np.log(y["time"]),
        lambda y: np.where(y["event"] > 0, 5.0, np.nan),
        lambda y: np.where(y["event"] > 0, "dead", "alive"),
    ],
    ids=["event", "cause", "time", "present only with the event", "words"],
)
def test_a_column_that_is_the_outcome_is_a_fault(clean, leak):
    """Values, monotone functions, mere presence or categories: the outcome is recognised."""
    made, features = clean
    column = (
        pl.Series("LEAK|full|last", leak(made.y)).fill_nan(None)
        if isinstance(leak(made.y)[0], float)
        else pl.Series("LEAK|full|last", leak(made.y))
    )
    status, detail = told(leakage(features.with_columns(column), made.y))[CONTAINS]
    assert status == "fault"
    assert "LEAK|full|last" in detail


def test_a_column_too_good_is_named_with_its_interval(clean):
    """A noisy copy of the time ranks better than the limit."""
    made, features = clean
    noisy = made.y["time"] + np.random.default_rng(1).normal(0, 0.5, 400)
    status, detail = told(leakage(features.with_columns(leak=noisy), made.y))[TOO_GOOD]
    assert status in ("fault", "warning")
    assert "leak 0.9" in detail
    assert " to " in detail


def test_a_column_far_above_all_others_is_a_warning(world):
    """Below the limit, but nothing else comes near."""
    made = world(600, seed=2, others=False)
    rng = np.random.default_rng(0)
    noisy = np.log(made.y["time"]) + rng.normal(0, 0.9, 600)
    X = np.column_stack([noisy, rng.normal(size=(600, 3))])
    status, detail = told(leakage(X, made.y, columns=list("abcd")))[TOO_GOOD]
    assert status == "warning"
    assert "far above all others: the best, a," in detail


def test_labels_are_audited_too():
    """With 0/1 outcomes the AUROC is used."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    X = np.column_stack([y + rng.normal(0, 0.3, 500), rng.normal(size=500)])
    found = told(leakage(X, y, columns=["good", "noise"]))
    assert found[TOO_GOOD][0] == "fault"
    assert "good" in found[TOO_GOOD][1]
    assert found[CONTAINS][0] == "ok"


def test_a_sparse_matrix_is_read_with_its_absences(world):
    """Absent counts are 0, absent values are missing, and presence itself can leak."""
    made = world(500, seed=3)
    had = made.y["event"] > 0
    rng = np.random.default_rng(0)
    dense = np.column_stack([had * 2.0, np.where(had, rng.random(500) + 1, 0), rng.random(500)])
    names = ("A|full|count_values", "B|full|mean", "C|full|mean")
    found = told(leakage(Matrix(sparse.csr_matrix(dense), names), made.y))
    status, detail = found[CONTAINS]
    assert status == "fault"
    assert "A|full|count_values" in detail
    assert "A|full|count_values (whether it is there)" not in detail
    assert "B|full|mean (whether it is there)" in detail
    assert "C|" not in detail


def test_subjects_in_two_splits_are_counted_not_named(clean):
    """The count is told, never who."""
    _, features = clean
    subjects = np.arange(400) + 7_000_000
    subjects[1] = subjects[0]
    status, detail = told(leakage(features, subjects=subjects, split=np.arange(400) % 2))[SUBJECTS]
    assert (status, detail) == ("fault", "1 of 399 subjects are in more than one split")


def test_equal_rows_in_two_splits_are_counted(clean):
    """The same features and outcome on both sides are a copied patient."""
    made, features = clean
    y = made.y.copy()
    y[1] = y[0]
    copied = pl.concat([features[:1], features[:1], features[2:]])
    status, detail = told(leakage(copied, y, split=np.arange(400) % 2))[ROWS]
    assert (status, detail.split()[0]) == ("warning", "2")


def test_coarse_rows_make_the_comparison_untelling(world):
    """With one binary column equal rows say nothing, and the check says that."""
    made = world(200)
    X = (made.x > 0).astype(float)[:, None]
    status, detail = told(leakage(X, made.y["event"] > 0, split=np.arange(200) % 2))[ROWS]
    assert status == "warning"
    assert "expected by chance" in detail


def test_details_hold_no_value_of_a_column(clean):
    """Levels of a text column are numbered, not quoted."""
    made, features = clean
    secret = np.where(made.y["event"] > 0, "Rumpelstiltskin", "other")
    checks = leakage(features.with_columns(name=pl.Series(secret)), made.y)
    assert "Rumpelstiltskin" not in str([check.to_json() for check in checks])


def test_pandas_frames_and_large_tables_are_read(world):
    """Over five thousand rows are sampled, and the leak is still measured on all."""
    made = world(6000, seed=4)
    words = np.where(made.x > 0, "high", None)
    frame = pd.DataFrame({"leak": made.y["time"] + 0.0, "noise": made.x, "words": words})
    found = told(leakage(frame, made.y))
    assert found[CONTAINS][0] == "fault"
    assert found[TOO_GOOD][0] == "fault"


def test_constant_and_empty_columns_are_harmless(world):
    """A column without information warns of nothing, and without any there is no judgement."""
    made = world(100)
    X = np.column_stack([np.ones(100), np.full(100, np.nan)])
    found = told(leakage(X, made.y))
    assert found[CONTAINS][0] == "ok"
    assert found[TOO_GOOD][0] in ("ok", "warning")
    nothing = told(leakage(np.empty((100, 0)), made.y))
    assert nothing[TOO_GOOD][0] == "warning"


def test_all_outcomes_the_same_are_not_checked(make_outcome):
    """Nothing can be ranked against one outcome."""
    y = make_outcome([0, 0, 0], [1.0, 2.0, 3.0])
    assert "not checked" in told(leakage(np.arange(3.0)[:, None], y))[TOO_GOOD][1]
    assert "not checked" in told(leakage(np.arange(3.0)[:, None], [1, 1, 1]))[TOO_GOOD][1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": np.ones(3)}, "1 dimensions"),
        ({"X": [["a"]]}, "neither a frame nor numbers"),
        ({"columns": ["a"]}, "1 names"),
        ({"columns": ["a", "a"]}, "names that repeat"),
        ({"y": [0, 1]}, "y: 2 entries"),
        ({"split": [0]}, "split: 1 entries"),
        ({"limit": 0.4}, "limit"),
        ({"prediction_time": np.zeros(3), "source_time": np.zeros(2)}, "source_time: shape"),
    ],
)
def test_wrong_input_is_named(arguments, message):
    """Arrays that do not fit are faults."""
    given = {"X": np.ones((3, 2)), **arguments}
    with pytest.raises(InputError, match=message):
        leakage(given.pop("X"), **given)
