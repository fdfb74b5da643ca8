"""MEDS datasets are read, validated and written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.errors import InputError
from osler.model import EVENT_SCHEMA, as_events, empty_events, sort_events, validate_events
from osler.sources.base import LoadReport, Request
from osler.sources.meds import MedsSource, validate_dataset, write_dataset
from osler.sources.meds.layout import CODES, DATASET, SPLITS
from osler.sources.meds.writing import DATA_SCHEMA
from osler.testing import patient

Load = Callable[..., Any]

ANNA = (
    patient(subject_id=1, born=1960)
    .lab("creatinine", 1.4, day=30)
    .static("SEX", text="female")
    .events()
)
BERT = patient(subject_id=-2, born=1950).lab("creatinine", 0.9, day=3).died(day=60).events()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return a sound dataset of two subjects in two shards."""
    folder = tmp_path / "meds"
    splits = pl.DataFrame({"subject_id": [1, -2], "split": ["train", "held_out"]})
    write_dataset(folder, [ANNA, BERT], splits=splits, about={"dataset_name": "two"})
    return folder


def _sorted(events: pl.DataFrame) -> pl.DataFrame:
    return events.sort(events.columns)


def test_round_trip(dataset: Path, load: Load) -> None:
    """What is written is read back, every row, null and type."""
    loaded = load(MedsSource(), dataset)
    assert _sorted(loaded.events).equals(_sorted(pl.concat([ANNA, BERT])))
    assert loaded.report.to_json()["read"] == loaded.report.loaded == ANNA.height + BERT.height
    assert loaded.report.notes == {}


def test_files_are_all_of_it(dataset: Path) -> None:
    """The digest of a dataset covers shards and metadata."""
    names = {str(file.relative_to(dataset)) for file in MedsSource().files(dataset)}
    assert names == {"data/0.parquet", "data/1.parquet", CODES, SPLITS, DATASET}


def test_written_dataset_is_meds(dataset: Path) -> None:
    """Types, codes and keys are those of MEDS 0.4, and validation finds nothing."""
    assert validate_dataset(dataset) == []
    assert pq.read_schema(dataset / "data/0.parquet").equals(DATA_SCHEMA)
    codes = pl.read_parquet(dataset / CODES)
    assert set(codes["code"]) == set(pl.concat([ANNA, BERT])["code"])
    about = json.loads((dataset / DATASET).read_text())
    assert about["meds_version"].startswith("0.4")
    assert about["dataset_name"] == "two"
    assert datetime.fromisoformat(about["created_at"]).tzinfo is not None


def test_code_descriptions_travel(tmp_path: Path, load: Load) -> None:
    """Descriptions and parents given to the writer come back from the reader."""
    codes = pl.DataFrame(
        {"code": ["LAB//creatinine"], "description": ["Creatinine"], "parent_codes": [["LOINC/1"]]}
    )
    write_dataset(tmp_path / "out", [ANNA], codes)
    loaded = load(MedsSource(), tmp_path / "out")
    described = pl.concat([b.codes for b in loaded.batches if b.codes is not None])
    assert described.filter(pl.col("description") == "Creatinine")["parent_codes"].to_list() == [
        ["LOINC/1"]
    ]
    assert described.height == ANNA["code"].n_unique()


values = st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False))
rows = st.tuples(
    st.integers(-3, 3),
    st.none() | st.datetimes(datetime(1801, 1, 1), datetime(2249, 1, 1)),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5).filter(str.strip),
    values,
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)


@settings(max_examples=20)
@given(st.lists(rows, max_size=20))
def test_any_events_round_trip(drawn: list[tuple[Any, ...]]) -> None:
    """Any events at all come back from a written dataset as they were."""
    events = pl.DataFrame(drawn, schema=EVENT_SCHEMA, orient="row")
    shards = [events.filter(pl.col("subject_id") % 2 == part) for part in (0, 1)]
    with tempfile.TemporaryDirectory() as folder:
        written = write_dataset(Path(folder) / "out", shards)
        assert validate_dataset(written.folder) == []
        request = Request(written.folder, _NoIds(), LoadReport())
        batches = [batch.events for batch in MedsSource().read(request)]
    assert _sorted(pl.concat([empty_events(), *batches])).equals(_sorted(events))
    assert request.report.read == events.height


