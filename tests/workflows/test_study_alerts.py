"""Early warning in a study: read from its file, judged out of fold, told in results and report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from osler import workflows
from osler.errors import InputError
from osler.model import sort_events
from osler.report.alerts import alerts as told_in_report
from osler.testing import cohort, patient
from osler.vault import Key, Vault
from osler.workflows.study.alert_plan import alert_sentences
from osler.workflows.study.alerting import alerts_section
from osler.workflows.study.gather import Material, of_events
from osler.workflows.study.horizons import horizons_of
from osler.workflows.study.judging import Judge
from osler.workflows.study.question import Study
from osler.workflows.study.run import outcomes_of

HOUR = 1 / 24
TIMED = """
title: Transfer
task:
  predicates:
    admission: {code: ADMISSION}
    transfer: {code: INTENSIVE_CARE}
    discharge: {code: DISCHARGE}
  trigger: admission
index: {every: 2h, first: 2h, until: discharge}
outcome: {type: time-to-event, event: transfer, competing: [discharge], horizon: [4h, 8h]}
features: {windows: [full], aggregations: [last], exclude: [DISCHARGE, INTENSIVE_CARE]}
split: {folds: 2}
model: {time_budget_s: 2}
evaluate: {bootstrap: 30, limits: {}, alerts: ALERTS}
"""
LABELLED = """
title: Transfer
task:
  predicates:
    admission: {code: ADMISSION}
    transfer: {code: INTENSIVE_CARE}
    discharge: {code: DISCHARGE}
  trigger: admission
  windows:
    before: {start: null, end: trigger, start_inclusive: True, end_inclusive: True,
             has: {transfer: "(None, 0)"}}
    soon: {start: before.end, end: start + 4h, start_inclusive: False, end_inclusive: True,
           label: transfer}
index: {every: 2h, first: 2h, until: discharge}
split: {folds: 2}
evaluate: {bootstrap: 30, limits: {}, alerts: ALERTS}
"""
PLAIN = "{threshold: 0.5, lead: [1h, 2h, 4h]}"


def study(alerts: str = PLAIN, text: str = TIMED) -> Study:
    """Return a study of transfers that asks for these alerts."""
    return Study.parse(text.replace("ALERTS", alerts))


def pairs(count: int = 10) -> pl.DataFrame:
    """Return pairs of stays: one with a transfer after 10 hours, one sent home after 11."""
    people = []
    for number in range(count):
        one = patient(subject_id=2 * number).event("ADMISSION", day=0)
        people.append(one.event("INTENSIVE_CARE", day=10 * HOUR).event("DISCHARGE", day=1))
        other = patient(subject_id=2 * number + 1).event("ADMISSION", day=0)
        people.append(other.event("DISCHARGE", day=11 * HOUR))
    return cohort(*people)


def cohort_of(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the events of several frames in order."""
    return sort_events(pl.concat(parts))


def judged(
    asked: Study, events: pl.DataFrame, high: dict[int, tuple[int, ...]]
) -> tuple[Material, Judge, Any]:
    """Judge risks of 0.9 at these hours of even (0) and odd (1) subjects, and 0.1 elsewhere."""
    material = of_events(events, asked)
    outcomes = outcomes_of(material.cohort, asked)
    horizons = tuple(horizons_of(asked, material.cohort))
    rows = material.cohort.rows
    hours = (rows["prediction_time"] - rows["trigger_time"]).dt.total_hours().to_list()
    kinds = (rows["subject_id"] % 2).to_list()
    risk = [0.9 if hour in high[kind] else 0.1 for hour, kind in zip(hours, kinds, strict=True)]
    incidence = np.tile(np.array(risk)[:, None, None], (1, 2, len(horizons)))
    judge = Judge(
        outcomes, rows["subject_id"].to_numpy(), np.arange(rows.height), outcomes.y,
        np.array([one.days for one in horizons]), tuple(range(len(horizons))), horizons,
        asked.evaluation, 0,
    )  # fmt: skip
    return material, judge, incidence


