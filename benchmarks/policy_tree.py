"""Policy trees of depth 2, exact: seconds by rows, columns and actions, and brute force beside.

Columns are all distinct normal numbers. "noise" scores say nothing, the hardest to search; "signal"
scores have a tree of depth 2 behind them; "doubly robust" scores are those of a trial whose actions
were drawn by lot. Brute force tries every tree, and stops at 500 rows.
"""

from __future__ import annotations

import resource
import time
from typing import Any

import numpy as np

from osler.effect.policy_tree import policy_tree

BOUND = {(10_000, 30, 20): "≤ 60 s"}
SIZES = (
    (500, 5, 3, "noise"),
    (500, 4, 20, "noise"),
    (1000, 30, 20, "noise"),
    (10_000, 30, 2, "noise"),
    (30_000, 30, 2, "doubly robust"),
    (10_000, 30, 20, "doubly robust"),
    (10_000, 30, 20, "signal"),
    (10_000, 30, 20, "noise"),
)
MOST_FOR_FORCE = 500


def run() -> list[dict[str, Any]]:
    """Grow a tree for every size; return a row each."""
    rows = []
    for n, columns, actions, kind in SIZES:
        scores, x = made(n, columns, actions, kind)
        began, used = time.perf_counter(), time.process_time()
        grown = policy_tree(scores, x)
        seconds, used = time.perf_counter() - began, time.process_time() - used
        force, forced = (None, None)
        if n <= MOST_FOR_FORCE:
            began = time.perf_counter()
            force = by_force(scores, x, 2) / n
            forced = time.perf_counter() - began
        rows.append(
            {
                "rows": f"{n:,}",
                "columns": columns,
                "actions": actions,
                "scores": kind,
                "seconds": seconds,
                "processor seconds": used,
                "exact": "proved" if grown.exact else "no",
                "mean score": f"{grown.value:.6f}",
                "by brute force": None if force is None else f"{force:.6f}",
                "its seconds": forced,
                "peak memory so far, GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
                "bound": BOUND.get((n, columns, actions)),
            }
        )
    return rows


def made(n: int, columns: int, actions: int, kind: str, seed: int = 0) -> tuple[Any, Any]:
    """Draw scores, shape (n, actions), and columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns))
    if kind == "doubly robust":
        given = rng.integers(0, actions, n)
        scores = np.tile(0.2 * x[:, :1], (1, actions))
        scores[:, 1] += 0.5 * (x[:, 0] > 0) * (x[:, 1] > 0)
        scores[np.arange(n), given] += actions * rng.normal(size=n)
        return scores, x
    scores = rng.normal(size=(n, actions))
    if kind == "signal":
        scores[:, 1] += 0.5 * (x[:, 0] > 0) * (x[:, 1] > 0.3)
        scores[:, 2] += 0.5 * (x[:, 0] < 0) * (x[:, 2] > -0.2)
    return scores, x


def by_force(scores: Any, x: Any, depth: int) -> float:
    """Return the largest sum of scores of any tree, by trying them all."""
    best = float(scores.sum(axis=0).max()) if len(scores) else 0.0
    if depth == 0 or not len(scores):
        return best
    for column in range(x.shape[1]):
        order = np.argsort(x[:, column], kind="stable")
        if depth == 1:
            below = scores[order].cumsum(axis=0)
            best = max(best, float((below.max(axis=1) + (below[-1] - below).max(axis=1)).max()))
            continue
        for at in range(1, len(x)):
            low, high = order[:at], order[at:]
            best = max(
                best,
                by_force(scores[low], x[low], depth - 1)
                + by_force(scores[high], x[high], depth - 1),
            )
    return best
