"""Tasks and events for both engines: where they come from, and how they are asked."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks.aces import random_tasks
from osler.config import DATA

HERE = Path(__file__).parent
WORK = HERE.parent / "work" / "aces"
PEER = HERE / "peer.py"
VERSION = "0.7.3"
# es-aces holds polars at 1.x: an environment of its own. Its source package has the sample tasks
# and data; meds-dev (MIT) has the public task files, and nothing of it is run.
PEER_PACKAGES = (f"es-aces=={VERSION}", "pyyaml")
SOURCES = (f"es-aces=={VERSION}", "meds-dev==0.0.14")
COLUMN_CODES = {
    "male": "SEX//male",
    "female": "SEX//female",
    "admission": "ADMISSION//X",
    "discharge": "DISCHARGE//X",
    "death": "DEATH",
    "lab": "LAB",
    "procedure_start": "PROCEDURE_START",
    "procedure_end": "PROCEDURE_END",
    "ventilation": "procedure//Invasive Ventilation",
    "diagnosis_ICD9CM_41071": "diagnosis//ICD9CM_41071",
    "diagnosis_ICD10CM_I214": "diagnosis//ICD10CM_I214",
}
SPO2 = "lab_name//O2 saturation pulseoxymetry (%)"
SPO2_VALUES = {"normal_spo2": 95.0, "abnormally_low_spo2": 80.0, "abnormally_high_spo2": 130.0}
MIMIC_PREDICATES: dict[str, dict[str, Any]] = {
    "admission": {"code": {"regex": "^HOSPITAL_ADMISSION//"}},
    "discharge": {"code": {"regex": "^HOSPITAL_DISCHARGE//"}},
    "icu_in": {"code": {"regex": "^ICU_ADMISSION//"}},
    "icu_out": {"code": {"regex": "^ICU_DISCHARGE//"}},
    "death": {"code": "MEDS_DEATH"},
    "creatinine": {"code": "LAB//50912//mg/dL", "value_min": 1.3},
    "platelets": {"code": {"any": ["LAB//227457//K/uL", "LAB//51265//K/uL"]}, "value_max": 150},
    "gone": {"expr": "or(discharge, death)"},
    "kidney": {"expr": "and(creatinine, platelets)"},
}


@dataclass(frozen=True)
class Case:
    """One task over one file of events."""

    group: str
    events: Path
    task: Path
    predicates: Path | None = None
    standard: str = "meds"


def peer_python() -> Path:
    """Return the interpreter of es-aces' environment, made on first use."""
    given = os.environ.get("OSLER_ACES_PYTHON")
    if given:
        return Path(given)
    python = WORK / "env" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(WORK / "env")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEER_PACKAGES], check=True)
    return python


def sources() -> Path:
    """Return the folder of es-aces' source package and of meds-dev, fetched on first use."""
    folder = WORK / "sources"
    if folder.exists():
        return folder
    fetched = WORK / "fetched"
    for name in SOURCES:
        kind = ["--no-binary", ":all:"] if name.startswith("es-aces") else []
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *kind]
        subprocess.run([*command, "-d", str(fetched), name], check=True)
    for path in fetched.iterdir():
        shutil.unpack_archive(path, folder, "zip" if path.suffix == ".whl" else "gztar")
    (folder / f"es_aces-{VERSION}").rename(folder / "es_aces")
    command = [str(peer_python()), str(PEER), "sources"]
    subprocess.run([*command, str(folder / "es_aces"), str(folder)], check=True)
    return folder


def sample_cases() -> list[Case]:
    """Return es-aces' sample tasks on its sample data: its table, as events, and its shards."""
    data = sources() / "es_aces" / "sample_data"
    events = WORK / "cases" / "sample.parquet"
    events.parent.mkdir(parents=True, exist_ok=True)
    _as_events(data / "sample_data.csv").write_parquet(events)
    tasks = sorted((sources() / "samples").glob("*.yaml"))
    shards = sorted((data / "meds_sample").glob("*/*.parquet"))
    return [Case("es-aces: sample tasks", one, task) for one in (events, *shards) for task in tasks]


def table_cases() -> list[Case]:
    """Return the sample tasks on the sample table as es-aces reads it, without events."""
    table = sources() / "es_aces" / "sample_data" / "sample_data.csv"
    tasks = sorted((sources() / "samples").glob("*.yaml"))
    return [Case("table", table, task, standard="direct") for task in tasks]


