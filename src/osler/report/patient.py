"""The patient report: one summary first, then why, what is known and for whom it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from osler.report import charts, genome
from osler.report.alike import ALIKE, alike
from osler.report.cells import axis_cell, bar_cell, range_cell
from osler.report.metrics import count, group_metrics
from osler.report.names import group_words, metric_of, words
from osler.report.numbers import (
    UNKNOWN,
    as_dict,
    day,
    decimal,
    dicts,
    estimate,
    finite,
    maybe,
    out_of_100,
    people_of_100,
    plain,
    range_of_100,
    share_of_100,
    signed,
    texts,
    whole,
)
from osler.report.page import flat, render
from osler.report.people import hundred, key_person
from osler.report.treatment import TREATMENT, patient_treatment

MOST_REASONS = 12
PROBABILITY_UNITS = ("", "1", "probability", "risk", "share", "proportion")
# Scales of the pictures beside risks; the first that holds all of a patient's intervals.
RISK_SCALES = (0.2, 0.4, 0.6, 0.8, 1.0)

Json = Mapping[str, Any]


def patient_html(report: Json) -> str:
    """Return the report of a patient as one HTML page that needs nothing else.

    Parameters
    ----------
    report
        The content of `report.json`. Beside the known keys it takes `title`, `warnings`, `scope`
        and `limits` (sentences), `missing` (texts, or `what` and `why`), `groups` (the groups that
        this patient belongs to: `group`, `n`, `suppressed`, and `metrics` or `metric` with
        `label`), `summary.people` (who the hundred are, such as `women`) and `summary.from` (what
        the time counts from).

    Notes
    -----
    Where no finding is final, neither summary nor curves are drawn even if given: what the model
    was not allowed to say does not reach the page. An abstained finding is told without value.
    """
    return render("patient.html.j2", _content(report))


def _content(report: Json) -> dict[str, Any]:
    apart = genome.shown_in_sections(report) | {ALIKE, TREATMENT}
    findings = [one for one in dicts(report.get("findings")) if one.get("kind") not in apart]
    summary = summary_of(report)
    curves = report.get("curves") if summary else None
    label = f"Probability of each cause over time. {charts.curve_words(curves)}."
    return {
        "title": plain(report.get("title") or _title(summary, report)),
        "subject": UNKNOWN if report.get("subject_id") is None else str(report["subject_id"]),
        "generated": day(report.get("generated_at")),
        "warnings": texts(report.get("warnings")),
        "scope": texts(report.get("scope")),
        "sentence": maybe(summary.get("sentence")),
        "leads": genome.leads(report),
        "people": str(summary.get("people") or "people"),
        "since": maybe(summary.get("from")),
        "silent": _silence(report),
        "horizons": [_horizon(entry) for entry in dicts(summary.get("horizons"))],
        "risks": _risks(summary),
        "curves": charts.incidence(
            curves, label=label, marks=charts.horizon_years(summary.get("horizons"))
        ),
        "alike": alike(report, summary),
        "treatments": patient_treatment(report),
        "drivers": _drivers(findings, summary),
        "timeline": [_known(entry) for entry in dicts(report.get("timeline"))],
        "missing": _entries(report.get("missing")),
        "not_assessed": _entries(report.get("not_assessed")),
        "groups": _groups(report.get("groups")),
        "tumour": genome.tumour(report),
        "drugs": genome.drugs(report),
        "diagnosis": genome.diagnosis(report),
        "scores": genome.scores(report),
        "refused": any(not is_final(entry) for entry in predictions(report)),
        **_findings(findings, texts(report.get("warnings"))),
        "limits": texts(report.get("limits")),
        "provenance": flat(report.get("provenance")),
    }


def _title(summary: Json, report: Json) -> str:
    if summary.get("horizons"):
        return "What will probably happen"
    if report.get("tumour") or report.get("drugs"):
        return "What the genome says"
    return "What the signs speak for" if report.get("diagnosis") else "What is known"


def summary_of(report: Json) -> Json:
    """Return the summary, empty when there is none or the model may not speak."""
    return as_dict(report.get("summary")) if may_speak(report) else {}


def may_speak(report: Json) -> bool:
    """Whether a model's numbers may be shown: at least one of its findings is final."""
    return any(is_final(entry) for entry in predictions(report))


def predictions(report: Json) -> list[Json]:
    """Return the findings of models, without those that read the genome or tell of others."""
    others = genome.KINDS | {ALIKE, TREATMENT}
    return [one for one in dicts(report.get("findings")) if one.get("kind") not in others]


def is_final(finding: Json) -> bool:
    """Whether a finding speaks; one without a known status does not."""
    return finding.get("status") == "final"


