"""How long fits and single predictions take."""

from __future__ import annotations

import os
import resource
import time
from typing import Any

import numpy as np
import polars as pl

from benchmarks.prognosis.data import SEED, Task
from benchmarks.prognosis.peer_models import grid_of
from osler.predict import TimeToEvent

ROWS, COLUMNS = 1_000_000, 50
REPEATS = 50
FITS = 3


def beside_boosting(task: Task, peer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return seconds of a fit and of one prediction with its explanation."""
    first = task.fold != task.fold.min()
    X, y = task.X.filter(first), task.y[first]
    held, times = task.X.filter(~first), grid_of(task.y["event"], task.y["time"])
    each = []
    for _ in range(FITS):
        began = time.process_time()
        model = TimeToEvent(seed=SEED).fit(X, y)
        model.predict_survival(held, times)
        each.append(time.process_time() - began)
    spent = float(np.median(each))
    boosting = float(peer["seconds_gbs"][0])
    return [
        {
            "what": f"{task.name}, first fold: fit and predict, processor s, median of 3",
            "osler": spent,
            "boosting of scikit-survival": boosting,
            "ratio": spent / boosting,
            "asked": 0.2,
        },
        {
            "what": "one prediction with explanation, warm, median processor ms",
            "osler": 1000 * one_prediction_s(model, task),
            "asked": 20.0,
        },
    ]


def one_prediction_s(model: TimeToEvent, task: Task) -> float:
    """Return the median seconds of incidence and explanation of one person."""
    person = task.X[:1]
    horizon = model.explained_horizon
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        model.predict_cumulative_incidence(person, [horizon])
        model.explain(person)
        spent.append(time.process_time() - began)
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
    """Return seconds and peak memory of a fit of a million rows."""
    X, y = synthetic(ROWS, COLUMNS)
    began, began_processor = time.perf_counter(), time.process_time()
    TimeToEvent(seed=SEED).fit(X, y)
    seconds, processor = time.perf_counter() - began, time.process_time() - began_processor
    cores = len(os.sched_getaffinity(0))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    what = f"fit of {ROWS:,} × {COLUMNS} synthetic rows"
    return [
        {"what": f"{what}, processor s over {cores} cores", "osler": processor / cores,
         "asked": 300.0},
        {"what": f"{what}, s (the machine was shared)", "osler": seconds},
        {"what": "peak memory, data included, GiB", "osler": peak},
    ]  # fmt: skip
