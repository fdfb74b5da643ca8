"""Covariates as columns: standardised, gaps marked, extremes held, the strongest kept."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from osler.effect.learners import columns as module
from osler.effect.learners.columns import SurfaceColumns
from osler.learn.table import as_frame


def test_numbers_words_and_gaps() -> None:
    """Numbers are standardised, words one column a level, gaps at the mean with an indicator."""
    rng = np.random.default_rng(0)
    age = [None if i % 10 == 0 else float(v) for i, v in enumerate(rng.normal(60, 10, 200))]
    frame, named = as_frame(
        pl.DataFrame({"age": age, "site": ["a", "b"] * 100, "same": [1.0] * 200})
    )
    fitted = SurfaceColumns.fit(frame, named)
    design = fitted.design(frame)
    assert design.shape == (200, 4)  # age, two sites, age is missing
    present = np.arange(200) % 10 != 0
    assert abs(design[present, 0].std() - 1) < 1e-9
    assert (design[~present, 0] == 0).all()
    np.testing.assert_array_equal(design[:, 3], ~present)
    far = frame.with_columns(pl.lit(1e6).alias("age"))
    assert fitted.design(far)[:, 0].max() == module.MOST_DEVIATIONS


def test_json_brings_back_the_same_columns() -> None:
    """A design rebuilt from JSON is the same."""
    frame, named = as_frame(np.random.default_rng(0).normal(size=(50, 3)))
    fitted = SurfaceColumns.fit(frame, named)
    again = SurfaceColumns.from_json(fitted.to_json())
    np.testing.assert_array_equal(again.design(frame), fitted.design(frame))


def test_only_the_strongest_of_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more columns than can be used, those tied to the outcome within an arm stay."""
    monkeypatch.setattr(module, "MOST_COLUMNS", 5)
    rng = np.random.default_rng(1)
    x, arm = rng.normal(size=(300, 40)), rng.integers(0, 2, 300)
    frame, named = as_frame(x)
    fitted = SurfaceColumns.fit(frame, named)
    kept = fitted.screened(fitted.design(frame), arm, x[:, 7] - 3 * x[:, 31] * arm)
    assert kept.width == 5
    assert {7, 31} <= set(kept.chosen.tolist())
