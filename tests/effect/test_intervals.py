"""Widths: inflated by what held-out residuals show and by nothing else."""

from __future__ import annotations

import numpy as np

from osler.effect.intervals import MOST, STANDARD, half_widths, inflation


def test_honest_residuals_inflate_little() -> None:
    """Residuals that scatter as claimed leave the width, in the mean over samples."""
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        variance = rng.uniform(0.05, 0.5, 800)
        squared = (1 + variance) * rng.normal(size=800) ** 2
        found.append(inflation(squared, variance, np.ones(800)))
    assert np.mean(found) < 1.15 * STANDARD


def test_surfaces_too_sure_of_themselves_are_widened() -> None:
    """Errors four times the claimed variance widen intervals, up to a limit."""
    rng = np.random.default_rng(0)
    variance = rng.uniform(0.1, 1.0, 3000)
    squared = (1 + 4 * variance) * rng.normal(size=3000) ** 2
    found = inflation(squared, variance, np.ones(3000))
    assert 1.5 * STANDARD < found < 2.1 * STANDARD
    assert inflation(1000 * squared, variance, np.ones(3000)) <= MOST


def test_never_narrower() -> None:
    """Residuals smaller than claimed do not narrow an interval; a certain surface has its own."""
    assert inflation(np.zeros(100), np.ones(100), np.ones(100)) == STANDARD
    assert inflation(np.ones(100), np.zeros(100), np.ones(100)) == STANDARD


def test_half_width_is_the_normal_quantile() -> None:
    """At 95 % half a width is 1.96 standard errors."""
    np.testing.assert_allclose(
        half_widths(np.array([1.0, 2.0]), 0.95), [1.95996, 3.91993], atol=1e-4
    )
