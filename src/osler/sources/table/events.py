"""Rows made into events by the rules of a mapping, all rows of a part at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.model import EVENT_SCHEMA
from osler.sources.table.mapping import (
    UNIT_DAYS,
    WHOLE_DAY_UNITS,
    EventRule,
    Mapping,
    Offset,
    TimeRule,
    ValidRange,
    is_birth,
)
from osler.sources.table.small import Part
from osler.sources.timestamps import (
    FIRST_YEAR,
    IMPOSSIBLE_DATE,
    LAST_YEAR,
    MISSING_DATE,
    UNREADABLE_DATE,
    Times,
    read_times,
)
from osler.sources.values import NOT_A_NUMBER, TOO_LARGE, as_numbers, as_text, fits_float32

NO_SUBJECT = "no subject"
UNREADABLE_OFFSET = "unreadable offset of a time"
OUT_OF_RANGE = "a value outside its valid range"
LONG_CODE = "a code over 1000 bytes"
NO_CODE = "a column of the code is missing"
NO_VALUE = "the value is missing"
NO_RULE = "no event of the mapping applies"

MOST_CODE_BYTES = 1000
MOST_OFFSET_DAYS = 366 * 500

# What is told of a row that gave no event: the gravest of these, the first being the least.
REASONS = (
    NO_RULE,
    NO_VALUE,
    NO_CODE,
    LONG_CODE,
    TOO_LARGE,
    NOT_A_NUMBER,
    OUT_OF_RANGE,
    MISSING_DATE,
    UNREADABLE_OFFSET,
    UNREADABLE_DATE,
    IMPOSSIBLE_DATE,
    NO_SUBJECT,
)
GRAVITY = {reason: rank for rank, reason in enumerate(REASONS)}
# A cell without anything in it was no record; these were.
WORTH_A_NOTE = frozenset(REASONS[3:])
_LOADED = 100

_CLOCK = r"^(-?)(\d{1,6}):([0-5]\d)(?::([0-5]\d))?$"

Ranks = NDArray[np.int8]


class Columns:
    """The columns of a part as text, as numbers and as times, each made once."""

    def __init__(self, part: Part, mapping: Mapping) -> None:
        self._rows = part.rows
        self._mapping = mapping
        self._texts: dict[str, pl.Series] = {}
        self._numbers: dict[str, pl.Series] = {}
        self._times: dict[tuple[TimeRule, bool], Times] = {}

    @property
    def height(self) -> int:
        """Number of rows."""
        return self._rows.height

    def taken(self, rows: pl.Series) -> Columns:
        """Return some of the rows."""
        taken = Columns(Part(self._rows[rows], pl.Series()), self._mapping)
        taken._texts = {name: text[rows] for name, text in self._texts.items()}
        return taken

    def text(self, name: str) -> pl.Series:
        """Return text, missing values null and names changed as the mapping says."""
        if name not in self._texts:
            text = as_text(self._rows[name])
            if self._mapping.missing:
                text = text.set(text.is_in(list(self._mapping.missing)).fill_null(False), None)
            if name in self._mapping.values:
                text = text.replace(self._mapping.values[name])
            self._texts[name] = text.rename(name)
        return self._texts[name]

    def numbers(self, name: str) -> pl.Series:
        """Return numbers; null where the text is none."""
        if name not in self._numbers:
            self._numbers[name] = as_numbers(self.text(name), decimal=self._mapping.decimal)
        return self._numbers[name]

    def times(self, name: str, pattern: str | None, *, birth: bool) -> Times:
        """Return times; columns that are dates already stay so."""
        raw, text = self._rows[name], self.text(name)
        if isinstance(raw.dtype, pl.Date | pl.Datetime) and name not in self._mapping.values:
            return read_times(raw.set(text.is_null(), None), birth=birth)
        return read_times(text, birth=birth, pattern=pattern)

    def rule_times(self, rule: TimeRule, *, birth: bool) -> Times:
        """Return the times of a rule, which several events may share."""
        if (rule, birth) not in self._times:
            self._times[rule, birth] = read_rule_times(rule, self, birth=birth)
        return self._times[rule, birth]

    def frame(self, names: frozenset[str] | set[str]) -> pl.DataFrame:
        """Return some columns as text; one column of nulls where none is asked for."""
        if not names:
            return pl.DataFrame({"": pl.Series([None]).new_from_index(0, self.height)})
        return pl.DataFrame([self.text(name) for name in sorted(names)])


@dataclass(frozen=True)
class Made:
    """The events of one rule.

    Parameters
    ----------
    rows
        The row that each event comes from.
    events
        Without subject, in the order of `rows`.
    ranks
        Per row of the part: why it gave no event, as a place in `REASONS`; `_LOADED` if it did.
    """

    rows: pl.Series
    events: pl.DataFrame
    ranks: Ranks


def apply_rule(rule: EventRule, columns: Columns, mapping: Mapping) -> Made:
    """Make the events of one rule."""
    if rule.when is None:
        return _Rule(rule, columns, mapping).made()
    applies = columns.frame(rule.when.columns).select(rule.when.holds.alias("")).to_series()
    where = applies.arg_true()
    if len(where) == columns.height:
        return _Rule(rule, columns, mapping).made()
    made = _Rule(rule, columns.taken(where), mapping).made()
    ranks: Ranks = np.full(columns.height, GRAVITY[NO_RULE], dtype=np.int8)
    ranks[where.to_numpy()] = made.ranks
    return Made(where[made.rows], made.events, ranks)


class _Rule:
    def __init__(self, rule: EventRule, columns: Columns, mapping: Mapping) -> None:
        self._rule = rule
        self._columns = columns
        self._mapping = mapping
        self._ranks: Ranks = np.full(columns.height, _LOADED, dtype=np.int8)

    def made(self) -> Made:
        self._fail(self._code.is_null(), NO_CODE)
        self._fail((self._code.str.len_bytes() > MOST_CODE_BYTES).fill_null(False), LONG_CODE)
        numbers, texts = self._values()
        times = self._times()
        self._fail(self._outside(numbers), OUT_OF_RANGE)
        kept = pl.Series(self._ranks == _LOADED)
        rows = kept.arg_true()
        events = pl.DataFrame(
            {"time": times, "code": self._code, "numeric_value": numbers, "text_value": texts},
            schema_overrides={"numeric_value": pl.Float64, "text_value": pl.String},
        )
        return Made(rows, events[rows], self._ranks)

    def _fail(self, failing: pl.Series, reason: str) -> None:
        """Give the reason to the rows that fail; the first reason of a row stays."""
        self._ranks[failing.to_numpy() & (self._ranks == _LOADED)] = GRAVITY[reason]

    @cached_property
    def _code(self) -> pl.Series:
        rule, columns = self._rule, self._columns
        if rule.code is not None:
            filled = columns.frame(rule.code.columns).select(rule.code.filled().alias("code"))
            code = filled.to_series()
            return code.new_from_index(0, columns.height) if not rule.code.columns else code
        # A static column without a code of its own: a number has the column's name for a code.
        name = rule.value or ""
        text, number = columns.text(name), columns.numbers(name)
        return pl.select(
            pl.when(pl.lit(number).is_not_null())
            .then(pl.lit(name))
            .otherwise(pl.lit(name + "//") + pl.lit(text))
            .alias("code")
        ).to_series()

    def _values(self) -> tuple[pl.Series, pl.Series]:
        """Return numbers and texts, both null where a rule names none."""
        rule, columns = self._rule, self._columns
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, columns.height)
        numbers, texts = nothing.cast(pl.Float64), nothing
        if rule.value is not None:
            written, numbers = columns.text(rule.value), columns.numbers(rule.value)
            texts = written.zip_with(numbers.is_null(), nothing)
            self._fail(written.is_null(), NO_VALUE)
        if rule.text_value is not None:
            texts = columns.text(rule.text_value)
        if rule.numeric_value is not None:
            written, numbers = columns.text(rule.numeric_value), columns.numbers(rule.numeric_value)
            self._fail(written.is_not_null() & numbers.is_null() & texts.is_null(), NOT_A_NUMBER)
        if rule.numeric_value is not None or rule.text_value is not None:
            self._fail(numbers.is_null() & texts.is_null(), NO_VALUE)
        self._fail(~fits_float32(numbers), TOO_LARGE)
        return numbers, texts

    def _outside(self, numbers: pl.Series) -> pl.Series:
        outside = pl.Series([False]).new_from_index(0, len(numbers))
        if self._rule.valid is not None:
            outside |= _beyond(numbers, self._rule.valid)
        for code, bounds in self._mapping.valid.items():
            outside |= (self._code == code).fill_null(False) & _beyond(numbers, bounds)
        return outside

    def _times(self) -> pl.Series:
        if self._rule.time is None:
            empty = pl.Series([None], dtype=EVENT_SCHEMA["time"])
            return empty.new_from_index(0, self._columns.height)
        times = self._columns.rule_times(self._rule.time, birth=is_birth(self._rule))
        for reason in (MISSING_DATE, UNREADABLE_OFFSET, UNREADABLE_DATE, IMPOSSIBLE_DATE):
            self._fail((times.faults == reason).fill_null(False), reason)
        return times.values


def _beyond(numbers: pl.Series, bounds: ValidRange) -> pl.Series:
    return (~numbers.is_between(bounds.low, bounds.high)).fill_null(False)


def read_rule_times(rule: TimeRule, columns: Columns, *, birth: bool) -> Times:
    """Return the times that a rule gives.

    An offset in whole days, weeks, months or years from a date without a clock time gives such a
    date again; any other offset counts from midnight.
    """
    if not rule.offsets:
        return _base(rule, columns, birth=birth)
    base, last = _base(rule, columns, birth=True), _base(rule, columns, birth=False)
    amounts = [_amount_days(offset, columns) for offset in rule.offsets]
    days = sum(amounts[1:], amounts[0])
    whole = all(offset.unit in WHOLE_DAY_UNITS for offset in rule.offsets)
    frame = pl.DataFrame(
        {
            "base": base.values,
            "dated": (base.values != last.values) & whole & (days == days.round()),
            "days": days.set((days.abs() > MOST_OFFSET_DAYS).fill_null(False), None),
            "fault": base.faults,
            "missing": _any_missing(rule.offsets, columns),
            "far": days.abs() > MOST_OFFSET_DAYS,
        }
    )
    microseconds = (pl.col("days") * 86_400_000_000).round().cast(pl.Int64)
    shifted = pl.col("base") + pl.duration(microseconds=microseconds)
    end = pl.duration(days=1) - pl.duration(microseconds=1)
    values = pl.when(pl.col("dated") & ~pl.lit(birth)).then(shifted + end).otherwise(shifted)
    possible = values.dt.year().is_between(FIRST_YEAR, LAST_YEAR)
    faults = (
        pl.when(pl.col("fault").is_not_null())
        .then("fault")
        .when(pl.col("missing"))
        .then(pl.lit(MISSING_DATE))
        .when(pl.col("days").is_null() & ~pl.col("far").fill_null(False))
        .then(pl.lit(UNREADABLE_OFFSET))
        .when(~possible.fill_null(False))
        .then(pl.lit(IMPOSSIBLE_DATE))
    )
    read = frame.select(pl.when(possible).then(values).alias("values"), faults.alias("faults"))
    return Times(read["values"], read["faults"])


def _base(rule: TimeRule, columns: Columns, *, birth: bool) -> Times:
    if rule.column is not None:
        return columns.times(rule.column, rule.pattern, birth=birth)
    one = read_times(pl.Series([rule.constant]), birth=birth)
    height = columns.height
    return Times(one.values.new_from_index(0, height), one.faults.new_from_index(0, height))


def _any_missing(offsets: tuple[Offset, ...], columns: Columns) -> pl.Series:
    missing = pl.Series([False]).new_from_index(0, columns.height)
    for offset in offsets:
        if offset.column is not None:
            missing |= columns.text(offset.column).is_null()
    return missing


def _amount_days(offset: Offset, columns: Columns) -> pl.Series:
    """Return the offset in days; months and years, made from days, are days again."""
    if offset.column is None:
        amounts = pl.Series([offset.amount]).new_from_index(0, columns.height)
    elif offset.unit == "clock":
        return _clock_days(columns.text(offset.column)) * offset.sign
    else:
        amounts = columns.numbers(offset.column)
    days = amounts * UNIT_DAYS[offset.unit]
    return (days.round() if offset.unit in ("months", "years") else days) * offset.sign


def _clock_days(text: pl.Series) -> pl.Series:
    """Read hours and minutes such as `31:05` or `-0:30:15`, any number of hours."""
    written = text.unique().drop_nulls()
    parts = written.str.extract_groups(_CLOCK).struct.unnest()
    sign, hours, minutes, seconds = (pl.col(name) for name in parts.columns)
    total = (
        hours.cast(pl.Int64) * 3600
        + minutes.cast(pl.Int64) * 60
        + seconds.cast(pl.Int64).fill_null(0)
    )
    days = parts.select((pl.when(sign == "-").then(-total).otherwise(total) / 86_400).alias("days"))
    return text.replace_strict(written, days["days"], default=None, return_dtype=pl.Float64)
