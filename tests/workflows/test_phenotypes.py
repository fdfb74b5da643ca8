"""Signs on a timeline become a ranking of rare diseases, in the vault and in the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.workflows.genome_people import vault_of

from osler import workflows
from osler.testing import DAY_ZERO, PatientBuilder, patient
from osler.workflows.genome.phenotypes import signs

# Neurofibromas, café-au-lait spots, Lisch nodules, freckles of the armpit.
SIGNS = ("HP:0001067", "HP:0000957", "HP:0009737", "HP:0000997")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep heads in the test's own folder."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))


def with_signs(*terms: str, subject_id: int = 7) -> PatientBuilder:
    """Return somebody with signs, one a day."""
    one = patient(subject_id=subject_id, born=1990)
    for day, term in enumerate(terms, 1):
        one = one.event(f"HPO//{term}", day=day)
    return one


def test_a_timeline_without_signs_has_none() -> None:
    """Other codes are no signs, whatever letters they hold."""
    one = patient(born=1990).event("LAB//HP:12//mg", 2.0).event("SHP:0001067", day=1)
    assert signs(one.events()) is None


@pytest.mark.parametrize(
    ("code", "text"),
    [("HPO//HP:0001250//excluded", None), ("HPO//HP:0001250", "Absent"), ("HP:0001250", " no ")],
)
def test_an_absent_sign_is_excluded(code: str, text: str | None) -> None:
    """What was looked for and is not there speaks too, as its code or its text says."""
    found = signs(patient(born=1990).event(code, day=1, text=text).events())
    assert found is not None
    assert (found.packet.present, found.packet.excluded) == ((), ("HP:0001250",))


def test_the_latest_word_on_a_sign_counts() -> None:
    """A sign that came after it was excluded is present, and dated by its last event."""
    one = patient(born=1990).event("HPO//HP:0001250", day=1, text="absent")
    one = one.event("human-phenotype-ontology.org//HP:0001250", day=9, text="seen at home")
    found = signs(one.events())
    assert found is not None
    assert (found.packet.present, found.packet.excluded) == (("HP:0001250",), ())
    assert found.reported is not None
    assert (found.reported - DAY_ZERO).days == 9


def test_signs_are_ranked_in_vault_and_report(tmp_path: Path) -> None:
    """Signs of neurofibromatosis 1 lead to it, on the timeline and on the page."""
    opening = vault_of(tmp_path, with_signs(*SIGNS), patient(subject_id=8, born=1990))
    (done,) = workflows.derive(opening, ["phenotype"])
    assert (done.subjects, done.skipped) == (1, {})
    vault = opening.open()
    with vault.act("test", subjects=[7]):
        codes = vault.subject_events(7, derived=["phenotype"])["code"].to_list()
    assert "DIAGNOSIS_CANDIDATE//OMIM:162200" in codes

    workflows.report_patient(opening, 7, out=tmp_path / "seven")
    report = json.loads((tmp_path / "seven" / "report.json").read_text("utf-8"))
    leading = report["diagnosis"]["ranking"][:2]
    assert "OMIM:162200" in {one["disease"] for one in leading}
    assert all(one["for"] for one in leading)
    findings = [one for one in report["findings"] if one["kind"] == "diagnosis"]
    assert findings
    assert all(one["reasons"] and one["caveats"] for one in findings)
    page = (tmp_path / "seven" / "report.html").read_text("utf-8")
    assert page.index("a hypothesis to test") < page.index(
        "Which rare diseases the signs speak for"
    )

    workflows.report_patient(opening, 8, out=tmp_path / "eight")
    report = json.loads((tmp_path / "eight" / "report.json").read_text("utf-8"))
    assert report["diagnosis"] is None
    assert "Rare disease" in {one["what"] for one in report["not_assessed"]}


def test_a_term_that_nobody_knows_ranks_nothing(tmp_path: Path) -> None:
    """Nothing is concluded from an unknown term, and the report says so."""
    opening = vault_of(tmp_path, with_signs("HP:9999999"))
    workflows.report_patient(opening, 7, out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    (finding,) = [one for one in report["findings"] if one["kind"] == "diagnosis"]
    assert finding["status"] == "abstained"
    assert report["diagnosis"]["notes"]
    assert "No disease could be ranked" in (tmp_path / "out" / "report.html").read_text("utf-8")
