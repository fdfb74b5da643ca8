"""Studies of other kinds than the guide's: yes or no, held out in time, a rare competing cause."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from osler import workflows
from osler.testing import cohort, patient
from osler.vault import Key, Vault

BINARY = """
title: Event within three years
task:
  predicates:
    start: {code: START}
    event: {code: EVENT}
  trigger: start
  windows:
    input: {start: null, end: trigger, start_inclusive: True, end_inclusive: True,
            index_timestamp: end}
    target: {start: input.end, end: start + 1095d, start_inclusive: False, end_inclusive: True,
             label: event}
features: {windows: [full], aggregations: [last]}
split: {folds: 2, temporal_holdout: 2021-01-01}
evaluate: {groups: [age_band, nope], min_group: 20, bootstrap: 20, limits: {},
           references: ["LAB//x"]}
"""
COMPETING = """
title: First of several
people: patients
names: {event: had the event}
task:
  predicates:
    start: {code: START}
    event: {code: EVENT}
    rare: {code: RARE}
  trigger: start
outcome: {type: time-to-event, event: event, competing: [rare], horizon: [1y, 2y]}
features: {windows: [full], aggregations: [last]}
split: {folds: 2, site: SITE}
evaluate: {bootstrap: 20, limits: {c: {min: 0.99}}}
"""


@pytest.fixture
def opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> workflows.Opening:
    """Return how to open a vault of 160 people whose event depends on one value."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    key = Key.create_file(tmp_path / "key")
    random = np.random.default_rng(5)
    people = []
    for number in range(160):
        start, value = float(random.uniform(0, 700)), float(random.normal())
        one = patient(subject_id=number, born=1950).static(f"SITE//{number % 2}")
        one = one.event("START", day=start).lab("x", value, day=start)
        late = start + float(random.exponential(900 * np.exp(-value)))
        one = one.event("EVENT", day=late) if number != 3 else one.event("RARE", day=late)
        people.append(one.event("SEEN", day=start + 2000))
    vault = Vault.init(tmp_path / "vault", key, shards=2)
    with vault.loading(source="test", digest="0" * 64) as load:
        load.append(cohort(*people))
    return workflows.Opening(tmp_path / "vault", tmp_path / "key")


def run(opening: workflows.Opening, text: str, folder: Path) -> Any:
    """Run a study and return what `results.json` says."""
    study = folder / "study.yaml"
    study.write_text(text, "utf-8")
    results = workflows.run_study(opening, study, folder / "run")
    assert json.loads((folder / "run" / "results.json").read_text("utf-8")) == results
    return results


@pytest.mark.slow
def test_a_yes_or_no_study_is_judged_on_the_rows_held_out_in_time(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """Late rows are in no fold; the metrics are theirs; a group nobody is in is told, not shown."""
    results = run(opening, BINARY, tmp_path)
    predictions = pl.read_parquet(tmp_path / "run" / "predictions.parquet")
    late = predictions.filter(pl.col("fold") < 0)
    assert late.height == results["metrics"]["osler"]["auroc"]["n"]
    assert late["prediction_time"].min() >= pl.Series(["2021-01-01"]).str.to_datetime()[0]
    assert results["outcome"]["event"] == "event"
    assert any("nope" in line for line in results["limits"])
    assert results["comparisons"]


@pytest.mark.slow
def test_a_model_that_fails_a_limit_does_not_speak_of_a_patient(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """A cause that one subject has is carried through; a failed limit leaves no number."""
    results = run(opening, COMPETING, tmp_path)
    assert results["cohort"]["events"]["rare"] == 1
    assert len(results["sites"]) == 2
    files = workflows.report_patient(opening, 7, runs=[tmp_path / "run"], out=tmp_path / "page")
    report = json.loads((tmp_path / "page" / "report.json").read_text("utf-8"))
    assert {path.name for path in files} == {"report.html", "report.json"}
    assert [one["status"] for one in report["findings"]] == ["abstained"]
    assert report["findings"][0]["value"] is None
    assert report["summary"] is None


def test_two_vaults_of_one_source_give_equal_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named subjects get their ids in order of appearance, whatever the vault's own secrets."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    lines = "".join(f"p{number},2020-01-01,{number}\n" for number in range(300))
    (tmp_path / "t.csv").write_text(f"id,when,value\n{lines}", "utf-8")
    mapping = "subject: id\ntime: when\nevents: [{code: X, numeric_value: value}]\n"
    (tmp_path / "m.yaml").write_text(mapping, "utf-8")
    seen = []
    for name in ("a", "b"):
        opening = workflows.Opening(tmp_path / name, tmp_path / f"{name}.key")
        workflows.init_vault(opening)
        workflows.load(opening, "table", tmp_path / "t.csv", mapping=tmp_path / "m.yaml")
        vault = opening.open()
        with vault.act("compare"):
            parts = [vault.shard_events(shard) for shard in vault.shard_ids()]
        seen.append(pl.concat(parts).sort("subject_id"))
    assert seen[0].equals(seen[1])
    assert seen[0]["numeric_value"].to_list() == list(range(300))
