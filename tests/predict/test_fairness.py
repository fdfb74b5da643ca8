"""A fairness aim narrows the disparity it names, at a cost that can be seen."""

import numpy as np
import pytest
from sklearn.base import clone

from osler import InputError, NotEstimable
from osler.predict import Risk


@pytest.fixture(scope="module")
def two_groups():
    """Return columns of which one stands for the group, labels, groups, and which rows to judge."""
    rng = np.random.default_rng(0)
    n = 3000
    group = rng.integers(0, 2, n)
    X = np.column_stack([rng.normal(size=n), group + 0.5 * rng.normal(size=n)])
    y = (rng.random(n) < 1 / (1 + np.exp(1.5 - X[:, 0] - 2 * group))).astype(int)
    return X, y, np.array(["f", "m"])[group], np.arange(n) >= 2000


def _judged(two_groups, fairness):
    X, y, group, new = two_groups
    audited = None if fairness is None else group[~new]
    model = Risk(seed=0, folds=2, fairness=fairness).fit(X[~new], y[~new], audited=audited)
    return model, model.predict_proba(X[new])[:, 1], y[new], group[new]


def _gap(risk, y, group, label):
    """Return how far the mean risks of two groups lie apart among those with a label."""
    means = [risk[(group == one) & (y == label)].mean() for one in ("f", "m")]
    return abs(means[1] - means[0])


def test_equal_opportunity_narrows_the_gap_and_costs_likelihood(two_groups):
    """On new people the mean risks of those with the event come nearer; a stronger aim, more."""
    losses, gaps = [], []
    for strength in (None, 1.0, 10.0):
        asked = None if strength is None else {"aim": "equal_opportunity", "strength": strength}
        _, risk, y, group = _judged(two_groups, asked)
        gaps.append(_gap(risk, y, group, 1))
        losses.append(-np.mean(np.log(np.where(y == 1, risk, 1 - risk))))
    assert gaps[0] > 0.1
    assert gaps[1] < 0.85 * gaps[0]
    assert gaps[2] < 0.6 * gaps[0]
    assert losses[0] < losses[2] < losses[0] + 0.1


def test_calibration_within_groups_brings_means_to_what_happened(two_groups):
    """Where a proxy is shrunk, groups are off in opposite ways; the aim brings both nearer."""

    def worst(fairness):
        _, risk, y, group = _judged(two_groups, fairness)
        return max(abs(risk[group == one].mean() - y[group == one].mean()) for one in ("f", "m"))

    plain = worst(None)
    assert plain > 0.015
    assert worst({"aim": "calibration_within_groups", "strength": 3}) < plain


def test_the_group_is_no_predictor(two_groups):
    """The model has the columns it was given and answers without being told the group."""
    model, risk, _, _ = _judged(two_groups, {"aim": "equalised_odds"})
    assert model.feature_names == ("x0", "x1")
    assert np.isfinite(risk).all()


def test_aim_survives_clone_and_file(two_groups, tmp_path):
    """`clone` and a saved model keep what was asked."""
    model, risk, _, _ = _judged(two_groups, {"aim": "equal_opportunity", "strength": 2})
    assert clone(model).get_params() == model.get_params()
    loaded = Risk.load(model.save(tmp_path / "model"))
    X, new = two_groups[0], two_groups[3]
    assert loaded.get_params()["fairness"] == {"aim": "equal_opportunity", "strength": 2}
    np.testing.assert_array_equal(loaded.predict_proba(X[new])[:, 1], risk)


def test_small_groups_are_told_and_too_few_refused(two_groups):
    """A group of two members is left out with a note; one group alone has nobody to be near."""
    X, y, group, _ = two_groups
    X, y = X[:300], y[:300]
    named = group[:300].astype(object)
    named[:2] = "rare"
    asked = {"aim": "equal_opportunity"}
    model = Risk(folds=2, fairness=asked).fit(X, y, audited=named)
    assert any("1 groups" in note for note in model.notes)
    with pytest.raises(NotEstimable, match="join small groups"):
        Risk(fairness=asked).fit(X, y, audited=["all"] * 300)


@pytest.mark.parametrize(
    ("fairness", "faults"),
    [
        ({"aim": "nice"}, 1),
        ({}, 1),
        ({"aim": "equal_opportunity", "strength": -1}, 1),
        ({"aim": 3, "strength": "much", "group": "sex"}, 3),
        ("equal_opportunity", 1),
    ],
)
def test_aims_that_make_no_sense_are_refused(fairness, faults, two_groups):
    """Every fault of the setting is told at once."""
    X, y, group, _ = two_groups
    with pytest.raises(InputError) as error:
        Risk(fairness=fairness).fit(X, y, audited=group)
    assert len(error.value.faults) == faults


def test_groups_and_aim_belong_together(two_groups):
    """One without the other is a fault, and so are groups of another length."""
    X, y, group, _ = two_groups
    with pytest.raises(InputError, match="both or none"):
        Risk().fit(X, y, audited=group)
    with pytest.raises(InputError, match="both or none"):
        Risk(fairness={"aim": "equal_opportunity"}).fit(X, y)
    with pytest.raises(InputError, match="each of 3000 rows"):
        Risk(fairness={"aim": "equal_opportunity"}).fit(X, y, audited=group[:-1])
