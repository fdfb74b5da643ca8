"""Results of a study and a report of a patient as a run writes them; the numbers are made up."""

from __future__ import annotations

import math
from typing import Any

import pytest

DISEASE, OTHER = "death_of_disease", "death_of_other_cause"
WARNINGS = [
    "Risk under the care of that era. It is not the risk without treatment.",
    "It is not the effect of a treatment.",
    "Not valid for HER2-positive disease treated today.",
]
SCOPE = [
    "Women with a first primary invasive breast cancer, operated on in five centres in the United "
    "Kingdom and Canada between 1977 and 2005.",
    "Stage 0 and stage IV at diagnosis, carcinoma in situ, phyllodes tumours and benign lesions "
    "are left out.",
    "A missing stage is kept: it is missing by centre, not by patient.",
]


def estimate(value: float, half: float, meaning: str = "", n: int | None = 1951) -> dict[str, Any]:
    """Return an estimate as `Estimate.to_json` writes it."""
    return {
        "value": value,
        "low": value - half,
        "high": value + half,
        "level": 0.95,
        "n": n,
        "meaning": meaning,
    }


def curve(rate: float, top: float, half: float, years: float = 20) -> dict[str, list[float]]:
    """Return a cumulative incidence that levels off at `top`."""
    days = [365.25 * years * i / 120 for i in range(1, 121)]
    value = [top * (1 - math.exp(-rate * d / 365.25)) for d in days]
    low = [max(v - half * math.sqrt(v), 0) for v in value]
    high = [v + half * math.sqrt(v) for v in value]
    return {"times_days": days, "value": value, "low": low, "high": high}


