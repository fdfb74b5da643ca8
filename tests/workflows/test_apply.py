"""A saved model on another vault: judged, recalibrated, abstaining, and its card."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest

from osler import Damaged, InputError, NotEstimable, workflows
from osler.testing import PatientBuilder, cohort, patient
from osler.vault import Key, Vault
from osler.workflows.study.card import card
from osler.workflows.study.card_xml import leaves, namespace
from osler.workflows.study.question import Study
from osler.workflows.study.saved import SavedRun
from osler.workflows.writing import folder_digests

pytestmark = pytest.mark.slow

TIMED = """
title: Event after the start
people: patients
names: {event: had the event}
task:
  predicates:
    start: {code: START}
    event: {code: EVENT}
    rare: {code: OTHER}
  trigger: start
outcome: {type: time-to-event, event: event, competing: [rare], horizon: [1y, 2y]}
features: {windows: [full], aggregations: [last, count], exclude: ["RACE//*"]}
split: {folds: 2}
model: {time_budget_s: 2}
groups: {sex: {codes: ["SEX//*"]}, race: {codes: ["RACE//*"]}}
evaluate: {bootstrap: 20, groups: [sex, race], min_group: 20, limits: {c: {min: 0.5}}}
card:
  developer: The group of method studies, Example Hospital.
  contact: methods@example.org
  funding: Grant 42 of the Example Trust.
  intended_users: Clinicians of the example service.
  decision_role: Informs; decides nothing.
  relevance: Made-up people, relevant to no setting.
  fairness: Groups by sex and race are audited.
  bias: None was applied.
  outcome_evaluations: None has been done.
  validity_monitoring: Once a year, by `osler study apply`.
  fairness_monitoring: With validity.
  updates: Once a year.
  corrections: Within 30 days of being found.
"""
BINARY = """
title: Event within two years
task:
  predicates:
    start: {code: START}
    event: {code: EVENT}
  trigger: start
  windows:
    input: {start: null, end: trigger, start_inclusive: True, end_inclusive: True,
            index_timestamp: end}
    target: {start: input.end, end: start + 730d, start_inclusive: False, end_inclusive: True,
             label: event}
features: {windows: [full], aggregations: [last]}
split: {folds: 2}
model: {time_budget_s: 2}
evaluate: {bootstrap: 20, limits: {}}
"""

Make = Callable[..., workflows.Opening]


def person(number: int, random: np.random.Generator, scale: float, unit: float) -> PatientBuilder:
    """Return one person, whose event comes the sooner the higher one value is."""
    start, value = float(random.uniform(0, 300)), float(random.normal())
    one = patient(subject_id=number, born=int(random.integers(1940, 1975)))
    one = one.static(f"SEX//{'FM'[number % 2]}").static(f"RACE//{'ABC'[number % 3]}")
    one = one.event("START", day=start).lab("x", unit * value, day=start)
    if random.random() < 0.7:
        one = one.lab("z", float(random.normal()), day=start - 1)
    event = float(random.exponential(scale * np.exp(-value)))
    other, end = float(random.exponential(3000)), float(random.uniform(800, 1500))
    if event < min(other, end):
        one = one.event("EVENT", day=start + event)
    elif other < end:
        one = one.event("OTHER", day=start + other)
    return one.event("SEEN", day=start + end)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return a maker of vaults of people like each other, or not."""
    folder = tmp_path_factory.mktemp("vaults")

    def made(
        name: str, n: int, *, seed: int, scale: float = 900, unit: float = 1, first: int = 0
    ) -> workflows.Opening:
        random = np.random.default_rng(seed)
        key = Key.create_file(folder / f"{name}.key")
        vault = Vault.init(folder / name, key, shards=2)
        people = [person(first + number, random, scale, unit) for number in range(n)]
        with vault.loading(source="test", digest="0" * 64) as load:
            load.append(cohort(*people))
        return workflows.Opening(folder / name, folder / f"{name}.key")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSLER_STATE", str(folder / "state"))
        yield made


@pytest.fixture(scope="module")
def here(make: Make) -> workflows.Opening:
    """Return the vault that the models are learned on."""
    return make("here", 300, seed=1)


@pytest.fixture(scope="module")
def there(make: Make) -> workflows.Opening:
    """Return another vault, where the event comes twice as soon."""
    return make("there", 400, seed=2, scale=450, first=10_000)