class _NoIds:
    def of(self, names: pl.Series) -> pl.Series:
        """Return nothing: these subjects are integers."""
        raise AssertionError(names.dtype)


def test_writing_is_all_or_nothing(tmp_path: Path) -> None:
    """An error in the last shard leaves no folder and no remains."""

    def shards() -> Any:
        yield ANNA
        raise InputError("the second shard is damaged")

    with pytest.raises(InputError, match="second shard"):
        write_dataset(tmp_path / "out", shards())
    assert list(tmp_path.iterdir()) == []


def test_writing_refuses(tmp_path: Path) -> None:
    """A folder in use, a subject in two shards and unknown keys are refused."""
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("mine")
    with pytest.raises(InputError, match="files in it"):
        write_dataset(tmp_path / "used", [ANNA])
    with pytest.raises(InputError, match="earlier shard"):
        write_dataset(tmp_path / "out", [ANNA, ANNA])
    with pytest.raises(InputError, match="keys colour"):
        write_dataset(tmp_path / "out", [ANNA], about={"colour": "red"})


def test_writing_nobody(tmp_path: Path, load: Load) -> None:
    """No events make a sound dataset without rows."""
    assert write_dataset(tmp_path / "out", []).events == 0
    assert validate_dataset(tmp_path / "out") == []
    assert load(MedsSource(), tmp_path / "out").report.read == 0


def test_all_faults_at_once(dataset: Path) -> None:
    """Validation tells disorder, split subjects, bare codes, missing values and splits together."""
    backwards = sort_events(BERT).reverse()
    pq.write_table(backwards.to_arrow().cast(DATA_SCHEMA), dataset / "data/1.parquet")
    stray = ANNA.with_columns(code=pl.lit("NEW//CODE"))
    pq.write_table(stray.to_arrow().cast(DATA_SCHEMA), dataset / "data/2.parquet")
    nobody = ANNA.with_columns(subject_id=pl.lit(None, pl.Int64))
    nobody.write_parquet(dataset / "data/3.parquet")
    ANNA.with_columns(pl.col("numeric_value").cast(pl.Float64)).write_parquet(
        dataset / "data/4.parquet"
    )
    text = "\n".join(map(str, validate_dataset(dataset)))
    for came in (
        "data/1.parquet: rows out of order",
        "data/2.parquet: 1 subjects that are in an earlier shard too",
        f"data/3.parquet, column subject_id: {ANNA.height} rows without a value",
        "data/4.parquet, column numeric_value: type Float64",
        "codes.parquet: 1 codes are not in it",
    ):
        assert came in text


def test_reading_tells_all_that_cannot_be_repaired(dataset: Path, load: Load) -> None:
    """Absent columns, damaged files and overlapping splits stop the reading, all told."""
    pl.DataFrame({"person": [1]}).write_parquet(dataset / "data/5.parquet")
    (dataset / "data/6.parquet").write_bytes(b"PAR1 and nothing")
    (dataset / DATASET).write_text("[1]")
    splits = pl.DataFrame({"subject_id": [1, 1], "split": ["train", "held_out"]})
    splits.write_parquet(dataset / SPLITS)
    with pytest.raises(InputError) as raised:
        load(MedsSource(), dataset)
    text = "\n".join(map(str, raised.value.faults))
    for came in (
        "data/5.parquet, column subject_id: absent",
        "data/5.parquet, column code: absent",
        "data/6.parquet: not a readable Parquet file",
        "dataset.json: not a JSON object",
        "subject_splits.parquet: 1 subjects in more than one split",
    ):
        assert came in text


