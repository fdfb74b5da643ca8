"""From events and a question to the rows that a model learns from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from osler.cohort.anchors import Anchors, follow, prediction_times
from osler.cohort.document import TaskLike, load_document
from osler.cohort.flow import FlowStep, add_flows
from osler.cohort.grammar import read_task
from osler.cohort.moments import Ints, blocks, gather
from osler.cohort.outcome import (
    Binary,
    Horizon,
    Outcome,
    TimeToEvent,
    check_against,
    death_rule,
    outcome_sentences,
    predicates_of,
    read_outcome,
)
from osler.cohort.reading import Reading
from osler.cohort.repeat import Repeat, read_repeat, repeat_sentence
from osler.cohort.survival import DEATHS, event_counts, time_to_event
from osler.cohort.task import Plain, Predicate, Task
from osler.cohort.words import task_sentences
from osler.errors import Fault, InputError
from osler.model import DEATH


@dataclass(frozen=True)
class Cohort:
    """The rows of a study and how they came about.

    Parameters
    ----------
    rows
        `subject_id`, `prediction_time`; for time to event `duration_days`, `cause` (0 censored,
        1 for the first of `causes`, and so on) and `entry_days`; with a label `boolean_value`.
    flow
        Rows and subjects left after each step.
    causes
        Names of causes 1, 2, …; of the label when the outcome is binary.
    horizons
        Times by which the outcome is asked for.
    """

    rows: pl.DataFrame
    flow: tuple[FlowStep, ...]
    causes: tuple[str, ...] = ()
    horizons: tuple[Horizon, ...] = ()

    @property
    def events(self) -> dict[str, int]:
        """How many rows end with each cause; how many have the label."""
        if "cause" in self.rows.columns:
            return event_counts(self.rows["cause"], self.causes)
        if self.causes and "boolean_value" in self.rows.columns:
            return {self.causes[0]: int(self.rows["boolean_value"].sum())}
        return {}

    @classmethod
    def concat(cls, parts: Sequence[Cohort]) -> Cohort:
        """Put cohorts of the same study over different subjects together, flows summed.

        Raises
        ------
        InputError
            If there is none, or they are of different studies.
        """
        if not parts:
            raise InputError(Fault("cohorts", "none", "at least one"))
        if len({(one.causes, one.horizons, tuple(one.rows.columns)) for one in parts}) > 1:
            raise InputError(Fault("cohorts", "different outcomes", "cohorts of the same study"))
        rows = pl.concat([one.rows for one in parts])
        flow = add_flows([one.flow for one in parts])
        return cls(rows, flow, parts[0].causes, parts[0].horizons)


def extract(
    events: pl.DataFrame,
    task: TaskLike,
    *,
    predicates: TaskLike | None = None,
    index: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Find the rows that a task in the ACES grammar asks for.

    Parameters
    ----------
    events
        MEDS columns in any order; further columns may be named by predicates.
    task
        Path of a task file, its YAML text, or the mapping in it.
    predicates
        A file or mapping whose `predicates` and `patient_demographics` replace those of the
        same name in the task.
    index
        At which times after each trigger the question is asked, in place of at the trigger:
        `every` (a time) or `at` (a predicate), and `first`, `until`, `within`, `most`.

    Returns
    -------
    pl.DataFrame
        `subject_id`, `prediction_time` (the index timestamp; the trigger when the task names
        none) and, with a label, `boolean_value`; with `index`, `trigger_time`, the time of the
        event that each row began with; sorted by subject and time.

    Raises
    ------
    InputError
        With every fault in the task at once.

    References
    ----------
    Xu et al. 2024, ACES: Automatic Cohort Extraction System for Event-Streams, arXiv:2406.19653.
    """
    columns = tuple({*events.columns, "numeric_value", "text_value"})
    asked = _read(_merged(load_document(task), predicates), {}, index, columns, rooted=False)
    return pl.concat([_extracted(block, asked) for block in blocks(events, asked.predicates)])


