"""Durations in words and clock forms."""

from __future__ import annotations

from datetime import timedelta

import pytest

from osler.cohort import duration

# What pytimeparse 1.1.8, the parser of es-aces, makes of them, in seconds.
SECONDS = {
    "24h": 86400,
    "1d": 86400,
    "2 days": 172800,
    "365 days": 31536000,
    "1d 12h": 129600,
    "1 day, 12 hours": 129600,
    "5hr34m56s": 20096,
    "30 minutes": 1800,
    "1.5h": 5400,
    "2w": 1209600,
    "1w3d2h32m": 873120,
    "90 SECS": 90,
    "1:24": 84,
    ":22": 22,
    "1:30:00": 5400,
    "2 days, 4:13:02": 187982,
    "2-04:13:02": 187982,
}


@pytest.mark.parametrize("text", SECONDS)
def test_durations_are_those_of_the_grammar(text):
    """Units, mixtures and clock forms mean what they mean to es-aces."""
    assert duration(text) == timedelta(seconds=SECONDS[text])


def test_years_and_months_do_not_depend_on_the_calendar():
    """A year is 365.25 days and a month its twelfth."""
    assert duration("5y") == timedelta(days=1826.25)
    assert duration("1 year 6mo") == timedelta(days=547.875)
    assert duration("12 months") == timedelta(days=365.25)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "5",
        "-1d",
        "1d 2d",
        "3h 1d",
        "1 fortnight",
        "1d:",
        "1..5h",
        "1e3d",
        "9" * 30 + "d",
    ],
)
def test_what_is_not_a_duration_is_none(text):
    """Nothing is guessed: units in order, once, and of a length that time can hold."""
    assert duration(text) is None
