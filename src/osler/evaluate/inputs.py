"""What is given to evaluate, checked: every fault at once, never a patient's value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from osler.errors import Fault, InputError

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

# Predictions come through sums and interpolations; what lies outside by less is rounding.
ROUNDING = 1e-6
MOST_BOOTSTRAPS = 100_000
# How NaN and the missing marks of numpy and pandas read as text.
WORDS_FOR_MISSING = ("", "nan", "NaN", "NaT", "<NA>")


@dataclass(frozen=True)
class Outcome:
    """Time to event of n subjects.

    Parameters
    ----------
    event : shape (n,)
        0 censored, 1..K the cause.
    time : shape (n,)
        Time of the event or of censoring, in any one unit, 0 or later.
    """

    event: Ints
    time: Floats

    def __len__(self) -> int:
        return int(self.time.size)

    @property
    def causes(self) -> tuple[int, ...]:
        """The causes that occur, in order."""
        return tuple(int(cause) for cause in np.unique(self.event) if cause > 0)

    def of_any_cause(self) -> Outcome:
        """Return the same times with every cause made one."""
        return Outcome((self.event > 0).astype(np.int64), self.time)

    def censored_by_others(self, cause: int) -> Outcome:
        """Return the same times with every other cause made a censoring."""
        return Outcome((self.event == cause).astype(np.int64), self.time)

    def rows(self, index: Ints) -> Outcome:
        """Return the outcome of some of the subjects."""
        return Outcome(self.event[index], self.time[index])


class Checking:
    """Collects faults while arguments are read, so that all are told at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, where: str, came: str, expected: str, remedy: str = "") -> None:
        """Note one fault."""
        self.faults.append(Fault(where, came, expected, remedy))

    def done(self) -> None:
        """Raise what was found, if anything was."""
        if self.faults:
            raise InputError(self.faults)

    def numbers(self, given: Any, where: str, dimensions: int) -> Floats:
        """Return finite numbers of so many dimensions, or note why they are not."""
        try:
            array = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            self.fault(where, "values that are not numbers", "numbers")
            return np.empty((0,) * dimensions)
        if array.ndim != dimensions:
            self.fault(where, f"{array.ndim} dimensions", f"{dimensions}")
            return np.empty((0,) * dimensions)
        broken = int((~np.isfinite(array)).sum())
        if broken:
            self.fault(
                where,
                f"{broken} of {array.size} values are NaN or infinite",
                "finite numbers",
                "leave out or predict again the rows concerned",
            )
            return np.empty((0,) * dimensions)
        return array

    def outcome(self, y: Any, where: str) -> Outcome:
        """Return a structured outcome with the fields `event` and `time`."""
        if isinstance(y, Outcome):
            return y
        empty = Outcome(np.empty(0, np.int64), np.empty(0))
        names = getattr(getattr(y, "dtype", None), "names", None)
        if not names or not {"event", "time"} <= set(names):
            self.fault(
                where, "no fields `event` and `time`", "a numpy structured array with both fields"
            )
            return empty
        before = len(self.faults)
        event = self.numbers(y["event"], f"{where}['event']", 1)
        time = self.numbers(y["time"], f"{where}['time']", 1)
        if len(self.faults) > before:
            return empty
        if not time.size:
            self.fault(where, "no rows", "one row per subject")
        if (event < 0).any() or (event != np.round(event)).any():
            self.fault(
                f"{where}['event']",
                "negative or fractional values",
                "0 for censored and 1..K for the cause",
            )
        if (time < 0).any():
            self.fault(f"{where}['time']", f"{int((time < 0).sum())} negative times", "0 or later")
        return Outcome(event.astype(np.int64), time)

    def times(self, times: Any) -> Floats:
        """Return the grid of times: increasing, 0 or later."""
        grid = self.numbers(np.atleast_1d(np.asarray(times)), "times", 1)
        if self.faults and not grid.size:
            return grid
        if not grid.size:
            self.fault("times", "none", "at least one time")
        elif (grid < 0).any():
            self.fault("times", "negative times", "0 or later")
        elif (np.diff(grid) <= 0).any():
            self.fault("times", "times that do not increase", "strictly increasing times")
        return grid

    def probabilities(self, given: Any, where: str, dimensions: int) -> Floats:
        """Return numbers within 0 and 1."""
        array = self.numbers(given, where, dimensions)
        outside = int(((array < -ROUNDING) | (array > 1 + ROUNDING)).sum())
        if outside:
            self.fault(where, f"{outside} values outside 0 to 1", "probabilities")
        return np.clip(array, 0.0, 1.0)

    def curves(self, given: Any, where: str, rows: int, times: int, *, rising: bool) -> Floats:
        """Return one curve per subject: shape (rows, times), monotone."""
        before = len(self.faults)
        matrix = self.probabilities(given, where, 2)
        if len(self.faults) > before:
            return matrix
        if matrix.shape != (rows, times):
            self.fault(
                where,
                f"shape {matrix.shape}",
                f"({rows}, {times}): one row per subject of y, one column per time",
            )
            return matrix
        steps = np.diff(matrix, axis=1)
        wrong = int(((steps < -ROUNDING) if rising else (steps > ROUNDING)).any(axis=1).sum())
        if wrong:
            what = "an incidence that falls" if rising else "a survival that rises"
            self.fault(
                where,
                f"{wrong} rows with {what} over time",
                "monotone curves",
                "columns must follow the order of times; give survival, not risk"
                if not rising
                else "columns must follow the order of times; give incidence, not survival",
            )
        return matrix

    def same_length(self, given: Any, where: str, rows: int) -> None:
        """Note an array that has not one entry per row."""
        if not hasattr(given, "__len__"):
            self.fault(where, "a single value", f"{rows} entries, one per row of y")
        elif len(given) != rows:
            self.fault(where, f"{len(given)} entries", f"{rows}, one per row of y")

    def subjects(self, given: Any, rows: int) -> Ints | None:
        """Return the subject of each row as integers 0.., None when rows are subjects."""
        if given is None:
            return None
        before = len(self.faults)
        self.same_length(given, "subjects", rows)
        if len(self.faults) > before:
            return None
        named = list(given)
        missing = sum(one is None or str(one) in WORDS_FOR_MISSING for one in named)
        if missing:
            self.fault("subjects", f"{missing} rows without a subject", "the subject of each row")
        codes: dict[Any, int] = {}
        return np.array([codes.setdefault(str(one), len(codes)) for one in named], np.int64)

    def labels(self, given: Any, where: str) -> Floats:
        """Return 0/1 outcomes."""
        array = self.numbers(given, where, 1)
        if not array.size and not self.faults:
            self.fault(where, "no rows", "one 0 or 1 per subject")
        strange = int(((array != 0) & (array != 1)).sum())
        if strange:
            self.fault(where, f"{strange} values other than 0 and 1", "0 or 1")
        return array

    def settings(self, level: float, bootstrap: int) -> None:
        """Check the level and the number of resamples."""
        if not 0 < level < 1:
            self.fault("level", "a level outside 0 to 1", "such as 0.95")
        if not 0 <= bootstrap <= MOST_BOOTSTRAPS:
            self.fault("bootstrap", f"{bootstrap}", f"0 to {MOST_BOOTSTRAPS}; 0 for no intervals")

    def thresholds(self, thresholds: Sequence[float]) -> tuple[float, ...]:
        """Return risk thresholds strictly within 0 and 1."""
        values = tuple(float(threshold) for threshold in thresholds)
        if not all(0 < value < 1 for value in values):
            self.fault("thresholds", "a threshold outside 0 to 1", "risks between 0 and 1")
        return values
