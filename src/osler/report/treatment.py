"""What a target trial has found, as rows of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from osler.report.cells import range_cell, span
from osler.report.numbers import (
    UNKNOWN,
    as_dict,
    capitalized,
    decimal,
    dicts,
    estimate,
    finite,
    maybe,
    plain,
    texts,
    whole,
)
from osler.report.people import hundred

Json = Mapping[str, Any]

TREATMENT = "treatment effect"
MOST_BALANCE_ROWS = 15
MOST_SUBGROUPS = 8
POPULATIONS = {
    "everyone": "everyone in the trial",
    "overlap": "those whose treatment was least decided",
    "common support": "those for whom every arm was open",
}
NO_RULE = "No rule is shown that chooses by person, because differences were not shown."
NOTHING: dict[str, Any] = {
    "rules": [], "rows": [], "losers": [], "benefit": [], "against": "", "notes": [],
}  # fmt: skip
HEADLINES = {
    "personalise": "These data support choosing by person",
    "average only": "These data do not show who gains more",
    "insufficient overlap": "The arms are too unlike to be compared",
}


def treatment(results: Json) -> dict[str, Any] | None:
    """Return what a page says of a target trial; None for a study without one.

    Parameters
    ----------
    results
        The content of `results.json`.
    """
    told = as_dict(results.get("treatment"))
    if not told:
        return None
    personal = told.get("verdict") == "personalise"
    unit = Unit.of(told, str(results.get("people") or "people"))
    return {
        "headline": HEADLINES.get(str(told.get("verdict")), "No answer"),
        "personal": personal,
        "says": maybe(told.get("verdict_says") or told.get("not_estimable")),
        "warnings": texts(told.get("warnings")),
        "notes": texts(told.get("notes")),
        "protocol": protocol(told),
        "sentences": [unit.sentence(row) for row in _of_everyone(told)],
        "arms": [_arm(row, unit) for row in dicts(told.get("arms"))],
        "expected": unit.expected,
        "effects": _effects(told, unit),
        "unit": unit.name,
        "by_cause": [_by_cause(row, unit) for row in dicts(told.get("by_cause"))],
        "overlap": overlap(as_dict(told.get("overlap"))),
        "balance": _balance(told.get("balance")),
        "sensitivity": sensitivity(told, unit),
        "controls": _controls(as_dict(told.get("negative_controls")), unit),
        "heterogeneity": heterogeneity(as_dict(told.get("heterogeneity")), unit),
        "by_risk": [_by_risk(row, unit) for row in dicts(told.get("by_baseline_risk"))],
        "policy": policy(as_dict(told.get("policy")), unit, personal=personal),
        "subgroups_note": capitalized(maybe(told.get("subgroups_note"))),
        "subgroups": [_subgroup(r, unit) for r in dicts(told.get("subgroups"))[:MOST_SUBGROUPS]],
        "flow": [
            {"step": plain(row.get("step")), "rows": whole(row.get("rows"))}
            for row in dicts(told.get("flow"))
        ],
        "adjusted_for": texts(told.get("adjusted_for")),
    }


class Unit:
    """How effects are counted: people out of 100, or the outcome's own unit."""

    def __init__(self, *, risk: bool, outcome: str, when: str, reference: str, people: str) -> None:
        self.scale = 100.0 if risk else 1.0
        self.risk, self.outcome, self.when = risk, outcome, when
        self.reference, self.people = reference, people

    @classmethod
    def of(cls, told: Json, people: str) -> Unit:
        """Read it from a trial."""
        design = as_dict(told.get("design"))
        text = maybe(as_dict(design.get("horizon")).get("text"))
        return cls(
            risk=design.get("kind") != "continuous",
            outcome=plain(design.get("outcome")),
            when=f" within {text}" if text else "",
            reference=plain(design.get("reference")),
            people=people,
        )

    @property
    def name(self) -> str:
        """What an effect counts, for the head of a column."""
        return f"more or fewer of 100{self.when}" if self.risk else "difference"

    @property
    def expected(self) -> str:
        """What an arm's expectation counts."""
        return f"of 100 with the outcome{self.when}" if self.risk else "mean outcome"

    def of_scale(self, entry: Any) -> dict[str, float | None]:
        """Return an estimate in this unit."""
        found = as_dict(entry)
        numbers = {key: finite(found.get(key)) for key in ("value", "low", "high")}
        return {k: None if one is None else self.scale * one for k, one in numbers.items()}

    def text(self, entry: Any) -> str:
        """Return an estimate with its interval."""
        return estimate(self.of_scale(entry), 1 if self.risk else 3)

    def sentence(self, row: Json, whose: str = "") -> str:
        """Say an effect in words; `whose` says of which people, if not of all."""
        scaled, arm = self.of_scale(row.get("effect")), plain(row.get("arm"))
        value, low, high = scaled["value"], scaled["low"], scaled["high"]
        if value is None or low is None or high is None:
            return f"{capitalized(arm)} against {self.reference}: {maybe(row.get('why_not'))}."
        if not self.risk:
            more = "higher" if value > 0 else "lower"
            of = f" among people {whose}" if whose else " on average"
            return (
                f"With {arm} the outcome is {decimal(abs(value), 2)} {more}{of} than with "
                f"{self.reference} (95 % interval {decimal(low, 2)} to {decimal(high, 2)})."
            )
        more = "more" if value > 0 else "fewer"
        need = f" That is one in {100 / abs(value):.0f}." if abs(value) >= 1 else ""
        unsure = " The interval also includes no difference." if low <= 0 <= high else need
        who = f"{self.people} {whose}" if whose else self.people
        return (
            f"Of 100 {who}, {decimal(abs(value), 1)} {more} would have the outcome "
            f"({self.outcome}){self.when} with {arm} than with {self.reference} (95 % interval "
            f"{_fewer(low)} to {_fewer(high)}).{unsure}"
        )


