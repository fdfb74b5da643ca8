"""The study report says who, what, how well and for whom, and says no when it must."""

from __future__ import annotations

import re
from typing import Any

import pytest

from osler.report import study_html, study_text
from osler.report.flow import flow
from osler.report.metrics import group_metrics, main_rows, other_rows
from osler.report.study import citation, verdict

Json = dict[str, Any]
SECTIONS = (
    "Read this first",
    "The model speaks",
    "Whom this study covers",
    "How the question is asked",
    "Patient flow",
    "Who they were",
    "What happened to them",
    "How good the models are",
    "Do the predicted risks come true?",
    "Would acting on it help?",
    "For whom it is better or worse",
    "In a centre it has never seen",
    "What drives the model",
    "Did the model see what it should not?",
    "Limits",
    "All other measures",
    "Provenance",
    "How to cite",
)


def text_of(html: str) -> str:
    """Return a page's text without style and tags."""
    bare = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", bare).split())


def test_sections_stand_in_order(results: Json) -> None:
    """Warnings and verdict come first, then who, how good, for whom, and where it comes from."""
    headings = re.findall(r"<h[23]>(.*?)</h[23]>", study_html(results))
    places = [headings.index(section) for section in SECTIONS]
    assert places == sorted(places)


def test_warnings_come_before_any_result(results: Json) -> None:
    """The loud sentences stand above the first number of the model."""
    html = study_html(results)
    for sentence in results["warnings"]:
        assert html.index(sentence) < html.index("The model speaks")


def test_flow_counts_who_was_left_out(results: Json) -> None:
    """Each box has what is left, the difference stands beside it, and parts are told at the end."""
    boxes = flow(results["cohort"]["flow"])
    assert [box["count"] for box in boxes][:3] == ["2,509", "1,980", "1,976"]
    assert [box["left"] for box in boxes] == ["", "529", "4", "3", "9", "3", "10", ""]
    assert boxes[-1]["step"] == "Rows of the cohort"
    assert boxes[-1]["notes"] == ["of these, 1 died of an unknown cause (censored at the death)"]
    assert boxes[2]["step"] == "No phyllodes tumour"
    assert boxes[-2]["passed"] == [
        "alive at the prediction",
        "no death of disease before the prediction",
    ]


def test_flow_of_rows_and_subjects() -> None:
    """More rows than subjects are told as such, and a step that grows leaves nobody out."""
    steps = [
        {"step": "subjects", "rows": 10, "subjects": 10},
        {"step": "triggers", "rows": 25, "subjects": 9},
    ]
    boxes = flow(steps)
    assert boxes[1]["left"] == ""
    assert (boxes[1]["count"], boxes[1]["subjects"]) == ("25", "9")
    assert "rows of 9 subjects" in study_html({"cohort": {"flow": steps}})


def test_table_one_tells_what_is_missing(results: Json) -> None:
    """Levels stand under their variable, with how many are not recorded."""
    told = text_of(study_html(results))
    assert "Grade 76 1 167 (8.6 %) 2 762 (39.1 %) 3 943 (48.4 %)" in told
    assert "Tumour size , median (quartiles) 23 (17 to 30) mm 19" in told


def test_model_is_told_without_code(results: Json) -> None:
    """What the model is stands in the provenance, in rows; its notes stand with its numbers."""
    html = study_html(results)
    assert '<th scope="row">model › chosen › 1 › penalty</th><td>100.0</td>' in html
    assert "Beyond the last event the curves stay flat." in html
    assert "{&#39;" not in html


def test_selected_model_is_marked(results: Json) -> None:
    """The column of the selected model alone says so."""
    html = study_html(results)
    assert html.count("<small>selected</small>") == 1
    assert re.search(r"osler<small>selected</small>", html)


def test_metrics_stand_side_by_side_with_intervals(results: Json) -> None:
    """Each measure has a cell per model with value and interval; none is lost."""
    rows = main_rows(results)
    assert rows[0]["name"] == "Uno's C"
    assert [cell["text"] for cell in rows[0]["cells"]] == [
        "0.706 (0.687 to 0.725)",
        "0.676 (0.657 to 0.695)",
    ]
    shown = {row["name"] for row in rows + other_rows(results)}
    assert len(shown) == len(results["metrics"]["osler"])
    assert "Calibration slope, 10 years" in {row["name"] for row in rows}
    assert "Calibration slope" not in {row["name"] for row in rows}


def test_metric_that_could_not_be_had_says_why(results: Json) -> None:
    """A metric without a value shows a dash and its reason."""
    gone = {"value": None, "low": None, "high": None, "meaning": "follow-up ends before 5479"}
    for model in results["metrics"].values():
        model["auc_5479d"] = gone
    told = text_of(study_html(results))
    assert "AUC, 15 years follow-up ends before 5479 – –" in told


