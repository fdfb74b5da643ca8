"""Features from an encrypted vault beside plain queries on unencrypted Parquet, cell for cell.

Count, last, mean, min and max of every code over the 365 days before each prediction: osler from
the vault, Polars (streaming) and DuckDB from plain Parquet files of the same rows. Each runs in a
process of its own, in turn, a warm-up and then five times. Run: python benchmarks/features.py
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from osler.features import featurise_shards
from osler.vault import Actor, Kdf, Key, Vault
from synthetic import DAYS, FIRST_DAY, events, subject_ids

ROWS = 20_000_000
SUBJECTS = 50_000
REPEATS = 5
WINDOW_DAYS = 365
AGGREGATIONS = ["count", "last", "mean", "min", "max"]
COLUMNS = ["subject_id", "time", "code", "numeric_value"]
ACTOR = Actor("benchmark", "benchmark")
RATIO_BOUND, PEAK_BOUND_GB = 2.0, 2.0


def run(rows: int = ROWS, subjects: int = SUBJECTS) -> list[dict[str, Any]]:
    """Return rows of the table: what was measured, its value and the bound."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder, rows, subjects)
        engines = [one for one in ENGINES if one != "duckdb" or _installed("duckdb")]
        measured = {one: _in_process(folder, one) for one in engines}
        ours = pl.read_parquet(folder / "osler.parquet")
        unequal = sum(
            _unequal_cells(ours, pl.read_parquet(folder / f"{one}.parquet")) for one in engines[1:]
        )
    seconds = {one: median(each["seconds"]) for one, each in measured.items()}
    best = min(seconds[one] for one in engines[1:])
    table: list[dict[str, Any]] = [
        {"what": f"{one}: seconds (median of {REPEATS})", "value": value}
        for one, value in seconds.items()
    ]
    return [
        *table,
        {
            "what": "osler from vault / best plain query",
            "value": seconds["osler"] / best,
            "bound": RATIO_BOUND,
        },
        {
            "what": "osler: peak memory, GB",
            "value": measured["osler"]["peak_gb"],
            "bound": PEAK_BOUND_GB,
        },
        *(
            {"what": f"{one}: peak memory, GB", "value": measured[one]["peak_gb"]}
            for one in engines[1:]
        ),
        {"what": f"cells, of {ours.height * 5:,}, that differ", "value": unequal, "bound": 0},
    ]


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _prepare(folder: Path, rows: int, subjects: int) -> None:
    """Write the same rows into a vault and into plain files, and the rows to predict for."""
    heads, plain = folder / "heads", folder / "plain"
    plain.mkdir()
    key = Key.from_passphrase("benchmark")
    vault = Vault.init(folder / "vault", key, actor=ACTOR, head_folder=heads, kdf=Kdf(passes=1))
    with vault.loading("benchmark", "00" * 32) as load:
        for number, frame in enumerate(events(rows, subjects)):
            frame.write_parquet(plain / f"{number:03d}.parquet", compression="lz4")
            load.append(frame)
    rng = np.random.default_rng(1)
    day = rng.integers(FIRST_DAY + WINDOW_DAYS, FIRST_DAY + DAYS, subjects)
    asked = pl.DataFrame({"subject_id": subject_ids(subjects), "prediction_time": day * 86_400})
    seconds = pl.from_epoch("prediction_time", "s").cast(pl.Datetime("us"))
    asked.with_columns(seconds).write_parquet(folder / "rows.parquet")


