"""Small pictures for the cells of tables: ranges and bars on a scale that a column shares.

They repeat the numbers that stand beside them, and are hidden from readers of text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from osler.report.numbers import finite
from osler.report.svg import ACCENT, GREY, Scale, line, series_colour, tag, text, tick_text


def range_cell(
    entry: Mapping[str, Any],
    scale: tuple[float, float],
    *,
    position: int = 0,
    reference: Any = None,
    width: float = 160,
) -> Markup:
    """Draw a value with its interval on a scale shared by a column of a table.

    It repeats the number that stands beside it, and is hidden from readers of text.
    """
    x = Scale(scale[0], scale[1], 4, width - 4)
    colour = series_colour(position)
    parts = [line((4, 12), (width - 4, 12), class_="grid")]
    at = finite(reference)
    if at is not None and scale[0] <= at <= scale[1]:
        parts.append(line((x(at), 2), (x(at), 22), class_="equal"))
    value, low, high = (finite(entry.get(key)) for key in ("value", "low", "high"))
    if low is not None and high is not None:
        parts.append(
            line((x(low), 12), (x(high), 12), stroke=colour, stroke_width=5, stroke_opacity=0.32)
        )
    if value is not None:
        parts.append(tag("circle", cx=x(value), cy=12, r=4.4, fill=colour, stroke="#fff"))
    return _cell(*parts, width=width)


def bar_cell(effect: Any, largest: float, *, diverging: bool) -> Markup:
    """Draw a bar from the left, or from the middle to either side."""
    value = finite(effect)
    start = 100.0 if diverging else 2.0
    if value is None or not largest > 0:
        return _cell(width=200)
    reach = (96.0 if diverging else 196.0) * min(abs(value) / largest, 1.0)
    left = start - reach if diverging and value < 0 else start
    colour = GREY if diverging and value < 0 else ACCENT
    parts = [tag("rect", x=left, y=5, width=max(reach, 0.8), height=14, rx=1.5, fill=colour)]
    parts.append(line((start, 1), (start, 23), class_="axis"))
    return _cell(*parts, width=200)


def _cell(*content: str, width: float) -> Markup:
    return tag(
        "svg",
        *content,
        class_="cell",
        viewBox=f"0 0 {width:g} 24",
        width=width,
        height=24,
        aria_hidden="true",
    )


def axis_cell(top: float, *, width: float) -> Markup:
    """Draw the scale of a column of `range_cell`s, from zero to `top`."""
    x = Scale(0, top, 4, width - 4)
    parts = [line((4, 22), (width - 4, 22), class_="axis")]
    for value in x.ticks(4):
        anchor = "start" if value == 0 else "end" if value == top else "middle"
        parts.append(line((x(value), 18), (x(value), 22), class_="axis"))
        parts.append(text((x(value), 13), tick_text(value), text_anchor=anchor, class_="tick"))
    return _cell(*parts, width=width)


def span(entries: Sequence[Mapping[str, Any]], include: float | None = None) -> tuple[float, float]:
    """Return a scale that holds all values and intervals, and one more value if given."""
    seen = [
        number
        for entry in entries
        for key in ("value", "low", "high")
        if (number := finite(entry.get(key))) is not None
    ]
    if include is not None:
        seen.append(include)
    if not seen:
        return (0.0, 1.0)
    low, high = min(seen), max(seen)
    room = 0.06 * (high - low) or 0.5
    return (low - room, high + room)
