"""The nouns of a task: predicates, boundaries, windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ANY_EVENT = "_ANY_EVENT"
RECORD_START = "_RECORD_START"
RECORD_END = "_RECORD_END"
SPECIAL = frozenset({ANY_EVENT, RECORD_START, RECORD_END})
TRIGGER = "trigger"

Edge = Literal["start", "end"]
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Plain:
    """A predicate on single events.

    Parameters
    ----------
    codes
        Codes any of which match; none does when it is empty and no `regex` is given.
    regex
        Pattern searched for anywhere in the code.
    equal
        Further columns and the value each must have.
    static
        A condition on the subject, met by an event without a time.
    """

    codes: tuple[str, ...] = ()
    regex: str | None = None
    value_min: float | None = None
    value_max: float | None = None
    value_min_inclusive: bool = False
    value_max_inclusive: bool = False
    equal: tuple[tuple[str, Scalar], ...] = ()
    static: bool = False


@dataclass(frozen=True)
class Derived:
    """A predicate on moments, from other predicates at the same moment."""

    operator: Literal["and", "or"]
    inputs: tuple[str, ...]
    static: bool = False


Predicate = Plain | Derived


@dataclass(frozen=True)
class Boundary:
    """One end of a window: a point, moved by a time or to an event.

    Parameters
    ----------
    reference
        `trigger`, `window.start` or `window.end`.
    offset_us
        Signed microseconds from the reference.
    predicate
        The event that bounds the window; None when a time or nothing does.
    before
        Whether the bounding event lies before the reference (`<-`) or after it (`->`).
    """

    reference: str
    offset_us: int = 0
    predicate: str | None = None
    before: bool = False


@dataclass(frozen=True)
class Constraint:
    """How many moments with a predicate a window may hold; None is no limit."""

    predicate: str
    least: int | None
    most: int | None


@dataclass(frozen=True)
class Window:
    """A stretch of the record around the trigger.

    Parameters
    ----------
    anchored
        The end that refers to something outside the window; the other refers to it.
    """

    name: str
    start: Boundary
    end: Boundary
    start_inclusive: bool
    end_inclusive: bool
    anchored: Edge
    has: tuple[Constraint, ...] = ()
    label: str | None = None
    index_timestamp: Edge | None = None

    def boundary(self, edge: Edge) -> Boundary:
        """Return the boundary of one end."""
        return self.start if edge == "start" else self.end

    @property
    def free(self) -> Edge:
        """The end that refers to the anchored one."""
        return "end" if self.anchored == "start" else "start"


@dataclass(frozen=True)
class Task:
    """A question made of a trigger and windows, read and checked.

    Parameters
    ----------
    predicates
        Those in use, each after the ones that it is derived from.
    windows
        Each after the ones that it refers to.
    """

    predicates: dict[str, Predicate]
    trigger: str
    windows: tuple[Window, ...] = ()
    description: str = field(default="", compare=False)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Predicates that a subject must meet by an event without a time."""
        return tuple(name for name, one in self.predicates.items() if one.static)

    @property
    def label_window(self) -> Window | None:
        """The window that holds the label, if any."""
        return next((one for one in self.windows if one.label), None)

    @property
    def index_window(self) -> Window | None:
        """The window whose end is the prediction time, if any."""
        return next((one for one in self.windows if one.index_timestamp), None)
