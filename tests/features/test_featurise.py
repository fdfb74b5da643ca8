"""Features against a plain reading of their definition, and at the edges of it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.errors import InputError
from osler.features import AGGREGATIONS, Column, FeatureMatrix, featurise, featurise_shards
from osler.model import EVENT_SCHEMA, empty_events
from osler.testing import DAY_ZERO, cohort, patient

ROW_SCHEMA = {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")}
LENGTHS = {"1d": timedelta(days=1), "36h": timedelta(hours=36), "30d": timedelta(days=30)}


def at(day: float) -> datetime:
    """Return a moment by its day."""
    return DAY_ZERO + timedelta(days=day)


def rows_of(*rows: tuple[int, float]) -> pl.DataFrame:
    """Return rows to predict for, by subject and day."""
    return pl.DataFrame([(s, at(day)) for s, day in rows], schema=ROW_SCHEMA, orient="row")


def cell(matrix: FeatureMatrix, row: int, column: str) -> float | None:
    """Return one cell as the frame tells it."""
    return matrix.to_frame()[column][row]


# --- the definition, read plainly ---------------------------------------------------------------


def naive(events: list[tuple[Any, ...]], rows: list[tuple[int, datetime]], windows: list[str]):
    """Compute every stored cell by walking over all events for each row."""
    ordered = sorted(events, key=lambda e: (e[1] is not None, e[1] or DAY_ZERO))
    cells: dict[tuple[int, str], float] = {}
    for i, (subject, t) in enumerate(rows):
        own = [e for e in ordered if e[0] == subject]
        for window in windows:
            seen = [e for e in own if e[1] is not None and e[1] <= t]
            if window != "full":
                seen = [e for e in seen if e[1] > t - LENGTHS[window]]
            for code in {e[2] for e in seen}:
                _naive_cells(cells, i, code, window, [e for e in seen if e[2] == code], t)
        static = [e for e in own if e[1] is None and e[2] != "MEDS_DEATH"]
        for code in {e[2] for e in static}:
            _naive_cells(cells, i, code, "static", [e for e in static if e[2] == code], t)
    return cells


def _naive_cells(cells, i, code, window, events, t):
    def put(aggregation, value):
        cells[i, f"{code}|{window}|{aggregation}"] = value

    put("count", len(events))
    put("any", 1)
    values = [e[3] for e in events if e[3] is not None and not math.isnan(e[3])]
    if values:
        put("count_values", len(values))
        put("sum", math.fsum(values))
        put("sum_sqd", math.fsum(v * v for v in values))
        put("min", min(values))
        put("max", max(values))
        put("first", values[0])
        put("last", values[-1])
        put("mean", math.fsum(values) / len(values))
    if window == "static":
        return
    put("time_since_last", (t - events[-1][1]) / timedelta(days=1))
    timed = [e for e in events if e[3] is not None and not math.isnan(e[3])]
    if len({e[1] for e in timed}) > 1:
        x = np.array([(e[1] - timed[0][1]) / timedelta(days=1) for e in timed])
        y = np.array([e[3] for e in timed], dtype=float)
        put("slope", float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()))


def stored(matrix: FeatureMatrix) -> dict[tuple[int, str], float]:
    """Return the cells that the sparse matrix stores."""
    cells = matrix.values.tocoo()
    names = [str(one) for one in matrix.columns]
    return {
        (int(r), names[c]): float(v)
        for r, c, v in zip(cells.row, cells.col, cells.data, strict=True)
    }


subjects = st.sampled_from([-7, 0, 3, 2**40])
moments = st.integers(0, 60).map(lambda h: DAY_ZERO + timedelta(hours=12 * h))
values = st.one_of(st.none(), st.sampled_from([0.0, -1.5, 2.0, 7.25, float("nan")]))
codes = st.sampled_from(["LAB//a", "LAB//b//mg", "DX//c", "MEDS_DEATH", "odd|name"])
event_rows = st.lists(
    st.tuples(subjects, st.one_of(st.none(), moments), codes, values, st.none()), max_size=60
)
asked_rows = st.lists(st.tuples(st.one_of(subjects, st.just(99)), moments), max_size=12)


@settings(max_examples=80, deadline=None)
@given(event_rows, asked_rows, st.booleans())
def test_every_cell_equals_the_plain_definition(events, rows, categorical):
    """For unsorted events, ties, repeated rows and any subject ids, cells are as defined."""
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    if categorical:
        frame = frame.with_columns(pl.col("code").cast(pl.Categorical()))
    asked = pl.DataFrame(rows, schema=ROW_SCHEMA, orient="row")
    matrix = featurise(frame, asked, ["full", "1d", "36h", "30d"], list(AGGREGATIONS))
    expected = naive(events, rows, ["full", "1d", "36h", "30d"])
    got = stored(matrix)
    assert got.keys() == expected.keys()
    for key, value in expected.items():
        assert got[key] == pytest.approx(value, rel=1e-9, abs=1e-9), key
    assert set(matrix.columns) == {name for _, name in expected}
    assert list(matrix.columns) == sorted(matrix.columns, key=lambda one: one.order)


@settings(max_examples=25, deadline=None)
@given(event_rows, asked_rows)
def test_shards_together_equal_the_whole(events, rows):
    """Aggregating shard by shard gives the same matrix as all events at once."""
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    asked = pl.DataFrame(rows, schema=ROW_SCHEMA, orient="row").sort("subject_id")
    halves = [
        (frame.filter(chosen), asked.filter(chosen))
        for chosen in (pl.col("subject_id") <= 0, pl.col("subject_id") > 0)
    ]
    whole = featurise(frame, asked, ["1d", "full"], ["count", "mean", "slope"])
    parts = featurise_shards(halves, ["1d", "full"], ["count", "mean", "slope"])
    assert parts.columns == whole.columns
    assert parts.rows.equals(whole.rows)
    assert stored(parts) == pytest.approx(stored(whole))


@settings(max_examples=25, deadline=None)
@given(event_rows, asked_rows, st.booleans())
def test_many_small_blocks_equal_one(events, rows, sort):
    """However few cells are computed and moved at once, the matrix is the same."""
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    asked = pl.DataFrame(rows, schema=ROW_SCHEMA, orient="row")
    asked = asked.sort("subject_id", "prediction_time") if sort else asked
    whole = featurise(frame, asked, ["1d", "full"], ["count", "mean"], age=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("osler.features.cells.CELLS_AT_ONCE", 3)
        parts = featurise(frame, asked, ["1d", "full"], ["count", "mean"], age=True)
    assert parts.columns == whole.columns
    assert stored(parts) == stored(whole)
    assert parts.values.has_sorted_indices
    assert parts.values.indices.dtype == parts.values.indptr.dtype == np.int32


# --- the promises one by one --------------------------------------------------------------------


def test_window_is_open_at_its_far_end_and_closed_at_the_prediction():
    """(t - w, t]: an event exactly w before is out, one at t is in, one later never is."""
    events = cohort(patient().lab("x", 1, day=0).lab("x", 2, day=10).lab("x", 4, day=10.001))
    matrix = featurise(events, rows_of((1, 10)), ["10d", "11d"], ["sum"])
    assert cell(matrix, 0, "LAB//x|10d|sum") == 2
    assert cell(matrix, 0, "LAB//x|11d|sum") == 3


def test_absent_cells_are_zero_for_count_and_any_and_missing_for_the_rest():
    """A subject without events has zero counts and no mean."""
    events = cohort(patient().lab("x", 0, day=0))
    matrix = featurise(events, rows_of((1, 1), (2, 1)), ["full"], ["count", "any", "mean"])
    frame = matrix.to_frame()
    assert frame["LAB//x|full|count"].to_list() == [1, 0]
    assert frame["LAB//x|full|any"].to_list() == [1, 0]
    assert frame["LAB//x|full|mean"].to_list() == [0, None]


def test_measured_zeros_are_stored():
    """A measured zero is a stored cell, so that it is not taken for a missing one."""
    matrix = featurise(
        cohort(patient().lab("x", 0, day=0)), rows_of((1, 1)), ["full"], ["sum", "slope", "last"]
    )
    assert stored(matrix) == {(0, "LAB//x|full|sum"): 0.0, (0, "LAB//x|full|last"): 0.0}


def test_columns_are_names_that_know_their_parts():
    """Columns compare as text and remember code, window, aggregation and unit."""
    events = cohort(patient().lab("creatinine", 1.2, unit="mg/dL"))
    matrix = featurise(events, rows_of((1, 1)), ["30d"], ["count", "mean", "time_since_last"])
    assert list(matrix.columns) == [
        "LAB//creatinine//mg/dL|30d|count",
        "LAB//creatinine//mg/dL|30d|mean",
        "LAB//creatinine//mg/dL|30d|time_since_last",
    ]
    mean = matrix.columns[1]
    assert (mean.code, mean.window, mean.aggregation, mean.unit) == (
        "LAB//creatinine//mg/dL",
        "30d",
        "mean",
        "mg/dL",
    )
    assert [one.cell_unit for one in matrix.columns] == [None, "mg/dL", "days"]
    assert Column("GENOTYPE//CYP2C19//*1/*2", "static", "any").unit is None


def test_static_events_count_in_every_window_as_static():
    """Events without a time have their own window name, whatever windows are asked for."""
    events = cohort(patient().static("SEX//F").static("BMI", 31).lab("x", 1, day=0))
    for windows in (["1d"], ["1d", "full"]):
        matrix = featurise(events, rows_of((1, 500)), windows, ["count", "mean", "slope"])
        static = [one for one in matrix.columns if one.window == "static"]
        assert static == ["BMI|static|count", "BMI|static|mean", "SEX//F|static|count"]


def test_a_death_without_a_date_is_never_a_feature():
    """A static death would tell the outcome to every row."""
    events = cohort(patient().event("MEDS_DEATH", day=None).died(day=5).lab("x", 1, day=0))
    early = featurise(events, rows_of((1, 1)), ["full"], ["count"])
    assert list(early.columns) == ["LAB//x|full|count"]
    late = featurise(events, rows_of((1, 5)), ["full"], ["count"])
    assert "MEDS_DEATH|full|count" in late.columns


def test_ties_take_the_order_of_the_data():
    """Of several values at one time, the first row is first and the last row last."""
    one = patient().lab("x", 5, day=1).lab("x", 3, day=1).lab("x", 4, day=1)
    matrix = featurise(one.events(), rows_of((1, 1)), ["full"], ["first", "last"])
    assert cell(matrix, 0, "LAB//x|full|first") == 5
    assert cell(matrix, 0, "LAB//x|full|last") == 4


def test_rows_are_answered_in_their_order_and_repeated():
    """Rows may come in any order, twice, and for unknown subjects."""
    events = cohort(
        patient(subject_id=5).lab("x", 1, day=0).lab("x", 1, day=2),
        patient(subject_id=-5).lab("x", 1, day=0),
    )
    rows = rows_of((5, 3), (-5, 3), (5, 1), (77, 3), (5, 3))
    matrix = featurise(events, rows, ["full"], ["count"])
    assert matrix.to_frame()["LAB//x|full|count"].to_list() == [2, 1, 1, 0, 2]
    assert matrix.rows["subject_id"].to_list() == [5, -5, 5, 77, 5]


def test_include_and_exclude_choose_codes_by_pattern():
    """Patterns are those of file names, and a code with brackets matches itself."""
    events = cohort(patient().lab("a", 1).lab("b", 1).event("TREATMENT//[x]").event("DX//c"))
    matrix = featurise(
        events, rows_of((1, 1)), ["full"], ["any"], include=["LAB//*", "TREATMENT//[x]"]
    )
    assert [one.code for one in matrix.columns] == ["LAB//a", "LAB//b", "TREATMENT//[x]"]
    matrix = featurise(events, rows_of((1, 1)), ["full"], ["any"], exclude=["LAB//*", "T*"])
    assert [one.code for one in matrix.columns] == ["DX//c"]


def test_age_is_in_years_at_the_prediction_and_missing_before_birth():
    """Age comes from the birth event and needs no window."""
    events = cohort(patient(born=2000).lab("x", 1), patient(subject_id=2).lab("x", 1))
    rows = rows_of((1, 0), (1, -20 * 366), (2, 0))
    matrix = featurise(events, rows, ["1d"], ["count"], age=True)
    ages = matrix.to_frame()["AGE|static|years"].to_list()
    assert ages[0] == pytest.approx(7305 / 365.25)
    assert ages[1:] == [None, None]
    assert matrix.columns[-1].unit == "years"
    assert matrix.sources(0, "AGE|static|years")["code"].to_list() == ["MEDS_BIRTH"]


def test_sources_are_the_events_behind_a_cell():
    """A cell's sources are the events of its code inside its window, in order of time."""
    builder = patient().lab("x", 3, day=9).lab("x", 1, day=0).lab("x", 2, day=8).lab("y", 9, day=9)
    matrix = featurise(builder.static("S").events(), rows_of((9, 9), (1, 9)), ["5d"], ["mean"])
    found = matrix.sources(1, "LAB//x|5d|mean")
    assert found["numeric_value"].to_list() == [2, 3]
    assert matrix.sources(0, "LAB//x|5d|mean").height == 0
    counted = featurise(builder.static("S").events(), rows_of((1, 9)), ["5d"], ["count"])
    assert counted.sources(0, "S|static|count")["time"].to_list() == [None]