def learned(opening: workflows.Opening, text: str, folder: Path) -> Path:
    """Run a study and return its folder."""
    (folder / "study.yaml").write_text(text, "utf-8")
    workflows.run_study(opening, folder / "study.yaml", folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def run(here: workflows.Opening, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with competing events."""
    return learned(here, TIMED, tmp_path_factory.mktemp("timed"))


@pytest.fixture(scope="module")
def applied(run: Path, there: workflows.Opening) -> Path:
    """Return that run taken elsewhere and recalibrated."""
    out = run.parent / "run2"
    workflows.apply_study(there, run, out, recalibrate="slope")
    return out


def read(folder: Path, name: str = "results.json") -> Any:
    """Return what a file of a run says."""
    return json.loads((folder / name).read_text("utf-8"))


def test_the_update_is_judged_on_others_and_brings_the_risk_into_line(applied: Path) -> None:
    """Half of the subjects fit it, none of those judges it, and what is told happens."""
    results = read(applied)
    predictions = pl.read_parquet(applied / "predictions.parquet")
    part = predictions.filter("recalibrated_on")["subject_id"].to_list()
    judged = predictions.filter(~pl.col("recalibrated_on") & pl.col("in_domain"))
    assert not set(part) & set(judged["subject_id"].to_list())
    assert results["recalibration"]["judged_on"]["rows"] == judged.height
    assert abs(len(part) - 200) <= 2
    before, after = (results["metrics"][name]["oe"] for name in ("osler, as saved", "osler"))
    assert before["low"] > 1.1
    assert after["low"] < 1 < after["high"]
    assert results["metrics"]["osler"]["ici"]["value"] < 0.1


def test_it_is_laid_out_as_a_run_and_bound_to_the_one_it_came_from(
    applied: Path, run: Path
) -> None:
    """The same files, and the digests of the run, its files and both vaults."""
    names = {path.name for path in run.iterdir()}
    assert names <= {path.name for path in applied.iterdir()}
    told = read(applied)["provenance"]["inputs"]
    assert told["run results"] == read(run, "digests.json")["sha256"]["results.json"]
    assert told["run vault"] == read(run)["provenance"]["inputs"]["vault"] != told["vault"]


def test_transport_is_reported(applied: Path) -> None:
    """Sooner events are seen by the outcome and not by the measurements, which are alike."""
    membership = read(applied)["transport"]["case_mix"]["membership"]
    assert membership["by_prediction_and_outcome"]["low"] > 0.5
    assert abs(membership["by_predictors"]["value"] - 0.5) < 0.1
    page = (applied / "report.html").read_text("utf-8")
    assert "How the model travelled" in page


def test_a_patient_is_told_the_recalibrated_risk(
    applied: Path, there: workflows.Opening, tmp_path: Path
) -> None:
    """The report of a patient and the table of predictions hold the same number."""
    row = pl.read_parquet(applied / "predictions.parquet").filter("in_domain").row(0, named=True)
    workflows.report_patient(there, row["subject_id"], runs=[applied], out=tmp_path / "page")
    found = read(tmp_path / "page", "report.json")["findings"]
    one = next(f for f in found if f["horizon"] == "1 year" and f["cause"] == "had the event")
    assert one["value"] == pytest.approx(row["event|1y"], abs=0.02)
    assert abs(one["value"] - row["event|1y|as_saved"]) > abs(one["value"] - row["event|1y"])


def test_without_recalibration_everyone_judges(run: Path, there: workflows.Opening) -> None:
    """The saved model's numbers are those of its own predictions, on everyone in the domain."""
    results = workflows.apply_study(there, run, run.parent / "plain")
    predictions = pl.read_parquet(run.parent / "plain" / "predictions.parquet")
    assert results["recalibration"] is None
    assert results["metrics"]["osler"]["harrell_c"]["n"] == predictions["in_domain"].sum()


def test_who_is_out_of_the_domain_gets_no_number(run: Path, make: Make) -> None:
    """Measurements in another unit: the model abstains where they are beyond what it learned."""
    other = make("unit", 150, seed=3, unit=4, first=50_000)
    results = workflows.apply_study(other, run, run.parent / "unit")
    predictions = pl.read_parquet(run.parent / "unit" / "predictions.parquet")
    outside = predictions.filter(~pl.col("in_domain"))
    assert outside.height > 20
    assert outside["event|1y"].null_count() == outside.height
    assert results["transport"]["domain"]["number_beyond_ends"] > 0
    assert "osler, nobody left out" in results["metrics"]
    assert any("abstains" in line for line in results["warnings"])
    one = outside["subject_id"][0]
    workflows.report_patient(other, one, runs=[run], out=run.parent / "page")
    found = read(run.parent / "page", "report.json")["findings"]
    assert [(finding["status"], finding["value"]) for finding in found] == [("abstained", None)]
    assert "domain" in found[0]["caveats"][0]


def test_a_vault_altogether_out_of_the_domain_is_told(run: Path, make: Make) -> None:
    """Nobody in the domain is no validation, and the message says what to look at."""
    other = make("far", 60, seed=4, unit=1e4, first=60_000)
    with pytest.raises(NotEstimable, match="units"):
        workflows.apply_study(other, run, run.parent / "far")
    assert not (run.parent / "far").exists()


def test_a_run_changed_by_hand_is_refused(
    run: Path, there: workflows.Opening, tmp_path: Path
) -> None:
    """One character of any file is enough."""
    for name in ("results.json", "study.yaml", "model/final/columns.json"):
        copy = tmp_path / name.replace("/", "-")
        shutil.copytree(run, copy)
        with (copy / name).open("a") as file:
            file.write(" ")
        with pytest.raises(Damaged, match=Path(name).name):
            workflows.apply_study(there, copy, tmp_path / "out")


def test_the_vault_it_was_learned_on_has_nobody_new(
    run: Path, here: workflows.Opening, tmp_path: Path
) -> None:
    """A model is not validated on those it learned from."""
    with pytest.raises(InputError, match="learned on"):
        workflows.apply_study(here, run, tmp_path / "out")


def test_the_same_people_in_another_vault_are_warned_of(run: Path, make: Make) -> None:
    """Equal subjects, times and outcomes are told of at the head of the report."""
    again = make("again", 300, seed=1)
    results = workflows.apply_study(again, run, run.parent / "again")
    assert any("no external validation" in line for line in results["warnings"])


def test_a_vault_without_the_outcome_or_the_people_is_told(
    run: Path, make: Make, tmp_path: Path
) -> None:
    """No event of the outcome's code, none of the trigger's, and too few to recalibrate."""
    never = make("never", 60, seed=5, scale=1e9, first=70_000)
    with pytest.raises(InputError, match="EVENT"):
        workflows.apply_study(never, run, tmp_path / "out")
    few = make("few", 30, seed=6, first=80_000)
    with pytest.raises(NotEstimable, match="at least 100"):
        workflows.apply_study(few, run, tmp_path / "out", recalibrate="full")
    assert not (tmp_path / "out").exists()


def test_a_wrong_call_is_told(run: Path, applied: Path, there: workflows.Opening) -> None:
    """An unknown update, a share of nobody, the run itself as the place, a second update."""
    with pytest.raises(InputError) as told:
        workflows.apply_study(there, run, run.parent / "x", recalibrate="bent", share=0)
    assert len(told.value.faults) == 2
    with pytest.raises(InputError, match="itself"):
        workflows.apply_study(there, run, run)
    with pytest.raises(InputError, match="recalibrated already"):
        workflows.apply_study(there, applied, run.parent / "x", recalibrate="slope")


def test_yes_or_no_is_judged_and_recalibrated(
    here: workflows.Opening, there: workflows.Opening, tmp_path: Path
) -> None:
    """The same for a label: more of it happens there than is told, and not after the update."""
    run = learned(here, BINARY, tmp_path)
    results = workflows.apply_study(there, run, tmp_path / "run2", recalibrate="intercept")
    assert results["metrics"]["osler, as saved"]["oe"]["value"] > 1.05
    after = results["metrics"]["osler"]["oe"]
    assert after["low"] < 1 < after["high"]


def test_the_card_asks_everything_and_shows_what_is_blank(run: Path, applied: Path) -> None:
    """31, 52 (27) and 34 items; 27 or more of HTI-1 filled once it was tested elsewhere."""
    card, other = read(run, "card.json"), read(applied, "card.json")
    sizes = {name: one["of"] for name, one in card["frameworks"].items()}
    assert sizes.pop("chai") == sum("MetricResult" not in leaf.path for leaf in leaves())
    assert sizes == {"hti1": 31, "tripod_ai": 52, "probast_ai": 34}
    tripod = card["frameworks"]["tripod_ai"]["items"]
    assert len({re.match(r"\d+", one["id"])[0] for one in tripod}) == 27
    assert other["frameworks"]["hti1"]["filled"] >= 27
    blank = {one["id"] for one in card["frameworks"]["hti1"]["items"] if one["value"] is None}
    assert {"(B)(6)(i)", "(B)(7)(iii)", "(B)(8)(ii)"} <= blank
    assert (run / "card.html").read_text("utf-8").count(">blank<") >= len(blank)


@pytest.mark.parametrize("name", ["run", "run2"])
def test_every_number_of_the_card_is_in_the_results(run: Path, applied: Path, name: str) -> None:
    """Each is found at its place under the digest named, or stands in a sentence repeated whole."""
    folder = applied if name == "run2" else run
    results, card = read(folder), read(folder, "card.json")
    assert (
        card["artefacts"]["results.json"] == read(folder, "digests.json")["sha256"]["results.json"]
    )
    checked = 0
    for one in (one for part in card["frameworks"].values() for one in part["items"]):
        rest = one["value"] or ""
        for quote in sorted(one["quotes"], key=len, reverse=True):
            rest = rest.replace(quote, "").replace(quote.replace("_", " "), "")
        for number in one["numbers"]:
            value: Any = results
            for part in number["place"].strip("/").split("/"):
                value = value[int(part) if isinstance(value, list) else part.replace("~1", "/")]
            value = 100 * value if number.get("scale") == "percent" else value
            told = float(number["text"].replace(",", "").replace("\N{MINUS SIGN}", "-"))
            places = len(number["text"].partition(".")[2])
            assert told == pytest.approx(value, abs=0.5001 * 10**-places)
            checked += 1
        for number in sorted(one["numbers"], key=lambda note: -len(note["text"])):
            rest = rest.replace(number["text"], "")
        assert not re.search(r"\d", rest.replace("Apache-2.0", "")), (one["id"], rest)
        assert bool(one["value"]) == bool(one["origins"])
    assert checked > 50


def test_the_card_as_xml_has_what_its_schema_asks(applied: Path) -> None:
    """Elements stand in the schema's order, those that must be there are, blanks are empty."""
    root = ET.fromstring((applied / "card.xml").read_text("utf-8"))  # noqa: S314  our own file
    space = f"{{{namespace()}}}"
    assert root.tag == f"{space}AppliedModelCard"
    for leaf in leaves():
        found = root.findall("/".join(f"{space}{part}" for part in leaf.path.split("/")))
        assert found or not leaf.required, leaf.path
    order = [leaf.path.split("/")[0] for leaf in leaves()]
    assert [one.tag.removeprefix(space) for one in root] == list(dict.fromkeys(order))
    assert root.find(f"{space}Warnings/{space}ClinicalRiskLevel").text is None


def test_centres_set_apart_stand_for_data_from_elsewhere_and_the_card_says_so(run: Path) -> None:
    """Without centres these fields are blank; with them it is said that it is no other place."""
    wanted = ("(B)(6)(i)", "(B)(6)(ii)", "(B)(6)(iv)", "(B)(7)(iii)")

    def told(results: dict[str, Any]) -> list[str | None]:
        study = Study.parse(TIMED)
        made = card(results, study, "0" * 64)["frameworks"]["hti1"]["items"]
        return [next(one["value"] for one in made if one["id"] == item) for item in wanted]

    results = read(run)
    assert told(results) == [None] * 4
    metrics = results["metrics"][results["selected"]]
    line = {"site": "north", "n": 120, "suppressed": False, "metrics": metrics}
    data, tester, how, validity = told({**results, "sites": [line]})
    assert data is not None
    assert "No data from elsewhere" in data
    assert "north (n 120)" in data
    assert tester is not None
    assert "Nobody else" in tester
    assert how is not None
    assert "no validation in another health system" in how
    assert validity is not None
    assert "north: uno c" in validity


def test_a_card_that_nobody_asks_for_is_a_fault() -> None:
    """An unknown key under `card:` is told with the one that was meant."""
    with pytest.raises(InputError, match="did you mean funding"):
        Study.parse(BINARY + "card: {fundng: Nobody.}\n")


def test_race_is_audited_and_read_only_with_a_reason(
    here: workflows.Opening, tmp_path: Path
) -> None:
    """Its groups are judged; its columns are the model's only where the study says why."""
    text = TIMED.replace(', exclude: ["RACE//*"]', "")
    results = read(learned(here, text, tmp_path))
    assert any("race" in row["group"] for row in results["groups"])
    assert not any(one["code"].startswith("RACE") for one in results["variables"])
    fairness = {table["variable"] for table in results["fairness"]}
    assert fairness == {"sex", "race"}
    (tmp_path / "why").mkdir()
    why = text.replace("aggregations:", "race_and_ethnicity: It was measured., aggregations:")
    results = read(learned(here, why, tmp_path / "why"))
    assert any(one["code"].startswith("RACE") for one in results["variables"])
    assert any("It was measured." in line for line in results["warnings"])


def test_results_of_a_later_osler_are_told(run: Path, tmp_path: Path) -> None:
    """The version of the results is checked also where the list of digests is of this osler."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    results = {**read(copy), "format_version": 99}
    (copy / "results.json").write_text(json.dumps(results), "utf-8")
    digests = read(copy, "digests.json")
    digests["sha256"]["results.json"] = folder_digests(copy)["results.json"]
    (copy / "digests.json").write_text(json.dumps(digests), "utf-8")
    with pytest.raises(InputError, match="update osler"):
        SavedRun.load(copy)
