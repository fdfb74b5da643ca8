"""The OMOP reader: what each table becomes, and what is refused."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osler.errors import InputError
from osler.sources.omop import OmopSource, reading
from osler.sources.omop.identifiers import as_integers
from osler.sources.omop.tables import TABLES, table_of

Row = dict[str, Any]

ANNA: Row = {
    "person_id": 1,
    "gender_concept_id": 8532,
    "year_of_birth": 1960,
    "month_of_birth": 5,
    "day_of_birth": 17,
    "birth_datetime": None,
    "race_concept_id": 8527,
    "race_source_value": "white",
    "ethnicity_concept_id": 0,
}
CONCEPTS: list[Row] = [
    {
        "concept_id": concept,
        "concept_name": name,
        "vocabulary_id": vocabulary,
        "concept_code": code,
    }
    for concept, name, vocabulary, code in (
        (201826, "Type 2 diabetes mellitus", "SNOMED", "44054006"),
        (45533017, "Type 2 diabetes without complications", "ICD10CM", "E11.9"),
        (3004410, "Hemoglobin A1c", "LOINC", "4548-4"),
        (3027018, "Heart rate", "LOINC", "8867-4"),
        (8554, "percent", "UCUM", "%"),
        (8541, "per minute", "UCUM", "/min"),
        (9201, "Inpatient Visit", "Visit", "IP"),
        (45884084, "Positive", "LOINC", "LA6576-8"),
        (4171756, "<", "SNOMED", "276136004"),
        (1503297, "metformin", "RxNorm", "6809"),
        (8536, "Home", "Place of Service", "12"),
    )
]


def write(folder: Path, **tables: list[Row]) -> Path:
    """Write tables as CSV."""
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        pl.DataFrame(rows, infer_schema_length=None).write_csv(folder / f"{name}.csv")
    return folder


def measured(**more: Any) -> Row:
    """Return a row of `measurement` about Anna."""
    return {
        "person_id": 1,
        "measurement_concept_id": 3004410,
        "measurement_date": "2010-03-01",
        "measurement_datetime": "2010-03-01 08:30:00",
        "operator_concept_id": 0,
        "value_as_number": 7.5,
        "value_as_concept_id": 0,
        "unit_concept_id": 8554,
        "measurement_source_value": "A1C",
        "value_source_value": "7.5",
        **more,
    }


def condition(**more: Any) -> Row:
    """Return a row of `condition_occurrence` about Anna."""
    return {
        "person_id": 1,
        "condition_concept_id": 201826,
        "condition_start_date": "2009-02-03",
        "condition_start_datetime": "2009-02-03 10:15:00",
        "condition_source_value": "E11.9",
        "condition_source_concept_id": 45533017,
        **more,
    }


def only(loaded: Any, code: str) -> Row:
    """Return the one event of a code."""
    return loaded.events.filter(pl.col("code") == code).row(0, named=True)


def test_a_person_becomes_a_birth_at_midnight_and_static_events(tmp_path: Path, load: Any) -> None:
    """Year, month and day give the birth at 00:00; gender and race have no time."""
    loaded = load(OmopSource(), write(tmp_path / "cdm", person=[ANNA]))
    assert only(loaded, "MEDS_BIRTH")["time"] == datetime(1960, 5, 17)
    assert only(loaded, "GENDER//F")["time"] is None
    assert set(loaded.codes) == {"MEDS_BIRTH", "GENDER//F", "RACE//WHITE"}
    assert (loaded.report.read, loaded.report.loaded) == (1, 1)


@pytest.mark.parametrize(
    ("known", "born"),
    [
        ({"birth_datetime": "1960-05-17 04:30:00"}, datetime(1960, 5, 17, 4, 30)),
        ({"day_of_birth": None}, datetime(1960, 5, 1)),
        ({"month_of_birth": None, "day_of_birth": None}, datetime(1960, 1, 1)),
        ({"month_of_birth": None}, datetime(1960, 1, 1)),
        ({"month_of_birth": 13}, None),
        ({"year_of_birth": None}, None),
        ({"year_of_birth": 9999}, None),
    ],
)
def test_birth_is_as_exact_as_what_is_known(
    known: Row, born: datetime | None, tmp_path: Path, load: Any
) -> None:
    """What is missing is the first of its period; what is impossible gives no birth."""
    loaded = load(OmopSource(), write(tmp_path / "cdm", person=[{**ANNA, **known}]))
    births = loaded.events.filter(pl.col("code") == "MEDS_BIRTH")["time"].to_list()
    assert births == ([born] if born else [])
    assert loaded.report.loaded == 1


def test_codes_come_from_the_concept_table_with_their_unit(tmp_path: Path, load: Any) -> None:
    """A measurement is `VOCABULARY//CODE//UNIT`, described by its concept's name."""
    folder = write(
        tmp_path / "cdm",
        person=[ANNA],
        concept=CONCEPTS,
        measurement=[
            measured(),
            measured(measurement_concept_id=3027018, unit_concept_id=8541, value_as_number=80),
        ],
    )
    loaded = load(OmopSource(), folder)
    event = only(loaded, "LOINC//4548-4//%")
    assert event["numeric_value"] == 7.5
    assert event["time"] == datetime(2010, 3, 1, 8, 30)
    assert event["text_value"] is None
    assert "LOINC//8867-4///min" in loaded.codes
    codes = pl.concat([batch.codes for batch in loaded.batches if batch.codes is not None])
    described = codes.filter(pl.col("code") == "LOINC//4548-4//%").row(0, named=True)
    assert described["description"] == "Hemoglobin A1c"
    assert described["parent_codes"] == ["LOINC//4548-4"]
    assert set(loaded.codes) - {"MEDS_BIRTH"} <= set(codes["code"])


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({}, "SNOMED//44054006"),
        ({"condition_concept_id": 0}, "ICD10CM//E11.9"),
        (
            {"condition_concept_id": 0, "condition_source_concept_id": 0},
            "OMOP_SOURCE//condition_occurrence//E11.9",
        ),
        ({"condition_concept_id": 777}, "OMOP//777"),
        ({"condition_concept_id": "201826.0"}, "SNOMED//44054006"),
    ],
)
def test_a_code_is_the_standard_concept_else_the_source(
    stated: Row, code: str, tmp_path: Path, load: Any
) -> None:
    """Concept 0 means that there is none; an undescribed concept keeps its number."""
    folder = write(
        tmp_path / "cdm",
        person=[ANNA],
        concept=CONCEPTS,
        condition_occurrence=[condition(**stated)],
    )
    assert code in load(OmopSource(), folder).codes