def test_sources_work_across_shards_and_ask_for_events_that_were_dropped():
    """After concat each row looks into its own shard; without events the remedy is named."""
    shards = [(patient(subject_id=s).lab("x", s, day=0).events(), rows_of((s, 1))) for s in (1, 2)]
    kept = featurise_shards(shards, ["full"], ["last"], keep_events=True)
    assert kept.sources(1, "LAB//x|full|last")["numeric_value"].to_list() == [2]
    assert kept.take([1]).sources(0, 0)["numeric_value"].to_list() == [2]
    dropped = kept.without_events()
    with pytest.raises(InputError, match="events="):
        dropped.sources(0, 0)
    assert dropped.sources(0, 0, shards[0][0]).height == 1
    with pytest.raises(InputError):
        kept.sources(5, 0)
    with pytest.raises(InputError):
        kept.sources(0, "LAB//z|full|last")


def test_select_brings_other_rows_to_the_columns_of_a_model():
    """Columns that these rows lack are there, zero or missing by their aggregation."""
    events = cohort(patient().lab("x", 1).lab("y", 2))
    matrix = featurise(events, rows_of((1, 1)), ["full"], ["count", "last"])
    chosen = matrix.select(["LAB//z|full|last", "LAB//y|full|last", "LAB//z|full|count"])
    assert chosen.to_frame().row(0) == (None, 2, 0)
    assert chosen.columns[0].code == "LAB//z"
    with pytest.raises(InputError):
        matrix.select(["LAB//y|full|last", "LAB//y|full|last"])
    with pytest.raises(InputError):
        matrix.select(["nonsense"])


