"""Recalibration recovers what was done to a prediction, keeps curves sound, and says when not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler import InputError, NotEstimable
from osler.evaluate import Recalibration, recalibrate_incidence, recalibrate_risk
from osler.evaluate.recalibrate import KINDS, cause_hazards, incidence_of

TIMES = np.linspace(0.25, 10, 40)


def made(n: int, factor: float, power: float = 1.0, seed: int = 0) -> tuple[Any, Any]:
    """Return outcomes, and incidences predicted by hazards that the truth raises and multiplies."""
    random = np.random.default_rng(seed)
    predicted = np.column_stack([np.exp(random.normal(size=n)) / 10, np.full(n, 0.03)])
    true = np.column_stack([factor * predicted[:, 0] ** power, predicted[:, 1]])
    first, second = (random.exponential(1 / true[:, cause]) for cause in (0, 1))
    censored = np.minimum(random.exponential(15, n), 10)
    time = np.minimum(np.minimum(first, second), censored)
    y = np.zeros(n, dtype=[("event", np.int64), ("time", float)])
    y["time"], y["event"] = time, np.where(first < second, 1, 2) * (time < censored)
    total = predicted.sum(axis=1)[:, None, None]
    curves = predicted[:, :, None] / total * -np.expm1(-total * TIMES)
    return y, curves


def labelled(n: int, shift: float, slope: float, seed: int = 0) -> tuple[Any, Any]:
    """Return 0/1 outcomes whose log odds are a line of the predicted ones."""
    random = np.random.default_rng(seed)
    place = random.normal(-1, 1, n)
    true = 1 / (1 + np.exp(-(shift + slope * place)))
    return (random.random(n) < true).astype(int), 1 / (1 + np.exp(-place))


def test_the_intercept_is_the_factor_of_the_hazard() -> None:
    """Twice the events give the logarithm of two, as often in its interval as the level says."""
    covered = []
    for seed in range(40):
        y, curves = made(1000, 2.0, seed=seed)
        found = recalibrate_incidence(y, curves, TIMES, "intercept", anchor=5.0)
        one, other = (curve.coefficients["intercept"] for curve in found.curves)
        covered += [one.low < np.log(2) < one.high, other.low < 0 < other.high]
    assert 0.88 <= np.mean(covered) <= 1


def test_the_slope_is_found() -> None:
    """A hazard raised to a power gives that power."""
    y, curves = made(6000, 0.3, power=0.5)
    found = recalibrate_incidence(y, curves, TIMES, "slope", anchor=5.0)
    slope = found.curves[0].coefficients["slope"]
    assert slope.low < 0.5 < slope.high


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_events_are_expected_as_there_were(kind: str) -> None:
    """On the people it was fitted on, each kind expects their events: the score equation."""
    y, curves = made(3000, 1.7, power=0.8)
    found = recalibrate_incidence(y, curves, TIMES, kind, anchor=5.0)
    fine = cause_hazards(found.incidence(curves, TIMES))
    steps = np.concatenate([[0.0], TIMES])
    for cause in (0, 1):
        upto = np.cumsum(np.pad(fine[:, cause], ((0, 0), (1, 0))), axis=1)
        expected = sum(np.interp(t, steps, row) for t, row in zip(y["time"], upto, strict=True))
        assert expected == pytest.approx((y["event"] == cause + 1).sum(), rel=0.02)


def test_an_update_that_was_not_needed_changes_little() -> None:
    """A model that is right stays as it was, within the noise of its intercept."""
    y, curves = made(6000, 1.0)
    found = recalibrate_incidence(y, curves, TIMES, "full", anchor=5.0)
    assert np.abs(found.incidence(curves, TIMES) - curves).mean() < 0.02


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(KINDS), st.floats(0.2, 5), st.floats(0.2, 2))
def test_curves_stay_curves(seed: int, kind: str, factor: float, power: float) -> None:
    """Whatever was fitted, incidences rise, stay within 0 and 1, and sum to at most 1."""
    y, curves = made(500, factor, power, seed)
    try:
        found = recalibrate_incidence(y, curves, TIMES, kind, anchor=5.0)
    except NotEstimable:
        return
    after = found.incidence(curves, TIMES)
    assert (np.diff(after, axis=2) >= -1e-12).all()
    assert after.min() >= 0
    assert after.sum(axis=1).max() <= 1 + 1e-9
    shifted = found.curves[0]
    places = np.linspace(-9, 3, 50)
    assert (np.diff(places + shifted(places)) >= -1e-9).all()


def test_hazards_and_incidences_are_two_sides() -> None:
    """Going to hazards and back gives the incidences, also of a cause that nobody can have."""
    _, curves = made(50, 1.0)
    both = np.concatenate([curves, np.zeros((50, 1, len(TIMES)))], axis=1)
    assert np.allclose(incidence_of(cause_hazards(both)), both)


def test_a_yes_or_no_slope_is_found() -> None:
    """Cox's intercept and slope of log odds come back; the update undoes them."""
    y, risk = labelled(6000, 0.7, 0.6)
    found = recalibrate_risk(y, risk, "slope")
    slope = found.curves[0].coefficients["slope"]
    assert slope.low < 0.6 < slope.high
    assert found.probability(risk).mean() == pytest.approx(y.mean(), abs=1e-3)


