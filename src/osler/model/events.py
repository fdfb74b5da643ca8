"""Events: the rows of MEDS 0.4, names and types unchanged.

Source: Medical Event Data Standard 0.4, schema `DataSchema` and `CodeMetadataSchema`
(https://github.com/Medical-Event-Data-Standard/meds).
"""

from __future__ import annotations

from datetime import date, datetime, time

import polars as pl

from osler.errors import Fault, InputError

BIRTH = "MEDS_BIRTH"
DEATH = "MEDS_DEATH"

EVENT_SCHEMA = pl.Schema(
    {
        "subject_id": pl.Int64(),
        "time": pl.Datetime("us"),
        "code": pl.String(),
        "numeric_value": pl.Float32(),
        "text_value": pl.String(),
    }
)

CODE_COLUMNS = pl.Schema(
    {"code": pl.String(), "description": pl.String(), "parent_codes": pl.List(pl.String())}
)

# MEDS 0.3 wrote the same columns but left `text_value` and sometimes `numeric_value` out.
OPTIONAL_COLUMNS = ("numeric_value", "text_value")

END_OF_DAY = time(23, 59, 59, 999999)


def end_of_day(day: date) -> datetime:
    """Return the last microsecond of a day: when something known only by its date is known.

    Examples
    --------
    >>> end_of_day(date(2020, 1, 31)).isoformat()
    '2020-01-31T23:59:59.999999'
    """
    return datetime.combine(day, END_OF_DAY)


def empty_events() -> pl.DataFrame:
    """Return a frame of events without rows."""
    return pl.DataFrame(schema=EVENT_SCHEMA)


def as_events(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the MEDS columns in order and type, from columns in any order.

    Missing `numeric_value` or `text_value` (MEDS 0.3) become null; further columns are left out.

    Raises
    ------
    InputError
        If a required column is absent or cannot be of its type; all such faults at once.
    """
    faults = [
        Fault(f"column {name}", "absent", f"the MEDS column of type {kind}")
        for name, kind in EVENT_SCHEMA.items()
        if name not in frame.columns and name not in OPTIONAL_COLUMNS
    ]
    if faults:
        raise InputError(faults)
    columns = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in EVENT_SCHEMA.items()
    ]
    try:
        return frame.select(columns)
    except pl.exceptions.PolarsError as error:
        came = ", ".join(f"{name} {kind}" for name, kind in frame.schema.items())
        raise InputError(
            Fault("events", f"columns of type {came}", f"MEDS types {dict(EVENT_SCHEMA)}")
        ) from error


def sort_events(events: pl.DataFrame) -> pl.DataFrame:
    """Sort by subject and time, static events first, equal times in their given order."""
    return events.sort("subject_id", "time", nulls_last=False, maintain_order=True)


def validate_events(events: pl.DataFrame, codes: pl.DataFrame | None = None) -> list[Fault]:
    """Return every way in which the frame is not a sound MEDS shard; empty when it is sound.

    Parameters
    ----------
    events
        Rows with the MEDS columns, in the order in which they are stored.
    codes
        Code metadata with a column `code`; when given, every code must be described there.
    """
    faults = [
        Fault(
            f"column {name}",
            "absent" if name not in events.columns else f"type {events.schema[name]}",
            f"type {kind}",
        )
        for name, kind in EVENT_SCHEMA.items()
        if events.schema.get(name) != kind
    ]
    if faults:
        return faults
    for name in ("subject_id", "code"):
        missing = events[name].null_count()
        if missing:
            faults.append(Fault(f"column {name}", f"{missing} rows without a value", "none"))
    out_of_order = events.select(_out_of_order()).item()
    if out_of_order:
        faults.append(
            Fault(
                "rows",
                f"{out_of_order} rows out of order",
                "order by subject_id, time, static first",
            )
        )
    if codes is not None:
        bare = events.select(pl.col("code").unique()).join(codes, on="code", how="anti").height
        if bare:
            faults.append(Fault("codes", f"{bare} codes without a description row", "one row each"))
    return faults


def _out_of_order() -> pl.Expr:
    same = pl.col("subject_id") == pl.col("subject_id").shift()
    earlier = (pl.col("time") < pl.col("time").shift()) | (
        pl.col("time").is_null() & pl.col("time").shift().is_not_null()
    )
    split_subject = (~same).fill_null(True).sum() - pl.col("subject_id").n_unique()
    return (same & earlier).sum() + split_subject
