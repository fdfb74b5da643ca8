"""What became of the people most like one: in groups of ten and more, and never of fewer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.errors import NotEstimable
from osler.evaluate import incidence
from osler.learn.alike import FEWEST_PEOPLE, Alike, _tellable, least_people, parted

KIND = [("event", int), ("time", float)]


def followed(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates, and outcomes whose hazard rises along the first."""
    rng = np.random.default_rng(seed)
    coordinates = rng.normal(size=(rows, 4)) * [1.0, 0.5, 0.2, 0.01]
    y = np.zeros(rows, dtype=KIND)
    first = rng.exponential(8 * np.exp(-coordinates.sum(axis=1)))
    other, last = rng.exponential(30, rows), rng.uniform(4, 20, rows)
    y["time"] = np.minimum(np.minimum(first, other), last)
    y["event"] = np.where(y["time"] == first, 1, np.where(y["time"] == other, 2, 0))
    return coordinates, y


@settings(deadline=None, max_examples=40)
@given(st.integers(10, 400), st.integers(10, 90), st.integers(0, 10_000), st.booleans())
def test_groups_hold_everyone_once_and_are_never_too_small(
    rows: int, least: int, seed: int, tied: bool
) -> None:
    """Every row is in one group; each has at least the least and fewer than twice as many."""
    coordinates = np.random.default_rng(seed).normal(size=(rows, 3))
    if tied:
        coordinates = np.round(coordinates)
        coordinates[:, 1] = 0
    if rows < least:
        with pytest.raises(NotEstimable, match="at least 10"):
            parted(coordinates, least)
        return
    groups = parted(coordinates, least)
    assert sorted(np.concatenate(groups).tolist()) == list(range(rows))
    assert all(least <= len(group) < 2 * least for group in groups)


def test_groups_smaller_than_ten_are_refused() -> None:
    """Nobody can ask for smaller groups, nor for groups of too few people."""
    with pytest.raises(NotEstimable, match="at least 10"):
        parted(np.zeros((100, 2)), 9)
    with pytest.raises(NotEstimable, match="at least 20"):
        least_people(19, 0.5)


def test_a_group_tells_the_observed_incidence_of_its_people() -> None:
    """The share told of a group is Aalen and Johansen's estimate among its own people."""
    coordinates, y = followed(1200)
    alike = Alike.of_times(coordinates, y, [2.0, 4.0], causes=2)
    groups = parted(
        coordinates, least_people(1200, float(np.mean((y["event"] == 1) & (y["time"] <= 4))))
    )
    for number, rows in enumerate(groups):
        assert alike.people[number] == len(rows)
        had = [np.sum((y["event"][rows] == 1) & (y["time"][rows] <= t)) for t in (2.0, 4.0)]
        curve = incidence(y[rows], [2.0, 4.0])[1]
        for at, time in enumerate((2.0, 4.0)):
            assert alike.few[number, 0, at] == (had[at] < FEWEST_PEOPLE)
            without = (y["time"][rows] > time) | (y["event"][rows] == 2)
            hidden = had[at] < FEWEST_PEOPLE or without.sum() < FEWEST_PEOPLE
            told = alike.value[number, 0, at]
            assert np.isnan(told) if hidden else told == curve.value[at]
    assert not np.isnan(alike.value[:, 0, 1]).all()


def test_people_like_those_at_risk_had_more_events() -> None:
    """Along the direction that matters, the groups' outcomes differ as the truth does."""
    coordinates, y = followed(3000)
    alike = Alike.of_times(coordinates, y, [2.0, 6.0], causes=2)
    low = alike.group_of(np.array([-1.5, 0.0, 0.0, 0.0]))
    high = alike.group_of(np.array([1.5, 0.0, 0.0, 0.0]))
    assert not low.unlike
    assert not high.unlike
    assert np.isnan(low.value[0, 1]) or low.value[0, 1] < high.value[0, 1] - 0.3
    assert high.low[0, 1] < high.value[0, 1] < high.high[0, 1]


def test_times_may_be_repeated_and_in_any_order() -> None:
    """What is told at a time does not depend on which others are asked for."""
    coordinates, y = followed(800)
    least = 100
    orderly = Alike.of_times(coordinates, y, [2.0, 4.0], causes=2, least=least)
    mixed = Alike.of_times(coordinates, y, [4.0, 2.0, 4.0], causes=2, least=least)
    for at, same in enumerate((1, 0, 1)):
        assert np.array_equal(mixed.value[..., at], orderly.value[..., same], equal_nan=True)


def test_someone_unlike_everyone_is_said_to_be() -> None:
    """A person far from every group is told to be unlike them; one among them is not."""
    coordinates, y = followed(600)
    alike = Alike.of_times(coordinates, y, [4.0], causes=2)
    assert alike.group_of(np.array([30.0, 0.0, 0.0, 0.0])).unlike
    inside = [alike.group_of(one).unlike for one in coordinates]
    assert np.mean(inside) < 0.01


def test_seldom_outcomes_are_hidden() -> None:
    """An outcome that fewer than ten had, or that nearly all had, has no share."""
    y = np.zeros(60, dtype=KIND)
    y["time"] = np.arange(60) + 1.0
    y["event"][:9] = 1
    seldom = Alike.of_times(np.zeros((60, 1)), y, [59.0], causes=1, least=60)
    assert seldom.few.all()
    assert np.isnan(seldom.value).all()
    y["event"] = 1
    nearly_all = Alike.of_times(np.zeros((60, 1)), y, [55.0], causes=1, least=60)
    assert not nearly_all.few.any()
    assert np.isnan(nearly_all.value).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=7))
def test_no_hidden_class_can_be_had_from_the_others(counts: list[int]) -> None:
    """What is not told adds up to nobody or to ten people and more, and so does each told."""
    told = _tellable(np.array(counts))
    hidden = sum(counts) - sum(counts[at] for at in told)
    assert all(counts[at] >= FEWEST_PEOPLE for at in told)
    assert not told or len(told) == len(counts) or hidden >= FEWEST_PEOPLE


def test_labels_and_classes_are_told_as_shares() -> None:
    """A label's share and the shares of classes are those of the group, with intervals."""
    rng = np.random.default_rng(1)
    coordinates = rng.normal(size=(800, 2))
    label = (rng.random(800) < 1 / (1 + np.exp(-coordinates[:, 0]))).astype(np.int64)
    alike = Alike.of_label(coordinates, label)
    group = alike.group_of(np.array([1.0, 0.0]))
    assert group.value.shape == (1, 1)
    assert group.low[0, 0] < group.value[0, 0] < group.high[0, 0]
    codes = rng.integers(0, 3, 800)
    shares = Alike.of_classes(coordinates, codes, 3).value[:, :, 0]
    assert shares.shape[1] == 3
    whole = shares[~np.isnan(shares).any(axis=1)]
    assert len(whole)
    assert np.allclose(whole.sum(axis=1), 1)
