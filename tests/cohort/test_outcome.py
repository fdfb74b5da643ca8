"""Time to event: who takes part, from when, until what, and how it is counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.cohort import Cohort, Horizon, build, explain, faults
from osler.errors import InputError
from osler.model import EVENT_SCHEMA, empty_events
from osler.testing import DAY_ZERO, cohort, patient

TASK: dict[str, Any] = {
    "predicates": {
        "surgery": {"code": "SURGERY"},
        "stroke": {"code": "STROKE"},
        "fall": {"code": "FALL"},
        "moved": {"code": "MOVED"},
        "joined": {"code": "JOINED"},
        "death": {"code": "MEDS_DEATH"},
        "death_of_disease": {"code": "DEATH_CAUSE//disease"},
        "death_of_other_cause": {"code": "DEATH_CAUSE//other"},
    },
    "trigger": "surgery",
}
CAUSES = {"event": "death_of_disease", "competing": ["death_of_other_cause"]}


def person(number: int = 1):
    """Return a patient with surgery on day 0."""
    return patient(subject_id=number).event("SURGERY")


def told(made: Cohort) -> list[tuple[float, int]]:
    """Return duration and cause of each row."""
    return made.rows.select("duration_days", "cause").rows()


def step(made: Cohort, text: str) -> int:
    """Return the rows of the one step whose name holds the text."""
    (found,) = [one for one in made.flow if text in one.step]
    return found.rows


# --- death --------------------------------------------------------------------------------------


def test_death_competes_unless_the_study_says_otherwise():
    """A death before the event is a cause of its own, named death."""
    events = cohort(
        person(1).event("STROKE", day=10).died(day=20),
        person(2).died(day=20).event("BILL", day=40),
        person(3).event("VISIT", day=30),
    )
    made = build(events, TASK, {"event": "stroke"})
    assert told(made) == [(10, 1), (20, 2), (30, 0)]
    assert made.causes == ("stroke", "death")
    assert made.events == {"stroke": 1, "death": 1}
    censored = build(events, TASK, {"event": "stroke", "death": "censor"})
    assert told(censored) == [(10, 1), (20, 0), (30, 0)]
    assert censored.causes == ("stroke",)


def test_death_named_as_event_or_competing_adds_no_cause():
    """Death of any cause as the event, or in its own place among the competing."""
    events = cohort(person(1).died(day=5).event("X", day=9), person(2).event("FALL", day=3))
    assert told(build(events, TASK, {"event": "death"})) == [(5, 1), (3, 0)]
    made = build(events, TASK, {"event": "stroke", "competing": ["death", "fall"]})
    assert made.causes == ("stroke", "death", "fall")
    assert told(made) == [(5, 2), (3, 3)]


UNKNOWN = cohort(
    person(1).died(day=10).event("DEATH_CAUSE//disease", day=10),
    person(2).died(day=10).event("DEATH_CAUSE//other", day=10),
    person(3).died(day=10).event("BILL", day=12),
    person(4).event("VISIT", day=10),
)


def test_a_death_of_unknown_cause_is_its_own_cause_and_counted_apart():
    """By default the dead are not at risk, and nobody guesses their cause."""
    made = build(UNKNOWN, TASK, CAUSES)
    assert told(made) == [(10, 1), (10, 2), (10, 3), (10, 0)]
    assert made.causes == ("death_of_disease", "death_of_other_cause", "death_of_unknown_cause")
    assert step(made, "unknown cause") == 1


def test_a_death_of_unknown_cause_can_be_censored_or_left_out():
    """The study may say so; it is counted all the same."""
    censored = build(UNKNOWN, TASK, {**CAUSES, "unknown_cause": "censor"})
    assert told(censored) == [(10, 1), (10, 2), (10, 0), (10, 0)]
    assert step(censored, "unknown cause") == 1
    out = build(UNKNOWN, TASK, {**CAUSES, "unknown_cause": "exclude"})
    assert told(out) == [(10, 1), (10, 2), (10, 0)]
    assert out.rows["subject_id"].to_list() == [1, 2, 4]
    assert step(out, "unknown cause") == 1
    assert step(out, "cause of death known") == 3
    assert len(censored.causes) == len(out.causes) == 2


def test_a_cause_of_death_recorded_later_is_dated_at_the_death():
    """A registry may learn the cause after the date of death."""
    events = cohort(person().died(day=10).event("DEATH_CAUSE//disease", day=90))
    assert told(build(events, TASK, CAUSES)) == [(10, 1)]


def test_the_dead_at_the_prediction_are_left_out():
    """A death strictly before the prediction leaves the row out; at it, duration is 0."""
    events = cohort(person(1).died(day=-1), person(2).died(day=0))
    made = build(events, TASK, {"event": "death"})
    assert told(made) == [(0, 1)]
    assert step(made, "alive at the prediction") == 1


# --- time ---------------------------------------------------------------------------------------


def test_events_at_the_prediction_have_duration_zero():
    """They are kept: the time is that of the event, not of its guess."""
    assert told(build(cohort(person().event("STROKE")), TASK, {"event": "stroke"})) == [(0, 1)]


def test_rows_with_the_event_before_are_left_out_and_counted():
    """Prevalent cases are not at risk; a study of repeated events keeps them."""
    events = cohort(
        person(1).event("STROKE", day=-3).event("STROKE", day=4),
        person(2).event("FALL", day=-3).event("VISIT", day=5),
        person(3).event("VISIT", day=5),
    )
    outcome = {"event": "stroke", "competing": ["fall"]}
    made = build(events, TASK, outcome)
    assert made.rows["subject_id"].to_list() == [3]
    assert (step(made, "no stroke before"), step(made, "no fall before")) == (2, 1)
    kept = build(events, TASK, {**outcome, "prevalent": "keep"})
    assert told(kept) == [(4, 1), (5, 0), (5, 0)]


def test_several_causes_at_one_time_count_as_the_first_listed():
    """Ties are counted in the flow."""
    events = cohort(person().event("FALL", day=7).event("STROKE", day=7))
    for first, second in (("stroke", "fall"), ("fall", "stroke")):
        made = build(events, TASK, {"event": first, "competing": [second]})
        assert told(made) == [(7, 1)]
        assert step(made, "several causes") == 1


def test_observation_ends_at_the_last_event_or_where_the_study_says():
    """A censoring event ends it earlier; an event at the same time still counts."""
    events = cohort(
        person(1).event("MOVED", day=5).event("STROKE", day=9),
        person(2).event("MOVED", day=5).event("STROKE", day=5),
        person(3).event("VISIT", day=8),
    )
    assert told(build(events, TASK, {"event": "stroke"})) == [(9, 1), (5, 1), (8, 0)]
    made = build(events, TASK, {"event": "stroke", "censor": "moved"})
    assert told(made) == [(5, 0), (5, 1), (8, 0)]


def test_rows_followed_for_no_time_are_kept_and_counted():
    """Censored at 0 they say nothing, and the flow says how many they are."""
    made = build(cohort(person(1), person(2).event("VISIT", day=1)), TASK, {"event": "stroke"})
    assert told(made) == [(0, 0), (1, 0)]
    assert step(made, "nothing recorded after") == 1


def test_rows_whose_record_ends_before_the_prediction_are_left_out():
    """A prediction a week after the last event has no follow-up."""
    window = {
        "start": "trigger",
        "end": "start + 7d",
        "start_inclusive": True,
        "end_inclusive": True,
        "index_timestamp": "end",
    }
    events = cohort(person(1).event("VISIT", day=3), person(2).event("VISIT", day=9))
    made = build(events, {**TASK, "windows": {"w": window}}, {"event": "stroke"})
    assert told(made) == [(2, 0)]
    assert step(made, "followed at or after") == 1


def test_entry_is_when_a_subject_comes_under_observation():
    """Left truncation: late entry, entry before the prediction, and never."""
    events = cohort(
        person(1).event("JOINED", day=4).event("STROKE", day=9),
        person(2).event("JOINED", day=-4).event("STROKE", day=9),
        person(3).event("STROKE", day=9),
        person(4).event("JOINED", day=9).event("STROKE", day=9),
    )
    made = build(events, TASK, {"event": "stroke", "entry": "joined"})
    assert made.rows["subject_id"].to_list() == [1, 2]
    assert made.rows["entry_days"].to_list() == [4, 0]
    assert build(events, TASK, {"event": "stroke"}).rows["entry_days"].to_list() == [0] * 4


def test_horizons_are_kept_as_written_and_in_days():
    """5y is 5 x 365.25 days; rows are not cut at a horizon."""
    made = build(UNKNOWN, TASK, {**CAUSES, "horizon": ["5y", "30d"]})
    assert made.horizons == (Horizon("5y", 1826.25), Horizon("30d", 30.0))
    assert build(UNKNOWN, TASK, {**CAUSES, "horizon": "6mo"}).horizons[0].days == 182.625


# --- flow, shards, labels -----------------------------------------------------------------------


def test_flow_counts_every_step_and_shards_add_up():
    """The flow of shards together is the flow of the whole, also when a shard is empty."""
    outcome = {**CAUSES, "unknown_cause": "exclude"}
    whole = build(UNKNOWN, TASK, outcome)
    shards = [UNKNOWN.filter(pl.col("subject_id") % 3 == k) for k in range(3)]
    parts = [build(one, TASK, outcome) for one in [*shards, empty_events()]]
    both = Cohort.concat(parts)
    assert both.flow == whole.flow
    assert both.rows.sort("subject_id").equals(whole.rows)
    assert (whole.flow[0].step, whole.flow[0].subjects) == ("subjects in the data", 4)
    assert (whole.flow[-1].step, whole.flow[-1].rows) == ("rows of the cohort", 3)
    with pytest.raises(InputError):
        Cohort.concat([])
    with pytest.raises(InputError):
        Cohort.concat([whole, build(UNKNOWN, TASK, {"event": "stroke"})])


def test_flow_names_windows_and_their_limits():
    """Each window that may be missing and each limit is a step of its own."""
    after = {
        "start": "trigger",
        "end": "start -> fall",
        "start_inclusive": False,
        "end_inclusive": True,
        "has": {"stroke": "(None, 0)", "moved": "(1, None)"},
    }
    events = cohort(
        person(1).event("MOVED", day=1).event("FALL", day=2),
        person(2).event("STROKE", day=1).event("FALL", day=2),
        person(3),
    )
    made = build(events, {**TASK, "windows": {"after": after}})
    counts = {one.step: one.rows for one in made.flow}
    assert counts["window after found"] == 2
    assert counts["window after: no stroke"] == 1
    assert counts["window after: at least 1 × moved"] == 1
    assert made.causes == ()


def test_a_binary_outcome_is_the_label_of_the_task():
    """With a label the cohort has it, and counts it; without one it is a fault."""
    window = {
        "start": "trigger",
        "end": "start + 30d",
        "start_inclusive": False,
        "end_inclusive": True,
        "label": "stroke",
    }
    task = {**TASK, "windows": {"target": window}}
    events = cohort(person(1).event("STROKE", day=3), person(2))
    for outcome in (None, {"type": "binary"}):
        made = build(events, task, outcome)
        assert made.rows["boolean_value"].to_list() == [True, False]
        assert made.events == {"stroke": 1}
    with pytest.raises(InputError, match="label"):
        build(events, TASK, {"type": "binary"})


CODES = ["SURGERY", "STROKE", "FALL", "MEDS_DEATH", "VISIT"]
some_events = st.lists(
    st.tuples(
        st.sampled_from([-1, 2, 3]),
        st.integers(0, 9).map(lambda d: DAY_ZERO + timedelta(days=d)),
        st.sampled_from(CODES),
        st.none(),
        st.none(),
    ),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(some_events)
def test_durations_and_causes_are_as_read_plainly(events):
    """For any record, the first of the causes after each surgery, else its last event."""
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    made = build(frame, TASK, {"event": "stroke", "competing": ["fall"]})
    expected = []
    for subject, t in sorted({(e[0], e[1]) for e in events if e[2] == "SURGERY"}):
        own = [e for e in events if e[0] == subject]
        causes = ["STROKE", "FALL", "MEDS_DEATH"]
        if any(e[1] < t and e[2] in causes for e in own):
            continue
        ends = sorted((e[1], causes.index(e[2]) + 1) for e in own if e[1] >= t and e[2] in causes)
        end, cause = ends[0] if ends else (max(e[1] for e in own), 0)
        expected.append((subject, t, float((end - t).days), cause))
    columns = ["subject_id", "prediction_time", "duration_days", "cause"]
    assert made.rows.select(columns).rows() == expected


# --- words and faults ---------------------------------------------------------------------------


def test_the_question_is_told_in_plain_words():
    """The first sentence is the question, the rest says what is counted how."""
    said = explain(TASK, {**CAUSES, "horizon": ["5y", "10y"]})
    assert said[0] == (
        "Among subjects with surgery, predicted at each surgery, what is the chance of death of "
        "disease within 5 years and 10 years, counting death of other cause and death of unknown "
        "cause as competing events?"
    )
    text = " ".join(said)
    assert "last event" in text
    assert "A death whose cause is not one of these" in text
    assert "the code DEATH_CAUSE//disease" in text
    censored = " ".join(explain(TASK, {"event": "stroke", "death": "censor"}))
    assert "because the study says so" in censored


def test_a_description_of_several_lines_is_one_sentence():
    """Line breaks of a block in the file are not shown."""
    said = explain({**TASK, "description": "First part,\n  and the rest\n"}, {"event": "stroke"})
    assert "First part, and the rest." in said


def test_every_task_file_explains_itself():
    """Windows, limits, labels and predicates are all spoken of."""
    from pathlib import Path

    for path in sorted((Path(__file__).parent / "tasks").glob("*.yaml")):
        said = explain(path)
        assert said[0].endswith("?")
        assert all(one[0].isupper() and one[-1] in ".?" for one in said), said


BAD = {
    "unknown key": ({"event": "stroke", "horizn": "5y"}, "outcome.horizn"),
    "no event": ({"type": "time-to-event"}, "outcome.event"),
    "undefined event": ({"event": "nothing"}, "outcome.event"),
    "undefined competing": ({"event": "stroke", "competing": ["z"]}, "outcome.competing.0"),
    "event competes with itself": (
        {"event": "stroke", "competing": ["stroke"]},
        "outcome.competing",
    ),
    "competing number": ({"event": "stroke", "competing": 5}, "outcome.competing"),
    "horizon without unit": ({"event": "stroke", "horizon": [5]}, "outcome.horizon"),
    "horizon of nothing": ({"event": "stroke", "horizon": "0d"}, "outcome.horizon"),
    "horizon twice": ({"event": "stroke", "horizon": ["12mo", "1y"]}, "outcome.horizon"),
    "death as something else": ({"event": "stroke", "death": "ignore"}, "outcome.death"),
    "undefined censor": ({"event": "stroke", "censor": "z"}, "outcome.censor"),
    "type": ({"type": "regression", "event": "stroke"}, "outcome.type"),
    "binary with event": ({"type": "binary", "event": "stroke"}, "outcome.event"),
    "special event": ({"event": "_ANY_EVENT"}, "outcome.event"),
    "no mapping": ([1], "outcome"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_an_outcome_is_told_with_its_key(name):
    """`faults` lists it, `build` raises it."""
    outcome, where = BAD[name]
    assert any(one.where.startswith(where) for one in faults(TASK, outcome)), faults(TASK, outcome)
    with pytest.raises(InputError):
        build(empty_events(), TASK, outcome)


def test_faults_of_task_and_outcome_come_together():
    """A study file is told everything at once; a sound one has no faults."""
    broken = {**TASK, "trigger": "nobody", "windows": {"w": {"start": None, "end": None}}}
    found = faults(broken, {"event": "z", "horizon": "soon"})
    places = {one.where for one in found}
    assert {"task.trigger", "task.windows.w", "outcome.event", "outcome.horizon"} <= places
    assert faults(TASK, CAUSES) == []


def test_no_events_give_a_cohort_without_rows():
    """Columns and steps are those of any other."""
    made = build(empty_events(), TASK, CAUSES)
    assert made.rows.height == 0
    assert made.rows.schema["duration_days"] == pl.Float64
    assert made.rows.schema["cause"] == pl.Int64
    assert made.events == dict.fromkeys(made.causes, 0)
