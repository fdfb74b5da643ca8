"""Decisions as events: what a model said, whether it was seen, and what was done."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import polars as pl

from osler.errors import Fault, InputError
from osler.model import as_events
from osler.sources.timestamps import read_times
from osler.vault.subjects import SubjectNames

VOCABULARY = "DECISION"
SHOWN, SILENT = "shown", "silent"
# Choices that leave care as it would have been.
NOTHING = frozenset({"none", "nothing", "usual care", "no change"})
COLUMNS = ("subject", "time", "prediction", "shown", "options", "choice", "override_reason")
NEEDED = ("subject", "time", "prediction", "shown", "choice")
TRUE, FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
MOST_BYTES = 200_000_000
LONGEST_CHOICE = 200
RUN_DIGITS = 16

NO_SUBJECT = "no subject, or one that is not in the vault"
NO_TIME = "no time, or none that can be read"
NO_PREDICTION = "no prediction between 0 and 1"
NOT_SHOWN_OR_NOT = "neither shown nor not"
NO_CHOICE = "no choice, or one with control characters or over 200 letters"


@dataclass(frozen=True)
class Decisions:
    """What a file of decisions gave.

    Parameters
    ----------
    events
        `EVENT_SCHEMA`: code ``DECISION//<run>//shown|silent//<choice>``, the prediction as number,
        options and reason as JSON text.
    read
        Rows of the file.
    why
        Rows refused, by reason.
    """

    events: pl.DataFrame
    read: int
    why: dict[str, int]


def read_decisions(path: Path) -> pl.DataFrame:
    """Read a CSV or JSON-lines file as texts, one column for each of `COLUMNS`.

    Raises
    ------
    InputError
        If it cannot be read, lacks a column, or has one that is not known.
    """
    if not path.is_file():
        raise InputError(Fault(str(path), "no such file", "decisions as .csv or .jsonl"))
    content = path.read_bytes()
    if len(content) > MOST_BYTES:
        raise InputError(Fault(str(path), f"over {MOST_BYTES:,} bytes", "a smaller file"))
    try:
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            frame = _json_lines(content)
        else:
            frame = pl.read_csv(BytesIO(content), infer_schema=False)
    except (pl.exceptions.PolarsError, ValueError, RecursionError) as error:
        raise InputError(
            Fault(str(path), "text that is no table", "a header, then one decision a line")
        ) from error
    absent = [name for name in NEEDED if name not in frame.columns]
    strange = [name for name in frame.columns if name not in COLUMNS]
    faults = [Fault(str(path), f"no column {name}", ", ".join(COLUMNS)) for name in absent]
    faults += [
        Fault(str(path), f"column {number + 1} with an unknown name", ", ".join(COLUMNS))
        for number, name in enumerate(frame.columns)
        if name in strange
    ]
    if faults:
        raise InputError(faults)
    missing = [pl.lit(None, pl.String).alias(one) for one in COLUMNS if one not in frame.columns]
    return frame.with_columns(missing).select(COLUMNS)


def _json_lines(content: bytes) -> pl.DataFrame:
    rows = []
    for line in content.decode("utf-8").splitlines():
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("a line that is no object")
            rows.append({key: _text(value) for key, value in row.items()})
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return ";".join(str(one) for one in value)
    return str(value)


def events_of(table: pl.DataFrame, run: str, subjects: SubjectNames, known: pl.Series) -> Decisions:
    """Return the decisions as events, and how many rows were refused and why.

    Parameters
    ----------
    table
        Out of `read_decisions`.
    run
        Digest of the run whose model spoke.
    subjects, known
        Names of the vault's subjects, and the ids that it holds.
    """
    ids = _ids(table["subject"].str.strip_chars(), subjects, known)
    frame = table.with_columns(
        subject_id=ids,
        at=read_times(table["time"]).values,
        chance=table["prediction"].cast(pl.Float64, strict=False),
        seen=table["shown"].str.strip_chars().str.to_lowercase(),
        done=table["choice"].str.strip_chars(),
    )
    wrong = pl.Series("why", [None] * table.height, dtype=pl.String)
    for why, sound in (
        (NO_SUBJECT, frame["subject_id"].is_in(known.implode()).fill_null(False)),
        (NO_TIME, frame["at"].is_not_null()),
        (NO_PREDICTION, frame["chance"].is_between(0, 1).fill_null(False)),
        (NOT_SHOWN_OR_NOT, frame["seen"].is_in([*TRUE, *FALSE]).fill_null(False)),
        (NO_CHOICE, _readable(frame["done"])),
    ):
        told = pl.select(pl.when(~sound & wrong.is_null()).then(pl.lit(why)).otherwise(wrong))
        wrong = told.to_series()
    counted = Counter(one for one in wrong.to_list() if one is not None)
    kept = frame.filter(wrong.is_null())
    shown = pl.when(pl.col("seen").is_in(list(TRUE))).then(pl.lit(SHOWN)).otherwise(pl.lit(SILENT))
    said = [
        json.dumps({"options": (options or "").split(";"), "override_reason": reason})
        for options, reason in zip(kept["options"], kept["override_reason"], strict=True)
    ]
    events = kept.select(
        "subject_id",
        pl.col("at").alias("time"),
        pl.format(f"{VOCABULARY}//{run[:RUN_DIGITS]}//{{}}//{{}}", shown, "done").alias("code"),
        pl.col("chance").alias("numeric_value"),
        pl.Series("text_value", said, dtype=pl.String),
    )
    return Decisions(as_events(events), table.height, dict(counted))


def _ids(written: pl.Series, subjects: SubjectNames, known: pl.Series) -> pl.Series:
    """Return the vault's own ids as they are, and for any other text the id that it was given."""
    own = written.cast(pl.Int64, strict=False)
    is_own = own.is_in(known.implode()).fill_null(False)
    named = subjects.of(pl.select(pl.when(~is_own).then(written)).to_series()).cast(pl.Int64)
    return pl.select(pl.when(is_own).then(own).otherwise(named)).to_series()


def _readable(choices: pl.Series) -> pl.Series:
    lengths = choices.str.len_chars().is_between(1, LONGEST_CHOICE)
    clean = ~choices.str.contains(r"[\p{C}/]")
    return (lengths & clean).fill_null(False)


def decided(events: pl.DataFrame, run: str) -> pl.DataFrame:
    """Return the decisions of a run among events, in order of time.

    Returns
    -------
    pl.DataFrame
        `subject_id`, `time`, `prediction`, `shown`, `choice`, `acted`: whether it was shown and
        care was not left as it would have been.
    """
    prefix = f"{VOCABULARY}//{run[:RUN_DIGITS]}//"
    own = events.filter(pl.col("code").cast(pl.String).str.starts_with(prefix))
    parts = pl.col("code").cast(pl.String).str.strip_prefix(prefix).str.splitn("//", 2)
    return (
        own.select(
            "subject_id",
            "time",
            pl.col("numeric_value").cast(pl.Float64).alias("prediction"),
            (parts.struct[0] == SHOWN).alias("shown"),
            parts.struct[1].alias("choice"),
        )
        .with_columns(
            acted=pl.col("shown") & ~pl.col("choice").str.to_lowercase().is_in(sorted(NOTHING))
        )
        .sort("time", "subject_id")
    )
