"""Deriving: what tumours mean lands on timelines, dated, superseded together, left out."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.workflows.genome_people import PIK3CA, TP53, newer_release, tumour, vault_of

from osler import InputError, workflows
from osler.cli import run
from osler.testing import DAY_ZERO, patient
from osler.workflows.genome import landing
from osler.workflows.study.question import Study

STUDY = """
title: Death
task:
  predicates: {start: {code: SEQUENCED//tumour}, death: {code: MEDS_DEATH}}
  trigger: start
  windows: {}
outcome: {type: time-to-event, event: death}
features: {derived: [tumour]}
"""
FEATURES = '{derived: [tumour], include: ["TUMOUR_FINDING//*"], aggregations: [count], age: false}'
HORIZON = "event: death, horizon: [1y, 2y]}"
CHEAP = "split: {folds: 2}\nevaluate: {bootstrap: 20, min_group: 20, limits: {}}\n"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep heads and installed releases in the test's own folder."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))


@pytest.fixture
def opening(tmp_path: Path) -> workflows.Opening:
    """Make a vault of four people: two with known mutations, one with none, one not sequenced."""
    return vault_of(
        tmp_path,
        tumour(1, PIK3CA, day=10),
        tumour(2, TP53, day=20),
        tumour(3, day=30),
        patient(subject_id=4, born=1960).lab("x", 1.0),
    )


def derived_of(opening: workflows.Opening, subject: int) -> pl.DataFrame:
    """Return the derived events of one subject."""
    events = opening.open().subject_events(subject, derived="all")
    return events.filter(pl.col("code").str.starts_with("TUMOUR_FINDING//"))


def test_tumours_are_interpreted_and_dated_when_reported(opening: workflows.Opening) -> None:
    """Each known alteration is an event at the time of the report that it rests on."""
    (one,) = workflows.derive(opening, ["tumour"])
    assert (one.about, one.release, one.subjects) == ("tumour", "civic-2021-02-25", 2)
    events = derived_of(opening, 1)
    assert events["code"].str.starts_with("TUMOUR_FINDING//PIK3CA//I").all()
    assert events["time"].unique().to_list() == [DAY_ZERO + timedelta(days=10)]
    assert derived_of(opening, 4).is_empty()
    assert derived_of(opening, 3).is_empty()


def test_a_later_receptor_moves_the_result_to_its_time(tmp_path: Path) -> None:
    """A result that uses a later event is not known before that event."""
    late = tumour(1, PIK3CA, day=10).event("HER2_STATUS//negative", day=400)
    opening = vault_of(tmp_path, late)
    workflows.derive(opening, ["tumour"])
    assert derived_of(opening, 1)["time"].min() == datetime(2021, 2, 4)


def test_deriving_twice_changes_nothing(opening: workflows.Opening) -> None:
    """The same data and release are known again; new data are not."""
    workflows.derive(opening, ["tumour"])
    generation = opening.open().generation
    (again,) = workflows.derive(opening, ["tumour"])
    assert again.already_derived
    assert (again.subjects, opening.open().generation) == (2, generation)
    with opening.open().loading("test", "1" * 64) as load:
        load.append(tumour(9, PIK3CA).events())
    (fresh,) = workflows.derive(opening, ["tumour"])
    assert (fresh.already_derived, fresh.subjects) == (False, 3)


def test_a_disease_that_no_event_names_is_told_or_given(tmp_path: Path) -> None:
    """A tumour without a diagnosis is skipped and counted, unless its disease is given."""
    nameless = patient(subject_id=1).event("SEQUENCED//tumour").event(PIK3CA[0], text=PIK3CA[1])
    opening = vault_of(tmp_path, nameless)
    (one,) = workflows.derive(opening, ["tumour"])
    assert (one.subjects, sum(one.skipped.values())) == (0, 1)
    assert any("no event names its disease" in line for line in one.lines())
    (given,) = workflows.derive(opening, ["tumour"], cancer="breast cancer")
    assert given.subjects == 1


@pytest.mark.parametrize("what", [[], ["tumor"], ["tumour", "images"]])
def test_only_what_can_be_derived_is_taken(opening: workflows.Opening, what: list[str]) -> None:
    """An unknown subject of knowledge is the user's fault, told before anything is written."""
    records = len(opening.open().audit())
    with pytest.raises(InputError, match="any of tumour, pharmacogenomics"):
        workflows.derive(opening, what)
    assert len(opening.open().audit()) == records + 1


def test_an_unknown_cancer_leaves_the_vault_as_it_was(opening: workflows.Opening) -> None:
    """A disease that the release does not know is told, and nothing is derived."""
    with pytest.raises(InputError, match="cancer"):
        workflows.derive(opening, ["tumour"], cancer="melancholy of the left sleeve")
    assert opening.open().derivations() == []


def test_whose_findings_a_release_changes(opening: workflows.Opening, tmp_path: Path) -> None:
    """The subjects of whom another release says something else are listed, and it is logged."""
    name = newer_release(tmp_path, without="PIK3CA")
    assert workflows.changed_subjects(opening, "civic-2021-02-25", name) == [1]
    assert workflows.changed_subjects(opening, name, name) == []
    told = opening.open().audit()[-2]
    assert (told["action"], told["subjects"]) == ("knowledge diff", "all")


def test_the_command_lists_whose_findings_change(
    opening: workflows.Opening, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`osler knowledge diff --vault` prints the subjects as data, beside what changed in tables."""
    name = newer_release(tmp_path, without="PIK3CA")
    words = ["knowledge", "diff", "civic-2021-02-25", name, "--vault", str(opening.path)]
    assert run([*words, "--key-file", str(opening.key_file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["subjects"] == [1]
    assert [one["table"] for one in told["tables"]] == ["evidence"]


def test_a_newer_release_supersedes_all_of_the_older(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """After a newer release is installed and used, nothing of the older one is on a timeline."""
    workflows.derive(opening, ["tumour"])
    assert derived_of(opening, 1).height
    name = newer_release(tmp_path, without="PIK3CA")
    (one,) = workflows.derive(opening, ["tumour"])
    assert (one.release, one.subjects) == (name, 1)
    assert derived_of(opening, 1).is_empty()
    assert derived_of(opening, 2).height


def test_releases_about_different_things_are_not_compared(
    opening: workflows.Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two releases must be about one subject, and one of which findings are derived."""
    with pytest.raises(InputError, match="two releases about the same"):
        workflows.changed_subjects(opening, "civic-2021-02-25", "cpic-2025-11-05")
    monkeypatch.setattr(landing, "BY_KNOWLEDGE", ("tumour",))
    with pytest.raises(InputError, match="no patient's findings"):
        workflows.changed_subjects(opening, "hpo-2025-01-16", "hpo-2025-01-16")


def test_an_export_holds_what_was_loaded(opening: workflows.Opening, tmp_path: Path) -> None:
    """Derived events do not leave in a MEDS dataset, where they would come back as sources."""
    before = workflows.export_meds(opening, tmp_path / "before")
    workflows.derive(opening, ["tumour"])
    assert workflows.export_meds(opening, tmp_path / "after") == before
    parts = [pl.read_parquet(path) for path in (tmp_path / "after").rglob("data/**/*.parquet")]
    assert not pl.concat(parts)["code"].str.starts_with("TUMOUR_FINDING").any()


def test_a_study_names_what_it_uses(opening: workflows.Opening) -> None:
    """Only a study that names derived results sees them; an unknown name is a fault."""
    from osler.workflows.study.gather import _in_thread

    workflows.derive(opening, ["tumour"])
    vault = opening.open()
    named, plain = Study.parse(STUDY), Study.parse(STUDY.replace("{derived: [tumour]}", "{}"))
    assert (named.features.derived, plain.features.derived) == (("tumour",), ())
    seen = {
        study.digest: {
            str(column)
            for shard in vault.shard_ids()
            for column in _in_thread(vault, shard, study).matrix.columns
        }
        for study in (named, plain)
    }
    assert any(one.startswith("TUMOUR_FINDING") for one in seen[named.digest])
    assert not any(one.startswith("TUMOUR_FINDING") for one in seen[plain.digest])
    with pytest.raises(InputError, match="any of tumour, pharmacogenomics"):
        Study.parse(STUDY.replace("[tumour]", "[tumor]"))


def test_a_study_is_told_that_nothing_was_derived(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """A study that names results which are not there says how to get them."""
    (tmp_path / "study.yaml").write_text(STUDY, "utf-8")
    with pytest.raises(InputError, match="osler genome derive"):
        workflows.run_study(opening, tmp_path / "study.yaml", tmp_path / "run")
    told = " ".join(workflows.explain_study(tmp_path / "study.yaml"))
    assert "what osler derived about tumour counts" in told


@pytest.mark.slow
def test_a_study_of_derived_results_says_so_and_speaks_of_a_patient(tmp_path: Path) -> None:
    """Results, provenance and report tell what was derived; a patient is read in the same way."""
    random = np.random.default_rng(3)
    people = []
    for number in range(120):
        known = number % 2 == 0
        one = tumour(number, *((PIK3CA,) if known else ()), day=10)
        one = one.died(day=10 + float(random.exponential(300 if known else 1500)))
        people.append(one.event("SEEN", day=11))
    opening = vault_of(tmp_path, *people)
    workflows.derive(opening, ["tumour"])
    study = STUDY.replace("{derived: [tumour]}", FEATURES).replace("event: death}", HORIZON)
    (tmp_path / "study.yaml").write_text(study + CHEAP, "utf-8")
    results = workflows.run_study(opening, tmp_path / "study.yaml", tmp_path / "run")
    assert any("the knowledge of civic-2021-02-25" in line for line in results["warnings"])
    assert any(name.startswith("derived tumour") for name in results["provenance"]["inputs"])
    assert any("what osler derived about tumour" in line for line in results["question"])
    workflows.report_patient(opening, 2, runs=[tmp_path / "run"], out=tmp_path / "page")
    report = json.loads((tmp_path / "page" / "report.json").read_text("utf-8"))
    reasons = [
        reason["what"]
        for one in report["findings"]
        if one["kind"] == "prognosis"
        for reason in one["reasons"]
    ]
    assert any("PIK3CA" in reason.upper() for reason in reasons)


def test_the_command_tells_counts_and_never_a_subject(
    opening: workflows.Opening, capsys: pytest.CaptureFixture[str]
) -> None:
    """`osler genome derive` prints counts; with --json the same as data."""
    words = ["genome", "derive", str(opening.path), "--key-file", str(opening.key_file)]
    assert run([*words, "--what", "tumour"]) == 0
    assert "results of 2 subjects by civic-2021-02-25" in capsys.readouterr().out
    assert run([*words, "--what", "tumour", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["derived"]
    assert (one["about"], one["subjects"], one["already_derived"]) == ("tumour", 2, True)
    assert run([*words, "--what", "nonsense"]) == 2


def test_workers_make_the_interpreter_themselves(opening: workflows.Opening) -> None:
    """What a worker of another process concludes is what this process does."""
    plan = landing.Plan("tumour", "civic-2021-02-25")
    vault = opening.open()
    with vault.deriving("tumour", plan.release, plan.basis()) as session:
        here = [
            plan.interpreter(vault).of_shard(vault, shard).events() for shard in vault.shard_ids()
        ]
        there = [
            landing._in_worker(opening, session.act_number, shard, plan).events()
            for shard in vault.shard_ids()
        ]
    assert pl.concat(here).equals(pl.concat(there))
    assert pl.concat(here).height
