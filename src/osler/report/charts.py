"""The charts of the reports, each from numbers that are given to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from osler.report.names import cause_words
from osler.report.numbers import (
    as_dict,
    decimal,
    dicts,
    finite,
    finite_all,
    out_of_100,
    share_of_100,
    whole,
    years,
)
from osler.report.svg import (
    ACCENT,
    DASHES,
    GREY,
    Point,
    Scale,
    apart,
    axes,
    drawing,
    line,
    polygon,
    polyline,
    round_up,
    series_colour,
    stairs,
    tag,
    text,
)

MOST_CURVE_POINTS = 400
WIDTH = 680.0
LEFT = 40.0


@dataclass(frozen=True)
class Curve:
    """A cause's cumulative incidence: years, and shares out of 100 with their band."""

    name: str
    points: tuple[Point, ...]
    band: tuple[tuple[float, float, float], ...]
    end: str


def read_curves(curves: Any) -> list[Curve]:
    """Return the curves of `incidence` or `curves`, one per cause; what is not a curve is left out.

    Either `{cause: {times_days, value, low, high}}`, or one `times_days` for all beside `causes`,
    a list of `{cause, value, low, high}`.
    """
    if not isinstance(curves, Mapping):
        return []
    if "causes" in curves:
        named = [(str(one.get("cause")), one) for one in dicts(curves["causes"])]
    else:
        named = [(str(name), one) for name, one in curves.items() if isinstance(one, Mapping)]
    shared = curves.get("times_days")
    found = [_curve(name, one, one.get("times_days", shared)) for name, one in named]
    return [curve for curve in found if curve.points]


def _curve(name: str, content: Mapping[str, Any], times: Any) -> Curve:
    days, values = finite_all(times), finite_all(content.get("value"))
    lows, highs = finite_all(content.get("low")), finite_all(content.get("high"))
    lows += [None] * (len(days) - len(lows))
    highs += [None] * (len(days) - len(highs))
    rows = [
        (when / 365.25, 100 * value, low, high)
        for when, value, low, high in zip(days, values, lows, highs, strict=False)
        if when is not None and when >= 0 and value is not None
    ]
    rows.sort(key=lambda row: row[0])
    rows = _thin(rows)
    points = [(x, y) for x, y, _, _ in rows]
    if points and points[0][0] > 0:
        points.insert(0, (0.0, 0.0))
    band = [(x, 100 * lo, 100 * hi) for x, _, lo, hi in rows if lo is not None and hi is not None]
    end = ""
    if rows:
        _, y, lo, hi = rows[-1]
        end = share_of_100({"value": y / 100, "low": lo, "high": hi})
    return Curve(name, tuple(points), tuple(band), end)


