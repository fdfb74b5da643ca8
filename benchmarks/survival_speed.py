"""How long time to event takes: beside scikit-survival's boosting, one person, a million rows.

Default settings, those that the accuracy was measured with. Processor seconds beside the peer, as
the machine may be shared; of a million rows also the processor seconds over the cores. Run:
make bench ARGS=survival_speed
"""

from __future__ import annotations

from typing import Any

from benchmarks.prognosis.data import main_tasks, peer_predictions
from benchmarks.prognosis.speed import beside_boosting, million_rows


def run() -> list[dict[str, Any]]:
    """Return the rows of fits and of a single prediction."""
    million = million_rows()
    flchain = next(task for task in main_tasks() if task.name == "FLCHAIN")
    return [*beside_boosting(flchain, peer_predictions([flchain])["FLCHAIN"]), *million]