def _extracted(events: pl.DataFrame, asked: _Asked) -> pl.DataFrame:
    anchors = follow(gather(events, asked.predicates), asked.task, asked.repeat)
    return _sorted(_rows(anchors, prediction_times(anchors, asked.task)))


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort rows whose subjects ascend by time too; most are in order as they come."""
    subject = rows["subject_id"].to_numpy()
    time = rows["prediction_time"].to_physical().to_numpy()
    if not ((subject[1:] == subject[:-1]) & (time[1:] < time[:-1])).any():
        return rows
    return rows.sort("subject_id", "prediction_time", maintain_order=True)


def build(
    events: pl.DataFrame,
    task: TaskLike,
    outcome: Mapping[str, Any] | None = None,
    *,
    predicates: TaskLike | None = None,
    index: Mapping[str, Any] | None = None,
) -> Cohort:
    """Find the rows of a study and what became of each.

    Parameters
    ----------
    outcome
        The study's `outcome` section; None asks for the label of the task, if it has one.
    predicates, index
        As in `extract`.

    Raises
    ------
    InputError
        With every fault in task, outcome and index at once.
    """
    return build_endpoints(events, task, {"": outcome}, predicates=predicates, index=index)[""]


def build_endpoints(
    events: pl.DataFrame,
    task: TaskLike,
    outcomes: Mapping[str, Mapping[str, Any] | None],
    *,
    predicates: TaskLike | None = None,
    index: Mapping[str, Any] | None = None,
) -> dict[str, Cohort]:
    """Find the rows of a study once, and what became of each by several outcomes.

    Parameters
    ----------
    outcomes
        Name to `outcome` section, as in `build`.

    Returns
    -------
    dict
        One cohort per outcome. Their rows may differ: who had the one event before the
        prediction may still be at risk of another.

    Raises
    ------
    InputError
        With every fault in task, outcomes and index at once.
    """
    document = _merged(load_document(task), predicates)
    asked = _read(document, outcomes, index, events.columns)
    parts: dict[str, list[Cohort]] = {name: [] for name in outcomes}
    for block in blocks(events, asked.predicates):
        anchors = follow(gather(block, asked.predicates), asked.task, asked.repeat)
        for name in outcomes:
            parts[name].append(_answer(anchors, asked.task, asked.questions[name]))
    return {name: Cohort.concat(each) for name, each in parts.items()}


def faults(
    task: TaskLike,
    outcome: Mapping[str, Any] | None = None,
    *,
    predicates: TaskLike | None = None,
    index: Mapping[str, Any] | None = None,
) -> list[Fault]:
    """Return everything that is wrong with a task and its outcome; empty when nothing is."""
    try:
        _read(_merged(load_document(task), predicates), {"": outcome}, index, ())
    except InputError as error:
        return [one if isinstance(one, Fault) else Fault("task", one, "") for one in error.faults]
    return []


def explain(
    task: TaskLike,
    outcome: Mapping[str, Any] | None = None,
    *,
    predicates: TaskLike | None = None,
    index: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the question in plain words, then what each part of it means.

    Raises
    ------
    InputError
        With every fault in task, outcome and index at once.
    """
    asked = _read(_merged(load_document(task), predicates), {"": outcome}, index, ())
    question, read = asked.questions[""], asked.task
    sentences = outcome_sentences(question, read) if question is not None else []
    rows = repeat_sentence(asked.repeat, read.trigger) if asked.repeat is not None else ""
    return [*sentences, *task_sentences(read, rows=rows)]


def _merged(document: Any, predicates: TaskLike | None) -> Any:
    """Replace predicates of the task by those of a file of their own."""
    if predicates is None or not isinstance(document, Mapping):
        return document
    own = load_document(predicates)
    allowed = {"predicates", "patient_demographics", "description", "metadata"}
    if not isinstance(own, Mapping) or not set(own) <= allowed:
        raise InputError(
            Fault("predicates file", "other content", "predicates and patient_demographics only")
        )
    merged = dict(document)
    for key in ("predicates", "patient_demographics"):
        if own.get(key):
            merged[key] = {**(document.get(key) or {}), **own[key]}
    return merged


@dataclass(frozen=True)
class _Asked:
    """A task, outcomes and index, read and checked together.

    Parameters
    ----------
    predicates
        All that have to be counted, each after its inputs.
    """

    task: Task
    questions: Mapping[str, Outcome | None]
    repeat: Repeat | None
    predicates: Mapping[str, Predicate]


