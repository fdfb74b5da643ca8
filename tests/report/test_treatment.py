"""The section on treatment of a study's report."""

from __future__ import annotations

from typing import Any

import pytest

from osler.report import patient_html, study_html
from osler.report.treatment import patient_treatment, treatment

EFFECT = {"value": -0.146, "low": -0.231, "high": -0.061}
TOLD: dict[str, Any] = {
    "design": {
        "kind": "time-to-event", "outcome": "death", "arms": ["none", "drug"], "reference": "none",
        "horizon": {"label": "3y", "text": "3 years"}, "grace_days": 30.0, "randomised": False,
        "better": "lower",
    },
    "warnings": ["The treatment was not drawn by lot."],
    "arms": [{"arm": "drug", "rows": 302, "events": 179, "expected": {"value": 0.516}}],
    "effects": [
        {
            "arm": "drug", "population": "everyone", "effect": EFFECT,
            "sensitivity": {
                "e_value": {"says": "a cause of 1.89"}, "bounds": {"low": -0.3, "high": 0.1},
            },
        }
    ],
    "overlap": {"outside": 0.02, "effective_sample_size": {"drug": 290.2}, "rows": {"drug": 302}},
    "balance": [
        {"covariate": "LAB|last", "before": 0.48, "after": 0.17},
        {"covariate": "constant", "before": None, "after": None},
    ],
    "verdict": "average only",
    "verdict_says": "Not shown is not absent.",
}  # fmt: skip


def test_an_average_effect_is_told_in_people() -> None:
    """How many of 100, the interval, and one in how many; no sign is left to be guessed."""
    section = treatment({"treatment": TOLD, "people": "women"})
    assert section is not None
    (sentence,) = section["sentences"]
    assert sentence == (
        "Of 100 women, 14.6 fewer would have the outcome (death) within 3 years with drug than "
        "with none (95 % interval 23.1 fewer to 6.1 fewer). That is one in 7."
    )
    assert section["headline"] == "These data do not show who gains more"


def test_an_effect_that_may_be_none_is_called_so() -> None:
    """No number needed to treat stands where the interval holds no effect."""
    unsure = {**TOLD["effects"][0], "effect": {"value": -0.05, "low": -0.1, "high": 0.01}}
    section = treatment({"treatment": {**TOLD, "effects": [unsure]}})
    assert section is not None
    assert "also includes no difference" in section["sentences"][0]
    assert "one in" not in section["sentences"][0]


def test_the_page_shows_protocol_overlap_balance_and_what_would_explain_it_away() -> None:
    """Covariates out of balance are marked, and constant ones are not listed."""
    page = study_html({"title": "T", "treatment": TOLD})
    for text in (
        "was not drawn by lot", "2.0 in 100 are outside common support", "drug 290 of 302",
        "0.17 !", "A cause of 1.89", "between −30.0 and 10.0", "Not shown is not absent.",
    ):  # fmt: skip
        assert text in page, text
    assert "constant" not in page


@pytest.mark.parametrize("told", [{}, {"treatment": {}}, {"treatment": None}, {"treatment": 3}])
def test_a_study_without_a_trial_has_no_such_section(told: dict[str, Any]) -> None:
    """Nothing of it stands on the page."""
    assert treatment(told) is None
    assert "What treatment does" not in study_html({"title": "T", **told})


def test_what_cannot_be_estimated_is_said_in_place_of_a_number() -> None:
    """The reason stands where the verdict would."""
    why = "fewer than 10 rows in arm drug"
    told = {"design": TOLD["design"], "not_estimable": why, "verdict": None}
    page = study_html({"title": "T", "treatment": told})
    assert why in page
    assert "No answer" in page


OPTION = {
    "arm": "drug", "of": "people like this one", "with": 0.2, "without": 0.35,
    "effect": {"value": -0.15, "low": -0.25, "high": -0.05},
}  # fmt: skip
SECTION: dict[str, Any] = {
    "title": "Does the drug help",
    "people": "women",
    "design": TOLD["design"],
    "verdict": "personalise",
    "verdict_says": "Personalise: people differ.",
    "caveats": ["The treatment was not drawn by lot."],
    "options": [OPTION],
    "by_baseline_risk": [
        {"name": "lowest", "arm": "drug", "n": 9, "baseline": {"value": 0.1}, "effect": EFFECT},
        {"name": "highest", "arm": "drug", "n": 9, "baseline": {"value": 0.5}, "effect": EFFECT},
    ],
}


def test_a_patient_sees_both_arms_side_by_side_only_where_the_data_support_it() -> None:
    """The effect of people like her in words and as two hundreds of people."""
    (section,) = patient_treatment({"treatments": [SECTION]})
    (option,) = section["options"]
    assert option["sentence"].startswith("Of 100 women like this one, 15.0 fewer would have")
    assert [one["count"] for one in option["pictures"]] == [35, 20]
    assert section["by_risk"] == []
    page = patient_html({"treatments": [SECTION], "findings": []})
    assert "These data support choosing by person" in page


def test_without_that_support_she_sees_the_average_and_her_quarter_of_risk() -> None:
    """Nothing is told as if it were her own effect."""
    average = {**SECTION, "verdict": "average only", "quarter": "highest"}
    average["options"] = [{**OPTION, "of": "everyone in the trial"}]
    (section,) = patient_treatment({"treatments": [average]})
    assert "like this one" not in section["options"][0]["sentence"]
    assert [row["own"] for row in section["by_risk"]] == [False, True]
    page = patient_html({"treatments": [average], "findings": []})
    assert page.count("◂ this patient") == 1
    assert "of 100 of the trial" in page


def test_without_overlap_no_number_is_shown() -> None:
    """The verdict stands alone."""
    silent = {**SECTION, "verdict": "insufficient overlap", "options": [], "by_baseline_risk": []}
    page = patient_html({"treatments": [silent], "findings": []})
    assert "too unlike to be compared" in page
    assert "Of 100 women" not in page


def test_a_rule_is_shown_with_whom_it_serves_only_where_the_verdict_allows_it() -> None:
    """Gains are turned into changes of the outcome; without the verdict no rule is on the page."""
    gain = {"value": 0.05, "low": 0.01, "high": 0.09}
    rule = {
        "rules": [{"who": "Age > 60", "action": "drug"}], "better": "lower", "against": "all none",
        "gain": {"all none": gain}, "benefit": {"age_band": {"60 to 70": gain}}, "losers": [],
        "notes": [],
    }  # fmt: skip
    page = study_html({"treatment": {**TOLD, "verdict": "personalise", "policy": rule}})
    assert "Age &gt; 60: drug" in page
    assert page.count("−5.0 (−9.0 to −1.0)") == 2
    assert "age band: 60 to 70" in page
    page = study_html({"treatment": {**TOLD, "policy": rule}})
    assert "Age &gt; 60" not in page
