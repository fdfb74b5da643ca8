"""The section on people alike shows shares of ten and more, and only where the model may speak."""

from __future__ import annotations

from typing import Any

import pytest

from osler.report import patient_html
from osler.report.alike import ALIKE, alike

Json = dict[str, Any]


@pytest.fixture
def report() -> Json:
    """Return a report with a prognosis, and people alike of whom one outcome may be told."""
    seen = {"cause": "died <i>", "value": 0.25, "low": 0.17, "high": 0.35, "few": False}
    few = {"cause": "left", "value": None, "low": None, "high": None, "few": True}
    causes = [{"cause": "died", "value": 0.36, "low": 0.3, "high": 0.4}, {"cause": "left"}]
    return {
        "subject_id": 1,
        "findings": [
            {"kind": "prognosis", "status": "final", "statement": "s", "caveats": ["c"]},
            {"kind": ALIKE, "status": "final", "statement": "not twice", "caveats": ["c"]},
        ],
        "summary": {"people": "women", "horizons": [{"label": "10 years", "causes": causes}]},
        "alike": {
            "people": 97,
            "of": 1560,
            "sentence": "Of the 97 women most like this one, 25 in 100 died.",
            "notes": ["What alike means."],
            "horizons": [
                {
                    "label": "10 years",
                    "causes": [{**seen, "predicted": 0.3}, {**few, "predicted": 0.04}],
                }
            ],
        },
    }


def test_what_was_seen_stands_beside_what_was_predicted(report: Json) -> None:
    """Shares have intervals, predictions of the group and of the patient beside them."""
    page = patient_html(report)
    assert "What became of the women most like this one" in page
    assert "Of the 97 women most like this one, 25 in 100 died." in page
    assert "What alike means." in page
    assert "fewer than ten of them" in page
    assert "not twice" not in page
    assert "<i>" not in page
    section = alike(report, report["summary"])
    assert section is not None
    told, hidden = section["rows"]
    assert (told["value"], told["theirs"], told["predicted"]) == ("25", "30", "36")
    assert (hidden["value"], hidden["theirs"]) == ("", "4")


def test_where_the_model_may_not_speak_nobody_alike_is_shown(report: Json) -> None:
    """An abstained prognosis leaves the section out even if it is given."""
    report["findings"][0]["status"] = "abstained"
    assert "most like this one" not in patient_html(report)


def test_someone_like_nobody_is_told_so(report: Json) -> None:
    """Without a group there is the sentence and no table."""
    report["alike"] = {"people": None, "of": 100, "sentence": "Nobody is.", "notes": []}
    page = patient_html(report)
    assert "Nobody is." in page
    assert "Predicted for them" not in page


@pytest.mark.parametrize("given", [None, [], "text", {"horizons": "x"}, {"horizons": [{}, None]}])
def test_broken_sections_break_no_page(report: Json, given: Any) -> None:
    """Whatever stands in place of the section, the page is written."""
    report["alike"] = given
    assert "women like this one" in patient_html(report)
