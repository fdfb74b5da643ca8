"""Early warning: which predictions are shown, and what that costs and gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler import InputError, NotEstimable
from osler.evaluate import (
    AlertPolicy,
    Stays,
    alert_report,
    at_burden,
    compare_alerts,
    compare_at_burden,
    fire,
)


def hourly(risks: list[list[float]], events: list[float]) -> Stays:
    """Return stays of 24 hours with a prediction at each full hour from 1."""
    stay = np.repeat(np.arange(len(risks)), [len(one) for one in risks])
    time = np.concatenate([np.arange(1, len(one) + 1) for one in risks])
    count = len(risks)
    return Stays.of(
        stay, time, np.concatenate(risks), np.zeros(count), np.full(count, 24.0), events
    )


def ward(seed: int = 0, stays: int = 200, use: float = 2.0) -> Stays:
    """Draw stays in which risk rises before the event; `use` is how much it tells."""
    rng = np.random.default_rng(seed)
    event = np.where(rng.random(stays) < 0.3, rng.uniform(8, 48, stays), np.nan)
    rows = [(s, t) for s in range(stays) for t in np.arange(1.0, 48.0)]
    stay, time = (np.array(one) for one in zip(*rows, strict=True))
    near = np.nan_to_num(np.clip(12 - (event[stay] - time), 0, 12) / 12)
    noise = np.random.default_rng(seed + 1).normal(size=len(stay))
    risk = 1 / (1 + np.exp(-(use * near + noise - 2)))
    return Stays.of(stay, time, risk, np.zeros(stays), np.full(stays, 48.0), event)


def test_an_alert_silences_what_follows() -> None:
    """Within the refractory time nothing is shown; what was kept back is counted as silent."""
    alerts = fire(hourly([[0.9] * 6], [np.nan]), AlertPolicy(0.5, refractory_hours=3))
    assert alerts.shown.tolist() == [True, False, False, True, False, False]
    assert alerts.silent.sum() == 4


def test_each_stay_begins_anew() -> None:
    """Silence, counts and runs do not carry over from one stay to the next."""
    stays = hourly([[0.9, 0.9], [0.9, 0.9]], [np.nan, np.nan])
    assert fire(stays, AlertPolicy(0.5, 100)).shown.tolist() == [True, False, True, False]
    assert fire(stays, AlertPolicy(0.5, consecutive=2)).shown.tolist() == [False, True] * 2
    assert fire(stays, AlertPolicy(0.5, most_per_stay=1)).shown.tolist() == [True, False] * 2


def test_the_numbers_are_those_counted_by_hand() -> None:
    """One stay with an event at hour 10, one without: every metric as counted on paper."""
    stays = hourly([[0, 0.9, 0, 0, 0, 0, 0.9, 0, 0.9], [0.9, 0, 0, 0] + [0] * 20], [10.0, np.nan])
    report = alert_report(stays, AlertPolicy(0.5), 4, lead_hours=(1, 2, 6), bootstrap=0)
    assert report.alerts_per_100_days.value == pytest.approx(100 * 4 / (34 / 24))
    assert report.precision.value == pytest.approx(2 / 4)
    assert report.sensitivity.value == 1.0
    assert {hours: one.value for hours, one in report.sensitivity_by_lead.items()} == {
        1: 1.0,
        2: 1.0,
        6: 0.0,
    }
    assert report.first_lead_hours.value == 3.0
    assert report.stays_alerted.value == 1.0
    assert (report.events, report.patient_days) == (1, pytest.approx(34 / 24))


def test_nobody_is_warned_by_what_comes_too_late() -> None:
    """Predictions at or after the event do not count, neither as alerts nor as days."""
    stays = hourly([[0.1, 0.1, 0.9, 0.9, 0.9]], [3.0])
    report = alert_report(stays, AlertPolicy(0.5), 12, bootstrap=0)
    assert report.alerts_per_100_days.value == 0
    assert report.sensitivity.value == 0
    assert np.isnan(report.precision.value)


def test_silence_saves_alerts_and_keeps_the_events_warned_of() -> None:
    """A refractory time lowers the burden; each event warned of within it stays warned of."""
    stays = ward()
    loud, quiet = (alert_report(stays, AlertPolicy(0.3, hours), 12) for hours in (0, 6))
    assert quiet.alerts_per_100_days.value < 0.7 * loud.alerts_per_100_days.value
    assert quiet.sensitivity.value > 0.8 * loud.sensitivity.value
    assert loud.silent_share.value == 0 < quiet.silent_share.value


def test_a_better_model_warns_of_more_at_the_same_burden() -> None:
    """Two models that alert equally often are told apart, with intervals of the difference."""
    told = compare_at_burden({"good": ward(), "poor": ward(use=0.3)}, AlertPolicy(0, 6), 50, 12)
    for one in told.values():
        assert one["alerts_per_100_days"].value == pytest.approx(50, rel=0.05)
    assert told["poor"]["sensitivity_difference"].low > 0
    assert told["poor"]["precision_difference"].low > 0


@settings(max_examples=25, deadline=None)
@given(st.floats(1, 500), st.floats(0, 12), st.integers(0, 5))
def test_a_burden_is_kept(burden: float, refractory: float, seed: int) -> None:
    """The policy chosen for a burden never alerts more often than asked."""
    stays = ward(seed, stays=30)
    chosen = at_burden(stays, AlertPolicy(0, refractory), burden)
    report = alert_report(stays, chosen, 12, bootstrap=0)
    assert report.alerts_per_100_days.value <= burden * (1 + 1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10), st.floats(0.05, 0.9))
def test_the_order_of_predictions_does_not_matter(seed: int, threshold: float) -> None:
    """Predictions may come in any order."""
    stays = ward(seed, stays=10)
    turned = np.random.default_rng(seed).permutation(len(stays.stay))
    mixed = Stays.of(
        stays.stay[turned],
        stays.time_hours[turned],
        stays.risk[turned],
        stays.start_hours,
        stays.end_hours,
        stays.event_hours,
    )
    policy = AlertPolicy(threshold, 4, 2)
    np.testing.assert_array_equal(fire(stays, policy).shown, fire(mixed, policy).shown)


def test_intervals_draw_subjects_whole() -> None:
    """Stays that are copies of one subject's widen the interval over stays taken as independent."""
    stays = ward(stays=60)
    count = len(stays.start_hours)
    copies = Stays.of(
        np.concatenate([stays.stay + k * count for k in range(4)]),
        np.tile(stays.time_hours, 4),
        np.tile(stays.risk, 4),
        np.tile(stays.start_hours, 4),
        np.tile(stays.end_hours, 4),
        np.tile(stays.event_hours, 4),
        np.tile(np.arange(count), 4),
    )
    alone = alert_report(stays, AlertPolicy(0.3), 12).sensitivity
    four = alert_report(copies, AlertPolicy(0.3), 12).sensitivity
    assert four.high - four.low == pytest.approx(alone.high - alone.low, rel=0.2)


