"""What both pages keep: they stand alone, escape everything, can be read by all, and never fall."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osler.report import patient_fhir, patient_html, patient_text, study_html, study_text

HOSTILE = '</style></title><script>alert(1)</script><img src=x onerror="a">\'&{{7*7}}{% if'
VOID = {"meta", "br", "img", "hr", "link", "input"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "low", "high", "bins", "cause", "metrics", "group", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
STUDY_KEYS = [
    "title",
    "people",
    "question",
    "scope",
    "warnings",
    "cohort",
    "outcome",
    "metrics",
    "selected",
    "comparisons",
    "groups",
    "sites",
    "calibration",
    "net_benefit",
    "incidence",
    "leakage",
    "gates",
    "importance",
    "limits",
    "model",
    "provenance",
]
PATIENT_KEYS = [
    "subject_id",
    "generated_at",
    "title",
    "warnings",
    "summary",
    "curves",
    "findings",
    "missing",
    "groups",
    "not_assessed",
    "timeline",
    "provenance",
]
Json = dict[str, Any]


class Page(HTMLParser):
    """Walks a page, notes its elements and whether they are nested soundly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and that it is open."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, or note that another one is."""
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a name."""
        return [attributes for tag, attributes in self.elements if tag == name]


def poison(value: Any) -> Any:
    """Put hostile text in place of every text and behind every key that is free."""
    if isinstance(value, dict):
        return {key: poison(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [poison(inner) for inner in value]
    return HOSTILE if isinstance(value, str) and value not in ("final", "abstained") else value


@pytest.fixture(params=["study", "patient"])
def page(request: pytest.FixtureRequest, results: Json, report: Json) -> str:
    """Render each page, complete."""
    return study_html(results) if request.param == "study" else patient_html(report)


def test_pages_stand_alone(page: str) -> None:
    """No script, style sheet, font, picture or address lies outside the page."""
    told = Page(page)
    names = {name for name, _ in told.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "a", "base"}
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|url\(|@import|\bsrc=|\bhref=", page)
    policies = [one.get("content") for one in told.all("meta") if "http-equiv" in one]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_pages_are_sound_html(page: str) -> None:
    """Every element that is opened is closed, in order."""
    told = Page(page)
    assert (told.faults, told.open) == ([], [])
    assert page.startswith("<!DOCTYPE html>")
    assert told.all("html") == [{"lang": "en"}]
    assert len(told.all("h1")) == 1


def test_pages_can_be_read_without_seeing(page: str) -> None:
    """Pictures say what they show or are hidden, header cells say what they head."""
    told = Page(page)
    for picture in told.all("svg"):
        assert picture.get("aria-hidden") == "true" or picture.get("aria-label")
    assert all(cell.get("scope") for cell in told.all("th"))
    levels = [int(name[1]) for name, _ in told.elements if re.fullmatch(r"h[1-6]", name)]
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_pages_print_on_paper(page: str) -> None:
    """The page says how it is to be printed, on A4."""
    assert "@page { size: A4" in page
    assert "@media print" in page
    assert "break-inside: avoid" in page


def test_pages_say_what_they_are_for(page: str) -> None:
    """Every page says that it is for research and not a medical device."""
    assert "Research use. Not a medical device." in page


def test_pages_are_the_same_each_time(results: Json, report: Json) -> None:
    """The same content gives the same page, byte for byte."""
    assert study_html(results) == study_html(results)
    assert patient_html(report) == patient_html(report)


def test_content_cannot_break_out(results: Json, report: Json) -> None:
    """Hostile text in any field is text on the page: no element, no template, no attribute."""
    for html in (study_html(poison(results)), patient_html(poison(report))):
        told = Page(html)
        assert not {name for name, _ in told.elements} & {"script", "img"}
        assert (told.faults, told.open) == ([], [])
        assert not any(key.startswith("on") for _, one in told.elements for key in one)
        assert "{{7*7}}" in html
        assert ">49<" not in html


def test_hostile_names_cannot_break_out(results: Json, report: Json) -> None:
    """Names of models, metrics, causes, groups and horizons are escaped as well."""
    results["metrics"] = {HOSTILE: {HOSTILE: {"value": 1.0, "low": 0.5, "high": 2.0}}}
    results["selected"] = HOSTILE
    results["calibration"] = {HOSTILE: {HOSTILE: results["calibration"]["5y"]["death_of_disease"]}}
    results["incidence"] = {HOSTILE: results["incidence"]["death_of_disease"]}
    results["groups"][0]["group"] = {HOSTILE: HOSTILE}
    results["cohort"]["events"] = {HOSTILE: 3}
    results["leakage"][0]["status"] = HOSTILE
    results["provenance"] = {HOSTILE: {HOSTILE: [HOSTILE]}}
    report["provenance"] = {HOSTILE: HOSTILE}
    for html in (study_html(results), patient_html(report)):
        assert not {name for name, _ in Page(html).elements} & {"script", "img"}


@pytest.mark.parametrize("key", STUDY_KEYS)
@pytest.mark.parametrize("value", ["absent", None, [], "text"])
def test_study_page_bears_any_gap(results: Json, key: str, value: Any) -> None:
    """The study's page and summary are there whichever key is absent or not what it should be."""
    results.pop(key) if value == "absent" else results.update({key: value})
    assert study_html(results).endswith("</html>")
    assert study_text(results)


@pytest.mark.parametrize("key", PATIENT_KEYS)
@pytest.mark.parametrize("value", ["absent", None, [], "text"])
def test_patient_page_bears_any_gap(report: Json, key: str, value: Any) -> None:
    """The patient's page, summary and bundle are there whichever key is absent or odd."""
    report.pop(key) if value == "absent" else report.update({key: value})
    assert patient_html(report).endswith("</html>")
    assert patient_text(report)
    assert patient_fhir(report)["resourceType"] == "Bundle"


@pytest.mark.parametrize("make", [study_html, study_text, patient_html, patient_text])
def test_nothing_at_all_is_still_a_report(make: Callable[[Json], str]) -> None:
    """Empty content gives a page that claims nothing."""
    assert "0." not in re.sub(r"<style>.*?</style>", "", make({}), flags=re.DOTALL)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(STUDY_KEYS), JSON, max_size=6))
def test_study_page_bears_anything(content: Json) -> None:
    """Any JSON under the known keys gives a sound page."""
    told = Page(study_html(content))
    assert (told.faults, told.open) == ([], [])
    assert study_text(content)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(PATIENT_KEYS), JSON, max_size=6))
def test_patient_page_bears_anything(content: Json) -> None:
    """Any JSON under the known keys gives a sound page and a bundle."""
    told = Page(patient_html(content))
    assert (told.faults, told.open) == ([], [])
    assert patient_text(content)
    assert patient_fhir(content)["entry"]


@pytest.mark.parametrize("ink", ["ink", "soft", "accent", "alarm"])
@pytest.mark.parametrize("paper", ["paper", "wash", "accent-wash", "alarm-wash"])
def test_text_can_be_read(ink: str, paper: str) -> None:
    """Each text colour on each background has a contrast of at least 4.5 (WCAG 2.1, 1.4.3)."""
    style = files("osler.report").joinpath("templates/style.css").read_text("utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", style))
    lighter, darker = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2.1 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
