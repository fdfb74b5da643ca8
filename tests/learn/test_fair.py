"""The penalty on disparities is what it says, and bends a model as far as it is asked to."""

import numpy as np
import pytest

from osler.learn.fair import AIMS, NOT_COMPARED, Aim, FairLoss, compared_groups
from osler.learn.losses import LogisticLoss, expit


def _drawn(n=80, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random(n) < 0.4).astype(float), rng.integers(-1, 3, n), rng.normal(size=n)


@pytest.mark.parametrize("kind", AIMS)
def test_gradient_is_that_of_the_value(kind):
    """Finite differences of the value agree with the first derivative, row by row."""
    label, group, eta = _drawn()
    loss = FairLoss(label, group, Aim(kind, 2.0))
    step = 1e-6
    found = [
        (loss.value(eta + step * one) - loss.value(eta - step * one)) / (2 * step)
        for one in np.eye(len(eta))
    ]
    np.testing.assert_allclose(loss.curvature(eta)[0], found, atol=1e-5)


@pytest.mark.parametrize("kind", AIMS)
def test_diagonal_bounds_the_curvature_that_newton_uses(kind):
    """The diagonal less the matrix has no negative eigenvalue."""
    label, group, eta = _drawn()
    loss = FairLoss(label, group, Aim(kind, 2.0))
    full = loss.hessian(eta, np.eye(len(eta)))
    assert np.linalg.eigvalsh(np.diag(loss.curvature(eta)[1]) - full).min() > -1e-9
    assert np.linalg.eigvalsh(full).min() > 0


def test_disparities_are_differences_of_means():
    """By hand: a group's mean risk among those with the event, less everyone's."""
    label = np.array([1.0, 1, 0, 1, 0, 0])
    group = np.array([0, 0, 0, 1, 1, NOT_COMPARED])
    eta = np.array([0.0, 1, 5, -1, 5, 5])
    p = expit(eta)
    everyone = p[[0, 1, 3]].mean()
    expected = [p[[0, 1]].mean() - everyone, p[3] - everyone]
    found = FairLoss(label, group, Aim("equal_opportunity", 1.0)).disparities(eta)
    np.testing.assert_allclose(found, expected)
    within = FairLoss(label, group, Aim("calibration_within_groups", 1.0)).disparities(eta)
    np.testing.assert_allclose(within, [p[:3].mean() - 2 / 3, p[3:5].mean() - 0.5])


def test_nobody_compared_is_the_plain_likelihood():
    """Without groups the loss is the logistic one."""
    label, _, eta = _drawn()
    loss = FairLoss(label, np.full(len(label), NOT_COMPARED), Aim(AIMS[0], 5.0))
    assert loss.value(eta) == pytest.approx(LogisticLoss(label).value(eta))
    assert loss.subset(label == 1).value(eta[label == 1]) > 0


def test_small_and_missing_groups_are_not_compared():
    """Two members are too few, a missing label is nobody's group; both are told apart."""
    label = np.array([0.0, 1.0] * 22)
    names = ["a"] * 20 + ["b"] * 20 + ["c", "c", None, float("nan")]
    group, small = compared_groups(label, names)
    assert small == ("c",)
    assert (group[-4:] == NOT_COMPARED).all()
    assert len(set(group[:40].tolist())) == 2
