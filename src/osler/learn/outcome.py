"""What a user may hand over as `y`, brought to one form, with all its faults at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.errors import Fault, InputError
from osler.learn.losses import Floats, Ints

_SURVIVAL = "a structured array with fields 'event' (0 censored, 1..K causes) and 'time'"


@dataclass(frozen=True)
class SurvivalOutcome:
    """Time to the first of several competing events.

    Parameters
    ----------
    event : shape (n,)
        0 censored, 1..K causes.
    time : shape (n,)
        Time of event or censoring, 0 or later, in the caller's unit.
    entry : shape (n,)
        Time from which each row was under observation; 0 where from the beginning.
    """

    event: Ints
    time: Floats
    entry: Floats

    @property
    def causes(self) -> int:
        """Highest cause number; at least 1."""
        return max(int(self.event.max(initial=0)), 1)

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: Any) -> SurvivalOutcome:
        """Return some of the rows, by index or mask."""
        return SurvivalOutcome(self.event[rows], self.time[rows], self.entry[rows])

    def structured(self) -> Any:
        """Return the array that a user would hand over."""
        y = np.zeros(len(self), dtype=[("event", np.int64), ("time", np.float64)])
        y["event"], y["time"] = self.event, self.time
        return y


def as_survival(y: Any, entry: Any = None) -> SurvivalOutcome:
    """Check a structured `y` (fields in any order; `event` may be boolean) and entry times.

    Raises
    ------
    InputError
        If a field is missing; if any time is negative, infinite or missing, any event negative
        or not whole, or any entry is not before its time.
    """
    names = getattr(getattr(y, "dtype", None), "names", None) or getattr(y, "columns", None)
    if names is None or not {"event", "time"} <= {str(name) for name in names}:
        raise InputError(Fault("y", _described(y), _SURVIVAL))
    faults: list[Fault] = []
    event = _numbers(y["event"], "y['event']", faults)
    time = _numbers(y["time"], "y['time']", faults)
    begun = np.zeros(len(time)) if entry is None else _numbers(entry, "entry", faults)
    if faults:
        raise InputError(faults)
    if not len(event) == len(time) == len(begun):
        raise InputError(Fault("y", "fields or entry of unequal length", "one value per row"))
    faults += _time_faults(time, "y['time']") + _time_faults(begun, "entry")
    strange = int(np.sum(~np.isfinite(event) | (event < 0) | (event != np.round(event))))
    if strange:
        faults.append(Fault("y['event']", f"{strange} values", "0 for censored, 1..K for causes"))
    late = int(np.sum((begun >= time) & (begun > 0)))
    if late:
        faults.append(Fault("entry", f"{late} rows that enter at or after their time", "before it"))
    if faults:
        raise InputError(faults)
    return SurvivalOutcome(event.astype(np.int64), time, begun)


def as_arrays(y: Any, entry: Any = None) -> tuple[Ints, Floats, Floats]:
    """Check follow-up as `as_survival` does; return its causes, times and entries."""
    outcome = as_survival(y, entry)
    return outcome.event, outcome.time, outcome.entry


def as_binary(y: Any) -> Floats:
    """Check a 0/1 label (integers, floats or booleans) of shape (n,).

    Raises
    ------
    InputError
        If it has another shape, or anything but 0 and 1.
    """
    faults: list[Fault] = []
    label = _numbers(y, "y", faults)
    if faults:
        raise InputError(faults)
    strange = int(np.sum(~np.isin(label, (0.0, 1.0))))
    if strange:
        raise InputError(Fault("y", f"{strange} values other than 0 and 1", "0 or 1 in every row"))
    return label


def as_times(times: Any) -> Floats:
    """Check the times at which a curve is asked; a single number is one time.

    Raises
    ------
    InputError
        If any is negative or missing, or there is more than one dimension.
    """
    faults: list[Fault] = []
    asked = _numbers(np.atleast_1d(np.asarray(times)), "times", faults)
    if not faults and (np.isnan(asked).any() or (asked < 0).any()):
        faults.append(Fault("times", "negative or missing values", "0 or later"))
    if faults:
        raise InputError(faults)
    return asked


def _described(y: Any) -> str:
    return f"a {type(y).__name__} without these fields"


def _numbers(values: Any, where: str, faults: list[Fault]) -> Floats:
    array = np.asarray(values)
    if array.ndim != 1:
        faults.append(Fault(where, f"shape {array.shape}", "one dimension"))
        return np.zeros(0)
    try:
        return np.array(array, dtype=np.float64, copy=True)
    except (TypeError, ValueError):
        faults.append(Fault(where, f"values of type {array.dtype}", "numbers"))
        return np.zeros(len(array))


def _time_faults(time: Floats, where: str) -> list[Fault]:
    counts = {
        "missing": int(np.isnan(time).sum()),
        "infinite": int(np.isinf(time).sum()),
        "negative": int(np.sum(time < 0)),
    }
    return [
        Fault(where, f"{n} {what} values", "a finite time, 0 or later", "leave such rows out")
        for what, n in counts.items()
        if n
    ]
