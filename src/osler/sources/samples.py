"""The sample map: which sample is whose, and when its result was reported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from osler.errors import Fault, InputError
from osler.sources.base import LoadReport, SubjectIds
from osler.sources.delimited import delimited_header, read_delimited
from osler.sources.files import is_parquet, parquet_batches, parquet_columns, require_file
from osler.sources.timestamps import read_times
from osler.sources.values import as_text

SAMPLE_NAMES = ("sample", "sample_id", "tumor_sample_barcode")
SUBJECT_NAMES = ("subject_id", "subject", "patient_id")
TIME_NAMES = ("time", "time_reported", "reported", "date", "date_reported")

_BATCH_ROWS = 1_000_000


@dataclass(frozen=True)
class SampleMap:
    """Samples with their subject and the time at which the result was reported.

    Parameters
    ----------
    rows
        Columns sample (unique), subject_id (int64), time (null where not given: static).
    """

    rows: pl.DataFrame

    @classmethod
    def read(cls, path: Path, subjects: SubjectIds) -> SampleMap:
        """Read a CSV, TSV or Parquet with the columns sample, subject_id, time.

        Raises
        ------
        InputError
            If a column is absent, a sample has no name, no subject or two, or a time cannot be
            read; all at once, counted, since the rows name patients.
        """
        require_file(path)
        names = _columns(path)
        table = _read(path)
        columns = {name: as_text(table[column]) for name, column in names.items()}
        times = read_times(table[names["time"]]) if "time" in names else None
        rows = pl.DataFrame(
            {
                "sample": columns["sample"],
                "subject_id": subjects.of(columns["subject_id"]).cast(pl.Int64),
                "time": times.values
                if times
                else pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, table.height),
            }
        ).unique(maintain_order=True)
        bad_times = int(times.bad.sum()) if times else 0
        faults = _faults(rows, bad_times, path.name)
        if faults:
            raise InputError(faults)
        return cls(rows)

    @classmethod
    def of_names(cls, samples: pl.Series, subjects: SubjectIds) -> SampleMap:
        """Take the names of samples for subjects, without a time."""
        names = samples.drop_nulls().unique(maintain_order=True)
        nothing = pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(names))
        ids = subjects.of(names).cast(pl.Int64)
        return cls(pl.DataFrame({"sample": names, "subject_id": ids, "time": nothing}))


def _read(path: Path) -> pl.DataFrame:
    report = LoadReport()
    if is_parquet(path):
        batches = list(parquet_batches(path, _BATCH_ROWS))
    else:
        batches = list(read_delimited(path, report, batch_rows=_BATCH_ROWS))
    faults = [Fault(path.name, f"{n} rows with {why}", "none") for why, n in report.why.items()]
    if faults:
        raise InputError(faults)
    if not batches:
        raise InputError(Fault(path.name, "no rows", "a row per sample"))
    return pl.concat(batches)


def _columns(path: Path) -> dict[str, str]:
    present = parquet_columns(path) if is_parquet(path) else delimited_header(path).columns
    plain = {column.strip().lower().replace(" ", "_"): column for column in present}
    found: dict[str, str] = {}
    faults = []
    for name, spellings, needed in (
        ("sample", SAMPLE_NAMES, True),
        ("subject_id", SUBJECT_NAMES, True),
        ("time", TIME_NAMES, False),
    ):
        column = next((plain[spelling] for spelling in spellings if spelling in plain), None)
        if column is not None:
            found[name] = column
        elif needed:
            expected = "a header with sample, subject_id and time"
            faults.append(Fault(f"{path.name}, column {name}", "absent", expected))
    if faults:
        raise InputError(faults)
    return found


def _faults(rows: pl.DataFrame, bad_times: int, where: str) -> list[Fault]:
    checks = (
        (rows["sample"].null_count(), "rows without a sample", "a name each"),
        (rows["subject_id"].null_count(), "samples without a subject", "one each"),
        (
            rows["sample"].drop_nulls().is_duplicated().sum(),
            "rows that repeat a sample with another subject or time",
            "each sample once",
        ),
        (bad_times, "times that cannot be read", "ISO 8601 dates or times"),
    )
    return [Fault(where, f"{count} {what}", expected) for count, what, expected in checks if count]
