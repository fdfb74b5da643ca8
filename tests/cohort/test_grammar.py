"""The whole grammar against a slow reading of it in plain Python, written apart from osler's."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.cohort import build, extract, moments
from osler.model import EVENT_SCHEMA

ZERO = datetime(2020, 1, 1)
HOURS = [0, 0, 6, 12, 24, 24, 48, 72, 240]
OFFSETS = {"24h": 24, "2 days": 48, "6h": 6, "1d 12h": 36, "10d": 240}
PREDICATES: dict[str, dict[str, Any]] = {
    "a": {"code": "A"},
    "ab": {"code": {"any": ["A", "B"]}},
    "lab": {"code": {"regex": "^L"}},
    "high": {"code": "L1", "value_min": 2, "value_min_inclusive": True},
    "middle": {"code": {"regex": "1$"}, "value_min": 1, "value_max": 3},
    "low": {"code": "L1", "value_max": 1, "value_max_inclusive": True},
    "said": {"code": "L2", "text_value": "yes"},
    "said_too": {"code": "L2", "other_cols": {"text_value": "no"}},
    "nothing": {"code": None},
    "both": {"expr": "and(ab, lab)"},
    "either": {"expr": "or(a, said)"},
    "deep": {"expr": "or(both, high, nothing)"},
    "woman": {"expr": "and(female, lab)"},
}
FEMALE = {"female": {"code": "F"}}
NAMES = list(PREDICATES)
SPECIAL = ["_ANY_EVENT", "_RECORD_START", "_RECORD_END"]
LIMITS = {"(1, None)": (1, 99), "(None, 0)": (0, 0), "(,1)": (0, 1), "(2,)": (2, 99)}
Event = tuple[int, datetime | None, str, float | None, str | None]


# --- the slow reading ---------------------------------------------------------------------------


class Record:
    """One subject: the distinct times, and what happened at each."""

    def __init__(self, events: list[Event]) -> None:
        self.static = [one for one in events if one[1] is None]
        self.times = sorted({one[1] for one in events if one[1] is not None})
        self.at = {time: [one for one in events if one[1] == time] for time in self.times}

    def count(self, name: str, time: datetime) -> int:
        """How often a predicate is met at a time."""
        if name == "_ANY_EVENT":
            return 1
        if name in ("_RECORD_START", "_RECORD_END"):
            return int(time == self.times[0 if name == "_RECORD_START" else -1])
        if name == "female":
            return 1  # whoever is not is left out before
        one = PREDICATES[name]
        if "expr" in one:
            operator, inputs = one["expr"].rstrip(")").split("(")
            met = [self.count(part.strip(), time) > 0 for part in inputs.split(",")]
            return int(all(met) if operator == "and" else any(met))
        return sum(meets(one, event) for event in self.at[time])


def meets(one: dict[str, Any], event: Event) -> bool:
    """Whether an event meets a plain predicate."""
    code, wanted, value = event[2], one["code"], event[3]
    if wanted is None:
        return False
    if isinstance(wanted, str) and code != wanted:
        return False
    if isinstance(wanted, dict):
        found = code in wanted["any"] if "any" in wanted else re.search(wanted["regex"], code)
        if not found:
            return False
    text = one.get("text_value", one.get("other_cols", {}).get("text_value"))
    if text is not None and event[4] != text:
        return False
    low, high = one.get("value_min"), one.get("value_max")
    if low is not None and (
        value is None or value < low or (value == low and not one.get("value_min_inclusive"))
    ):
        return False
    return not (
        high is not None
        and (
            value is None or value > high or (value == high and not one.get("value_max_inclusive"))
        )
    )


def is_forward(window: dict[str, Any]) -> bool:
    """Whether the end refers to the start, and not the start to the end."""
    return window["end"] is None or re.match(r"start\b", window["end"]) is not None


def bound(record: Record, text: str | None, points: dict, name: str, window: dict, free: bool):
    """Return where one end of a window lies; None where the event that bounds it never comes."""
    if text is None:
        text = "start -> _RECORD_END" if is_forward(window) else "end <- _RECORD_START"
    reference, operator, rest = re.match(r"([\w.]+)\s*(->|<-|\+|-)?\s*(.*)", text).groups()
    origin = points[f"{name}.{reference}" if reference in ("start", "end") else reference]
    if origin is None or operator is None:
        return origin
    if operator in "+-":
        hours = timedelta(hours=OFFSETS[rest])
        return origin + hours if operator == "+" else origin - hours
    edge = "end" if is_forward(window) else "start"
    touching = free and window[f"{edge}_inclusive"]
    some = [time for time in record.times if record.count(rest, time)]
    if operator == "->":
        return next((t for t in some if t > origin or (touching and t == origin)), None)
    return next((t for t in reversed(some) if t < origin or (touching and t == origin)), None)


def naive(events: list[Event], task: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Walk over every trigger of every subject."""
    found = []
    conditions = task.get("patient_demographics") or {}
    for subject in {one[0] for one in events}:
        record = Record([one for one in events if one[0] == subject])
        if conditions and not any(one[2] == "F" for one in record.static):
            continue
        for time in [t for t in record.times if record.count(task["trigger"], t)]:
            row = follow(record, time, task)
            if row is not None:
                found.append((subject, *row))
    return sorted(found)


