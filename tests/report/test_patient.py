"""The patient report leads with one summary, gives reasons, and keeps silent when it must."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from osler.report import patient_fhir, patient_html, patient_text
from osler.report.patient import finding_value
from osler.report.svg import ACCENT, GREY

Json = dict[str, Any]


def abstain(report: Json) -> Json:
    """Make every finding abstain while its numbers, summary and curves are still in the content."""
    for finding in report["findings"]:
        finding |= {"status": "abstained", "value": 0.7777, "caveats": ["a limit was missed"]}
        finding["statement"] = "The model does not speak of this patient."
        finding["interval"] = {"low": 0.7333, "high": 0.7999}
        finding["reasons"] = [{"what": "Tumour size", "effect": 0.7111, "source": "x"}]
        finding["evidence"] = []
    for horizon in report["summary"]["horizons"]:
        for cause in horizon["causes"]:
            cause |= {"value": 0.7777, "low": 0.7333, "high": 0.7999}
    report["summary"]["sentence"] = "Of 100 women 77.77 die."
    report["groups"] = []
    return report


def text_of(html: str) -> str:
    """Return a page's text without style and tags."""
    bare = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", bare).split())


def test_page_leads_with_the_summary(report: Json) -> None:
    """The sentence and the pictures stand above warnings, reasons and everything else."""
    html = patient_html(report)
    marks = ["Of 100 women like this one", "After 5 years", "Read this first", "Why", "Findings"]
    places = [html.index(mark, html.index("<h1>")) for mark in marks]
    assert places == sorted(places)


def test_hundred_people_for_each_horizon(report: Json) -> None:
    """Each horizon has a hundred figures, coloured as the numbers beside them say."""
    html = patient_html(report)
    pictures = re.findall(r'<svg class="people".*?</svg>', html, flags=re.DOTALL)
    assert len(pictures) == 3
    for picture, disease, other in zip(pictures, (15, 26, 33), (3, 8, 14), strict=True):
        assert picture.count("<g ") == 100
        assert picture.count(f'<g fill="{ACCENT}"') == disease
        assert picture.count(f'<g fill="{GREY}"') == other


def test_risks_have_intervals_in_whole_numbers(report: Json) -> None:
    """Each risk is told out of 100 with its interval, and as a range."""
    html = patient_html(report)
    assert "interval 21 to 32" in html
    assert "26 (21 to 32) out of 100" in html


def test_reasons_have_direction_and_source(report: Json) -> None:
    """Reasons are told in words and numbers, with the events behind them."""
    html = patient_html(report)
    assert re.search(r'class="raises">raises</td><td class="number">\+11.2', html)
    assert re.search(r'class="lowers">lowers</td><td class="number">−4.6', html)
    assert "TUMOUR//size//mm (1990-01-01)" in html
    assert "Points out of 100" in html


def test_reasons_are_those_of_the_middle_horizon(report: Json) -> None:
    """Of three horizons the reasons of the middle one are drawn, one table per cause."""
    headings = re.findall(r"<h3>(Of 100[^<]*)</h3>", patient_html(report))
    assert len(headings) == 2
    assert all("within 10 years" in heading for heading in headings)


def test_absent_words_leave_no_dash(report: Json) -> None:
    """What time counts from is left out when it is not given, and a value is not told twice."""
    del report["summary"]["from"]
    report["timeline"] = [{"what": "HER2 status negative", "value": "negative", "date": None}]
    told = text_of(patient_html(report))
    assert "counted from" not in told
    assert "HER2 status negative What" not in told
    assert "no date HER2 status negative Findings" in told


def test_gaps_are_told(report: Json) -> None:
    """What was missing, what was not assessed and for whom the model is worse stand on the page."""
    html = patient_html(report)
    for phrase in (
        "Tumour stage",
        "Inherited variants",
        "only the tumour was sequenced",
        "worse here than overall",
        "too few people to say",
        "recorded 4 times",
        "no date",
    ):
        assert phrase in html


def test_nothing_not_assessed_is_not_everything_assessed(report: Json) -> None:
    """An empty list of gaps does not read as complete."""
    report["not_assessed"] = []
    assert "does not mean that everything was assessed" in patient_html(report)