def test_without_a_concept_table_a_code_is_the_concept_id(tmp_path: Path, load: Any) -> None:
    """`OMOP//id`, with a unit that is named by its id where nothing better is known."""
    folder = write(tmp_path / "cdm", person=[ANNA], measurement=[measured()])
    assert "OMOP//3004410//OMOP:8554" in load(OmopSource(), folder).codes


def test_parents_come_from_relationships_and_ancestors(tmp_path: Path, load: Any) -> None:
    """`Maps to`, `Is a` and the nearest ancestors; not other, invalid or circular relations."""
    relation = {"concept_id_1": 201826, "relationship_id": "Is a", "invalid_reason": None}
    ancestor = {"descendant_concept_id": 201826, "min_levels_of_separation": 1}
    folder = write(
        tmp_path / "cdm",
        person=[ANNA],
        concept=CONCEPTS,
        condition_occurrence=[condition()],
        concept_relationship=[
            {**relation, "concept_id_2": 3004410},
            {**relation, "concept_id_2": 201826},
            {**relation, "concept_id_2": 8554, "invalid_reason": "D"},
            {**relation, "concept_id_2": 8541, "relationship_id": "Subsumes"},
            {**relation, "concept_id_2": 99, "relationship_id": "Maps to"},
        ],
        concept_ancestor=[
            {**ancestor, "ancestor_concept_id": 9201},
            {**ancestor, "ancestor_concept_id": 1503297, "min_levels_of_separation": 2},
        ],
    )
    codes = load(OmopSource(), folder).batches[-1].codes
    parents = codes.filter(pl.col("code") == "SNOMED//44054006")["parent_codes"].to_list()
    assert parents == [["LOINC//4548-4", "OMOP//99", "Visit//IP"]]


