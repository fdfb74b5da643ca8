"""How long fits and single predictions take."""

from __future__ import annotations

import resource
import time
from typing import Any

import numpy as np
import polars as pl

from benchmarks.prognosis.data import SEED, Task
from osler.predict import TimeToEvent

ROWS, COLUMNS = 1_000_000, 50
REPEATS = 50


def speed_rows(tasks: list[Task], peers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return seconds of one prediction with its explanation, and of a fit of a million rows."""
    task = next(task for task in tasks if task.name == "FLCHAIN")
    began = time.process_time()
    model = TimeToEvent(seed=SEED).fit(task.X, task.y)
    spent = time.process_time() - began
    # The peer's fold has four fifths of the rows.
    peer = float(peers["FLCHAIN"]["seconds_gbs"].mean())
    return [
        {"measure": "**Speed**"},
        {
            "measure": "fit of all of FLCHAIN (gbs: of four fifths), processor s",
            "osler": spent,
            "gbs": peer,
            "asked": "a fifth",
        },
        {
            "measure": "one prediction with explanation, warm, ms",
            "osler": 1000 * one_prediction_s(model, task),
            "asked": 20.0,
        },
        *million_rows(),
    ]


def one_prediction_s(model: TimeToEvent, task: Task) -> float:
    """Return the median seconds of incidence and explanation of one person."""
    person = task.X[:1]
    horizon = model.explained_horizon
    spent = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        model.predict_cumulative_incidence(person, [horizon])
        model.explain(person)
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def synthetic(rows: int, columns: int) -> tuple[pl.DataFrame, Any]:
    """Return normal columns, ten of which tell a hazard with an interaction; half censored."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(rows, columns)).astype(np.float32)
    eta = X[:, :8] @ np.linspace(0.4, 0.05, 8) + 0.4 * X[:, 8] * X[:, 9]
    happens, censored = rng.exponential(np.exp(-eta)), rng.exponential(1.0, rows)
    y = np.zeros(rows, dtype=[("event", np.int64), ("time", np.float64)])
    y["event"], y["time"] = happens <= censored, np.minimum(happens, censored)
    return pl.DataFrame({f"x{j}": X[:, j] for j in range(columns)}), y


def million_rows() -> list[dict[str, Any]]:
    """Return wall seconds and peak memory of a fit of a million rows."""
    X, y = synthetic(ROWS, COLUMNS)
    began = time.perf_counter()
    TimeToEvent(seed=SEED).fit(X, y)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [
        {"measure": "fit of 1,000,000 × 50 synthetic rows, s", "osler": seconds, "asked": 300.0},
        {"measure": "peak memory of the whole run, GiB", "osler": peak},
    ]