def _in_process(folder: Path, engine: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", str(folder), engine]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _child(folder: Path, engine: str) -> dict[str, Any]:
    prepare, finish = ENGINES[engine]
    work = prepare(folder, pl.read_parquet(folder / "rows.parquet"))
    seconds = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        answer = work()
        seconds.append(time.perf_counter() - started)
    measured = {"seconds": seconds[1:], "peak_gb": _peak_gb()}
    finish(answer).sort("subject_id", "code").write_parquet(folder / f"{engine}.parquet")
    return measured


def _peak_gb() -> float:
    """Return the most memory this process has had, as Linux tells it."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


# --- osler --------------------------------------------------------------------------------------


def _osler(folder: Path, rows: pl.DataFrame) -> Callable[[], Any]:
    key, heads = Key.from_passphrase("benchmark"), folder / "heads"
    vault = Vault.open(folder / "vault", key, actor=ACTOR, head_folder=heads)
    wanted = rows["subject_id"].to_numpy()

    def shards() -> Any:
        for shard in vault.shard_ids():
            frame = vault.shard_events(shard, columns=COLUMNS, categorical_codes=True)
            held = frame["subject_id"].to_numpy()
            at = np.minimum(np.searchsorted(held, wanted), held.size - 1)
            yield frame, rows.filter(pl.Series(held[at] == wanted))

    def work() -> Any:
        with vault.act("benchmark"):
            return featurise_shards(shards(), [f"{WINDOW_DAYS}d"], AGGREGATIONS)

    return work


def _osler_long(matrix: Any) -> pl.DataFrame:
    """Return one row for each subject and code, as the queries do."""
    cells = matrix.values.tocoo()
    codes = pl.Series([one.code for one in matrix.columns])
    names = pl.Series([one.aggregation for one in matrix.columns])
    long = pl.DataFrame(
        {
            "subject_id": matrix.rows["subject_id"].gather(cells.row),
            "code": codes.gather(cells.col),
            "aggregation": names.gather(cells.col),
            "value": cells.data,
        }
    )
    return long.pivot("aggregation", index=["subject_id", "code"], values="value").select(
        "subject_id", "code", *AGGREGATIONS
    )


# --- the peers ----------------------------------------------------------------------------------


def _polars(folder: Path, rows: pl.DataFrame) -> Callable[[], Any]:
    value = pl.col("numeric_value")

    def work() -> pl.DataFrame:
        since = pl.col("prediction_time") - pl.duration(days=WINDOW_DAYS)
        return (
            pl.scan_parquet(folder / "plain" / "*.parquet")
            .select(COLUMNS)
            .join(rows.lazy(), on="subject_id")
            .filter((pl.col("time") <= pl.col("prediction_time")) & (pl.col("time") > since))
            .group_by("subject_id", "code")
            .agg(
                count=pl.len(),
                last=value.sort_by("time").drop_nulls().last(),
                mean=value.cast(pl.Float64).mean(),
                min=value.min(),
                max=value.max(),
            )
            .collect(engine="streaming")
        )

    return work


def _duckdb(folder: Path, rows: pl.DataFrame) -> Callable[[], Any]:
    duckdb = importlib.import_module("duckdb")
    connection = duckdb.connect()
    connection.register("asked", rows.to_arrow())
    query = f"""
        SELECT subject_id, code, count(*) AS count, arg_max(numeric_value, time) AS last,
               avg(numeric_value) AS mean, min(numeric_value) AS min, max(numeric_value) AS max
        FROM read_parquet('{folder}/plain/*.parquet') JOIN asked USING (subject_id)
        WHERE time <= prediction_time AND time > prediction_time - INTERVAL {WINDOW_DAYS} DAY
        GROUP BY subject_id, code
    """  # noqa: S608 - no part of it is a user's

    def work() -> pl.DataFrame:
        return pl.DataFrame(connection.sql(query).to_arrow_table())

    return work


def _unequal_cells(ours: pl.DataFrame, theirs: pl.DataFrame) -> int:
    """Count cells that differ: by more than rounding for the mean, at all for the rest."""
    both = ours.join(theirs, on=["subject_id", "code"], how="full", suffix="_theirs")
    unequal = 0
    for name in AGGREGATIONS:
        mine, other = pl.col(name).cast(pl.Float64), pl.col(f"{name}_theirs").cast(pl.Float64)
        slack = 1e-9 if name == "mean" else 0.0
        same = ((mine - other).abs() <= slack * mine.abs()) | (mine.is_null() & other.is_null())
        unequal += both.select((~same.fill_null(False)).sum()).item()
    return int(unequal)


ENGINES: dict[str, tuple[Any, Any]] = {
    "osler": (_osler, _osler_long),
    "polars": (_polars, lambda frame: frame),
    "duckdb": (_duckdb, lambda frame: frame),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(_child(Path(given.child[0]), given.child[1])))
        return
    for row in run(given.rows, given.subjects):
        bound = f"  (at most {row['bound']:g})" if "bound" in row else ""
        print(f"{row['what']:<50} {row['value']:10.3f}{bound}")


if __name__ == "__main__":
    main()
