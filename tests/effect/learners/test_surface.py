"""Surfaces: the finite columns stand for the kernels, and the posterior is Bayes' rule."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.effect.learners.basis import Basis, Part
from osler.effect.learners.kernel import INTERCEPT_VARIANCE, Kernel, Kernels
from osler.effect.learners.surface import (
    Scales,
    Surface,
    held_out,
    refine,
    sums,
    whole,
)


def kernels(columns: int, arms: int = 2) -> Kernels:
    """Make the same kernel for every part."""
    one = Kernel(np.full(columns, 0.5), 0.7, 0.4)
    return Kernels(one, (one,) * arms, 0.5)


def test_columns_stand_for_the_kernel() -> None:
    """Inner products of enough waves, the tilt and the intercept are the kernel's covariance."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3))
    one = kernels(3).shared
    columns = Part.of(one, 4000, (), rng).columns(x)
    apart = ((x[:, None] - x[None]) ** 2).sum(axis=2) * 0.25
    exact = 0.49 * np.exp(-apart / 2) + 0.16 * 0.25 * x @ x.T + INTERCEPT_VARIANCE
    np.testing.assert_allclose(columns @ columns.T, exact, atol=0.05)


def test_no_own_value_is_a_knot() -> None:
    """Jumps lie between values that people have."""
    x = np.random.default_rng(0).normal(size=(300, 2))
    basis = Basis.of(kernels(2), x, 0)
    assert len(basis.shared.knots) == 2
    for column, at in basis.shared.knots:
        assert not np.isin(at, x[:, column]).any()


def test_many_arms_stay_tractable() -> None:
    """Twenty arms have fewer columns each, so that all together can be inverted."""
    x = np.random.default_rng(0).normal(size=(60, 10))
    assert Basis.of(kernels(10, arms=20), x, 0).width < 2500
    assert Basis.of(kernels(10, arms=2), x, 0).width > 1000


def test_basis_survives_its_arrays() -> None:
    """A basis rebuilt from its arrays makes the same columns."""
    x = np.random.default_rng(0).normal(size=(50, 2))
    basis = Basis.of(kernels(2), x, 0)
    again = Basis.from_arrays(basis.arrays(), 2)
    assert again.width == basis.width
    for old, new in zip(basis.parts, again.parts, strict=True):
        np.testing.assert_array_equal(old.columns(x), new.columns(x))


def test_posterior_is_bayes_rule() -> None:
    """Mean and variance of an effect equal those of the Gaussian process with that covariance."""
    rng = np.random.default_rng(2)
    x, arm, y = rng.normal(size=(60, 2)), rng.integers(0, 2, 60), rng.normal(size=60)
    basis = Basis.of(kernels(2), x, 0)
    scales = Scales(np.ones(basis.width), 0.3)
    surface = Surface.of(basis, sums(basis, x, arm, y, np.ones(60)), scales)
    mean, variance = surface.effect(x[:5], 1, 0)
    shared, own = basis.shared.columns(x), [part.columns(x) for part in basis.arms]
    covariance = shared @ shared.T + 0.3 * np.eye(60)
    for one, columns in enumerate(own):
        mine = columns * (arm == one)[:, None]
        covariance += mine @ mine.T
    cross = own[1][:5] @ (own[1] * (arm == 1)[:, None]).T
    cross = cross - own[0][:5] @ (own[0] * (arm == 0)[:, None]).T
    prior = (own[1][:5] ** 2).sum(axis=1) + (own[0][:5] ** 2).sum(axis=1)
    np.testing.assert_allclose(mean, cross @ np.linalg.solve(covariance, y), atol=1e-8)
    left = prior - np.einsum("ij,ji->i", cross, np.linalg.solve(covariance, cross.T))
    np.testing.assert_allclose(variance, left, atol=1e-8)


@given(st.integers(1, 39))
@settings(max_examples=10)
def test_sums_add_up(cut: int) -> None:
    """Sums of two parts of the rows add to those of all, wherever they are cut."""
    rng = np.random.default_rng(3)
    x, arm, y = rng.normal(size=(40, 2)), rng.integers(0, 3, 40), rng.normal(size=40)
    basis = Basis.of(kernels(2, arms=3), x, 0)
    weight = rng.uniform(0.5, 2, 40)
    both = whole(
        [sums(basis, x[s], arm[s], y[s], weight[s]) for s in (slice(cut), slice(cut, None))]
    )
    every = sums(basis, x, arm, y, weight)
    np.testing.assert_allclose(both.gram, every.gram, atol=1e-9)
    np.testing.assert_allclose(every.gram, every.gram.T, atol=1e-9)
    np.testing.assert_allclose(both.moment, every.moment, atol=1e-9)
    assert both.rows == every.rows == 40


def test_a_constant_effect_shrinks_to_a_constant() -> None:
    """Where arms differ by a constant, scales of the arms' own waves fall and effects agree."""
    rng = np.random.default_rng(4)
    x, arm = rng.normal(size=(800, 3)), rng.integers(0, 2, 800)
    y = x[:, 0] + 0.8 * arm + 0.5 * rng.normal(size=800)
    basis = Basis.of(kernels(3), x, 0)
    found = sums(basis, x, arm, y, np.ones(800))
    scales = refine(basis, found, 0.25)
    before, _ = Surface.of(basis, found, Scales(np.ones(basis.width), 0.25)).effect(x, 1, 0)
    after, variance = Surface.of(basis, found, scales, cautious=True).effect(x, 1, 0)
    assert after.std() < 0.85 * before.std()
    assert abs(scales.noise - 0.25) < 0.05
    assert np.mean(np.abs(after - 0.8) < 1.96 * np.sqrt(variance)) > 0.9


def test_held_out_rows_are_not_seen() -> None:
    """Changing a fold's outcomes leaves its own held-out levels as they were."""
    rng = np.random.default_rng(5)
    x, arm, y = rng.normal(size=(90, 2)), rng.integers(0, 2, 90), rng.normal(size=90)
    basis, scales = Basis.of(kernels(2), x, 0), None
    fold = np.arange(90) % 3

    def levels(outcome: np.ndarray) -> np.ndarray:
        parts = [
            (m, sums(basis, x[m], arm[m], outcome[m], np.ones(30)))
            for m in (fold == k for k in range(3))
        ]
        return held_out(basis, x, arm, parts, scales or Scales(np.ones(basis.width), 1.0)).level

    changed = np.where(fold == 0, y + 100, y)
    np.testing.assert_allclose(levels(y)[fold == 0], levels(changed)[fold == 0], atol=1e-6)
    assert np.abs(levels(y) - levels(changed))[fold == 1].max() > 1
