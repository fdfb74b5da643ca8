"""Comparing two predictions on the same subjects."""

import numpy as np
import pytest

from osler import InputError, NotEstimable
from osler.evaluate import compare, competing, time_to_event


def test_a_better_score_is_better_with_an_interval(world):
    """The true risk beats a noisy one, and the paired interval excludes 0."""
    made = world(1500, seed=1)
    noisy = made.x + np.random.default_rng(0).normal(size=1500)
    told = compare("uno_c", made.y, made.x, noisy, cause=1, bootstrap=200)
    assert 0 < told.low < told.value < told.high
    assert "first − second" in told.meaning
    back = compare("uno_c", made.y, noisy, made.x, cause=1, bootstrap=200)
    assert back.value == pytest.approx(-told.value)


def test_pairing_narrows_the_interval(world):
    """Two nearly equal scores differ less than each varies."""
    made = world(600, seed=2, others=False)
    close = made.x + 0.1 * np.random.default_rng(0).normal(size=600)
    difference = compare("harrell_c", made.y, made.x, close, bootstrap=200)
    alone = time_to_event(made.y, made.y, made.survival([8.0]), [8.0], bootstrap=200)["harrell_c"]
    assert difference.high - difference.low < 0.5 * (alone.high - alone.low)


def test_the_difference_is_that_of_the_metrics(world):
    """Any metric of curves can be compared, by the same definition."""
    made = world(400, seed=3)
    times = [3.0, 8.0]
    good, flat = made.incidence(times), np.tile(made.incidence(times).mean(0), (400, 1))
    told = compare("ibs", made.y, good, flat, times=times, cause=1, bootstrap=50)
    each = [
        competing(made.y, made.y, one, times, 1, bootstrap=0)["ibs"].value for one in (good, flat)
    ]
    assert told.value == pytest.approx(each[0] - each[1])
    assert told.high < 0


def test_a_curve_can_meet_a_bare_score(world):
    """A model's incidence is compared with an index that has no curve."""
    made = world(400, seed=4)
    times = np.array([3.0, 8.0])
    told = compare(
        "uno_c", made.y, made.incidence(times), made.x, times=times, cause=1, bootstrap=50
    )
    assert told.value == pytest.approx(0, abs=1e-12)


def test_probabilities_and_scores_of_labels():
    """AUROC takes any scores; the rest needs probabilities."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    good, bad = y + rng.normal(size=300), rng.normal(size=300)
    assert compare("auroc", y, good, bad, bootstrap=100).low > 0
    with pytest.raises(InputError, match="outside 0 to 1"):
        compare("brier", y, good, bad)


def test_an_unknown_metric_names_the_known(world):
    """A bare score has only concordances."""
    made = world(100)
    with pytest.raises(InputError, match="harrell_c, uno_c"):
        compare("ici", made.y, made.x, made.x, cause=1)


def test_a_metric_that_cannot_be_had_is_not_estimable(world):
    """A constant prediction has no slope, so neither has the difference."""
    made = world(200, others=False)
    with pytest.raises(NotEstimable, match="calibration_slope of the second"):
        compare(
            "calibration_slope",
            made.y,
            made.survival([5.0]),
            np.full((200, 1), 0.5),
            times=[5.0],
            bootstrap=10,
        )


def test_nobody_with_an_event_is_not_estimable(make_outcome):
    """All censored."""
    y = make_outcome([0, 0], [1.0, 2.0])
    with pytest.raises(NotEstimable):
        compare("harrell_c", y, [0.1, 0.2], [0.2, 0.1])


def test_scores_of_another_length_are_a_fault(world):
    """One score per row."""
    made = world(30)
    with pytest.raises(InputError, match="29 entries"):
        compare("harrell_c", made.y, made.x[:29], made.x)
