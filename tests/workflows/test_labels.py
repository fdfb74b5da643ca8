"""Who takes part in a study, written and read back; and a study that asks again along a stay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from osler import workflows
from osler.cohort.labels import read_labels, read_time_to_event
from osler.errors import InputError
from osler.testing import cohort, patient
from osler.vault import Key, Vault
from osler.workflows.study.question import Study

STUDY = """
title: Death on the ward, asked daily
task:
  predicates:
    admission: {code: ADMISSION}
    discharge: {code: DISCHARGE}
    death: {code: MEDS_DEATH}
    gone: {expr: "or(discharge, death)"}
  trigger: admission
index: {every: 24h, until: gone}
outcome: {type: time-to-event, event: death, competing: [discharge], horizon: [2d, 5d]}
features: {windows: [full], aggregations: [last], min_subjects: 5}
split: {folds: 2}
evaluate: {bootstrap: 20, limits: {}}
"""


@pytest.fixture
def opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> workflows.Opening:
    """Return how to open a vault of 80 stays that end sooner the higher a daily value is."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    key = Key.create_file(tmp_path / "key")
    random = np.random.default_rng(5)
    people = []
    for number in range(80):
        value, start = float(random.normal()), float(random.uniform(0, 100))
        length = 1.0 + 8.0 * float(random.random()) / (1.0 + np.exp(value))
        one = patient(subject_id=number).event("ADMISSION", day=start)
        for day in np.arange(0.1, length, 0.5):
            one = one.lab("x", value + float(random.normal(0, 0.1)), day=start + float(day))
        end = "MEDS_DEATH" if random.random() < 1 / (1 + np.exp(-2 * value)) else "DISCHARGE"
        people.append(one.event(end, day=start + length))
    vault = Vault.init(tmp_path / "vault", key, shards=4)
    with vault.loading(source="test", digest="0" * 64) as load:
        load.append(cohort(*people))
    return workflows.Opening(tmp_path / "vault", tmp_path / "key")


def written(folder: Path, text: str = STUDY) -> Path:
    """Write a study file."""
    path = folder / "study.yaml"
    path.write_text(text, "utf-8")
    return path


def test_labels_are_written_for_each_index_time_and_read_back(opening, tmp_path):
    """MEDS labels per horizon and times to event beside them agree; the export is registered."""
    told = workflows.export_labels(opening, written(tmp_path), tmp_path / "out")
    assert told["files"] == ["labels/2d.parquet", "labels/5d.parquet", "time_to_event.parquet"]
    times = read_time_to_event(tmp_path / "out")
    assert (times.causes, [one.days for one in times.horizons]) == (("death", "discharge"), [2, 5])
    assert told["events"] == times.events
    assert told["rows"] == times.rows.height > told["subjects"] == 80
    labels = read_labels(tmp_path / "out" / "labels" / "2d.parquet")
    soon = (times.rows["cause"] == 1) & (times.rows["duration_days"] <= 2)
    assert labels["boolean_value"].to_list() == soon.to_list()
    sorted_by = ["subject_id", "prediction_time"]
    assert times.rows.sort(sorted_by).equals(times.rows)
    proof = workflows.erase_subject(opening, 7)
    assert [one["kind"] for one in proof["exports"]] == ["labels"]


def test_nothing_is_written_over_or_half(opening, tmp_path):
    """A folder with files, and a study with faults, are refused before anything is written."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    with pytest.raises(InputError, match="files in it"):
        workflows.export_labels(opening, written(tmp_path), tmp_path / "out")
    wrong = written(tmp_path, STUDY.replace("every: 24h", "every: daily, most: none"))
    with pytest.raises(InputError) as caught:
        workflows.export_labels(opening, wrong, tmp_path / "new")
    assert len(caught.value.faults) == 2
    assert not (tmp_path / "new").exists()


def test_an_empty_cohort_is_written_as_empty(opening, tmp_path):
    """No row is an answer: files without rows, and the step that lost the last."""
    study = written(tmp_path, STUDY.replace("code: ADMISSION", "code: NOBODY"))
    told = workflows.export_labels(opening, study, tmp_path / "out")
    assert told["rows"] == read_time_to_event(tmp_path / "out").rows.height == 0
    assert next(step["step"] for step in told["flow"] if not step["rows"]) == "trigger admission"


@pytest.mark.slow
def test_a_study_may_ask_again_along_a_stay(opening, tmp_path):
    """All rows of a stay are in one fold; the question says when it is asked."""
    results = workflows.run_study(opening, written(tmp_path), tmp_path / "run")
    rows = pl.read_parquet(tmp_path / "run" / "predictions.parquet")
    assert rows.group_by("subject_id").agg(pl.col("fold").n_unique())["fold"].max() == 1
    assert results["cohort"]["rows"] == rows.height > results["cohort"]["subjects"]
    assert rows["trigger_time"].null_count() == 0
    assert any("every 1 day from admission on" in one for one in results["question"])
    assert json.loads((tmp_path / "run" / "results.json").read_text("utf-8")) == results


def test_an_index_section_that_asks_for_nothing_is_a_fault():
    """An empty `index:` is told, and not taken for none; without the key there is none."""
    with pytest.raises(InputError, match="neither every nor at"):
        Study.parse(STUDY.replace("{every: 24h, until: gone}", "{}"))
    assert Study.parse(STUDY.replace("index: {every: 24h, until: gone}\n", "")).index is None
