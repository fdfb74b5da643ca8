"""Windows of a task, from the mapping in its file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from osler.cohort.durations import duration
from osler.cohort.reading import NAME, Reading, choices, shown
from osler.cohort.task import (
    RECORD_END,
    RECORD_START,
    SPECIAL,
    TRIGGER,
    Boundary,
    Constraint,
    Edge,
    Window,
)

WINDOW_KEYS = frozenset(
    {"start", "end", "start_inclusive", "end_inclusive", "has", "label", "index_timestamp"}
)
BOUNDARY_FORMS = (
    "trigger, start, end, window.start or window.end, alone or with + time, - time, "
    "-> predicate or <- predicate"
)


def read_windows(raw: object, known: Collection[str], reading: Reading) -> list[Window]:
    """Read the windows; those with faults in their ends are left out, all faults noted."""
    definitions = reading.mapping("windows", raw)
    read = [
        window
        for name, one in definitions.items()
        if (window := _window(name, one, known, definitions, reading)) is not None
    ]
    _at_most_one("label", [one.name for one in read if one.label], reading)
    _at_most_one("index_timestamp", [one.name for one in read if one.index_timestamp], reading)
    return read


def _at_most_one(key: str, names: list[str], reading: Reading) -> None:
    if len(names) > 1:
        reading.fault("windows", f"{key} in {', '.join(names)}", f"one window with {key} at most")


def _window(
    name: str,
    raw: object,
    known: Collection[str],
    siblings: Collection[str],
    reading: Reading,
) -> Window | None:
    key = f"windows.{name}"
    if not NAME.match(name):
        reading.fault(key, "this name", "letters, digits and _")
    if not isinstance(raw, Mapping):
        reading.fault(key, shown(raw), "a mapping with start and end")
        return None
    reading.unknown_keys(key, raw, WINDOW_KEYS)
    start_inclusive = reading.boolean(f"{key}.start_inclusive", raw.get("start_inclusive"), None)
    end_inclusive = reading.boolean(f"{key}.end_inclusive", raw.get("end_inclusive"), None)
    has = _has(f"{key}.has", raw.get("has"), known, reading)
    label = _label(f"{key}.label", raw.get("label"), known, reading)
    index = raw.get("index_timestamp")
    if index not in (None, "start", "end"):
        reading.fault(f"{key}.index_timestamp", shown(index), "start or end")
        index = None
    ends = _ends(name, raw, known, siblings, reading)
    if ends is None:
        return None
    start, end, anchored = ends
    return Window(name, start, end, start_inclusive, end_inclusive, anchored, has, label, index)


def _label(key: str, raw: object, known: Collection[str], reading: Reading) -> str | None:
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str) or raw not in known:
        reading.fault(key, shown(raw), "one of the defined predicates " + ", ".join(sorted(known)))
        return None
    return raw


def _ends(
    name: str,
    raw: Mapping[str, Any],
    known: Collection[str],
    siblings: Collection[str],
    reading: Reading,
) -> tuple[Boundary, Boundary, Edge] | None:
    key = f"windows.{name}"
    missing = [edge for edge in ("start", "end") if edge not in raw]
    for edge in missing:
        reading.fault(f"{key}.{edge}", "absent", f"null, or {BOUNDARY_FORMS}")
    if missing:
        return None
    if raw["start"] is None and raw["end"] is None:
        reading.fault(key, "start and end both null", "at most one of them null")
        return None
    start = _boundary(f"{key}.start", raw["start"], Boundary("end", 0, RECORD_START, True), reading)
    end = _boundary(f"{key}.end", raw["end"], Boundary("start", 0, RECORD_END, False), reading)
    if start is None or end is None:
        return None
    start_refers, end_refers = start.reference == "end", end.reference == "start"
    if start_refers == end_refers:
        came = (
            "start and end refer to each other"
            if start_refers
            else "neither end refers to the other"
        )
        reading.fault(
            key,
            came,
            "exactly one of start and end that refers to the other",
            "write end: start + 24h, or start: end - 24h; null refers to the other end too",
        )
        return None
    anchored: Edge = "end" if start_refers else "start"
    _check_order(key, start if start_refers else end, start_refers, reading)
    _check_references(key, start, end, anchored, known, siblings, reading)
    return _outward(name, start), _outward(name, end), anchored


def _outward(name: str, boundary: Boundary) -> Boundary:
    """Spell out `start` and `end` of the window itself with its name."""
    if boundary.reference not in ("start", "end"):
        return boundary
    return Boundary(
        f"{name}.{boundary.reference}", boundary.offset_us, boundary.predicate, boundary.before
    )


def _boundary(key: str, raw: object, if_null: Boundary, reading: Reading) -> Boundary | None:
    if raw is None:
        return if_null
    if not isinstance(raw, str):
        reading.fault(key, shown(raw), f"null, or {BOUNDARY_FORMS}")
        return None
    for arrow in ("->", "<-"):
        if arrow in raw:
            return _event_boundary(key, raw, arrow, reading)
    for sign in "+-":
        if sign in raw:
            return _time_boundary(key, raw, sign, reading)
    reference = raw.strip()
    return Boundary(reference) if _is_reference(key, raw, reference, reading) else None


def _is_reference(key: str, raw: str, reference: str, reading: Reading) -> bool:
    window, dot, edge = reference.partition(".")
    if NAME.match(window) and (not dot or edge in ("start", "end")):
        return True
    reading.fault(key, shown(raw), BOUNDARY_FORMS)
    return False


def _event_boundary(key: str, raw: str, arrow: str, reading: Reading) -> Boundary | None:
    reference, _, predicate = (part.strip() for part in raw.partition(arrow))
    if not _is_reference(key, raw, reference, reading):
        return None
    if not NAME.match(predicate):
        reading.fault(key, shown(raw), f"one arrow, then the name of a predicate: {BOUNDARY_FORMS}")
        return None
    before = arrow == "<-"
    if predicate == (RECORD_END if before else RECORD_START):
        way = "back to the end" if before else "on to the start"
        reading.fault(key, shown(raw), f"no window that goes {way} of the record")
        return None
    return Boundary(reference, 0, predicate, before)


def _time_boundary(key: str, raw: str, sign: str, reading: Reading) -> Boundary | None:
    reference, _, text = (part.strip() for part in raw.partition(sign))
    if not _is_reference(key, raw, reference, reading):
        return None
    length = duration(text)
    if length is None:
        reading.fault(key, shown(raw), "a time such as 24h, 365 days or 1d 12h after the sign")
        return None
    offset_us = length // timedelta(microseconds=1)
    return Boundary(reference, -offset_us if sign == "-" else offset_us, None, sign == "-")


def _check_order(key: str, free: Boundary, start_refers: bool, reading: Reading) -> None:
    moved = free.predicate is not None or free.offset_us != 0
    if moved and free.before != start_refers:
        reading.fault(key, "a start that is not before its end", "start before end")


def _check_references(
    key: str,
    start: Boundary,
    end: Boundary,
    anchored: Edge,
    known: Collection[str],
    siblings: Collection[str],
    reading: Reading,
) -> None:
    for edge, boundary in (("start", start), ("end", end)):
        path = f"{key}.{edge}"
        if boundary.predicate is not None and boundary.predicate not in {*known, *SPECIAL}:
            reading.fault(path, f"the undefined predicate {boundary.predicate!r}", choices(known))
        if edge != anchored:
            continue
        window, dot, _ = boundary.reference.partition(".")
        if dot and window not in siblings:
            reading.fault(path, f"the undefined window {window!r}", ", ".join(sorted(siblings)))
        elif not dot and window != TRIGGER:
            reading.fault(path, f"the anchor {window!r}", "trigger, window.start or window.end")


def _has(key: str, raw: object, known: Collection[str], reading: Reading) -> tuple[Constraint, ...]:
    limits = reading.mapping(key, raw)
    if any(value is None for value in limits.values()):
        reading.fault(
            key,
            shown(raw),
            "limits such as (1, None) for each predicate",
            'inside braces a limit needs quotes: {death: "(None, 0)"}',
        )
        return ()
    constraints = []
    for name, value in limits.items():
        if name not in known and name not in SPECIAL:
            reading.fault(f"{key}.{name}", "an undefined predicate", choices(known))
        least_most = _limits(f"{key}.{name}", value, reading)
        if least_most is not None:
            constraints.append(Constraint(name, *least_most))
    return tuple(constraints)


def _limits(key: str, raw: object, reading: Reading) -> tuple[int | None, int | None] | None:
    parts = raw.strip().strip("()[]").split(",") if isinstance(raw, str) else raw
    expected = "(least, most), each a whole number or None, and at least one of them"
    if not isinstance(parts, list | tuple) or len(parts) != 2:
        reading.fault(key, shown(raw), expected)
        return None
    try:
        least, most = (_limit(part) for part in parts)
    except ValueError:
        reading.fault(key, shown(raw), expected)
        return None
    if least is None and most is None:
        reading.fault(key, "no limit at all", expected)
        return None
    if least is not None and most is not None and most < least:
        reading.fault(key, shown(raw), "a least that is not more than the most")
        return None
    return least, most


def _limit(part: object) -> int | None:
    if part is None:
        return None
    if isinstance(part, str):
        text = part.strip()
        return None if text.lower() in ("", "none", "null") else int(text)
    if isinstance(part, int) and not isinstance(part, bool):
        return part
    raise ValueError("not a limit")


def references(window: Window) -> set[str]:
    """Predicates that a window uses, in time: limits, bounding events, label."""
    names = {one.predicate for one in window.has}
    names |= {one.predicate for one in (window.start, window.end) if one.predicate}
    if window.label:
        names.add(window.label)
    return names - SPECIAL


def in_order(windows: list[Window], reading: Reading) -> tuple[Window, ...]:
    """Order windows so that each comes after the one it is anchored to."""
    placed: dict[str, Window] = {}
    waiting = list(windows)
    while waiting:
        ready = [one for one in waiting if _anchor_window(one) in {None, *placed}]
        if not ready:
            break
        placed |= {one.name: one for one in ready}
        waiting = [one for one in waiting if one.name not in placed]
    names = {one.name for one in windows}
    circle = [one.name for one in waiting if _anchor_window(one) in names]
    if circle:
        reading.fault(
            "windows",
            f"a circle of references: {', '.join(circle)}",
            "a chain that begins at the trigger",
        )
    return tuple(placed.values())


def _anchor_window(window: Window) -> str | None:
    name, dot, _ = window.boundary(window.anchored).reference.partition(".")
    return name if dot else None
