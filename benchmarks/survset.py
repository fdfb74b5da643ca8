"""25 further data sets of SurvSet: one setting for all, beside Cox, forest and boosting.

Chosen by a rule before the first run: see `further_tasks`. Five stratified folds, the same for
all; accuracy and seconds come from the same call of `fit`. Peers: elastic-net Cox (mixing and
penalty chosen in inner folds), random survival forest and gradient boosting of scikit-survival, in
an environment of their own. Run: make bench ARGS=survset
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.prognosis.data import Task, further_tasks, peer_predictions
from benchmarks.prognosis.measures import harrell, integrated_brier
from benchmarks.prognosis.ours import out_of_fold
from benchmarks.prognosis.peer_models import PEERS, grid_of

BELOW = 0.003
TIMED = ("cox", "rsf")


def run() -> list[dict[str, Any]]:
    """Return one row per data set, then the means and ranks."""
    tasks = further_tasks()
    peers = peer_predictions(tasks)
    rows = [_row(task, peers[task.name]) for task in tasks]
    return rows + _summary(rows)


def _row(task: Task, peers: dict[str, Any]) -> dict[str, Any]:
    times = grid_of(task.y["event"], task.y["time"])
    ours = out_of_fold(task)
    scores = {"osler": ours.risk[:, 0], **{name: peers[f"risk_{name}"] for name in PEERS}}
    curves = {"osler": ours.survival(times), **{name: peers[f"survival_{name}"] for name in PEERS}}
    row: dict[str, Any] = {
        "data set": task.name,
        "n": str(len(task.y)),
        "events": str(int(task.y["event"].sum())),
        "columns": str(task.X.width),
    }
    c = {name: harrell(s, task.y, task.fold) for name, s in scores.items()}
    row |= {f"C {name}": found.value for name, found in c.items()}
    difference, low, high = c["osler"].minus(c["cox"])
    row["C, osler − cox"] = f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"
    row |= {
        f"IBS {name}": integrated_brier(1 - s, task.y, task.fold, times).value
        for name, s in curves.items()
    }
    seconds = {f"s a fold, {name}": float(peers[f"seconds_{name}"].mean()) for name in TIMED}
    return {**row, "s a fold, osler": ours.seconds, **seconds}


def _summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    summary: list[dict[str, Any]] = [{"data set": "mean"}, {"data set": "mean rank"}]
    for what, sign in (("C", -1), ("IBS", 1)):
        names = [f"{what} {name}" for name in ("osler", *PEERS)]
        table = np.array([[row[name] for name in names] for row in rows])
        ranks = np.array([rankdata(sign * line) for line in table])
        summary[0] |= dict(zip(names, table.mean(axis=0).tolist(), strict=True))
        summary[1] |= dict(zip(names, ranks.mean(axis=0).tolist(), strict=True))
    differences = np.array([row["C osler"] - row["C cox"] for row in rows])
    worst = rows[int(differences.argmin())]["data set"]
    least = {
        "data set": f"osler − cox: least, in {worst} (asked: ≥ −{BELOW})",
        "C osler": float(differences.min()),
    }
    count = {
        "data set": f"data sets with osler − cox below −{BELOW}",
        "C osler": str(int(np.sum(differences < -BELOW))),
    }
    about = {"data set": "seconds are those of the processor; the machine was shared"}
    return [*summary, least, count, about]
