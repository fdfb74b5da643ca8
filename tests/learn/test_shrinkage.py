"""Penalties of linear predictors: units of 0/1 columns, many columns, few columns that matter."""

import numpy as np
import pytest

from osler.learn.clock import Clock
from osler.learn.linear import ridge
from osler.learn.losses import CoxLoss, LogisticLoss
from osler.learn.shrinkage import MOST_COLUMNS, search_penalty


def _survival(eta, seed=0):
    """Return the loss of event times whose log hazard is `eta`, a third of them censored."""
    rng = np.random.default_rng(seed)
    return CoxLoss(rng.exponential(np.exp(-eta)), rng.random(len(eta)) < 2 / 3)


def _folds(rows):
    return [np.arange(rows) % 5 == fold for fold in range(5)]


def _searched(design, loss):
    none = np.zeros(design.shape[1], dtype=bool)
    folds = search_penalty(design, loss, _folds(len(design)), none, Clock(None))
    return folds, folds.refit(design, loss, none)


@pytest.mark.parametrize("kind", ["survival", "label"])
def test_many_columns_are_all_used_and_as_plain_ridge_would(kind):
    """With more columns than rows, the turned design gives ridge on every column."""
    rng = np.random.default_rng(1)
    design = rng.normal(size=(60, MOST_COLUMNS + 40))
    design[:, 0] = rng.random(60) < 0.5
    loss = _survival(design[:, 1])
    if kind == "label":
        loss = LogisticLoss((rng.random(60) < 0.4).astype(float))
    folds, fit = _searched(design, loss)
    direct = ridge(design - design.mean(axis=0), loss, fit.penalty)
    assert len(fit.columns) == design.shape[1]
    np.testing.assert_allclose(fit.fit.coefficients, direct.coefficients, atol=1e-5)
    columns, covariance = fit.information(design, loss)
    assert covariance.shape == (MOST_COLUMNS, MOST_COLUMNS)
    assert len(columns) == MOST_COLUMNS
    assert folds.penalty > 0


def test_a_sign_weighs_as_much_as_a_number():
    """A balanced 0/1 column, and the same in units of its deviation, predict alike."""
    rng = np.random.default_rng(2)
    sign = (np.arange(200) % 2).astype(float)
    number = rng.normal(size=200)
    loss = _survival(sign + 0.3 * number)
    _, plain = _searched(np.column_stack([sign, number]), loss)
    _, scaled = _searched(np.column_stack([2 * sign - 1, number]), loss)
    assert plain.full(2)[0] == pytest.approx(2 * scaled.full(2)[0], rel=1e-6)
    assert plain.full(2)[1] == pytest.approx(scaled.full(2)[1], rel=1e-6)


def test_noise_columns_are_left_out_where_one_says_everything():
    """A lasso comes on top of ridge where a single column nearly is the outcome."""
    rng = np.random.default_rng(3)
    design = rng.normal(size=(120, 30))
    folds, fit = _searched(design, _survival(3 * design[:, 0]))
    coefficients = fit.full(30)
    assert folds.share > 0
    assert np.sum(coefficients == 0) > 10
    assert coefficients[0] > 1


def test_no_lasso_where_all_columns_say_a_little():
    """Small effects everywhere stay with ridge, which keeps every column."""
    rng = np.random.default_rng(4)
    design = rng.normal(size=(200, 12))
    folds, fit = _searched(design, _survival(design.sum(axis=1) * 0.25))
    assert folds.share == 0
    assert (fit.full(12) != 0).all()
