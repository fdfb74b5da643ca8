"""Dates and times become MEDS times by one set of rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.model import end_of_day
from osler.sources.timestamps import (
    IMPOSSIBLE_DATE,
    MISSING_DATE,
    UNREADABLE_DATE,
    parse_times,
    read_times,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-31", datetime(2020, 1, 31, 23, 59, 59, 999999)),
        ("20200131", datetime(2020, 1, 31, 23, 59, 59, 999999)),
        ("2020/01/31", datetime(2020, 1, 31, 23, 59, 59, 999999)),
        ("2020-01", datetime(2020, 1, 31, 23, 59, 59, 999999)),
        ("2020", datetime(2020, 12, 31, 23, 59, 59, 999999)),
        ("2020-01-31 10:00", datetime(2020, 1, 31, 10)),
        (" 2020-01-31T10:00:05 ", datetime(2020, 1, 31, 10, 0, 5)),
        ("2020-01-31T10:00:05.25", datetime(2020, 1, 31, 10, 0, 5, 250000)),
        ("2020-01-31T10:00:05Z", datetime(2020, 1, 31, 10, 0, 5)),
        ("2020-01-31T10:00:05.5+02:00", datetime(2020, 1, 31, 8, 0, 5, 500000)),
        ("2020-01-31T10:00-0530", datetime(2020, 1, 31, 15, 30)),
        ("2020-03-01T00:30:00+01", datetime(2020, 2, 29, 23, 30)),
    ],
)
def test_spellings(text: str, expected: datetime) -> None:
    """Every spelling of ISO 8601 that records use is read, offsets converted to UTC."""
    assert parse_times(pl.Series([text])).to_list() == [expected]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("9999-12-31", IMPOSSIBLE_DATE),
        ("2251-01-01", IMPOSSIBLE_DATE),
        ("1799-12-31", IMPOSSIBLE_DATE),
        ("2020-02-30", IMPOSSIBLE_DATE),
        ("2020-13", IMPOSSIBLE_DATE),
        ("2020-01-31T25:00:00", IMPOSSIBLE_DATE),
        ("2020-01-31T10:00:00+99:00", IMPOSSIBLE_DATE),
        ("03/04/2020", UNREADABLE_DATE),
        ("=CMD|' /C calc'!A0", UNREADABLE_DATE),
        ("yesterday", UNREADABLE_DATE),
        ("", MISSING_DATE),
        ("   ", MISSING_DATE),
        (None, MISSING_DATE),
    ],
)
def test_faults_are_told_apart(text: str | None, fault: str) -> None:
    """What is missing, what no calendar has and what is no date have different reasons."""
    times = read_times(pl.Series([text], dtype=pl.String))
    assert times.values.to_list() == [None]
    assert times.faults.to_list() == [fault]
    assert times.missing.to_list() == [fault == MISSING_DATE]
    assert times.bad.to_list() == [fault != MISSING_DATE]


def test_births_begin_their_day() -> None:
    """A birth known by its date, month or year is at the first microsecond of it."""
    births = parse_times(pl.Series(["1960-05-04", "1960-05", "1960"]), birth=True)
    assert births.to_list() == [datetime(1960, 5, 4), datetime(1960, 5, 1), datetime(1960, 1, 1)]


def test_typed_columns() -> None:
    """Dates, datetimes with and without a zone and integers follow the same rules as text."""
    noon = datetime(2020, 1, 31, 12)
    zoned = pl.Series([noon]).dt.replace_time_zone("Europe/Amsterdam")
    assert parse_times(pl.Series([date(2020, 1, 31)])).to_list() == [end_of_day(noon.date())]
    assert parse_times(pl.Series([noon]).cast(pl.Datetime("ns"))).to_list() == [noon]
    assert parse_times(zoned).to_list() == [datetime(2020, 1, 31, 11)]
    assert parse_times(pl.Series([20200131])).to_list() == [end_of_day(noon.date())]
    assert parse_times(pl.Series([date(9999, 12, 31)])).to_list() == [None]
    assert parse_times(pl.Series([None])).dtype == pl.Datetime("us")


def test_pattern() -> None:
    """A given pattern replaces guessing, for dates and for times."""
    days = read_times(pl.Series(["31/01/2020", "31/13/2020", "soon"]), pattern="%d/%m/%Y")
    assert days.values.to_list() == [end_of_day(date(2020, 1, 31)), None, None]
    assert days.faults.to_list() == [None, IMPOSSIBLE_DATE, UNREADABLE_DATE]
    clock = parse_times(pl.Series(["31.01.2020 07:30"]), pattern="%d.%m.%Y %H:%M")
    assert clock.to_list() == [datetime(2020, 1, 31, 7, 30)]


def test_empty() -> None:
    """No rows give no times, of the right type."""
    assert parse_times(pl.Series([], dtype=pl.String)).dtype == pl.Datetime("us")


moments = st.datetimes(datetime(1801, 1, 1), datetime(2249, 12, 31))


@given(st.lists(st.tuples(moments, st.integers(-14 * 60, 14 * 60))))
def test_offset_times_equal_their_instant(rows: list[tuple[datetime, int]]) -> None:
    """Any instant written with any offset is read as that instant in UTC."""
    written = [m.replace(tzinfo=timezone(timedelta(minutes=off))) for m, off in rows]
    read = parse_times(pl.Series([w.isoformat() for w in written], dtype=pl.String))
    assert read.to_list() == [w.astimezone(UTC).replace(tzinfo=None) for w in written]


@given(st.lists(st.one_of(moments.map(str), st.dates().map(str), st.text(max_size=30), st.none())))
def test_mixed_columns_are_read_row_by_row(texts: list[str | None]) -> None:
    """What stands in other rows never changes how a row is read, and no text breaks the reader."""
    together = read_times(pl.Series(texts, dtype=pl.String))
    alone = [read_times(pl.Series([text], dtype=pl.String)) for text in texts]
    assert together.values.to_list() == [one.values[0] for one in alone]
    assert together.faults.to_list() == [one.faults[0] for one in alone]
    assert together.values.is_null().to_list() == together.faults.is_not_null().to_list()
