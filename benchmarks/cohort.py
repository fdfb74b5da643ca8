"""Cohorts beside es-aces: the same rows and labels, in what time and memory.

Compared row for row and label for label with es-aces 0.7.3, which runs in an environment of its
own: its sample tasks and data, the data and tasks of its own tests, every task of MEDS-DEV and
random tasks on the MIMIC-IV demo, random tasks on random timelines. Then speed and memory: both on
the same 2 million generated events, osler alone on 80 million in 80 files, two at a time.

Run: make bench ARGS=cohort. `OSLER_ACES_PYTHON` names an interpreter that has es-aces.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from joblib import Parallel, delayed

from benchmarks.aces import cases
from benchmarks.aces.cases import Case
from benchmarks.synthetic import events
from osler.cohort import extract

SMALL_ROWS, LARGE_ROWS, ROWS_PER_SUBJECT = 2_000_000, 80_000_000, 400
WORKERS = 2
SPEED_BOUND, PEAK_BOUND_GB = 1.0, 4.0
LATER = {"start_inclusive": False, "end_inclusive": True}
TASK: dict[str, Any] = {
    "predicates": {
        "seen": {"code": "LAB//00007//mg/dL"},
        "high": {"code": {"regex": "^LAB//0000[0-4]"}, "value_min": 120},
        "either": {"expr": "or(seen, high)"},
    },
    "windows": {
        "input": {
            "start": None,
            "end": "trigger",
            "start_inclusive": True,
            "end_inclusive": True,
            "index_timestamp": "end",
            "has": {"_ANY_EVENT": "(5, None)"},
        },
        "gap": {"start": "trigger", "end": "start + 24h", **LATER, "has": {"seen": "(None, 0)"}},
        "target": {"start": "gap.end", "end": "start -> either", **LATER, "label": "high"},
    },
}
TRIGGERS = {"one code": "seen", "every moment": "_ANY_EVENT"}


def run(rows: int = LARGE_ROWS) -> list[dict[str, Any]]:
    """Return rows of the table: what was measured, its value and the bound."""
    return [*_agreement(), *_beside(), *_large(rows)]


# --- the same rows and labels -------------------------------------------------------------------


def _agreement() -> list[dict[str, Any]]:
    table = [
        _compared(cases.sample_cases(), "samples"),
        _compared(cases.own_test_cases(), "tests"),
        _compared(cases.meds_dev_cases(), "meds-dev"),
        _compared(cases.mimic_cases(), "mimic"),
        _compared(cases.random_cases(), "random"),
    ]
    return [*_table_too(), *(row for row in table if row)]


def _compared(listed: list[Case], name: str) -> dict[str, Any] | None:
    """Return how many rows, times and labels differ over all cases of one source."""
    if not listed:
        return None
    answers, _ = cases.ask_peer(listed, name)
    rows = labels = other_end = differing = 0
    for case, theirs in zip(listed, answers, strict=True):
        if isinstance(theirs, str):
            raise RuntimeError(f"es-aces refused {case.task.name}: {theirs}")
        ours = extract(pl.read_parquet(case.events), case.task, predicates=case.predicates)
        differing += _unequal(ours, theirs)
        rows, labels = rows + ours.height, labels + _labels(ours)
        other_end += theirs.filter(pl.col("as_given") != pl.col("time_us")).height
    counted = f"{len(listed):,} cases, {rows:,} rows, {labels:,} labels true"
    note = f" ({other_end:,} with the time at the other end in es-aces)" if other_end else ""
    what = f"{listed[0].group}: {counted}: rows that differ{note}"
    return {"what": what, "value": str(differing), "bound": "0"}


def _labels(ours: pl.DataFrame) -> int:
    return int(ours["boolean_value"].sum()) if "boolean_value" in ours.columns else 0


def _unequal(ours: pl.DataFrame, theirs: pl.DataFrame) -> int:
    """Count rows that only one of both has, by subject, time and label."""
    keys = ["subject_id", "time_us", "label"]
    label = pl.col("boolean_value") if "boolean_value" in ours.columns else pl.lit(None, pl.Boolean)
    mine = ours.select("subject_id", pl.col("prediction_time").to_physical(), label)
    both = [
        frame.group_by(keys).len("n").with_columns(sign=pl.lit(sign))
        for sign, frame in (
            (1, mine.rename(dict(zip(mine.columns, keys, strict=True)))),
            (-1, theirs),
        )
    ]
    counted = pl.concat(
        [one.select(*keys, pl.col("n").cast(pl.Int64) * pl.col("sign")) for one in both]
    )
    return int(counted.group_by(keys).agg(pl.col("n").sum().abs())["n"].sum())


def _table_too() -> list[dict[str, Any]]:
    """Check that the sample table, made into events, means to es-aces what the table does."""
    tables, _ = cases.ask_peer(cases.table_cases(), "table")
    as_events, _ = cases.ask_peer(cases.sample_cases()[: len(tables)], "table-as-events")
    keys = ["subject_id", "time_us", "label"]
    unequal = sum(
        not one.select(keys).sort(keys).equals(other.select(keys).sort(keys))
        for one, other in zip(tables, as_events, strict=True)
        if isinstance(one, pl.DataFrame) and isinstance(other, pl.DataFrame)
    )
    what = "es-aces on its sample table and on the same as events: tasks that differ"
    return [{"what": what, "value": str(unequal), "bound": "0"}]


# --- time and memory ----------------------------------------------------------------------------


def _task(trigger: str) -> Path:
    path = cases.WORK / "cases" / f"speed{trigger}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**TASK, "trigger": trigger}, sort_keys=False))
    return path


def _beside() -> list[dict[str, Any]]:
    """Return both engines' speed and memory on the same file, each in a process of its own."""
    path = cases.WORK / "cases" / "generated.parquet"
    if not path.exists():
        whole = pl.concat(list(events(SMALL_ROWS, SMALL_ROWS // ROWS_PER_SUBJECT)))
        whole.write_parquet(path)
    table = []
    for name, trigger in TRIGGERS.items():
        answers, theirs = cases.ask_peer([Case("speed", path, _task(trigger))], f"speed-{name}")
        ours = _in_process([path], trigger)
        if isinstance(answers[0], str):
            raise RuntimeError(f"es-aces refused the task: {answers[0]}")
        asked = f"2 M events, trigger at {name}"
        table += [
            {
                "what": f"{asked}: rows that differ",
                "value": str(_unequal(ours["found"], answers[0])),
                "bound": "0",
            },
            {"what": f"{asked}: es-aces, processor seconds", "value": theirs["seconds"]},
            {"what": f"{asked}: osler, processor seconds", "value": ours["processor_s"]},
            {"what": f"{asked}: es-aces, peak memory, GB", "value": theirs["peak_gb"]},
            {"what": f"{asked}: osler, peak memory, GB", "value": ours["peak_gb"]},
        ]
    return table


def _large(rows: int) -> list[dict[str, Any]]:
    folder = cases.WORK / f"large-{rows}"
    if not folder.exists():
        fresh = folder.with_name(f"{folder.name}-unfinished")
        fresh.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(events(rows, rows // ROWS_PER_SUBJECT)):
            frame.write_parquet(fresh / f"{number:03d}.parquet", compression="zstd")
        fresh.rename(folder)
    table = []
    for name, trigger in TRIGGERS.items():
        measured = _in_process(sorted(folder.glob("*.parquet")), trigger)
        asked = f"{rows / 1e6:g} M events, trigger at {name}"
        found = f"{measured['found'].height:,} rows"
        table += [
            {
                "what": f"{asked}, {found}: M events a second, {WORKERS} workers",
                "value": rows / measured["wall_s"] / 1e6,
                "bound": f"≥ {SPEED_BOUND:g}",
            },
            {
                "what": f"{asked}: M events a processor second",
                "value": rows / measured["processor_s"] / 1e6,
            },
            {
                "what": f"{asked}: peak memory, GB",
                "value": measured["peak_gb"],
                "bound": f"≤ {PEAK_BOUND_GB:g}",
            },
        ]
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    what = (
        f"programs that wanted one of {cores} cores at the end (these {WORKERS} workers among them)"
    )
    return [*table, {"what": what, "value": load}]


def _in_process(paths: list[Path], trigger: str) -> dict[str, Any]:
    out = cases.WORK / "answers" / "osler.parquet"
    out.parent.mkdir(parents=True, exist_ok=True)
    given = json.dumps([str(path) for path in paths])
    command = [sys.executable, "-m", "benchmarks.cohort", "--child", trigger, str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, input=given)
    measured: dict[str, Any] = json.loads(done.stdout)
    return {**measured, "found": pl.read_parquet(out)}


def _child(paths: list[str], trigger: str, out: str) -> dict[str, Any]:
    began, processor = time.perf_counter(), time.process_time()
    task = {**TASK, "trigger": trigger}
    jobs = (delayed(_of_file)(path, task) for path in paths)
    found = pl.concat(Parallel(n_jobs=WORKERS, backend="threading")(jobs))
    measured = {
        "wall_s": time.perf_counter() - began,
        "processor_s": time.process_time() - processor,
        "peak_gb": _peak_gb(),
    }
    found.write_parquet(out)
    return measured


def _of_file(path: str, task: dict[str, Any]) -> pl.DataFrame:
    columns = ["subject_id", "time", "code", "numeric_value", "text_value"]
    return extract(pl.read_parquet(path, columns=columns), task)


def _peak_gb() -> float:
    """Return the most memory this process has had, as Linux tells it."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def main() -> None:
    """Print the table, or measure in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=LARGE_ROWS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(_child(json.loads(sys.stdin.read()), *given.child)))
        return
    for row in run(given.rows):
        print(row, flush=True)


if __name__ == "__main__":
    main()
