"""How numbers and dates are written for a reader, and how any JSON is read without fault."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from numbers import Real
from typing import Any

DAYS_PER_YEAR = 365.25
UNKNOWN = "–"


def finite(value: Any) -> float | None:
    """Return the value as a float, or None when it is not a finite number.

    Examples
    --------
    >>> finite(0.5), finite(float("nan")), finite(None), finite("0.5"), finite(True)
    (0.5, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def finite_all(values: Any) -> list[float | None]:
    """Return each of a list's values as `finite` does; anything that is no list is empty."""
    return [finite(value) for value in values] if is_list(values) else []


def is_list(value: Any) -> bool:
    """Whether the value is a sequence of things rather than a text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def as_list(value: Any) -> list[Any]:
    """Return a list's content, a lone value as a list of one, nothing as an empty list."""
    if value is None:
        return []
    return list(value) if is_list(value) else [value]


def as_dict(value: Any) -> Mapping[str, Any]:
    """Return a mapping as it is, anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def dicts(value: Any) -> list[Mapping[str, Any]]:
    """Return the mappings in a list; anything else in it is left out."""
    return [entry for entry in as_list(value) if isinstance(entry, Mapping)]


def texts(value: Any) -> list[str]:
    """Return the non-empty texts in a list, or a lone text as a list of one."""
    return [str(entry) for entry in as_list(value) if entry not in (None, "")]


def plain(value: Any) -> str:
    """Return any value as text; numbers short, nothing as a dash."""
    number = finite(value)
    if number is not None:
        return f"{number:,.0f}" if number == int(number) else f"{number:.4g}"
    return UNKNOWN if value is None or value == "" or isinstance(value, float) else str(value)


def capitalized(text: str) -> str:
    """Return a sentence with its first letter large; the others keep theirs.

    Examples
    --------
    >>> capitalized("as of CIViC")
    'As of CIViC'
    """
    return text[:1].upper() + text[1:]


def maybe(value: Any) -> str:
    """Return any value as `plain` does, and nothing as nothing."""
    return "" if value is None or value == "" else plain(value)


def whole(value: Any) -> str:
    """Return a count with its thousands set apart.

    Examples
    --------
    >>> whole(1980), whole(None)
    ('1,980', '–')
    """
    number = finite(value)
    return UNKNOWN if number is None else f"{number:,.0f}"


def decimal(value: Any, places: int = 3) -> str:
    """Return a number with so many decimal places and a true minus sign."""
    number = finite(value)
    if number is None:
        return UNKNOWN
    text = f"{number:.{places}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("-")


def signed(value: Any, places: int = 1) -> str:
    """Return a number with its sign always shown."""
    text = decimal(value, places)
    number = finite(value)
    return f"+{text}" if number is not None and number > 0 and float(text) else text


def estimate(entry: Any, places: int = 3) -> str:
    """Return `0.712 (0.690 to 0.733)`, without the bracket when there is no interval."""
    content = as_dict(entry)
    value, low, high = (content.get(key) for key in ("value", "low", "high"))
    if finite(value) is None:
        return UNKNOWN
    if finite(low) is None or finite(high) is None:
        return decimal(value, places)
    return f"{decimal(value, places)} ({decimal(low, places)} to {decimal(high, places)})"


def out_of_100(probability: Any) -> str:
    """Return how many of 100, in whole numbers.

    Examples
    --------
    >>> out_of_100(0.153), out_of_100(0.001), out_of_100(0.999), out_of_100(None)
    ('15', '<1', '>99', '–')
    """
    share = finite(probability)
    if share is None:
        return UNKNOWN
    count = share * 100
    if count <= 0.5:
        return "<1"
    return ">99" if count >= 99.5 else f"{count:.0f}"


def range_of_100(low: Any, high: Any) -> str:
    """Return `12 to 19`, empty when either end is unknown.

    Examples
    --------
    >>> range_of_100(0.12, 0.19), range_of_100(0.121, 0.124), range_of_100(None, 0.2)
    ('12 to 19', '12.1 to 12.4', '')
    """
    first, last = finite(low), finite(high)
    if first is None or last is None:
        return ""
    ends = out_of_100(first), out_of_100(last)
    if ends[0] == ends[1] and first < last and ends[0].isdigit():
        return f"{first * 100:.1f} to {last * 100:.1f}"
    return f"{ends[0]} to {ends[1]}"


def share_of_100(entry: Mapping[str, Any]) -> str:
    """Return `15 (12 to 19)` for a probability with its interval."""
    interval = range_of_100(entry.get("low"), entry.get("high"))
    value = out_of_100(entry.get("value"))
    return f"{value} ({interval})" if interval and value != UNKNOWN else value


def people_of_100(shares: Sequence[Any]) -> list[int]:
    """Return how many of one hundred people each share is, and last how many are left over.

    The numbers add up to 100 and agree with `out_of_100`; unknown shares are none.

    Examples
    --------
    >>> people_of_100([0.264, 0.082]), people_of_100([0.001, None])
    ([26, 8, 66], [0, 0, 100])
    """
    counts: list[int] = []
    for share in shares:
        count = round(100 * min(max(finite(share) or 0.0, 0.0), 1.0))
        counts.append(min(count, 100 - sum(counts)))
    return [*counts, 100 - sum(counts)]


def years(days: Any) -> float | None:
    """Return days as years of 365.25 days."""
    number = finite(days)
    return None if number is None else number / DAYS_PER_YEAR


def day(value: Any) -> str:
    """Return an ISO date or time as `22 Nov 2026`; anything else as it is.

    Examples
    --------
    >>> day("2026-11-22T10:00:00+00:00"), day("some day"), day(None)
    ('22 Nov 2026', 'some day', '–')
    """
    if value is None or value == "":
        return UNKNOWN
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return f"{moment.day} {moment:%b} {moment.year}"
