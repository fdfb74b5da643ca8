"""osler's out-of-fold predictions, kept for as long as neither the data nor the learner change."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import osler
from benchmarks.prognosis.data import SEED, WORK, Task
from benchmarks.prognosis.peer_models import grid_of
from osler.learn.crossfit import cross_fit
from osler.predict import TimeToEvent

CURVE_POINTS = 100


@dataclass(frozen=True)
class OutOfFold:
    """Incidences (n, causes, t), scores (n, causes; the first of any cause) and their cost.

    Parameters
    ----------
    seconds
        Processor seconds of a fold: fit and predictions.
    """

    times: Any
    incidence: Any
    risk: Any
    seconds: float

    def survival(self, times: Any = None) -> Any:
        """Return the chance of no event at some of `times`, or all, shape (n, t)."""
        kept = slice(None) if times is None else np.searchsorted(self.times, times)
        return np.clip(1.0 - self.incidence.sum(axis=1)[:, kept], 0.0, 1.0)


def horizon_of(task: Task) -> float:
    """Return the median time of those who had an event."""
    return float(np.median(task.y["time"][task.y["event"] > 0]))


def out_of_fold(task: Task) -> OutOfFold:
    """Cross-fit the defaults over the task's folds, unless that was done before."""
    event, at = task.y["event"], task.y["time"]
    curve = np.quantile(at, np.linspace(0.01, 0.99, CURVE_POINTS))
    times = np.unique(np.concatenate([grid_of(event, at), curve, [horizon_of(task)]]))
    place = _place(task)
    if not place.exists():
        began = time.process_time()
        made = cross_fit(
            lambda: TimeToEvent(seed=SEED), task.X, task.y, times, labels=task.fold, final=False
        )
        seconds = (time.process_time() - began) / len(np.unique(task.fold))
        causes = sorted(made.incidence)
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            place,
            incidence=np.stack([made.incidence[cause] for cause in causes], axis=1),
            risk=np.stack([made.risk[cause] for cause in (0, *causes)], axis=1),
            seconds=seconds,
        )
    kept = np.load(place)
    return OutOfFold(times, kept["incidence"], kept["risk"], float(kept["seconds"]))


def _place(task: Task) -> Path:
    source = Path(osler.__file__).parent
    code = [*sorted((source / "learn").glob("*.py")), source / "predict" / "time_to_event.py"]
    content = hashlib.sha256(task.stored().write_csv().encode())
    for path in code:
        content.update(path.read_bytes())
    short = "".join(c if c.isalnum() else "_" for c in task.name)
    return WORK / "ours" / f"{short}-{content.hexdigest()[:12]}.npz"
