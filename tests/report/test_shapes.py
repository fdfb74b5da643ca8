"""The study report shows how the prediction goes with values, and what its reasons are worth."""

from __future__ import annotations

from typing import Any

import pytest

from osler.report import study_html
from osler.report.shapes import faithful, shapes

Json = dict[str, Any]


def entry(value: Any, effect: float, level: str | None = None) -> Json:
    """Return a bin of forty people."""
    low, high = effect - 0.01, effect + 0.01
    return {
        "value": value, "level": level, "n": 40,
        "effect": effect, "low": low, "high": high, "alone": effect,
    }  # fmt: skip


@pytest.fixture
def told() -> Json:
    """Return the results of a study with a number and a word, and with faithful reasons."""
    number = {
        "what": "Size", "unit": "mm", "kind": "number", "aggregation": "slope", "window": "30d",
        "additive": 0.7, "left_out": 3, "missing": entry(None, 0.02),
        "bins": [entry(1.0, -0.05), entry(2.0, 0.1)],
    }  # fmt: skip
    word = {
        "what": "Kind <b>", "kind": "level", "additive": 1.0, "left_out": 0, "missing": None,
        "bins": [entry(None, 0.03, "u & v"), entry(None, -0.02, "w")],
    }  # fmt: skip
    spread = {"value": 0.1, "low": 0.08, "high": 0.12}
    return {
        "title": "A study",
        "shapes": {"horizon": "5 years", "people": 80, "base": 0.2, "columns": [number, word]},
        "faithfulness": {
            "faithful": True, "people": 80, "reasons": 3, "named": spread, "others": spread,
            "difference": spread, "share": {"value": 0.9, "low": 0.8, "high": 0.95},
        },
    }  # fmt: skip


def test_shapes_are_drawn_with_their_numbers(told: Json) -> None:
    """Both kinds are drawn, tell how far they are additive, who is missing and who is left out."""
    page = study_html(told)
    for words in (
        "How the prediction goes with what is measured",
        "70 % a matter of this value alone",
        "A matter of this value alone.",
        "Not recorded (40): +2.0 points",
        "3 with values of fewer than ten are not shown",
        "within 5 years",
        "Size, mm",
        "in 30d",
    ):
        assert words in page
    assert "Kind <b>" not in page
    assert "u &amp; v" in page


def test_reasons_are_said_to_be_faithful_only_if_they_are(told: Json) -> None:
    """Where the named reasons move predictions no more, the page warns of reading them so."""
    assert "Yes. Without the 3 strongest reasons" in study_html(told)
    told["faithfulness"]["faithful"] = False
    page = study_html(told)
    assert "Not shown. Without the 3 strongest reasons" in page
    assert "must not be read as what the prediction rests on" in page


@pytest.mark.parametrize(
    "given",
    [
        None, [], "text", {"columns": None}, {"columns": [None, {}, {"bins": "x"}]},
        {"columns": [{"bins": [{"effect": None}]}]},
    ],
)  # fmt: skip
def test_without_shapes_there_is_no_section(given: Any) -> None:
    """Absent, empty or broken shapes leave their section out and break no page."""
    assert shapes({"shapes": given}) is None
    assert faithful({"faithfulness": given}) is None
    assert "How the prediction goes" not in study_html({"title": "A study", "shapes": given})


def test_a_shape_of_one_value_is_drawn(told: Json) -> None:
    """One bin, equal values and bins without numbers do not break the drawing."""
    column = told["shapes"]["columns"][0]
    column["bins"] = [entry(2.0, 0.0)]
    assert "How the prediction goes" in study_html(told)
    column["bins"] = [entry(2.0, 0.0), entry(2.0, 0.1), {"effect": 0.1}]
    assert "How the prediction goes" in study_html(told)