def _fewer(value: float) -> str:
    return f"{decimal(abs(value), 1)} {'more' if value > 0 else 'fewer'}"


def protocol(told: Json) -> list[tuple[str, str]]:
    """Return the parts of the target trial, each with what it is here."""
    design = as_dict(told.get("design"))
    grace = finite(design.get("grace_days")) or 0.0
    first = (
        f"The end of {decimal(grace, 0)} days after the prediction, within which treatment began"
        if grace
        else "The prediction"
    )
    rows = [
        ("Arms", ", ".join(texts(design.get("arms")))),
        ("Compared with", plain(design.get("reference"))),
        ("Time zero", first),
        ("Outcome", plain(design.get("outcome"))),
        ("By", maybe(as_dict(design.get("horizon")).get("text"))),
        ("To be wished for", f"{plain(design.get('better'))} values of the outcome"),
        ("Assigned", "by lot" if design.get("randomised") else "by those who treated"),
    ]
    return [(name, value) for name, value in rows if value]


def overlap(found: Json) -> str:
    """Say how far the arms share their people."""
    if not found:
        return ""
    sizes = as_dict(found.get("effective_sample_size"))
    counted = as_dict(found.get("rows"))
    listed = ", ".join(
        f"{label} {decimal(size, 0)} of {whole(counted.get(label))}"
        for label, size in sizes.items()
    )
    share = decimal(100 * (finite(found.get("outside")) or 0.0), 1)
    remedy = maybe(found.get("remedy"))
    return (
        f"{share} in 100 are outside common support: people like them were practically never in "
        f"one of the arms. After weighing, the arms count as much as {listed}."
        + (f" {capitalized(remedy)}." if remedy else "")
    )


def sensitivity(told: Json, unit: Unit) -> list[str]:
    """Say how strong an unmeasured cause would have to be."""
    lines = []
    for row in _of_everyone(told):
        found = as_dict(row.get("sensitivity"))
        if not found:
            continue
        arm, sentences = capitalized(plain(row.get("arm"))), []
        e_value = as_dict(found.get("e_value"))
        if e_value:
            sentences.append(capitalized(plain(e_value.get("says"))))
        bounds = as_dict(found.get("bounds"))
        if bounds:
            ends = [unit.scale * (finite(bounds.get(key)) or 0.0) for key in ("low", "high")]
            sentences.append(
                "A cause that explains a tenth of what is left of outcome and of treatment could "
                f"move the estimate to between {decimal(ends[0], 1)} and {decimal(ends[1], 1)}"
            )
        lines.append(f"{arm}: {'. '.join(sentences)}.")
    return lines


