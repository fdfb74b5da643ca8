"""Tasks in the ACES grammar: against es-aces, against a plain reading, and at the edges."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.cohort import extract
from osler.errors import InputError
from osler.model import EVENT_SCHEMA, empty_events
from osler.testing import DAY_ZERO, cohort, patient

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden" / "es_aces_0_7_3.json").read_text())


def window(start: str | None, end: str | None, *, ends: str = "[]", **more: Any) -> dict[str, Any]:
    """Return a window; `ends` says by brackets which of its ends belong to it."""
    return {
        "start": start,
        "end": end,
        "start_inclusive": ends[0] == "[",
        "end_inclusive": ends[1] == "]",
        **more,
    }


def task(trigger: str, *, predicates: dict[str, Any] | None = None, **windows: Any) -> dict:
    """Return a task whose predicates A, B and C are the codes of that name."""
    plain = {name: {"code": name} for name in "ABC"}
    return {"predicates": {**plain, **(predicates or {})}, "trigger": trigger, "windows": windows}


def rows(found: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return rows with prediction times as days."""
    return [
        (subject, (time - DAY_ZERO) / timedelta(days=1), *rest)
        for subject, time, *rest in found.rows()
    ]


# --- es-aces 0.7.3 as the oracle ----------------------------------------------------------------


def golden_events(number: int) -> pl.DataFrame:
    """Return one of the golden timelines."""
    kept = [
        (s, None if t is None else datetime.fromisoformat(t), *rest)
        for s, t, *rest in GOLDEN["events"][number]
    ]
    return pl.DataFrame(kept, schema=EVENT_SCHEMA, orient="row")


@pytest.mark.parametrize("number", range(len(GOLDEN["events"])))
@pytest.mark.parametrize("codes", ["text", "categories"])
def test_rows_and_labels_are_those_of_es_aces(number: int, codes: str):
    """Task files and random tasks give the rows, times and labels that es-aces 0.7.3 gave."""
    events = golden_events(number)
    if codes == "categories":
        events = events.with_columns(pl.col("code").cast(pl.Categorical()))
    for case in (one for one in GOLDEN["cases"] if one["events"] == number):
        if "file" in case:
            asked: Any = HERE / "tasks" / case["file"]
        else:
            asked = case["task"] | {
                "predicates": case["task"]["predicates"] or GOLDEN["predicates"]
            }
        found = extract(events, asked)
        assert sorted([s, t.isoformat(), label] for s, t, label in found.rows()) == case["rows"]


def test_the_golden_file_is_of_the_version_in_its_name():
    """The file says what made it, and it is not empty."""
    assert GOLDEN["made_with"] == "es-aces 0.7.3"
    assert sum(len(case["rows"]) for case in GOLDEN["cases"]) > 500


# --- a plain reading of the grammar -------------------------------------------------------------


def naive(events: list[tuple[Any, ...]], asked: dict[str, Any]) -> list[tuple[int, datetime, bool]]:
    """Walk over every trigger of every subject, one window, in plain Python."""
    found = []
    one = asked["windows"]["w"]
    for subject in {e[0] for e in events}:
        times = sorted({e[1] for e in events if e[0] == subject and e[1] is not None})
        codes = {t: [e[2] for e in events if e[0] == subject and e[1] == t] for t in times}
        for t in [t for t in times if asked["trigger"] in codes[t]]:
            span = _naive_window(one, t, times, codes)
            if span is None:
                continue
            start, end = span
            inside = [
                m
                for m in times
                if (start < m or (start == m and one["start_inclusive"]))
                and (m < end or (m == end and one["end_inclusive"]))
            ]
            limits = [(sum(codes[m].count(k) for m in inside), *LIMITS[k]) for k in one["has"]]
            if all(low <= n <= high for n, low, high in limits):
                found.append((subject, end, any("C" in codes[m] for m in inside)))
    return sorted(found)


LIMITS = {"A": (1, 10**9), "B": (0, 1)}
WRITTEN = {"A": "(1, None)", "B": "(None, 1)"}