@pytest.mark.parametrize("text", [TIMED, LABELLED], ids=["time", "label"])
def test_the_numbers_are_those_counted_by_hand(text: str) -> None:
    """A time and a label within 4 hours tell the same counts, those of ten pairs on paper."""
    alerts = PLAIN if text == TIMED else "{horizon: 4h, threshold: 0.5, lead: [1h, 2h, 4h]}"
    told = alerts_section(*judged(study(alerts, text), pairs(), {0: (4, 8), 1: (6,)}), {})["alerts"]
    # Of each pair: predictions at 2, 4, 6, 8 of the one, at 2, 4, 6, 8, 10 of the other.
    assert (told["predictions"], told["stays"], told["events"], told["shown"]) == (90, 20, 10, 30)
    # Watched from 2 to the transfer at 10; from 2 to the discharge at 11, which a label cannot see.
    hours = 17 if text == TIMED else 18
    assert told["patient_days"] == pytest.approx(10 * hours / 24)
    assert told["alerts_per_100_days"]["value"] == pytest.approx(100 * 30 / (10 * hours / 24))
    assert told["precision"]["value"] == pytest.approx(1 / 3)
    assert told["base_rate"]["value"] == pytest.approx(2 / 9)
    assert told["sensitivity"]["value"] == 1
    assert [one["value"] for one in told["sensitivity_by_lead"]] == [1, 1, 0]
    assert told["first_lead_hours"]["value"] == 2
    assert told["not_judged"] == 0
    assert len(told["notes"]) == 1


def test_an_event_beyond_every_horizon_is_nobodys_to_warn_of() -> None:
    """With predictions only until hour 4, an event at hour 10 is not counted against alerts."""
    asked = study(text=TIMED.replace("until: discharge", "until: discharge, within: 5h"))
    told = alerts_section(*judged(asked, pairs(), {0: (4,), 1: ()}), {})["alerts"]
    assert told == {"why": told["why"]}
    assert told["why"].startswith("0 events within 4 hours of a prediction, in 20 stays")


def test_alerts_of_unknown_outcome_are_set_apart() -> None:
    """Where being sent home only ends the record, a late alert is neither right nor wrong."""
    asked = study(text=TIMED.replace("competing: [discharge], ", ""))
    told = alerts_section(*judged(asked, pairs(), {0: (8,), 1: (6, 8)}), {})["alerts"]
    assert (told["shown"], told["not_judged"]) == (30, 10)
    assert told["precision"]["value"] == pytest.approx(1 / 2)
    assert any("nobody knows" in note for note in told["notes"])


def test_a_silence_and_policies_at_one_burden() -> None:
    """The threshold is found for the burden; what is silent is counted; each policy is compared."""
    alerts = "{at_burden: 300, refractory: 6h, compare: [{refractory: 0h}, {most: 1}]}"
    case = judged(study(alerts), pairs(), {0: (6, 8), 1: (6,)})
    told = alerts_section(*case, {"other": case[2] / 2})["alerts"]
    assert told["policy"]["threshold"] == pytest.approx(0.9)
    assert (told["shown"], told["silent"]) == (20, 10)
    assert told["silent_precision"]["value"] == 1
    names = [one["name"] for one in told["policies"]]
    assert names[0] == "each over the threshold, then silent for 6 hours"
    assert names[1:] == ["each over the threshold", f"{names[0]}, at most 1 alert a stay"]
    # Ten pairs with three alerts each would be over 300 in 100 days: none may sound.
    assert told["policies"][1]["alerts_per_100_days"]["value"] == 0
    assert [one["name"] for one in told["models"]] == ["osler", "other"]
    assert told["models"][1]["threshold"] == pytest.approx(0.45)
    assert told["models"][1]["precision_difference"]["value"] == 0


