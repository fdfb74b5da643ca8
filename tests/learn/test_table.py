"""What may be handed over as X."""

from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from osler import InputError
from osler.features import featurise
from osler.learn.encoding import Encoding
from osler.learn.table import Schema, as_frame
from osler.testing import patient


def test_same_content_same_frame():
    """Numpy objects, polars and pandas with the same content give the same frame."""
    content = {"a": [1.0, None, 3.0], "b": [True, False, None], "c": ["x", None, "y"]}
    first, named = as_frame(pl.DataFrame(content))
    second, _ = as_frame(pd.DataFrame(content))
    third, third_named = as_frame(np.array(list(zip(*content.values(), strict=True)), dtype=object))
    assert named
    assert not third_named
    assert first.equals(second)
    assert first.rows() == third.rows()


@pytest.mark.parametrize("kind", ["Int64", "boolean", "category", "string", "Float64"])
def test_pandas_extension_types(kind):
    """Pandas' own nullable types are read, with their missing values."""
    values = {"Int64": [1, None], "boolean": [True, None], "Float64": [1.5, None]}
    series = pd.Series(values.get(kind, ["u", None]), dtype=kind)
    frame, _ = as_frame(pd.DataFrame({"a": series}))
    assert frame["a"].null_count() == 1


def test_a_bare_sparse_matrix_is_refused():
    """A sparse matrix cannot tell zero from missing; the message says so."""
    with pytest.raises(InputError, match="FeatureMatrix"):
        as_frame(csr_matrix(np.eye(3)))


def test_something_with_to_frame_is_accepted():
    """A FeatureMatrix is taken through its frame."""

    class Matrix:
        values = csr_matrix(np.eye(2))
        columns = ("a", "b")

        def to_frame(self):
            return pl.DataFrame({"a": [1.0, None], "b": [0.0, 1.0]})

    frame, named = as_frame(Matrix())
    assert named
    assert frame["a"].null_count() == 1


def test_a_feature_matrix_of_other_rows_is_asked_for_the_fitted_columns():
    """A column that no new row has a cell in is empty there, not a fault."""
    when = datetime(2020, 6, 1)
    rows = pl.DataFrame({"subject_id": [0], "prediction_time": [when]})
    with_both = patient().lab("creatinine", 1.4, day=3).lab("sodium", 140, day=4).events()
    with_one = patient().lab("potassium", 4.0, day=3).lab("sodium", 141, day=4).events()
    first, second = (
        featurise(
            events, rows.with_columns(subject_id=events["subject_id"][:1]), ["full"], ["last"]
        )
        for events in (with_both, with_one)
    )
    schema = Schema.of(*as_frame(first))
    aligned, notes = schema.align(second)
    assert aligned.columns == [str(column) for column in first.columns]
    assert aligned.row(0).count(None) == 1
    assert "1 columns" in notes[0]


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(3),
        np.zeros((2, 2, 2)),
        np.array([[1.0, np.inf]]),
        np.array([[1.0, -1e300]]),
        np.zeros((3, 0)),
        pl.DataFrame(),
        np.array([[1.0, "a"], ["b", 2.0]], dtype=object),
        pl.DataFrame({"a": [[1], [2]]}),
        pl.DataFrame({"a": [None, 1.0], "when": pl.Series(["2020-01-01"] * 2).str.to_date()}),
        pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
    ],
)
def test_what_is_no_table_is_refused(bad):
    """One dimension, three, none, infinities, huge values, mixed types, dates: a clear error."""
    with pytest.raises(InputError):
        as_frame(bad)


def test_all_faults_at_once():
    """Every bad column is named in one error."""
    with pytest.raises(InputError) as caught:
        as_frame(pl.DataFrame({"a": [np.inf], "b": [[1]], "c": [1.0]}))
    assert len(caught.value.faults) == 2


def test_alignment_by_name():
    """Order does not matter, extra columns are noted, missing ones are named."""
    frame, named = as_frame(pl.DataFrame({"a": [1.0], "b": ["x"]}))
    schema = Schema.of(frame, named)
    aligned, notes = schema.align(pl.DataFrame({"c": [0], "b": ["y"], "a": [2]}))
    assert aligned.columns == ["a", "b"]
    assert "1 columns" in notes[0]
    with pytest.raises(InputError, match="'b'"):
        schema.align(pl.DataFrame({"a": [1.0]}))
    with pytest.raises(InputError, match="3 columns"):
        schema.align(np.zeros((1, 3)))


def test_a_column_of_another_kind_is_refused_unless_empty():
    """Words where numbers were learned are a fault; an empty column is only missing."""
    schema = Schema.of(*as_frame(pl.DataFrame({"a": [1.0], "b": ["x"], "c": [True]})))
    with pytest.raises(InputError, match="'a'"):
        schema.align(pl.DataFrame({"a": ["x"], "b": ["x"], "c": [True]}))
    aligned, _ = schema.align(pl.DataFrame({"a": [True], "b": [None], "c": [0.0]}))
    assert aligned.row(0) == (1.0, None, False)


def test_designs_know_their_columns():
    """Every design column belongs to an input column, and widths agree."""
    rng = np.random.default_rng(0)
    frame, named = as_frame(
        pl.DataFrame(
            {
                "number": np.where(rng.random(50) < 0.2, None, rng.normal(size=50)),
                "word": rng.choice(["u", "v", "w"], 50),
                "empty": pl.Series([None] * 50, dtype=pl.Float64),
                "constant": np.ones(50),
                "truth": rng.random(50) < 0.5,
            }
        )
    )
    encoding = Encoding.fit(frame, named)
    trees, linear = encoding.tree_design(frame), encoding.linear_design(frame)
    assert trees.shape == (50, len(encoding.tree_owner))
    assert linear.shape == (50, len(encoding.linear_owner))
    assert np.isfinite(linear).all()
    assert not set(encoding.linear_owner) & {2, 3}
    assert Encoding.from_json(encoding.to_json()) == encoding


def test_unseen_words_are_the_reference():
    """A level never seen in training has no indicator of its own, and no error."""
    frame, named = as_frame(pl.DataFrame({"word": ["u"] * 10 + ["v"] * 10}))
    encoding = Encoding.fit(frame, named)
    design = encoding.linear_design(pl.DataFrame({"word": ["new", None]}))
    np.testing.assert_array_equal(design, np.zeros((2, 2)))
