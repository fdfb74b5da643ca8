"""Weights of several scores: the safe ones decide unless the others gain more than chance."""

import numpy as np
import pytest

from osler.learn.losses import CoxLoss, LogisticLoss
from osler.learn.stacking import LEAST_WEIGHT, weigh


def _survival(eta, seed=0):
    """Return the loss of event times whose log hazard is `eta`."""
    rng = np.random.default_rng(seed)
    return CoxLoss(rng.exponential(np.exp(-eta)), np.ones(len(eta), bool))


@pytest.fixture
def scores():
    """Return two independent scores of 300 rows."""
    return np.random.default_rng(1).normal(size=(300, 2))


def test_a_useless_score_gets_nothing(scores):
    """Noise beside a base that is right leaves the base's weights as they were."""
    _, weights = weigh(scores, _survival(scores[:, 0]), base=1)
    alone = weigh(scores[:, :1], _survival(scores[:, 0]), base=1)[1]
    assert weights[1] < 0.1
    assert weights[0] == pytest.approx(alone[0], abs=0.1)


def test_what_gains_more_than_chance_takes_over(scores):
    """A score that explains the outcome gets the weight, though the base is another."""
    _, weights = weigh(scores, _survival(scores[:, 1]), base=1)
    assert weights[1] > 0.8
    assert weights[0] < 0.2


def test_right_scores_keep_their_scale(scores):
    """The weight of a score that is the log hazard is near one: it is calibrated."""
    many = np.random.default_rng(2).normal(size=(5000, 1))
    assert weigh(many, _survival(many[:, 0]), base=1)[1][0] == pytest.approx(1.0, abs=0.06)


def test_a_ranking_is_left_where_nothing_is_found(scores):
    """Scores that point the wrong way get the least weight, not none."""
    _, weights = weigh(scores, _survival(-2 * scores.sum(axis=1)), base=1)
    assert weights[:1].sum() == pytest.approx(LEAST_WEIGHT)
    assert (weights >= 0).all()


def test_the_intercept_is_that_of_the_labels(scores):
    """For labels the intercept brings the mean chance to the observed share."""
    label = (np.random.default_rng(4).random(300) < 0.2).astype(float)
    intercept, weights = weigh(scores, LogisticLoss(label), base=2)
    chance = 1 / (1 + np.exp(-intercept - scores @ weights))
    assert chance.mean() == pytest.approx(label.mean(), abs=0.02)
