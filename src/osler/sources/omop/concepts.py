"""Concept ids made into codes by the source's own vocabulary tables, where it has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.model import CODE_COLUMNS
from osler.sources.base import LoadReport
from osler.sources.omop.identifiers import as_integers, column
from osler.sources.omop.layout import Tables
from osler.sources.omop.tables import CONCEPT, CONCEPT_ANCESTOR, CONCEPT_RELATIONSHIP
from osler.sources.values import as_text

BAD_LOOKUP_ROWS = "malformed rows in vocabulary tables"
NO_CONCEPT = 0  # "No matching concept", OMOP CDM conventions
UNDESCRIBED = "OMOP"
HIERARCHY = ("Maps to", "Is a")

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Concepts:
    """The concept table, held in memory: about 100 bytes a concept.

    Parameters
    ----------
    ids
        Concept ids, ascending.
    codes, units, names
        `VOCABULARY//CODE`, the code alone, and the name of each.
    """

    ids: Ids
    codes: pl.Series
    units: pl.Series
    names: pl.Series

    @classmethod
    def read(cls, tables: Tables, batch_rows: int, report: LoadReport) -> Concepts:
        """Read the concept table; empty when the source has none."""
        parts = [_concepts_of(rows) for rows in lookup_batches(tables, CONCEPT, batch_rows, report)]
        schema = {"id": pl.Int64, "code": pl.String, "unit": pl.String, "name": pl.String}
        frame = pl.concat([pl.DataFrame(schema=schema), *parts]).unique("id", keep="first")
        frame = frame.sort("id")
        return cls(frame["id"].to_numpy(), frame["code"], frame["unit"], frame["name"])

    def code_of(self, ids: pl.Series) -> pl.Series:
        """Return `VOCABULARY//CODE`, `OMOP//id` if undescribed, null for null and 0."""
        written = pl.lit(f"{UNDESCRIBED}//") + pl.col("id").cast(pl.String)
        return self._look_up(ids, self.codes, written)

    def unit_of(self, ids: pl.Series) -> pl.Series:
        """Return the bare code, which UCUM makes a unit; null if undescribed."""
        return self._look_up(ids, self.units, pl.lit(None, dtype=pl.String))

    def name_of(self, ids: pl.Series) -> pl.Series:
        """Return the name; null if undescribed."""
        return self._look_up(ids, self.names, pl.lit(None, dtype=pl.String))

    def _look_up(self, ids: pl.Series, values: pl.Series, otherwise: pl.Expr) -> pl.Series:
        found = pl.Series("found", [None], dtype=pl.String).new_from_index(0, len(ids))
        if len(self.ids):
            asked = ids.fill_null(NO_CONCEPT).to_numpy()
            place = np.searchsorted(self.ids, asked).clip(max=len(self.ids) - 1)
            hit = pl.Series(self.ids[place] == asked)
            found = values.gather(place).zip_with(hit, found)
        frame = pl.DataFrame({"id": ids, "found": found})
        meant = pl.col("id").is_not_null() & (pl.col("id") != NO_CONCEPT)
        return frame.select(
            pl.when(meant).then(pl.coalesce("found", otherwise)).alias("code")
        ).to_series()


def _concepts_of(rows: pl.DataFrame) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "id": as_integers(column(rows, "concept_id")),
            "vocabulary": plain(as_text(column(rows, "vocabulary_id"))),
            "unit": plain(as_text(column(rows, "concept_code"))),
            "name": as_text(column(rows, "concept_name")),
        }
    )
    return frame.drop_nulls(["id", "vocabulary", "unit"]).select(
        "id", (pl.col("vocabulary") + "//" + pl.col("unit")).alias("code"), "unit", "name"
    )


def plain(text: pl.Series) -> pl.Series:
    """Return text in which no `//` can be taken for the mark between the parts of a code.

    A slash at the start stays: `/min` is a unit.
    """
    if not text.str.contains("/", literal=True).any():
        return text  # the usual case, and searching costs a tenth of replacing
    return text.str.replace_all(r"/{2,}", "/").str.strip_chars_end("/ ").replace("", None)


def lookup_batches(
    tables: Tables, table: str, batch_rows: int, report: LoadReport
) -> Iterator[pl.DataFrame]:
    """Yield a vocabulary table in lower-case columns; malformed rows are a note, no refusals."""
    if table not in tables.names:
        return
    aside = LoadReport()
    for rows in tables.batches(table, batch_rows, aside):
        yield rows.rename(str.lower)
    report.note(BAD_LOOKUP_ROWS, aside.refused)


class Vocabulary:
    """Which codes were given to which concepts, and what the source says of them."""

    def __init__(self, concepts: Concepts) -> None:
        self._concepts = concepts
        self._used: list[pl.DataFrame] = []

    def add(self, codes: pl.DataFrame) -> None:
        """Remember codes, with columns code, stem (the code without prefix and unit) and id."""
        self._used.append(codes.select("code", "stem", "id").drop_nulls("code").unique())
        if len(self._used) > 64:
            self._used = [pl.concat(self._used).unique()]

    def describe(self, tables: Tables, batch_rows: int, report: LoadReport) -> pl.DataFrame:
        """Return rows of `CODE_COLUMNS` for every code that was remembered.

        The parents are the code without prefix and unit, the concepts that this one `Maps to` or
        `Is a`, and its ancestors at one level.
        """
        if not self._used:
            return pl.DataFrame(schema=CODE_COLUMNS)
        used = pl.concat(self._used).unique()
        described = used.with_columns(
            name=self._concepts.name_of(used["id"]),
            stem=pl.when(pl.col("stem") != pl.col("code")).then("stem"),
        )
        parents = self._parents(used["id"].drop_nulls().unique(), tables, batch_rows, report)
        return (
            described.join(parents, on="id", how="left")
            .group_by("code", maintain_order=True)
            .agg(
                pl.col("name").drop_nulls().first().alias("description"),
                pl.col("stem")
                .append(pl.col("parent"))
                .drop_nulls()
                .unique()
                .sort()
                .alias("parent_codes"),
            )
            .match_to_schema(CODE_COLUMNS)
            .sort("code")
        )

    def _parents(
        self, used: pl.Series, tables: Tables, batch_rows: int, report: LoadReport
    ) -> pl.DataFrame:
        wanted = used.sort()
        pairs = [pl.DataFrame(schema={"id": pl.Int64, "above": pl.Int64})]
        for table, pick in ((CONCEPT_RELATIONSHIP, _mapped), (CONCEPT_ANCESTOR, _above)):
            for rows in lookup_batches(tables, table, batch_rows, report):
                found = pick(rows).filter(pl.col("id") != pl.col("above"))
                pairs.append(found.filter(pl.col("id").is_in(wanted.implode())))
        distinct = pl.concat(pairs).drop_nulls().unique()
        parent = self._concepts.code_of(distinct["above"]).alias("parent")
        return distinct.select("id").with_columns(parent).drop_nulls()


def _mapped(rows: pl.DataFrame) -> pl.DataFrame:
    relation = as_text(column(rows, "relationship_id")).is_in(HIERARCHY)
    valid = as_text(column(rows, "invalid_reason")).is_null()
    rows = rows.filter(relation & valid)
    return pl.DataFrame(
        {
            "id": as_integers(column(rows, "concept_id_1")),
            "above": as_integers(column(rows, "concept_id_2")),
        }
    )


def _above(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.filter(as_integers(column(rows, "min_levels_of_separation")) == 1)
    return pl.DataFrame(
        {
            "id": as_integers(column(rows, "descendant_concept_id")),
            "above": as_integers(column(rows, "ancestor_concept_id")),
        }
    )