def without_times(content: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return a curve without its times."""
    return {key: value for key, value in content.items() if key != "times_days"}


def bins(slope: float, top: float) -> list[dict[str, float]]:
    """Return ten bins of a calibration plot."""
    made = []
    for i in range(10):
        predicted = top * (i + 0.5) / 10
        observed = predicted * slope + 0.012 * math.sin(3 * i)
        made.append(
            {
                "predicted": predicted,
                "observed": observed,
                "low": max(observed - 0.05, 0),
                "high": observed + 0.05,
                "n": 195,
            }
        )
    return made


def metrics(shift: float) -> dict[str, Any]:
    """Return what `evaluate.competing` measures at 5, 10 and 15 years."""
    long = "Uno's C of the predicted time lost to the event, truncated at time 5478.75"
    made = {
        "harrell_c": estimate(0.701 + shift, 0.018, "Harrell's C, over the whole follow-up"),
        "uno_c": estimate(0.706 + shift, 0.019, long),
        "uno_c_cause_specific": estimate(0.698 + shift, 0.018, "other causes taken as censoring"),
        "auc_mean": estimate(0.73 + shift, 0.02),
        "ibs": estimate(0.152 - shift / 2, 0.006),
        "ibs_scaled": estimate(0.11 + shift, 0.02),
        "calibration_slope": estimate(0.95 + shift, 0.1),
        "calibration_intercept": estimate(0.02, 0.09),
        "ici": estimate(0.021, 0.009),
        "oe": estimate(1.01, 0.06),
    }
    for at, lift in ((1826, 0.02), (3652, 0.0), (5479, -0.01)):
        made[f"auc_{at}d"] = estimate(0.735 + shift + lift, 0.024)
        made[f"brier_{at}d"] = estimate(0.15 - lift, 0.008)
        made[f"calibration_slope_{at}d"] = estimate(0.98 + 2 * shift + lift, 0.09)
        made[f"oe_{at}d"] = estimate(1.0 + lift, 0.05)
        made[f"ici_{at}d"] = estimate(0.017 + lift / 8, 0.008)
        made[f"observed_risk_{at}d"] = estimate(0.25 - 4 * lift, 0.02)
    return made


def fit(slope: float, top: float) -> dict[str, Any]:
    """Return the calibration at one horizon of one cause."""
    return {
        "bins": bins(slope, top),
        "slope": estimate(slope, 0.09),
        "intercept": estimate(0.01, 0.08),
        "ici": estimate(0.017, 0.008),
    }


def group(level: dict[str, str], n: int, c: float, half: float) -> dict[str, Any]:
    """Return a row of `groups`."""
    return {
        "group": level,
        "n": n,
        "events": n // 4,
        "suppressed": False,
        "metrics": {
            "uno_c": estimate(c, half),
            "oe": estimate(1.02 + (c - 0.7), 3 * half),
            "uno_c_difference": estimate(c - 0.706, half),
        },
        "stands_out": ["uno_c"] if c < 0.62 else [],
    }


@pytest.fixture
def results() -> dict[str, Any]:
    """Make a study's results, complete."""
    return {
        "format_version": 1,
        "title": "Death from breast cancer after surgery",
        "people": "women",
        "model": {
            "kind": "TimeToEvent",
            "columns": 126,
            "chosen": {"1": {"penalty": 100.0, "rounds": 200, "cuts": [1018.5, 3220.25]}},
            "notes": ["Beyond the last event the curves stay flat."],
            "validation": "5-fold cross-fitting by subject, every row judged by a model that never "
            "saw it",
        },
        "sites": [
            {"site": name, "n": n, "suppressed": False, "metrics": metrics(shift)}
            for name, n, shift in (("1", 490, -0.02), ("2", 288, 0.01), ("3", 763, 0.0))
        ],
        "group_note": "9 groups are shown; one in twenty would differ by chance.",
        "question": [
            "How likely is death of breast cancer within 5, 10 and 15 years after surgery, with "
            "death of other causes competing?",
            "The prediction is made on the day of surgery, from what was known on that day. "
            "Treatment given afterwards is not used.",
            "A woman is followed to her death or her last contact. One death without a recorded "
            "cause is counted apart.",
        ],
        "scope": list(SCOPE),
        "warnings": list(WARNINGS),
        "cohort": {
            "rows": 1951,
            "subjects": 1951,
            "events": {DISEASE: 636, OTHER: 492},
            "flow": [
                step("subjects in the data", 2509, "one row each"),
                step("trigger surgery", 1980, "one row per time of the trigger"),
                step("window at_surgery found", 1980, "up to the trigger, both ends included"),
                step("window at_surgery: no phyllodes tumour", 1976),
                step("window at_surgery: no benign lesion", 1973),
                step("window at_surgery: no carcinoma in situ", 1964),
                step("window at_surgery: no stage 0", 1961),
                step("window at_surgery: no stage IV", 1951),
                step("alive at the prediction", 1951),
                step("no death of disease before the prediction", 1951),
                step("of these: died of an unknown cause", 1, "censored at the death"),
                step("of these: several causes at the same time", 0),
                step("rows of the cohort", 1951),
            ],
            "table1": [
                {
                    "variable": "Age at surgery",
                    "level": "median (quartiles)",
                    "n": 1951,
                    "value": "61.8 (51.4 to 70.6) years",
                    "missing": 0,
                },
                {
                    "variable": "Tumour size",
                    "level": "median (quartiles)",
                    "n": 1929,
                    "value": "23 (17 to 30) mm",
                    "missing": 19,
                },
                {
                    "variable": "Grade",
                    "level": "1",
                    "n": 167,
                    "value": "167 (8.6 %)",
                    "missing": 76,
                },
                {
                    "variable": "Grade",
                    "level": "2",
                    "n": 762,
                    "value": "762 (39.1 %)",
                    "missing": 76,
                },
                {
                    "variable": "Grade",
                    "level": "3",
                    "n": 943,
                    "value": "943 (48.4 %)",
                    "missing": 76,
                },
                {
                    "variable": "ER status",
                    "level": "negative",
                    "n": 466,
                    "value": "466 (23.9 %)",
                    "missing": 0,
                },
                {
                    "variable": "ER status",
                    "level": "positive",
                    "n": 1482,
                    "value": "1,482 (76.1 %)",
                    "missing": 0,
                },
                {
                    "variable": "HER2 status",
                    "level": "negative",
                    "n": 1705,
                    "value": "1,705 (87.5 %)",
                    "missing": 0,
                },
                {
                    "variable": "HER2 status",
                    "level": "positive",
                    "n": 243,
                    "value": "243 (12.5 %)",
                    "missing": 0,
                },
                {
                    "variable": "TP53 mutated",
                    "level": "present",
                    "n": 640,
                    "value": "640 (32.9 %)",
                    "missing": None,
                },
            ],
        },
        "outcome": {
            "type": "time-to-event",
            "event": DISEASE,
            "competing": [OTHER],
            "names": {DISEASE: "died of breast cancer", OTHER: "died of another cause"},
            "horizons": [
                {"label": "5y", "days": 1826.25, "text": "5 years"},
                {"label": "10y", "days": 3652.5, "text": "10 years"},
                {"label": "15y", "days": 5478.75, "text": "15 years"},
            ],
        },
        "metrics": {
            "osler": metrics(0.0),
            "Nottingham prognostic index": metrics(-0.03),
        },
        "selected": "osler",
        "comparisons": [
            {
                "what": "Uno's C, osler minus Nottingham prognostic index",
                "value": 0.03,
                "low": 0.014,
                "high": 0.045,
                "meaning": "same women, resampled together",
            }
        ],
        "groups": [
            group({"age_band": "under 40"}, 116, 0.64, 0.08),
            group({"age_band": "40 to 49"}, 311, 0.72, 0.045),
            group({"age_band": "50 to 59"}, 447, 0.71, 0.04),
            group({"age_band": "60 to 69"}, 566, 0.70, 0.035),
            group({"age_band": "70 and over"}, 508, 0.68, 0.04),
            group({"er_status": "positive"}, 1482, 0.71, 0.022),
            group({"er_status": "negative"}, 466, 0.61, 0.04),
            group({"age_band": "50 to 59", "er_status": "positive"}, 308, 0.71, 0.05),
            {
                "group": {"age_band": "under 40", "er_status": "positive"},
                "n": "<50",
                "events": None,
                "suppressed": True,
                "metrics": {},
            },
        ],
        "calibration": {
            "5y": {DISEASE: fit(1.04, 0.45), OTHER: fit(0.97, 0.3)},
            "10y": {DISEASE: fit(0.98, 0.6), OTHER: fit(0.99, 0.5)},
            "15y": {DISEASE: fit(0.93, 0.7), OTHER: fit(1.03, 0.7)},
        },
        "net_benefit": [
            {
                "horizon": horizon,
                "threshold": t,
                "model": 0.2 - 0.45 * t + lift,
                "low": 0.18 - 0.45 * t + lift,
                "high": 0.22 - 0.45 * t + lift,
                "treat_all": 0.2 + lift - (0.8 - lift) * t / (1 - t),
                "treat_none": 0.0,
            }
            for horizon, lift in (("5y", 0.0), ("10y", 0.1))
            for t in [round(0.02 * i, 2) for i in range(1, 31)]
        ],
        "incidence": {
            DISEASE: {
                **curve(0.09, 0.42, 0.03, 15),
                "at_risk": [1951 - 13 * i for i in range(120)],
            },
            OTHER: curve(0.03, 0.7, 0.03, 15),
        },
        "leakage": [
            {
                "check": "information after the prediction time",
                "status": "ok",
                "detail": "no feature rests on a later event",
            },
            {
                "check": "outcome among the features",
                "status": "ok",
                "detail": "none of 212 columns",
            },
            {
                "check": "single column that is too good",
                "status": "warning",
                "detail": "NPI alone reaches 0.676; it is a known index",
            },
            {"check": "subjects in two splits", "status": "ok", "detail": "none"},
        ],
        "gates": [
            {
                "limit": "calibration_slope_3652d",
                "value": 0.98,
                "bound": "at least 0.8 and at most 1.25",
                "passed": True,
                "why": "calibration_slope_3652d is 0.980 (0.890 to 1.070)",
            },
            {
                "limit": "group_uno_c",
                "value": 0.61,
                "bound": "at least 0.55, unless its interval allows it",
                "passed": True,
                "why": "uno_c meets at least 0.55 in all 8 groups that could be judged",
            },
        ],
        "importance": [
            {
                "what": what,
                "code": code,
                "effect": effect,
                "unit": "",
            }
            for what, code, effect in (
                ("Nodal score", "TUMOUR//nodal_score", 0.061),
                ("Tumour size", "TUMOUR//size//mm", 0.0402),
                ("Integrative cluster", "INTEGRATIVE_CLUSTER", 0.033),
                ("Age", "AGE", 0.029),
                ("PAM50 subtype", "PAM50", 0.0241),
                ("TP53 mutated", "GENE//TP53", 0.0122),
            )
        ],
        "limits": [
            "One country group, one era: transport to other care is unknown.",
            "Dates are synthetic around diagnosis; only intervals are real.",
        ],
        "provenance": {
            "software": "osler 0.1.0",
            "created_at": "2026-11-22T10:00:00+00:00",
            "seed": 0,
            "inputs": {"study": "a" * 64, "vault": "b" * 64, "features": "c" * 64},
            "format_version": 1,
        },
    }


def step(name: str, rows: int, note: str = "") -> dict[str, Any]:
    """Return a step of the patient flow."""
    return {"step": name, "rows": rows, "subjects": rows, "note": note}


def finding(label: str, value: float, half: float, cause: str) -> dict[str, Any]:
    """Return a final finding."""
    return {
        "kind": "prognosis",
        "statement": f"Of 100 women like this one, about {100 * value:.0f} have {cause} within "
        f"{label} (95% interval {100 * (value - half):.0f} to {100 * (value + half):.0f}).",
        "value": value,
        "unit": "probability",
        "interval": {
            "low": value - half,
            "high": value + half,
            "level": 0.95,
            "meaning": "95 % bootstrap interval of the mean risk of such women",
        },
        "reasons": [
            {
                "what": "Nodal score: 3",
                "effect": 0.112,
                "source": "TUMOUR//nodal_score (1990-01-01)",
            },
            {
                "what": "Tumour size: 42 mm",
                "effect": 0.061,
                "source": "TUMOUR//size//mm (1990-01-01)",
            },
            {
                "what": "TP53 mutated",
                "effect": 0.024,
                "source": "VARIANT//GRCh37//17-7577120-C-T (1990-01-01)",
            },
            {"what": "Age: 47 years", "effect": -0.018, "source": "MEDS_BIRTH (1942-11-02)"},
            {
                "what": "PAM50: LumA",
                "effect": -0.046,
                "source": "PAM50//LumA (1990-01-01)",
            },
        ],
        "evidence": [
            {
                "source": "Study: Death of breast cancer after surgery",
                "level": "internal validation, 5-fold",
                "citation": "Uno's C 0.706 (0.687 to 0.725), 1,948 women",
            }
        ],
        "caveats": [
            "She was among the women the model learnt from; this is her out-of-fold prediction.",
            *WARNINGS,
        ],
        "status": "final",
        "provenance": {"software": "osler 0.1.0", "created_at": "2026-11-22T10:00:00+00:00"},
    }


@pytest.fixture
def report() -> dict[str, Any]:
    """Make a patient's report, complete."""
    shares = (("5 years", 1826.25, 0.15, 0.031), ("10 years", 3652.5, 0.264, 0.082))
    shares = (*shares, ("15 years", 5478.75, 0.33, 0.14))
    return {
        "format_version": 1,
        "subject_id": -9007199254740993,
        "generated_at": "2026-11-22T10:00:00+00:00",
        "title": "What will probably happen after surgery for breast cancer",
        "warnings": list(WARNINGS),
        "scope": list(SCOPE),
        "summary": {
            "people": "women",
            "from": "surgery",
            "sentence": "Of 100 women like this one, within 10 years about 26 have died of breast "
            "cancer and 8 have died of another cause; 65 have neither.",
            "horizons": [
                {
                    "label": label,
                    "days": days,
                    "causes": [
                        {
                            "cause": "died of breast cancer",
                            "value": a,
                            "low": a - 0.05,
                            "high": a + 0.06,
                        },
                        {
                            "cause": "died of another cause",
                            "value": b,
                            "low": b * 0.7,
                            "high": b * 1.4,
                        },
                    ],
                    "event_free": 1 - a - b,
                }
                for label, days, a, b in shares
            ],
        },
        "curves": {
            "times_days": curve(0.09, 0.45, 0.06, 15)["times_days"],
            "causes": [
                {"cause": "died of breast cancer", **without_times(curve(0.09, 0.45, 0.06, 15))},
                {"cause": "died of another cause", **without_times(curve(0.02, 0.55, 0.05, 15))},
            ],
        },
        "timeline": [
            {
                "what": "Breast surgery",
                "value": "mastectomy",
                "date": "1990-01-01",
                "code": "PROCEDURE//breast_surgery//MASTECTOMY",
                "times": 1,
            },
            {
                "what": "Tumour size",
                "value": "42 mm",
                "date": "1990-01-01",
                "code": "TUMOUR//size//mm",
                "times": 1,
            },
            {
                "what": "ER status",
                "value": "positive",
                "date": "1990-01-01",
                "code": "ER_STATUS//positive",
                "times": 1,
            },
            {
                "what": "Creatinine",
                "value": "71 µmol/L",
                "date": "1989-12-24",
                "code": "LAB//creatinine//umol/L",
                "times": 4,
            },
            {
                "what": "Born",
                "value": "",
                "date": "1942-11-02",
                "code": "MEDS_BIRTH",
                "times": 1,
            },
            {"what": "Sex", "value": "female", "date": None, "code": "SEX//F", "times": 1},
        ],
        "missing": [
            "Tumour stage",
            "Laterality",
        ],
        "groups": [
            {
                "group": {"age_band": "40 to 49"},
                "n": 311,
                "suppressed": False,
                "label": "Uno's C",
                "metric": estimate(0.66, 0.045),
                "worse": True,
            },
            {
                "group": {"age_band": "40 to 49", "er_status": "negative"},
                "n": "<50",
                "suppressed": True,
                "text": "too few people to say how well the model does in this group",
            },
        ],
        "findings": [
            *(
                finding(label, value, 0.055, cause)
                for label, _, a, b in shares
                for cause, value in (("died of breast cancer", a), ("died of another cause", b))
            ),
            {
                **finding("15 years", 0.33, 0.07, "responded"),
                "statement": "Response to chemotherapy",
                "status": "abstained",
                "value": None,
                "interval": None,
                "reasons": [],
                "caveats": ["The calibration slope of the model lies outside the study's limits."],
            },
        ],
        "not_assessed": [
            {"what": "Effect of any treatment", "why": "the study predicts; it does not compare"},
            {"what": "Inherited variants", "why": "only the tumour was sequenced"},
        ],
        "provenance": {
            "software": "osler 0.1.0",
            "created_at": "2026-11-22T10:00:00+00:00",
            "inputs": {"run": "d" * 64, "vault": "e" * 64},
        },
    }
