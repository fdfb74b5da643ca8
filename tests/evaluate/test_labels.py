"""Metrics of a probability beside scikit-learn, and at their edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    precision_recall_curve,
    roc_auc_score,
)

from osler import InputError, NotEstimable
from osler.evaluate import binary


def sample(n, seed=0, spread=1.0):
    """Return outcomes and probabilities that are true when spread is 1."""
    rng = np.random.default_rng(seed)
    place = rng.normal(-1, 1, n)
    y = rng.random(n) < 1 / (1 + np.exp(-place))
    return y.astype(int), 1 / (1 + np.exp(-spread * place))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.1, 0.3, 0.5, 0.9])), min_size=2, max_size=40
    ).filter(lambda rows: len({label for label, _ in rows}) == 2)
)
def test_ranks_and_errors_are_those_of_scikit_learn(rows):
    """With any ties, AUROC, average precision, Brier, log loss and min(Se, PPV) agree."""
    y, p = np.array([one for one, _ in rows], int), np.array([one for _, one in rows])
    found = binary(y, p, bootstrap=0)
    precision, recall, _ = precision_recall_curve(y, p)
    expected = {
        "auroc": roc_auc_score(y, p),
        "average_precision": average_precision_score(y, p),
        "brier": brier_score_loss(y, p),
        "log_loss": log_loss(y, p),
        "min_sensitivity_precision": np.minimum(precision, recall).max(),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value), name


def test_slope_is_that_of_a_logistic_regression():
    """Slope is the coefficient of a logistic regression on the logit of the prediction."""
    y, p = sample(800, seed=1, spread=1.7)
    logit = np.log(p / (1 - p))[:, None]
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(logit, y)
    slope = binary(y, p, bootstrap=50)["calibration_slope"]
    assert slope.value == pytest.approx(fitted.coef_[0, 0], abs=1e-4)
    assert slope.low < slope.value < slope.high < 1


def test_true_probabilities_are_calibrated():
    """Slope 1, intercept 0, O/E 1 and a small ICI, all within their intervals."""
    y, p = sample(5000, seed=2)
    found = binary(y, p, bootstrap=100)
    assert found["calibration_slope"].low < 1 < found["calibration_slope"].high
    assert found["calibration_intercept"].low < 0 < found["calibration_intercept"].high
    assert found["oe"].low < 1 < found["oe"].high
    assert found["ici"].value < 0.02
    assert all(one.low <= one.value <= one.high for one in found.values())


def test_thresholds_count_what_is_flagged():
    """Sensitivity, specificity, predictive values, flagged share and net benefit by hand."""
    y, p = [1, 1, 0, 0, 0], [0.9, 0.2, 0.6, 0.1, 0.5]
    found = binary(y, p, thresholds=[0.5], bootstrap=20)
    expected = {
        "sensitivity": 1 / 2,
        "specificity": 1 / 3,
        "ppv": 1 / 3,
        "npv": 1 / 2,
        "flagged": 3 / 5,
        "net_benefit": 1 / 5 - 2 / 5,
    }
    for name, value in expected.items():
        assert found[f"{name}_at_0.5"].value == pytest.approx(value)


def test_a_threshold_that_flags_nobody_has_no_ppv():
    """PPV is NaN with its reason, the rest stands."""
    found = binary([1, 0, 0], [0.5, 0.2, 0.1], thresholds=[0.9], bootstrap=10)
    assert "nobody is flagged" in found["ppv_at_0.9"].meaning
    assert found["sensitivity_at_0.9"].value == 0
    assert found["net_benefit_at_0.9"].value == 0


def test_a_cut_chosen_elsewhere_is_not_optimistic():
    """At a given cut the smaller of sensitivity and precision is that of the cut."""
    y, p = [1, 1, 0, 0, 0], [0.9, 0.2, 0.6, 0.1, 0.5]
    given_cut = binary(y, p, threshold=0.55, bootstrap=10)["min_sensitivity_precision"]
    best = binary(y, p, bootstrap=10)["min_sensitivity_precision"]
    assert given_cut.value == 0.5
    assert "given cut 0.55" in given_cut.meaning
    assert best.value >= given_cut.value
    assert "optimistic" in best.meaning
    nobody = binary(y, p, threshold=1.0, bootstrap=10)["min_sensitivity_precision"]
    assert nobody.value == 0


def test_perfect_separation_has_no_slope_but_an_auroc():
    """A regression that cannot settle says so."""
    y, p = np.repeat([0, 1], 50), np.linspace(0.05, 0.95, 100)
    found = binary(y, p, bootstrap=20)
    assert found["auroc"].value == 1
    assert "did not settle" in found["calibration_slope"].meaning
    assert np.isfinite(found["ici"].value)


def test_both_columns_of_probabilities_will_do():
    """An (n, 2) array of scikit-learn's predict_proba is read by its second column."""
    y, p = sample(100)
    both = np.column_stack([1 - p, p])
    assert binary(y, both, bootstrap=5) == binary(y, p, bootstrap=5)


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([], [], "no rows"),
        ([0, 1, 2], [0.1, 0.2, 0.3], "values other than 0 and 1"),
        ([0, 1], [0.1, np.nan], "NaN or infinite"),
        ([0, 1], [0.1, 1.2], "outside 0 to 1"),
        ([0, 1], [0.1], "p: 1 entries"),
        (["a", "b"], [0.1, 0.2], "not numbers"),
        ([0, 1], [[[0.1]], [[0.2]]], "3 dimensions"),
    ],
)
def test_wrong_input_is_named(y, p, message):
    """Each kind of wrong argument is a fault."""
    with pytest.raises(InputError, match=message):
        binary(y, p)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_not_estimable(label):
    """All with or all without the outcome: no answer, and what would give one."""
    with pytest.raises(NotEstimable, match="both with and without"):
        binary([label] * 5, [0.1, 0.2, 0.3, 0.4, 0.5])
