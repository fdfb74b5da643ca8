"""Tasks and outcomes in plain words."""

from __future__ import annotations

from datetime import timedelta

from osler.cohort.task import (
    ANY_EVENT,
    RECORD_END,
    RECORD_START,
    TRIGGER,
    Boundary,
    Constraint,
    Derived,
    Edge,
    Plain,
    Predicate,
    Task,
    Window,
)

NAMES = {
    ANY_EVENT: "event of any kind",
    RECORD_START: "start of the record",
    RECORD_END: "end of the record",
}


def words(name: str) -> str:
    """Return a predicate's name as words."""
    return NAMES.get(name, name.replace("_", " ").strip() or name)


def listed(parts: list[str], last: str = "and") -> str:
    """Join parts with commas and a last word."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def length_words(offset_us: int) -> str:
    """Return a duration in days, hours, minutes and seconds."""
    left = timedelta(microseconds=abs(offset_us))
    hours, rest = divmod(left.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    sizes = [(left.days, "day"), (hours, "hour"), (minutes, "minute")]
    parts = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in sizes if n]
    exact = seconds + left.microseconds / 1_000_000
    if exact or not parts:
        parts.append(f"{exact:g} second{'' if exact == 1 else 's'}")
    return " ".join(parts)


def point_words(reference: str) -> str:
    """Return what a reference to a point means."""
    if reference == TRIGGER:
        return "the trigger"
    window, _, edge = reference.partition(".")
    return f"the {edge} of {window}"


def boundary_words(boundary: Boundary, window: str) -> str:
    """Return where one end of a window lies."""
    own = {f"{window}.start": "its start", f"{window}.end": "its end"}
    origin = own.get(boundary.reference) or point_words(boundary.reference)
    if boundary.predicate in (RECORD_START, RECORD_END):
        return f"the {words(boundary.predicate)}"
    if boundary.predicate:
        order = "last" if boundary.before else "next"
        side = "before" if boundary.before else "after"
        return f"the {order} {words(boundary.predicate)} {side} {origin}"
    if boundary.offset_us:
        side = "before" if boundary.offset_us < 0 else "after"
        return f"{length_words(boundary.offset_us)} {side} {origin}"
    return origin


def window_words(window: Window) -> str:
    """Return from where to where a window runs, and which of its ends belong to it."""
    edges: tuple[tuple[Edge, bool], ...] = (
        ("start", window.start_inclusive),
        ("end", window.end_inclusive),
    )
    start, end = (boundary_words(window.boundary(edge), window.name) for edge, _ in edges)
    inside = [edge for edge, inclusive in edges if inclusive]
    ends = {0: "neither end included", 2: "both ends included"}.get(
        len(inside), f"the {''.join(inside)} included"
    )
    return f"from {start} to {end}, {ends}"


def constraint_words(limit: Constraint) -> str:
    """Return how many of a predicate a window may hold."""
    name = words(limit.predicate)
    if limit.most == 0:
        return f"no {name}"
    if limit.most is None:
        return f"at least {limit.least} × {name}"
    if limit.least is None:
        return f"at most {limit.most} × {name}"
    if limit.least == limit.most:
        return f"exactly {limit.most} × {name}"
    return f"{limit.least} to {limit.most} × {name}"


def predicate_words(one: Predicate) -> str:
    """Return what a predicate asks of an event or a moment."""
    if isinstance(one, Derived):
        joined = f" {one.operator} ".join(words(name) for name in one.inputs)
        return f"{joined} at the same time" if one.operator == "and" else joined
    if not one.codes and one.regex is None:
        return "no event at all: its code is null, and null equals no code"
    return listed([_code_words(one), *_limit_words(one)])


def _code_words(one: Plain) -> str:
    if one.regex is not None:
        return f"a code that matches {one.regex}"
    return "the code " + listed(list(one.codes), "or")


def _limit_words(one: Plain) -> list[str]:
    parts = [f"{column} {value}" for column, value in one.equal]
    if one.value_min is not None:
        parts.append(
            f"a value {'of at least' if one.value_min_inclusive else 'above'} {one.value_min:g}"
        )
    if one.value_max is not None:
        parts.append(
            f"a value {'of at most' if one.value_max_inclusive else 'below'} {one.value_max:g}"
        )
    return parts


def when_words(task: Task) -> str:
    """Return at what moment the prediction is made."""
    window = task.index_window
    if window is None or window.index_timestamp is None:
        return f"at each {words(task.trigger)}"
    edge = window.index_timestamp
    boundary = window.boundary(edge)
    if boundary.reference == TRIGGER and boundary.predicate is None:
        where = boundary_words(boundary, window.name).replace("the trigger", words(task.trigger))
        return f"at each {where}" if not boundary.offset_us else where
    return f"at the {edge} of window {window.name}"


def task_sentences(task: Task, *, rows: str = "") -> list[str]:
    """Return the task, one sentence for each part; `rows` says what gives a row, if given."""
    described = " ".join(task.description.split()).rstrip(".")
    sentences = [f"{described}."] if described else []
    if task.conditions:
        named = listed([words(name) for name in task.conditions])
        sentences.append(f"Only subjects who are {named}, as recorded without a time, take part.")
    sentences.append(rows or f"Each time of {words(task.trigger)} gives one row.")
    for window in task.windows:
        sentences.append(f"Window {window.name} runs {window_words(window)}.")
        if window.has:
            limits = listed([constraint_words(one) for one in window.has])
            sentences.append(f"A row counts only if window {window.name} holds {limits}.")
        if window.label:
            sentences.append(
                f"The label is whether window {window.name} holds {words(window.label)}."
            )
    sentences.append(f"The prediction is made {when_words(task)}.")
    sentences += [
        f"{words(name).capitalize()} means {predicate_words(one)}."
        for name, one in task.predicates.items()
    ]
    return sentences
