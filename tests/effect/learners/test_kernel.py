"""Kernels: the gradient is right, and columns that matter are told from those that do not."""

from __future__ import annotations

import numpy as np

from osler.effect.learners import kernel


def test_gradient_is_the_derivative() -> None:
    """The analytic gradient equals finite differences at a random point."""
    rng = np.random.default_rng(0)
    x, arm, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40), rng.normal(size=40)
    posterior = kernel._Posterior(x, arm, y, 2)
    at = kernel._start(3, 2) + 0.3 * rng.normal(size=16)
    step = 1e-5 * np.eye(len(at))
    numeric = [(posterior(at + d)[0] - posterior(at - d)[0]) / 2e-5 for d in step]
    np.testing.assert_allclose(posterior(at)[1], numeric, atol=1e-6)


def test_relevant_columns_are_found() -> None:
    """A column that bends the outcome has a shorter length than columns of noise."""
    rng = np.random.default_rng(1)
    x, arm = rng.normal(size=(200, 5)), rng.integers(0, 2, 200)
    y = np.sin(2 * x[:, 0]) + 0.2 * rng.normal(size=200)
    found = kernel.search(x, arm, (y - y.mean()) / y.std(), 2, 0)
    rate = found.shared.inverse_length
    assert rate[0] > 5 * rate[1:].max()
    assert found.noise < 0.5


def test_samples_are_balanced_over_arms() -> None:
    """A sample holds all of a small arm before more than its share of a large one."""
    arm = np.array([1] * 20 + [0] * 500)
    rows = kernel.balanced_rows(arm, 100, np.random.default_rng(0))
    assert len(rows) == len(np.unique(rows)) == 100
    assert (arm[rows] == 1).sum() == 20
    assert len(kernel.balanced_rows(arm, 1000, np.random.default_rng(0))) == 520


def test_what_is_not_positive_definite_is_told() -> None:
    """A matrix without a Cholesky factor has no inverse here."""
    assert kernel.inverted(-np.eye(3))[1] is None
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    inverse = kernel.inverted(matrix.copy())[1]
    assert inverse is not None
    np.testing.assert_allclose(inverse @ matrix, np.eye(2), atol=1e-12)