def test_frequent_columns_count_subjects_of_the_given_rows_only():
    """Repeated rows of one subject count once, and other rows not at all."""
    events = cohort(
        patient(subject_id=1).lab("x", 1).lab("y", 1), patient(subject_id=2).lab("x", 1)
    )
    rows = rows_of((1, 1), (1, 2), (2, 1))
    matrix = featurise(events, rows, ["full"], ["count"])
    assert matrix.frequent_columns(min_subjects=2) == ("LAB//x|full|count",)
    assert matrix.frequent_columns([0, 1], min_subjects=2) == ()
    assert len(matrix.frequent_columns([0, 1], min_subjects=1)) == 2


def test_nan_is_a_missing_value_and_infinity_a_measured_one():
    """NaN takes part in counts only; infinite values are kept as they came."""
    one = patient().lab("x", float("nan"), day=0).lab("x", 2, day=1).lab("y", float("inf"), day=1)
    matrix = featurise(one.events(), rows_of((1, 1)), ["full"], ["count", "mean", "max"])
    assert cell(matrix, 0, "LAB//x|full|count") == 2
    assert cell(matrix, 0, "LAB//x|full|mean") == 2
    assert cell(matrix, 0, "LAB//y|full|max") == math.inf


def test_slope_is_exact_far_from_the_origin():
    """A slope over minutes, decades after the first event, does not drown in rounding."""
    one = patient().lab("x", 0, day=-15000)
    for minute in range(5):
        one = one.lab("x", 100 + 3 * minute, day=minute / 1440)
    matrix = featurise(one.events(), rows_of((1, 4 / 1440)), ["1h"], ["slope"])
    assert cell(matrix, 0, "LAB//x|1h|slope") == pytest.approx(3 * 1440, rel=1e-9)


