"""The rows of MEDS: conversion, order and every fault at once."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.errors import InputError
from osler.model import (
    CODE_COLUMNS,
    EVENT_SCHEMA,
    as_events,
    empty_events,
    end_of_day,
    sort_events,
    validate_events,
)

MOMENTS = st.none() | st.datetimes(datetime(1800, 1, 1), datetime(2250, 1, 1))
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2),
        MOMENTS,
        st.sampled_from(["A", "B//1", "MEDS_BIRTH", ""]),
        st.none() | st.floats(width=32, allow_nan=True),
        st.none() | st.text(max_size=5),
    ),
    max_size=30,
)


def frame(*rows: tuple[object, ...]) -> pl.DataFrame:
    """Return rows as they are, in MEDS types."""
    return pl.DataFrame(list(rows), schema=EVENT_SCHEMA, orient="row")


def wheres(events: pl.DataFrame, codes: pl.DataFrame | None = None) -> list[str]:
    """Return where each fault lies."""
    return [fault.where for fault in validate_events(events, codes)]


def test_schema_is_that_of_meds() -> None:
    """The five columns have the names and types of MEDS 0.4."""
    arrow = empty_events().to_arrow().schema
    assert arrow.names == ["subject_id", "time", "code", "numeric_value", "text_value"]
    assert [str(one) for one in arrow.types[:2]] == ["int64", "timestamp[us]"]
    assert str(arrow.types[3]) == "float"
    assert list(CODE_COLUMNS) == ["code", "description", "parent_codes"]


def test_a_day_is_known_when_it_is_over() -> None:
    """A date alone becomes the last microsecond of that day, leap days included."""
    assert end_of_day(date(2024, 2, 29)) == datetime(2024, 2, 29, 23, 59, 59, 999999)


def test_empty_events_are_sound() -> None:
    """A frame without rows is a sound shard."""
    assert validate_events(empty_events(), pl.DataFrame(schema=CODE_COLUMNS)) == []


def test_columns_may_come_in_any_order_and_older_ones_lack_two() -> None:
    """MEDS 0.3, without values and with a further column, becomes the five columns of 0.4."""
    older = pl.DataFrame(
        {"code": ["A"], "extra": [1], "time": [datetime(2020, 1, 1)], "subject_id": [7]}
    )
    events = as_events(older)
    assert events.schema == EVENT_SCHEMA
    assert events.row(0) == (7, datetime(2020, 1, 1), "A", None, None)


def test_every_absent_column_is_told_at_once() -> None:
    """Three absent columns are three faults of one error."""
    with pytest.raises(InputError) as caught:
        as_events(pl.DataFrame({"numeric_value": [1.0]}))
    assert len(caught.value.faults) == 3


def test_columns_of_the_wrong_kind_are_refused_without_their_values() -> None:
    """Text that is no number is a fault that names types and repeats no value."""
    wrong = pl.DataFrame({"subject_id": ["Ms Smith"], "time": [None], "code": ["A"]})
    with pytest.raises(InputError) as caught:
        as_events(wrong)
    assert "String" in str(caught.value)
    assert "Smith" not in str(caught.value)


def test_an_integer_beyond_64_bits_is_refused() -> None:
    """A subject id that int64 cannot hold is a fault, not another subject."""
    wide = pl.DataFrame(
        {"subject_id": pl.Series([2**63], dtype=pl.UInt64), "time": [None], "code": ["A"]}
    )
    with pytest.raises(InputError):
        as_events(wide)


def test_an_absent_column_and_a_wrong_type_are_both_told() -> None:
    """Faults of the columns come all at once, before any fault of the rows."""
    events = frame((1, None, "A", None, None)).drop("text_value").cast({"code": pl.Categorical})
    assert wheres(events) == ["column code", "column text_value"]


def test_a_zoned_time_is_not_a_meds_time() -> None:
    """A time column with a zone is a fault of the column."""
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    events = frame((1, None, "A", None, None)).with_columns(time=pl.lit(moment))
    assert wheres(events) == ["column time"]


def test_rows_without_a_subject_or_code_are_counted() -> None:
    """Null subjects and codes are told with their number."""
    events = frame((None, None, "A", None, None), (1, None, None, None, None))
    assert {"column subject_id", "column code"} <= set(wheres(events))
    assert any("1 rows" in fault.came for fault in validate_events(events))


@pytest.mark.parametrize(
    "rows",
    [
        [(1, datetime(2021, 1, 1)), (1, datetime(2020, 1, 1))],
        [(1, datetime(2020, 1, 1)), (1, None)],
        [(1, None), (2, None), (1, None)],
    ],
    ids=["backwards in time", "static after dated", "subject in two places"],
)
def test_disorder_is_found(rows: list[tuple[int, datetime | None]]) -> None:
    """Rows out of order, static rows last and a subject cut in two are each a fault."""
    assert wheres(frame(*((who, when, "A", None, None) for who, when in rows))) == ["rows"]


def test_a_code_without_description_is_found() -> None:
    """Each code needs a row in the code table; each missing one is counted once."""
    events = frame(*((1, None, code, None, None) for code in "AABC"))
    codes = pl.DataFrame({"code": ["A"]})
    assert wheres(events, codes) == ["codes"]
    assert validate_events(events, codes)[0].came.startswith("2 codes")


@given(ROWS)
def test_sorted_events_are_in_order_and_the_same(rows: list[tuple[object, ...]]) -> None:
    """Sorting any rows gives an order that validation accepts and loses none of them."""
    events = frame(*rows)
    ordered = sort_events(events)
    assert "rows" not in wheres(ordered)
    assert ordered.height == events.height
    assert sorted(map(repr, ordered.rows())) == sorted(map(repr, events.rows()))


@given(ROWS)
def test_sorting_is_stable_and_settles(rows: list[tuple[object, ...]]) -> None:
    """Equal times keep their given order, so sorting twice changes nothing."""
    numbered = frame(*rows).with_row_index("row")
    ordered = sort_events(numbered)
    assert ordered.equals(sort_events(ordered))
    steps = ordered.select(
        same=(pl.col("subject_id") == pl.col("subject_id").shift())
        & pl.col("time").eq_missing(pl.col("time").shift()),
        later=pl.col("row") > pl.col("row").shift(),
    ).filter("same")
    assert steps["later"].all()


@given(ROWS)
def test_conversion_changes_nothing_that_is_sound(rows: list[tuple[object, ...]]) -> None:
    """Events that have the MEDS types already come back equal."""
    events = frame(*rows)
    assert as_events(events).equals(events)
