"""A column of a feature matrix: its name, and what the name means."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from osler.errors import Fault, InputError
from osler.features.hierarchy import Hierarchy

STATIC_WINDOW = "static"
FULL_WINDOW = "full"

AGGREGATIONS = (
    "count",
    "any",
    "sum",
    "sum_sqd",
    "min",
    "max",
    "first",
    "last",
    "mean",
    "slope",
    "time_since_last",
    "count_values",
)
# A cell without events means none happened; for the rest it means not measured.
ZERO_WHEN_ABSENT = frozenset({"count", "any", "count_values"})
NEEDS_TIME = frozenset({"slope", "time_since_last"})

# What stands between a code and one of its answers in the name of a column, and what the rest of a
# vocabulary, or of a code's answers, is called there.
ANSWER_MARK, RARE = "//=", "~rare"
# Of an answer these are 1 or 0: whether the first or the last answer in the window is this one.
ORDERED = frozenset({"first", "last"})

AGE_CODE, AGE_AGGREGATION = "AGE", "years"
AGE_NAME = f"{AGE_CODE}|{STATIC_WINDOW}|{AGE_AGGREGATION}"

# In these vocabularies the third part of a code is part of what was found, not a unit.
VOCABULARIES_WITHOUT_UNIT = frozenset({"VARIANT", "GENOTYPE", "PGS", "IMAGING"})

MICROSECONDS = {
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
    "mo": 2_629_800_000_000,
    "y": 31_557_600_000_000,
}
LONGEST_WINDOW_US = 10_000 * MICROSECONDS["y"]
_LENGTH = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|min|h|d|w|mo|y)\Z")


def unit_of(code: str) -> str | None:
    """Return the unit that a code names as its third part, if any.

    Examples
    --------
    >>> unit_of("LAB//creatinine//mg/dL")
    'mg/dL'
    >>> unit_of("VARIANT//GRCh38//7-140753336-A-T") is None
    True
    """
    parts = code.split("//")
    if len(parts) < 3 or ANSWER_MARK in code or parts[0] in VOCABULARIES_WITHOUT_UNIT:
        return None
    return parts[2] or None


class Column(str):
    """The name `CODE|window|aggregation`, which is text and remembers its parts.

    Parameters
    ----------
    code, window, aggregation
        What the column is made of. The window is `static` for events without a time. The code may
        be an answer, `CODE//=text`, or what is rare: `VOCABULARY//~rare`, `CODE//=~rare`.

    Examples
    --------
    >>> column = Column("LAB//creatinine//mg/dL", "30d", "mean")
    >>> print(column, column.unit, column.window)
    LAB//creatinine//mg/dL|30d|mean mg/dL 30d
    """

    __slots__ = ("aggregation", "code", "window")

    code: str
    window: str
    aggregation: str

    def __new__(cls, code: str, window: str, aggregation: str) -> Column:
        """Make the name of its parts."""
        column = super().__new__(cls, f"{code}|{window}|{aggregation}")
        column.code, column.window, column.aggregation = code, window, aggregation
        return column

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.code, self.window, self.aggregation)

    @property
    def answer(self) -> str | None:
        """The text value that the column is about; None if it is about a code."""
        _, mark, text = self.code.partition(ANSWER_MARK)
        return text if mark else None

    @property
    def rare(self) -> bool:
        """Whether the column stands for all that has no column of its own."""
        return self.code.endswith((f"//{RARE}", f"{ANSWER_MARK}{RARE}"))

    @property
    def pool(self) -> Column | None:
        """The column that this one falls into where it is rare; None where there is none."""
        asked, mark, _ = self.code.partition(ANSWER_MARK)
        vocabulary, parted, _ = self.code.partition("//")
        if mark:
            return Column(f"{asked}{mark}{RARE}", self.window, self.aggregation)
        if not parted or self.aggregation not in ("count", "any", "time_since_last"):
            return None
        return Column(f"{vocabulary}//{RARE}", self.window, self.aggregation)

    @property
    def unit(self) -> str | None:
        """The unit of the code's values; years for the age."""
        return "years" if self.aggregation == AGE_AGGREGATION else unit_of(self.code)

    @property
    def cell_unit(self) -> str | None:
        """The unit of the cells; None where they have none or it is not known."""
        if self.zero_when_absent:
            return None
        if self.aggregation == "time_since_last":
            return "days"
        suffix = {"slope": " per day", "sum_sqd": " squared"}.get(self.aggregation, "")
        return f"{self.unit}{suffix}" if self.unit else None

    @property
    def zero_when_absent(self) -> bool:
        """Whether a cell without events is zero; otherwise it is missing."""
        if self.aggregation in ORDERED:
            return ANSWER_MARK in self.code
        return self.aggregation in ZERO_WHEN_ABSENT

    @property
    def order(self) -> tuple[int, str, float, int]:
        """Sorts columns: in time, static, age; by code, window length and aggregation."""
        length = window_us(self.window)
        rank = AGGREGATIONS.index(self.aggregation) if self.aggregation in AGGREGATIONS else -1
        kind = (
            0 if self.window != STATIC_WINDOW else 2 if self.aggregation == AGE_AGGREGATION else 1
        )
        return (
            kind,
            self.code,
            math.inf if length is None else length,
            rank,
        )