def test_abstained_finding_is_plain_and_without_number(report: Json) -> None:
    """A finding that abstains shows its reason; its value and interval do not reach the page."""
    report["findings"][-1] |= {"value": 0.7777, "interval": {"low": 0.7333, "high": 0.7999}}
    told = text_of(patient_html(report))
    assert "Prognosis · abstained" in told
    assert "The calibration slope of the model lies outside" in told
    assert not re.search(r"77\.7|73\.3|0\.7777|78 \(73", told)


def test_silent_model_says_nothing_anywhere(report: Json) -> None:
    """When all findings abstain, no number of summary, curve or reason is shown anywhere."""
    abstain(report)
    shown = patient_html(report)
    assert not re.search(r'class="(people|chart|cell)"', shown)
    shown = text_of(shown)
    told = patient_text(report)
    bundle = json.dumps(patient_fhir(report))
    for text in (shown, told, bundle):
        assert not re.search(r"\b7[37]\b|77\.77|0\.7\d\d|\b78\b|71\.1", text)
    assert "No prediction is given for this patient" in shown
    assert "a limit was missed" in shown
    assert "RiskAssessment" not in bundle


@pytest.mark.parametrize("status", [None, "Final", "preliminary", "", 1])
def test_unknown_status_does_not_speak(report: Json, status: Any) -> None:
    """Only `final` speaks."""
    abstain(report)
    for finding in report["findings"]:
        finding["status"] = status
    assert "No prediction is given" in patient_html(report)


def test_subject_is_shown_as_given(report: Json) -> None:
    """A negative or large subject id is not rounded, spaced or signed anew."""
    assert "Subject -9007199254740993 " in patient_html(report)
    assert "Subject -9007199254740993" in patient_text(report)
    patient = patient_fhir(report)["entry"][0]["resource"]
    assert patient["identifier"][0]["value"] == "-9007199254740993"


def test_shared_caveats_are_told_once(report: Json) -> None:
    """What holds for all findings is told once, and warnings are not told a second time."""
    html = patient_html(report)
    assert html.count("this is her out-of-fold prediction") == 1
    assert html.count(report["warnings"][0]) == 1
    report["findings"][0]["caveats"].append("Only of this one.")
    assert patient_html(report).count("Only of this one.") == 1


def test_report_without_model_says_what_is_known(report: Json) -> None:
    """A report without findings shows the timeline and says that no model was asked."""
    bare = {key: report[key] for key in ("subject_id", "generated_at", "timeline")}
    html = patient_html(bare)
    assert "No model was asked." in html
    assert "There are no findings." in html
    assert "42 mm" in html


def test_tiny_and_certain_risks(report: Json) -> None:
    """A risk under one in two hundred is <1 and colours nobody; the rest is >99."""
    report["summary"]["horizons"] = [
        {"label": "5 years", "days": 1826.25, "causes": [{"cause": "died", "value": 0.001}]}
    ]
    html = patient_html(report)
    assert "<b>&lt;1</b>" in html
    assert "<b>&gt;99</b>" in html
    picture = re.findall(r'<svg class="people".*?</svg>', html, flags=re.DOTALL)[0]
    assert f'fill="{ACCENT}"' not in picture


@pytest.mark.parametrize(
    ("finding", "told"),
    [
        ({"value": 0.2, "unit": "probability"}, "20 out of 100"),
        (
            {"value": 3.5, "unit": "years", "interval": {"low": 2.0, "high": 4.25}},
            "3.50 (2 to 4.25) years",
        ),
        ({"value": "poor metaboliser", "unit": None}, "poor metaboliser"),
        ({"value": None}, ""),
        ({"value": float("nan"), "unit": "probability"}, "– probability"),
    ],
)
def test_values_of_any_kind(finding: Json, told: str) -> None:
    """Probabilities are told out of 100, other numbers with their unit, words as they are."""
    assert finding_value(finding) == told


def test_text_is_short_and_complete(report: Json) -> None:
    """The summary for a terminal tells each horizon, what abstained and what was not assessed."""
    told = patient_text(report)
    assert "10 years, out of 100: 26 (21 to 32) died of breast cancer" in told
    assert "Abstained: Response to chemotherapy" in told
    assert "Not assessed: Effect of any treatment, Inherited variants" in told
    report["warnings"] *= 40
    report["findings"] *= 40
    assert len(patient_text(report).splitlines()) <= 30