@pytest.mark.parametrize(
    "change",
    [
        {"stay": [0, 5]},
        {"risk": [0.1, np.nan]},
        {"risk": [0.1]},
        {"end_hours": [-1.0]},
        {"event_hours": [np.inf]},
        {"time_hours": [1.0, np.inf]},
    ],
    ids=lambda one: next(iter(one)),
)
def test_faulty_arrays_are_refused(change: dict[str, Any]) -> None:
    """Arrays that do not fit or lack values are told, without a value in the message."""
    sound: dict[str, Any] = {
        "stay": [0, 0],
        "time_hours": [1.0, 2.0],
        "risk": [0.1, 0.2],
        "start_hours": [0.0],
        "end_hours": [24.0],
        "event_hours": [np.nan],
    }
    with pytest.raises(InputError):
        Stays.of(**sound | change)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": np.nan},
        {"threshold": 0.5, "refractory_hours": -1},
        {"threshold": 0.5, "consecutive": 0},
        {"threshold": 0.5, "most_per_stay": 0},
    ],
    ids=str,
)
def test_a_policy_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    """A threshold that is no number, negative durations and counts of none are told."""
    with pytest.raises(InputError):
        AlertPolicy(**wrong)


def test_a_ward_that_nobody_watched_has_no_rate() -> None:
    """Stays of no length are not estimable."""
    empty = Stays.of([], [], [], [0.0], [0.0], [np.nan])
    with pytest.raises(NotEstimable):
        alert_report(empty, AlertPolicy(0.5), 12)


