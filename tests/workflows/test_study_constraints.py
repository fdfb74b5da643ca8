"""What a study file may ask of its model: directions and fairness, and what the run tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osler import InputError, workflows
from osler.features import Column
from osler.testing import cohort, patient
from osler.vault import Key, Vault
from osler.workflows.study.model_plan import ModelPlan
from osler.workflows.study.question import Study
from osler.workflows.study.saved import SavedRun

STUDY = """
title: Event within a year
task:
  predicates:
    start: {code: START}
    event: {code: EVENT}
  trigger: start
  windows:
    input: {start: null, end: trigger, start_inclusive: True, end_inclusive: True,
            index_timestamp: end}
    target: {start: input.end, end: start + 365d, start_inclusive: False, end_inclusive: True,
             label: event}
features: {windows: [full], aggregations: [last], exclude: ["SEX//*"], age: false}
split: {folds: 2}
model:
  monotone: {"LAB//x": increasing}
  fairness: {groups: sex, aim: equal_opportunity, strength: 5}
evaluate: {min_group: 20, bootstrap: 20, limits: {}, thresholds: [0.3], references: ["LAB//x"]}
"""
COLUMNS = [
    Column("LAB//x//mg", "full", "last"),
    Column("LAB//x//mg", "full", "count"),
    Column("LAB//xy", "full", "mean"),
    Column("AGE", "static", "years"),
]


@pytest.fixture
def opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> workflows.Opening:
    """Return how to open a vault of 400 people, of whom one sex has more events."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    key = Key.create_file(tmp_path / "key")
    random = np.random.default_rng(5)
    people = []
    for number in range(400):
        woman = number % 2
        x, y = float(random.normal()), float(random.normal() * 0.7 + 1.5 * woman)
        one = patient(subject_id=number, born=1950).static(f"SEX//{'FM'[woman]}")
        one = one.event("START", day=10).lab("x", x, day=10).lab("y", y, day=10)
        if random.random() < 1 / (1 + np.exp(1 - x - 1.5 * woman)):
            one = one.event("EVENT", day=100)
        people.append(one.event("SEEN", day=2000))
    vault = Vault.init(tmp_path / "vault", key, shards=2)
    with vault.loading(source="test", digest="0" * 64) as load:
        load.append(cohort(*people))
    return workflows.Opening(tmp_path / "vault", tmp_path / "key")


@pytest.mark.slow
def test_a_study_bends_its_model_and_tells_both_sides(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """The saved model holds its direction; the run tells the gap and the cost, before and after."""
    path = tmp_path / "study.yaml"
    path.write_text(STUDY, "utf-8")
    results = workflows.run_study(opening, path, tmp_path / "run")
    told: dict[str, Any] = results["fairness_in_training"]
    assert told["groups"] == "sex"
    assert set(told["changes"]) == {"auroc", "brier", "ici"}
    table = told["tables"][0]
    assert table["gap_after"]["value"] < table["gap_before"]["value"]
    assert table["net_benefit_change"]["low"] <= table["net_benefit_change"]["high"]
    model = SavedRun.load(tmp_path / "run").final().model
    assert model.monotone == {"LAB//x|full|last": 1}
    rows = np.column_stack([np.linspace(-3, 3, 20), np.zeros(20)])
    at = model.feature_names.index("LAB//x|full|last")
    rows = rows if at == 0 else rows[:, ::-1]
    assert (np.diff(model.predict_proba(rows)[:, 1]) >= -1e-9).all()
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "equal opportunity" in page


def test_a_pattern_is_about_values_of_a_code_and_those_below_it() -> None:
    """Counts stay free, a code that only begins alike too; a full name is about one column."""
    plan = ModelPlan(monotone={"LAB//x": "increasing", "AGE": "decreasing"})
    assert plan.directions(COLUMNS) == {"LAB//x//mg|full|last": 1, "AGE|static|years": -1}
    exact = ModelPlan(monotone={"LAB//x//mg|full|count": "increasing"})
    assert exact.directions(COLUMNS) == {"LAB//x//mg|full|count": 1}
    assert ModelPlan(monotone={"LAB//*": "increasing"}).directions(COLUMNS) == {
        "LAB//x//mg|full|last": 1,
        "LAB//xy|full|mean": 1,
    }
    assert ModelPlan().directions(COLUMNS) is None


def test_patterns_that_match_nothing_or_disagree_are_refused() -> None:
    """A typing error is not a constraint that holds because nothing is held."""
    plan = ModelPlan(monotone={"LAB//z": "increasing", "LAB//w": "increasing"})
    with pytest.raises(InputError) as error:
        plan.check_columns(COLUMNS)
    assert len(error.value.faults) == 2
    both = ModelPlan(monotone={"LAB//x": "increasing", "LAB//*": "decreasing"})
    with pytest.raises(InputError, match="both directions"):
        both.check_columns(COLUMNS)


def test_every_fault_of_the_section_is_told_at_once() -> None:
    """Directions, aims, strengths and unknown keys are all named."""
    wrong = """model:
  monotone: {"LAB//x": up, 3: increasing}
  fairness: {aim: nice, strength: -1, group: sex}
  speed: 3
evaluate: {}
"""
    text = STUDY[: STUDY.index("model:")] + wrong
    with pytest.raises(InputError) as error:
        Study.parse(text)
    told = str(error.value)
    for part in ("up", "3: 'increasing'", "aim", "strength", "group", "speed"):
        assert part in told


def test_fairness_in_training_is_for_labels() -> None:
    """An outcome in time is refused with what could be done in its place."""
    timed = STUDY.replace("split:", "outcome: {event: event, horizon: [1y]}\nsplit:")
    with pytest.raises(InputError, match="a study of a label"):
        Study.parse(timed)
    assert Study.parse(STUDY).model.fairness is not None
    off = STUDY.replace("strength: 5", "strength: 0")
    assert Study.parse(off).model.fairness is None
