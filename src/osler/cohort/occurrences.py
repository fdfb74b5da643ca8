"""When predicates occur around the prediction of rows that a task has found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from osler.cohort.document import TaskLike, load_document
from osler.cohort.grammar import read_task
from osler.cohort.moments import NEVER, Ints, Moments, blocks, gather
from osler.cohort.reading import Reading
from osler.errors import InputError

NEXT, LAST_BEFORE = "next", "last_before"


def occurrences(
    events: pl.DataFrame, task: TaskLike, rows: pl.DataFrame, names: Sequence[str]
) -> pl.DataFrame:
    """Return when each predicate next occurs at or after each row's prediction, and last before.

    Parameters
    ----------
    events
        MEDS columns in any order.
    task
        Path of a task file, its YAML text, or the mapping in it; defines the predicates.
    rows
        `subject_id` and `prediction_time`, in any order.
    names
        Predicates of the task.

    Returns
    -------
    pl.DataFrame
        One line per row, in the order given; for each name the columns `NAME|next` (at or after
        the prediction) and `NAME|last_before` (strictly before it), null where there is none.

    Raises
    ------
    InputError
        If a predicate is not defined, or has no time of its own.
    """
    reading = Reading("task", tuple({*events.columns, "numeric_value", "text_value"}))
    read = read_task(load_document(task), reading, names)
    if read is not None:
        for name in names:
            if name not in read.predicates or name in read.conditions:
                reading.fault(f"predicates.{name}", "no event in time", "a predicate with a time")
    if read is None or reading.faults:
        raise InputError(reading.faults)
    asked = rows.select("subject_id", "prediction_time").with_row_index("row")
    parts = [
        _around(gather(block, read.predicates), asked, names)
        for block in blocks(events, read.predicates)
    ]
    found = pl.concat(parts)
    return asked.join(found, on="row", how="left", maintain_order="left").drop(
        "row", "subject_id", "prediction_time"
    )


def _around(moments: Moments, asked: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    own = asked.filter(pl.col("subject_id").is_in(moments.subject_ids)).sort("subject_id")
    subject = np.searchsorted(moments.subject_ids, own["subject_id"].to_numpy()).astype(np.int64)
    at = own["prediction_time"].cast(pl.Datetime("us")).to_physical().to_numpy()
    columns = {"row": own["row"]}
    for name in names:
        columns[f"{name}|{NEXT}"] = _moment(moments.next_time(name, subject, at, after=False))
        before = moments.previous_time(name, subject, at, before=True)
        columns[f"{name}|{LAST_BEFORE}"] = _moment(before)
    return pl.DataFrame(columns)


def _moment(time_us: Ints) -> pl.Series:
    known = pl.Series(np.where(time_us == NEVER, 0, time_us), dtype=pl.Int64)
    missing = pl.Series(time_us == NEVER)
    return pl.select(pl.when(~missing).then(known).cast(pl.Datetime("us"))).to_series()
