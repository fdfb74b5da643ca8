"""What is rare among the training rows: left out, or put together by a rule."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.errors import InputError
from osler.features import featurise
from osler.model import EVENT_SCHEMA
from osler.testing import DAY_ZERO, cohort, patient

ROW_SCHEMA = {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")}
POOLED = ["count", "any", "time_since_last"]


def rows_of(*subjects: int, day: float = 9.0) -> pl.DataFrame:
    """Return one row to predict for of each subject."""
    at = [(subject, DAY_ZERO + timedelta(days=day)) for subject in subjects]
    return pl.DataFrame(at, schema=ROW_SCHEMA, orient="row")


def test_rare_codes_of_a_vocabulary_become_one_column():
    """Codes that too few subjects have are counted together, by vocabulary and window."""
    events = cohort(
        patient(subject_id=1).event("DX//a").event("DX//b", day=4).event("RX//x"),
        patient(subject_id=2).event("DX//a").event("DX//c", day=5).event("DX//d", day=8),
    )
    matrix = featurise(events, rows_of(1, 2), ["full"], POOLED)
    columns = matrix.frequent_columns(min_subjects=2, rare="pool")
    names = [f"{code}|full|{agg}" for code in ("DX//a", "DX//~rare") for agg in POOLED]
    assert sorted(columns) == sorted(names)
    chosen = matrix.select(columns)
    assert chosen.to_frame().select("DX//~rare|full|count").to_series().to_list() == [1, 2]
    assert chosen.to_frame().select("DX//~rare|full|any").to_series().to_list() == [1, 1]
    since = chosen.to_frame().select("DX//~rare|full|time_since_last").to_series().to_list()
    assert since == [5, 1]
    assert chosen.sources(1, "DX//~rare|full|count")["code"].to_list() == ["DX//c", "DX//d"]
    assert chosen.columns[-1].rare
    assert matrix.frequent_columns(min_subjects=2) == tuple(one for one in columns if not one.rare)


def test_the_rule_is_learnt_on_the_training_rows_and_holds_unchanged():
    """A code frequent elsewhere but rare in training is pooled there, as is one never seen."""
    train = cohort(
        patient(subject_id=1).event("DX//a").event("DX//b"),
        patient(subject_id=2).event("DX//a").event("DX//c"),
    )
    matrix = featurise(train, rows_of(1, 2), ["full"], ["count"])
    columns = matrix.frequent_columns([0, 1], min_subjects=2, rare="pool")
    assert columns == ("DX//a|full|count", "DX//~rare|full|count")
    later = cohort(
        *(patient(subject_id=s).event("DX//b").event("DX//never seen") for s in (3, 4)),
        patient(subject_id=5).event("DX//a").event("RX//new"),
    )
    other = featurise(later, rows_of(3, 4, 5), ["full"], ["count"])
    assert other.select(columns).to_frame().rows() == [(0, 2), (0, 2), (1, 0)]
    assert other.select(columns).select(columns).to_frame().rows() == [(0, 2), (0, 2), (1, 0)]


def test_rare_answers_to_a_code_become_one():
    """`CODE//=~rare` is 1 as the last answer where any answer without a column is."""
    given_by = {1: "never", 2: "never", 3: "pipe", 4: "cigars", 5: "chews"}
    people = [patient(subject_id=s).event("SMOKING", text=t) for s, t in given_by.items()]
    matrix = featurise(cohort(*people), rows_of(1, 2, 3, 4, 5), ["full"], ["last"])
    columns = matrix.frequent_columns([0, 1, 2, 3], min_subjects=2, rare="pool")
    assert columns == ("SMOKING//=never|full|last", "SMOKING//=~rare|full|last")
    chosen = matrix.select(columns)
    assert chosen.to_frame().rows() == [(1, 0), (1, 0), (0, 1), (0, 1), (0, 1)]
    assert chosen.sources(4, columns[1])["text_value"].to_list() == ["chews"]
    assert chosen.sources(0, columns[1]).height == 0


def test_an_ancestor_is_not_counted_again_among_the_rare():
    """Events below it are in the pool already."""
    codes = pl.DataFrame({"code": ["DX//a1", "DX//a2"], "parent_codes": [["DX//a"], ["DX//a"]]})
    events = cohort(patient(subject_id=1).event("DX//a1"), patient(subject_id=2).event("DX//b"))
    matrix = featurise(events, rows_of(1, 2), ["full"], ["count"], roll_up=codes)
    columns = matrix.frequent_columns(min_subjects=2, rare="pool")
    assert columns == ("DX//~rare|full|count",)
    assert matrix.select(columns).to_frame().rows() == [(1,), (1,)]


def test_values_and_codes_without_a_vocabulary_are_not_pooled():
    """Means of different codes do not mix, and a code that names no vocabulary has no others."""
    events = cohort(patient().event("DX//a", 1).event("ALONE"))
    matrix = featurise(events, rows_of(1), ["full"], ["count", "mean"], age=True)
    assert matrix.frequent_columns(min_subjects=2, rare="pool") == ()
    assert set(matrix.frequent_columns(rare="pool")) == {
        "ALONE|full|count",
        "DX//a|full|count",
        "DX//a|full|mean",
    }
    with pytest.raises(InputError, match="rare"):
        matrix.frequent_columns(rare="guess")


event_rows = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 9).map(lambda d: DAY_ZERO + timedelta(days=d)),
        st.sampled_from([*(f"DX//{one}" for one in "abcdef"), "RX//a", "X"]),
        st.none(),
        st.sampled_from([None, "yes", "no"]),
    ),
    min_size=4,
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(event_rows, st.integers(2, 4), st.permutations(range(6)))
def test_every_event_is_counted_once_among_kept_and_rare(events, enough, train):
    """Where a vocabulary's rare codes have a column, its counts add up to all its events."""
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    matrix = featurise(frame, rows_of(*range(6)), ["full"], ["count"])
    columns = matrix.frequent_columns(train[:5], min_subjects=enough, rare="pool")
    chosen = matrix.select(columns)
    for vocabulary in ("DX", "RX"):
        own = [one for one in columns if one.startswith(f"{vocabulary}//") and not one.answer]
        if not any(one.rare for one in own):
            continue
        counted = chosen.select(own).values.sum(axis=1)
        there = [
            sum(e[0] == s and e[2].startswith(f"{vocabulary}//") for e in events) for s in range(6)
        ]
        assert np.asarray(counted).ravel().tolist() == there
    for row in range(6):
        for number, column in enumerate(columns):
            assert chosen.sources(row, column).height == chosen.values[row, number]
