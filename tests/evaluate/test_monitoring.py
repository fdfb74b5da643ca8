"""Watching a model: alarms are rare without a change at any time, and soon with one."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from osler.errors import InputError
from osler.evaluate.inputs import Floats
from osler.evaluate.monitoring import FIRST, Monitor, opening_weights


def care(
    seed: int, n: int, *, change: int | None = None, slope: float = 1.0
) -> tuple[Floats, Floats]:
    """Return labels and predictions that are calibrated until `change`, then off by a slope."""
    random = np.random.default_rng(seed)
    place = random.normal(-1, 1, n)
    true = place.copy()
    if change is not None:
        true[change:] *= slope
    return (random.random(n) < expit(true)).astype(np.float64), expit(place)


def test_without_a_change_alarms_are_as_rare_as_promised() -> None:
    """At most one in twenty monitors ever raises one; with room for the number of seeds."""
    alarms = sum(
        bool(Monitor(groups=("a", "b")).watch(*care(seed, 3000), groups=["a", "b"] * 1500).alarms)
        for seed in range(60)
    )
    assert alarms <= 6


@pytest.mark.parametrize("slope", [2.0, 0.5])
@pytest.mark.parametrize("change", [0, 4000])
def test_a_changed_slope_is_found_within_some_hundred_labels(change: int, slope: float) -> None:
    """Wagers are opened at every label, so that a late change is seen almost as soon."""
    found = []
    for seed in range(5):
        y, p = care(100 + seed, change + 2000, change=change, slope=slope)
        alarms = Monitor().watch(y, p).alarms
        found.append(alarms[0].alarm_at - change if alarms and alarms[0].alarm_at else 10_000)
    assert np.median(found) < 1000


def test_a_group_that_goes_wrong_is_named() -> None:
    """The whole may still look right while one group does not."""
    y, p = care(3, 4000)
    group = np.where(np.arange(4000) % 8 == 0, "few", "many")
    y[group == "few"] = 0.0
    alarms = Monitor(groups=("few", "many")).watch(y, p, groups=group).alarms
    assert alarms[0].name == "calibration, few"


def test_lost_discrimination_is_found_where_calibration_holds() -> None:
    """Predictions that are the same for all are calibrated and tell nobody apart."""
    random = np.random.default_rng(0)
    p = np.full(3000, 0.3) + random.normal(0, 1e-3, 3000)
    y = (random.random(3000) < 0.3).astype(np.float64)
    (alarm,) = Monitor(auroc=0.75).watch(y, p).alarms
    assert alarm.name == "discrimination"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=4), st.integers(0, 5))
def test_it_does_not_matter_in_how_many_portions_labels_come(cuts: list[int], seed: int) -> None:
    """Nor whether the monitor was saved in between."""
    y, p = care(seed, 400, change=100, slope=3.0)
    group = np.array(["a", "b", "other", "a"] * 100)
    start = Monitor(auroc=0.7, groups=("a", "b"))
    whole = start.watch(y, p, groups=group)
    edges = sorted({0, 400, *cuts})
    part = start
    for low, high in pairwise(edges):
        part = Monitor.from_json(json.loads(json.dumps(part.to_json())))
        part = part.watch(y[low:high], p[low:high], groups=group[low:high])
    assert part.seen == whole.seen
    for one, other in zip(part.wagers, whole.wagers, strict=True):
        assert one.alarm_at == other.alarm_at
        assert one.evidence == pytest.approx(other.evidence, rel=1e-9)


def test_care_that_prevents_what_was_predicted_raises_no_alarm() -> None:
    """Labels of those who were acted on are left out; taken at their word they would mislead."""
    y, p = care(7, 4000)
    random = np.random.default_rng(1)
    acted = random.random(4000) < p
    y[acted & (random.random(4000) < 0.8)] = 0.0
    assert Monitor().watch(y, p).alarms
    assert not Monitor().watch(y, p, acted=acted).alarms


def test_wagers_of_all_time_are_worth_no_more_than_one() -> None:
    """The weights of a million labels, and the integral of the rest, stay under one."""
    total = opening_weights(0, 1_000_000).sum()
    rest = np.log(FIRST - 1) / np.log(1_000_000 + FIRST - 1)
    assert total + rest <= 1.0


def test_all_faults_of_the_input_are_told_at_once() -> None:
    """Labels, chances and lengths; and a monitor that cannot be."""
    with pytest.raises(InputError) as caught:
        Monitor().watch([0, 2], [0.1, 1.5], groups=["a"], acted=[True])
    assert len(caught.value.faults) == 4
    with pytest.raises(InputError) as caught:
        Monitor(auroc=0.4, level=0.0, groups=("a", "a"))
    assert len(caught.value.faults) == 3
    with pytest.raises(InputError):
        Monitor().watch([0, 1], [[0.1], [0.2]])
    assert Monitor().watch([], []).seen == 0
