"""One hundred people, drawn in the colours of what happens to them."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from osler.report.svg import drawing, series_colour, tag


def hundred(counts: Sequence[int], *, label: str) -> Markup:
    """Draw one hundred people, filled in the colour of what happens to them.

    Parameters
    ----------
    counts
        How many meet each cause, in order; the rest are drawn in outline.
    """
    order = [i for i, count in enumerate(counts) for _ in range(count)]
    parts = []
    for place in range(100):
        cause = order[place] if place < len(order) else None
        parts.append(_person(10 + 22 * (place % 10), 8 + 27 * (place // 10), cause))
    return drawing(220, 276, label, *parts, class_="people")


def _person(x: float, y: float, cause: int | None) -> Markup:
    if cause is None:
        paint = {"fill": "#fff", "stroke": "#b9c0c6", "stroke_width": "1"}
    else:
        colour = series_colour(cause)
        paint = {"fill": colour, "stroke": colour, "stroke_width": "1"}
    body = (
        f"M{x - 5.5:g} {y + 17:g}v-5.2a5.5 5.5 0 0 1 11 0v5.2a1.4 1.4 0 0 1 -1.4 1.4"
        f"h-8.2a1.4 1.4 0 0 1 -1.4 -1.4z"
    )
    return tag("g", tag("circle", cx=x, cy=y, r=3.9), tag("path", d=body), **paint)


def key_person(position: int | None) -> Markup:
    """Draw one person for a legend."""
    return tag(
        "svg",
        _person(8, 6, position),
        viewBox="0 0 16 27",
        class_="key",
        aria_hidden="true",
        width="13",
        height="22",
    )
