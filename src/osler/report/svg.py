"""Drawing: the few marks that the charts are made of, every text and attribute escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

ACCENT = "#0f5a6e"
GREY = "#76808a"
# One accent, then neutrals and earth tones that differ in lightness as well, for print in grey
# and for readers who do not see all colours; lines differ in their dashes too.
SERIES = (ACCENT, GREY, "#a8721b", "#7a4a86", "#1b1f24")
DASHES = ("", "6 4", "2 3", "9 3 2 3", "4 2")

Point = tuple[float, float]


def series_colour(position: int) -> str:
    """Return the colour of the cause at this position, the same in every chart."""
    return SERIES[position % len(SERIES)]


def tag(name: str, *content: str, **attributes: str | float | None) -> Markup:
    """Return an element; `_` in attribute names is written `-`, a trailing one left off.

    Content that is not markup already is escaped, attributes always are.
    """
    pairs = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _short(value))
        for key, value in attributes.items()
        if value is not None
    ]
    return Markup("<{0}{1}>{2}</{0}>").format(
        name, Markup("").join(pairs), Markup("").join(escape(part) for part in content)
    )


def drawing(
    width: float, height: float, label: str, *content: str, class_: str = "chart"
) -> Markup:
    """Return a drawing that scales with its column; `label` says in words what it shows."""
    return tag(
        "svg",
        tag("title", label),
        *content,
        class_=class_,
        viewBox=f"0 0 {_short(width)} {_short(height)}",
        role="img",
        aria_label=label,
        preserveAspectRatio="xMidYMid meet",
        style=f"max-width:{_short(width)}px",
    )


def line(start: Point, end: Point, **attributes: str | float | None) -> Markup:
    """Return a straight line."""
    return tag("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], **attributes)


def text(at: Point, content: str, **attributes: str | float | None) -> Markup:
    """Return a text anchored at a point."""
    return tag("text", content, x=at[0], y=at[1], **attributes)


def polyline(points: Iterable[Point], **attributes: str | float | None) -> Markup:
    """Return straight lines through points."""
    return tag("polyline", points=_points(points), fill="none", **attributes)


def polygon(points: Iterable[Point], **attributes: str | float | None) -> Markup:
    """Return a filled outline."""
    return tag("polygon", points=_points(points), **attributes)


def stairs(points: Sequence[Point]) -> list[Point]:
    """Return the corners of a curve that stays level between its points."""
    corners: list[Point] = []
    for x, y in points:
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return corners


@dataclass(frozen=True)
class Scale:
    """From values to places on the page, linearly."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; values outside are drawn at the edge."""
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.0
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values within the scale, about so many."""
        step = round_step((self.high - self.low) / max(about, 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 10) + 0.0 for i in range(first, last + 1)]


def round_step(rough: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below the rough step.

    Examples
    --------
    >>> round_step(3.2), round_step(0.07), round_step(0)
    (5.0, 0.1, 1.0)
    """
    if not rough > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= rough * (1 - 1e-9))


def round_up(value: float, about: int = 5) -> float:
    """Return the end of an axis from zero that holds the value."""
    step = round_step(value / about)
    return max(math.ceil(value / step - 1e-9), 1) * step


def tick_text(value: float) -> str:
    """Return a tick's label without needless digits."""
    return f"{value:.10g}".replace("-", "\N{MINUS SIGN}")


def axes(x: Scale, y: Scale, x_label: str, y_label: str, *, x_ticks: int = 5) -> Markup:
    """Return grid lines, ticks and labels; the y label stands flat above the axis."""
    parts = []
    for value in y.ticks():
        parts.append(line((x.start, y(value)), (x.end, y(value)), class_="grid"))
        parts.append(
            text((x.start - 8, y(value) + 4), tick_text(value), text_anchor="end", class_="tick")
        )
    for value in x.ticks(x_ticks):
        parts.append(line((x(value), y.start), (x(value), y.start + 5), class_="axis"))
        parts.append(
            text((x(value), y.start + 19), tick_text(value), text_anchor="middle", class_="tick")
        )
    parts.append(line((x.start, y.start), (x.end, y.start), class_="axis"))
    parts.append(
        text(((x.start + x.end) / 2, y.start + 37), x_label, text_anchor="middle", class_="label")
    )
    parts.append(text((0, y.end - 12), y_label, class_="label"))
    return Markup("").join(parts)


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return the places moved so that neighbours are at least `gap` apart, within low to high."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    floor = low
    for i in order:
        moved[i] = max(moved[i], floor)
        floor = moved[i] + gap
    ceiling = high
    for i in reversed(order):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - gap
    return moved


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{_short(x)},{_short(y)}" for x, y in points)


def _short(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
