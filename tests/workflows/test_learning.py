"""Decisions are recorded, models watched, candidates proposed, promoted and taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from osler import Damaged, InputError, NotEstimable, workflows
from osler.errors import Refused
from osler.testing import cohort, patient
from osler.vault import Key, Vault
from osler.workflows.learning.decisions import NO_PREDICTION, NO_SUBJECT, decided, events_of
from osler.workflows.learning.protocol import Protocol

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
features: {windows: [full], aggregations: [last], age: false, exclude: ["START", "SEX//*"]}
split: {folds: 2, temporal_holdout: 2021-01-01}
model: {time_budget_s: 2}
evaluate: {groups: [sex], min_group: 20, bootstrap: 40, limits: {}}
groups: {sex: {codes: ["SEX//*"]}}
"""
PROTOCOL = """
title: Yearly update
may_change: [features, data, settings]
metrics: {auroc: 0.05, brier: 0.02}
groups: [sex]
least: {subjects: 50, events: 10, group: 20}
signers: [Dr Example]
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> workflows.Opening:
    """Return a vault of people, half of whom came before 2021 and half after."""
    folder = tmp_path_factory.mktemp("learning")
    random = np.random.default_rng(2)
    people = []
    for number in range(500):
        day = 0 if number % 2 else 600
        strong, weak = random.normal(size=2)
        one = patient(subject_id=number).lab("strong", float(strong), day=day - 1)
        one = one.lab("weak", float(weak), day=day - 1).event("START", day=day)
        one = one.static("SEX//F" if number % 3 else "SEX//M")
        if random.random() < 1 / (1 + np.exp(0.5 - 1.6 * strong)):
            one = one.event("EVENT", day=day + 100)
        people.append(one.event("SEEN", day=day + 500))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OSLER_STATE", str(folder / "state"))
        vault = Vault.init(folder / "vault", Key.create_file(folder / "key"), shards=2)
        with vault.loading(source="test", digest="0" * 64) as load:
            load.append(cohort(*people))
        yield workflows.Opening(folder / "vault", folder / "key")


@pytest.fixture(scope="module")
def runs(here: workflows.Opening, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a run that reads the weak sign alone, and one that reads both."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "protocol.yaml").write_text(PROTOCOL, "utf-8")
    for name, left_out in (("old", '"LAB//strong*"'), ("new", '"NOTHING"')):
        text = STUDY.replace('"START"', f'"START", {left_out}')
        (folder / f"{name}.yaml").write_text(text, "utf-8")
        workflows.run_study(here, folder / f"{name}.yaml", folder / name)
    return {name: folder / name for name in ("old", "new", "protocol.yaml")}


def decisions(run: Path, folder: Path, rows: int = 60) -> Path:
    """Write what a run said of some people as a file of decisions, some of them malformed."""
    told = pl.read_parquet(run / "predictions.parquet").head(rows)
    lines = [
        {
            "subject": str(row["subject_id"]),
            "time": row["prediction_time"].isoformat(),
            "prediction": f"{row['event']:.4f}",
            "shown": "yes" if number % 2 else "no",
            "options": "drug;nothing",
            "choice": "drug" if number % 4 == 1 else "nothing",
            "override_reason": "her wish" if number % 8 == 3 else None,
        }
        for number, row in enumerate(told.iter_rows(named=True))
    ]
    lines += [{**lines[0], "subject": "999999"}, {**lines[0], "prediction": "1.2"}]
    pl.DataFrame(lines).write_csv(folder / "decisions.csv")
    return folder / "decisions.csv"


@pytest.mark.slow
def test_decisions_are_recorded_once_and_watched(
    here: workflows.Opening, runs: dict[str, Path], tmp_path: Path
) -> None:
    """Refused rows are counted by reason; those acted on do not count as labels."""
    file = decisions(runs["old"], tmp_path)
    told = workflows.record_decisions(here, file, runs["old"])
    assert (told["read"], told["recorded"], told["refused"]) == (62, 60, 2)
    assert told["why"] == {NO_SUBJECT: 1, NO_PREDICTION: 1}
    assert workflows.record_decisions(here, file, runs["old"])["already_recorded"]
    status = workflows.learning_status(here, runs["old"])
    watched = status["watched"]
    assert (watched["decisions"], watched["known"], watched["acted"]) == (60, 60, 15)
    assert watched["wagers"][0]["labels"] == 45
    assert watched["alarms"] == []
    assert "no alarm" in workflows.status_lines(status)[-1]
    other = workflows.learning_status(here, runs["new"])["watched"]
    assert other["decisions"] == 0


@pytest.mark.slow
def test_no_model_reads_a_decision(here: workflows.Opening, runs: dict[str, Path]) -> None:
    """Recorded decisions are no columns of a study that takes every code."""
    columns = json.loads((runs["new"] / "model" / "final" / "columns.json").read_text("utf-8"))
    assert columns
    assert not [one for one in columns if one.startswith("DECISION")]


@pytest.mark.slow
def test_a_better_candidate_is_proposed_promoted_and_taken_back(
    here: workflows.Opening, runs: dict[str, Path], tmp_path: Path
) -> None:
    """Every step is in the ledger, signed, and the judgement can be replayed bit for bit."""
    out = tmp_path / "proposal.json"
    told = workflows.propose_update(here, runs["new"], runs["old"], runs["protocol.yaml"], out)
    assert told["passed"]
    assert {one["group"] for one in told["judged"]} == {"everyone", "sex: F", "sex: M"}
    assert told["later"]["subjects"] == 250
    assert told["judged"][0]["difference"]["low"] > 0
    again = workflows.replay(here, out, runs["new"], runs["old"], runs["protocol.yaml"])
    assert again
    with pytest.raises(Refused, match="signer"):
        workflows.promote(here, out, "Somebody Else")
    done = workflows.promote(here, out, "Dr Example")
    assert workflows.learning_status(here)["current"] == done["current"] == told["run"]
    assert workflows.rollback(here, "Dr Example")["current"] == told["against"]
    assert workflows.learning_status(here)["current"] == told["against"]
    with pytest.raises(Refused, match="taken back already"):
        workflows.rollback(here, "Dr Example")
    audit = here.open().audit()
    assert "Dr Example" not in json.dumps(audit, default=str)
    assert here.open().verify().sound


@pytest.mark.slow
def test_a_worse_candidate_is_not_promoted(
    here: workflows.Opening, runs: dict[str, Path], tmp_path: Path
) -> None:
    """The old model beside the new one misses its margins, and the refusal names where."""
    out = tmp_path / "proposal.json"
    told = workflows.propose_update(here, runs["old"], runs["new"], runs["protocol.yaml"], out)
    assert not told["passed"]
    assert any("not shown" in line for line in workflows.proposal_lines(told))
    with pytest.raises(Refused, match="auroc in everyone"):
        workflows.promote(here, out, "Dr Example")
    forged = {**json.loads(out.read_text("utf-8")), "passed": True}
    out.write_text(json.dumps(forged), "utf-8")
    with pytest.raises(Damaged):
        workflows.promote(here, out, "Dr Example")


@pytest.mark.slow
def test_what_the_protocol_does_not_allow_is_refused(
    here: workflows.Opening, runs: dict[str, Path], tmp_path: Path
) -> None:
    """A change that was not foreseen, and too few people, are told in words."""
    strict = tmp_path / "strict.yaml"
    strict.write_text(PROTOCOL.replace("features, ", ""), "utf-8")
    with pytest.raises(InputError, match="make it first"):
        workflows.propose_update(here, runs["new"], runs["old"], strict, tmp_path / "no" / "p.json")
    with pytest.raises(InputError, match="features"):
        workflows.propose_update(here, runs["new"], runs["old"], strict)
    more = tmp_path / "more.yaml"
    more.write_text(PROTOCOL.replace("subjects: 50", "subjects: 9000"), "utf-8")
    with pytest.raises(NotEstimable, match="wait for more"):
        workflows.propose_update(here, runs["new"], runs["old"], more)


def test_all_faults_of_a_protocol_are_told_at_once() -> None:
    """Metrics, margins, groups, signers and unknown keys."""
    with pytest.raises(InputError) as caught:
        Protocol.parse(
            "may_change: [everything]\nmetrics: {auroc: 3, luck: 0.1}\n"
            "small_groups: hide\nmore: 1\n"
        )
    assert len(caught.value.faults) == 6


@pytest.mark.parametrize(
    "text",
    ["", "subject,time\n1,2020-01-01\n", "subject,time,prediction,shown,choice,extra\n", "\0\1"],
)
def test_a_file_that_is_no_decisions_is_refused(text: str, tmp_path: Path) -> None:
    """What is missing or strange is named by column, never by value."""
    file = tmp_path / "decisions.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(InputError):
        workflows.record_decisions(workflows.Opening(tmp_path), file, tmp_path)


def test_shown_and_followed_is_acted_on_and_silent_never_is() -> None:
    """A silent prediction changed nothing, whatever was done."""

    def event(number: int, shown: str, choice: str) -> Any:
        code = f"DECISION//{'a' * 16}//{shown}//{choice}"
        return patient(subject_id=number).event(code, value=0.3, day=number)

    events = cohort(
        event(1, "shown", "drug"), event(2, "shown", "Nothing"), event(3, "silent", "drug")
    )
    found = decided(events, "a" * 64)
    assert found["acted"].to_list() == [True, False, False]
    assert found["prediction"].round(3).to_list() == [0.3] * 3
    assert decided(events, "b" * 64).is_empty()


def test_a_subject_is_meant_by_its_name_or_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name it was loaded under and the id that the vault gave it are the same person."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    vault = Vault.init(tmp_path / "vault", Key.create_file(tmp_path / "key"), shards=1)
    with vault.loading(source="test", digest="0" * 64) as load:
        number = int(load.subjects.of(pl.Series(["P-1"]))[0])
        load.append(cohort(patient(subject_id=number).event("A")))
    line = {"time": "2021-01-01", "prediction": "0.2", "shown": "no", "options": None,
            "choice": "nothing", "override_reason": None}  # fmt: skip
    table = pl.DataFrame([{"subject": one, **line} for one in ("P-1", str(number), "P-2")])
    with vault.loading(source="test", digest="1" * 64) as load:
        found = events_of(table, "a" * 64, load.subjects, pl.Series([number]))
        load.abandon()
    assert found.events["subject_id"].to_list() == [number, number]
    assert found.why == {NO_SUBJECT: 1}
    told = workflows.learning_status(workflows.Opening(tmp_path / "vault", tmp_path / "key"))
    assert workflows.status_lines(told) == ["no model was promoted yet"]
