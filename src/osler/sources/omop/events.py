"""Rows of one table made into events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

import polars as pl

from osler.model import DEATH, as_events
from osler.model.events import END_OF_DAY
from osler.sources.base import LoadReport
from osler.sources.omop.concepts import NO_CONCEPT, Concepts, plain
from osler.sources.omop.identifiers import as_integers, column
from osler.sources.omop.persons import Persons
from osler.sources.omop.tables import DEATH_TABLE, EventTable
from osler.sources.soundness import refuse_each
from osler.sources.timestamps import MISSING_DATE, Times, read_times
from osler.sources.values import NOT_A_NUMBER, TOO_LARGE, as_numbers, as_text, fits_float32

NO_PERSON_ID = "no person_id"
UNKNOWN_PERSON = "person not in the person table"
NO_CODE = "neither concept nor source value"
LONG_CODE = "source value over 1000 bytes"

BEFORE_BIRTH = "before birth, kept"
AFTER_DEATH = "after death, kept"
END_BEFORE_START = "ends before it starts: end not kept"
END_UNREADABLE = "impossible or unreadable end not kept"
MIDNIGHT_TIME = time(0)
MIDNIGHT = "midnight taken as a date without a time"

SOURCE = "OMOP_SOURCE"
UNKNOWN_KIND = "UNKNOWN"
CAUSE = "CAUSE_OF_DEATH"
MOST_CODE_BYTES = 1000

# OMOP CDM v5.4, MEASUREMENT.operator_concept_id: "the meaning of Concept 4172703 for '=' is
# identical to omission of an operator_concept_id value".
EQUALS = 4172703


@dataclass(frozen=True)
class Converted:
    """What became of a batch of rows.

    Parameters
    ----------
    events
        MEDS events.
    codes
        Columns code, stem (without prefix and unit), id (concept), for the descriptions.
    """

    events: pl.DataFrame
    codes: pl.DataFrame


def convert(
    rows: pl.DataFrame, table: EventTable, persons: Persons, concepts: Concepts, report: LoadReport
) -> Converted:
    """Make events of a batch; count every row as loaded or refused."""
    frame = pl.concat(
        [persons.match(rows), _times(rows, table), _coded(rows, table, concepts)],
        how="horizontal",
    ).with_columns(_values(rows, table, concepts))
    reasons = _faults(frame, column(rows, "person_id"), table)
    refuse_each(reasons, report)
    kept = frame.filter(reasons.is_null())
    report.loaded += kept.height
    _notes(kept, table, report)
    if table is DEATH_TABLE:
        persons.add_deaths(kept.select("subject_id", pl.col("start").alias("death")))
    parts = _parts(kept, table)
    codes = pl.concat([part.select("code", "stem", "id") for part in parts])
    events = pl.concat([as_events(part) for part in parts])
    return Converted(events, codes)


def _times(rows: pl.DataFrame, table: EventTable) -> pl.DataFrame:
    start, midnight = _when(rows, table.start)
    ended = _when(rows, table.end)[0] if table.end else read_times(column(rows, None))
    times = pl.DataFrame(
        {
            "start": start.values,
            "start_fault": start.faults,
            "midnight": midnight,
            "end": ended.values,
            "end_bad": ended.bad,
        }
    )
    # A start known by its day alone counts from the end of that day; an end with a time on the
    # same day would otherwise come before it.
    same_day = pl.col("start").dt.date() == pl.col("end").dt.date()
    dated = pl.col("start").dt.time() == END_OF_DAY
    return times.with_columns(
        end=pl.when(same_day & dated).then(pl.max_horizontal("start", "end")).otherwise("end")
    )


def _when(rows: pl.DataFrame, stem: str) -> tuple[Times, pl.Series]:
    """Read a time, from the `_datetime` where it is filled, else from the `_date`.

    Where the time of day is not known the CDM leaves the time empty or fills it with midnight
    (https://github.com/OHDSI/Themis/issues/147), so midnight is a date without a time.
    """
    precise = read_times(column(rows, f"{stem}_datetime"))
    dated = read_times(column(rows, f"{stem}_date"))
    midnight = (precise.values.dt.time() == MIDNIGHT_TIME).fill_null(False)
    frame = pl.DataFrame(
        {
            "value": precise.values.zip_with(precise.values.is_not_null(), dated.values),
            "precise": precise.faults,
            "dated": dated.faults,
        }
    )
    whole_day = pl.col("value").dt.offset_by("1d") - pl.duration(microseconds=1)
    value = pl.when(pl.col("value").dt.time() == MIDNIGHT_TIME).then(whole_day).otherwise("value")
    fault = (
        pl.when(pl.col("value").is_not_null())
        .then(None)
        .when(pl.col("precise") == MISSING_DATE)
        .then("dated")
        .otherwise("precise")
    )
    read = frame.select(value.alias("value"), fault.alias("fault"))
    return Times(read["value"], read["fault"]), midnight


def _coded(rows: pl.DataFrame, table: EventTable, concepts: Concepts) -> pl.DataFrame:
    """Return columns stem, id, unit (what comes after the stem) and code_fault."""
    if not table.code_columns:
        nothing = column(rows, None)
        return pl.DataFrame({"stem": nothing, "id": nothing.cast(pl.Int64), "unit": nothing})
    named = _named(rows, table.concept, table.source, table.name, concepts)
    if not table.source_value_names:
        from_source = pl.col("id").is_null()
        named = named.with_columns(
            stem=pl.when(from_source).then(pl.lit(UNKNOWN_KIND)).otherwise("stem")
        )
    return named.with_columns(_unit(rows, table.unit, concepts))


def _named(
    rows: pl.DataFrame, concept: str | None, source: str | None, table: str, concepts: Concepts
) -> pl.DataFrame:
    """Return columns stem and id: the standard concept, else the source's, else its own words."""
    standard = _meant(column(rows, concept))
    own = _meant(column(rows, f"{source}_source_concept_id"))
    words = plain(as_text(column(rows, f"{source}_source_value")))
    ids = standard.zip_with(standard.is_not_null(), own)
    frame = pl.DataFrame({"code": concepts.code_of(ids), "words": words, "id": ids})
    spoken = pl.lit(f"{SOURCE}//{table}//") + pl.col("words")
    return frame.select(pl.coalesce("code", spoken).alias("stem"), "id")


def _meant(series: pl.Series) -> pl.Series:
    """Return concept ids without 0, which means that there is none."""
    ids = as_integers(series)
    return ids.zip_with((ids != NO_CONCEPT).fill_null(False), ids.clear(len(ids)))


def _unit(rows: pl.DataFrame, stem: str | None, concepts: Concepts) -> pl.Series:
    ids = _meant(column(rows, f"{stem}_concept_id"))
    frame = pl.DataFrame(
        {
            "described": concepts.unit_of(ids),
            "written": plain(as_text(column(rows, f"{stem}_source_value"))),
            "id": ids,
        }
    )
    unknown = pl.lit("OMOP:") + pl.col("id").cast(pl.String)
    return frame.select(pl.coalesce("described", "written", unknown).alias("unit")).to_series()


def _values(rows: pl.DataFrame, table: EventTable, concepts: Concepts) -> list[pl.Series]:
    """Return number, number_fault, text, end_text, cause and cause_id."""
    written = column(rows, table.number)
    numbers = as_numbers(written)
    faults = _number_faults(written, numbers)
    cause = _named(rows, "cause_concept_id", "cause", table.name, concepts)
    return [
        numbers.zip_with(fits_float32(numbers), numbers.clear(len(numbers))).rename("number"),
        faults.rename("number_fault"),
        _text(rows, table, concepts, numbers).rename("text"),
        _end_text(rows, table, concepts).rename("end_text"),
        cause["stem"].rename("cause"),
        cause["id"].rename("cause_id"),
    ]


def _number_faults(written: pl.Series, numbers: pl.Series) -> pl.Series:
    if written.dtype.is_numeric():
        unread = numbers.is_null() & written.is_not_null()
        if written.dtype.is_float():
            unread &= ~written.is_nan().fill_null(False)
        wrong, large = unread.clear(len(unread)), unread | ~fits_float32(numbers)
    else:
        wrong, large = as_text(written).is_not_null() & numbers.is_null(), ~fits_float32(numbers)
    return pl.select(
        pl.when(pl.lit(wrong))
        .then(pl.lit(NOT_A_NUMBER))
        .when(pl.lit(large))
        .then(pl.lit(TOO_LARGE))
    ).to_series()


def _text(
    rows: pl.DataFrame, table: EventTable, concepts: Concepts, numbers: pl.Series
) -> pl.Series:
    """Return what was found in words: a text, the name of a concept, `<` before a number."""
    if not table.value:
        return column(rows, None)
    answers = _meant(column(rows, "value_as_concept_id"))
    operators = _meant(column(rows, "operator_concept_id"))
    stated, written = (as_text(column(rows, name)) for name in ("value_as_string", table.text[-1]))
    frame = pl.DataFrame(
        {
            "number": numbers,
            "stated": stated,
            "answer": concepts.name_of(answers),
            "answer_code": concepts.code_of(answers),
            "operator": operators,
            "operator_name": concepts.name_of(operators),
            "operator_code": concepts.code_of(operators),
            "written": written,
        }
    )
    compared = pl.col("number").is_not_null() & (pl.col("operator") != EQUALS)
    operator = pl.when(compared).then(pl.coalesce("operator_name", "operator_code"))
    verbatim = pl.when(pl.col("number").is_null()).then("written")
    return frame.select(
        pl.coalesce("stated", "answer", "answer_code", operator, verbatim)
    ).to_series()


def _end_text(rows: pl.DataFrame, table: EventTable, concepts: Concepts) -> pl.Series:
    said = [column(rows, None)]
    for concept, source in table.end_text:
        ids = _meant(column(rows, concept))
        said += [concepts.name_of(ids), as_text(column(rows, source)), concepts.code_of(ids)]
    frame = pl.DataFrame([series.alias(str(place)) for place, series in enumerate(said)])
    return frame.select(pl.coalesce(pl.all())).to_series()


def _faults(frame: pl.DataFrame, written: pl.Series, table: EventTable) -> pl.Series:
    def told(reason: str) -> pl.Expr:
        return pl.lit(f"{table.name}: {reason}")

    needs_code = bool(table.code_columns)
    number = pl.lit(f"{table.name}: {table.number} is ") + pl.col("number_fault")
    return frame.select(
        pl.when(pl.lit(as_text(written).is_null()))
        .then(told(NO_PERSON_ID))
        .when(pl.col("subject_id").is_null())
        .then(told(UNKNOWN_PERSON))
        .when(pl.col("start_fault").is_not_null())
        .then(told("") + pl.col("start_fault"))
        .when(pl.lit(needs_code) & pl.col("stem").is_null())
        .then(told(NO_CODE))
        .when(pl.col("stem").str.len_bytes() > MOST_CODE_BYTES)
        .then(told(LONG_CODE))
        .when(pl.lit(table.value) & pl.col("number_fault").is_not_null())
        .then(number)
    ).to_series()


def _notes(kept: pl.DataFrame, table: EventTable, report: LoadReport) -> None:
    told = {
        BEFORE_BIRTH: pl.col("start") < pl.col("birth"),
        AFTER_DEATH: pl.col("start") > pl.col("death"),
        END_BEFORE_START: pl.col("end") < pl.col("start"),
        END_UNREADABLE: pl.col("end_bad"),
        MIDNIGHT: pl.col("midnight"),
        f"{table.number} not a number, not kept": pl.col("number_fault").is_not_null(),
    }
    counts = kept.select(**{what: rows.sum() for what, rows in told.items()}).row(0, named=True)
    for what, count in counts.items():
        report.note(f"{table.name}: {what}", count or 0)


def _parts(kept: pl.DataFrame, table: EventTable) -> list[pl.DataFrame]:
    """Return frames of events, with the columns of `Converted.codes` beside."""
    if table is DEATH_TABLE:
        cause = kept.filter(pl.col("cause").is_not_null())
        return [
            _part(kept, pl.lit(DEATH)),
            _part(cause, pl.lit(f"{CAUSE}//") + pl.col("cause"), stem="cause", concept="cause_id"),
        ]
    if table.end is None:
        prefix = f"{table.prefix}//" if table.prefix else ""
        unit = pl.when(pl.col("unit").is_not_null()).then(pl.lit("//") + pl.col("unit"))
        code = pl.lit(prefix) + pl.col("stem") + unit.fill_null("")
        return [_part(kept, code, value=True)]
    tail = (pl.lit("//") + pl.col("stem")).fill_null("")
    ended = kept.filter(pl.col("end") >= pl.col("start"))
    return [
        _part(kept, pl.lit(f"{table.prefix}_START") + tail),
        _part(ended, pl.lit(f"{table.prefix}_END") + tail, time="end", text="end_text"),
    ]


def _part(
    kept: pl.DataFrame,
    code: pl.Expr,
    *,
    time: str = "start",
    text: str = "text",
    stem: str = "stem",
    concept: str = "id",
    value: bool = False,
) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.Float64)
    return kept.select(
        "subject_id",
        pl.col(time).alias("time"),
        code.alias("code"),
        (pl.col("number") if value else nothing).alias("numeric_value"),
        pl.col(text).cast(pl.String).alias("text_value"),
        pl.coalesce(stem, code).alias("stem"),
        pl.col(concept).alias("id"),
    )