def test_it_is_read_back_as_it_was() -> None:
    """Saved as JSON and read, an update does the same."""
    y, risk = labelled(2000, 0.7, 0.6)
    found = recalibrate_risk(y, risk, "full")
    again = Recalibration.from_json(found.to_json())
    assert np.array_equal(again.probability(risk), found.probability(risk))


def test_rows_of_one_subject_widen_the_interval() -> None:
    """Every row four times is no more than every row once."""
    y, risk = labelled(500, 0.7, 0.6)
    once = recalibrate_risk(y, risk, "intercept").curves[0].coefficients["intercept"]
    four = recalibrate_risk(
        np.tile(y, 4), np.tile(risk, 4), "intercept", subjects=np.tile(np.arange(500), 4)
    ).curves[0].coefficients["intercept"]  # fmt: skip
    assert four.high - four.low == pytest.approx(once.high - once.low, rel=0.02)


@pytest.mark.parametrize(("kind", "needed"), [("intercept", 10), ("slope", 20), ("full", 100)])
def test_too_few_events_are_told(kind: str, needed: int) -> None:
    """The message says how many events the kind needs."""
    y, risk = labelled(400, 0, 1)
    few = np.flatnonzero(y == 1)[: needed - 1]
    kept = np.concatenate([few, np.flatnonzero(y == 0)])
    with pytest.raises(NotEstimable, match=f"at least {needed}"):
        recalibrate_risk(y[kept], risk[kept], kind)


def test_a_rare_competing_cause_gets_the_simpler_update() -> None:
    """A cause with a dozen events is moved but not stretched, and the note says so."""
    y, curves = made(800, 1.5)
    rare = np.flatnonzero(y["event"] == 2)[12:]
    y["event"][rare] = 0
    found = recalibrate_incidence(y, curves, TIMES, "slope", anchor=5.0)
    assert [curve.kind for curve in found.curves] == ["slope", "intercept"]
    assert "12 events" in found.notes[0]


def test_what_does_not_fit_is_told_at_once() -> None:
    """A wrong kind, shape and anchor are three faults of one error."""
    y, curves = made(50, 1.0)
    with pytest.raises(InputError) as told:
        recalibrate_incidence(y, curves[:, 0], TIMES, "bent", anchor=0.1)
    assert len(told.value.faults) == 3


def test_equal_predictions_are_moved_alike() -> None:
    """A model that says the same of everyone is moved to the share that had it."""
    y, _ = labelled(500, 0, 1)
    found = recalibrate_risk(y, np.full(500, 0.9), "full")
    assert found.probability(np.array([0.9]))[0] == pytest.approx(y.mean(), abs=1e-6)
