"""Answers, ancestors and rare codes through a study, and at the prediction of one patient."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from osler import workflows
from osler.errors import InputError
from osler.features import Hierarchy, featurise
from osler.testing import cohort, patient
from osler.vault import Key, Vault
from osler.workflows.study.gather import without_race
from osler.workflows.study.question import Study
from osler.workflows.study.saved import FittedModel, SavedRun
from osler.workflows.study.table_one import table_one
from osler.workflows.study.wording import in_words, variables

STUDY = """
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
features: {windows: [full], aggregations: [count, last], roll_up: true, rare: pool}
split: {folds: 2}
evaluate: {min_group: 20, bootstrap: 20, limits: {}}
"""
PARENTS = pl.DataFrame(
    {"code": ["DX//a1", "DX//a2", "DX//a"], "parent_codes": [["DX//a"], ["DX//a"], ["DX"]]},
    schema_overrides={"parent_codes": pl.List(pl.String)},
)


@pytest.fixture
def opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> workflows.Opening:
    """Return how to open a vault of 160 people whose event depends on what they last answered."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    random = np.random.default_rng(5)
    people = []
    for number in range(160):
        smokes = bool(random.random() < 0.5)
        one = patient(subject_id=number, born=1950).event("SMOKING", text="Former", day=-9)
        last = "pipe" if number == 7 else "Current" if smokes else "Never"
        one = one.event("SMOKING", text=last, day=-1).event(f"DX//a{1 + number % 2}", day=-1)
        one = one.event(f"RX//{number % 40}", day=-1).event("START", day=0)
        if random.random() < (0.7 if smokes else 0.1):
            one = one.event("EVENT", day=400)
        people.append(one.event("SEEN", day=2000))
    vault = Vault.init(tmp_path / "vault", Key.create_file(tmp_path / "key"), shards=2)
    with vault.loading(source="test", digest="0" * 64) as load:
        load.append(cohort(*people), PARENTS)
    return workflows.Opening(tmp_path / "vault", tmp_path / "key")