def _silence(report: Json) -> list[str]:
    """Return why there is no summary, each reason once."""
    told = [
        reason
        for entry in predictions(report)
        if not is_final(entry)
        for reason in texts(entry.get("caveats"))
    ]
    if not told:
        gaps = dicts(report.get("not_assessed"))[:1]
        told = [f"{plain(gap.get('what'))}: {plain(gap.get('why'))}" for gap in gaps]
    return list(dict.fromkeys(told))


def _horizon(entry: Json) -> dict[str, Any]:
    causes = dicts(entry.get("causes"))
    counts = people_of_100([cause.get("value") for cause in causes])
    label = maybe(entry.get("label"))
    told = [f"{out_of_100(c.get('value'))} {words(c.get('cause')).lower()}" for c in causes]
    after = f" after {label}" if label else ""
    return {
        "label": f"After {label}" if label else "",
        "picture": hundred(counts[:-1], label=f"Of 100 people{after}: {', '.join(told)}"),
        "rows": [
            {
                "key": key_person(position),
                "cause": words(cause.get("cause")).lower(),
                "value": out_of_100(cause.get("value")),
                "interval": range_of_100(cause.get("low"), cause.get("high")),
            }
            for position, cause in enumerate(causes)
        ],
        "free_key": key_person(None),
        "free": free_of_100(entry),
    }


def free_of_100(horizon: Json) -> str:
    """Return how many of 100 meet none of a horizon's causes, so that the numbers add up."""
    shares = [cause.get("value") for cause in dicts(horizon.get("causes"))]
    left = people_of_100(shares)[-1]
    return ">99" if left == 100 and any(finite(share) for share in shares) else str(left)


def _risks(summary: Json) -> dict[str, Any] | None:
    """Return one row per horizon and cause, with value and interval on one scale."""
    horizons = dicts(summary.get("horizons"))
    highest = max(
        (
            number
            for horizon in horizons
            for cause in dicts(horizon.get("causes"))
            for key in ("value", "high")
            if (number := finite(cause.get(key))) is not None
        ),
        default=None,
    )
    if highest is None:
        return None
    top = next((scale for scale in RISK_SCALES if scale >= highest), 1.0)
    rows = [
        {
            "horizon": maybe(horizon.get("label")) if position == 0 else "",
            "cause": words(cause.get("cause")),
            "value": out_of_100(cause.get("value")),
            "interval": range_of_100(cause.get("low"), cause.get("high")),
            "picture": range_cell(cause, (0.0, top), position=position, width=300),
        }
        for horizon in horizons
        for position, cause in enumerate(dicts(horizon.get("causes")))
    ]
    return {"rows": rows, "axis": axis_cell(100 * top, width=300)}


