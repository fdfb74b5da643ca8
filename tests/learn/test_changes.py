"""Changes of effects over follow-up: found where they are there, not where chance shows them."""

import numpy as np

from osler.predict import TimeToEvent


def _y(time):
    y = np.zeros(len(time), dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = 1, time
    return y


def _periods(model):
    return len(model.chosen[1]["slopes"])


def test_proportional_hazards_stay_so():
    """Where an effect is the same throughout, no period is cut in nearly every sample."""
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(200, 4))
        found.append(_periods(TimeToEvent(folds=3).fit(X, _y(rng.exponential(np.exp(-X[:, 0]))))))
    assert np.median(found) == 1


def test_with_many_columns_the_score_alone_may_reverse():
    """An effect that reverses is followed by its slope, not by columns that the outcome chose."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 320))
    early, late = (rng.exponential(np.exp(sign * 1.5 * X[:, 0])) for sign in (-1, 1))
    model = TimeToEvent(folds=3).fit(X, _y(np.where(early < 0.5, early, 0.5 + late)))
    slopes = model.chosen[1]["slopes"]
    assert slopes[0] > 0.5
    assert slopes[-1] < 0
    assert model._model.scores[0].columns.size == 0
