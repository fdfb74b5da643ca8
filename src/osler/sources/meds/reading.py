"""Reading MEDS: version 0.4 as it is, 0.3 and older spellings of its columns too.

Rows out of order, subjects spread over files, and codes without a description do no harm to a
vault, which sorts and shards anew: they are told in the notes. `validate_dataset` finds them as
faults.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import polars as pl

from osler.errors import InputError
from osler.model import as_events, empty_events
from osler.sources.base import Batch, Request
from osler.sources.files import parquet_batches
from osler.sources.meds.layout import Layout, Spelling
from osler.sources.meds.validation import Order, fatal_faults
from osler.sources.soundness import Duplicates, Lifespans, refuse_each
from osler.sources.timestamps import MISSING_DATE, read_times
from osler.sources.values import NOT_A_NUMBER, TOO_LARGE, as_numbers, as_text, fits_float32

NO_SUBJECT = "no subject"
NO_CODE = "no code"
UNSORTED = "files not in order of subject and time: sorted"
SPREAD = "subjects in more than one file: joined"
UNDESCRIBED = "codes without a description"


class MedsSource:
    """Reads a MEDS dataset or one Parquet file of MEDS events."""

    name: ClassVar[str] = "meds"
    describes: ClassVar[str] = "a MEDS dataset (folder) or one Parquet file of MEDS events"

    def files(self, path: Path) -> list[Path]:
        """Return the shards and the metadata files.

        Raises
        ------
        InputError
            If there is no Parquet file of events.
        """
        layout = Layout.of(path)
        return [*layout.shards, *layout.metadata.values()]

    def read(self, request: Request) -> Iterator[Batch]:
        """Yield the events file by file.

        Raises
        ------
        InputError
            If a file is damaged or has not the columns of MEDS, or a subject is in two splits;
            all such faults at once, before the first batch.
        """
        layout = Layout.of(request.path)
        faults = fatal_faults(layout)
        if faults:
            raise InputError(faults)
        codes = layout.codes()
        if codes is not None:
            yield Batch(empty_events(), codes)
        reading = _Reading(request, codes)
        for shard in layout.shards:
            yield from reading.shard(shard, Spelling.of(shard, layout.name_of(shard)))
        reading.tell()


class _Reading:
    """What is known so far of the dataset that is being read."""

    def __init__(self, request: Request, codes: pl.DataFrame | None) -> None:
        self._request = request
        self._described = None if codes is None else codes["code"]
        self._duplicates, self._lifespans = Duplicates(), Lifespans()
        self._codes: set[str] = set()
        self._subjects = pl.Series("subject_id", dtype=pl.Int64)

    def shard(self, shard: Path, spelling: Spelling) -> Iterator[Batch]:
        report = self._request.report
        order, rows_read = Order(), 0
        columns = list(spelling.names.values())
        for rows in parquet_batches(shard, self._request.batch_rows, columns):
            rows_read += rows.height
            events = events_of(rows, spelling.names, self._request)
            if events.height:
                order.add(events)
                self._look_at(events)
                yield Batch(events)
        for column in spelling.others:
            report.note(f"values of the further column {column!r} not kept", rows_read)
        report.note(UNSORTED, int(not order.sound()))
        subjects = order.subjects()
        report.note(SPREAD, int(subjects.is_in(self._subjects.implode()).sum()))
        self._subjects = pl.concat([self._subjects, subjects]).unique()

    def _look_at(self, events: pl.DataFrame) -> None:
        self._request.report.loaded += events.height
        self._duplicates.add(events)
        self._lifespans.add(events)
        self._codes.update(events["code"].unique())

    def tell(self) -> None:
        report = self._request.report
        self._duplicates.note(report)
        self._lifespans.note(report)
        if self._described is not None:
            report.note(UNDESCRIBED, len(self._codes - set(self._described)))


def events_of(rows: pl.DataFrame, names: dict[str, str], request: Request) -> pl.DataFrame:
    """Make MEDS events of the rows that can be, and count the others as refused.

    Parameters
    ----------
    names
        MEDS name to the name of the column in `rows`.
    """
    times = read_times(rows[names["time"]])
    numbers, texts, value_faults = _values(rows, names)
    frame = pl.DataFrame(
        {
            "subject_id": _subject_ids(rows[names["subject_id"]], request),
            "time": times.values,
            # As it stands, blanks at its ends too: other tables of the dataset refer to it so.
            "code": rows[names["code"]].cast(pl.String),
            "numeric_value": numbers,
            "text_value": texts,
            # Without a time an event is static: that is MEDS, not a fault.
            "time_fault": times.faults.replace(MISSING_DATE, None),
            "value_fault": value_faults,
        }
    )
    reasons = frame.select(
        pl.when(pl.col("subject_id").is_null())
        .then(pl.lit(NO_SUBJECT))
        .when(pl.col("code").is_null() | (pl.col("code").str.strip_chars() == ""))
        .then(pl.lit(NO_CODE))
        .otherwise(pl.coalesce("time_fault", "value_fault"))
    ).to_series()
    refuse_each(reasons, request.report)
    return as_events(frame.filter(reasons.is_null()))


def _subject_ids(written: pl.Series, request: Request) -> pl.Series:
    if written.dtype.is_integer():
        return written.cast(pl.Int64, strict=False)
    return request.subjects.of(as_text(written)).cast(pl.Int64)


def _values(rows: pl.DataFrame, names: dict[str, str]) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Return numbers, texts, and what is wrong with a value (null where nothing is)."""
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
    texts = rows[names["text_value"]].cast(pl.String) if "text_value" in names else nothing
    if "numeric_value" not in names:
        return nothing.cast(pl.Float64), texts, nothing
    written = rows[names["numeric_value"]]
    numbers = as_numbers(written)
    if written.dtype == pl.Null:
        return numbers, texts, nothing
    if written.dtype.is_numeric():
        unread = written.is_not_null() & numbers.is_null()
        if written.dtype.is_float():
            unread &= ~written.is_nan().fill_null(False)
        faults = _where(unread | ~fits_float32(numbers), TOO_LARGE)
        return numbers, texts, faults
    stated = as_text(written)
    unread = stated.is_not_null() & numbers.is_null()
    free = unread & texts.is_null()
    faults = _where(unread & ~free, NOT_A_NUMBER)
    return numbers, texts.zip_with(~free, stated), faults


def _where(rows: pl.Series, reason: str) -> pl.Series:
    return pl.select(pl.when(rows).then(pl.lit(reason))).to_series()