def _naive_window(one, t, times, codes):
    def bound(name, direction, inclusive):
        some = [m for m in times if name is None or name in codes[m]]
        if direction > 0:
            some = [m for m in some if m > t or (inclusive and m == t)]
            return (some[-1] if name is None else some[0]) if some else None
        some = [m for m in some if m < t or (inclusive and m == t)]
        return (some[0] if name is None else some[-1]) if some else None

    if one["end"] == "trigger":
        if one["start"] is None:
            start = bound(None, -1, one["start_inclusive"])
        elif "<-" in one["start"]:
            start = bound("B", -1, one["start_inclusive"])
        else:
            start = t - timedelta(days=2)
        return None if start is None else (start, t)
    if one["end"] is None:
        end = bound(None, 1, one["end_inclusive"])
    elif "->" in one["end"]:
        end = bound("B", 1, one["end_inclusive"])
    else:
        end = t + timedelta(days=2)
    return None if end is None else (t, end)


some_events = st.lists(
    st.tuples(
        st.sampled_from([-3, 0, 8]),
        st.one_of(st.none(), st.integers(0, 8).map(lambda d: DAY_ZERO + timedelta(days=d))),
        st.sampled_from("ABCD"),
        st.none(),
        st.none(),
    ),
    max_size=25,
)
some_windows = st.sampled_from(
    [
        (None, "trigger"),
        ("end - 2d", "trigger"),
        ("end <- B", "trigger"),
        ("trigger", None),
        ("trigger", "start + 48h"),
        ("trigger", "start -> B"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    some_events,
    some_windows,
    st.sampled_from(["[]", "[)", "(]", "()"]),
    st.sets(st.sampled_from("AB")),
)
def test_one_window_reads_as_the_grammar_says(events, span, ends, limited):
    """Any boundary, inclusive or not, with ties, static events and limits, by plain reading."""
    has = {name: WRITTEN[name] for name in limited}
    asked = task("A", w=window(*span, ends=ends, has=has, label="C", index_timestamp="end"))
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    assert sorted(extract(frame, asked).rows()) == naive(events, asked)


# --- promises one by one ------------------------------------------------------------------------


def test_a_moment_counts_once_however_many_events_it_has():
    """`_ANY_EVENT` counts times; a predicate counts its events at them."""
    one = patient().event("A", day=0).event("B", day=1).event("B", day=1).event("B", day=1)
    for limits, kept in (("(1, 1)", 1), ("(2, None)", 0)):
        asked = task("A", w=window("trigger", None, ends="(]", has={"_ANY_EVENT": limits}))
        assert extract(one.events(), asked).height == kept
    asked = task("A", w=window("trigger", None, ends="(]", has={"B": "(3, 3)"}))
    assert extract(one.events(), asked).height == 1


def test_without_windows_each_trigger_is_a_row_at_its_own_time():
    """No index timestamp: the prediction is made at the trigger."""
    events = cohort(patient().event("A", day=3).event("A", day=3).event("A", day=1).event("B"))
    found = extract(events, {"predicates": {"A": {"code": "A"}}, "trigger": "A"})
    assert rows(found) == [(1, 1.0), (1, 3.0)]
    assert found.schema == {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")}


def test_index_timestamp_is_the_end_it_names_in_a_window_that_looks_back():
    """`end` of `start: end - 24h` is the later end, where es-aces 0.7.3 gives the earlier."""
    events = cohort(patient().event("A", day=5))
    asked = task("A", w=window("end - 24h", "trigger", index_timestamp="end"))
    assert rows(extract(events, asked)) == [(1, 5.0)]
    asked["windows"]["w"]["index_timestamp"] = "start"
    assert rows(extract(events, asked)) == [(1, 4.0)]


def test_limits_of_a_window_without_length_hold():
    """A window from the trigger to the trigger is that moment when both its ends belong to it."""
    events = cohort(patient().event("A", day=0).event("B", day=0), patient(subject_id=2).event("A"))
    for ends, kept in (("[]", [1]), ("(]", [])):
        asked = task("A", w=window("trigger", "start", ends=ends, has={"B": "(1,)"}))
        assert extract(events, asked)["subject_id"].to_list() == kept


def test_times_a_microsecond_apart_are_not_the_same():
    """The end of a day and the start of the next do not touch."""
    last = DAY_ZERO - timedelta(microseconds=1)
    frame = pl.DataFrame(
        [(1, last, "B", None, None), (1, DAY_ZERO, "A", None, None)],
        schema=EVENT_SCHEMA,
        orient="row",
    )
    asked = task("A", w=window("trigger", "start -> B"))
    assert extract(frame, asked).height == 0


def test_nan_meets_no_limit_of_value():
    """A value that is not a number is a missing one."""
    events = cohort(patient().event("A", float("nan")), patient(subject_id=2).event("A", 9))
    asked = {"predicates": {"high": {"code": "A", "value_min": 5}}, "trigger": "high"}
    assert extract(events, asked)["subject_id"].to_list() == [2]


def test_value_limits_are_exclusive_unless_said_otherwise():
    """The grammar's default for both limits is exclusive."""
    events = cohort(*(patient(subject_id=v).event("A", v) for v in (1, 2, 3)))
    one = {"code": "A", "value_min": 1, "value_max": 3}
    for more, kept in (({}, [2]), ({"value_min_inclusive": True}, [1, 2])):
        asked = {"predicates": {"x": {**one, **more}}, "trigger": "x"}
        assert extract(events, asked)["subject_id"].to_list() == kept


def test_every_written_form_of_a_limit():
    """Parentheses, empty sides, None, and lists mean the same."""
    events = cohort(patient().event("A").event("B", day=1))
    for written in ("(1, None)", "(1,)", "( 1 , )", "1, None", [1, None], (1, None)):
        asked = task("A", w=window("trigger", None, has={"B": written}))
        assert extract(events, asked).height == 1, written
    for written in ("(None, 0)", "(,0)", [None, 0]):
        asked = task("A", w=window("trigger", None, has={"B": written}))
        assert extract(events, asked).height == 0, written


def test_a_task_is_a_path_or_text_or_a_mapping(tmp_path):
    """All three give the same rows, and a predicates file replaces definitions."""
    events = cohort(patient().event("A").event("B", day=2))
    text = "predicates:\n  x: {code: A}\ntrigger: x\n"
    path = tmp_path / "task.yaml"
    path.write_text(text)
    mapping = {"predicates": {"x": {"code": "A"}}, "trigger": "x"}
    for asked in (text, path, str(path), mapping):
        assert rows(extract(events, asked)) == [(1, 0.0)]
    other = {"predicates": {"x": {"code": "B"}}}
    assert rows(extract(events, path, predicates=other)) == [(1, 2.0)]
    assert mapping == {"predicates": {"x": {"code": "A"}}, "trigger": "x"}
    with pytest.raises(InputError):
        extract(events, path, predicates={"trigger": "x"})


def test_further_columns_of_events_may_be_named():
    """A predicate may ask for a column that these events have."""
    events = cohort(patient().event("A"), patient(subject_id=2).event("A")).with_columns(
        ward=pl.Series(["ICU", "ER"])
    )
    for more in ({"ward": "ICU"}, {"other_cols": {"ward": "ICU"}}):
        asked = {"predicates": {"x": {"code": "A", **more}}, "trigger": "x"}
        assert extract(events, asked)["subject_id"].to_list() == [1]
        with pytest.raises(InputError, match="ward"):
            extract(events.drop("ward"), asked)


def test_no_events_give_no_rows_of_the_right_type():
    """An empty frame, or one with static events only, is answered and not refused."""
    asked = task("A", w=window("trigger", None, label="B", index_timestamp="start"))
    for events in (empty_events(), cohort(patient().static("A"))):
        found = extract(events, asked)
        assert found.height == 0
        assert found.schema["boolean_value"] == pl.Boolean
        assert found.schema["prediction_time"] == pl.Datetime("us")


def test_input_is_left_unchanged():
    """Neither events nor task are changed."""
    events = cohort(patient().event("A", day=1).event("B")).reverse()
    asked = task("A", w=window("trigger", None, has={"B": "(None, 3)"}))
    before, text = events.clone(), json.dumps(asked)
    extract(events, asked)
    assert events.equals(before)
    assert json.dumps(asked) == text


def test_unreferenced_predicates_are_not_read():
    """A file that es-aces accepts runs: definitions nobody uses may be unfinished."""
    asked = task("A", predicates={"later": {"code": None}, "broken": "text"})
    assert extract(cohort(patient().event("A")), asked).height == 1


# --- faults -------------------------------------------------------------------------------------

BAD = {
    "no mapping": ([], "mapping"),
    "unknown key": ({**task("A"), "windws": {}}, "windws"),
    "no trigger": ({"predicates": {"A": {"code": "A"}}}, "trigger"),
    "undefined trigger": (task("Z"), "trigger"),
    "predicate as text": ({"predicates": {"A": "A"}, "trigger": "A"}, "predicates.A"),
    "no code": ({"predicates": {"A": {"value_min": 1}}, "trigger": "A"}, "predicates.A.code"),
    "number as code": ({"predicates": {"A": {"code": 5}}, "trigger": "A"}, "predicates.A.code"),
    "any of nothing": ({"predicates": {"A": {"code": {"any": []}}}, "trigger": "A"}, "any"),
    "two kinds of code": (
        {"predicates": {"A": {"code": {"any": ["a"], "regex": "b"}}}, "trigger": "A"},
        "predicates.A.code",
    ),
    "bad regex": ({"predicates": {"A": {"code": {"regex": "("}}}, "trigger": "A"}, "regex"),
    "value as text": (
        {"predicates": {"A": {"code": "A", "value_min": "high"}}, "trigger": "A"},
        "value_min",
    ),
    "misspelt key": (
        {"predicates": {"A": {"code": "A", "value_mim": 3}}, "trigger": "A"},
        "value_mim",
    ),
    "text for a number column": (
        {"predicates": {"A": {"code": "A", "numeric_value": "x"}}, "trigger": "A"},
        "numeric_value",
    ),
    "bad expression": (task("x", predicates={"x": {"expr": "A and B"}}), "predicates.x.expr"),
    "one input": (task("x", predicates={"x": {"expr": "and(A)"}}), "predicates.x.expr"),
    "undefined input": (task("x", predicates={"x": {"expr": "or(A, Z)"}}), "Z"),
    "cycle of predicates": (
        task("x", predicates={"x": {"expr": "or(y, A)"}, "y": {"expr": "or(x, A)"}}),
        "cycle",
    ),
    "reserved name": (task("A", predicates={"_ANY_EVENT": {"code": "A"}}), "_ANY_EVENT"),
    "bad name": (task("A", predicates={"a b": {"code": "A"}}), "a b"),
    "both ends null": (task("A", w=window(None, None)), "both null"),
    "neither refers": (task("A", w=window("trigger", "trigger + 24h")), "neither"),
    "each refers": (task("A", w=window("end - 1d", "start + 1d")), "each other"),
    "null refers to the other end": (task("A", w=window(None, "start + 1d")), "each other"),
    "end before start": (task("A", w=window("trigger", "start - 1d")), "before its end"),
    "start after end": (task("A", w=window("end -> B", "trigger")), "before its end"),
    "two signs": (task("A", w=window("trigger", "start + -1d")), "w.end"),
    "two arrows": (task("A", w=window("trigger", "start <-> B")), "w.end"),
    "no time": (task("A", w=window("trigger", "start + soon")), "w.end"),
    "endless time": (task("A", w=window("trigger", "start + 999999999999d")), "w.end"),
    "undefined bound": (task("A", w=window("trigger", "start -> Z")), "'Z'"),
    "on to the start": (task("A", w=window("trigger", "start -> _RECORD_START")), "w.end"),
    "back to the end": (task("A", w=window("end <- _RECORD_END", "trigger")), "w.start"),
    "no anchor": (task("A", w=window("B", "start + 1d")), "anchor"),
    "undefined window": (task("A", w=window("v.end", "start + 1d")), "'v'"),
    "undefined edge": (task("A", w=window("v.middle", "start + 1d")), "w.start"),
    "circle of windows": (
        task("A", v=window("w.end", "start + 1d"), w=window("v.end", "start + 1d")),
        "circle",
    ),
    "window of itself": (task("A", w=window("w.end", "start + 1d")), "circle"),
    "no inclusive": (task("A", w={"start": "trigger", "end": None}), "start_inclusive"),
    "no end": (task("A", w={"start": "trigger", "start_inclusive": True}), "w.end"),
    "undefined limit": (task("A", w=window("trigger", None, has={"Z": "(1,)"})), "has.Z"),
    "no limit": (task("A", w=window("trigger", None, has={"A": "(None, None)"})), "has.A"),
    "limits swapped": (task("A", w=window("trigger", None, has={"A": "(3, 1)"})), "has.A"),
    "half a limit": (task("A", w=window("trigger", None, has={"A": "(3)"})), "has.A"),
    "limit unquoted in braces": (
        task("A", w=window("trigger", None, has={"A": "(None", "0)": None})),
        "quotes",
    ),
    "two labels": (
        task("A", v=window("trigger", None, label="A"), w=window("trigger", None, label="A")),
        "label in",
    ),
    "two index timestamps": (
        task(
            "A",
            v=window("trigger", None, index_timestamp="end"),
            w=window("trigger", None, index_timestamp="end"),
        ),
        "index_timestamp in",
    ),
    "undefined label": (task("A", w=window("trigger", None, label="Z")), "label"),
    "bad index": (task("A", w=window("trigger", None, index_timestamp="middle")), "index"),
    "unknown window key": (task("A", w=window("trigger", None, hass={})), "hass"),
    "window name": (task("A", **{"a b": window("trigger", None)}), "a b"),
    "condition as trigger": (
        {"patient_demographics": {"f": {"code": "F"}}, "trigger": "f"},
        "without a time",
    ),
    "condition as limit": (
        task("A", w=window("trigger", None, has={"f": "(1,)"}))
        | {"patient_demographics": {"f": {"code": "F"}}},
        "no time",
    ),
    "derived condition": (
        task("A") | {"patient_demographics": {"f": {"expr": "or(A, B)"}}},
        "patient_demographics.f",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_task_is_told_with_its_key(name):
    """Every fault names its place and what was expected; nothing is guessed."""
    asked, said = BAD[name]
    with pytest.raises(InputError) as caught:
        extract(empty_events(), asked)
    assert any(said in str(fault) for fault in caught.value.faults), caught.value


def test_all_faults_of_a_task_come_together():
    """One reading tells everything."""
    asked = task("Z", w=window("trigger", "start + soon", has={"Q": "(1,)"}, label="L"))
    with pytest.raises(InputError) as caught:
        extract(empty_events(), asked)
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize(
    "text",
    [
        "predicates: [\n",
        "a: 1\na: 2\n",
        "predicates:\n  x: {code: A, code: B}\ntrigger: x\n",
        "? [1, 2]\n: x\n",
        "? {a: b}\n: x\n",
        "\tx: 1\n",
        "x: !!python/object/apply:os.system ['true']\n",
        "x: !!timestamp 9999-99-99\n",
        "- just\n- a list\n",
        "\n",
    ],
)
def test_text_that_is_not_a_task_is_refused(text, tmp_path):
    """Broken, doubled, hostile and empty YAML ends in a fault, as text and as a file."""
    path = tmp_path / "task.yaml"
    path.write_text(text)
    for asked in (text, path):
        with pytest.raises(InputError):
            extract(empty_events(), asked)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    """No file, a folder, bytes and a huge file are faults of the input."""
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00a")
    (tmp_path / "huge.yaml").write_text("# " + "x" * 6_000_000)
    for asked in ("missing.yaml", tmp_path, tmp_path / "bytes.yaml", tmp_path / "huge.yaml", "", 5):
        with pytest.raises(InputError):
            extract(empty_events(), asked)


def test_events_that_are_not_meds_are_refused():
    """Missing columns, and rows without subject or code, are faults."""
    good = cohort(patient().event("A"))
    for bad in (
        good.drop("time"),
        good.with_columns(subject_id=pl.lit(None, dtype=pl.Int64)),
        good.with_columns(code=pl.lit(None, dtype=pl.String)),
        good.with_columns(time=pl.lit("yesterday")),
    ):
        with pytest.raises(InputError):
            extract(bad, task("A"))