def _as_events(path: Path) -> pl.DataFrame:
    """Turn a table of predicates into events that meet just these; a bare row becomes one too."""
    rows = []
    for one in pl.read_csv(path).iter_rows(named=True):
        codes = [(code, None) for name, code in COLUMN_CODES.items() if one[name]]
        values = [(SPO2, value) for name, value in SPO2_VALUES.items() if one[name]]
        codes += values or ([(SPO2, None)] if one["spo2"] else [])
        rows += [
            (one["subject_id"], one["timestamp"], *code) for code in codes or [("OTHER", None)]
        ]
    names = ["subject_id", "time", "code", "numeric_value"]
    time = pl.col("time").str.strptime(pl.Datetime("us"), "%m/%d/%Y %H:%M")
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        time, pl.col("numeric_value").cast(pl.Float32)
    )


def own_test_cases() -> list[Case]:
    """Return the data and tasks of es-aces' own tests."""
    found = []
    for folder in sorted((sources() / "tests").iterdir()):
        for task in sorted(folder.glob("*.yaml")):
            changed = task.with_suffix(".predicates")
            predicates = task.with_name(f"{task.stem}.changes.yaml") if changed.exists() else None
            if predicates is not None:
                predicates.write_text(changed.read_text())
            found += [
                Case("es-aces: tasks of its tests", events, task, predicates)
                for events in sorted(folder.glob("*.parquet"))
            ]
    return [one for one in found if not one.task.name.endswith(".changes.yaml")]


def mimic() -> Path | None:
    """Return the MIMIC-IV demo with the columns of MEDS; None without the data."""
    root = DATA.read()
    if root is None:
        return None
    source = Path(str(root)) / "clinical" / "mimic4_demo_meds" / "mimic_iv_demo_meds_events.parquet"
    path = WORK / "cases" / "mimic.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.read_parquet(source).rename({"value": "numeric_value"}).write_parquet(path)
    return path


def meds_dev_cases() -> list[Case]:
    """Return every task file of MEDS-DEV with its predicates for MIMIC-IV, on the MIMIC-IV demo."""
    events, folder = mimic(), sources() / "MEDS_DEV"
    predicates = folder / "datasets" / "MIMIC-IV" / "predicates.yaml"
    tasks = sorted((folder / "tasks").rglob("*.yaml"))
    group = "MEDS-DEV tasks, MIMIC-IV demo"
    return [] if events is None else [Case(group, events, one, predicates) for one in tasks]


def mimic_cases(tasks: int = 20) -> list[Case]:
    """Return random tasks on the MIMIC-IV demo."""
    events, rng = mimic(), random.Random(4)  # noqa: S311 - sample data, no secret
    if events is None:
        return []
    paths = [_written(random_tasks.task(rng, MIMIC_PREDICATES), f"mimic-{i}") for i in range(tasks)]
    return [Case("random tasks, MIMIC-IV demo", events, one) for one in paths]


def random_cases(timelines: int = 40, tasks: int = 25) -> list[Case]:
    """Return random tasks on random timelines."""
    rng = random.Random(20261123)  # noqa: S311 - sample data, no secret
    found = []
    for i in range(timelines):
        events = WORK / "cases" / f"random-{i}.parquet"
        events.parent.mkdir(parents=True, exist_ok=True)
        random_tasks.timelines(rng).write_parquet(events)
        found += [
            Case("random tasks, random timelines", events, _written(random_tasks.task(rng), name))
            for name in (f"random-{i}-{j}" for j in range(tasks))
        ]
    return found


def _written(task: dict[str, Any], name: str) -> Path:
    path = WORK / "cases" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(task, sort_keys=False))
    return path


def ask_peer(cases: list[Case], name: str) -> tuple[list[pl.DataFrame | str], dict[str, Any]]:
    """Return es-aces' answer to each case, or why it gave none; then its seconds and memory."""
    folder = WORK / "answers" / name
    folder.mkdir(parents=True, exist_ok=True)
    listed = [
        {
            "events": str(one.events),
            "task": str(one.task),
            "predicates": str(one.predicates) if one.predicates else None,
            "standard": one.standard,
            "out": str(folder / f"{number}.parquet"),
        }
        for number, one in enumerate(cases)
    ]
    (folder / "cases.json").write_text(json.dumps(listed))
    command = [str(peer_python()), str(PEER), "answer", str(folder / "cases.json")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    refused = measured["refused"]
    answers = [
        refused[one["out"]] if one["out"] in refused else pl.read_parquet(one["out"])
        for one in listed
    ]
    return answers, measured
