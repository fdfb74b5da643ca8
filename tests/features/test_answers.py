"""Text values as categories: which texts are answers, and what their columns hold."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.errors import InputError
from osler.features import FeatureMatrix, featurise, featurise_shards
from osler.model import EVENT_SCHEMA
from osler.testing import DAY_ZERO, cohort, patient

ROW_SCHEMA = {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")}
LENGTHS = {"2d": timedelta(days=2), "5d": timedelta(days=5)}
AGGREGATIONS = ["count", "any", "first", "last", "time_since_last", "mean"]


def rows_of(*rows: tuple[int, float]) -> pl.DataFrame:
    """Return rows to predict for, by subject and day."""
    at = [(subject, DAY_ZERO + timedelta(days=day)) for subject, day in rows]
    return pl.DataFrame(at, schema=ROW_SCHEMA, orient="row")


def answer(subject: int, code: str, text: str, day: float | None = 0.0) -> pl.DataFrame:
    """Return one event with a text value."""
    return patient(subject_id=subject).event(code, text=text, day=day).events()


def stored(matrix: FeatureMatrix) -> dict[tuple[int, str], float]:
    """Return the cells of answers that the matrix stores."""
    cells = matrix.values.tocoo()
    names = [str(one) for one in matrix.columns]
    triples = zip(cells.row, cells.col, cells.data, strict=True)
    return {(int(r), names[c]): float(v) for r, c, v in triples if "//=" in names[c]}


# --- the definition, read plainly ---------------------------------------------------------------


def naive(events, rows, windows):
    """Compute every cell of every answer by walking over all events for each row."""
    ordered = sorted(events, key=lambda e: (e[1] is not None, e[1] or DAY_ZERO))
    cells = {}
    for i, (subject, t) in enumerate(rows):
        own = [e for e in ordered if e[0] == subject and e[4] is not None]
        for window in windows:
            seen = [e for e in own if e[1] is not None and e[1] <= t]
            if window != "full":
                seen = [e for e in seen if e[1] > t - LENGTHS[window]]
            _naive_cells(cells, i, window, seen, t)
        _naive_cells(cells, i, "static", [e for e in own if e[1] is None], t)
    return cells


def _naive_cells(cells, i, window, events, t):
    for code in {e[2] for e in events}:
        asked = [e for e in events if e[2] == code]
        for text in {e[4] for e in asked}:
            given = [e for e in asked if e[4] == text]
            name = f"{code}//={text}|{window}"
            cells[i, f"{name}|count"] = len(given)
            cells[i, f"{name}|any"] = 1
            if asked[0][4] == text:
                cells[i, f"{name}|first"] = 1
            if asked[-1][4] == text:
                cells[i, f"{name}|last"] = 1
            if window != "static":
                cells[i, f"{name}|time_since_last"] = (t - given[-1][1]) / timedelta(days=1)


subjects = st.sampled_from([-7, 3, 2**40])
moments = st.integers(0, 40).map(lambda h: DAY_ZERO + timedelta(hours=6 * h))
texts = st.sampled_from([None, "Never", "Current", "a|b // =c"])
event_rows = st.lists(
    st.tuples(
        subjects,
        st.one_of(st.none(), moments),
        st.sampled_from(["SMOKING", "LAB//a"]),
        st.one_of(st.none(), st.just(2.0)),
        texts,
    ),
    max_size=40,
)
asked_rows = st.lists(st.tuples(st.one_of(subjects, st.just(99)), moments), max_size=8)


@settings(max_examples=80, deadline=None)
@given(event_rows, asked_rows, st.booleans())
def test_every_cell_of_an_answer_equals_the_plain_definition(events, rows, categorical):
    """For ties, repeated rows, static events and every window, answers are as defined."""
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    if categorical:
        kinds = [pl.col("code", "text_value").cast(pl.Categorical())]
        frame = frame.with_columns(kinds)
    asked = pl.DataFrame(rows, schema=ROW_SCHEMA, orient="row")
    matrix = featurise(frame, asked, ["full", "2d", "5d"], AGGREGATIONS)
    assert stored(matrix) == pytest.approx(naive(events, rows, ["full", "2d", "5d"]))
    assert list(matrix.columns) == sorted(matrix.columns, key=lambda one: one.order)


@settings(max_examples=25, deadline=None)
@given(event_rows, asked_rows)
def test_texts_change_no_cell_of_a_code(events, rows):
    """With and without texts the columns of codes are the same, and without there are no more."""
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    asked = pl.DataFrame(rows, schema=ROW_SCHEMA, orient="row")
    with_text = featurise(frame, asked, ["full", "2d"], AGGREGATIONS)
    without = featurise(frame, asked, ["full", "2d"], AGGREGATIONS, text=False)
    assert list(without.columns) == [one for one in with_text.columns if one.answer is None]
    assert without.to_frame().equals(with_text.select(without.columns).to_frame())


@settings(max_examples=25, deadline=None)
@given(event_rows, asked_rows)
def test_sources_of_an_answer_are_as_many_as_it_counts(events, rows):
    """Behind each count lie that many events, all with the code and the text."""
    frame = pl.DataFrame(events, schema=EVENT_SCHEMA, orient="row")
    asked = pl.DataFrame(rows, schema=ROW_SCHEMA, orient="row")
    matrix = featurise(frame, asked, ["full", "2d"], ["count"])
    for (row, name), count in stored(matrix).items():
        found = matrix.sources(row, name)
        assert found.height == count
        code, _, text = name.rsplit("|", 2)[0].partition("//=")
        assert set(found["code"]) == {code}
        assert set(found["text_value"]) == {text}


# --- one by one ---------------------------------------------------------------------------------


def test_an_answer_has_columns_of_its_own_beside_those_of_its_code():
    """The latest answer is the one that holds; the count of the code tells that there was one."""
    events = pl.concat(
        [answer(1, "SMOKING", "Current"), answer(1, "SMOKING", "Never", 5), answer(2, "X", "Y")]
    )
    matrix = featurise(events, rows_of((1, 6), (2, 6)), ["full"], ["count", "last"])
    assert list(matrix.columns) == [
        "SMOKING|full|count",
        "SMOKING//=Current|full|count",
        "SMOKING//=Never|full|count",
        "SMOKING//=Never|full|last",
        "X|full|count",
        "X//=Y|full|count",
        "X//=Y|full|last",
    ]
    frame = matrix.select(["SMOKING//=Current|full|last", "SMOKING//=Never|full|last"]).to_frame()
    assert frame.rows() == [(0, 1), (0, 0)]
    never = matrix.columns[3]
    assert (never.answer, never.unit, never.cell_unit, never.code) == (
        "Never",
        None,
        None,
        "SMOKING//=Never",
    )


def test_blanks_do_not_make_another_answer_and_notes_are_none():
    """Blanks at the ends and between words do not count; long texts and lines are not read."""
    events = pl.concat(
        [
            answer(1, "SMOKING", " Former  smoker "),
            answer(1, "SMOKING", "Former smoker", 1),
            answer(1, "NOTE", "x" * 61),
            answer(1, "NOTE", "one line\nand another"),
            answer(1, "NOTE", "   "),
        ]
    )
    matrix = featurise(events, rows_of((1, 6)), ["full"], ["count"])
    assert stored(matrix) == {(0, "SMOKING//=Former smoker|full|count"): 2.0}
    assert matrix.sources(0, "SMOKING//=Former smoker|full|count").height == 2


def test_a_text_that_writes_the_value_is_no_answer():
    """`7.2` beside 7.2 says nothing new; `>90` beside 90 and a bare `2` do."""
    one = patient().event("LAB//x", 7.2, text="7.2").event("LAB//y", 90, text=">90")
    matrix = featurise(one.event("GRADE", text="2").events(), rows_of((1, 1)), ["full"], ["count"])
    assert {name for _, name in stored(matrix)} == {
        "GRADE//=2|full|count",
        "LAB//y//=>90|full|count",
    }


def test_labels_of_variants_are_no_answers():
    """The text of a mutation repeats the variant beside it."""
    one = patient().event("MUTATION//TP53", text="p.R175H").events()
    assert stored(featurise(one, rows_of((1, 1)), ["full"], ["count"])) == {}


def test_exclusion_holds_for_answers():
    """A pattern may name one answer, and an excluded code has none."""
    events = pl.concat([answer(1, "SMOKING", "Unknown"), answer(1, "ALCOHOL", "None")])
    asked = rows_of((1, 1))
    matrix = featurise(events, asked, ["full"], ["any"], exclude=["SMOKING//=Unknown", "ALCOHOL"])
    assert list(matrix.columns) == ["SMOKING|full|any"]


def test_a_code_that_looks_like_an_answer_is_refused():
    """The mark of answers must not stand in a code, or columns could not be told apart."""
    with pytest.raises(InputError, match="//="):
        featurise(patient().event("A//=B").events(), rows_of((1, 1)))


def test_shards_with_different_answers_join():
    """Each shard has its own answers; together they are the answers of the whole."""
    parts = [
        (answer(1, "S", "a"), rows_of((1, 1))),
        (cohort(patient(subject_id=2).event("S")), rows_of((2, 1))),
        (answer(3, "S", "b"), rows_of((3, 1))),
    ]
    whole = featurise(
        pl.concat([events for events, _ in parts]),
        pl.concat([rows for _, rows in parts]),
        ["full"],
        ["last", "count"],
    )
    joined = featurise_shards(parts, ["full"], ["last", "count"])
    assert joined.columns == whole.columns
    assert joined.to_frame().equals(whole.to_frame())
    assert FeatureMatrix.concat([joined, whole]).columns == whole.columns


def test_an_answer_that_all_events_of_its_code_have_says_nothing_more():
    """A diagnosis with its name as text is one column, not two."""
    events = pl.concat([answer(s, "DX//c", "Carcinoma") for s in (1, 2)])
    rows = rows_of((1, 1), (2, 1))
    matrix = featurise(events, rows, ["full"], ["count", "last"])
    assert matrix.frequent_columns() == ("DX//c|full|count",)
    mixed = featurise(
        pl.concat([events, cohort(patient(subject_id=3).event("DX//c"))]),
        rows_of((1, 1), (2, 1), (3, 1)),
        ["full"],
        ["count"],
    )
    assert "DX//c//=Carcinoma|full|count" in mixed.frequent_columns()


def test_a_new_answer_at_prediction_is_told_and_changes_nothing_else():
    """A model's columns are filled as before; how many rows have an unknown answer is said."""
    known = ["S//=a|full|last", "S//=b|full|last", "S|full|count"]
    events = pl.concat([answer(1, "S", "a"), answer(2, "S", "zz"), answer(3, "T", "new")])
    matrix = featurise(events, rows_of((1, 1), (2, 1), (3, 1)), ["full"], ["count", "last"])
    assert matrix.select(known).to_frame().rows() == [(1, 0, 1), (0, 0, 1), (0, 0, 0)]
    assert matrix.unknown_answers(known) == {"S": 1}