def test_no_events_or_no_rows_give_an_empty_matrix():
    """Nothing in, nothing out, and never an error."""
    none = featurise(empty_events(), rows_of((1, 1)), ["1d"], list(AGGREGATIONS), age=True)
    assert none.shape == (1, 1)
    assert none.to_frame()["AGE|static|years"].to_list() == [None]
    assert featurise(empty_events(), rows_of((1, 1)), ["1d"], ["count"]).shape == (1, 0)
    events = cohort(patient().lab("x", 1))
    empty = featurise(events, rows_of(), ["1d"], ["count"])
    assert empty.shape == (0, 0)
    assert empty.to_frame().shape == (0, 0)
    assert featurise(events, rows_of((1, 1)), [], ["count"]).shape == (1, 0)
    assert featurise(events, rows_of((1, 1)), ["full"], []).shape == (1, 0)


def test_all_values_missing_leave_only_counts():
    """A code never measured has a count and no mean column."""
    events = cohort(patient().lab("x", None), patient(subject_id=2).lab("x", None))
    matrix = featurise(events, rows_of((1, 1), (2, 1)), ["full"], ["count", "mean", "last"])
    assert list(matrix.columns) == ["LAB//x|full|count"]


def test_input_is_left_unchanged():
    """Neither events nor rows are changed, and further columns of rows are allowed."""
    events = cohort(patient().lab("x", 1)).reverse()
    rows = rows_of((1, 1)).with_columns(boolean_value=pl.lit(True))
    before = events.clone(), rows.clone()
    featurise(events, rows, ["full"], ["count"])
    assert events.equals(before[0])
    assert rows.equals(before[1])


