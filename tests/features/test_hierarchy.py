"""Codes counted for their ancestors: once each, however they are reached."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.errors import InputError
from osler.features import Hierarchy, featurise, featurise_shards
from osler.model import EVENT_SCHEMA
from osler.testing import DAY_ZERO, patient

ROW_SCHEMA = {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")}
CODES = pl.DataFrame(
    {
        "code": ["I50.9", "I50.1", "I50", "J18"],
        "description": [None] * 4,
        "parent_codes": [["I50", "HEART"], ["I50"], ["I"], None],
    }
)


def rows_of(*rows: tuple[int, float]) -> pl.DataFrame:
    """Return rows to predict for, by subject and day."""
    at = [(subject, DAY_ZERO + timedelta(days=day)) for subject, day in rows]
    return pl.DataFrame(at, schema=ROW_SCHEMA, orient="row")


def cells(matrix) -> dict[tuple[int, str], float]:
    """Return the cells that the matrix stores."""
    found = matrix.values.tocoo()
    names = [str(one) for one in matrix.columns]
    triples = zip(found.row, found.col, found.data, strict=True)
    return {(int(r), names[c]): float(v) for r, c, v in triples}


def test_each_event_counts_once_for_every_ancestor():
    """A parent counts its own events and those below; values stay with the code that has them."""
    one = patient().event("I50.9", 1, day=0).event("I50.1", 2, day=1).event("I50", 5, day=2)
    matrix = featurise(
        one.event("J18", day=2).events(),
        rows_of((1, 3)),
        ["full", "2d"],
        ["count", "time_since_last", "mean"],
        roll_up=CODES,
    )
    assert cells(matrix) == {
        (0, "HEART|full|count"): 1,
        (0, "HEART|full|time_since_last"): 3,
        (0, "I|full|count"): 3,
        (0, "I|full|time_since_last"): 1,
        (0, "I|2d|count"): 1,
        (0, "I|2d|time_since_last"): 1,
        (0, "I50|full|count"): 3,
        (0, "I50|full|mean"): 5,
        (0, "I50|full|time_since_last"): 1,
        (0, "I50|2d|count"): 1,
        (0, "I50|2d|mean"): 5,
        (0, "I50|2d|time_since_last"): 1,
        (0, "I50.1|full|count"): 1,
        (0, "I50.1|full|mean"): 2,
        (0, "I50.1|full|time_since_last"): 2,
        (0, "I50.9|full|count"): 1,
        (0, "I50.9|full|mean"): 1,
        (0, "I50.9|full|time_since_last"): 3,
        (0, "J18|full|count"): 1,
        (0, "J18|full|time_since_last"): 1,
        (0, "J18|2d|count"): 1,
        (0, "J18|2d|time_since_last"): 1,
    }
    assert matrix.sources(0, "I|full|count")["code"].to_list() == ["I50.9", "I50.1", "I50"]


def test_without_being_asked_nothing_is_rolled_up():
    """Ancestors are columns only on request."""
    matrix = featurise(patient().event("I50.9").events(), rows_of((1, 1)), ["full"], ["any"])
    assert list(matrix.columns) == ["I50.9|full|any"]


parents = st.dictionaries(
    st.sampled_from("abcde"), st.lists(st.sampled_from("fghij"), max_size=3), max_size=5
)
higher = st.dictionaries(
    st.sampled_from("fgh"), st.lists(st.sampled_from("ijk"), max_size=2), max_size=3
)
event_rows = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        st.one_of(st.none(), st.integers(0, 20).map(lambda d: DAY_ZERO + timedelta(days=d))),
        st.sampled_from("abcdefghi"),
        st.one_of(st.none(), st.just(1.0)),
        st.sampled_from([None, "yes"]),
    ),
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(parents, higher, event_rows)
def test_counts_are_those_of_a_plain_walk_upwards(low, high, events):
    """For every graph without cycles, a column counts the events at or below its code."""
    links = {code: tuple(above) for code, above in (low | high).items()}
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    asked = rows_of((1, 5), (1, 12), (2, 30))
    matrix = featurise(frame, asked, ["full", "4d"], ["count"], roll_up=Hierarchy(links))

    def all_above(code):
        direct = links.get(code, ())
        return {code}.union(*(all_above(one) for one in direct))

    expected = {}
    for row, (subject, until) in enumerate(asked.iter_rows()):
        for one, time, code, _, text in events:
            if one != subject or (time is not None and time > until):
                continue
            windows = ["static"] if time is None else ["full"]
            if time is not None and time > until - timedelta(days=4):
                windows.append("4d")
            named = all_above(code) | ({f"{code}//={text}"} if text else set())
            for window in windows:
                for name in named:
                    key = row, f"{name}|{window}|count"
                    expected[key] = expected.get(key, 0) + 1
    assert cells(matrix) == expected
    for (row, name), count in expected.items():
        assert matrix.sources(row, name).height == count


def test_ancestors_may_be_excluded_and_join_over_shards():
    """An excluded ancestor has no column, and shards that lack one join those that have it."""
    parts = [
        (patient(subject_id=1).event("I50.9").events(), rows_of((1, 1))),
        (patient(subject_id=2).event("J18").events(), rows_of((2, 1))),
    ]
    matrix = featurise_shards(
        parts, ["full"], ["count"], exclude=["HEART"], roll_up=Hierarchy.of(CODES)
    )
    assert list(matrix.columns) == [f"{one}|full|count" for one in ("I", "I50", "I50.9", "J18")]
    assert matrix.to_frame().rows() == [(1, 1, 1, 0), (0, 0, 0, 1)]


@pytest.mark.parametrize(
    ("links", "told"),
    [
        ({"A": ["A"]}, "A below A"),
        ({"A": ["B"], "B": ["C"], "C": ["A"]}, "A below B below C below A"),
        ({"X": ["A"], "A": ["B"], "B": ["A"]}, "A below B below A"),
    ],
)
def test_codes_that_stand_above_themselves_are_refused(links, told):
    """A cycle is named, whatever leads into it."""
    codes = pl.DataFrame({"code": list(links), "parent_codes": list(links.values())})
    with pytest.raises(InputError, match=told):
        featurise(patient().event("A").events(), rows_of((1, 1)), roll_up=codes)


def test_a_long_chain_is_no_cycle_and_no_deep_recursion():
    """A thousand levels are walked one by one."""
    links = {str(n): (str(n + 1),) for n in range(5_000)}
    assert len(Hierarchy(links).above("0")) == 5_000


def test_metadata_that_is_none_is_refused():
    """Both columns must be there, with lists of texts, and nothing else may be given."""
    with pytest.raises(InputError, match="parent_codes"):
        Hierarchy.of(pl.DataFrame({"code": ["a"]}))
    with pytest.raises(InputError, match="parent_codes"):
        Hierarchy.of(pl.DataFrame({"code": ["a"], "parent_codes": ["b"]}))
    with pytest.raises(InputError, match="roll_up"):
        featurise(patient().event("A").events(), rows_of((1, 1)), roll_up=True)


def test_metadata_without_parents_and_repeated_codes_are_read():
    """All parents null is a hierarchy of none; two rows of one code add up; JSON keeps it."""
    none = pl.DataFrame({"code": ["a"], "parent_codes": [None]})
    assert Hierarchy.of(none).above("a") == frozenset()
    twice = pl.DataFrame({"code": ["a", "a", None], "parent_codes": [["b"], ["c", "b"], ["d"]]})
    hierarchy = Hierarchy.of(twice)
    assert hierarchy.above("a") == {"b", "c"}
    assert Hierarchy.from_json(hierarchy.to_json()) == hierarchy
