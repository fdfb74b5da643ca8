"""The reports in at most thirty lines of plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from osler.report import genome
from osler.report.flow import flow
from osler.report.metrics import main_rows, models
from osler.report.names import cause_words, causes_of, words
from osler.report.numbers import UNKNOWN, as_dict, dicts, plain, share_of_100, texts, whole
from osler.report.patient import free_of_100, is_final, predictions, summary_of
from osler.report.study import verdict

MOST_LINES = 30
MOST_STEPS = 8
MOST_METRICS = 6
MOST_CAVEATS = 3
MOST_HEADLINES = 12
WIDTH = 100


def study_text(results: Mapping[str, Any]) -> str:
    """Return what a study found: title, cohort, flow, verdict and the selected model's numbers."""
    cohort = as_dict(results.get("cohort"))
    lines = [plain(results.get("title") or "Study")]
    names = causes_of(results)
    events = as_dict(cohort.get("events"))
    counts = ", ".join(
        f"{whole(n)} {cause_words(cause, names).lower()}" for cause, n in events.items()
    )
    people = f"{whole(cohort.get('subjects'))} subjects, {whole(cohort.get('rows'))} rows"
    lines.append(f"{people}; {counts}" if counts else people)
    lines += [
        f"  {step['count']:>9}  {step['step']}" for step in flow(cohort.get("flow"))[:MOST_STEPS]
    ]
    answer = verdict(results)
    lines += ["", f"{answer['headline']}. {answer['sentence']}"]
    lines += _metric_lines(results)
    doubts = [row for row in dicts(results.get("leakage")) if row.get("status") != "ok"]
    lines += [
        f"Leakage audit: {words(row.get('check'))}: {plain(row.get('detail'))}" for row in doubts
    ]
    lines += [f"! {sentence}" for sentence in texts(results.get("warnings"))[:MOST_CAVEATS]]
    return _fit(lines)


def _metric_lines(results: Mapping[str, Any]) -> list[str]:
    """Return the first metrics of the selected model."""
    place = next((i for i, one in enumerate(models(results)) if one["selected"]), None)
    if place is None:
        return []
    told = [(row["name"], row["cells"][place]["text"]) for row in main_rows(results)]
    shown = [f"  {name:<34} {value}" for name, value in told if value != UNKNOWN]
    return [f"Selected: {plain(results.get('selected'))}", *shown[:MOST_METRICS]]


def patient_text(report: Mapping[str, Any]) -> str:
    """Return what was found of a patient; nothing of an abstained finding but its reason."""
    lines = [f"Subject {report.get('subject_id', UNKNOWN)}"]
    summary = summary_of(report)
    if summary.get("sentence"):
        lines.append(str(summary["sentence"]))
    for horizon in dicts(summary.get("horizons")):
        told = [
            f"{share_of_100(cause)} {words(cause.get('cause')).lower()}"
            for cause in dicts(horizon.get("causes"))
        ]
        told.append(f"{free_of_100(horizon)} neither")
        lines.append(f"  {plain(horizon.get('label'))}, out of 100: {'; '.join(told)}")
    lines += genome.headlines(report)[:MOST_HEADLINES]
    more = len(genome.headlines(report)) - MOST_HEADLINES
    if more > 0:
        lines.append(f"and {more} more of the genome in the report")
    for finding in predictions(report):
        if not is_final(finding):
            why = " ".join(texts(finding.get("caveats"))[:1])
            lines.append(f"Abstained: {plain(finding.get('statement'))} {why}".rstrip())
    left_out = ", ".join(plain(entry.get("what")) for entry in dicts(report.get("not_assessed")))
    if left_out:
        lines.append(f"Not assessed: {left_out}")
    lines += [f"! {sentence}" for sentence in texts(report.get("warnings"))[:MOST_CAVEATS]]
    lines.append("Research use; not a medical device.")
    return _fit(lines)


def _fit(lines: list[str]) -> str:
    """Return the lines without control characters, shortened to a terminal's width and height."""
    clean = ["".join(c if c.isprintable() else " " for c in line) for line in lines]
    short = [line if len(line) <= 2 * WIDTH else f"{line[: 2 * WIDTH - 1]}…" for line in clean]
    return "\n".join(short if len(short) <= MOST_LINES else [*short[: MOST_LINES - 1], "…"])
