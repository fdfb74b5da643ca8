"""The shape of an effect: only of ten people and more, exact where the model is additive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.learn.shapes import FEWEST_PEOPLE, MOST_BINS, shape_of_levels, shape_of_numbers


def test_the_shape_of_an_additive_effect_is_the_effect() -> None:
    """Where the effect is a function of the value, bins lie on it without spread."""
    values = np.random.default_rng(0).integers(0, 6, 600).astype(float)
    effects = values**2 / 100
    shape = shape_of_numbers(values, effects, effects, effects)
    assert [one.value for one in shape.bins] == [0, 1, 2, 3, 4, 5]
    assert [one.effect for one in shape.bins] == pytest.approx([v**2 / 100 for v in range(6)])
    assert all(one.low == pytest.approx(one.high) for one in shape.bins)
    assert shape.additive == pytest.approx(1, abs=0.02)
    assert shape.left_out == 0


def test_an_effect_that_goes_with_another_column_is_not_called_additive() -> None:
    """What the value does not explain lowers the additive share to what it does explain."""
    rng = np.random.default_rng(1)
    values, other = rng.normal(size=(2, 4000))
    added = values + np.sign(values) * other
    shape = shape_of_numbers(values, added, added, added)
    explained = np.var(values) / np.var(added)
    assert shape.additive == pytest.approx(explained, abs=0.06)
    assert all(one.low < one.effect < one.high for one in shape.bins)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.just(np.nan), st.integers(-4, 4), st.floats(-9, 9)), max_size=200),
)
def test_everyone_is_in_one_bin_or_counted_as_left_out(drawn: list[float]) -> None:
    """No bin has fewer than ten people, and bins, missing and left out are everyone."""
    values = np.array(drawn, dtype=float)
    effects = np.nan_to_num(values)
    shape = shape_of_numbers(values, effects, effects, effects)
    bins = [*shape.bins, *([shape.missing] if shape.missing else [])]
    assert all(one.n >= FEWEST_PEOPLE for one in bins)
    assert sum(one.n for one in bins) + shape.left_out == len(values)
    assert len(shape.bins) <= MOST_BINS
    assert 0 <= shape.additive <= 1
    told = [one.value for one in shape.bins]
    assert told == sorted(told)


def test_levels_of_few_people_are_not_told() -> None:
    """A level of nine people is left out and counted; the larger one stands first."""
    levels = ["a"] * 20 + ["b"] * 9 + ["c"] * 40 + [None] * 12
    effects = np.array([{"a": 0.1, "b": 0.2, "c": -0.1, None: 0.0}[one] for one in levels])
    shape = shape_of_levels(levels, effects, effects, effects)
    assert [one.level for one in shape.bins] == ["c", "a"]
    assert shape.left_out == 9
    assert shape.missing is not None
    assert shape.missing.n == 12
    assert shape.additive == pytest.approx(1, abs=0.2)


def test_a_column_that_adds_nothing_has_a_flat_shape() -> None:
    """Without any effect the shape is flat, and nothing of it goes with others."""
    zeros = np.zeros(50)
    shape = shape_of_numbers(np.arange(50.0), zeros, zeros, zeros)
    assert shape.additive == 1
    assert all(one.effect == 0 for one in shape.bins)
