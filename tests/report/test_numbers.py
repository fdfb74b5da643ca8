"""How numbers, names and places are written."""

from __future__ import annotations

import doctest
import importlib
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.report.names import family_of, horizon_words, metric_of
from osler.report.numbers import (
    day,
    decimal,
    estimate,
    finite,
    out_of_100,
    people_of_100,
    plain,
    range_of_100,
    signed,
    whole,
)
from osler.report.svg import Scale, apart, drawing, round_step, stairs, tag, text

MODULES = ("numbers", "names", "svg", "fhir", "flow", "metrics", "cells", "people", "patient")
SHARES = st.floats(0, 1)
PLACES = st.lists(st.floats(0, 300), max_size=8)


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_hold(module: str) -> None:
    """Every example in the room's docstrings gives what it says."""
    tested = doctest.testmod(importlib.import_module(f"osler.report.{module}"))
    assert tested.failed == 0


@given(SHARES)
def test_out_of_100_is_whole_and_never_0_or_100(share: float) -> None:
    """A risk is told as a whole number, <1 or >99: no 0 and no certainty."""
    told = out_of_100(share)
    assert told in ("<1", ">99") or 0 < int(told) <= 100
    if told.isdigit():
        assert abs(int(told) - 100 * share) <= 0.5 + 1e-9


@given(st.lists(SHARES, max_size=5))
def test_hundred_people_are_a_hundred(shares: list[float]) -> None:
    """The people of a picture add up to 100, none of them negative, whatever the shares."""
    counts = people_of_100(shares)
    assert sum(counts) == 100
    assert min(counts) >= 0
    assert len(counts) == len(shares) + 1


@given(st.lists(st.floats(0, 0.24), max_size=4))
def test_hundred_people_agree_with_the_numbers(shares: list[float]) -> None:
    """As many are coloured as the number beside the picture says."""
    for share, count in zip(shares, people_of_100(shares), strict=False):
        assert out_of_100(share) in (str(count), "<1")


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.12, 0.19, "12 to 19"),
        (0.0, 0.03, "<1 to 3"),
        (0.97, 1.0, "97 to >99"),
        (0.121, 0.124, "12.1 to 12.4"),
        (float("nan"), 0.2, ""),
        (None, None, ""),
    ],
)
def test_intervals(low: Any, high: Any, told: str) -> None:
    """Intervals are whole numbers out of 100; ends that would be equal get a decimal."""
    assert range_of_100(low, high) == told


@pytest.mark.parametrize(
    "value", [None, float("nan"), float("inf"), "0.5", True, [], {}, object(), 10**400]
)
def test_what_is_no_number_is_a_dash(value: Any) -> None:
    """Nothing that is not a finite number is written as one."""
    assert finite(value) is None
    assert out_of_100(value) == whole(value) == decimal(value) == "–"
    assert estimate({"value": value, "low": 0, "high": 1}) == "–"


def test_signs_are_true_minus_signs_and_zero_has_none() -> None:
    """A negative number has a minus sign, a rounded zero has none."""
    assert (decimal(-0.5, 1), decimal(-0.0001, 1), signed(0.04, 1)) == ("−0.5", "0.0", "0.0")
    assert (signed(0.5), signed(-0.5)) == ("+0.5", "−0.5")


def test_counts_and_dates() -> None:
    """Thousands are set apart, dates are short, and odd dates stay as they came."""
    assert (whole(12345), plain(1234), plain(0.12345)) == ("12,345", "1,234", "0.1235")
    assert (day("2026-11-02"), day("soon"), day(7)) == ("2 Nov 2026", "soon", "7")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("uno_c", "Uno's C"),
        ("auc_1826d", "AUC, 5 years"),
        ("ici_30d", "Integrated calibration index, 30 days"),
        ("calibration_slope_365d", "Calibration slope, 1 year"),
        ("group_uno_c", "Uno's C, each group"),
        ("something_new", "Something new"),
        ("group_", "Group"),
    ],
)
def test_metric_names(key: str, name: str) -> None:
    """Keys of metrics become words, times in years where they are years."""
    assert metric_of(key).name == name


def test_families_and_horizons() -> None:
    """A metric's family is its name without the time; labels of horizons become words."""
    assert (family_of("brier_scaled_3652d"), family_of("uno_c")) == ("brier_scaled", "uno_c")
    assert (horizon_words("10y"), horizon_words("all"), horizon_words(None)) == (
        "10 years",
        "all",
        "–",
    )


def test_drawing_escapes_text_and_attributes() -> None:
    """What is drawn from data can open no tag and leave no attribute."""
    hostile = '"><script>alert(1)</script>'
    drawn = drawing(10, 10, hostile, text((0, 0), hostile), tag("g", class_=hostile))
    assert "<script" not in drawn
    assert drawn.count("<svg") == 1
    assert "&lt;script&gt;" in drawn


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_and_inside(low: float, width: float) -> None:
    """An axis has a handful of ticks, all within it."""
    ticks = Scale(low, low + width, 0, 100).ticks()
    assert len(ticks) <= 11
    assert all(low - 1e-6 * width - 1e-6 <= one <= low + width * (1 + 1e-6) + 1e-6 for one in ticks)


@given(st.floats(1e-9, 1e9))
def test_steps_are_round_and_not_below(rough: float) -> None:
    """A step is 1, 2 or 5 times a power of ten, at least the rough one, at most 2.5 times it."""
    step = round_step(rough)
    lead = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(lead - one) for one in (1, 2, 5, 10)) < 1e-6
    assert rough * (1 - 1e-6) <= step <= rough * 2.5 * (1 + 1e-6)


@given(PLACES)
def test_labels_are_moved_apart(places: list[float]) -> None:
    """Labels that fit keep their distance and their order."""
    moved = apart(places, 20, 0, 300)
    order = sorted(range(len(places)), key=lambda i: places[i])
    gaps = [moved[b] - moved[a] for a, b in pairwise(order)]
    assert all(gap >= 20 - 1e-6 for gap in gaps)


def test_stairs_stay_level_between_points() -> None:
    """A curve keeps its height until its next point."""
    assert stairs([(0, 0), (1, 2), (3, 5)]) == [(0, 0), (1, 0), (1, 2), (3, 2), (3, 5)]