def test_dates_without_a_time_are_known_at_the_end_of_the_day(tmp_path: Path, load: Any) -> None:
    """So is midnight, with which the CDM fills times that it does not know."""
    rows = [
        condition(condition_start_datetime=None),
        condition(condition_start_datetime="2009-02-03 00:00:00"),
    ]
    folder = write(tmp_path / "cdm", person=[ANNA], condition_occurrence=rows)
    loaded = load(OmopSource(), folder)
    times = loaded.events.filter(pl.col("code") == "OMOP//201826")["time"].to_list()
    assert times == [datetime(2009, 2, 3, 23, 59, 59, 999999)] * 2
    note = "condition_occurrence: midnight taken as a date without a time"
    assert loaded.report.notes[note] == 1


def test_a_visit_has_a_start_and_an_end(tmp_path: Path, load: Any) -> None:
    """The end says where the patient went; the source value, often an identifier, is not used."""
    visit = {
        "person_id": 1,
        "visit_concept_id": 9201,
        "visit_start_date": "2010-01-01",
        "visit_start_datetime": "2010-01-01 00:00:00",
        "visit_end_date": "2010-01-01",
        "visit_end_datetime": "2010-01-01 14:00:00",
        "visit_source_value": "MRN-123",
        "discharged_to_concept_id": 8536,
    }
    backwards = {**visit, "visit_end_date": "2009-12-01", "visit_end_datetime": None}
    unknown = {**visit, "visit_concept_id": 0, "visit_end_date": None, "visit_end_datetime": None}
    folder = write(
        tmp_path / "cdm",
        person=[ANNA],
        concept=CONCEPTS,
        visit_occurrence=[visit, backwards, unknown],
    )
    loaded = load(OmopSource(), folder)
    evening = datetime(2010, 1, 1, 23, 59, 59, 999999)
    assert loaded.codes.count("VISIT_START//Visit//IP") == 2
    end = only(loaded, "VISIT_END//Visit//IP")
    assert (end["time"], end["text_value"]) == (evening, "Home")
    assert loaded.codes.count("VISIT_END//Visit//IP") == 1
    assert "VISIT_START//UNKNOWN" in loaded.codes
    assert "MRN-123" not in str(loaded.events.to_dicts())
    assert loaded.report.notes["visit_occurrence: ends before it starts: end not kept"] == 1
    assert loaded.report.loaded == 4


def test_a_5_3_discharge_is_read_as_well(tmp_path: Path, load: Any) -> None:
    """CDM 5.3 says `discharge_to`, 5.4 `discharged_to`."""
    visit = {
        "person_id": 1,
        "visit_concept_id": 9201,
        "visit_start_date": "2010-01-01",
        "visit_end_date": "2010-01-03",
        "discharge_to_concept_id": 0,
        "discharge_to_source_value": "HOSPICE",
    }
    folder = write(tmp_path / "cdm", person=[ANNA], visit_occurrence=[visit])
    assert only(load(OmopSource(), folder), "VISIT_END//OMOP//9201")["text_value"] == "HOSPICE"


def test_death_and_its_cause_are_two_events(tmp_path: Path, load: Any) -> None:
    """A cause that is not known adds nothing; later and earlier rows are kept and told."""
    deaths = [
        {"person_id": 1, "death_date": "2012-05-05", "cause_concept_id": 201826},
        {"person_id": 2, "death_date": "2012-05-05", "cause_concept_id": 0},
    ]
    rows = [condition(condition_start_datetime="2013-01-01 10:00:00"), condition(person_id=2)]
    rows += [condition(person_id=2, condition_start_datetime="1950-01-01 10:00:00")]
    folder = write(
        tmp_path / "cdm",
        person=[ANNA, {**ANNA, "person_id": 2}],
        concept=CONCEPTS,
        death=deaths,
        condition_occurrence=rows,
    )
    loaded = load(OmopSource(), folder)
    assert loaded.codes.count("MEDS_DEATH") == 2
    assert only(loaded, "MEDS_DEATH")["time"] == datetime(2012, 5, 5, 23, 59, 59, 999999)
    assert [code for code in loaded.codes if code.startswith("CAUSE")] == [
        "CAUSE_OF_DEATH//SNOMED//44054006"
    ]
    assert loaded.report.notes["condition_occurrence: after death, kept"] == 1
    assert loaded.report.notes["condition_occurrence: before birth, kept"] == 1
    assert loaded.report.refused == 0