def follow(record: Record, trigger: datetime, task: dict[str, Any]) -> tuple[Any, ...] | None:
    """Return prediction time and label of one trigger; None when a window does not hold."""
    points: dict[str, datetime | None] = {"trigger": trigger}
    index, label = trigger, None
    for name, window in task["windows"].items():
        first, last = ("start", "end") if is_forward(window) else ("end", "start")
        for edge, free in ((first, False), (last, True)):
            points[f"{name}.{edge}"] = bound(record, window[edge], points, name, window, free)
        start, end = points[f"{name}.start"], points[f"{name}.end"]
        if start is None or end is None:
            return None
        inside = [
            t
            for t in record.times
            if (start < t or (start == t and window["start_inclusive"]))
            and (t < end or (t == end and window["end_inclusive"]))
        ]
        for limited, text in window.get("has", {}).items():
            low, high = LIMITS[text]
            if not low <= sum(record.count(limited, t) for t in inside) <= high:
                return None
        if "label" in window:
            label = any(record.count(window["label"], t) for t in inside)
        if "index_timestamp" in window:
            index = points[f"{name}.{window['index_timestamp']}"]
    return (index,) if label is None else (index, label)


# --- random tasks and timelines -----------------------------------------------------------------

# Drawn evenly from a seed: what is drawn to be shrunk is mostly too small to be told apart.
SEEDS = st.integers(0, 2**40).map(random.Random)


def timelines(rng: random.Random) -> list[tuple[Any, ...]]:
    """Return events of a few subjects, with equal times, static events and missing values."""
    return [
        (
            rng.randrange(-2, 4),
            rng.choice([None, *HOURS, *HOURS]),
            rng.choice(["A", "A", "B", "L1", "L1", "L2", "L2", "F", "F", "C"]),
            rng.choice([None, 1.0, 2.0, 3.0]),
            rng.choice([None, "yes", "no"]),
        )
        for _ in range(rng.choice([0, 10, 40, 80]))
    ]


def random_window(rng: random.Random, known: list[str]) -> dict[str, Any]:
    """Return a window that may refer to those before it."""
    names = [*NAMES[:-1], "_ANY_EVENT"]
    forward = rng.random() < 0.6
    own, sign, arrow = ("start", "+", "->") if forward else ("end", "-", "<-")
    reference, length = rng.choice(["trigger", *known]), rng.choice(list(OFFSETS))
    anchored = [
        *(reference, reference, f"{reference} {rng.choice('+-')} {length}"),
        f"{reference} {rng.choice(['->', '<-'])} {rng.choice(names)}",
    ]
    further = rng.choice(list(OFFSETS))
    free = [None, own, f"{own} {sign} {further}", *[f"{own} {arrow} {rng.choice(names)}"] * 2]
    ends = (rng.choice(anchored), rng.choice(free))
    window: dict[str, Any] = {"start": ends[not forward], "end": ends[forward]}
    window |= {f"{edge}_inclusive": rng.random() < 0.5 for edge in ("start", "end")}
    limited = rng.sample([*names, *SPECIAL], rng.choice([0, 0, 1, 2]))
    return {**window, "has": {name: rng.choice(list(LIMITS)) for name in limited}}


