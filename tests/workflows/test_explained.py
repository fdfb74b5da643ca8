"""What a study and a patient's report say of why, and of the people who are alike."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osler import workflows
from osler.learn.alike import FEWEST_PEOPLE
from osler.report import patient_fhir, patient_html
from osler.report.alike import ALIKE
from osler.testing import cohort, patient
from osler.vault import Key, Vault
from osler.workflows.study.alike import KIND, load_alike
from osler.workflows.study.saved import SavedRun

PEOPLE = 260
NEW = 9_000
STUDY = """
title: First of two
people: patients
task:
  predicates:
    start: {code: START}
    event: {code: EVENT}
    other: {code: OTHER}
  trigger: start
outcome: {type: time-to-event, event: event, competing: [other], horizon: [1y, 3y]}
features: {windows: [full, 30d], aggregations: [last, any]}
split: {folds: 2}
evaluate: {bootstrap: 20, limits: {}}
"""
CITED = re.compile(r"^\S.* \((\d{4}-\d\d-\d\d|no date)\)(; .*)?$")


def someone(number: int, random: Any, value: float | None = None) -> Any:
    """Return a person whose hazard rises with one laboratory value, and whom a marker moves."""
    start = 400 + float(random.uniform(0, 700))
    known = float(random.normal()) if value is None else value
    marked = random.random() < 0.4
    one = patient(subject_id=number, born=1950).event("START", day=start)
    one = one.lab("x", known, day=start - 1)
    one = one.static(f"GRADE//{random.integers(1, 4)}")
    if marked:
        one = one.event("MARKER", day=start - 200)
    hazard = np.exp(known + 0.8 * marked)
    late = start + float(random.exponential(1500 / hazard))
    kind = "EVENT" if random.random() < 0.75 else "OTHER"
    return one.event(kind, day=late).event("SEEN", day=start + 2000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a vault's opening and the folder of a run on it."""
    folder = tmp_path_factory.mktemp("explained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSLER_STATE", str(folder / "state"))
        random = np.random.default_rng(8)
        people = [someone(number, random) for number in range(PEOPLE)]
        far = someone(NEW, random, value=60.0)
        vault = Vault.init(folder / "vault", Key.create_file(folder / "key"), shards=2)
        with vault.loading(source="test", digest="0" * 64) as load:
            load.append(cohort(*people))
        (folder / "study.yaml").write_text(STUDY, "utf-8")
        opening = workflows.Opening(folder / "vault", folder / "key")
        workflows.run_study(opening, folder / "study.yaml", folder / "run")
        with vault.loading(source="later", digest="1" * 64) as load:
            load.append(cohort(far))
        yield opening, folder


def told(made: Any, subject: int, where: Path) -> Any:
    """Return the report of a person."""
    opening, folder = made
    workflows.report_patient(opening, subject, runs=[folder / "run"], out=where / str(subject))
    return json.loads((where / str(subject) / "report.json").read_text("utf-8"))


def test_a_study_tells_shapes_and_whether_reasons_are_faithful(made: Any) -> None:
    """The strongest columns have shapes of ten people and more, and reasons are put to the test."""
    results = json.loads((made[1] / "run" / "results.json").read_text("utf-8"))
    columns = results["shapes"]["columns"]
    assert columns[0]["what"] == "LAB x"
    effects = [one["effect"] for one in columns[0]["bins"]]
    assert effects[0] < 0 < effects[-1]
    bins = [one for column in columns for one in column["bins"]]
    assert all(one["n"] >= FEWEST_PEOPLE for one in bins)
    assert results["faithfulness"]["faithful"] is True
    page = (made[1] / "run" / "report.html").read_text("utf-8")
    assert "How the prediction goes with what is measured" in page
    assert "Are its reasons what it rests on?" in page


def test_only_groups_are_kept_with_the_model(made: Any) -> None:
    """Beside each model are as many groups as people allow, none of them one person's row."""
    folder = made[1] / "run" / "model"
    run = SavedRun.load(made[1] / "run")
    assert {path.name for path in folder.iterdir()} >= {"final", "fold-0", "fold-1"}
    for name in ("final", "fold-0", "fold-1"):
        alike = load_alike(folder / name / KIND)
        assert alike.total == (PEOPLE if name == "final" else PEOPLE // 2)
        assert alike.people.sum() == alike.total
        assert (alike.people >= FEWEST_PEOPLE).all()
        assert len(alike.centres) <= alike.total // FEWEST_PEOPLE
    assert run.final().alike is not None


def test_people_alike_had_what_is_predicted(made: Any, tmp_path: Path) -> None:
    """A person at high risk is told of people who had the event oftener, in report and bundle."""
    predictions = SavedRun.load(made[1] / "run").predictions.sort("event|3y")
    ends = [predictions["subject_id"][at] for at in (5, -5)]
    low, high = (told(made, subject, tmp_path) for subject in ends)
    shares = [one["alike"]["horizons"][-1]["causes"][0] for one in (low, high)]
    assert shares[1]["predicted"] > shares[0]["predicted"] + 0.2
    assert shares[0]["few"] or shares[0]["value"] < shares[1]["value"] or shares[1]["value"] is None
    for report in (low, high):
        assert report["alike"]["people"] >= FEWEST_PEOPLE
        page = patient_html(report)
        assert "What became of the patients most like this one" in page
        assert "not what a change of treatment would bring" in page
        found = [one for one in report["findings"] if one["kind"] == ALIKE]
        bundle = json.dumps(patient_fhir(report))
        assert all(one["statement"] in bundle for one in found)
        assert all(one["status"] == "final" and one["value"] is not None for one in found)


def test_cells_of_fewer_than_ten_are_not_told(made: Any, tmp_path: Path) -> None:
    """An outcome has a share with an interval, or is hidden; never a share of fewer than ten."""
    cells = [
        (report["alike"]["people"], cause)
        for subject in range(0, 40, 8)
        for report in [told(made, subject, tmp_path)]
        for horizon in report["alike"]["horizons"]
        for cause in horizon["causes"]
    ]
    for people, cause in cells:
        hidden = cause["value"] is None
        assert hidden == (cause["low"] is None) == (cause["high"] is None)
        assert not (cause["few"] and not hidden)
        assert hidden or cause["value"] * people >= FEWEST_PEOPLE - 1e-6


def test_every_reason_cites_events_or_says_that_there_is_none(made: Any, tmp_path: Path) -> None:
    """A reason names codes and dates that are on the timeline, or the lack of a record."""
    codes = {"MEDS_BIRTH", "LAB//x", "GRADE//1", "GRADE//2", "GRADE//3", "MARKER"}
    met = {"cited": 0, "absent": 0}
    for subject in range(8):
        for finding in told(made, subject, tmp_path)["findings"]:
            for reason in finding["reasons"]:
                source = reason["source"]
                if "no record" in reason["what"]:
                    assert source.startswith("no event of MARKER up to ")
                    met["absent"] += 1
                else:
                    assert CITED.match(source), source
                    assert source.partition(" (")[0] in codes
                    met["cited"] += 1
    assert min(met.values()) > 0


def test_where_the_model_abstains_nobody_alike_is_told(made: Any, tmp_path: Path) -> None:
    """Someone out of the domain hears neither a prognosis nor what became of others."""
    report = told(made, NEW, tmp_path)
    assert report["alike"] is None
    assert all(one["status"] == "abstained" for one in report["findings"])
    assert "most like this one" not in patient_html(report)
