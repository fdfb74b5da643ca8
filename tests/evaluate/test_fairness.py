"""Fairness at a threshold: rates counted by hand, truth under censoring, both sides of a trade."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from osler import InputError
from osler.evaluate import fairness

RATE = ("selection_rate", "true_positive_rate", "false_positive_rate")


def people(n: int, seed: int = 0) -> tuple[Any, Any, Any]:
    """Return labels, risks and groups; the model says too little of group B."""
    random = np.random.default_rng(seed)
    group = random.choice(["A", "B"], n)
    place = random.normal(-1, 1.2, n)
    true = 1 / (1 + np.exp(-(place + (group == "B"))))
    return (random.random(n) < true).astype(int), 1 / (1 + np.exp(-place)), group


def test_rates_are_those_counted_by_hand() -> None:
    """Shares of those flagged, with and without the event, and the harm in 1,000."""
    y, risk, group = people(600)
    found = fairness(y, risk, group, threshold=0.3, bootstrap=50)
    for one in found.groups:
        own = group == one.level
        flagged, had = risk[own] >= 0.3, y[own] == 1
        by_hand = (flagged.mean(), flagged[had].mean(), flagged[~had].mean())
        assert [one.metrics[name].value for name in RATE] == pytest.approx(by_hand)
        assert one.metrics["missed_per_1000"].value == pytest.approx(1000 * (had & ~flagged).mean())
        assert one.metrics["selection_rate"].low <= by_hand[0] <= one.metrics["selection_rate"].high
    gaps = [
        found.groups[0].metrics[name].value - found.groups[1].metrics[name].value for name in RATE
    ]
    told = [found.differences[name].value for name in RATE]
    assert told == pytest.approx(np.abs(gaps))
    assert found.differences["equalised_odds"].value == pytest.approx(max(told[1:]))


def test_who_is_told_too_little_is_missed_and_recalibration_sees_it() -> None:
    """The group with too low a risk is miscalibrated; recalibrating within it flags more of it."""
    y, risk, group = people(6000)
    found = fairness(y, risk, group, threshold=0.3, bootstrap=100)
    large = {one.level: one.metrics["calibration_in_the_large"] for one in found.groups}
    assert large["A"].low < 0 < large["A"].high
    assert large["B"].low > 0.1
    even, recalibrated = found.mitigation
    assert abs(even.gap_after.value) < 0.04
    assert recalibrated.net_benefit_change.low > 0
    assert recalibrated.net_benefit_after.value == pytest.approx(
        recalibrated.net_benefit_before.value + recalibrated.net_benefit_change.value
    )


def test_censoring_is_no_bias(world: Any) -> None:
    """Two groups alike in all but how long they are followed have alike rates, near the truth."""
    world = world(2000)
    y = world.y.copy()
    n = len(y)
    random = np.random.default_rng(1)
    group = random.choice(["long", "short"], n)
    early = (group == "short") & (random.random(n) < 0.5)
    stop = random.uniform(0, 6, n)
    cut = early & (stop < y["time"])
    y["event"][cut], y["time"][cut] = 0, stop[cut]
    risk = world.incidence(np.array([5.0]))[:, 0]
    found = fairness(y, risk, group, 5.0, cause=1, threshold=0.4, bootstrap=100)
    truth = risk[risk >= 0.4].sum() / risk.sum()
    for one in found.groups:
        rate = one.metrics["true_positive_rate"]
        assert rate.low - 0.03 < truth < rate.high + 0.03


def test_a_small_group_gives_no_number_and_says_so() -> None:
    """Nine people are named; a group without events has no rate of those with one."""
    y, risk, group = people(300)
    labels = group.astype(object)
    labels[:9], labels[9:60] = "C", None
    y[9:60] = 0
    found = fairness(y, risk, labels, threshold=0.3, bootstrap=20)
    told = {one.level: one for one in found.groups}
    assert (told["C"].n, told["C"].suppressed, told["C"].metrics) == ("<10", True, {})
    assert np.isnan(told["unknown"].metrics["true_positive_rate"].value)
    assert told["unknown"].metrics["selection_rate"].value >= 0
    assert "C" in found.note
    assert "unknown" in found.note


def test_one_group_cannot_be_compared() -> None:
    """Without a second group there is no difference and nothing to bring together."""
    y, risk, _ = people(100)
    found = fairness(y, risk, ["A"] * 100, threshold=0.3, bootstrap=20)
    assert np.isnan(found.differences["equalised_odds"].value)
    assert found.mitigation == ()
    assert "not estimable" in found.to_json()["differences"]["selection_rate"]["meaning"]


def test_the_same_seed_gives_the_same_numbers() -> None:
    """Halves and resamples are drawn by the seed alone."""
    y, risk, group = people(200)
    calls = [fairness(y, risk, group, threshold=0.3, bootstrap=20, seed=3) for _ in range(2)]
    assert calls[0].to_json() == calls[1].to_json()


def test_what_does_not_fit_is_told() -> None:
    """A threshold outside 0 to 1 and labels of another length are faults."""
    y, risk, group = people(50)
    with pytest.raises(InputError):
        fairness(y, risk, group, threshold=1.5)
    with pytest.raises(InputError):
        fairness(y, risk, group[:10], threshold=0.5)
