"""Index times after a trigger: by the clock, at events, until something ends them."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.cohort import build, explain, extract, faults, repeat
from osler.errors import InputError
from osler.model import EVENT_SCHEMA
from osler.testing import DAY_ZERO, cohort, patient

TASK = {
    "predicates": {
        "admission": {"code": "ADMISSION"},
        "lab": {"code": "LAB"},
        "discharge": {"code": "DISCHARGE"},
        "death": {"code": "MEDS_DEATH"},
        "gone": {"expr": "or(discharge, death)"},
    },
    "trigger": "admission",
}


def days(found: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return subject and prediction time in days."""
    return [(s, (t - DAY_ZERO) / timedelta(days=1)) for s, t, *_ in found.rows()]


def stay(subject_id: int, first: float, last: float, end: str = "DISCHARGE"):
    """Return a patient with one stay."""
    one = patient(subject_id=subject_id).event("ADMISSION", day=first).event(end, day=last)
    return one.event("VISIT", day=last + 50)


def test_by_the_clock_until_an_event():
    """Daily from the admission on, and not at the time that ends the stay."""
    events = cohort(stay(1, 0, 3), stay(2, 5, 5.5))
    found = extract(events, TASK, index={"every": "24h", "until": "gone"})
    assert days(found) == [(1, 0), (1, 1), (1, 2), (2, 5)]
    origins = [(t - DAY_ZERO) / timedelta(days=1) for t in found["trigger_time"]]
    assert origins == [0, 0, 0, 5]


def test_first_within_and_most_cut_the_times():
    """The first comes later, the last earlier, and there are no more than asked."""
    events = cohort(stay(1, 0, 10))
    asked = {"every": "2d", "first": "1d", "until": "gone"}
    assert [d for _, d in days(extract(events, TASK, index=asked))] == [1, 3, 5, 7, 9]
    found = extract(events, TASK, index={**asked, "within": "5d"})
    assert [d for _, d in days(found)] == [1, 3]
    assert [d for _, d in days(extract(events, TASK, index={**asked, "most": 1}))] == [1]


def test_without_an_end_the_last_event_ends_it():
    """Where the ending event never comes, times run to the last event, which is none of them."""
    events = cohort(patient().event("ADMISSION", day=0).event("LAB", day=2))
    for asked in ({"every": "1d"}, {"every": "1d", "until": "gone"}):
        assert [d for _, d in days(extract(events, TASK, index=asked))] == [0, 1]


def test_at_events_gives_one_row_for_each():
    """One trigger, many ends: each of the events from the trigger on is an index time."""
    one = stay(1, 0, 4).event("LAB", day=-1).event("LAB", day=0).event("LAB", day=2)
    events = cohort(one.event("LAB", day=2).event("LAB", day=4).event("LAB", day=9))
    found = extract(events, TASK, index={"at": "lab", "until": "gone"})
    assert [d for _, d in days(found)] == [0, 2]
    found = extract(events, TASK, index={"at": "lab", "first": "1h"})
    assert [d for _, d in days(found)] == [2, 4, 9]


def test_windows_hold_for_each_index_time():
    """Limits and labels look from the index time, as they would from a trigger."""
    window = {"start": "trigger", "end": "start + 24h", "start_inclusive": False}
    window |= {"end_inclusive": True, "label": "lab", "has": {"gone": "(None, 0)"}}
    task = {**TASK, "windows": {"next": window}}
    events = cohort(stay(1, 0, 4).event("LAB", day=1.5))
    found = extract(events, task, index={"every": "1d", "until": "gone"})
    assert days(found) == [(1, 0), (1, 1), (1, 2)]
    assert found["boolean_value"].to_list() == [False, True, False]


def test_times_to_event_run_from_each_index_time():
    """The same death is nearer from each later day; the flow counts triggers and index times."""
    outcome = {"event": "death", "competing": ["discharge"], "horizon": "2d"}
    events = cohort(stay(1, 0, 3, "MEDS_DEATH"), stay(2, 0, 1))
    made = build(events, TASK, outcome, index={"every": "1d", "until": "gone"})
    assert made.rows["duration_days"].to_list() == [3, 2, 1, 1]
    assert made.rows["cause"].to_list() == [1, 1, 1, 2]
    counted = {step.step: step.rows for step in made.flow}
    assert (counted["trigger admission"], counted["index times"]) == (2, 4)


