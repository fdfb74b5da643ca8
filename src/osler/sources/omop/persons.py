"""The table `person`: whom there is, when they were born, and what does not change in them."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from osler.model import BIRTH, EVENT_SCHEMA
from osler.sources.base import LoadReport, SubjectIds
from osler.sources.omop.concepts import Concepts, plain
from osler.sources.omop.identifiers import as_integers, column
from osler.sources.soundness import refuse_each
from osler.sources.timestamps import read_times
from osler.sources.values import as_text

NO_PERSON_ID = "person: no person_id"
REPEATED = "person: person_id more than once"
CONTRADICTED = "person: person_id more than once, births differ"
NOTHING_KNOWN = "person: neither birth nor gender, race or ethnicity"
BIRTH_UNREADABLE = "person: impossible or unreadable birth not kept"
BIRTH_CONTRADICTS = "person: birth_datetime in another year than year_of_birth"

# Accepted concepts of PERSON.gender_concept_id, OMOP CDM v5.4; they are MALE and FEMALE.
GENDERS = {8507: "M", 8532: "F"}

KNOWN_SCHEMA = pl.Schema({"key": pl.String(), "subject_id": pl.Int64(), "birth": pl.Datetime("us")})


@dataclass
class Persons:
    """Who was found, for the rows of the other tables to be matched with.

    Parameters
    ----------
    known
        `key` (the person_id as plain text), `subject_id` and `birth`.
    deaths
        `subject_id` and `death`, filled once the table of deaths is read.
    """

    known: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=KNOWN_SCHEMA))
    deaths: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"subject_id": pl.Int64, "death": pl.Datetime("us")}
        )
    )

    def add(
        self, rows: pl.DataFrame, concepts: Concepts, subjects: SubjectIds, report: LoadReport
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Take a batch of the table.

        Returns
        -------
        events
            Births and static events.
        codes
            Columns code, stem, id.
        """
        frame = pl.DataFrame({"key": keys_of(rows), "birth": _births(rows, report)})
        frame = frame.with_columns(_static(rows, concepts)).with_row_index("row")
        reasons = self._faults(frame)
        refuse_each(reasons, report)
        # Someone of whom nothing is known still owns rows in other tables.
        present = frame.filter(reasons.is_null() | (reasons == NOTHING_KNOWN).fill_null(False))
        present = present.with_columns(subject_id=_subject_ids(present["key"], subjects))
        self.known = pl.concat([self.known, present.select(list(KNOWN_SCHEMA))])
        kept = present.filter(pl.col("row").is_in(frame["row"].filter(reasons.is_null()).implode()))
        report.loaded += kept.height
        return _events(kept), _codes(rows, concepts)

    def add_deaths(self, deaths: pl.DataFrame) -> None:
        """Remember when subjects died: columns subject_id, death."""
        self.deaths = (
            pl.concat([self.deaths, deaths]).group_by("subject_id").agg(pl.col("death").max())
        )

    def match(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return key, subject_id, birth and death for every row, in order; null if unknown."""
        asked = pl.DataFrame({"key": keys_of(rows)})
        found = asked.join(self.known, on="key", how="left", maintain_order="left")
        return found.join(self.deaths, on="subject_id", how="left", maintain_order="left")

    def _faults(self, frame: pl.DataFrame) -> pl.Series:
        before = self.known.select("key", pl.col("birth").alias("earlier"))
        first = pl.col("birth").first().over("key")
        seen = frame.join(before, on="key", how="left", maintain_order="left").with_columns(
            earlier=pl.coalesce("earlier", first),
            repeated=(pl.int_range(pl.len()).over("key") > 0)
            | pl.col("key").is_in(before["key"].implode()),
        )
        nothing = pl.all_horizontal(pl.col("birth", *STATIC).is_null())
        return seen.select(
            pl.when(pl.col("key").is_null())
            .then(pl.lit(NO_PERSON_ID))
            .when(pl.col("repeated") & pl.col("birth").ne_missing(pl.col("earlier")))
            .then(pl.lit(CONTRADICTED))
            .when("repeated")
            .then(pl.lit(REPEATED))
            .when(nothing)
            .then(pl.lit(NOTHING_KNOWN))
        ).to_series()


STATIC = ("gender", "race", "ethnicity")


def keys_of(rows: pl.DataFrame) -> pl.Series:
    """Return person ids as text, a whole number always written the same way."""
    written = column(rows, "person_id")
    numbers = as_integers(written)
    return pl.select(
        pl.coalesce(pl.lit(numbers).cast(pl.String), pl.lit(as_text(written))).alias("key")
    ).to_series()


def _subject_ids(keys: pl.Series, subjects: SubjectIds) -> pl.Series:
    numbers = keys.cast(pl.Int64, strict=False)
    if not numbers.null_count():
        return numbers
    return subjects.of(keys).cast(pl.Int64)


def _births(rows: pl.DataFrame, report: LoadReport) -> pl.Series:
    stated = read_times(column(rows, "birth_datetime"), birth=True)
    parts = {part: as_integers(column(rows, f"{part}_of_birth")) for part in _BIRTH_PARTS}
    year, month, day = (pl.col(part).cast(pl.String) for part in _BIRTH_PARTS)
    text = pl.DataFrame(parts).select(
        pl.when(pl.col("month").is_null())
        .then(year.str.zfill(4))
        .when(pl.col("day").is_null())
        .then(pl.concat_str(year.str.zfill(4), month.str.zfill(2), separator="-"))
        .otherwise(
            pl.concat_str(year.str.zfill(4), month.str.zfill(2), day.str.zfill(2), separator="-")
        )
        .alias("birth")
    )
    assembled = read_times(text["birth"], birth=True)
    births = pl.select(pl.coalesce(pl.lit(stated.values), pl.lit(assembled.values))).to_series()
    report.note(BIRTH_UNREADABLE, int((births.is_null() & (stated.bad | assembled.bad)).sum()))
    differs = (stated.values.dt.year() != parts["year"]).fill_null(False)
    report.note(BIRTH_CONTRADICTS, int(differs.sum()))
    return births.alias("birth")


_BIRTH_PARTS = ("year", "month", "day")


def _static(rows: pl.DataFrame, concepts: Concepts) -> list[pl.Series]:
    """Return the codes of gender, race and ethnicity, null where not told.

    The name of the concept makes the code, because FHIR tells race and ethnicity by the same names
    while the concept codes are bare numbers.
    """
    columns = []
    for what in STATIC:
        ids = as_integers(column(rows, f"{what}_concept_id"))
        source_ids = as_integers(column(rows, f"{what}_source_concept_id"))
        written = as_text(column(rows, f"{what}_source_value"))
        frame = pl.DataFrame(
            {
                "known": ids.replace_strict(GENDERS, default=None, return_dtype=pl.String)
                if what == "gender"
                else written.clear(rows.height),
                "name": concepts.name_of(ids),
                "source_name": concepts.name_of(source_ids),
                "written": written,
                "id": concepts.code_of(ids),
            }
        )
        told = pl.coalesce("known", "name", "source_name", "written", "id").str.to_uppercase()
        columns.append(
            plain(frame.select(told).to_series()).rename(what).str.replace("^", what.upper() + "//")
        )
    return columns


def _events(people: pl.DataFrame) -> pl.DataFrame:
    births = people.filter(pl.col("birth").is_not_null()).select(
        "subject_id", pl.col("birth").alias("time"), pl.lit(BIRTH).alias("code")
    )
    static = [
        people.filter(pl.col(what).is_not_null()).select(
            "subject_id",
            pl.lit(None, dtype=pl.Datetime("us")).alias("time"),
            pl.col(what).alias("code"),
        )
        for what in STATIC
    ]
    return pl.concat([births, *static]).select(
        *("subject_id", "time", "code"),
        pl.lit(None, dtype=EVENT_SCHEMA["numeric_value"]).alias("numeric_value"),
        pl.lit(None, dtype=EVENT_SCHEMA["text_value"]).alias("text_value"),
    )


def _codes(rows: pl.DataFrame, concepts: Concepts) -> pl.DataFrame:
    static = _static(rows, concepts)
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "code": codes,
                    "stem": codes,
                    "id": as_integers(column(rows, f"{what}_concept_id")),
                }
            )
            for what, codes in zip(STATIC, static, strict=True)
        ]
    )
