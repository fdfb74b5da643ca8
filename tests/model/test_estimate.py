"""Numbers with their uncertainty."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.model import Estimate


def test_an_estimate_says_value_and_interval() -> None:
    """As text it is the value with its interval, to three places."""
    assert str(Estimate(0.7004, 0.65, 0.75)) == "0.700 (0.650 to 0.750)"


def test_an_estimate_cannot_be_changed() -> None:
    """A result stays what it was when it was made."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Estimate(1, 0, 2).value = 2  # type: ignore[misc] # the very thing that must fail


@given(st.floats(), st.floats(), st.floats(), st.none() | st.integers())
def test_json_never_holds_a_nan(value: float, low: float, high: float, n: int | None) -> None:
    """Whatever could not be estimated is null in JSON, every other number is itself."""
    written = Estimate(value, low, high, n=n).to_json()
    assert set(written) == {"value", "low", "high", "level", "n", "meaning"}
    assert written["value"] is None if value != value else written["value"] == value
    assert "NaN" not in json.dumps(written)
