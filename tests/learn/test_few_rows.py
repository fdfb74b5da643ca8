"""Few rows go another way to their designs than many: the result must be the same."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.errors import InputError
from osler.learn.encoding import FEW_ROWS, Encoding
from osler.learn.table import as_frame


def people(rows: int, seed: int) -> pl.DataFrame:
    """Return numbers with and without gaps, a constant, a seldom finding, truths and words."""
    rng = np.random.default_rng(seed)
    gaps = rng.normal(size=rows)
    gaps[rng.random(rows) < 0.2] = np.nan
    return pl.DataFrame(
        {
            "size": rng.gamma(2, 10, size=rows),
            "gaps": gaps,
            "whole": rng.integers(0, 4, size=rows),
            "constant": np.ones(rows),
            "seldom": (rng.random(rows) < 0.04).astype(float),
            "truth": rng.random(rows) < 0.5,
            "word": rng.choice(["a", "b", "c"], size=rows),
            "tall": rng.normal(170, 10, size=rows),
        }
    ).with_columns(pl.when(pl.col("size") > 3).then(pl.col("truth")).alias("truth"))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_a_row_alone_gets_the_design_that_it_gets_among_many(seed: int) -> None:
    """Every row's two designs are the same but for rounding, alone and among many."""
    frame, named = as_frame(people(3 * FEW_ROWS, seed))
    encoding = Encoding.fit(frame, named)
    linear, trees = encoding.linear_design(frame), encoding.tree_design(frame)
    for row in (0, 7, frame.height - 1):
        alone = encoding.schema.align(people(3 * FEW_ROWS, seed)[row])[0]
        assert np.abs(encoding.linear_design(alone)[0] - linear[row]).max() < 1e-12
        assert np.array_equal(encoding.tree_design(alone)[0], trees[row], equal_nan=True)


@pytest.mark.parametrize("rows", [1, FEW_ROWS, FEW_ROWS + 1])
def test_few_and_many_rows_become_the_same_numbers(rows: int) -> None:
    """NaN becomes null and whole numbers become floats, however many rows there are."""
    given_frame = pl.DataFrame(
        {"a": [float("nan")] * rows, "b": [3] * rows, "c": [None] * rows, "d": [True] * rows}
    )
    frame, _ = as_frame(given_frame)
    assert frame["a"].null_count() == rows
    assert frame["c"].null_count() == rows
    assert frame["b"].dtype == pl.Float64
    assert frame["b"].to_list() == [3.0] * rows
    assert frame["d"].dtype == pl.Boolean


@pytest.mark.parametrize("rows", [1, FEW_ROWS + 1])
@pytest.mark.parametrize("value", [float("inf"), -1e60])
def test_few_and_many_rows_refuse_the_same(rows: int, value: float) -> None:
    """An infinite or huge number is refused in one row as in many."""
    with pytest.raises(InputError, match="numbers"):
        as_frame(pl.DataFrame({"a": [value] * rows}))
