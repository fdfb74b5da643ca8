"""Triggers followed through the windows of a task, and how many are left after each step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from osler.cohort.flow import FlowStep
from osler.cohort.moments import NEVER, Bools, Ints, Moments
from osler.cohort.task import Boundary, Constraint, Edge, Task, Window
from osler.cohort.words import constraint_words, window_words


@dataclass
class Anchors:
    """Candidate rows: one per trigger that is still in, with the points found so far.

    Parameters
    ----------
    subject : shape (n,)
        Position of the subject in `moments.subject_ids`.
    points
        `trigger`, `window.start`, `window.end` to times in microseconds, shape (n,).
    label : shape (n,) or None
        Count of the label's predicate in its window.
    """

    moments: Moments
    subject: Ints
    points: dict[str, Ints]
    label: Ints | None = None
    flow: list[FlowStep] = field(default_factory=list)

    @classmethod
    def of(cls, moments: Moments, task: Task) -> Anchors:
        """Begin with every moment of the trigger."""
        places = moments.occurrences(task.trigger)
        subject = np.searchsorted(moments.starts, places, side="right") - 1
        anchors = cls(moments, subject, {"trigger": moments.times_us[places]})
        seen = moments.subjects_seen
        anchors.flow.append(FlowStep("subjects in the data", seen, seen, "one row each"))
        if task.conditions:
            met = moments.subject_ids.size
            step = "subjects who are " + " and ".join(task.conditions)
            anchors.flow.append(FlowStep(step, met, met, "and have an event with a time"))
        anchors.count(f"trigger {task.trigger}", "one row per time of the trigger")
        return anchors

    def count(self, step: str, note: str = "") -> None:
        """Add a step of the flow with the rows and subjects that are left."""
        self.flow.append(FlowStep(step, self.subject.size, np.unique(self.subject).size, note))

    def keep(self, rows: Bools) -> None:
        """Leave out the other rows."""
        self.subject = self.subject[rows]
        self.points = {name: times[rows] for name, times in self.points.items()}
        if self.label is not None:
            self.label = self.label[rows]


def follow(moments: Moments, task: Task) -> Anchors:
    """Find each window around each trigger; keep the triggers whose windows all hold."""
    anchors = Anchors.of(moments, task)
    for window in task.windows:
        _place(anchors, window, window.anchored)
        _place(anchors, window, window.free)
        found = np.logical_and(*(_point(anchors, window, edge) != NEVER for edge in _EDGES))
        anchors.keep(found)
        if _may_fail(window):
            anchors.count(f"window {window.name} found", window_words(window))
        _apply_limits(anchors, window)
    return anchors


_EDGES: tuple[Edge, Edge] = ("start", "end")


def _may_fail(window: Window) -> bool:
    return any(window.boundary(edge).predicate is not None for edge in _EDGES)


def _point(anchors: Anchors, window: Window, edge: Edge) -> Ints:
    return anchors.points[f"{window.name}.{edge}"]


def _place(anchors: Anchors, window: Window, edge: Edge) -> None:
    """Find one end of a window for every row; NEVER where there is none."""
    boundary = window.boundary(edge)
    origin = anchors.points[boundary.reference]
    lost = origin == NEVER
    point = np.where(lost, 0, origin)
    if boundary.predicate is None:
        moved = point + boundary.offset_us
    else:
        moved = _bounding_event(anchors, window, edge, boundary, point)
    anchors.points[f"{window.name}.{edge}"] = np.where(lost, NEVER, moved)


def _bounding_event(
    anchors: Anchors, window: Window, edge: Edge, boundary: Boundary, point: Ints
) -> Ints:
    """Find the bounding event; it may coincide with the other end only if it is included."""
    included = window.start_inclusive if edge == "start" else window.end_inclusive
    strict = edge == window.anchored or not included
    name = boundary.predicate or ""
    if boundary.before:
        return anchors.moments.previous_time(name, anchors.subject, point, before=strict)
    return anchors.moments.next_time(name, anchors.subject, point, after=strict)


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
    moments, subject = anchors.moments, anchors.subject
    start, end = _point(anchors, window, "start"), _point(anchors, window, "end")
    first = moments.position(subject, start, after=not window.start_inclusive)
    last = moments.position(subject, end, after=window.end_inclusive)
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
        return anchors.points["trigger"]
    return _point(anchors, window, window.index_timestamp)