def test_silent_and_shown_are_told_apart() -> None:
    """What was kept back is counted, and which events only it came before."""
    stays = hourly([[0.9, 0, 0, 0, 0.9, 0.9, 0, 0], [0.9, 0.9, 0, 0]], [9.0, np.nan])
    report = alert_report(stays, AlertPolicy(0.5, most_per_stay=1), 4, bootstrap=0)
    assert (report.shown, report.silent) == (2, 3)
    assert report.precision.value == 0
    assert report.silent_precision.value == pytest.approx(2 / 3)
    assert report.only_silent.value == 1.0
    # Hours 5 to 8 of the first stay, of 12 predictions, have the event within 4 hours.
    assert report.base_rate.value == pytest.approx(4 / 12)


def test_an_alert_whose_outcome_is_not_known_is_in_no_precision() -> None:
    """It burdens the ward all the same."""
    stays = Stays.of(
        [0, 0, 1], [1, 9, 2], [0.9, 0.9, 0.9], [0, 0], [10, 10], [np.nan, 5],
        known_until_hours=[10, np.inf],
    )  # fmt: skip
    report = alert_report(stays, AlertPolicy(0.5), 4, bootstrap=0)
    assert (report.shown, report.not_judged) == (3, 1)
    assert report.precision.value == pytest.approx(1 / 2)
    assert report.precision.n == 2


def test_days_end_where_predictions_do() -> None:
    """An event after the last showing counts as warned of; the days up to it are not watched."""
    stays = Stays.of([0], [12], [0.9], [0], [30], [30.0], shown_until_hours=[24])
    report = alert_report(stays, AlertPolicy(0.5), 24, bootstrap=0)
    assert report.patient_days == 1
    assert report.sensitivity.value == 1


def test_ends_of_other_lengths_are_refused() -> None:
    """Both faults are told at once."""
    with pytest.raises(InputError) as caught:
        Stays.of(
            [0], [1], [0.9], [0], [3], [np.nan],
            shown_until_hours=[np.nan], known_until_hours=[1, 2],
        )  # fmt: skip
    assert len(caught.value.faults) == 2


def test_policies_are_compared_at_one_burden() -> None:
    """Each gets a threshold of its own, and none alerts more often than asked."""
    stays = ward()
    plain, patient = AlertPolicy(0.5), AlertPolicy(0.5, consecutive=2)
    found = compare_alerts(
        {"plain": (stays, plain), "patient": (stays, patient)}, 40, 12, bootstrap=20
    )
    assert found["plain"].policy.threshold > found["patient"].policy.threshold
    assert all(one.estimates["alerts_per_100_days"].value <= 40 for one in found.values())
    assert "precision_difference" in found["patient"].estimates
    assert "precision_difference" not in found["plain"].estimates


def test_silence_ends_on_time_where_hours_are_thirds() -> None:
    """Twelve hours after an alert at 20 past, the next may sound, whatever floats make of it."""
    times = np.arange(60) / 3 + 0.1
    stays = Stays.of(np.zeros(60, int), times, np.ones(60), [0], [24], [np.nan])
    shown = fire(stays, AlertPolicy(0.5, refractory_hours=1)).shown
    assert np.flatnonzero(shown).tolist() == list(range(0, 60, 3))