def heterogeneity(found: Json, unit: Unit) -> list[str]:
    """Say what was tested before anybody is told an effect of their own."""
    if not found:
        return []
    slope, area = as_dict(found.get("calibration")), unit.of_scale(found.get("autoc"))
    lines = [
        f"Held-out predictions of who gains more: their slope against what happened is "
        f"{estimate(slope, 2)}; 1 would be right, 0 says nothing.",
        f"Those predicted to gain most gain {estimate(area, 1 if unit.risk else 2)} more than "
        f"people on average (AUTOC). p of both tests together: {decimal(found.get('p'), 3)}.",
    ]
    size = finite(found.get("detectable_sd"))
    if size is not None:
        lines.append(
            "The smallest difference between people that these data show in 80 of 100 cases: a "
            f"standard deviation of effects of {decimal(unit.scale * size, 1 if unit.risk else 2)}."
        )
    return lines


def policy(found: Json, unit: Unit, *, personal: bool) -> dict[str, Any] | None:
    """Return a rule that assigns treatment, with what it is worth on held-out people."""
    if not found:
        return None
    if not personal:
        return {**NOTHING, "notes": [NO_RULE]}
    if found.get("not_estimable"):
        return {**NOTHING, "notes": texts(found.get("not_estimable"))}
    sign = 1.0 if found.get("better") == "higher" else -1.0
    return {
        "rules": [
            f"{capitalized(plain(row.get('who')))}: {plain(row.get('action'))}"
            for row in dicts(found.get("rules"))
        ],
        "rows": [
            {"what": plain(name), "value": unit.text(_turned(one, sign))}
            for name, one in as_dict(found.get("gain")).items()
        ],
        "losers": [
            f"{capitalized(plain(row.get('who')))} (n {whole(row.get('n'))})"
            for row in dicts(found.get("losers"))
        ],
        "benefit": [
            {
                "what": f"{plain(name).replace('_', ' ')}: {plain(level)}",
                "value": unit.text(_turned(one, sign)),
            }
            for name, levels in as_dict(found.get("benefit")).items()
            for level, one in as_dict(levels).items()
        ],
        "against": plain(found.get("against")),
        "notes": texts(found.get("notes")),
    }


def _turned(entry: Any, sign: float) -> dict[str, float | None]:
    """Return a gain, in which more is better, as a change of the outcome."""
    found = as_dict(entry)
    value, low, high = (finite(found.get(key)) for key in ("value", "low", "high"))
    if sign > 0 or value is None or low is None or high is None:
        return {"value": value, "low": low, "high": high}
    return {"value": -value, "low": -high, "high": -low}


def _of_everyone(told: Json) -> list[Json]:
    return [row for row in dicts(told.get("effects")) if row.get("population") == "everyone"]


def _arm(row: Json, unit: Unit) -> dict[str, str]:
    return {
        "name": plain(row.get("arm")),
        "rows": whole(row.get("rows")),
        "events": whole(row.get("events")) if row.get("events") is not None else UNKNOWN,
        "expected": unit.text(row.get("expected")),
    }


def _effects(told: Json, unit: Unit) -> list[dict[str, Any]]:
    rows = dicts(told.get("effects"))
    scale = span([unit.of_scale(row.get("effect")) for row in rows], include=0.0)
    return [
        {
            "arm": plain(row.get("arm")),
            "whom": POPULATIONS.get(str(row.get("population")), plain(row.get("population"))),
            "value": unit.text(row.get("effect")),
            "why_not": maybe(row.get("why_not")),
            "picture": range_cell(unit.of_scale(row.get("effect")), scale, reference=0.0),
        }
        for row in rows
    ]


def _by_cause(row: Json, unit: Unit) -> dict[str, str]:
    cause = plain(row.get("cause")).replace("_", " ")
    return {
        "arm": plain(row.get("arm")),
        "cause": capitalized(cause),
        "value": unit.text(row.get("effect")),
    }


