"""Metrics of predicted curves: what they say of predictions whose truth is known, and refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler import InputError, NotEstimable
from osler.evaluate import competing, time_to_event
from osler.evaluate.survival import time_names
from osler.model import Estimate

GRID = np.linspace(0.5, 12, 24)
ALWAYS = {
    "harrell_c", "uno_c", "auc_mean", "ibs", "ibs_scaled", "calibration_slope",
    "calibration_intercept", "ici", "oe", "observed_risk", "predicted_risk",
}  # fmt: skip


def test_a_true_model_is_calibrated_and_every_interval_holds_its_value(world):
    """The truth has slope 1, intercept 0, O/E 1, small ICI, and passes D-calibration."""
    made = world(2000, seed=1, others=False)
    found = time_to_event(made.y, made.y, made.survival(GRID), GRID, bootstrap=100)
    assert ALWAYS | {"d_calibration", "d_calibration_p"} <= set(found)
    assert found["calibration_slope"].value == pytest.approx(1, abs=0.15)
    assert found["calibration_intercept"].value == pytest.approx(0, abs=0.12)
    assert found["oe"].value == pytest.approx(1, abs=0.05)
    assert found["ici"].value < 0.02
    assert found["d_calibration_p"].value > 0.01
    for name, estimate in found.items():
        assert estimate.low <= estimate.value <= estimate.high, name
        assert (estimate.level, estimate.n) == (0.95, 2000)
        assert estimate.meaning


def test_doubled_effects_halve_the_slope(world):
    """Predictions twice as spread on the cloglog scale have slope one half."""
    made = world(2000, seed=2, others=False)
    times = np.array([5.0])
    overfitted = np.exp(-np.outer(np.exp(2 * made.x) / 10, times))
    found = time_to_event(made.y, made.y, overfitted, times, bootstrap=50)
    assert found["calibration_slope"].value == pytest.approx(0.5, abs=0.05)
    assert found["ici"].value > 0.05


def test_a_hazard_too_low_shows_in_intercept_and_ratio(world):
    """Half the true hazard: intercept log 2, more observed than expected, D-calibration fails."""
    made = world(2000, seed=3, others=False)
    found = time_to_event(made.y, made.y, np.sqrt(made.survival(GRID)), GRID, bootstrap=50)
    assert found["calibration_intercept"].value == pytest.approx(np.log(2), abs=0.12)
    assert found["oe"].low > 1.2
    assert found["d_calibration_p"].value < 1e-6


def test_every_cause_counts_as_the_event(world):
    """Survival is of any event: causes 1 and 2 are judged together."""
    made = world(500, seed=4)
    found = time_to_event(made.y, made.y, made.survival(GRID), GRID, bootstrap=0)
    merged = made.y.copy()
    merged["event"] = merged["event"] > 0
    same = time_to_event(merged, merged, made.survival(GRID), GRID, bootstrap=0)
    assert found["uno_c"].value == same["uno_c"].value


def test_events_may_be_booleans(world):
    """Fields of type bool and int mean the same."""
    made = world(200, others=False)
    boolean = np.zeros(200, dtype=[("event", bool), ("time", float)])
    boolean["event"], boolean["time"] = made.y["event"], made.y["time"]
    survival = made.survival([5.0])
    first, second = (
        time_to_event(y, y, survival, [5.0], bootstrap=0)["ibs"].value for y in (boolean, made.y)
    )
    assert first == second


def test_the_true_incidence_of_one_cause_is_calibrated(world):
    """With competing causes the incidence is judged by Aalen–Johansen, not by censoring others."""
    made = world(2000, seed=5)
    found = competing(made.y, made.y, made.incidence(GRID), GRID, cause=1, bootstrap=100)
    assert found["calibration_slope"].value == pytest.approx(1, abs=0.15)
    assert found["oe"].value == pytest.approx(1, abs=0.06)
    assert found["ibs_scaled"].low > 0
    assert "uno_c_cause_specific" in found
    assert "d_calibration" not in found
    net = competing(made.y, made.y, 1 - np.exp(-np.outer(made.hazard, GRID)), GRID, bootstrap=100)
    assert net["oe"].high < 1, "risk in a world without other causes is too high in this one"


def test_horizons_are_told_one_by_one(world):
    """Few times are horizons: each has AUC, Brier and calibration; the last also without suffix."""
    made = world(600, seed=6)
    days = made.y.copy()
    days["time"] *= 365.25
    times = np.array([5, 10]) * 365.25
    found = time_to_event(days, days, made.survival(times / 365.25), times, bootstrap=20)
    assert {"auc_1826d", "auc_3652d", "brier_1826d", "calibration_slope_1826d"} <= set(found)
    assert found["calibration_slope"].value == found["calibration_slope_3652d"].value


def test_of_a_grid_only_the_named_horizons_are_told(world):
    """With many times the averages use all, and horizons are those asked for."""
    made = world(600, seed=6)
    found = time_to_event(
        made.y, made.y, made.survival(GRID), GRID, bootstrap=0, horizons=[GRID[3]], unit=""
    )
    assert {"auc_2", "brier_2"} == {name for name in found if name.endswith("_2")} - {
        "brier_scaled_2"
    }


def test_thresholds_add_net_benefit(world):
    """Net benefit at the horizon joins the metrics when thresholds are given."""
    made = world(600, seed=6)
    found = time_to_event(
        made.y, made.y, made.survival([5.0]), [5.0], thresholds=[0.3], bootstrap=20
    )
    benefit = found["net_benefit_at_0.3"]
    assert 0 < benefit.low < benefit.value < benefit.high < 1


def test_times_beyond_follow_up_are_nan_and_say_why(world):
    """One time too late leaves the others standing."""
    made = world(300, seed=7)
    times = [5.0, 10.0, 40.0]
    found = time_to_event(made.y, made.y, made.survival(times), times, bootstrap=20)
    assert np.isnan(found["auc_40d"].value)
    assert "follow-up ends before 40" in found["brier_40d"].meaning
    assert np.isfinite(found["auc_mean"].value)
    assert found["calibration_slope"].value == found["calibration_slope_10d"].value


def test_no_time_within_follow_up_is_not_estimable(world):
    """All times too late: there is no answer, and the message gives the longest follow-up."""
    made = world(100)
    with pytest.raises(NotEstimable, match="ends at 15"):
        time_to_event(made.y, made.y, made.survival([40.0]), [40.0])


def test_follow_up_where_censoring_was_learnt_limits_too(world):
    """When training subjects were followed for a shorter time, later times cannot be weighed."""
    made, short = world(300), world(300, seed=1, follow=3.0)
    found = time_to_event(short.y, made.y, made.survival([2.0, 8.0]), [2.0, 8.0], bootstrap=0)
    assert np.isnan(found["brier_8d"].value)
    assert np.isfinite(found["brier_2d"].value)


def test_all_censored_is_not_estimable(make_outcome):
    """Without an event nothing can be judged."""
    y = make_outcome([0, 0, 0], [1.0, 2.0, 3.0])
    with pytest.raises(NotEstimable, match="nobody in y has the event"):
        time_to_event(y, y, np.full((3, 1), 0.5), [1.0])


def test_nobody_with_this_cause_is_not_estimable(make_outcome):
    """A cause that does not occur is not judged by another."""
    y = make_outcome([1, 0, 1], [1.0, 2.0, 3.0])
    with pytest.raises(NotEstimable, match="nobody in y has the event"):
        competing(y, y, np.full((3, 1), 0.5), [1.0], cause=2)


def test_no_censoring_at_all_is_fine(make_outcome):
    """Everyone has the event: weights are 1."""
    y = make_outcome([1] * 20, np.arange(1.0, 21.0))
    survival = np.linspace(0.1, 0.9, 20)[:, None]
    found = time_to_event(y, y, survival, [10.0], bootstrap=20)
    assert found["uno_c"].value == found["harrell_c"].value == 1.0


def test_a_constant_prediction_has_no_slope_but_the_rest(world):
    """The same risk for all: C one half, slope NaN with its reason, intercept still there."""
    made = world(300, seed=8, others=False)
    found = time_to_event(made.y, made.y, np.full((300, 1), 0.6), [5.0], bootstrap=20)
    assert found["harrell_c"].value == 0.5
    assert np.isnan(found["calibration_slope"].value)
    assert "same risk for everyone" in found["calibration_slope"].meaning
    assert np.isfinite(found["calibration_intercept"].value)


def test_risks_of_exactly_zero_and_one_are_moved_and_told(world):
    """Certain predictions do not break calibration, and the meaning counts them."""
    made = world(300, seed=9, others=False)
    survival = made.survival([5.0])
    survival[:3], survival[3:5] = 0.0, 1.0
    slope = time_to_event(made.y, made.y, survival, [5.0], bootstrap=20)["calibration_slope"]
    assert np.isfinite(slope.value)
    assert "5 risks of 0 or 1" in slope.meaning


def test_the_same_seed_gives_the_same_numbers(world):
    """A run repeats exactly and leaves its input unchanged."""
    made = world(200, seed=10)
    survival = made.survival(GRID)
    kept = survival.copy(), made.y.copy()
    first, second = (
        time_to_event(made.y, made.y, survival, GRID, bootstrap=30, seed=3) for _ in range(2)
    )
    # As text, because NaN is not equal to itself.
    assert str(first) == str(second)
    assert (survival == kept[0]).all()
    assert (made.y == kept[1]).all()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_small_and_tied_data_never_give_a_silent_nan(data):
    """Whatever the data, a NaN value comes with a meaning that says why, or there is no answer."""
    n = data.draw(st.integers(1, 12))
    rows = st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    drawn = data.draw(st.lists(rows, min_size=n, max_size=n))
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = [row[0] for row in drawn], [row[1] for row in drawn]
    risk = np.array([[row[2] / 2, row[2]] for row in drawn])
    for call in (
        lambda: time_to_event(y, y, 1 - risk, [1.0, 2.0], bootstrap=10),
        lambda: competing(y, y, risk, [1.0, 2.0], 2, bootstrap=10),
    ):
        try:
            found = call()
        except NotEstimable:
            continue
        for estimate in found.values():
            assert isinstance(estimate, Estimate)
            if np.isnan(estimate.value):
                assert estimate.meaning.startswith("not estimable: ")
            elif np.isnan(estimate.low):
                assert "no interval" in estimate.meaning
            else:
                assert estimate.low <= estimate.value <= estimate.high


def broken(y, survival, times, **changes):
    """Return arguments of which some are replaced."""
    return {"y_train": y, "y": y, "survival": survival, "times": times} | changes


def nan_in(array):
    """Return the array with one NaN."""
    array = np.array(array, dtype=float)
    array.flat[0] = np.nan
    return array


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {"survival": nan_in(a["survival"])}, "survival: 1 of 100 values are NaN"),
        (lambda a: {"survival": a["survival"] + 1}, "outside 0 to 1"),
        (lambda a: {"survival": a["survival"][:, ::-1]}, "a survival that rises"),
        (lambda a: {"survival": a["survival"][:-1]}, "one row per subject"),
        (lambda a: {"survival": np.full((50, 2), "a")}, "not numbers"),
        (lambda a: {"times": [2.0, 1.0]}, "strictly increasing"),
        (lambda a: {"times": [1.0, 1.0]}, "strictly increasing"),
        (lambda a: {"times": [-1.0, 1.0]}, "0 or later"),
        (lambda a: {"times": [1.0, np.inf]}, "times: 1 of 2 values are NaN or infinite"),
        (lambda a: {"times": []}, "times"),
        (lambda a: {"y": a["y"][:0]}, "no rows"),
        (lambda a: {"y": a["y"]["time"]}, "no fields `event` and `time`"),
        (lambda a: {"y_train": None}, "y_train: no fields"),
        (lambda a: {"level": 95}, "level"),
        (lambda a: {"bootstrap": -1}, "bootstrap"),
        (lambda a: {"thresholds": [1.5]}, "thresholds"),
        (lambda a: {"horizons": [7.0]}, "not among the times"),
        (lambda a: {"subjects": [1, 2]}, "subjects: 2 entries"),
        (lambda a: {"subjects": 7}, "subjects: a single value"),
        (lambda a: {"subjects": [None, *range(49)]}, "1 rows without a subject"),
    ],
)
def test_wrong_input_is_named(world, change, message):
    """Each kind of wrong argument is a fault that says what was expected."""
    made = world(50)
    arguments = broken(made.y, made.survival([1.0, 2.0]), np.array([1.0, 2.0]))
    with pytest.raises(InputError, match=message):
        time_to_event(**(arguments | change(arguments)))


def test_several_faults_are_told_at_once(world):
    """Negative times and a broken survival are one error with two faults."""
    made = world(50)
    y = made.y.copy()
    y["time"][3], y["event"][4] = -1, -2
    with pytest.raises(InputError) as caught:
        time_to_event(made.y, y, nan_in(made.survival([1.0])), [1.0])
    assert len(caught.value.faults) == 3


def test_times_are_named_so_that_they_stay_apart():
    """Whole days where that is unambiguous, else the number itself."""
    assert time_names([0.5, 1.0], "d") == {0.5: "0.5d", 1.0: "1d"}
    assert list(time_names([100.1, 100.2], "d").values()) == ["100.1d", "100.2d"]
