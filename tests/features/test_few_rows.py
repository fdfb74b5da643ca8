"""Few rows become a frame another way than many: the frame must be the same."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from osler.features import Column, FeatureMatrix
from osler.features.matrix import FEW_ROWS


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_few_rows_make_the_same_frame_as_among_many(seed: int) -> None:
    """Cells that are stored, zero or missing are the same in a few rows and among many."""
    rng = np.random.default_rng(seed)
    n = 2 * FEW_ROWS
    cells = rng.normal(size=(n, 4)) * (rng.random((n, 4)) < 0.4)
    values = sp.csr_array(cells)
    values.data[::7] = 0.0
    columns = tuple(Column("A", "30d", one) for one in ("count", "any", "last", "mean"))
    rows = pl.DataFrame({"subject_id": np.arange(n), "prediction_time": np.arange(n)})
    matrix = FeatureMatrix(values, columns, rows)
    taken = rng.permutation(n)[:5]
    assert_frame_equal(matrix.take(taken).to_frame(), matrix.to_frame()[taken])
