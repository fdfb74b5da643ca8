"""Triggers followed through the windows of a task, and how many are left after each step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from osler.cohort.flow import FlowStep
from osler.cohort.moments import Bools, Ints, Moments
from osler.cohort.repeat import Repeat, repeat_sentence, repeated
from osler.cohort.task import TRIGGER, Boundary, Constraint, Edge, Task, Window
from osler.cohort.words import constraint_words, window_words


@dataclass
class Anchors:
    """Candidate rows: one per trigger that is still in, with the points found so far.

    Parameters
    ----------
    subject : shape (n,), ascending
        Position of the subject in `moments.subject_ids`.
    times
        `trigger`, `window.start`, `window.end` to times in microseconds, shape (n,).
    positions
        The same to the first moment at or after each time, as far as it was asked for.
    same
        Points that are another point.
    label : shape (n,) or None
        Count of the label's predicate in its window.
    origin_us : shape (n,) or None
        Where the index is repeated: time of the event that the row began with.
    """

    moments: Moments
    subject: Ints
    times: dict[str, Ints]
    positions: dict[str, Ints] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)
    label: Ints | None = None
    origin_us: Ints | None = None
    flow: list[FlowStep] = field(default_factory=list)

    @classmethod
    def of(cls, moments: Moments, task: Task, repeat: Repeat | None = None) -> Anchors:
        """Begin with every moment of the trigger, or with the index times after each."""
        places = moments.occurrences(task.trigger)
        subject = moments.owners()[places]
        anchors = cls(moments, subject, {TRIGGER: moments.times_us[places]}, {TRIGGER: places})
        seen = moments.subjects_seen
        anchors.flow.append(FlowStep("subjects in the data", seen, seen, "one row each"))
        if task.conditions:
            met = moments.subject_ids.size
            step = "subjects who are " + " and ".join(task.conditions)
            anchors.flow.append(FlowStep(step, met, met, "and have an event with a time"))
        anchors.count(f"trigger {task.trigger}", "one row per time of the trigger")
        if repeat is not None:
            anchors.repeat(repeat)
            anchors.count("index times", repeat_sentence(repeat, task.trigger))
        return anchors

    def repeat(self, repeat: Repeat) -> None:
        """Put the index times after each trigger in its place."""
        trigger_us = self.times[TRIGGER]
        row, time_us = repeated(self.moments, self.subject, trigger_us, repeat)
        self.subject, self.origin_us = self.subject[row], trigger_us[row]
        self.times, self.positions = {TRIGGER: time_us}, {}

    def count(self, step: str, note: str = "") -> None:
        """Add a step of the flow with the rows and subjects that are left."""
        subjects = int(np.count_nonzero(np.diff(self.subject))) + bool(self.subject.size)
        self.flow.append(FlowStep(step, self.subject.size, subjects, note))

    def keep(self, rows: Bools) -> None:
        """Leave out the other rows."""
        if rows.all():
            return
        kept = np.flatnonzero(rows)
        self.subject = self.subject[kept]
        self.times = {name: one[kept] for name, one in self.times.items()}
        self.positions = {name: one[kept] for name, one in self.positions.items()}
        if self.label is not None:
            self.label = self.label[kept]
        if self.origin_us is not None:
            self.origin_us = self.origin_us[kept]

    def time(self, point: str) -> Ints:
        """Return the time of a point of each row."""
        return self.times[self.same.get(point, point)]

    def position(self, point: str, *, after: bool) -> Ints:
        """Return the first moment at or after a point of each row, or strictly after it."""
        name = self.same.get(point, point)
        if name not in self.positions:
            found = self.moments.position(self.subject, self.times[name], after=False)
            self.positions[name] = found
        position = self.positions[name]
        if not after:
            return position
        return self.moments.past(position, self.subject, self.times[name])


def follow(moments: Moments, task: Task, repeat: Repeat | None = None) -> Anchors:
    """Find each window around each trigger; keep the triggers whose windows all hold."""
    anchors = Anchors.of(moments, task, repeat)
    for window in task.windows:
        for edge in (window.anchored, window.free):
            _place(anchors, window, edge)
        if _may_fail(window):
            anchors.count(f"window {window.name} found", window_words(window))
        _apply_limits(anchors, window)
    return anchors


_EDGES: tuple[Edge, Edge] = ("start", "end")


def _may_fail(window: Window) -> bool:
    return any(window.boundary(edge).predicate is not None for edge in _EDGES)


def _name(window: Window, edge: Edge) -> str:
    return f"{window.name}.{edge}"


def _place(anchors: Anchors, window: Window, edge: Edge) -> None:
    """Find one end of a window for every row; rows without it are left out."""
    boundary, name = window.boundary(edge), _name(window, edge)
    if boundary.predicate is not None:
        _place_at_event(anchors, window, edge, boundary)
    elif boundary.offset_us:
        anchors.times[name] = anchors.time(boundary.reference) + boundary.offset_us
    else:
        anchors.same[name] = anchors.same.get(boundary.reference, boundary.reference)


def _place_at_event(anchors: Anchors, window: Window, edge: Edge, boundary: Boundary) -> None:
    """Find the bounding event; it may coincide with the other end only if it is included."""
    included = window.start_inclusive if edge == "start" else window.end_inclusive
    strict = edge == window.anchored or not included
    forward = not boundary.before
    position = anchors.position(boundary.reference, after=strict == forward)
    where = anchors.moments.occurrence(
        boundary.predicate or "", anchors.subject, position, forward=forward
    )
    found = where >= 0
    anchors.keep(found)
    where = where[found]
    anchors.positions[_name(window, edge)] = where
    anchors.times[_name(window, edge)] = anchors.moments.time_at(where)


def _apply_limits(anchors: Anchors, window: Window) -> None:
    first = last = np.zeros(0, dtype=np.int64)
    if window.has or window.label:
        first, last = _span(anchors, window)
    for limit in window.has:
        count = _count_between(anchors.moments, limit.predicate, first, last)
        within = _within(limit, count)
        anchors.keep(within)
        first, last = first[within], last[within]
        anchors.count(f"window {window.name}: {constraint_words(limit)}")
    if window.label:
        anchors.label = _count_between(anchors.moments, window.label, first, last)


def _span(anchors: Anchors, window: Window) -> tuple[Ints, Ints]:
    """Return the first moment inside the window and the first one past it, never before it."""
    start, end = _name(window, "start"), _name(window, "end")
    first = anchors.position(start, after=not window.start_inclusive)
    last = anchors.position(end, after=window.end_inclusive)
    return first, np.maximum(first, last)


def _count_between(moments: Moments, predicate: str, first: Ints, last: Ints) -> Ints:
    total = moments.cumulative(predicate)
    return total[last] - total[first]


def _within(limit: Constraint, count: Ints) -> Bools:
    within = np.ones(count.size, dtype=np.bool_)
    if limit.least is not None:
        within &= count >= limit.least
    if limit.most is not None:
        within &= count <= limit.most
    return within


def prediction_times(anchors: Anchors, task: Task) -> Ints:
    """Return the time each row's prediction is made at: the index timestamp, else the trigger."""
    window = task.index_window
    if window is None or window.index_timestamp is None:
        return anchors.time(TRIGGER)
    return anchors.time(_name(window, window.index_timestamp))
