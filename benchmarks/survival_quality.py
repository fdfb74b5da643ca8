"""Time to event on METABRIC, GBSG, FLCHAIN and SUPPORT beside Cox, forest and boosting.

Five stratified folds, the same for all models, Harrell's C and the integrated Brier score between
the 10 % and the 90 % point of the event times, both within folds and averaged. Peers:
elastic-net Cox, random survival forest and gradient boosting of scikit-survival, in an environment
of their own. Run: make bench ARGS=survival_quality
"""

from __future__ import annotations

from typing import Any

from benchmarks.prognosis.data import Task, main_tasks, peer_predictions
from benchmarks.prognosis.measures import Measured, calibration, harrell, integrated_brier
from benchmarks.prognosis.ours import horizon_of, out_of_fold
from benchmarks.prognosis.peer_models import PEERS, grid_of

# Of the issue: the best of Cox, forest and boosting on other copies of the data.
FLOORS = {
    "METABRIC": (0.646, 0.189, 0.03),
    "GBSG": (0.677, 0.181, 0.03),
    "FLCHAIN": (0.796, 0.0927, 0.02),
    "SUPPORT": (0.615, 0.215, 0.02),
}


def run() -> list[dict[str, Any]]:
    """Return the rows of every data set."""
    tasks = main_tasks()
    peers = peer_predictions(tasks)
    return [row for task in tasks for row in _rows(task, peers[task.name])]


def _rows(task: Task, peers: dict[str, Any]) -> list[dict[str, Any]]:
    event, at = task.y["event"], task.y["time"]
    grid = grid_of(event, at)
    ours = out_of_fold(task)
    on_grid = ours.survival(grid)
    c = {"osler": harrell(ours.risk[:, 0], task.y, task.fold)}
    ibs = {"osler": integrated_brier(1 - on_grid, task.y, task.fold, grid)}
    for name in PEERS:
        c[name] = harrell(peers[f"risk_{name}"], task.y, task.fold)
        ibs[name] = integrated_brier(1 - peers[f"survival_{name}"], task.y, task.fold, grid)
    floors = FLOORS.get(task.name, (None, None, None))
    calibrated = calibration(ours.survival(), task.y, ours.times, horizon_of(task))
    about = f"n {len(event):,}, {int(event.sum()):,} events, {task.X.width} columns; {task.source}"
    spent = {name: float(peers[f"seconds_{name}"].mean()) for name in PEERS if _timed(peers, name)}
    return [
        {"measure": f"**{task.name}** ({about})"},
        _compared("Harrell C", c, floors[0], highest=True),
        _compared("integrated Brier", ibs, floors[1], highest=False),
        {
            "measure": "D-calibration, p",
            "osler": calibrated["d_calibration_p"],
            "asked": "> 0.05",
        },
        {"measure": "ICI at the median event time", "osler": calibrated["ici"], "asked": floors[2]},
        {"measure": "processor seconds a fold, machine shared", "osler": ours.seconds, **spent},
    ]


def _timed(peers: dict[str, Any], name: str) -> bool:
    return bool(peers[f"seconds_{name}"].size)


def _compared(
    what: str, found: dict[str, Measured], floor: float | None, *, highest: bool
) -> dict[str, Any]:
    """Return a row with every model's value and osler's distance to the best peer."""
    sign = 1 if highest else -1
    best = max(PEERS, key=lambda name: sign * found[name].value)
    difference, low, high = found["osler"].minus(found[best])
    values = {name: f"{one.value:.4f}" for name, one in found.items()}
    distance = f"{difference:+.4f} ({low:+.4f} to {high:+.4f})"
    return {"measure": what, **values, "osler − best peer": distance, "asked": floor}
