"""A limit on the time a fit may take."""

from __future__ import annotations

import time


class Clock:
    """Counts from when it is made; without a limit it never runs out.

    Parameters
    ----------
    budget_s
        Seconds; None for no limit. A fit that reaches its limit stops searching and keeps the
        best so far, and is then no longer repeatable by its seed alone.
    """

    def __init__(self, budget_s: float | None) -> None:
        self._budget_s = budget_s
        self._began = time.monotonic()
        self.ran_out = False

    def past(self, share: float) -> bool:
        """Return whether this share of the budget is used, and remember if it ever was."""
        if self._budget_s is None:
            return False
        over = time.monotonic() - self._began > share * self._budget_s
        self.ran_out = self.ran_out or over
        return over
