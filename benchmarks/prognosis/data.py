"""The data sets of the prognosis benchmarks, and the environment of the peers."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from osler.config import DATA
from osler.learn.splits import stratified_folds

HERE = Path(__file__).parent
WORK = HERE.parent / "work" / "prognosis"
# GPL: an oracle in an environment of its own, no part of osler.
PEER_PACKAGES = ("scikit-survival==0.28.0", "SurvSet==0.2.11", "hazardous==0.2.0", "polars")
FOLDS, SEED = 5, 0
FEWEST_EVENTS, MOST_ROWS, SETS = 100, 20_000, 25
MAIN_IN_SURVSET = ("GBSG2", "flchain", "support2")
# The clinical variables of Knaus et al. 1995 that public copies share, without race.
SUPPORT_COLUMNS = (
    "num_age", "fac_sex", "num_num_co", "fac_diabetes", "fac_dementia", "fac_ca", "num_meanbp",
    "num_hrt", "num_resp", "num_temp", "num_wblc", "num_sod", "num_crea",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A data set with its folds.

    Parameters
    ----------
    y : shape (n,)
        Structured, `event` and `time`.
    fold : shape (n,)
        The same for all models.
    """

    name: str
    source: str
    X: pl.DataFrame
    y: Any
    fold: Any

    @staticmethod
    def of(name: str, source: str, X: pl.DataFrame, time: Any, event: Any) -> Task:
        """Leave out columns that do not vary and assign folds, stratified by event."""
        X = X.select([column for column in X.columns if X[column].n_unique() > 1])
        y = np.zeros(len(event), dtype=[("event", np.int64), ("time", np.float64)])
        y["event"], y["time"] = event, time
        return Task(name, source, X, y, stratified_folds(y["event"], FOLDS, SEED))

    def stored(self) -> pl.DataFrame:
        """Return one table for the peers."""
        known = {"time": self.y["time"], "event": self.y["event"], "fold": self.fold}
        return pl.DataFrame(known).hstack(self.X)


def peers_python() -> Path:
    """Return the interpreter of the peers' environment, made on first use."""
    given = os.environ.get("OSLER_PEERS_PYTHON")
    if given:
        return Path(given)
    home = HERE.parent / "work" / "peers"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEER_PACKAGES], check=True)
    return python


def survset() -> Path:
    """Return the folder of exported SurvSet data, filled on first use."""
    folder = WORK / "survset"
    if not (folder / "veteran.parquet").exists():
        script = HERE / "export_survset.py"
        subprocess.run([str(peers_python()), str(script), str(folder)], check=True)
    return folder


def _from_survset(
    name: str, label: str, keep: tuple[str, ...] = (), drop: tuple[str, ...] = ()
) -> Task:
    data = pl.read_parquet(survset() / f"{name}.parquet")
    X = data.drop("time", "event", *drop)
    X = X.select(list(keep)) if keep else X
    return Task.of(label, f"SurvSet `{name}`", X, data["time"], data["event"])


def main_tasks() -> list[Task]:
    """Return METABRIC (where its data are), GBSG, FLCHAIN and SUPPORT."""
    from benchmarks.metabric import women

    tasks = []
    if DATA.read() is not None:
        X, y = women(Path(str(DATA.read())) / "clinical" / "metabric")
        clinical = X.select([c for c in X.columns if not c.startswith("altered_")])
        source = "cBioPortal, death of any cause"
        tasks.append(Task.of("METABRIC", source, clinical, y["time"], y["event"] > 0))
    # The chapter is that of the cause of death; the year of the sample is there twice.
    after_death = ("fac_chapter", "fac_sample_yr")
    return [
        *tasks,
        _from_survset("GBSG2", "GBSG"),
        _from_survset("flchain", "FLCHAIN", drop=after_death),
        _from_survset("support2", "SUPPORT", keep=SUPPORT_COLUMNS),
    ]


def further_tasks() -> list[Task]:
    """Return 25 further data sets of SurvSet, chosen by a rule before any was run.

    All without time-varying features, with 100 or more events (with fewer, a difference of .003
    cannot be seen) and at most 20,000 rows, in the order of rows and name: every 1.64th.
    """
    sizes = []
    for path in survset().glob("*.parquet"):
        event = pl.read_parquet(path, columns=["event"])["event"]
        small = event.sum() < FEWEST_EVENTS or len(event) > MOST_ROWS
        if not small and path.stem not in MAIN_IN_SURVSET:
            sizes.append((len(event), path.stem))
    sizes.sort()
    return [_from_survset(*(2 * [sizes[i * len(sizes) // SETS][1]])) for i in range(SETS)]


def peer_predictions(tasks: list[Task]) -> dict[str, Any]:
    """Return every task's predictions by Cox, forest and boosting."""
    return predictions_of(tasks, WORK / "folds", "peer_models.py")


def predictions_of(tasks: list[Task], folder: Path, script: str) -> dict[str, Any]:
    """Return every task's predictions by a script, which runs once per content of the data."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {}
    for task in tasks:
        table = task.stored()
        content = hashlib.sha256(table.write_csv().encode()).hexdigest()[:12]
        short = "".join(c if c.isalnum() else "_" for c in task.name)
        places[task.name] = folder / f"{short}-{content}.npz"
        target = places[task.name].with_suffix(".parquet")
        if not target.exists():
            table.write_parquet(target)
    if not all(place.exists() for place in places.values()):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [str(peers_python()), str(HERE / script), str(folder)]
        subprocess.run(command, check=True, env=environment)
    return {name: dict(np.load(place)) for name, place in places.items()}
