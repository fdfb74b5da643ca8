"""Noise that differs between people is found; noise that does not is left as it is."""

from __future__ import annotations

import numpy as np

from osler.effect.learners.noise import relative_variance


def test_differing_noise_is_found() -> None:
    """Relative variances follow a column that scales the noise eightfold."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 3))
    truth = np.exp(x[:, 1])
    squared = truth * rng.normal(size=2000) ** 2
    found = relative_variance(x, np.zeros(2000, dtype=int), x[:, 0], squared)
    assert np.corrcoef(np.log(found), x[:, 1])[0, 1] > 0.95
    assert abs(found.mean() - 1) < 1e-9


def test_equal_noise_stays_equal() -> None:
    """Twenty samples of equal noise, normal or heavy-tailed, give nearly equal weights."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, arm = rng.normal(size=(500, 5)), rng.integers(0, 2, 500)
        for noise in (rng.normal(size=500), rng.standard_t(4, size=500)):
            assert relative_variance(x, arm, x[:, 0], noise**2).std() < 0.35


def test_few_rows_have_one_variance() -> None:
    """Below two hundred rows, or without residuals, nothing is estimated."""
    x = np.zeros((50, 1))
    assert (relative_variance(x, np.zeros(50, dtype=int), x[:, 0], np.ones(50)) == 1).all()
    x = np.zeros((300, 1))
    assert (relative_variance(x, np.zeros(300, dtype=int), x[:, 0], np.zeros(300)) == 1).all()