@pytest.mark.slow
def test_a_study_learns_from_answers_ancestors_and_what_is_rare(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """The last answer predicts; ancestors and the rare have columns; a run is applied as learnt."""
    (tmp_path / "study.yaml").write_text(STUDY, "utf-8")
    results = workflows.run_study(opening, tmp_path / "study.yaml", tmp_path / "run")
    columns = json.loads((tmp_path / "run" / "model" / "final" / "columns.json").read_text())
    assert {"SMOKING//=Current|full|last", "SMOKING//=Never|full|last"} <= set(columns)
    assert {"DX|full|count", "DX//a|full|count", "RX//~rare|full|count"} <= set(columns)
    assert not [one for one in columns if one.startswith("SMOKING//=pipe")]
    assert results["metrics"]["osler"]["auroc"]["value"] > 0.7
    asked = next(one for one in results["variables"] if one["code"] == "SMOKING")
    assert set(asked["levels"].values()) == {"Current", "Never"}
    assert results["importance"][0]["code"] == "SMOKING"
    lines = [one for one in results["cohort"]["table1"] if one["code"] == "SMOKING"]
    assert sum(one["n"] for one in lines) == 159
    run = SavedRun.load(tmp_path / "run")
    assert run.study.features.hierarchy == Hierarchy.of(PARENTS)
    workflows.report_patient(opening, 7, runs=[tmp_path / "run"], out=tmp_path / "page")
    report = json.loads((tmp_path / "page" / "report.json").read_text("utf-8"))
    (finding,) = report["findings"]
    assert any("answer that the model does not know" in one for one in finding["caveats"])
    workflows.report_patient(opening, 8, runs=[tmp_path / "run"], out=tmp_path / "other")
    report = json.loads((tmp_path / "other" / "report.json").read_text("utf-8"))
    (finding,) = report["findings"]
    assert finding["reasons"][0]["what"] in ("Smoking: Current", "Smoking: Never")
    assert finding["reasons"][0]["source"].startswith("SMOKING (")


def test_a_roll_up_without_parents_or_in_a_circle_is_refused(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """The message names the key, or the codes that stand above themselves."""
    vault = opening.open()
    with vault.loading(source="more", digest="1" * 64) as load:
        parents = pl.DataFrame({"code": ["DX"], "parent_codes": [["DX//a1"]]})
        load.append(cohort(patient(subject_id=900).event("DX//a")), parents)
    (tmp_path / "study.yaml").write_text(STUDY, "utf-8")
    with pytest.raises(InputError, match="DX//a1 below DX//a below DX"):
        workflows.run_study(opening, tmp_path / "study.yaml", tmp_path / "run")


def test_keys_of_features_are_checked_together() -> None:
    """What is neither true nor false, and a rule that there is not, are told at once."""
    wrong = STUDY.replace("roll_up: true, rare: pool", "roll_up: 3, text: maybe, rare: guess")
    with pytest.raises(InputError) as caught:
        Study.parse(wrong)
    told = " ".join(map(str, caught.value.faults))
    assert all(key in told for key in ("roll_up", "text", "rare"))
    plan = Study.parse(STUDY).features
    assert (plan.text, plan.roll_up, plan.rare, plan.hierarchy) == (True, True, "pool", None)


def test_a_model_tells_answers_it_does_not_know() -> None:
    """How many rows have one is said, never what it was."""
    model = FittedModel.__new__(FittedModel)
    object.__setattr__(model, "columns", ("S//=a|full|last", "S|full|count"))
    events = cohort(
        patient(subject_id=1).event("S", text="secret"), patient(subject_id=2).event("S", text="a")
    )
    rows = events.group_by("subject_id").agg(prediction_time=pl.col("time").max())
    matrix = featurise(events, rows, ["full"], ["count", "last"])
    (told,) = model.unknown(matrix)
    assert "in 1 of 2 rows" in told
    assert "secret" not in told


def test_neither_answers_nor_ancestors_of_race_are_read() -> None:
    """What stands above a code of race, or is an answer to one, is left out like the code."""
    events = cohort(
        patient(subject_id=1).event("RACE", text="white\nother").event("RACE//a").event("LAB//x"),
        patient(subject_id=2).event("RACE", text="b").event("ORIGIN//b").event("LAB//x"),
    )
    rows = events.group_by("subject_id").agg(prediction_time=pl.col("time").max())
    hierarchy = Hierarchy({"RACE//a": ("ORIGIN//any",), "LAB//x": ("LAB//all",)})
    matrix = featurise(events, rows, ["full"], ["count", "last"], roll_up=hierarchy)
    left = {column.code for column in without_race(matrix, hierarchy).columns}
    assert left == {"LAB//x", "LAB//all", "ORIGIN//b"}


def test_a_study_file_is_yaml_1_2() -> None:
    """A code `NO` and a time `1:30` are texts there, as in the task that stands beside them."""
    study = Study.parse(STUDY.replace("windows: [full]", "windows: [full], include: [NO, 1:30]"))
    assert study.features.include == ("NO", "1:30")


COLUMNS = [
    ("SMOKING", "count"),
    ("SMOKING//=Never", "last"),
    ("SMOKING//=Current", "count"),
    ("SMOKING//=Current", "last"),
    ("SMOKING//=~rare", "last"),
    ("LAB//x", "last"),
    ("LAB//x//=>90", "count"),
    ("DX//~rare", "count"),
]


def test_answers_are_levels_unless_numbers_were_measured_too() -> None:
    """Smoking is one variable with three levels; a text beside numbers is a variable of its own."""
    values = np.zeros((20, len(COLUMNS)))
    values[:, 0] = 2
    values[:8, 1], values[8:14, 2], values[8:14, 3], values[14:, 4] = 1, 3, 1, 1
    values[:, 5], values[:9, 6], values[:9, 7] = 80, 1, 1
    found = {one.code: one for one in variables(COLUMNS, sparse.csr_array(values), {})}
    assert set(found) == {"SMOKING", "LAB//x", "LAB//x//=>90", "DX//~rare"}
    assert found["SMOKING"].columns == (0, 1, 2, 3, 4)
    assert found["SMOKING"].levels == {1: "Never", 3: "Current", 4: "another"}
    assert found["LAB//x//=>90"].name == "LAB x: >90"
    assert found["DX//~rare"].name == "DX, rare or new"
    lines = table_one(list(found.values()), COLUMNS, sparse.csr_matrix(values))
    told = {one["level"]: one["n"] for one in lines if one["code"] == "SMOKING"}
    assert told == {"Never": 8, "Current": 6, "another": 6}
    assert in_words("SMOKING//=~rare") == "Smoking: another"
