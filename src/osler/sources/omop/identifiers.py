"""Integers of the CDM (persons, concepts), typed or as the text that tools make of them."""

from __future__ import annotations

import polars as pl

from osler.sources.values import as_text


def as_integers(series: pl.Series) -> pl.Series:
    """Return int64; null where there is no whole number within int64.

    A trailing `.0` is what data frame tools write for an integer column with gaps.

    Examples
    --------
    >>> as_integers(pl.Series(["8507", " 8532.0", "-7", "x", "", None])).to_list()
    [8507, 8532, -7, None, None, None]
    """
    if series.dtype.is_integer():
        return series.cast(pl.Int64, strict=False)
    if series.dtype.is_float() or series.dtype.is_decimal():
        name = pl.col(series.name)
        whole = pl.when(name.is_finite() & (name == name.floor())).then(name)
        frame = series.cast(pl.Float64).to_frame()
        return frame.select(whole.cast(pl.Int64, strict=False)).to_series()
    if series.null_count() == len(series):
        return pl.Series(series.name, [None], dtype=pl.Int64).new_from_index(0, len(series))
    numbers = series.cast(pl.String).cast(pl.Int64, strict=False)
    if numbers.null_count() == series.null_count():
        return numbers
    return as_text(series).str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)


def column(rows: pl.DataFrame, name: str | None) -> pl.Series:
    """Return a column of a batch; all null when the table has none of that name."""
    if name is not None and name in rows.columns:
        return rows[name]
    return pl.Series(name or "absent", [None], dtype=pl.String).new_from_index(0, rows.height)