def test_no_trigger_gives_no_index_time():
    """An empty cohort is an answer."""
    for events in (cohort(patient().event("LAB")), cohort(patient().static("ADMISSION"))):
        found = extract(events, TASK, index={"every": "1d"})
        assert found.height == 0
        assert found.schema["trigger_time"] == pl.Datetime("us")


def test_a_question_that_nobody_meant_is_refused(monkeypatch):
    """More index times than a block may have are a fault that says what to do."""
    monkeypatch.setattr(repeat, "MOST_ROWS", 100)
    with pytest.raises(InputError, match="ask less often"):
        extract(cohort(stay(1, 0, 3)), TASK, index={"every": "1s"})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "neither"),
        ({"every": "1d", "at": "lab"}, "both"),
        ({"every": "soon"}, "index.every"),
        ({"every": 24}, "index.every"),
        ({"every": "0h"}, "longer than nothing"),
        ({"every": "1d", "until": "nobody"}, "nobody"),
        ({"at": "nobody"}, "nobody"),
        ({"at": ["lab"]}, "index.at"),
        ({"every": "1d", "most": 0}, "index.most"),
        ({"every": "1d", "most": True}, "index.most"),
        ({"every": "1d", "evry": "1d"}, "index.evry"),
        (["1d"], "index"),
    ],
)
def test_what_is_wrong_with_an_index_is_told(asked, said):
    """Every fault names its key, beside those of the task."""
    found = faults(TASK, None, index=asked)
    assert any(said in str(fault) for fault in found), found


def test_a_condition_on_the_subject_ends_nothing():
    """What has no time cannot be an index time."""
    task = {**TASK, "patient_demographics": {"female": {"code": "F"}}}
    assert any("without a time" in str(one) for one in faults(task, index={"at": "female"}))


def test_the_question_says_when_it_is_asked():
    """In words, in place of the sentence about the trigger."""
    said = explain(TASK, index={"every": "12h", "until": "gone", "most": 9})
    assert any("every 12 hours from admission on, until the next gone" in one for one in said)
    assert not any("gives one row" in one for one in said)


@settings(max_examples=80, deadline=None)
@given(rng=st.integers(0, 2**40).map(random.Random))
def test_index_times_are_those_of_a_slow_reading(rng):
    """Any stays and any index section give the times that plain Python gives."""
    events = []
    for subject in range(4):
        for _ in range(rng.randrange(12)):
            code = rng.choice(["ADMISSION", "LAB", "LAB", "DISCHARGE"])
            events.append((subject, rng.randrange(0, 200, 6), code))
    asked: dict[str, Any] = rng.choice([{"every": "7h"}, {"every": "24h"}, {"at": "lab"}])
    asked = {**asked, **rng.choice([{}, {"until": "discharge"}])}
    asked |= rng.choice([{}, {"first": "6h"}]) | rng.choice([{}, {"within": "48h"}])
    asked |= rng.choice([{}, {"most": 3}])
    rows = [(s, DAY_ZERO + timedelta(hours=h), c, None, None) for s, h, c in events]
    frame = pl.DataFrame(rows, schema=EVENT_SCHEMA, orient="row")
    found = extract(frame, TASK, index=asked)
    assert sorted(found.select("subject_id", "prediction_time").rows()) == slow(events, asked)


def slow(events: list[tuple[int, int, str]], asked: dict[str, Any]) -> list[tuple[int, datetime]]:
    """Count hours, one trigger after the other."""
    found = []
    for subject in range(4):
        own = sorted({(h, c) for s, h, c in events if s == subject})
        for trigger in [h for h, c in own if c == "ADMISSION"]:
            end = max(h for h, _ in own)
            if "until" in asked:
                end = min([end, *(h for h, c in own if c == "DISCHARGE" and h > trigger)])
            end = min(end, trigger + 48) if "within" in asked else end
            first = trigger + (6 if "first" in asked else 0)
            if "at" in asked:
                times = [h for h, c in own if c == "LAB" and first <= h < end]
            else:
                times = list(range(first, max(end, first), int(asked["every"][:-1])))
            found += [(subject, DAY_ZERO + timedelta(hours=h)) for h in times[: asked.get("most")]]
    return sorted(found)
