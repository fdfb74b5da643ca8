"""Five windows times eight aggregations at task times, beside MEDS-Tab, cell for cell.

800,000 events in panels of 16 codes; two prediction times of each subject, at events, since
MEDS-Tab answers for the event at or before a prediction. Both read Parquet and write matrices;
processor time and peak memory are those of whole processes, start included. MEDS-Tab 0.2.0 gets an
environment of its own in `benchmarks/work` and runs as its tutorial has it: describe, tabularize
static, tabularize time series, cache the task. Four lines of it are repaired (`REPAIRS`), without
which most of its cells are empty or in the wrong row.
Run: python benchmarks/featurise_medstab.py
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

ROWS = 800_000
WINDOWS = ["1d", "7d", "30d", "365d", "full"]
TIMED, STATIC = ["count", "count_values", "sum", "sum_sqd", "min", "max"], ["any", "first"]
# What MEDS-Tab calls each.
PEER_NAMES = {
    "count": "code/count",
    "count_values": "value/count",
    "sum": "value/sum",
    "sum_sqd": "value/sum_sqd",
    "min": "value/min",
    "max": "value/max",
    "any": "static/present",
    "first": "static/first",
}
# MEDS-Tab squares the values of a time, and then squares their sum.
OTHERWISE = ("sum_sqd",)
# An absent value counts as zero in MEDS-Tab's smallest and largest, so they are only there where
# all values are below or above it.
WHERE_STORED = ("min", "max")
PEER = ["meds-tab==0.2.0", "polars==1.44.*"]
PARTS = 4
LEAST_RATIO_CPU, LEAST_RATIO_MEMORY = 50.0, 5.0
SINGLE = 2e-6  # MEDS-Tab adds up in 32-bit floats

CODES, VISITS, PANEL, LABELS = 500, 50, 16, 2
MINUTE_US, FIRST_DAY, DAYS = 60_000_000, 14_610, 3_650

# File, line as released, line as repaired.
# 1. No code equals the name of its column: every value is left out (MEDS-Tab's issue 168).
# 2. A slice ends before its last row: the last event of each time is left out.
# 3. The smallest and largest values all land in the first row.
# 4. Labels in no order are joined as if they were sorted: some get the row of another time.
REPAIRS = (
    (
        "generate_ts_features.py",
        'filter(pl.col("code").is_in(ts_columns))',
        'filter(pl.col("code").is_in(list(column_to_int)))',
    ),
    (
        "generate_summarized_reps.py",
        'windows = group_df.select(pl.col("min_index", "max_index"))',
        'windows = group_df.select(pl.col("min_index"), pl.col("max_index") + 1)',
    ),
    (
        "generate_summarized_reps.py",
        "row.append(agg_matrix.row)",
        "row.append(np.full(agg_matrix.nnz, i, dtype=np.int32))",
    ),
    (
        "scripts/cache_task.py",
        ").join_asof(other=meds_data_df",
        ').sort("subject_id", "time").join_asof(other=meds_data_df',
    ),
)

# A process starts with the memory of the one that starts it, so a small one does.
LAUNCHER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
wall = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = used.ru_utime + used.ru_stime
print(json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mb": used.ru_maxrss * 1024 / 1e6}))
sys.exit(code)
"""


def run(rows: int = ROWS) -> list[dict[str, Any]]:
    """Return rows of the table: what was measured, of osler and of MEDS-Tab, and the bound."""
    python = _environment(Path(__file__).parent / "work" / "medstab")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder, rows)
        theirs = [_measure(command, folder) for command in _steps(python, folder)]
        ours = _measure([sys.executable, __file__, "--child", str(folder)], folder)
        cells = _compared(folder)
    cpu = sum(one["cpu_s"] for one in theirs)
    peak = max(one["peak_mb"] for one in theirs)
    return [
        _line("processor time, s", ours["cpu_s"], cpu),
        _line("wall time, s", ours["wall_s"], sum(one["wall_s"] for one in theirs)),
        _line("peak memory, MB", ours["peak_mb"], peak),
        {
            "what": "processor time, MEDS-Tab / osler",
            "value": cpu / ours["cpu_s"],
            "bound": f"at least {LEAST_RATIO_CPU:g}",
        },
        {
            "what": "peak memory, MEDS-Tab / osler",
            "value": peak / ours["peak_mb"],
            "bound": f"at least {LEAST_RATIO_MEMORY:g}",
        },
        *cells,
    ]