@pytest.mark.parametrize(
    ("stated", "number", "text"),
    [
        ({}, 7.5, None),
        ({"operator_concept_id": 4171756}, 7.5, "<"),
        ({"operator_concept_id": 4172703}, 7.5, None),
        ({"value_as_number": None, "value_as_concept_id": 45884084}, None, "Positive"),
        ({"value_as_number": None, "value_as_concept_id": 5}, None, "OMOP//5"),
        ({"value_as_number": None, "value_source_value": "trace"}, None, "trace"),
    ],
)
def test_a_value_is_a_number_or_words(
    stated: Row, number: float | None, text: str | None, tmp_path: Path, load: Any
) -> None:
    """The name of a concept, `<` before a number, or what the source wrote."""
    folder = write(
        tmp_path / "cdm", person=[ANNA], concept=CONCEPTS, measurement=[measured(**stated)]
    )
    event = only(load(OmopSource(), folder), "LOINC//4548-4//%")
    assert (event["numeric_value"], event["text_value"]) == (number, text)


def test_every_other_table_gives_events_at_its_own_date(tmp_path: Path, load: Any) -> None:
    """Drugs with their quantity, procedures, devices, observations, specimens, notes, periods."""
    folder = write(
        tmp_path / "cdm",
        person=[ANNA],
        concept=CONCEPTS,
        drug_exposure=[
            {
                "person_id": 1,
                "drug_concept_id": 1503297,
                "drug_exposure_start_date": "2011-01-01",
                "quantity": 90,
            }
        ],
        procedure_occurrence=[
            {"person_id": 1, "procedure_concept_id": 5, "procedure_date": "2011-01-02"}
        ],
        device_exposure=[
            {"person_id": 1, "device_concept_id": 6, "device_exposure_start_date": "2011-01-03"}
        ],
        observation=[
            {
                "person_id": 1,
                "observation_concept_id": 7,
                "observation_date": "2011-01-04",
                "value_as_string": "lives alone",
            }
        ],
        specimen=[{"person_id": 1, "specimen_concept_id": 8, "specimen_date": "2011-01-05"}],
        note=[
            {
                "person_id": 1,
                "note_class_concept_id": 9,
                "note_date": "2011-01-06",
                "note_text": "secret words",
            }
        ],
        observation_period=[
            {
                "person_id": 1,
                "observation_period_start_date": "2000-01-01",
                "observation_period_end_date": "2015-01-01",
            }
        ],
    )
    loaded = load(OmopSource(), folder)
    told = loaded.events.filter(pl.col("time") > datetime(1999, 1, 1)).sort("time")
    assert told["code"].to_list() == [
        "OBSERVATION_PERIOD_START",
        "RxNorm//6809",
        "OMOP//5",
        "OMOP//6",
        "OMOP//7",
        "OMOP//8",
        "NOTE//OMOP//9",
        "OBSERVATION_PERIOD_END",
    ]
    assert only(loaded, "RxNorm//6809")["numeric_value"] == 90
    assert only(loaded, "OMOP//7")["text_value"] == "lives alone"
    assert "secret words" not in str(loaded.events.to_dicts())
    assert (loaded.report.loaded, loaded.report.refused) == (8, 0)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"person_id": None}, "no person_id"),
        ({"person_id": 404}, "person not in the person table"),
        ({"person_id": "Anna"}, "person not in the person table"),
        ({"measurement_date": None, "measurement_datetime": None}, "no date"),
        ({"measurement_datetime": "9999-12-31 00:00:00", "measurement_date": "9999-12-31"},
         "impossible date"),
        ({"measurement_datetime": "soon", "measurement_date": "soon"}, "unreadable date"),
        ({"measurement_concept_id": 0, "measurement_source_value": None},
         "neither concept nor source value"),
        ({"value_as_number": "high"}, "value_as_number is not a number"),
        ({"value_as_number": "1e60"}, "value_as_number is a number too large or not finite"),
        ({"measurement_concept_id": 0, "measurement_source_value": "x" * 2000},
         "source value over 1000 bytes"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_an_event_is_refused_and_told(
    wrong: Row, reason: str, tmp_path: Path, load: Any
) -> None:
    """Each row is loaded or refused with its table and reason, never a value."""
    folder = write(
        tmp_path / "cdm", person=[ANNA], measurement=[measured(**wrong)], concept=CONCEPTS
    )
    report = load(OmopSource(), folder).report
    assert dict(report.why) == {f"measurement: {reason}": 1}
    assert (report.read, report.loaded) == (2, 1)


def test_a_bad_quantity_does_not_cost_the_drug(tmp_path: Path, load: Any) -> None:
    """The exposure is what the row says; its quantity is left out and told."""
    drug = {"person_id": 1, "drug_concept_id": 5, "drug_exposure_start_date": "2011-01-01"}
    folder = write(tmp_path / "cdm", person=[ANNA], drug_exposure=[{**drug, "quantity": "two"}])
    loaded = load(OmopSource(), folder)
    assert only(loaded, "OMOP//5")["numeric_value"] is None
    assert loaded.report.notes["drug_exposure: quantity not a number, not kept"] == 1


def test_repeated_persons_are_refused_and_a_contradiction_is_told(
    tmp_path: Path, load: Any
) -> None:
    """The first is kept, over batches too; another birth is a reason of its own."""
    people = [ANNA, ANNA, {**ANNA, "year_of_birth": 1970}, {**ANNA, "person_id": None}]
    folder = write(tmp_path / "cdm", person=people)
    for batch_rows in (1, 1000):
        loaded = load(OmopSource(), folder, batch_rows=batch_rows)
        assert dict(loaded.report.why) == {
            "person: person_id more than once": 1,
            "person: person_id more than once, births differ": 1,
            "person: no person_id": 1,
        }
        assert loaded.codes.count("MEDS_BIRTH") == 1


def test_a_person_of_whom_nothing_is_known_still_owns_rows(tmp_path: Path, load: Any) -> None:
    """The person row is refused, the diagnosis is loaded."""
    folder = write(
        tmp_path / "cdm",
        person=[{"person_id": 1, "year_of_birth": None}],
        condition_occurrence=[condition()],
    )
    loaded = load(OmopSource(), folder)
    assert loaded.codes == ["OMOP//201826"]
    assert (loaded.report.loaded, loaded.report.refused) == (1, 1)


def test_persons_may_be_negative_or_names(tmp_path: Path, load: Any) -> None:
    """Integers are their own subject ids, hashes below zero too; other names get one."""
    lowest = -(2**63)
    people = [{**ANNA, "person_id": str(lowest)}, {**ANNA, "person_id": "P-7"}]
    rows = [condition(person_id="P-7"), condition(person_id=str(lowest))]
    folder = write(tmp_path / "cdm", person=people, condition_occurrence=rows)
    loaded = load(OmopSource(), folder)
    assert set(loaded.events["subject_id"]) == {lowest, loaded.ids.names["P-7"]}
    assert loaded.report.refused == 0


def test_tables_that_are_not_read_are_counted_row_by_row(tmp_path: Path, load: Any) -> None:
    """Eras and costs are refused by name; vocabularies and providers are no records."""
    folder = write(
        tmp_path / "cdm",
        person=[ANNA],
        drug_era=[{"drug_era_id": 1}, {"drug_era_id": 2}],
        cost=[{"cost_id": 1}],
        provider=[{"provider_id": 1}],
        concept=CONCEPTS,
    )
    (folder / "notes_of_the_team.csv").write_text("a\n1\n")
    report = load(OmopSource(), folder).report
    assert dict(report.why) == {"table not read: drug_era": 2, "table not read: cost": 1}
    assert report.notes[reading.LOOKUP_TABLES] == 2
    assert report.notes[reading.OTHER_FILES] == 1


def same_tables(folder: Path) -> pl.DataFrame:
    """Return two people with a measurement each, written by `write`."""
    write(
        folder,
        person=[ANNA, {**ANNA, "person_id": 2}],
        concept=CONCEPTS,
        measurement=[measured(), measured(person_id=2, value_as_number=6.25)],
    )
    return pl.DataFrame()


def _as_parquet(folder: Path, target: Path) -> Path:
    """Write typed Parquet, each table a folder of parts, names in capitals."""
    for file in folder.glob("*.csv"):
        part = target / file.stem.upper()
        part.mkdir(parents=True)
        frame = pl.read_csv(file, try_parse_dates=True)
        frame.rename(str.upper).write_parquet(part / "part-00000.snappy.parquet")
    return target


def _as_gzip(folder: Path, target: Path) -> Path:
    target.mkdir()
    for file in folder.glob("*.csv"):
        name = f"2b_{file.name}.gz" if file.stem == "concept" else f"{file.name}.gz"
        (target / name).write_bytes(gzip.compress(file.read_bytes()))
    return target


def _as_zip(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.glob("*.csv"):
            archive.write(file, f"cdm/{file.name.upper()}")
            archive.writestr(f"__MACOSX/cdm/._{file.name}", b"\0\5\26\7")
    return target


def _as_zipped_parquet(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for file in folder.glob("*.csv"):
            parquet = folder / f"{file.stem}.pq"
            pl.read_csv(file, try_parse_dates=True).write_parquet(parquet)
            archive.write(parquet, parquet.name)
            parquet.unlink()
    return target


def _as_duckdb(folder: Path, target: Path) -> Path:
    with duckdb.connect(str(target)) as connection:
        connection.execute("CREATE SCHEMA cdm54")
        connection.execute("CREATE TABLE other AS SELECT 1 AS one")
        for file in folder.glob("*.csv"):
            source = str(file).replace("'", "''")
            connection.execute(f"CREATE TABLE cdm54.{file.stem} AS FROM read_csv('{source}')")
    return target


@pytest.mark.parametrize(
    "rewrite", [_as_parquet, _as_gzip, _as_zip, _as_zipped_parquet, _as_duckdb]
)
def test_every_container_gives_the_same_events(
    rewrite: Callable[[Path, Path], Path], tmp_path: Path, load: Any
) -> None:
    """CSV, gzip, typed Parquet in parts, zip, zipped Parquet and DuckDB hold one CDM."""
    same_tables(tmp_path / "csv")
    plain = load(OmopSource(), tmp_path / "csv")
    path = rewrite(tmp_path / "csv", tmp_path / "other")
    other = load(OmopSource(), path, batch_rows=1)
    order = ["subject_id", "time", "code"]
    assert plain.events.sort(order).equals(other.events.sort(order))
    assert (plain.report.loaded, plain.report.refused) == (4, 0)
    assert (other.report.loaded, other.report.refused) == (4, 0)
    assert all(file.exists() for file in OmopSource().files(path))


def test_athena_vocabularies_have_tabs_and_lone_quotes(tmp_path: Path, load: Any) -> None:
    """In a vocabulary separated by tabs a quote is a character like any other."""
    folder = write(tmp_path / "cdm", person=[ANNA], condition_occurrence=[condition()])
    (folder / "CONCEPT.csv").write_text(
        "concept_id\tconcept_name\tvocabulary_id\tconcept_code\n"
        '5\t"Loose quote\tSNOMED\t1\n201826\tDiabetes\tSNOMED\t44054006\n'
    )
    assert "SNOMED//44054006" in load(OmopSource(), folder).codes


def test_a_concept_code_cannot_forge_the_parts_of_a_code(tmp_path: Path, load: Any) -> None:
    """`//` inside a source value or concept is made a single slash."""
    row = condition(
        condition_concept_id=0, condition_source_concept_id=0, condition_source_value="a//b//"
    )
    folder = write(tmp_path / "cdm", person=[ANNA], condition_occurrence=[row])
    assert "OMOP_SOURCE//condition_occurrence//a/b" in load(OmopSource(), folder).codes


def test_exact_duplicate_rows_are_kept_and_counted(tmp_path: Path, load: Any) -> None:
    """Two equal rows are two records, told in the notes."""
    folder = write(tmp_path / "cdm", person=[ANNA], condition_occurrence=[condition()] * 3)
    loaded = load(OmopSource(), folder)
    assert loaded.codes.count("OMOP//201826") == 3
    assert loaded.report.notes["exact duplicate rows kept"] == 2


def test_a_source_is_read_in_batches(tmp_path: Path, load: Any) -> None:
    """No batch holds more rows than asked, and all of them together are the same."""
    rows = [measured(value_as_number=value) for value in range(50)]
    folder = write(tmp_path / "cdm", person=[ANNA], measurement=rows)
    whole, parts = load(OmopSource(), folder), load(OmopSource(), folder, batch_rows=7)
    assert max(batch.events.height for batch in parts.batches) <= 7
    assert whole.events.equals(parts.events)


PERSON = "person_id\n1\n"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "no table of the CDM"),
        ({"readme.txt": "hello"}, "no table of the CDM"),
        ({"measurement.csv": "person_id\n1\n"}, "no table `person`"),
        ({"person.csv": ""}, "empty"),
        ({"person.csv": "id,year_of_birth\n1,1960\n"}, "no column person_id"),
        ({"person.csv": "person_id,Person_ID\n1,1\n"}, "differ in case"),
        ({"person.csv": PERSON, "death.csv": PERSON}, "no column death_datetime"),
        ({"person.csv": PERSON, "a/death.csv": "x\n", "b/death.csv": "x\n"}, "in several"),
        ({"person.csv": '<!DOCTYPE x [<!ENTITY a "aa">]><x>&a;</x>'}, "no column person_id"),
        ({"person.parquet": "PAR1 but no Parquet"}, "not a readable Parquet"),
    ],
)  # fmt: skip
def test_what_is_no_cdm_is_an_input_error(
    files: dict[str, str], told: str, tmp_path: Path, load: Any
) -> None:
    """The message says what came and what was expected, and no batch is given."""
    folder = tmp_path / "cdm"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    with pytest.raises(InputError, match=told):
        load(OmopSource(), folder)


