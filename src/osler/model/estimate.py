"""A number with its uncertainty."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A value with an interval, what the interval means, and from how many it came.

    Parameters
    ----------
    value, low, high
        Point and interval; NaN where they could not be had.
    level
        Nominal coverage of the interval.
    n
        Number of units behind the value; None when it has no such number.
    meaning
        What is estimated and how the interval was made.

    Examples
    --------
    >>> str(Estimate(0.7, 0.65, 0.75))
    '0.700 (0.650 to 0.750)'
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    n: int | None = None
    meaning: str = ""

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; NaN becomes null."""
        return {
            key: None if isinstance(value, float) and value != value else value
            for key, value in asdict(self).items()
        }