def _line(what: str, ours: float, theirs: float) -> dict[str, Any]:
    return {"what": what, "osler": ours, "MEDS-Tab": theirs}


def _environment(folder: Path) -> Path:
    """Return the Python that has MEDS-Tab, made on the first call."""
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *PEER]
        subprocess.run(install, check=True, stdout=sys.stderr)
        (package,) = folder.glob("lib/*/site-packages/MEDS_tabular_automl")
        for name, released, repaired in REPAIRS:
            text = (package / name).read_text("utf-8")
            if text.count(released) != 1:
                raise RuntimeError(f"{name} is not that of {PEER[0]}")
            (package / name).write_text(text.replace(released, repaired), "utf-8")
        (folder / "complete").touch()
    return python


def _steps(python: Path, folder: Path) -> list[list[str]]:
    """Return MEDS-Tab's commands, one after the other."""
    own = [f"input_dir={folder}/data", f"output_dir={folder}/out"]
    every = "tabularization.min_code_inclusion_count=1"
    task = [f"input_label_dir={folder}/labels", "task_name=task"]
    scripts = python.parent
    return [
        [str(scripts / "meds-tab-describe"), *own],
        [str(scripts / "meds-tab-tabularize-static"), *own, every],
        [str(scripts / "meds-tab-tabularize-time-series"), *own, every],
        [str(scripts / "meds-tab-cache-task"), *own, every, *task],
    ]


def _measure(command: Sequence[str], folder: Path) -> dict[str, float]:
    """Run a command and return its processor time, wall time and peak memory."""
    with (folder / "log.txt").open("ab") as log:
        done = subprocess.run(
            [sys.executable, "-S", "-c", LAUNCHER, *command],
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            check=False,
        )
    if done.returncode:
        raise RuntimeError((folder / "log.txt").read_text("utf-8", "replace")[-2_000:])
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


# --- the data -----------------------------------------------------------------------------------


