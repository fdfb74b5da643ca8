"""Deleting reasons: what is known of no one is averaged over what others have."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from osler.errors import InputError, NotEstimable
from osler.evaluate import faithfulness
from osler.learn.deleting import delete_reasons

WEIGHTS = np.array([3.0, -2.0, 1.0, 0.5, 0.1, 0.0, 0.0, 0.0])


def rows(n: int, seed: int = 0) -> pl.DataFrame:
    """Return eight independent numbers for each of n rows."""
    cells = np.random.default_rng(seed).normal(size=(n, len(WEIGHTS)))
    return pl.DataFrame({f"x{j}": cells[:, j] for j in range(len(WEIGHTS))})


def linear(frame: pl.DataFrame) -> np.ndarray:
    """Return a prediction whose exact attributions are the weighted cells."""
    return frame.to_numpy() @ WEIGHTS


def test_exact_attributions_are_faithful() -> None:
    """Deleting what a linear model's exact attributions name moves it more than others do."""
    frame = rows(200)
    deleted = delete_reasons(linear, frame, frame.to_numpy() * WEIGHTS, named=2)
    found = faithfulness(deleted.whole, deleted.without_named, deleted.without_others)
    assert deleted.named == 2
    assert found.faithful
    assert found.share.value > 0.85
    assert found.difference.low < found.difference.value < found.difference.high
    assert found.named.value == pytest.approx(found.others.value + found.difference.value)


def test_attributions_of_others_are_not_called_faithful() -> None:
    """Attributions that name what does not matter are told not to be faithful."""
    frame = rows(200)
    wrong = np.abs(frame.to_numpy()) * (WEIGHTS == 0)
    deleted = delete_reasons(linear, frame, wrong, named=2)
    found = faithfulness(deleted.whole, deleted.without_named, deleted.without_others)
    assert not found.faithful
    assert found.difference.high < 0
    assert found.to_json()["faithful"] is False


def test_random_attributions_are_seldom_called_faithful() -> None:
    """Attributions drawn at random pass no oftener than chance allows."""
    frame = rows(120)
    passed = 0
    for seed in range(20):
        drawn = np.random.default_rng(seed).normal(size=frame.shape)
        deleted = delete_reasons(linear, frame, drawn, seed=seed)
        told = faithfulness(
            deleted.whole, deleted.without_named, deleted.without_others, bootstrap=200
        )
        passed += told.faithful
    assert passed <= 3


def test_a_deleted_column_no_longer_matters() -> None:
    """With all that matters deleted, the prediction is near the mean over the donors."""
    frame = rows(150)
    together = [[0, 1, 2, 3, 4], [5, 6, 7]]
    effects = frame.to_numpy() * WEIGHTS
    deleted = delete_reasons(linear, frame, effects, together=together, named=3)
    assert deleted.named == 1
    assert np.std(deleted.without_named) < np.std(deleted.whole) / 3
    assert np.allclose(deleted.without_others, deleted.whole[:, None])


def test_words_and_gaps_are_deleted_too() -> None:
    """Columns of words, truths and gaps are taken from donors with their types."""
    rng = np.random.default_rng(2)
    frame = pl.DataFrame(
        {
            "word": rng.choice(["a", "b"], 60),
            "truth": rng.random(60) < 0.5,
            "gap": pl.Series([None if one < 0 else float(one) for one in rng.normal(size=60)]),
        }
    )

    def predict(cells: pl.DataFrame) -> np.ndarray:
        assert cells.schema == frame.schema
        return (cells["word"] == "a").cast(pl.Float64).to_numpy()

    effects = np.tile([1.0, 0.1, 0.0], (60, 1))
    deleted = delete_reasons(predict, frame, effects)
    assert np.abs(deleted.without_named - deleted.whole).mean() > 0.3
    assert np.allclose(deleted.without_others, deleted.whole[:, None])


def test_one_reason_cannot_be_deleted_against_another() -> None:
    """With a single column or row there is nothing to compare with."""
    with pytest.raises(NotEstimable, match="at least two"):
        delete_reasons(linear, rows(10), np.zeros((10, 8)), together=[list(range(8))])
    with pytest.raises(NotEstimable, match="at least two"):
        delete_reasons(linear, rows(1), np.zeros((1, 8)))


def test_arrays_that_do_not_fit_are_refused_together() -> None:
    """Every fault of the arrays is told at once."""
    with pytest.raises(InputError) as caught:
        faithfulness([0.1, 0.2], [0.1], [[np.nan], [0.2]])
    assert "without_named" in str(caught.value)
    assert "without_others" in str(caught.value)
