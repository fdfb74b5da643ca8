"""Text as it stands in a table, made into numbers or left as text."""

from __future__ import annotations

from typing import Literal

import polars as pl

NOT_A_NUMBER = "not a number"
TOO_LARGE = "a number too large or not finite"

# Above it, not every whole number has a double of its own.
_LARGEST_WHOLE = 2**53
LARGEST_FLOAT32 = 3.4028234663852886e38


def as_text(series: pl.Series) -> pl.Series:
    """Return a column of any type as text without outer blanks; blank, null and NaN are null.

    A whole number is written without a decimal point whatever its type, since a column of
    integers with gaps often arrives as floats.

    Examples
    --------
    >>> as_text(pl.Series([1.0, 2.5, float("nan"), None])).to_list()
    ['1', '2.5', None, None]
    """
    if series.dtype == pl.Binary or series.dtype.is_nested():
        return pl.Series(series.name, [None], dtype=pl.String).new_from_index(0, len(series))
    if series.dtype.is_float():
        return _float_text(series)
    text = series.cast(pl.String).str.strip_chars()
    return text.replace("", None)


def _float_text(series: pl.Series) -> pl.Series:
    value = pl.col(series.name)
    whole = (value == value.round()) & (value.abs() < _LARGEST_WHOLE)
    text = pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String))
    frame = series.fill_nan(None).to_frame()
    return frame.select(text.otherwise(value.cast(pl.String))).to_series()


def as_numbers(series: pl.Series, *, decimal: Literal[".", ","] = ".") -> pl.Series:
    """Return numbers in double precision; null where the text is not one, or not finite.

    Examples
    --------
    >>> as_numbers(pl.Series(["1.5", " 2e3", "<5", "nan", "1,5", None])).to_list()
    [1.5, 2000.0, None, None, None, None]
    """
    if series.dtype == pl.Boolean or series.dtype.is_numeric():
        numbers = series.cast(pl.Float64)
    else:
        text = series.cast(pl.String).str.strip_chars()
        if decimal == ",":
            text = text.str.replace(",", ".", literal=True)
        numbers = text.cast(pl.Float64, strict=False)
    name = pl.col(series.name)
    frame = numbers.to_frame()
    return frame.select(pl.when(name.is_finite()).then(name)).to_series()


def fits_float32(numbers: pl.Series) -> pl.Series:
    """Tell which numbers MEDS can hold; true where there is none."""
    return (numbers.abs() <= LARGEST_FLOAT32).fill_null(True)