def _read(
    document: Any,
    outcomes: Mapping[str, Mapping[str, Any] | None],
    index: Mapping[str, Any] | None,
    columns: Sequence[str],
    *,
    rooted: bool = True,
) -> _Asked:
    """Read task, outcomes and index together, so that all their faults are told at once."""
    reading_index = Reading("index")
    repeat = None if index is None else read_repeat(index, reading_index)
    used = list(repeat.predicates.items()) if repeat else []
    _undefined(document, used, reading_index)
    questions: dict[str, Outcome | None] = {}
    readings = [reading_index]
    for name, outcome in outcomes.items():
        own = Reading(f"outcome {name}".strip())
        questions[name] = None if outcome is None else read_outcome(outcome, own)
        named = list(predicates_of(questions[name]).items())
        _undefined(document, named, own)
        used += named
        readings.append(own)
    reading = Reading("task" if rooted else "", tuple({*columns, "numeric_value", "text_value"}))
    task = read_task(document, reading, [name for _, name in used])
    if task is not None:
        for own, (name, outcome) in zip(readings[1:], outcomes.items(), strict=True):
            if outcome is None and task.label_window is not None:
                questions[name] = Binary()
            check_against(questions[name], task, own)
        _without_time(repeat, task, reading_index)
    found = [*reading.faults, *(fault for one in readings for fault in one.faults)]
    if task is None or found:
        raise InputError(found)
    wanted = dict(task.predicates)
    if any(isinstance(one, TimeToEvent) for one in questions.values()):
        wanted[DEATHS] = Plain(codes=(DEATH,))
    return _Asked(task, questions, repeat, wanted)


def _without_time(repeat: Repeat | None, task: Task, reading: Reading) -> None:
    for key, name in repeat.predicates.items() if repeat else ():
        if name in task.conditions:
            reading.fault(key, "a condition on the subject, without a time", "an event in time")


def _undefined(document: Any, used: Iterable[tuple[str, str]], reading: Reading) -> None:
    if not isinstance(document, Mapping):
        return
    defined: set[str] = set()
    for key in ("predicates", "patient_demographics"):
        if isinstance(document.get(key), Mapping):
            defined |= {str(name) for name in document[key]}
    for key, name in used:
        if name not in defined:
            choices = "one of " + ", ".join(sorted(defined))
            reading.fault(key, f"the undefined predicate {name!r}", choices)


def _answer(anchors: Anchors, task: Task, question: Outcome | None) -> Cohort:
    index_us = prediction_times(anchors, task)
    rows = _rows(anchors, index_us)
    flow = list(anchors.flow)
    causes: tuple[str, ...] = ()
    horizons: tuple[Horizon, ...] = ()
    if isinstance(question, TimeToEvent):
        rule = death_rule(question, task.predicates)
        kept, columns, steps = time_to_event(anchors, index_us, question, rule, task.predicates)
        rows = rows[kept].with_columns(**columns)
        flow += steps
        horizons = question.horizons
        causes = (*question.named_causes, *((rule.cause,) if rule.cause else ()))
    elif question is not None and task.label_window is not None:
        causes = (task.label_window.label or "",)
    return Cohort(
        _sorted(rows),
        (*flow, FlowStep("rows of the cohort", rows.height, rows["subject_id"].n_unique())),
        causes,
        horizons,
    )


def _rows(anchors: Anchors, index_us: Ints) -> pl.DataFrame:
    subjects = anchors.moments.subject_ids[anchors.subject].astype(np.int64)
    columns = {
        "subject_id": pl.Series(subjects, dtype=pl.Int64),
        "prediction_time": pl.Series(index_us, dtype=pl.Int64).cast(pl.Datetime("us")),
    }
    if anchors.label is not None:
        columns["boolean_value"] = pl.Series(anchors.label > 0)
    if anchors.origin_us is not None:
        origin = pl.Series(anchors.origin_us, dtype=pl.Int64).cast(pl.Datetime("us"))
        columns["trigger_time"] = origin
    return pl.DataFrame(columns)
