"""Answer tasks with es-aces; runs in es-aces' own environment, not in osler's.

`python peer.py sources FOLDER OUT`: writes es-aces' sample tasks and the data and tasks of its own
tests, from its source package in FOLDER, as cases into OUT.
`python peer.py answer LIST`: LIST is JSON, cases with `events`, `task`, `predicates` (a path or
null), `out`; writes rows of subject, time in microseconds and label, and prints seconds and the
greatest memory as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import yaml
from aces.config import TaskExtractorConfig
from aces.predicates import get_predicates_df
from aces.query import query

EMPTY = pl.DataFrame(
    schema={"subject_id": pl.Int64, "time_us": pl.Int64, "label": pl.Boolean, "as_given": pl.Int64}
)


def answer(events: Path, task: Path, predicates: Path | None, standard: str = "meds") -> Any:
    """Return what es-aces finds, and its configuration."""
    read = TaskExtractorConfig.load(task, predicates)
    where = SimpleNamespace(path=events, standard=standard, ts_format="%m/%d/%Y %H:%M")
    return query(read, get_predicates_df(read, where)), read


def rows_of(found: pl.DataFrame, read: TaskExtractorConfig) -> pl.DataFrame:
    """Return one line per row: subject, prediction time, label, and the time as es-aces gives it.

    The prediction time is the end that `index_timestamp` names, by its place in time: in a window
    `start: end - time` es-aces gives the other one (https://github.com/justin13601/ACES/issues/196).
    Rows that es-aces keeps without a trigger, because a window had no end, are left out.
    """
    if found.is_empty():
        return EMPTY
    index = given = found["trigger"]
    name = read.index_timestamp_window
    if name is not None:
        window, given = read.windows[name], found["index_timestamp"]
        free = "end" if window.root_node == "start" else "start"
        column = f"{name}.{free}_summary"
        index = given
        if column in found.columns:
            span = found[column].struct
            ends = [span.field("timestamp_at_start"), span.field("timestamp_at_end")]
            pick = pl.min_horizontal if window.index_timestamp == "start" else pl.max_horizontal
            index = pl.select(pick(ends)).to_series()
    label = found["label"] > 0 if "label" in found.columns else [None] * found.height
    whole = pl.DataFrame(
        {
            "subject_id": found["subject_id"].cast(pl.Int64),
            "time_us": index.cast(pl.Datetime("us")).to_physical(),
            "label": pl.Series(label, dtype=pl.Boolean),
            "as_given": given.cast(pl.Datetime("us")).to_physical(),
        }
    )
    return whole.filter(found["trigger"].is_not_null())


def answer_all(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Answer every case; a case that es-aces cannot answer says why."""
    refused, seconds = {}, 0.0
    for one in listed:
        started = time.process_time()
        try:
            predicates = Path(one["predicates"]) if one["predicates"] else None
            found, read = answer(
                Path(one["events"]), Path(one["task"]), predicates, one.get("standard", "meds")
            )
            rows = rows_of(found, read)
        except Exception as error:  # noqa: BLE001 - whatever es-aces raises is its answer
            refused[one["out"]] = f"{type(error).__name__}: {error}"[:300]
            continue
        finally:
            seconds += time.process_time() - started
        rows.write_parquet(one["out"])
    return {"refused": refused, "seconds": seconds, "peak_gb": peak_gb()}


def peak_gb() -> float:
    """Return the most memory this process has had, as Linux tells it."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def write_sources(source: Path, out: Path) -> None:
    """Write es-aces' sample tasks and the data and tasks of its own tests as files."""
    sys.path.insert(0, str(source))
    (out / "samples").mkdir(parents=True, exist_ok=True)
    for path in sorted((source / "sample_configs").glob("*.yaml")):
        (out / "samples" / path.name).write_text(path.read_text())
    for name in ("test_meds", "test_other_meds", "test_override_meds"):
        module = __import__(f"tests.{name}", fromlist=["MEDS_SHARDS"])
        folder = out / "tests" / name
        folder.mkdir(parents=True, exist_ok=True)
        tasks = getattr(module, "TASKS", None) or {"task": module.TASK_CFG}
        for number, (task, text) in enumerate(tasks.items()):
            (folder / f"{number}.yaml").write_text(text)
            changes = getattr(module, "TASK_OVERRIDES", {})
            change = changes.get(task) if isinstance(changes, dict) else changes
            if change:
                (folder / f"{number}.predicates").write_text(change)
        for number, shard in enumerate(module.MEDS_SHARDS.values()):
            shard.write_parquet(folder / f"{number}.parquet")


def main(command: str, *given: str) -> None:
    """Do what the command says."""
    logging.disable(logging.CRITICAL)
    if command == "sources":
        write_sources(Path(given[0]), Path(given[1]))
        return
    print(json.dumps(answer_all(yaml.safe_load(Path(given[0]).read_text()))))


if __name__ == "__main__":
    main(*sys.argv[1:])
