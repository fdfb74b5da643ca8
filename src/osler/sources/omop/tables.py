"""The tables of the OMOP Common Data Model, and what becomes of each.

Source: OMOP CDM v5.3.1 and v5.4, https://ohdsi.github.io/CommonDataModel/cdm54.html. A column that
only one of the two versions has, or that the source leaves out, is read as empty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class EventTable:
    """How the rows of a table become events.

    Parameters
    ----------
    name
        Table.
    concept
        Column of the standard concept; None when every row means the same.
    start
        Column of the date, without its ending `_date` or `_datetime`.
    end
        The same for the end; None when only the start becomes an event.
    source
        Stem of the columns `…_source_concept_id` and `…_source_value`.
    source_value_names
        Whether a source value may become a code when no concept is known. Not where the
        convention is to hold an identifier there.
    prefix
        What stands before the code at the start; `_START`, `_END` are added when there is an end.
    number
        Column that becomes `numeric_value`.
    text
        Columns of which the first that is filled becomes `text_value`.
    end_text
        Columns of concept and source value that say where the patient went.
    unit
        Stem of the unit's columns; the unit ends the code.
    value
        Whether there are columns `value_as_concept_id` and `operator_concept_id`.
    """

    name: str
    concept: str | None
    start: str
    end: str | None = None
    source: str | None = None
    source_value_names: bool = True
    prefix: str | None = None
    number: str | None = None
    text: tuple[str, ...] = ()
    end_text: tuple[tuple[str, str], ...] = ()
    unit: str | None = None
    value: bool = False

    @property
    def date_columns(self) -> tuple[str, str]:
        """The columns that may say when it began."""
        return f"{self.start}_datetime", f"{self.start}_date"

    @property
    def code_columns(self) -> tuple[str, ...]:
        """The columns that may say what it was."""
        own = (self.concept,) if self.concept else ()
        if not self.source:
            return own
        return (*own, f"{self.source}_source_concept_id", f"{self.source}_source_value")


def _visit(name: str, prefix: str) -> EventTable:
    return EventTable(
        name,
        f"{prefix}_concept_id",
        f"{prefix}_start",
        end=f"{prefix}_end",
        source=prefix,
        source_value_names=False,
        prefix=prefix.upper(),
        end_text=(
            ("discharged_to_concept_id", "discharged_to_source_value"),  # 5.4
            ("discharge_to_concept_id", "discharge_to_source_value"),  # 5.3
        ),
    )


PERSON = "person"
DEATH_TABLE = EventTable("death", None, "death")

EVENT_TABLES = {
    table.name: table
    for table in (
        _visit("visit_occurrence", "visit"),
        _visit("visit_detail", "visit_detail"),
        EventTable(
            "observation_period",
            None,
            "observation_period_start",
            end="observation_period_end",
            prefix="OBSERVATION_PERIOD",
        ),
        EventTable(
            "condition_occurrence", "condition_concept_id", "condition_start", source="condition"
        ),
        EventTable(
            "drug_exposure",
            "drug_concept_id",
            "drug_exposure_start",
            source="drug",
            number="quantity",
        ),
        EventTable("procedure_occurrence", "procedure_concept_id", "procedure", source="procedure"),
        EventTable(
            "device_exposure", "device_concept_id", "device_exposure_start", source="device"
        ),
        EventTable(
            "measurement",
            "measurement_concept_id",
            "measurement",
            source="measurement",
            number="value_as_number",
            text=("value_source_value",),
            unit="unit",
            value=True,
        ),
        EventTable(
            "observation",
            "observation_concept_id",
            "observation",
            source="observation",
            number="value_as_number",
            text=("value_as_string", "value_source_value"),
            unit="unit",
            value=True,
        ),
        EventTable("specimen", "specimen_concept_id", "specimen", source="specimen"),
        EventTable(
            "note",
            "note_class_concept_id",
            "note",
            source="note",
            source_value_names=False,
            prefix="NOTE",
        ),
    )
}

# Derived from other tables, about money, or about other rows: their rows are counted as refused.
TABLES_NOT_READ = frozenset(
    (
        "note_nlp",
        "fact_relationship",
        "payer_plan_period",
        "cost",
        "condition_era",
        "drug_era",
        "dose_era",
        "cohort",
        "cohort_attribute",
        "episode",
        "episode_event",
        "survey_conduct",
    )
)

CONCEPT = "concept"
CONCEPT_RELATIONSHIP = "concept_relationship"
CONCEPT_ANCESTOR = "concept_ancestor"

# They hold no patient.
LOOKUPS = frozenset(
    (
        "concept",
        "concept_relationship",
        "concept_ancestor",
        "concept_class",
        "concept_synonym",
        "domain",
        "vocabulary",
        "relationship",
        "source_to_concept_map",
        "drug_strength",
        "cohort_definition",
        "attribute_definition",
        "location",
        "location_history",
        "care_site",
        "provider",
        "cdm_source",
        "metadata",
    )
)

TABLES = frozenset((PERSON, DEATH_TABLE.name)) | EVENT_TABLES.keys() | TABLES_NOT_READ | LOOKUPS

# MIMIC-IV in OMOP calls its own concepts, numbered from two billion, `2b_concept`.
_PART = re.compile(r"^(?:2b_)?(?P<table>[a-z_]+?)(?:[-_.]?(?:part)?[-_]?\d+)?$")


def table_of(name: str, folder: str = "") -> str | None:
    """Return which table a file holds, from its name or that of its folder; None if it is none.

    Examples
    --------
    >>> table_of("2b_CONCEPT.csv.gz"), table_of("measurement_03.parquet"), table_of("readme.txt")
    ('concept', 'measurement', None)
    >>> table_of("part-0001.snappy.parquet", folder="person")
    'person'
    """
    stem = name.lower().split(".")[0]
    found = _PART.match(stem)
    if found and found["table"] in TABLES:
        return found["table"]
    return folder.lower() if folder.lower() in TABLES else None
