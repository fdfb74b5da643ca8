"""Make the golden file with es-aces, in an environment of its own: `pip install es-aces`.

Usage: python make_golden.py > es_aces_0_7_3.json. The timelines are random, seeded, and hold many
equal times; the tasks are those of `../tasks` and random ones over the whole grammar. Two results
of es-aces are set right: rows that it leaves without a trigger, because a window had no end, are
dropped, and `index_timestamp` of a window `start: end - time` is the end that it names
(https://github.com/justin13601/ACES/issues/196).
"""

from __future__ import annotations

import json
import logging
import random
import sys
import tempfile
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import yaml
from aces.config import TaskExtractorConfig
from aces.predicates import get_predicates_df
from aces.query import query

SCHEMA = {
    "subject_id": pl.Int64,
    "time": pl.Datetime("us"),
    "code": pl.String,
    "numeric_value": pl.Float32,
    "text_value": pl.String,
}
ZERO = datetime(2020, 1, 1)
CODES = [
    *("ADMISSION//ER", "ADMISSION//ELECTIVE", "DISCHARGE", "DISCHARGE", "MEDS_DEATH"),
    *("LAB//potassium//mmol/L", "LAB//potassium//mmol/L", "LAB//smear", "DX//a", "DX//b"),
]
HOURS = [0, 0, 6, 12, 24, 24, 30, 48, 48, 72, 96, 120, 240, 480, 744, 960]
PREDICATES: dict[str, dict[str, Any]] = {
    "admission": {"code": {"regex": "^ADMISSION"}},
    "elective": {"code": "ADMISSION//ELECTIVE"},
    "discharge": {"code": "DISCHARGE"},
    "death": {"code": "MEDS_DEATH"},
    "any_dx": {"code": {"any": ["DX//a", "DX//b"]}},
    "high": {"code": "LAB//potassium//mmol/L", "value_min": 5.5, "value_min_inclusive": True},
    "above": {"code": "LAB//potassium//mmol/L", "value_min": 3.5},
    "low": {"code": {"regex": "^LAB"}, "value_max": 3.5, "value_max_inclusive": True},
    "smear": {"code": "LAB//smear", "text_value": "positive"},
    "gone": {"expr": "or(discharge, death)"},
    "sick": {"expr": "and(admission, any_dx)"},
    "nested": {"expr": "or(sick, high, smear)"},
}
OFFSETS = ["24h", "1d", "12 hours", "2 days", "36h", "1 day 12h", "30d", "1:30:00"]
LIMITS = ["(1, None)", "(None, 0)", "(1,2)", "(,1)", "(2,)"]


def timelines(rng: random.Random, subjects: int = 30) -> pl.DataFrame:
    """Return unsorted events with equal times, static events and missing values."""
    rows: list[tuple[Any, ...]] = []
    for subject in rng.sample(range(-30, 60), subjects):
        rows += [(subject, None, f"GENDER//{rng.choice('FFM')}", None, None)]
        if rng.random() < 0.2:
            rows.append((subject, None, "DX//a", None, None))
        for _ in range(rng.randint(0, 16)):
            time = ZERO + timedelta(hours=rng.choice(HOURS))
            value = rng.choice([None, 3.5, 4.5, 5.5, 6.0])
            rows.append((subject, time, rng.choice(CODES), value, rng.choice([None, "positive"])))
    rng.shuffle(rows)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def random_task(rng: random.Random) -> dict[str, Any]:
    """Return a task with up to four windows of any kind."""
    names = list(PREDICATES)
    task: dict[str, Any] = {"predicates": dict(PREDICATES)}
    if rng.random() < 0.3:
        task["patient_demographics"] = {"female": {"code": "GENDER//F"}}
        task["predicates"]["woman"] = {"expr": "and(female, admission)"}
        names += ["woman"] * 3
    task["trigger"] = rng.choice([*names, "_ANY_EVENT", "_RECORD_START", "_RECORD_END"])
    count = rng.randint(1, 4)
    index, label = rng.randrange(count), rng.randrange(count)
    windows: dict[str, dict[str, Any]] = {}
    for number in range(count):
        window = _window(rng, windows, names)
        if number == index:
            window["index_timestamp"] = rng.choice(["start", "end"])
        if number == label:
            window["label"] = rng.choice(names)
        windows[f"w{number}"] = window
    return {**task, "windows": windows}


