"""Dates and times as they are written, made into MEDS times: the one owner of these rules.

1. A date without a time is known only when the day is over: 23:59:59.999999. A month or a year
   alone (FHIR allows both) is known at its last microsecond. Births are the other way round:
   the first microsecond of the day, month or year, so that nobody is older than she is.
2. A time without an offset is taken as it is written. A time with an offset (`Z`, `+02:00`) is
   converted to UTC and the offset dropped, so that two records of one instant agree.
3. A year outside 1800 to 2250 is an impossible date, and so is a day that no calendar has.
   De-identified records reach beyond 2200: MIMIC-IV shifts its dates to 2100-2220.
4. A day is never told from a month by guessing: `03/04/2020` is unreadable unless its format is
   given.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

FIRST_YEAR = 1800
LAST_YEAR = 2250

MISSING_DATE = "no date"
IMPOSSIBLE_DATE = "impossible date"
UNREADABLE_DATE = "unreadable date"

_BLANK = r"^\s*$"

_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
_OFFSET = r"(?:Z|[+-]\d{2}(?::?\d{2})?)"
_WHOLE_DAY = rf"^(?:{_DAY}|\d{{8}}|\d{{4}}/\d{{2}}/\d{{2}})$"
_MONTH = r"^\d{4}-\d{2}$"
_YEAR = r"^\d{4}$"
_LOCAL = rf"^{_DAY}[T ]{_CLOCK}$"
_ZONED = rf"^{_DAY}[T ]{_CLOCK} ?{_OFFSET}$"

_ONE_MICROSECOND = pl.duration(microseconds=1)


@dataclass(frozen=True)
class Times:
    """Times with what was wrong with those that could not be read.

    Parameters
    ----------
    values
        Datetime in microseconds, UTC where an offset was given; null where `faults` is not.
    faults
        Null where there is a time, else `MISSING_DATE`, `IMPOSSIBLE_DATE` or `UNREADABLE_DATE`.
    """

    values: pl.Series
    faults: pl.Series

    @property
    def missing(self) -> pl.Series:
        """True where nothing was written."""
        return (self.faults == MISSING_DATE).fill_null(False)

    @property
    def bad(self) -> pl.Series:
        """True where something was written that is not a possible time."""
        return self.values.is_null() & ~self.missing


def parse_times(series: pl.Series, *, birth: bool = False, pattern: str | None = None) -> pl.Series:
    """Return times in microseconds; null where missing, impossible or unreadable.

    See `read_times`, which also tells these apart.

    Examples
    --------
    >>> parse_times(pl.Series(["2020-01-31", "2020-01-31T10:00:00+02:00"])).to_list()
    [datetime.datetime(2020, 1, 31, 23, 59, 59, 999999), datetime.datetime(2020, 1, 31, 8, 0)]
    """
    return read_times(series, birth=birth, pattern=pattern).values


def read_times(series: pl.Series, *, birth: bool = False, pattern: str | None = None) -> Times:
    """Read dates and times by the rules at the top of this module.

    Parameters
    ----------
    series
        Text (ISO 8601 or `pattern`), Date, Datetime with or without zone, or integers such as
        20200131. Null, NaN and blank text are missing.
    birth
        Whether a date alone means its first microsecond instead of its last.
    pattern
        A strftime pattern such as `%d/%m/%Y %H:%M` for text that is not ISO 8601.
    """
    name = series.name
    missing = _missing(series)
    if series.dtype == pl.Null:
        written, possible_shape = series.cast(pl.Datetime("us")), missing
    elif series.dtype == pl.Date:
        written, possible_shape = _at(series, "1d", birth), ~missing
    elif isinstance(series.dtype, pl.Datetime):
        written, possible_shape = _without_zone(series), ~missing
    else:
        text = series.cast(pl.String).str.strip_chars()
        written, possible_shape = (
            _by_pattern(text, pattern, birth) if pattern else _iso(text, birth)
        )
    inside = written.dt.year().is_between(FIRST_YEAR, LAST_YEAR)
    values = pl.select(pl.when(inside).then(written).alias(name)).to_series()
    faults = pl.select(
        pl.when(missing)
        .then(pl.lit(MISSING_DATE))
        .when(values.is_not_null())
        .then(None)
        .when(possible_shape)
        .then(pl.lit(IMPOSSIBLE_DATE))
        .otherwise(pl.lit(UNREADABLE_DATE))
        .alias(name)
    ).to_series()
    return Times(values, faults)


def _missing(series: pl.Series) -> pl.Series:
    if series.dtype == pl.String:
        return (series.is_null() | series.str.contains(_BLANK)).fill_null(True)
    if series.dtype.is_float():
        return series.is_null() | series.is_nan().fill_null(True)
    return series.is_null()


def _at(days: pl.Series, period: str, birth: bool) -> pl.Series:
    """Return the first (births) or last microsecond of the period that starts at each day."""
    starts = days.cast(pl.Datetime("us"))
    if birth:
        return starts
    expression = pl.lit(starts).dt.offset_by(period) - _ONE_MICROSECOND
    return pl.select(expression).to_series()


def _without_zone(series: pl.Series) -> pl.Series:
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return series.cast(pl.Datetime("us"))


def _by_pattern(text: pl.Series, pattern: str, birth: bool) -> tuple[pl.Series, pl.Series]:
    has_clock = any(mark in pattern for mark in ("%H", "%I", "%T", "%R", "%s", "%X"))
    if not has_clock:
        written = _at(text.str.to_date(pattern, strict=False), "1d", birth)
    else:
        written = _without_zone(text.str.to_datetime(pattern, time_unit="us", strict=False))
    return written, text.str.contains(r"^[\d/.\-: T]+$").fill_null(False)


def _iso(text: pl.Series, birth: bool) -> tuple[pl.Series, pl.Series]:
    """Parse each spelling with its own rule; a column usually holds only one of them."""
    rules = (
        (_LOCAL, _local),
        (_WHOLE_DAY, lambda part: _whole(part, "%Y-%m-%d", "1d", birth)),
        (_ZONED, _zoned),
        (_MONTH, lambda part: _whole(part + "-01", "%Y-%m-%d", "1mo", birth)),
        (_YEAR, lambda part: _whole(part + "-01-01", "%Y-%m-%d", "1y", birth)),
    )
    written = pl.Series(text.name, [None], dtype=pl.Datetime("us")).new_from_index(0, len(text))
    shaped = pl.Series([False]).new_from_index(0, len(text))
    open_rows = text.is_not_null()
    for shape, parse in rules:
        if not open_rows.any():
            break
        fits = text.str.contains(shape).fill_null(False) & open_rows
        if not fits.any():
            continue
        if fits.all():
            return parse(text), fits
        written = written.scatter(fits.arg_true(), parse(text.filter(fits)))
        shaped, open_rows = shaped | fits, open_rows & ~fits
    return written, shaped


def _whole(text: pl.Series, pattern: str, period: str, birth: bool) -> pl.Series:
    plain = text.str.replace_all("/", "-", literal=True)
    compact = plain.str.len_bytes() == 8
    if compact.any():
        plain = plain.str.replace(r"^(\d{4})(\d{2})(\d{2})$", "$1-$2-$3")
    return _at(plain.str.to_date(pattern, strict=False), period, birth)


def _local(text: pl.Series) -> pl.Series:
    spaced = text.str.replace("T", " ", literal=True)
    seconds = spaced.str.len_bytes() >= len("2020-01-31 10:00:00")
    if not seconds.all():
        spaced = pl.select(
            pl.when(seconds).then(spaced).otherwise(spaced + pl.lit(":00")).alias(text.name)
        ).to_series()
    plain = spaced.str.len_bytes() == len("2020-01-31 10:00:00")
    pattern = "%Y-%m-%d %H:%M:%S" if plain.all() else "%Y-%m-%d %H:%M:%S%.f"
    return spaced.str.to_datetime(pattern, time_unit="us", strict=False)


def _zoned(text: pl.Series) -> pl.Series:
    parts = text.str.extract_groups(
        r"^(?<clock>.*?) ?(?:Z|(?<sign>[+-])(?<hours>\d{2}):?(?<minutes>\d{2})?)$"
    ).struct.unnest()
    sign = pl.when(pl.col("sign") == "-").then(-1).otherwise(1)
    hours = pl.col("hours").cast(pl.Int64).fill_null(0)
    minutes = pl.col("minutes").cast(pl.Int64).fill_null(0)
    offset = pl.duration(minutes=sign * (hours * 60 + minutes))
    # The widest offset in use is +14:00 (Kiribati); RFC 3339 sets no bound of its own.
    sane = (hours <= 14) & (minutes < 60)
    local = _local(parts["clock"]).alias("local")
    return (
        parts.with_columns(local)
        .select(pl.when(sane).then(pl.col("local") - offset).alias(text.name))
        .to_series()
    )