def test_all_missing_columns_are_told_at_once(tmp_path: Path, load: Any) -> None:
    """One fault per table and column, before anything is loaded."""
    folder = write(
        tmp_path / "cdm", person=[ANNA], death=[{"person_id": 1}], measurement=[{"person_id": 1}]
    )
    with pytest.raises(InputError) as caught:
        load(OmopSource(), folder)
    assert len(caught.value.faults) == 3


def test_headers_only_load_nothing(tmp_path: Path, load: Any) -> None:
    """Tables without rows are sound: nothing read, nothing refused."""
    folder = tmp_path / "cdm"
    folder.mkdir()
    (folder / "person.csv").write_text(",".join(ANNA) + "\n")
    (folder / "measurement.csv").write_text(",".join(measured()) + "\n")
    loaded = load(OmopSource(), folder)
    assert (loaded.report.read, loaded.events.height) == (0, 0)


def test_a_truncated_gzip_is_an_input_error(tmp_path: Path, load: Any) -> None:
    """A file that ends too early is not half loaded."""
    same_tables(tmp_path / "csv")
    folder = _as_gzip(tmp_path / "csv", tmp_path / "gz")
    content = (folder / "person.csv.gz").read_bytes()
    (folder / "person.csv.gz").write_bytes(content[:-6])
    with pytest.raises(InputError, match="ends too early"):
        load(OmopSource(), folder)