def _window(rng: random.Random, windows: dict[str, Any], names: list[str]) -> dict[str, Any]:
    reference = rng.choice(["trigger", *(f"{w}.{e}" for w in windows for e in ("start", "end"))])
    moved = [
        reference,
        reference,
        f"{reference} {rng.choice('+-')} {rng.choice(OFFSETS)}",
        f"{reference} {rng.choice(['->', '<-'])} {rng.choice(names)}",
    ]
    forward = rng.random() < 0.6
    own, sign, arrow = ("start", "+", "->") if forward else ("end", "-", "<-")
    free = [
        None,
        f"{own} {sign} {rng.choice(OFFSETS)}",
        f"{own} {arrow} {rng.choice([*names, '_ANY_EVENT'])}",
    ]
    ends = (rng.choice(moved), rng.choice(free))
    window: dict[str, Any] = dict(
        zip(("start", "end"), ends if forward else ends[::-1], strict=True)
    )
    window["start_inclusive"] = rng.random() < 0.5
    window["end_inclusive"] = rng.random() < 0.5
    if rng.random() < 0.4:
        window["has"] = {rng.choice([*names, "_ANY_EVENT"]): rng.choice(LIMITS)}
    return window


def answer(events: pl.DataFrame, task: dict[str, Any]) -> list[list[Any]]:
    """Return subject, prediction time and label of every row that es-aces finds, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        data, config = Path(folder) / "events.parquet", Path(folder) / "task.yaml"
        events.write_parquet(data)
        config.write_text(yaml.safe_dump(task, sort_keys=False))
        read = TaskExtractorConfig.load(config)
        found = query(read, get_predicates_df(read, SimpleNamespace(path=data, standard="meds")))
    if found.is_empty():
        return []
    name = read.index_timestamp_window
    free = "end" if read.windows[name].root_node == "start" else "start"
    span = found[f"{name}.{free}_summary"].struct
    ends = [span.field("timestamp_at_start"), span.field("timestamp_at_end")]
    edge = read.windows[name].index_timestamp
    pick = pl.min_horizontal if edge == "start" else pl.max_horizontal
    index = pl.select(pick(ends)).to_series()
    rows = zip(found["subject_id"], index, found["label"] > 0, found["trigger"], strict=True)
    return sorted([s, t.isoformat(), label] for s, t, label, trigger in rows if trigger is not None)


def main() -> None:
    """Print the golden file."""
    logging.disable(logging.CRITICAL)
    rng = random.Random(20261122)  # noqa: S311 - sample data, no secret
    frames = [timelines(rng) for _ in range(6)]
    files = sorted((Path(__file__).parent.parent / "tasks").glob("*.yaml"))
    cases = []
    for number, events in enumerate(frames):
        for path in files:
            task = yaml.safe_load(path.read_text())
            cases.append({"events": number, "file": path.name, "rows": answer(events, task)})
        for _ in range(15):
            task = random_task(rng)
            rows = answer(events, task)
            used = {"predicates": None, **task} if task["predicates"] == PREDICATES else task
            cases.append({"events": number, "task": used, "rows": rows})
    kept = [
        [[str(v) if k == 1 and v else v for k, v in enumerate(r)] for r in f.rows()] for f in frames
    ]
    made = {"made_with": f"es-aces {version('es-aces')}", "predicates": PREDICATES}
    json.dump({**made, "events": kept, "cases": cases}, sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