def test_everything_wrong_with_a_request_is_told_at_once():
    """Bad windows and aggregations come back together."""
    with pytest.raises(InputError) as caught:
        featurise(empty_events(), rows_of(), ["7 parsecs", "0d", "1d", "1d"], ["median"])
    assert len(caught.value.faults) == 4
    with pytest.raises(InputError):
        featurise(empty_events(), rows_of(), "30d", ["count"])


@pytest.mark.parametrize(
    "rows",
    [
        pl.DataFrame({"subject_id": [1]}),
        pl.DataFrame({"subject_id": ["a"], "prediction_time": [DAY_ZERO]}),
        pl.DataFrame({"subject_id": [1], "prediction_time": [None]}),
        pl.DataFrame({"subject_id": [None], "prediction_time": [DAY_ZERO]}),
    ],
)
def test_rows_without_subject_or_time_are_refused(rows):
    """A row needs both; the message names the column and no value."""
    with pytest.raises(InputError, match="rows"):
        featurise(cohort(patient().lab("x", 1)), rows, ["full"], ["count"])


def test_events_without_a_code_or_column_are_refused():
    """Events that are not MEDS are faults, never guessed at."""
    good = cohort(patient().lab("x", 1))
    with pytest.raises(InputError, match="code"):
        featurise(good.drop("code"), rows_of((1, 1)))
    with pytest.raises(InputError, match="code"):
        featurise(good.with_columns(code=pl.lit(None, dtype=pl.String)), rows_of((1, 1)))


def test_meds_03_frames_and_other_types_are_read():
    """Missing value columns, other integer and time types are brought to MEDS types."""
    frame = pl.DataFrame(
        {
            "code": ["A"],
            "subject_id": pl.Series([1], dtype=pl.Int32),
            "time": pl.Series([DAY_ZERO], dtype=pl.Datetime("ns")),
        }
    )
    rows = pl.DataFrame({"subject_id": [1], "prediction_time": [DAY_ZERO.date()]})
    matrix = featurise(frame, rows, ["1d"], ["count", "mean"])
    assert stored(matrix) == {(0, "A|1d|count"): 1.0}


def test_concat_of_nothing_and_of_different_columns():
    """No matrices cannot be joined; the union of columns keeps each row's cells."""
    with pytest.raises(InputError):
        FeatureMatrix.concat([])
    one = featurise(cohort(patient().lab("x", 1)), rows_of((1, 1)), ["full"], ["last"])
    two = featurise(cohort(patient(subject_id=2).lab("a", 2)), rows_of((2, 1)), ["full"], ["last"])
    both = FeatureMatrix.concat([one, two])
    assert both.to_frame().rows() == [(None, 1), (2, None)]


def test_a_matrix_survives_a_trip_between_processes():
    """Columns keep their parts when workers send them back."""
    import copy

    matrix = featurise(cohort(patient().lab("x", 1)), rows_of((1, 1)), ["full"], ["last"])
    assert copy.deepcopy(matrix).columns[0].window == "full"