def test_a_file_that_is_neither_zip_nor_duckdb_is_told(tmp_path: Path, load: Any) -> None:
    """A single CSV is not a CDM."""
    (tmp_path / "person.csv").write_text("person_id\n1\n")
    with pytest.raises(InputError, match="neither zip nor DuckDB"):
        load(OmopSource(), tmp_path / "person.csv")


def test_a_damaged_duckdb_file_is_told(tmp_path: Path, load: Any) -> None:
    """The right first bytes are not enough."""
    (tmp_path / "cdm.duckdb").write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 100)
    with pytest.raises(InputError, match="cannot be opened"):
        load(OmopSource(), tmp_path / "cdm.duckdb")


def test_a_view_in_a_duckdb_file_reaches_no_other_file(tmp_path: Path, load: Any) -> None:
    """A hostile database cannot have the reader open what lies beside it."""
    secret = tmp_path / "secret.csv"
    secret.write_text("person_id,gender_source_value\n1,secret\n")
    path = tmp_path / "cdm.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE VIEW person AS FROM read_csv('{secret}')")
    with pytest.raises(InputError, match="cannot be read"):
        load(OmopSource(), path)


def test_a_table_twice_in_a_zip_is_told(tmp_path: Path, load: Any) -> None:
    """Copies in two folders of a zip would be loaded twice."""
    path = tmp_path / "cdm.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/person.csv", "person_id,year_of_birth\n1,1960\n")
        archive.writestr("b/person.csv", "person_id,year_of_birth\n1,1960\n")
    with pytest.raises(InputError, match="more than once"):
        load(OmopSource(), path)


