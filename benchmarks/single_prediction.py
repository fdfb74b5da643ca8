"""One person, warm: the prediction and what each column adds to it, in milliseconds.

Models fitted with their defaults to made-up people, as many as METABRIC has, with numbers, gaps,
truths and words; saved and loaded, then asked of one person at a time, a different one each time.
Wall time is the median of the calls; processor time is the mean, as its clock is coarse and the
machine may be shared. Promised: at most 20 ms for a prediction with its explanation.
Run: make bench ARGS=single_prediction
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from osler.predict import Diagnosis, Risk, TimeToEvent

ROWS = 1904
CALLS = 100
HORIZONS = (1.0, 3.0, 5.0)
MILLISECONDS = 1e3
PROMISED, BOUND = 50, "≤ 20 ms together"


def run() -> list[dict[str, Any]]:
    """Return a row per model and number of columns."""
    rows = []
    for columns in (PROMISED, 200):
        frame, y, label, kind = people(columns)
        with tempfile.TemporaryDirectory() as folder:
            timed = _again(TimeToEvent(seed=0).fit(frame, y), Path(folder))
            rows.append(_row("time to event, two causes", columns, frame, _timed(timed)))
            everything = {"all causes, three times": _all_of(timed)}
            rows.append(_row("the same, all at once", columns, frame, everything))
            risk = _again(Risk(seed=0).fit(frame, label), Path(folder) / "risk")
            rows.append(_row("risk", columns, frame, _plain(risk)))
            classes = _again(Diagnosis(seed=0).fit(frame, kind), Path(folder) / "diagnosis")
            rows.append(_row("diagnosis, four classes", columns, frame, _plain(classes)))
    return rows


def people(columns: int, seed: int = 0) -> tuple[pl.DataFrame, Any, Any, Any]:
    """Return made-up people, their times to two events, a label and one of four kinds."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(ROWS, columns))
    score = cells[:, :6] @ np.array([0.6, 0.4, -0.4, 0.3, 0.2, 0.5])
    score += 0.5 * (cells[:, 6] > 0) * cells[:, 7]
    first = rng.exponential(8 * np.exp(-score))
    second, last = rng.exponential(25, ROWS), rng.uniform(2, 20, ROWS)
    y = np.zeros(ROWS, dtype=[("event", int), ("time", float)])
    y["time"] = np.minimum(np.minimum(first, second), last)
    y["event"] = np.where(y["time"] == first, 1, np.where(y["time"] == second, 2, 0))
    label = (score + rng.logistic(size=ROWS) > 0).astype(int)
    kind = np.digitize(score + rng.logistic(size=ROWS), [-1.5, 0.0, 1.5]).astype(str)
    return _mixed(cells, rng), y, label, kind


def _mixed(cells: Any, rng: np.random.Generator) -> pl.DataFrame:
    """Make a fifth of the columns truths, a tenth words, and leave gaps in the numbers."""
    made: dict[str, Any] = {}
    for at in range(cells.shape[1]):
        column = cells[:, at]
        if at % 5 == 4:
            made[f"c{at}"] = column > 0.5
        elif at % 10 == 3:
            made[f"c{at}"] = np.array(["low", "middle", "high"])[np.digitize(column, [-0.5, 0.5])]
        else:
            gaps = rng.random(len(column)) < 0.05
            made[f"c{at}"] = pl.Series(np.where(gaps, np.nan, column)).fill_nan(None)
    return pl.DataFrame(made)


def _again(model: Any, folder: Path) -> Any:
    return type(model).load(model.save(folder / "model"))


def _timed(model: TimeToEvent) -> dict[str, Callable[[pl.DataFrame], Any]]:
    return {
        "prediction": lambda one: model.predict_cumulative_incidence(one, HORIZONS),
        "interval": lambda one: model.predict_interval(one, HORIZONS),
        "explanation": lambda one: model.explain(one, horizon=5.0),
    }


def _all_of(model: TimeToEvent) -> Callable[[pl.DataFrame], Any]:
    def ask(one: pl.DataFrame) -> None:
        for cause in model.causes:
            model.predict_cumulative_incidence(one, HORIZONS, cause=cause)
            model.predict_interval(one, HORIZONS, cause=cause)
        model.explain_all(one, HORIZONS)

    return ask


def _plain(model: Risk | Diagnosis) -> dict[str, Callable[[pl.DataFrame], Any]]:
    return {"prediction": model.predict_proba, "explanation": model.explain}


def _row(
    name: str,
    columns: int,
    frame: pl.DataFrame,
    calls: dict[str, Callable[[pl.DataFrame], Any]],
) -> dict[str, Any]:
    told: dict[str, Any] = {"model": name, "columns": columns}
    measured = {what: _measure(call, frame) for what, call in calls.items()}
    for what in ("prediction", "interval", "explanation"):
        told[f"{what}, ms"] = measured[what][0] if what in measured else None
    asked = [one for what, one in measured.items() if what != "interval"]
    told["together, ms"] = sum(wall for wall, _ in asked)
    told["together, processor ms"] = sum(used for _, used in asked)
    told["bound"] = BOUND if columns == PROMISED and "prediction" in measured else ""
    return told


def _measure(call: Callable[[pl.DataFrame], Any], frame: pl.DataFrame) -> tuple[float, float]:
    """Return the median wall time and the mean processor time of a call, in milliseconds."""
    some = [frame[at] for at in range(CALLS)]
    for one in some[:5]:
        call(one)
    walls = []
    used = time.process_time()
    for one in some:
        start = time.perf_counter()
        call(one)
        walls.append(time.perf_counter() - start)
    used = time.process_time() - used
    return float(np.median(walls)) * MILLISECONDS, used / CALLS * MILLISECONDS