def test_reading_repairs_and_tells(tmp_path: Path, load: Load) -> None:
    """Disorder, spread subjects, bare codes, duplicates and double births are notes."""
    data = tmp_path / "d" / "data"
    data.mkdir(parents=True)
    (tmp_path / "d" / "metadata").mkdir()
    BERT.reverse().write_parquet(data / "a.parquet")
    again = as_events(ANNA.with_columns(time=pl.col("time").dt.offset_by("1y")))
    pl.concat([ANNA, ANNA]).write_parquet(data / "b.parquet")
    again.write_parquet(data / "c.parquet")
    pl.DataFrame({"code": ["MEDS_BIRTH"]}).write_parquet(tmp_path / "d" / CODES)
    report = load(MedsSource(), tmp_path / "d").report
    assert report.read == report.loaded
    # The static row of `again` is the same as before: three rows of it, two of the others.
    assert report.notes == {
        "files not in order of subject and time: sorted": 2,
        "subjects in more than one file: joined": 1,
        "codes without a description": 3,
        "exact duplicate rows kept": ANNA.height + 1,
        "subjects with more than one time of birth": 1,
    }


def test_rows_are_refused_with_reasons(tmp_path: Path, load: Load) -> None:
    """A row without subject or code, in the year 9999 or with an infinite value is refused."""
    path = tmp_path / "a.parquet"
    noon = datetime(2020, 1, 1, 12)
    pl.DataFrame(
        {
            "subject_id": [1, None, 1, 1, 1, 1, 1],
            "time": [noon, noon, noon, datetime(9999, 1, 1), None, noon, noon],
            "code": ["A", "A", None, "A", "A", "A", "  "],
            "numeric_value": [1.0, 1.0, 1.0, 1.0, float("nan"), float("inf"), 1.0],
        }
    ).write_parquet(path)
    loaded = load(MedsSource(), path)
    assert loaded.report.why == {
        "no subject": 1,
        "no code": 2,
        "impossible date": 1,
        "a number too large or not finite": 1,
    }
    assert loaded.events.rows() == [(1, noon, "A", 1.0, None), (1, None, "A", None, None)]


def test_older_spellings(tmp_path: Path, load: Load) -> None:
    """MEDS 0.3 without text, patient_id, dates and a text column `value` are understood."""
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {
            "patient_id": ["7", "Anna"],
            "timestamp": [date(2020, 1, 1), None],
            "code": pl.Series(["A", "B"], dtype=pl.Categorical),
            "value": [" 1.5", "<5"],
            "table": ["lab", "lab"],
        }
    ).write_parquet(path)
    loaded = load(MedsSource(), path)
    assert loaded.events.rows() == [
        (7, datetime(2020, 1, 1, 23, 59, 59, 999999), "A", 1.5, None),
        (loaded.ids.names["Anna"], None, "B", None, "<5"),
    ]
    assert loaded.report.notes == {"values of the further column 'table' not kept": 2}
    assert validate_events(sort_events(loaded.events)) == []


@pytest.mark.parametrize("kind", ["missing", "empty folder", "csv", "loop"])
def test_not_meds(tmp_path: Path, load: Load, kind: str) -> None:
    """What is no MEDS dataset says what was expected."""
    path = tmp_path / "thing"
    if kind == "empty folder":
        path.mkdir()
    elif kind == "csv":
        path.write_text("subject_id,time,code\n")
    elif kind == "loop":
        path.symlink_to(path)
    with pytest.raises(InputError):
        MedsSource().files(path)
    with pytest.raises(InputError):
        load(MedsSource(), path)


def test_batches_do_not_show(dataset: Path, load: Load) -> None:
    """The size of a batch changes nothing in events, counts and notes."""
    once, often = load(MedsSource(), dataset), load(MedsSource(), dataset, batch_rows=1)
    assert once.events.equals(often.events)
    assert once.report.to_json() == often.report.to_json()


@pytest.mark.skipif(not os.environ.get("OSLER_DATA"), reason="needs OSLER_DATA")
def test_mimic_demo(load: Load) -> None:
    """All 916,166 rows of the MIMIC-IV demo load, 82,516 exact duplicates told."""
    folder = Path(os.environ["OSLER_DATA"]) / "clinical" / "mimic4_demo_meds"
    loaded = load(MedsSource(), folder / "mimic_iv_demo_meds_events.parquet")
    assert loaded.report.loaded == 916_166
    assert loaded.report.refused == 0
    assert loaded.report.notes["exact duplicate rows kept"] == 82_516
    assert loaded.events["numeric_value"].count() == 405_236
    assert loaded.events["subject_id"].n_unique() == 100