@lru_cache(maxsize=256)
def window_us(text: str) -> int | None:
    """Return the length of a window in microseconds; None for `full` and `static`."""
    length = _LENGTH.match(text)
    return None if length is None else round(float(length[1]) * MICROSECONDS[length[2]])


@dataclass(frozen=True)
class Request:
    """What to compute, checked: windows from short to long, aggregations in their order."""

    windows: tuple[str, ...]
    aggregations: tuple[str, ...]
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    age: bool = False
    text: bool = True
    hierarchy: Hierarchy | None = None

    @classmethod
    def of(
        cls,
        windows: Any,
        aggregations: Any,
        include: Any = ("*",),
        exclude: Any = (),
        *,
        age: Any = False,
        text: Any = True,
        roll_up: Any = None,
    ) -> Request:
        """Check what the user asked for.

        Raises
        ------
        InputError
            With everything that is wrong with it.
        """
        faults: list[Fault] = []
        listed = {
            name: _texts(name, given, faults)
            for name, given in (
                ("windows", windows),
                ("aggregations", aggregations),
                ("include", include),
                ("exclude", exclude),
            )
        }
        faults += [
            Fault("windows", repr(one), "a length such as 30d, 12h, 90min or 5y, or full")
            for one in listed["windows"]
            if one != FULL_WINDOW and not 0 < (window_us(one) or 0) <= LONGEST_WINDOW_US
        ]
        faults += [
            Fault("aggregations", repr(one), "one of " + ", ".join(AGGREGATIONS))
            for one in listed["aggregations"]
            if one not in AGGREGATIONS
        ]
        faults += [
            Fault(name, repr(one), "true or false")
            for name, one in (("age", age), ("text", text))
            if not isinstance(one, bool | int)
        ]
        if isinstance(roll_up, pl.DataFrame):
            roll_up = Hierarchy.of(roll_up)
        elif not isinstance(roll_up, Hierarchy | None):
            expected = "a Hierarchy, or a frame with code and parent_codes"
            faults.append(Fault("roll_up", type(roll_up).__name__, expected))
        if faults:
            raise InputError(faults)
        return cls(
            tuple(sorted(listed["windows"], key=lambda one: window_us(one) or math.inf)),
            tuple(one for one in AGGREGATIONS if one in listed["aggregations"]),
            listed["include"],
            listed["exclude"],
            bool(age),
            bool(text),
            roll_up,
        )

    @property
    def lengths_us(self) -> tuple[int | None, ...]:
        """Lengths of the windows; None for all of the past."""
        return tuple(window_us(one) for one in self.windows)


def _texts(name: str, given: Any, faults: list[Fault]) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, list | tuple | set | frozenset):
        faults.append(Fault(name, repr(given), "a list of texts"))
        return ()
    if not all(isinstance(one, str) for one in given):
        faults.append(Fault(name, repr(given), "a list of texts"))
        return ()
    unique = tuple(dict.fromkeys(given))
    if len(unique) < len(given):
        faults.append(Fault(name, "the same entry twice", "each once"))
    return unique
