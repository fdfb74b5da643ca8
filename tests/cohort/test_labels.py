"""Labels and times to events on disk: written, read back, and refused when they are not sound."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.cohort import Cohort, Horizon, build
from osler.cohort.labels import LABEL_SCHEMA, read_labels, read_time_to_event, write_labels
from osler.errors import InputError
from osler.testing import DAY_ZERO, cohort, patient

HORIZONS = (Horizon("10d", 10.0), Horizon("30d", 30.0))


def timed(duration: list[float], cause: list[int], horizons: tuple[Horizon, ...] = HORIZONS):
    """Return a cohort with these outcomes."""
    n = len(duration)
    rows = pl.DataFrame(
        {
            "subject_id": pl.Series(range(n), dtype=pl.Int64),
            "prediction_time": pl.Series([DAY_ZERO] * n, dtype=pl.Datetime("us")),
            "duration_days": pl.Series(duration, dtype=pl.Float64),
            "cause": pl.Series(cause, dtype=pl.Int64),
            "entry_days": pl.Series([0.0] * n, dtype=pl.Float64),
        }
    )
    return Cohort(rows, (), ("death", "leave"), horizons)


@settings(max_examples=30, deadline=None)
@given(
    drawn=st.lists(st.tuples(st.floats(0, 1e5), st.integers(0, 2)), max_size=20),
    horizons=st.sampled_from([(), HORIZONS]),
)
def test_what_was_written_is_read_back(drawn, horizons, tmp_path_factory):
    """Rows, causes and horizons come back the same; an empty cohort too."""
    made = timed([d for d, _ in drawn], [c for _, c in drawn], horizons)
    folder = tmp_path_factory.mktemp("labels")
    files = write_labels(made, folder, {"study": "ab"})
    assert all((folder / name).is_file() for name in files)
    for place in (folder, folder / "time_to_event.parquet"):
        found = read_time_to_event(place)
        assert found.rows.equals(made.rows)
        assert (found.causes, found.horizons) == (made.causes, made.horizons)


def test_a_label_is_known_only_where_it_was_observed(tmp_path):
    """By a horizon: true with the event, false with another or beyond, null when lost before."""
    made = timed([5, 5, 5, 20, 20, 10, 40], [1, 2, 0, 1, 0, 0, 1])
    assert write_labels(made, tmp_path)[:2] == ["labels/10d.parquet", "labels/30d.parquet"]
    by = {
        name: read_labels(tmp_path / "labels" / f"{name}.parquet")["boolean_value"].to_list()
        for name in ("10d", "30d")
    }
    assert by["10d"] == [True, False, None, False, False, False, False]
    assert by["30d"] == [True, False, None, True, None, None, False]


def test_files_have_the_columns_of_meds_and_say_their_units(tmp_path):
    """Other software reads the labels; the metadata name units, causes and inputs."""
    write_labels(timed([5.0], [1]), tmp_path, {"study": "ab"})
    schema = pq.read_schema(tmp_path / "labels" / "10d.parquet")
    assert schema.remove_metadata().equals(LABEL_SCHEMA)
    about = json.loads(pq.read_schema(tmp_path / "time_to_event.parquet").metadata[b"osler"])
    assert about["units"] == {"time": "days", "entry": "days"}
    assert about["causes"] == ["death", "leave"]
    assert about["inputs"] == {"study": "ab"}
    table = pq.read_table(tmp_path / "time_to_event.parquet")
    assert table["cause"].to_pylist() == ["death"]


def test_a_label_of_the_task_is_one_file(tmp_path):
    """Without a time to event there is `label.parquet` and no other."""
    window = {"start": "trigger", "end": None, "start_inclusive": False, "end_inclusive": True}
    task = {"predicates": {"a": {"code": "A"}, "b": {"code": "B"}}, "trigger": "a"}
    task["windows"] = {"w": {**window, "label": "b"}}
    events = cohort(patient().event("A").event("B", day=2), patient(subject_id=2).event("A"))
    made = build(events.vstack(cohort(patient(subject_id=2).event("C", day=3))), task)
    assert write_labels(made, tmp_path) == ["labels/label.parquet"]
    found = read_labels(tmp_path / "labels" / "label.parquet")
    assert found["boolean_value"].to_list() == [True, False]
    with pytest.raises(InputError, match="no outcome"):
        write_labels(build(events, {**task, "windows": {}}), tmp_path)


def rewritten(path: Path, change) -> Path:
    """Write a file of times anew with one thing changed."""
    table = pq.read_table(path)
    pq.write_table(change(table), path)
    return path


def _with(name: str, values: list, kind: pa.DataType):
    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index(name)
        return table.set_column(place, pa.field(name, kind), pa.array(values, kind))

    return change


BAD = {
    "no metadata": (lambda table: table.replace_schema_metadata(None), "days, in metadata"),
    "a newer osler": (
        lambda table: table.replace_schema_metadata({b"osler": b'{"format_version": 99}'}),
        "update osler",
    ),
    "no JSON": (lambda table: table.replace_schema_metadata({b"osler": b"{"}), "metadata"),
    "no column": (lambda table: table.drop_columns(["time"]), "time"),
    "words for times": (_with("time", ["soon", "late"], pa.string()), "time"),
    "a missing time": (_with("time", [None, 1.0], pa.float64()), "missing"),
    "a time below 0": (_with("time", [-1.0, 1.0], pa.float64()), "below 0"),
    "no number": (_with("time", [float("nan"), 1.0], pa.float64()), "below 0 or none"),
    "no such cause": (_with("event", [7, 0], pa.int64()), "no cause"),
    "another name": (_with("cause", ["leave", None], pa.string()), "another name"),
}


@pytest.mark.parametrize("name", BAD)
def test_times_that_are_not_sound_are_refused(name, tmp_path):
    """Changed, cut and contradictory files end in a fault that names the column."""
    change, said = BAD[name]
    write_labels(timed([5.0, 7.0], [1, 0]), tmp_path)
    path = rewritten(tmp_path / "time_to_event.parquet", change)
    with pytest.raises(InputError, match=said):
        read_time_to_event(path)


def test_what_is_no_parquet_is_refused(tmp_path):
    """No file, an empty one and another format."""
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "text.parquet").write_text("subject_id,time")
    for name in ("none", "empty", "text"):
        with pytest.raises(InputError):
            read_labels(tmp_path / f"{name}.parquet")
        with pytest.raises(InputError):
            read_time_to_event(tmp_path / f"{name}.parquet")