def random_task(rng: random.Random) -> dict[str, Any]:
    """Return a task with up to four windows."""
    women = rng.random() < 0.3
    predicates = PREDICATES if women else {k: v for k, v in PREDICATES.items() if k != "woman"}
    windows: dict[str, Any] = {}
    for number in range(rng.choice([0, 1, 1, 2, 3, 4])):
        known = [f"{name}.{edge}" for name in windows for edge in ("start", "end")]
        windows[f"w{number}"] = random_window(rng, known)
    if windows:
        windows[rng.choice(list(windows))]["index_timestamp"] = rng.choice(["start", "end"])
        windows[rng.choice(list(windows))]["label"] = rng.choice(list(predicates))
    task = {"predicates": predicates, "windows": windows}
    task["trigger"] = rng.choice([*predicates, *SPECIAL, "a", "lab", "deep"])
    return {**task, "patient_demographics": FEMALE} if women else task


def frame_of(drawn: list[tuple[Any, ...]]) -> tuple[list[Event], pl.DataFrame]:
    """Return drawn events as tuples and as a frame."""
    events = [(s, None if h is None else ZERO + timedelta(hours=h), *rest) for s, h, *rest in drawn]
    return events, pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")


@settings(max_examples=400, deadline=None)
@given(rng=SEEDS)
def test_rows_and_labels_are_those_of_a_slow_reading(rng):
    """Any task over any timelines gives the rows, times and labels of plain Python."""
    events, frame = frame_of(timelines(rng))
    task = random_task(rng)
    assert sorted(extract(frame, task).rows()) == naive(events, task)


@settings(max_examples=60, deadline=None)
@given(rng=SEEDS, size=st.integers(1, 7))
def test_how_events_are_cut_into_blocks_changes_nothing(rng, size):
    """The same rows and the same flow, whether blocks hold all subjects or one each."""
    _, frame = frame_of(timelines(rng))
    task = random_task(rng)
    whole, flow = extract(frame, task), build(frame, task).flow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "BLOCK_EVENTS", size)
        patch.setattr(moments, "MOST_KEYS", size)
        assert extract(frame, task).equals(whole)
        assert build(frame, task).flow == flow


def test_records_of_any_length_lie_on_one_axis():
    """Times from the year 1 to 9999, more than one axis of 64 bits can hold end to end."""
    times = [datetime(1, 1, 1), datetime(2020, 1, 1), datetime(9999, 12, 31)]
    events = [(s, t, "A", None, None) for s in range(40) for t in times]
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    window = {"start": "trigger", "end": None, "start_inclusive": False, "end_inclusive": True}
    task = {"predicates": {"a": {"code": "A"}}, "trigger": "a", "windows": {}}
    task["windows"]["w"] = {**window, "has": {"a": "(1, 1)"}}
    assert [t for _, t in extract(frame, task).rows()] == [times[1]] * 40


def test_what_es_aces_reads_as_yaml_1_2_is_read_so():
    """A code `NO` is a code and `1e1` a number, although YAML 1.1 has it otherwise."""
    events = [(1, ZERO, "NO", 11.0, None), (2, ZERO, "NO", 9.0, None), (3, ZERO, "no", 99.0, None)]
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    text = "predicates:\n  on: {code: NO, value_min: 1e1}\ntrigger: on\n"
    assert extract(frame, text)["subject_id"].to_list() == [1]
