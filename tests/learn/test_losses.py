"""Cox and logistic losses against differences, against lifelines, and with late entry."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter

from osler.learn.linear import ridge
from osler.learn.losses import CoxLoss, LogisticLoss


def _sample(seed, n=60, ties=True, late=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    time = rng.exponential(np.exp(-x @ [0.5, -0.3, 0.0])) * 5
    time = np.ceil(time) if ties else time
    happened = rng.random(n) < 0.7
    entry = np.floor(rng.random(n) * time * 0.9) if late else None
    if late and not ties:
        entry = rng.random(n) * time * 0.9
    return x, time, happened, entry


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("late", [False, True])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_cox_derivatives(ties, late, seed):
    """First and second derivatives agree with differences of the value, ties and entry or not."""
    x, time, happened, entry = _sample(seed, late=late)
    loss = CoxLoss(time, happened, entry, ties)
    b = np.array([0.2, -0.1, 0.4])
    gradient = x.T @ loss.curvature(x @ b)[0]
    numeric, curved = np.zeros(3), np.zeros((3, 3))
    for j, step in enumerate(np.eye(3) * 1e-5):
        numeric[j] = (loss.value(x @ (b + step)) - loss.value(x @ (b - step))) / 2e-5
        ahead, behind = (x.T @ loss.curvature(x @ (b + s))[0] for s in (step, -step))
        curved[j] = (ahead - behind) / 2e-5
    np.testing.assert_allclose(gradient, numeric, atol=1e-4)
    np.testing.assert_allclose(loss.hessian(x @ b, x), curved, atol=1e-4)


def test_cox_diagonal_is_that_of_the_full_second_derivative():
    """The diagonal that boosting uses is the diagonal of the full matrix over rows."""
    _, time, happened, entry = _sample(3, n=25, late=True)
    loss = CoxLoss(time, happened, entry)
    eta = np.random.default_rng(0).normal(size=25)
    full = loss.hessian(eta, np.eye(25))
    np.testing.assert_allclose(loss.curvature(eta)[1], np.maximum(np.diag(full), 1e-12), atol=1e-9)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # lifelines 0.30 with pandas 3
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("penalty", [0.0, 0.05])
@pytest.mark.parametrize("late", [False, True])
def test_ridge_cox_agrees_with_lifelines(penalty, late):
    """Coefficients at a fixed penalty equal those of lifelines 0.30 (Efron ties)."""
    x, time, happened, entry = _sample(7, n=150, late=late)
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    table = pd.DataFrame(x, columns=["a", "b", "c"]).assign(time=time, happened=happened)
    options = {}
    if late:
        table["entry"] = entry
        options["entry_col"] = "entry"
    oracle = CoxPHFitter(penalizer=penalty).fit(table, "time", "happened", **options)
    fit = ridge(x, CoxLoss(time, happened, entry), np.full(3, penalty * len(x)))
    np.testing.assert_allclose(fit.coefficients, oracle.params_.to_numpy(), atol=2e-4)


def test_logistic_ridge_agrees_with_scikit_learn():
    """Coefficients and intercept equal scikit-learn's at the same penalty."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = (x[:, 0] + rng.normal(size=200) > 0.5).astype(float)
    oracle = LogisticRegression(C=0.5, tol=1e-8).fit(x, y)
    fit = ridge(x, LogisticLoss(y), np.full(3, 2.0))
    np.testing.assert_allclose(fit.coefficients, oracle.coef_[0], atol=1e-4)
    assert fit.intercept == pytest.approx(oracle.intercept_[0], abs=1e-4)


def test_no_event_is_no_information():
    """Without events the loss is zero and flat."""
    loss = CoxLoss(np.array([1.0, 2.0]), np.array([False, False]))
    assert loss.value(np.array([3.0, -3.0])) == 0.0
    np.testing.assert_array_equal(loss.hessian(np.zeros(2), np.eye(2)), np.zeros((2, 2)))


def test_separation_stays_finite():
    """A column that is the outcome gives finite coefficients under a penalty."""
    y = np.repeat([0.0, 1.0], 50)
    fit = ridge(y[:, None], LogisticLoss(y), np.array([0.3]))
    assert np.isfinite(fit.coefficients).all()