def _thin(rows: list[Any]) -> list[Any]:
    """Return at most some hundred rows, the last one among them: more cannot be seen."""
    if len(rows) <= MOST_CURVE_POINTS:
        return rows
    step = -(-len(rows) // MOST_CURVE_POINTS)
    return [*rows[:-1:step], rows[-1]]


def incidence(
    curves: Any,
    *,
    label: str,
    names: Mapping[str, Any] | None = None,
    marks: Sequence[float] = (),
) -> Markup | None:
    """Draw cumulative incidence by cause, with bands, named at the lines' ends.

    Parameters
    ----------
    names
        Words for the causes.
    marks
        Years at which a thin vertical line stands, such as the horizons.
    """
    drawn = read_curves(curves)
    if not drawn:
        return None
    longest = max(curve.points[-1][0] for curve in drawn)
    tops = [y for curve in drawn for _, y in curve.points]
    tops += [high for curve in drawn for _, _, high in curve.band]
    right = WIDTH - 190
    x = Scale(0, longest or 1, LEFT, right)
    y = Scale(0, min(round_up(max(*tops, 1.0)), 100), 290, 34)
    parts = [axes(x, y, "Years", "Out of 100")]
    parts += [
        line((x(at), y.start), (x(at), y.end), class_="mark") for at in marks if 0 < at < longest
    ]
    parts += [_draw_curve(curve, i, x, y) for i, curve in enumerate(drawn)]
    places = apart([y(curve.points[-1][1]) for curve in drawn], 38, y.end + 6, y.start - 6)
    for i, (curve, place) in enumerate(zip(drawn, places, strict=True)):
        end = (right + 12, place)
        name = cause_words(curve.name, names or {})
        parts.append(text((end[0], end[1] - 2), name, class_="name", fill=_ink(i)))
        parts.append(text((end[0], end[1] + 15), curve.end, class_="tick"))
    at_risk = _at_risk(curves, x)
    parts += at_risk
    return drawing(WIDTH, 376 if at_risk else 336, label, *parts)


def _at_risk(curves: Any, x: Scale) -> list[Markup]:
    """Write under the years how many were still followed, when the curves say it."""
    content = next((as_dict(one) for one in curves.values() if as_dict(one).get("at_risk")), None)
    if content is None:
        return []
    rows = zip(finite_all(content.get("times_days")), finite_all(content["at_risk"]), strict=False)
    known = [(when / 365.25, n) for when, n in rows if when is not None and n is not None]
    if not known:
        return []
    parts = [text((0, 346), "Still followed", class_="tick")]
    for year in x.ticks():
        n = next((n for when, n in known if when >= year - 1e-9), known[-1][1])
        place = {"text_anchor": "middle"} if year else {"text_anchor": "start"}
        parts.append(text((x(year), 364), whole(n), class_="tick", **place))
    return parts


def _draw_curve(curve: Curve, position: int, x: Scale, y: Scale) -> Markup:
    colour = series_colour(position)
    upper = stairs([(x(when), y(high)) for when, _, high in curve.band])
    lower = stairs([(x(when), y(low)) for when, low, _ in curve.band])
    band = polygon([*upper, *reversed(lower)], fill=colour, fill_opacity=0.14) if upper else ""
    way = polyline(
        stairs([(x(when), y(value)) for when, value in curve.points]),
        stroke=colour,
        stroke_width=2.2,
        stroke_dasharray=DASHES[position % len(DASHES)] or None,
        stroke_linejoin="round",
    )
    return Markup("").join([band, way])


def _ink(position: int) -> str:
    # Grey lettering needs to be darker than a grey line to be read.
    return "#4d565e" if series_colour(position) == GREY else series_colour(position)


def calibration(bins: Any, *, label: str, position: int = 0) -> Markup | None:
    """Draw observed against predicted risk, with the line where they are equal."""
    rows = [
        (predicted, observed, finite(entry.get("low")), finite(entry.get("high")))
        for entry in dicts(bins)
        if (predicted := finite(entry.get("predicted"))) is not None
        and (observed := finite(entry.get("observed"))) is not None
    ]
    if not rows:
        return None
    tops = [100 * number for row in rows for number in row if number is not None]
    top = min(round_up(max(*tops, 1.0), 4), 100)
    x, y = Scale(0, top, LEFT, 270), Scale(0, top, 264, 34)
    parts = [
        axes(x, y, "Predicted, out of 100", "Observed, out of 100"),
        line((x(0), y(0)), (x(top), y(top)), class_="equal"),
    ]
    colour = series_colour(position)
    way = [(x(100 * predicted), y(100 * observed)) for predicted, observed, _, _ in rows]
    parts.append(polyline(way, stroke=colour, stroke_width=1, stroke_opacity=0.5))
    for (_, _, low, high), (across, up) in zip(rows, way, strict=True):
        if low is not None and high is not None:
            ends = (across, y(100 * low)), (across, y(100 * high))
            parts.append(line(*ends, stroke=colour, stroke_width=1.6))
        parts.append(tag("circle", cx=across, cy=up, r=4, fill=colour, stroke="#fff"))
    return drawing(290, 306, label, *parts)


def net_benefit(points: Sequence[Mapping[str, Any]], *, label: str) -> Markup | None:
    """Draw net benefit over thresholds, beside treating all and treating none."""
    rows = sorted(
        (entry for entry in points if finite(entry.get("threshold")) is not None),
        key=lambda entry: finite(entry.get("threshold")) or 0.0,
    )
    lines = {key: _along(rows, key) for key in ("model", "treat_all", "treat_none")}
    if len(rows) < 2 or len(lines["model"]) < 2:
        return None
    seen = [value for way in lines.values() for _, value in way]
    seen += [value for key in ("low", "high") for _, value in _along(rows, key)]
    top = round_up(max(*seen, 1e-3))
    # Treating all falls without end as the threshold rises; below a third of the top nothing
    # is to be read from it.
    x = Scale(lines["model"][0][0], lines["model"][-1][0], LEFT + 14, WIDTH - 190)
    y = Scale(max(min(*seen, 0.0), -top / 3), top, 250, 34)
    parts = [axes(x, y, "Threshold, out of 100", "Net benefit")]
    styles = (("treat_none", "None", GREY, "2 3"), ("treat_all", "All", GREY, "6 4"))
    for key, _, colour, dash in styles:
        seen_part = above(lines[key], y.low)
        parts.append(polyline(_placed(seen_part, x, y), stroke=colour, stroke_dasharray=dash))
    band = list(zip(_along(rows, "high"), _along(rows, "low"), strict=False))
    if len(band) == len(rows):
        upper = _placed([high for high, _ in band], x, y)
        lower = _placed([low for _, low in band], x, y)
        parts.append(polygon([*upper, *reversed(lower)], fill=ACCENT, fill_opacity=0.14))
    model = _placed(lines["model"], x, y)
    parts.append(polyline(model, stroke=ACCENT, stroke_width=2.2))
    parts += [tag("circle", cx=a, cy=b, r=3.4, fill=ACCENT) for a, b in model]
    parts += _line_names(lines, x, y)
    return drawing(WIDTH, 296, label, *parts)


def _line_names(lines: Mapping[str, Sequence[Point]], x: Scale, y: Scale) -> list[Markup]:
    """Name the lines at their ends; one that leaves the picture earlier is named there."""
    named = (("The model", "model", ACCENT), ("Treat none", "treat_none", "#4d565e"))
    ends = [(name, y(lines[key][-1][1]), ink) for name, key, ink in named if lines[key]]
    parts = []
    everyone = above(lines["treat_all"], y.low)
    if everyone and everyone[-1][0] < lines["treat_all"][-1][0]:
        at = (x(everyone[-1][0]) + 8, y.start - 8)
        parts.append(text(at, "Treat all", class_="name", fill="#4d565e"))
    elif everyone:
        ends.append(("Treat all", y(everyone[-1][1]), "#4d565e"))
    places = apart([place for _, place, _ in ends], 18, y.end + 4, y.start)
    for (name, _, ink), place in zip(ends, places, strict=True):
        parts.append(text((x.end + 12, place + 4), name, class_="name", fill=ink))
    return parts


def above(points: Sequence[Point], floor: float) -> list[Point]:
    """Return a falling line down to where it meets the floor."""
    kept: list[Point] = []
    for point in points:
        if point[1] < floor:
            if kept:
                (a, b), (c, d) = kept[-1], point
                kept.append((a + (c - a) * (b - floor) / (b - d), floor))
            break
        kept.append(point)
    return kept


def _along(rows: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    return [
        (100 * threshold, value)
        for entry in rows
        if (threshold := finite(entry.get("threshold"))) is not None
        and (value := finite(entry.get(key))) is not None
    ]


def _placed(points: Sequence[Point], x: Scale, y: Scale) -> list[Point]:
    return [(x(a), y(b)) for a, b in points]


def curve_words(curves: Any, names: Mapping[str, Any] | None = None) -> str:
    """Return in a sentence where each curve ends, for readers who do not see the chart."""
    ends = []
    for curve in read_curves(curves):
        last = curve.points[-1][0]
        name = cause_words(curve.name, names or {})
        ends.append(f"{name}: {curve.end} out of 100 at {decimal(last, 0)} years")
    return "; ".join(ends)


def calibration_words(bins: Any) -> str:
    """Return the bins of a calibration plot as a sentence."""
    pairs = [
        f"{out_of_100(entry.get('predicted'))} predicted, {out_of_100(entry.get('observed'))} seen"
        for entry in dicts(bins)
    ]
    return "; ".join(pairs)


def horizon_years(horizons: Any) -> list[float]:
    """Return the horizons of a study or a summary in years."""
    found = [years(entry.get("days")) for entry in dicts(horizons)]
    return [number for number in found if number is not None]