def _prepare(folder: Path, rows: int) -> None:
    """Write events and the rows to predict for, as both read them."""
    subjects = max(10, rows // (VISITS * PANEL))
    events, asked = made_up(subjects)
    for kind, frame in (("data", events), ("labels", asked)):
        (folder / kind / "train").mkdir(parents=True)
        frame.write_parquet(folder / kind / "train" / "0.parquet")


def made_up(subjects: int, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return events of so many subjects, 800 each and two without a time, and their labels.

    A visit measures 16 different codes at one minute, common ones more often; three tenths have no
    value, and a subject's visits are at different times.
    """
    rng = np.random.default_rng(seed)
    ids = np.arange(subjects, dtype=np.int64) * 7 + 1_000
    weight = np.log(1.0 / np.arange(1, CODES + 1) ** 1.1)
    drawn = [
        np.argpartition(-(weight + rng.gumbel(size=(VISITS, CODES))), PANEL)[:, :PANEL]
        for _ in range(subjects)
    ]
    minutes = np.sort(
        [rng.choice(DAYS * 1_440, VISITS, replace=False) for _ in range(subjects)], axis=1
    )
    visit_us = minutes * MINUTE_US + FIRST_DAY * 86_400_000_000
    n = subjects * VISITS * PANEL
    names = pl.Series([f"LAB//{number:04d}//mg/dL" for number in range(CODES)])
    number = np.concatenate(drawn).ravel()
    size = np.abs(rng.normal(100, 25, n)) + 0.1
    # Of every fifth code all values are below zero, as of a base deficit.
    value = pl.Series(np.round(np.where(number % 5, size, -size), 1).astype(np.float32))
    timed = pl.DataFrame(
        {
            "subject_id": np.repeat(ids, VISITS * PANEL),
            "time": pl.Series(np.repeat(visit_us.ravel(), PANEL)).cast(pl.Datetime("us")),
            "code": names.gather(number),
            "numeric_value": value.set(pl.Series(rng.random(n) < 0.3), None),
        }
    )
    static = pl.DataFrame(
        {
            "subject_id": np.repeat(ids, 2),
            "time": pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, 2 * subjects),
            "code": ["SEX//F", "HEIGHT//cm"] * subjects,
            "numeric_value": pl.Series([None, 170.5] * subjects, dtype=pl.Float32),
        }
    )
    events = pl.concat([static, timed]).sort("subject_id", "time", maintain_order=True)
    late = np.sort([rng.choice(VISITS, LABELS, replace=False) for _ in range(subjects)], axis=1)
    asked = pl.DataFrame(
        {
            "subject_id": np.repeat(ids, LABELS),
            "prediction_time": pl.Series(np.take_along_axis(visit_us, late, axis=1).ravel()).cast(
                pl.Datetime("us")
            ),
            "boolean_value": [False] * (LABELS * subjects),
        }
    )
    return events, asked


# --- osler --------------------------------------------------------------------------------------


def _child(folder: Path) -> None:
    from osler.features import featurise_shards

    file = pl.scan_parquet(folder / "data" / "train" / "0.parquet")
    file = file.with_columns(pl.col("code").cast(pl.Categorical()))
    rows = pl.read_parquet(folder / "labels" / "train" / "0.parquet")
    # The same work: two aggregations of what has no time, six in windows.
    for kind, windows, names in (("static", [], STATIC), ("timed", WINDOWS, TIMED)):
        matrix = featurise_shards(_parts(file, rows), windows, names)
        sp.save_npz(folder / f"{kind}.npz", matrix.values, compressed=False)
        (folder / f"{kind}.json").write_text(json.dumps(matrix.columns), "utf-8")


def _parts(events: pl.LazyFrame, rows: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield events and rows of a fourth of the subjects at a time."""
    subjects = rows["subject_id"].unique().sort()
    for part in np.array_split(subjects.to_numpy(), PARTS):
        own = pl.col("subject_id").is_between(int(part[0]), int(part[-1]))
        yield events.filter(own).collect(), rows.filter(own)


# --- the comparison -----------------------------------------------------------------------------


def _compared(folder: Path) -> list[dict[str, Any]]:
    """Count the cells of each aggregation, and those that differ."""
    made = {kind: sp.load_npz(folder / f"{kind}.npz").tocsc() for kind in ("timed", "static")}
    place = {
        kind: {name: i for i, name in enumerate(json.loads((folder / f"{kind}.json").read_text()))}
        for kind in made
    }
    plain = _plainly(folder)
    table = []
    for name, peer in PEER_NAMES.items():
        static = peer.startswith("static")
        kind = "static" if static else "timed"
        cells = compared = differ = unequal = 0
        for window in ["static"] if static else WINDOWS:
            codes, theirs = _of_peer(folder, "none" if static else window, peer)
            places = [place[kind].get(f"{one}|{window}|{name}", -1) for one in codes]
            ours = _columns(made[kind], places)
            both = ours * (theirs != 0) if name in WHERE_STORED else ours
            cells += ours.nnz
            compared += both.nnz
            differ += _unequal(both, theirs)
            if not static:
                unequal += _unequal(ours, _as_matrix(plain[window], name, codes, ours.shape[0]))
        row = {"what": f"{name} beside {peer}: cells", "osler": compared, "differ": differ}
        table.append({**row, "bound": "other definition" if name in OTHERWISE else 0})
        if not static:
            what = f"{name} beside a plain group-by"
            table.append({"what": what, "osler": cells, "differ": unequal, "bound": 0})
    return table


def _of_peer(folder: Path, window: str, peer: str) -> tuple[list[str], sp.csc_array]:
    """Return the codes of MEDS-Tab's columns, and its matrix of one window and aggregation."""
    names = sorted(pl.read_parquet(folder / "out" / "metadata" / "codes.parquet")["code"])
    ending = f"/{peer}" if peer.startswith("static") else f"/{peer.partition('/')[0]}"
    codes = [one.removesuffix(ending) for one in names if one.endswith(ending)]
    saved = np.load(folder / "out" / "task" / "task_cache" / "train" / "0" / window / f"{peer}.npz")
    data, row, column = saved["array"]
    places = _rows_of_peer(folder)[row.astype(np.int64)], column.astype(np.int64)
    return codes, sp.csc_array((data, places), shape=tuple(saved["shape"]))


def _rows_of_peer(folder: Path) -> np.ndarray:
    """Return which of the rows asked for each row of MEDS-Tab's answer is."""
    asked = pl.read_parquet(folder / "labels" / "train" / "0.parquet").with_row_index("row")
    given = pl.read_parquet(folder / "out" / "task" / "labels" / "train" / "0.parquet")
    on = {"left_on": ["subject_id", "time"], "right_on": ["subject_id", "prediction_time"]}
    found = given.join(asked, **on, how="left", maintain_order="left")["row"]
    return found.to_numpy().astype(np.int64)


def _columns(values: sp.csc_array, places: Sequence[int]) -> sp.csc_array:
    """Return columns by place; -1 is an empty one."""
    wide = sp.csc_array(sp.hstack([values, sp.csc_array((values.shape[0], 1))]))
    return sp.csc_array(wide[:, np.asarray(places) % wide.shape[1]])


def _unequal(ours: sp.csc_array, theirs: sp.csc_array) -> int:
    """Count cells that differ by more than 32-bit rounding, an absent one being zero."""
    difference = abs(ours - theirs)
    allowed = SINGLE * (abs(ours) + abs(theirs))
    excess = (difference - allowed).tocoo()
    return int((excess.data > 0).sum())


def _plainly(folder: Path) -> dict[str, pl.DataFrame]:
    """Compute each window by one join and one group-by of Polars."""
    events = pl.read_parquet(folder / "data" / "train" / "0.parquet").drop_nulls("time")
    asked = pl.read_parquet(folder / "labels" / "train" / "0.parquet").with_row_index("row")
    both = asked.join(events, on="subject_id").filter(pl.col("time") <= pl.col("prediction_time"))
    value = pl.col("numeric_value").cast(pl.Float64)
    made = {}
    for window in WINDOWS:
        days = DAYS * 10 if window == "full" else int(window[:-1])
        inside = pl.col("time") > pl.col("prediction_time") - pl.duration(days=days)
        made[window] = (
            both.filter(inside)
            .group_by("row", "code")
            .agg(
                count=pl.len(),
                count_values=value.count(),
                sum=value.sum(),
                sum_sqd=(value * value).sum(),
                min=value.min(),
                max=value.max(),
            )
        )
    return made


def _as_matrix(frame: pl.DataFrame, name: str, codes: list[str], rows: int) -> sp.csc_array:
    frame = frame.drop_nulls(name).filter(pl.col("code").is_in(codes))
    place = {one: i for i, one in enumerate(codes)}
    column = frame["code"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    cells = frame[name].cast(pl.Float64).to_numpy()
    return sp.csc_array((cells, (frame["row"].to_numpy(), column)), shape=(rows, len(codes)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args()
    if given.child:
        _child(Path(given.child))
        return
    for row in run(given.rows):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
