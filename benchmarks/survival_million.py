"""Fit time to event on a million made-up rows of fifty columns: seconds and memory.

Default settings, those that the accuracy was measured with. Run: make bench ARGS=survival_million
"""

from __future__ import annotations

from typing import Any

from benchmarks.prognosis.speed import million_rows


def run() -> list[dict[str, Any]]:
    """Return processor and wall seconds, and peak memory."""
    return million_rows()
