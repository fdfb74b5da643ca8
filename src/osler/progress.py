"""Progress on standard error: drawn only on a terminal, and only past two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Item = TypeVar("Item")

PATIENCE_SECONDS = 2.0
REDRAW_SECONDS = 0.2


def track(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items, drawing how many are done once two seconds have passed.

    Parameters
    ----------
    what
        What is being done, in words; never a patient's identifier.
    total
        How many items there will be, when known; else taken from `len(items)` if it has one.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    started = drawn = time.monotonic()
    shown = False
    try:
        for done, item in enumerate(items):
            now = time.monotonic()
            if now - started > PATIENCE_SECONDS and now - drawn > REDRAW_SECONDS:
                share = f"{done}/{total}" if total else f"{done}"
                sys.stderr.write(f"\r\033[K{what}: {share}")
                sys.stderr.flush()
                shown, drawn = True, now
            yield item
    finally:
        if shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