def test_a_field_of_ten_megabytes_and_a_torn_row_are_refused(tmp_path: Path, load: Any) -> None:
    """Malformed rows are counted, the rest of the table is loaded."""
    folder = write(tmp_path / "cdm", person=[ANNA])
    huge = "x" * 10_000_000
    (folder / "observation.csv").write_text(
        "person_id,observation_concept_id,observation_date,value_as_string\n"
        f"1,7,2011-01-04,{huge}\n1,7\n1,7,2011-01-04,=HYPERLINK(1)\n"
    )
    loaded = load(OmopSource(), folder)
    assert dict(loaded.report.why) == {"a field over 1 MB": 1, "wrong number of columns": 1}
    assert only(loaded, "OMOP//7")["text_value"] == "=HYPERLINK(1)"


def test_reports_and_errors_hold_no_patient_value(tmp_path: Path, load: Any) -> None:
    """Reasons and notes never quote a cell."""
    rows = [measured(person_id="SECRET-1", value_as_number="SECRET-2")]
    rows += [measured(measurement_datetime="SECRET-3", measurement_date="SECRET-4")]
    folder = write(tmp_path / "cdm", person=[ANNA], measurement=rows)
    assert "SECRET" not in str(load(OmopSource(), folder).report.to_json())


@given(
    numbers=st.lists(st.integers(-(2**63), 2**63 - 1) | st.none()),
    point=st.booleans(),
)
def test_integers_survive_as_text_and_with_a_point(numbers: list[int | None], point: bool) -> None:
    """`8507` and `8507.0` are the same id, exact to the last digit."""
    text = [None if n is None else f"{n}{'.0' if point else ''}" for n in numbers]
    assert as_integers(pl.Series(text, dtype=pl.String)).to_list() == numbers
    assert as_integers(pl.Series(numbers, dtype=pl.Int64)).to_list() == numbers


