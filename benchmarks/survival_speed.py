"""How long time to event takes: a fit beside scikit-survival's boosting, and one person.

Default settings, those that the accuracy was measured with; processor seconds, as the machine may
be shared. Run: make bench ARGS=survival_speed
"""

from __future__ import annotations

from typing import Any

from benchmarks.prognosis.data import main_tasks, peer_predictions
from benchmarks.prognosis.speed import beside_boosting


def run() -> list[dict[str, Any]]:
    """Return the rows of a fit and of a single prediction."""
    flchain = next(task for task in main_tasks() if task.name == "FLCHAIN")
    return beside_boosting(flchain, peer_predictions([flchain])["FLCHAIN"])