def _balance(rows: Any) -> list[dict[str, Any]]:
    """Return the covariates that differed most between the arms, before and after weighing."""
    known = [row for row in dicts(rows) if finite(row.get("before")) is not None]
    known.sort(key=lambda row: -(finite(row.get("before")) or 0.0))
    return [
        {
            "what": plain(row.get("covariate")),
            "before": decimal(row.get("before"), 2),
            "after": decimal(row.get("after"), 2),
            "notable": (finite(row.get("after")) or 0.0) >= 0.1,
        }
        for row in known[:MOST_BALANCE_ROWS]
    ]


def _controls(found: Json, unit: Unit) -> dict[str, Any] | None:
    if not found:
        return None
    calibrated = as_dict(found.get("calibrated"))
    return {
        "rows": [
            {
                "name": plain(row.get("control")).replace("_", " "),
                "value": Unit.text(unit, row.get("effect")),
                "why_not": maybe(row.get("why_not")),
            }
            for row in dicts(found.get("controls"))
        ],
        "calibrated": unit.text(calibrated) if calibrated else "",
        "why_not": maybe(found.get("why_not")),
    }


def _by_risk(row: Json, unit: Unit) -> dict[str, str]:
    return {
        "group": f"{capitalized(plain(row.get('name')))} quarter",
        "arm": plain(row.get("arm")),
        "n": whole(row.get("n")),
        "risk": unit.text(row.get("baseline")),
        "effect": unit.text(row.get("effect")),
        "any_cause": unit.text(row.get("any_cause")) if row.get("any_cause") else "",
    }


def _subgroup(row: Json, unit: Unit) -> dict[str, Any]:
    return {
        "who": plain(row.get("who")),
        "n": whole(row.get("n")),
        "inside": unit.text(row.get("inside")),
        "outside": unit.text(row.get("outside")),
        "p": decimal(row.get("p"), 3),
        "differs": bool(row.get("differs")),
    }


def patient_treatment(report: Json) -> list[dict[str, Any]]:
    """Return what a patient's page says of her options, one entry per study with a trial.

    Parameters
    ----------
    report
        The content of `report.json`.
    """
    return [_options(section) for section in dicts(report.get("treatments"))]


def _options(section: Json) -> dict[str, Any]:
    unit = Unit.of(section, str(section.get("people") or "people"))
    personal = section.get("verdict") == "personalise"
    options = dicts(section.get("options"))
    return {
        "title": plain(section.get("title")),
        "headline": HEADLINES.get(str(section.get("verdict")), "No answer"),
        "personal": personal and bool(options),
        "says": maybe(section.get("verdict_says")),
        "reference": unit.reference,
        "expected": unit.expected,
        "unit": unit.name,
        "caveats": texts(section.get("caveats")),
        "options": [_choice(option, unit) for option in options],
        "by_risk": []
        if personal
        else [
            {**_by_risk(row, unit), "own": row.get("name") == section.get("quarter")}
            for row in dicts(section.get("by_baseline_risk"))
        ],
    }


def _choice(option: Json, unit: Unit) -> dict[str, Any]:
    whose = "like this one" if option.get("of") == "people like this one" else ""
    both = [finite(option.get(key)) for key in ("without", "with")]
    names = [unit.reference, plain(option.get("arm"))]
    return {
        "arm": names[1],
        "sentence": unit.sentence(option, whose),
        "pictures": [_hundred(name, share, unit) for name, share in zip(names, both, strict=True)]
        if unit.risk
        else [],
        "rows": [
            (name, UNKNOWN if one is None else decimal(unit.scale * one, 1 if unit.risk else 2))
            for name, one in zip(names, both, strict=True)
        ],
        "effect": unit.text(option.get("effect")),
    }


def _hundred(name: str, share: float | None, unit: Unit) -> dict[str, Any]:
    count = 0 if share is None else min(max(round(100 * share), 0), 100)
    label = f"With {name}: {count} of 100 have the outcome{unit.when}."
    return {"name": name, "count": count, "picture": hundred([count], label=label)}
