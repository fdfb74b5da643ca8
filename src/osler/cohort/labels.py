"""Labels on disk: MEDS labels for software that knows only yes and no, time to event beside them.

`labels/NAME.parquet` holds the columns of MEDS 0.4 labels, one file per horizon (`5y.parquet`) or
one `label.parquet`; `time_to_event.parquet` what MEDS has no column for:

| column | type | |
|---|---|---|
| `subject_id`, `prediction_time` | int64, timestamp[us] | as in the labels |
| `time` | float64 | days from the prediction to the first cause, or to the end of observation |
| `event` | int64 | 0 censored, 1, 2, … the causes in their order |
| `cause` | string | name of the cause; null when censored |
| `entry` | float64 | days from the prediction at which observation began |

Names of causes, horizons and units stand in the file's own metadata, as JSON under `osler`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import osler
from osler.cohort.build import Cohort
from osler.cohort.outcome import Horizon
from osler.errors import Fault, InputError
from osler.model import FORMAT_VERSION

LABELS = "labels"
TIME_TO_EVENT = "time_to_event.parquet"
ONLY_LABEL = "label"
ABOUT = b"osler"

# Source: https://github.com/Medical-Event-Data-Standard/meds, `meds/schema.py` of 0.4.1.
LABEL_SCHEMA = pa.schema(
    [
        pa.field("subject_id", pa.int64(), nullable=False),
        pa.field("prediction_time", pa.timestamp("us"), nullable=False),
        pa.field("boolean_value", pa.bool_()),
        pa.field("integer_value", pa.int64()),
        pa.field("float_value", pa.float32()),
        pa.field("categorical_value", pa.string()),
    ]
)
TIME_SCHEMA = pa.schema(
    [
        pa.field("subject_id", pa.int64(), nullable=False),
        pa.field("prediction_time", pa.timestamp("us"), nullable=False),
        pa.field("time", pa.float64(), nullable=False),
        pa.field("event", pa.int64(), nullable=False),
        pa.field("cause", pa.string()),
        pa.field("entry", pa.float64(), nullable=False),
    ]
)


def write_labels(cohort: Cohort, folder: Path, about: Mapping[str, str] | None = None) -> list[str]:
    """Write the labels of a cohort; return the names of the files, below `folder`.

    Parameters
    ----------
    cohort
        With a label, or with a time to event.
    folder
        Is made if it is not there.
    about
        Digests of what the cohort was made from, kept in the metadata of each file.

    Raises
    ------
    InputError
        If the cohort has no outcome.
    """
    timed = "cause" in cohort.rows.columns
    if not timed and "boolean_value" not in cohort.rows.columns:
        raise InputError(
            Fault("cohort", "no outcome", "a label in the task, or outcome: type: time-to-event")
        )
    written = {}
    if timed:
        horizons: tuple[Horizon | None, ...] = cohort.horizons or (None,)
        for horizon in horizons:
            name = _file_name(horizon.label) if horizon else ONLY_LABEL
            written[f"{LABELS}/{name}.parquet"] = (_by(cohort, horizon), LABEL_SCHEMA)
        written[TIME_TO_EVENT] = (_times(cohort), TIME_SCHEMA)
    else:
        plain = _keys(cohort).with_columns(cohort.rows["boolean_value"])
        written[f"{LABELS}/{ONLY_LABEL}.parquet"] = (plain, LABEL_SCHEMA)
    (folder / LABELS).mkdir(parents=True, exist_ok=True)
    told = _about(cohort, about or {})
    for name, (rows, schema) in written.items():
        _write(folder / name, rows, schema, told)
    return list(written)


def read_labels(path: Path) -> pl.DataFrame:
    """Read MEDS labels, of osler or of any other software.

    Returns
    -------
    pl.DataFrame
        `subject_id`, `prediction_time`, and the value columns of MEDS, null where the file has
        none; in the order of the file.

    Raises
    ------
    InputError
        If it is no such file.
    """
    return _read(path, LABEL_SCHEMA)[0]


def read_time_to_event(path: Path) -> Cohort:
    """Read times to event back as the cohort that was written, without its flow.

    Parameters
    ----------
    path
        The file, or the folder it lies in.

    Raises
    ------
    InputError
        If it is no such file, one of a newer osler, or its rows contradict each other.
    """
    place = path / TIME_TO_EVENT if path.is_dir() else path
    rows, about = _read(place, TIME_SCHEMA)
    causes = tuple(str(one) for one in about.get("causes") or ())
    horizons = tuple(Horizon(str(a), float(b)) for a, b in about.get("horizons") or ())
    _check(place, rows, causes, about)
    kept = rows.select(
        "subject_id",
        "prediction_time",
        pl.col("time").alias("duration_days"),
        pl.col("event").alias("cause"),
        pl.col("entry").alias("entry_days"),
    )
    return Cohort(kept, (), causes, horizons)


def _file_name(label: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in label)


def _keys(cohort: Cohort) -> pl.DataFrame:
    return cohort.rows.select("subject_id", "prediction_time")


def _by(cohort: Cohort, horizon: Horizon | None) -> pl.DataFrame:
    """Whether the event came by a horizon; null where observation ended before without any."""
    cause, days = cohort.rows["cause"].to_numpy(), cohort.rows["duration_days"].to_numpy()
    limit = np.inf if horizon is None else horizon.days
    event = (cause == 1) & (days <= limit)
    known = (cause > 0) | (days >= limit)
    value = pl.Series("boolean_value", event)
    return _keys(cohort).with_columns(
        pl.when(pl.Series(known)).then(value).otherwise(None).alias("boolean_value")
    )


def _times(cohort: Cohort) -> pl.DataFrame:
    rows = cohort.rows
    names = pl.Series([None, *cohort.causes], dtype=pl.String)
    return _keys(cohort).with_columns(
        time=rows["duration_days"].cast(pl.Float64),
        event=rows["cause"].cast(pl.Int64),
        cause=names.gather(rows["cause"]),
        entry=rows["entry_days"].cast(pl.Float64),
    )


def _about(cohort: Cohort, digests: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "software": f"osler {osler.__version__}",
        "units": {"time": "days", "entry": "days"},
        "causes": list(cohort.causes),
        "horizons": [[one.label, one.days] for one in cohort.horizons],
        "inputs": dict(digests),
    }


def _write(path: Path, rows: pl.DataFrame, schema: pa.Schema, about: dict[str, Any]) -> None:
    columns = [
        rows[field.name].to_arrow().cast(field.type)
        if field.name in rows.columns
        else pa.nulls(rows.height, field.type)
        for field in schema
    ]
    named = schema.with_metadata({ABOUT: json.dumps(about).encode()})
    pq.write_table(pa.Table.from_arrays(columns, schema=named), path)


def _read(path: Path, schema: pa.Schema) -> tuple[pl.DataFrame, dict[str, Any]]:
    if not path.is_file():
        raise InputError(Fault(path.name, "no such file", "a Parquet file of labels"))
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            Fault(path.name, "no sound Parquet", "a Parquet file of labels")
        ) from error
    needed = [field.name for field in schema if not field.nullable]
    absent = [name for name in needed if name not in table.column_names]
    if absent:
        raise InputError(
            Fault(f"{path.name}: {name}", "no such column", "a file of labels") for name in absent
        )
    columns = [_column(table, field, path.name) for field in schema]
    frame = pl.DataFrame(pa.Table.from_arrays(columns, names=schema.names))
    return frame, _told(path, table.schema.metadata or {})


def _column(table: pa.Table, field: pa.Field, name: str) -> Any:
    if field.name not in table.column_names:
        return pa.nulls(table.num_rows, field.type)
    given, where = table[field.name], f"{name}: {field.name}"
    try:
        column = given.cast(field.type)
    except pa.ArrowException as error:
        raise InputError(Fault(where, str(given.type), str(field.type))) from error
    if not field.nullable and column.null_count:
        raise InputError(Fault(where, "missing values", "none"))
    return column


def _told(path: Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    if ABOUT not in metadata:
        return {}
    try:
        about = json.loads(metadata[ABOUT])
        version = about.get("format_version", 0)
        newer = version > FORMAT_VERSION
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(Fault(path.name, "metadata that are not osler's", "JSON")) from error
    if newer:
        came, expected = f"format {version}", f"at most {FORMAT_VERSION}"
        raise InputError(Fault(path.name, came, expected, "update osler"))
    return dict(about)


def _check(
    path: Path, rows: pl.DataFrame, causes: tuple[str, ...], about: Mapping[str, Any]
) -> None:
    faults = []
    units = about.get("units") or {}
    if units.get("time") != "days":
        faults.append(Fault(f"{path.name}: time", "no unit, or another one", "days, in metadata"))
    if not rows["event"].is_between(0, len(causes)).all():
        came = "a number that is no cause"
        faults.append(Fault(f"{path.name}: event", came, f"0 to {len(causes)}"))
    names = pl.Series([None, *causes], dtype=pl.String)
    if not faults and not names.gather(rows["event"]).eq_missing(rows["cause"]).all():
        faults.append(Fault(f"{path.name}: cause", "another name than that of event", "the same"))
    for name in ("time", "entry"):
        sound = rows[name].is_finite() & (rows[name] >= 0)
        if not sound.all():
            faults.append(Fault(f"{path.name}: {name}", "a time below 0 or none", "days from 0"))
    if faults:
        raise InputError(faults)
