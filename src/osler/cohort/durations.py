"""Durations as a task writes them: `24h`, `365 days`, `1 day, 12 hours`, `1:30:00`, `5y`."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

DAY_SECONDS = 86_400
# A Julian year and its twelfth: the only lengths that do not depend on the calendar.
YEAR_SECONDS = DAY_SECONDS * Fraction(1461, 4)
MONTH_SECONDS = YEAR_SECONDS / 12

UNITS: tuple[tuple[Fraction, frozenset[str]], ...] = (
    (YEAR_SECONDS, frozenset({"y", "yr", "yrs", "year", "years"})),
    (MONTH_SECONDS, frozenset({"mo", "mos", "month", "months"})),
    (Fraction(7 * DAY_SECONDS), frozenset({"w", "wk", "wks", "week", "weeks"})),
    (Fraction(DAY_SECONDS), frozenset({"d", "dy", "dys", "day", "days"})),
    (Fraction(3600), frozenset({"h", "hr", "hrs", "hour", "hours"})),
    (Fraction(60), frozenset({"m", "min", "mins", "minute", "minutes"})),
    (Fraction(1), frozenset({"s", "sec", "secs", "second", "seconds"})),
)
DAY_RANK = 3
LONGEST = timedelta(days=366_000)

_PART = re.compile(r"\s*(\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})\s*([a-zA-Z]+)\s*[,/]?\s*")
_CLOCK = re.compile(r"(?:(?:(?:(\d{1,9})[:-])?(\d{1,9}):)?(\d{1,2}))?:(\d{2}(?:\.\d{1,6})?)\Z")


def duration(text: str) -> timedelta | None:
    """Read a duration without a sign; None if it is not one.

    Units from weeks to seconds and clock forms are those of the ACES grammar. Years
    (365.25 days) and months (a twelfth of that, 30.4375 days) are added to it. Units stand in
    order of size, each at most once.

    Examples
    --------
    >>> duration("5y").total_seconds() / 86400
    1826.25
    >>> duration("1 day, 12 hours")
    datetime.timedelta(days=1, seconds=43200)
    >>> duration("soon") is None
    True
    """
    seconds, rank, position = Fraction(0), -1, 0
    while part := _PART.match(text, position):
        next_rank = _rank(part[2])
        if next_rank is None or next_rank <= rank:
            return None
        rank, position = next_rank, part.end()
        seconds += Fraction(part[1].rstrip(".")) * UNITS[rank][0]
    rest = text[position:].strip()
    if rest:
        clock = _clock_seconds(rest, after_units=rank >= 0)
        if clock is None or rank > DAY_RANK:
            return None
        seconds += clock
    elif rank < 0:
        return None
    return _bounded(seconds)


def _rank(unit: str) -> int | None:
    folded = unit.lower()
    return next((i for i, (_, names) in enumerate(UNITS) if folded in names), None)


def _clock_seconds(text: str, *, after_units: bool) -> Fraction | None:
    clock = _CLOCK.match(text)
    if clock is None:
        return None
    days, hours, minutes, seconds = clock.groups()
    if after_units and (hours is None or days is not None):
        return None
    return (
        Fraction(days or 0) * DAY_SECONDS
        + Fraction(hours or 0) * 3600
        + Fraction(minutes or 0) * 60
        + Fraction(seconds)
    )


def _bounded(seconds: Fraction) -> timedelta | None:
    if seconds > LONGEST.total_seconds():
        return None
    return timedelta(microseconds=round(seconds * 1_000_000))