@given(name=st.sampled_from(sorted(TABLES)), number=st.none() | st.integers(0, 999))
def test_a_table_is_known_by_its_name_in_any_case(name: str, number: int | None) -> None:
    """With or without a part number and packing."""
    part = "" if number is None else f"_{number:03}"
    assert table_of(f"{name.upper()}{part}.CSV.gz") == name


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "person_id": st.sampled_from(["1", "2", "x", "", "-5", "1.0"]),
                "condition_concept_id": st.sampled_from(["0", "201826", "", "abc", "1e9"]),
                "condition_start_date": st.dates(date(1700, 1, 1), date(9999, 12, 31)).map(str)
                | st.sampled_from(["", "0000-00-00", "2020-13-01", "=1+1"]),
                "condition_source_value": st.text(
                    st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=5
                ),
            }
        ),
        min_size=1,
        max_size=12,
    )
)
def test_every_row_is_loaded_or_refused(rows: list[Row], tmp_path: Path, load: Any) -> None:
    """Whatever stands in the cells, read is loaded plus refused, and counts the rows."""
    folder = tmp_path / "cdm"
    shutil.rmtree(folder, ignore_errors=True)
    write(folder, person=[ANNA], condition_occurrence=rows)
    report = load(OmopSource(), folder).report
    assert report.read == len(rows) + 1
    assert report.read == report.loaded + report.refused
