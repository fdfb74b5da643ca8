"""The section on how the predicted risk goes with the values of what moves it most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from osler.report.names import words
from osler.report.numbers import as_dict, decimal, dicts, finite, maybe, plain, signed, whole
from osler.report.svg import (
    ACCENT,
    GREY,
    Scale,
    axes,
    drawing,
    line,
    polygon,
    polyline,
    round_step,
    tag,
    text,
)

WIDTH = 330.0
LEFT = 40.0
STRIP = 30.0
ROW = 28.0
NAME = 128.0
LONGEST_NAME = 18
WHOLE = 0.995
PLAIN = ("last", "any", "years")
WHOLE_LIFE = ("full", "static")

Json = Mapping[str, Any]


def shapes(results: Json) -> dict[str, Any] | None:
    """Return the section; None where the run has no shapes."""
    section = as_dict(results.get("shapes"))
    columns = [one for one in dicts(section.get("columns")) if _bins(one)]
    if not columns:
        return None
    low, high = _reach(columns)
    return {
        "horizon": maybe(section.get("horizon")),
        "people": whole(section.get("people")),
        "base": decimal(100 * (finite(section.get("base")) or 0.0), 1),
        "plots": [_plot(one, low, high) for one in columns],
    }


def _bins(column: Json) -> list[Json]:
    return [one for one in dicts(column.get("bins")) if finite(one.get("effect")) is not None]


def _reach(columns: Sequence[Json]) -> tuple[float, float]:
    """Return the ends of the one scale of all pictures, in points out of 100, zero within."""
    seen = [
        100 * number
        for column in columns
        for one in [*_bins(column), as_dict(column.get("missing"))]
        for key in ("effect", "low", "high", "alone")
        if (number := finite(one.get(key))) is not None
    ]
    step = round_step((max(*seen, 0.0) - min(*seen, 0.0)) / 5)
    return (
        -step * -(min(*seen, 0.0) // step),
        step * -(-max(*seen, 0.0) // step) or step,
    )


def _plot(column: Json, low: float, high: float) -> dict[str, Any]:
    heading = plain(column.get("what"))
    unit = maybe(column.get("unit"))
    label = f"Effect of {heading} on the predicted risk, in points out of 100: {_told(column)}"
    draw = _levels if column.get("kind") == "level" else _numbers
    additive = finite(column.get("additive"))
    return {
        "heading": f"{heading}, {unit}" if unit else heading,
        "detail": _detail(column),
        "picture": draw(column, low, high, label),
        "additive": "" if additive is None else _additive(additive),
    }


def _additive(share: float) -> str:
    if share >= WHOLE:
        return "A matter of this value alone."
    return f"{100 * share:.0f} % a matter of this value alone; the rest goes with others."


def _detail(column: Json) -> str:
    missing, left = as_dict(column.get("missing")), finite(column.get("left_out"))
    told = []
    if column.get("aggregation") and column["aggregation"] not in PLAIN:
        told.append(words(str(column["aggregation"])))
    if column.get("window") and column["window"] not in WHOLE_LIFE:
        told.append(f"in {column['window']}")
    if missing and column.get("kind") != "level":
        effect = signed(100 * (finite(missing.get("effect")) or 0.0), 1)
        told.append(f"Not recorded ({whole(missing.get('n'))}): {effect} points")
    if left:
        told.append(f"{whole(left)} with values of fewer than ten are not shown")
    return "; ".join(told)


def _told(column: Json) -> str:
    return "; ".join(
        f"{plain(one.get('level')) if one.get('level') else decimal(one.get('value'), 2)}: "
        f"{signed(100 * (finite(one.get('effect')) or 0.0), 1)}"
        for one in _bins(column)
    )


def _numbers(column: Json, low: float, high: float, label: str) -> Markup:
    """Draw effect over value with its spread, and how many have each value underneath."""
    bins = sorted(_bins(column), key=lambda one: finite(one.get("value")) or 0.0)
    places = [finite(one.get("value")) or 0.0 for one in bins]
    room = 0.04 * (places[-1] - places[0]) or 0.5
    x = Scale(places[0] - room, places[-1] + room, LEFT, WIDTH - 8)
    y = Scale(low, high, 196, 34)
    parts = [axes(x, y, "", "Points out of 100", x_ticks=4)]
    parts.append(line((x.start, y(0)), (x.end, y(0)), class_="equal"))
    across = [x(one) for one in places]
    rows = list(zip(across, bins, strict=True))
    upper = [(at, y(100 * (finite(one.get("high")) or 0.0))) for at, one in rows]
    lower = [(at, y(100 * (finite(one.get("low")) or 0.0))) for at, one in rows]
    parts.append(polygon([*upper, *reversed(lower)], fill=ACCENT, fill_opacity=0.16))
    alone = [(at, y(100 * (finite(one.get("alone")) or 0.0))) for at, one in rows]
    parts.append(polyline(alone, stroke=GREY, stroke_width=1.4, stroke_dasharray="5 4"))
    effect = [(at, y(100 * (finite(one.get("effect")) or 0.0))) for at, one in rows]
    parts.append(polyline(effect, stroke=ACCENT, stroke_width=2))
    parts += [tag("circle", cx=a, cy=b, r=2.8, fill=ACCENT, stroke="#fff") for a, b in effect]
    parts += _counts(across, [finite(one.get("n")) or 0.0 for one in bins])
    return drawing(WIDTH, 268, label, *parts)


def _counts(across: Sequence[float], counts: Sequence[float]) -> list[Markup]:
    """Draw how many people have each value as bars below the axis."""
    gaps = [b - a for a, b in pairwise(across)]
    width = max(min(*gaps, 18.0, 18.0) * 0.8, 4.0) if gaps else 14.0
    most = max(*counts, 1.0, 1.0)
    floor = 258.0
    return [
        tag(
            "rect",
            x=at - width / 2,
            y=floor - STRIP * count / most,
            width=width,
            height=STRIP * count / most,
            fill=GREY,
            fill_opacity=0.5,
        )
        for at, count in zip(across, counts, strict=True)
    ]


def _levels(column: Json, low: float, high: float, label: str) -> Markup:
    """Draw the effect of each level with its spread, and how many have it."""
    rows = [(plain(one.get("level")), one) for one in _bins(column)]
    missing = as_dict(column.get("missing"))
    if missing:
        rows.append(("none of these", missing))
    x = Scale(low, high, NAME, WIDTH - 44)
    floor = 24 + ROW * len(rows)
    parts = [
        line((x(at), 18), (x(at), floor), class_="equal" if at == 0 else "grid")
        for at in x.ticks(4)
    ]
    parts += [
        text((x(at), floor + 18), signed(at, 0), text_anchor="middle", class_="tick")
        for at in x.ticks(4)
    ]
    parts.append(text((WIDTH - 4, 12), "people", text_anchor="end", class_="tick"))
    for number, (name, one) in enumerate(rows):
        middle = 24 + ROW * (number + 0.5)
        ends = (x(100 * (finite(one.get(key)) or 0.0)) for key in ("low", "high"))
        start, end = ((at, middle) for at in ends)
        parts.append(text((0, middle + 4), _short(name), class_="tick"))
        parts.append(line(start, end, stroke=ACCENT, stroke_width=5, stroke_opacity=0.3))
        at = x(100 * (finite(one.get("effect")) or 0.0))
        parts.append(tag("circle", cx=at, cy=middle, r=4, fill=ACCENT, stroke="#fff"))
        count = whole(one.get("n"))
        parts.append(text((WIDTH - 4, middle + 4), count, text_anchor="end", class_="tick"))
    return drawing(WIDTH, floor + 28, label, *parts)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def faithful(results: Json) -> dict[str, Any] | None:
    """Return whether the reasons given are what predictions rest on; None if not measured."""
    section = as_dict(results.get("faithfulness"))
    if not section or section.get("faithful") is None:
        return None
    return {
        "faithful": section["faithful"] is True,
        "people": whole(section.get("people")),
        "reasons": whole(section.get("reasons")),
        "named": _points(section.get("named")),
        "others": _points(section.get("others")),
        "difference": _points(section.get("difference")),
        "share": _points(section.get("share"), 0),
    }


def _points(entry: Any, digits: int = 1) -> str:
    value, low, high = (finite(as_dict(entry).get(key)) for key in ("value", "low", "high"))
    if value is None:
        return plain(None)
    told = decimal(100 * value, digits)
    if low is None or high is None:
        return told
    return f"{told} ({decimal(100 * low, digits)} to {decimal(100 * high, digits)})"