def test_a_burden_out_of_reach_is_told() -> None:
    """Where every prediction is over the threshold found, a note says so."""
    case = judged(study("{at_burden: 5000}"), pairs(), {0: (6,), 1: ()})
    told = alerts_section(*case, {})["alerts"]
    assert told["shown"] == told["predictions"]
    assert any("cannot alert as often" in note for note in told["notes"])


def test_at_events_the_last_prediction_stands_as_long_as_others_do() -> None:
    """With measurements at 0, 3 and 6 hours, a stay of a day is watched for 9."""
    events = [pairs(), *(
        patient(subject_id=number).lab("x", 1.0, day=hour * HOUR).events()
        for number in range(20) for hour in (0, 3, 6)
    )]  # fmt: skip
    text = TIMED.replace("{every: 2h, first: 2h, until: discharge}", "{at: lab, until: discharge}")
    text = text.replace("  trigger:", "    lab: {code: LAB//x}\n  trigger:")
    told = alerts_section(*judged(study(text=text), cohort_of(events), {0: (6,), 1: (6,)}), {})
    assert told["alerts"]["patient_days"] == pytest.approx(20 * 9 / 24)
    assert told["alerts"]["precision"]["value"] == pytest.approx(1 / 2)


def test_a_label_of_another_length_than_the_horizon_is_told() -> None:
    """A label within 4 hours is not what an alert within 6 hours is judged by."""
    alerts = "{horizon: 6h, threshold: 0.5}"
    told = alerts_section(*judged(study(alerts, LABELLED), pairs(), {0: (8,), 1: ()}), {})["alerts"]
    assert any("the window of the label is another" in note for note in told["notes"])


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        ("{}", ["neither threshold nor at_burden"]),
        ("{threshold: 0.5, at_burden: 3}", ["both threshold and at_burden"]),
        ("{threshold: 2, at_burde: 3}", ["threshold", "did you mean at_burden"]),
        ("{at_burden: -1, consecutive: 0, most: 0.5}", ["at_burden", "consecutive", "most"]),
        ("{threshold: 0.5, refractory: soon, lead: [5h, 1]}", ["refractory", "lead", "lead"]),
        ("{threshold: 0.5, horizon: 5h}", ["one of 4h, 8h"]),
        ("{threshold: 0.5, compare: [{}, {consecutive: 1}, 3, {x: 1}]}",
         ["entry 1", "entry 2", "entry 3", "entry 4: x", "there already"]),
        ("{threshold: 0.5, compare: {most: 1}}", ["a list of at most 10"]),
        ("[1]", ["a mapping of keys"]),
        ("yes", ["a mapping of keys"]),
    ],
)  # fmt: skip
def test_faults_are_told_at_once(alerts: str, expected: list[str]) -> None:
    """Every fault of the section stands in one refusal, with the place where it is."""
    with pytest.raises(InputError) as caught:
        study(alerts)
    told = [str(fault) for fault in caught.value.faults]
    for words in expected:
        assert any("alerts" in one and words in one for one in told), (words, told)


def test_alerts_need_landmarks_and_a_horizon() -> None:
    """A study that predicts once is told to add an index; one without horizon to name it."""
    with pytest.raises(InputError, match="add `index:"):
        study(text=TIMED.replace("index: {every: 2h, first: 2h, until: discharge}\n", ""))
    with pytest.raises(InputError, match="name it under `outcome`"):
        study(text=TIMED.replace(", horizon: [4h, 8h]", ""))
    with pytest.raises(InputError, match="a time such as 24h"):
        study(text=LABELLED)


def test_the_question_is_told_in_words() -> None:
    """What sounds, what makes it right, and what it is compared with."""
    asked = study("{at_burden: 20, refractory: 12h, consecutive: 2, compare: [{consecutive: 1}]}")
    first, second = alert_sentences(asked.evaluation.alerts)
    assert "at most 20 times in 100 patient-days (2 in a row over the threshold" in first
    assert "within 4 hours" in first
    assert second.endswith("each over the threshold, then silent for 12 hours.")
    assert asked.evaluation.alerts is not None
    assert alert_sentences(None) == []