def test_small_groups_are_told_and_not_shown(results: Json) -> None:
    """A suppressed group is named; its numbers do not reach the page even if given."""
    small = results["groups"][-1]
    small["metrics"] = {"uno_c": {"value": 0.4321, "low": 0.4111, "high": 0.4555}}
    small["events"] = 8888
    html = study_html(results)
    assert "Age band under 40 · ER status positive" in html
    assert "too small to show" in html
    assert "&lt;50" in html
    assert not re.search(r"0\.432|0\.411|8,888", html)


def test_group_that_stands_out_is_named(results: Json) -> None:
    """A group whose difference is beyond chance is marked in words."""
    assert "stands out: Uno&#39;s C" in study_html(results)


def test_groups_and_centres_show_discrimination_and_calibration(results: Json) -> None:
    """A forest plot has one column of each kind; of unknown metrics the first two."""
    assert group_metrics(results["groups"]) == ["uno_c", "oe"]
    assert group_metrics(results["sites"]) == ["uno_c", "oe"]
    assert group_metrics([{"metrics": {"a": {}, "b": {}, "c": {}}}]) == ["a", "b"]


def test_model_that_misses_a_limit_does_not_speak(results: Json) -> None:
    """One missed limit turns the verdict, and the limit says why."""
    results["gates"][0] |= {"passed": False, "why": "the slope is 0.61, below 0.8"}
    answer = verdict(results)
    assert answer["speaks"] is False
    html = study_html(results)
    assert "The model does not speak" in html
    assert "the slope is 0.61, below 0.8" in html
    assert "✕ missed" in html
    assert "does not speak" in study_text(results)


@pytest.mark.parametrize("passed", [None, "yes", 1, False])
def test_only_true_passes(passed: Any) -> None:
    """A limit without a plain yes is missed."""
    assert verdict({"gates": [{"limit": "c", "passed": passed}]})["speaks"] is False


def test_study_without_limits_says_so() -> None:
    """No limits is not the same as all limits met."""
    assert verdict({})["headline"] == "No limits were set"


def test_calibration_has_a_plot_per_horizon_and_cause(results: Json) -> None:
    """Each horizon and cause has a plot, the causes in rows, with slope and ICI under it."""
    html = study_html(results)
    captions = re.findall(r"<figcaption>(Died[^<]*)</figcaption>", html)
    assert captions == [
        f"Died of {cause}, {years} years"
        for cause in ("breast cancer", "another cause")
        for years in (5, 10, 15)
    ]
    assert "1.04 (0.95 to 1.13)" in html


def test_net_benefit_table_is_short(results: Json) -> None:
    """Of thirty thresholds the table shows the tens, the picture all."""
    told = text_of(study_html(results))
    assert "Threshold, out of 100 The model Treat all Treat none 10 0.155" in told
    assert " 12 0.146" not in told


def test_incidence_shows_who_is_still_followed(results: Json) -> None:
    """Under the years stands how many were still followed."""
    told = text_of(study_html(results))
    assert "Still followed 1,951" in told
    del results["incidence"]["death_of_disease"]["at_risk"]
    assert "Still followed" not in study_html(results)


def test_leakage_warning_is_not_hidden(results: Json) -> None:
    """A check that is not clean is told in words on page and terminal."""
    assert "! look at this" in study_html(results)
    assert "NPI alone reaches 0.676" in study_text(results)


def test_citation() -> None:
    """A given citation is used, else one is made of title, software and date."""
    assert citation({"citation": "Somebody 2026."}) == "Somebody 2026."
    made = citation(
        {"title": "T", "provenance": {"software": "osler 1", "created_at": "2026-11-22"}}
    )
    assert made == "T. Study report made with osler 1, 22 Nov 2026."


def test_binary_study_has_no_years(results: Json) -> None:
    """A study of a label renders without horizons, curves or competing causes."""
    results |= {
        "outcome": {"type": "binary", "event": "death", "horizons": [], "names": {"death": "died"}},
        "metrics": {"osler": {"auroc": {"value": 0.86, "low": 0.84, "high": 0.88}}},
        "incidence": {},
        "calibration": {"all": {"death": results["calibration"]["5y"]["death_of_disease"]}},
    }
    for row in results["net_benefit"]:
        row["horizon"] = None
    html = study_html(results)
    assert "AUROC" in html
    assert "What happened to them" not in html
    assert "<h3>At" not in html


def test_text_is_short(results: Json) -> None:
    """The summary for a terminal has at most thirty lines, whatever the study."""
    results["cohort"]["flow"] *= 5
    results["leakage"] = [{"check": "x\n\x1b[31m", "status": "fault", "detail": "y" * 900}] * 50
    told = study_text(results)
    assert len(told.splitlines()) <= 30
    assert max(map(len, told.splitlines())) <= 200
    assert "\x1b" not in told