def _drivers(findings: Sequence[Json], summary: Json) -> list[dict[str, Any]]:
    """Return the reasons of the middle horizon, cause by cause; all when that is not to be told.

    A finding does not name its horizon; the one whose value is the summary's is meant.
    """
    final = [entry for entry in findings if is_final(entry) and dicts(entry.get("reasons"))]
    horizons = dicts(summary.get("horizons"))
    middle = dicts(horizons[len(horizons) // 2].get("causes")) if horizons else []
    values = [finite(cause.get("value")) for cause in middle]
    meant = [entry for entry in final if finite(entry.get("value")) in values and values]
    return [_driver(entry) for entry in meant or final]


def _driver(finding: Json) -> dict[str, Any]:
    share = is_share(finding)
    reasons = dicts(finding.get("reasons"))[:MOST_REASONS]
    effects = [finite(reason.get("effect")) for reason in reasons]
    largest = max((abs(effect) for effect in effects if effect is not None), default=0.0)
    return {
        "statement": plain(finding.get("statement")),
        "unit": "Points out of 100" if share else plain(finding.get("unit") or "Effect"),
        "rows": [
            {
                "what": plain(reason.get("what")),
                "source": maybe(reason.get("source")),
                "direction": direction(effect),
                "effect": _effect_words(effect, share),
                "picture": bar_cell(effect, largest, diverging=True),
            }
            for reason, effect in zip(reasons, effects, strict=True)
        ],
    }


def is_share(finding: Json) -> bool:
    """Whether a finding's value is a probability, to be told out of 100."""
    value = finite(finding.get("value"))
    unit = str(finding.get("unit") or "").lower()
    return value is not None and 0 <= value <= 1 and unit in PROBABILITY_UNITS


def _effect_words(effect: float | None, share: bool) -> str:
    if effect is None:
        return ""
    return signed(100 * effect, 1) if share else signed(effect, 3)


def direction(effect: float | None) -> str:
    """Return which way a reason moved the value, in a word."""
    if effect is None:
        return "counts"
    if effect == 0:
        return "no change"
    return "raises" if effect > 0 else "lowers"


def _known(entry: Json) -> dict[str, str]:
    what, value = plain(entry.get("what")), maybe(entry.get("value"))
    if what.lower().endswith(value.lower()):
        value = ""
    unit = maybe(entry.get("unit")) if value else ""
    times = finite(entry.get("times"))
    return {
        "date": day(entry.get("date")) if entry.get("date") else "",
        "what": what,
        "value": f"{value} {unit}".strip(),
        "times": f"recorded {whole(times)} times" if times is not None and times > 1 else "",
    }


def _entries(value: Any) -> list[dict[str, str]]:
    """Return `what` and `why` of each entry; a lone text is a `what`."""
    listed = value if isinstance(value, list | tuple) else []
    entries = [one if isinstance(one, Mapping) else {"what": one} for one in listed if one]
    return [
        {"what": plain(one.get("what")), "why": plain(one["why"]) if one.get("why") else ""}
        for one in entries
    ]


def _groups(groups: Any) -> dict[str, Any] | None:
    entries = [_with_metrics(entry) for entry in dicts(groups)]
    if not entries:
        return None
    names = group_metrics(entries)
    return {
        "columns": [metric_of(name).name for name in names],
        "rows": [_group(entry, names) for entry in entries],
    }


def _with_metrics(entry: Json) -> Json:
    """Return a group's one `metric` as its `metrics`, under its label."""
    if "metrics" in entry or not isinstance(entry.get("metric"), Mapping):
        return entry
    return {**entry, "metrics": {str(entry.get("label") or "metric"): entry["metric"]}}


def _group(entry: Json, names: Sequence[str]) -> dict[str, Any]:
    measured = as_dict(entry.get("metrics"))
    return {
        "name": group_words(entry.get("group")),
        "n": count(entry.get("n")),
        "suppressed": bool(entry.get("suppressed")),
        "text": plain(entry.get("text") or "too few people to say"),
        "worse": bool(entry.get("worse")),
        "cells": [estimate(measured.get(name), 2) for name in names],
    }


def _findings(findings: Sequence[Json], known: Sequence[str]) -> dict[str, Any]:
    """Return final and abstained findings; what holds for all final ones is told once.

    `known` are the warnings at the head of the page, which are not told again.
    """
    final = [_finding(entry) for entry in findings if is_final(entry)]
    shared = (
        [c for c in final[0]["caveats"] if all(c in one["caveats"] for one in final)]
        if final
        else []
    )
    for one in final:
        one["caveats"] = [c for c in one["caveats"] if c not in shared and c not in known]
    meanings = list(dict.fromkeys(one["meaning"] for one in final if one["meaning"]))
    evidence = list(dict.fromkeys(line for one in final for line in one["evidence"]))
    return {
        "final": final,
        "abstained": [_finding(entry) for entry in findings if not is_final(entry)],
        "shared_caveats": [*(c for c in shared if c not in known), *meanings],
        "evidence": evidence,
    }


def _finding(entry: Json) -> dict[str, Any]:
    final = is_final(entry)
    interval = as_dict(entry.get("interval"))
    return {
        "kind": words(entry.get("kind")),
        "statement": plain(entry.get("statement")),
        "value": finding_value(entry) if final else "",
        "meaning": plain(interval["meaning"]) if final and interval.get("meaning") else "",
        "caveats": texts(entry.get("caveats")),
        "evidence": [evidence_words(line) for line in dicts(entry.get("evidence"))],
    }


def evidence_words(line: Json) -> str:
    """Return where a claim was shown, in one sentence."""
    level = f" ({plain(line['level'])})" if line.get("level") else ""
    citation = f". {plain(line['citation'])}" if line.get("citation") else ""
    return f"{plain(line.get('source'))}{level}{citation}"


def finding_value(finding: Json) -> str:
    """Return a final finding's value with unit and interval, as a reader says it."""
    value, interval = finding.get("value"), as_dict(finding.get("interval"))
    if is_share(finding):
        entry = {"value": value, "low": interval.get("low"), "high": interval.get("high")}
        return f"{share_of_100(entry)} out of 100"
    if value is None:
        return ""
    unit = plain(finding["unit"]) if finding.get("unit") else ""
    low, high = finite(interval.get("low")), finite(interval.get("high"))
    around = f" ({plain(low)} to {plain(high)})" if low is not None and high is not None else ""
    number = finite(value)
    told = plain(value) if number is None or number == int(number) else decimal(value, 2)
    return f"{told}{around} {unit}".strip()