def test_the_report_reads_as_sentences() -> None:
    """How often, how often right, how long before; and why not, where it cannot be told."""
    told = alerts_section(*judged(study(), pairs(), {0: (4, 8), 1: (6,)}), {})
    section = told_in_report(told)
    assert section is not None
    words = " ".join(section["sentences"])
    assert "About 424 alerts per 100 patient-days" in words
    assert "of 100 alerts were right; of 100 alerts that fall by chance, 22 would be" in words
    assert "of 100 events were warned of at least 2 hours before" in words
    assert "Nobody acted" in section["notes"][0]
    assert told_in_report({}) is None
    assert told_in_report({"alerts": {"why": "too few"}}) == {"why": "Too few."}


def ward(folder: Path, seed: int, telling: float, stays: int = 150) -> workflows.Opening:
    """Return how to open a vault of stays; before a transfer a value rises by `telling`."""
    random = np.random.default_rng(seed)
    people = []
    for number in range(stays):
        one = patient(subject_id=number).event("ADMISSION", day=number)
        end = float(random.uniform(20, 60))
        worse = float(random.uniform(12, 60)) if random.random() < 0.4 else None
        for hour in np.arange(0.0, min(end, worse or end), 2):
            near = 0 if worse is None else max(0.0, 1 - (worse - hour) / 8)
            value = telling * near + random.normal()
            one = one.lab("x", value, day=number + hour * HOUR)
        if worse is not None and worse < end:
            one = one.event("INTENSIVE_CARE", day=number + worse * HOUR)
        people.append(one.event("DISCHARGE", day=number + end * HOUR))
    key = Key.create_file(folder / "key")
    vault = Vault.init(folder / "vault", key, shards=2)
    with vault.loading(source="test", digest="0" * 64) as load:
        load.append(cohort(*people))
    return workflows.Opening(folder / "vault", folder / "key")


def run(folder: Path, opening: workflows.Opening, alerts: str) -> Any:
    """Run the study and return what `results.json` says of alerts."""
    text = TIMED.replace("ALERTS", alerts)
    (folder / "study.yaml").write_text(text, "utf-8")
    results = workflows.run_study(opening, folder / "study.yaml", folder / "run")
    assert json.loads((folder / "run" / "results.json").read_text("utf-8")) == results
    return results["alerts"]


@pytest.mark.slow
def test_a_ward_from_study_to_report_to_another_ward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts of a telling value are right more often than chance, there and on another ward."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    told = run(here, ward(here, 1, 5.0), "{at_burden: 40, refractory: 4h, compare: [{most: 1}]}")
    assert told["alerts_per_100_days"]["value"] <= 40
    assert told["precision"]["low"] > 2 * told["base_rate"]["high"]
    shares = [told["sensitivity"]["value"], *(x["value"] for x in told["sensitivity_by_lead"])]
    assert shares == sorted(shares, reverse=True)
    page = (here / "run" / "report.html").read_text("utf-8")
    assert "If it were shown as alerts" in page
    assert "Nobody acted on these predictions" in page
    applied = workflows.apply_study(ward(there, 2, 5.0), here / "run", there / "applied")["alerts"]
    assert applied["policy"]["threshold"] == told["policy"]["threshold"]
    assert applied["policy"]["chosen_by"] == "run"
    assert applied["precision"]["value"] > 2 * applied["base_rate"]["value"]


@pytest.mark.slow
def test_alerts_of_noise_are_right_as_often_as_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that knows nothing has the precision of alerts that fall anywhere."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    told = run(tmp_path, ward(tmp_path, 3, 0.0), "{at_burden: 150, refractory: 2h}")
    assert told["precision"]["value"] == pytest.approx(told["base_rate"]["value"], abs=0.05)
