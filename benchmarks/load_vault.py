"""Load 20 million events of 50,000 subjects into a vault: time, memory, and what encryption costs.

The load runs in a process of its own, with and without encryption in turn; the parts that differ
are only the encryption and decryption of Parquet. Run: python benchmarks/load_vault.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from osler.vault import Actor, Kdf, Key, Vault, frames
from synthetic import write_meds

ROWS = 20_000_000
SUBJECTS = 50_000
REPEATS = 2
ACTOR = Actor("benchmark", "benchmark")


def run(rows: int = ROWS, subjects: int = SUBJECTS) -> list[dict[str, Any]]:
    """Return rows of the table: what was measured, its value and the bound."""
    with tempfile.TemporaryDirectory() as folder:
        source = write_meds(Path(folder) / "meds", rows, subjects)
        runs: dict[str, list[dict[str, float]]] = {"encrypted": [], "plain": []}
        for number in range(REPEATS):
            for how, measured in runs.items():
                measured.append(_in_process(source, Path(folder) / f"{how}-{number}", how))
    encrypted = min(runs["encrypted"], key=lambda one: one["load_s"])
    # Processor time: on a machine that does other work too, elapsed time tells that work.
    cpu_s = {how: min(one["load_cpu_s"] for one in measured) for how, measured in runs.items()}
    share = 1 - cpu_s["plain"] / cpu_s["encrypted"]
    scale = f"{rows / 1e6:g} M events, {subjects:,} subjects"
    return [
        {"what": f"load {scale}: seconds", "value": encrypted["load_s"], "bound": 90.0},
        {"what": "load: peak memory, GB", "value": encrypted["peak_gb"], "bound": 4.0},
        {"what": "load: share of encryption (processor time)", "value": share, "bound": 0.15},
        {"what": "read all shards, codes as categories: seconds", "value": encrypted["read_s"]},
        {"what": "read all shards unencrypted: seconds", "value": runs["plain"][-1]["read_s"]},
        {"what": "verify: seconds", "value": encrypted["verify_s"]},
        {"what": "one subject: seconds", "value": encrypted["subject_s"]},
        {"what": "vault on disk, GB", "value": encrypted["disk_gb"]},
    ]


def _in_process(source: Path, vault: Path, how: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", str(source), str(vault), how]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _child(source: Path, path: Path, how: str) -> dict[str, float]:
    if how == "plain":
        frames.create_encryption_properties = lambda *_, **__: None
        frames.create_decryption_properties = lambda *_, **__: None
    key, heads = Key.from_passphrase("benchmark"), path.with_name(f"{path.name}-heads")
    vault = Vault.init(path, key, actor=ACTOR, head_folder=heads, kdf=Kdf(passes=1))
    codes = pl.read_parquet(source / "metadata" / "codes.parquet")
    started, started_cpu = time.perf_counter(), time.process_time()
    with vault.loading("benchmark", "00" * 32) as load:
        for file in sorted((source / "data").rglob("*.parquet")):
            load.append(pl.read_parquet(file), codes)
    load_s, load_cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
    peak_gb = _peak_gb()
    with vault.act("benchmark"):
        read_s = _timed(lambda: [_read(vault, shard) for shard in vault.shard_ids()])
        subject = int(vault.subject_ids()[vault.info().subjects // 2])
        subject_s = _timed(lambda: vault.subject_events(subject))
    return {
        "load_s": load_s,
        "load_cpu_s": load_cpu_s,
        "peak_gb": peak_gb,
        "read_s": read_s,
        "subject_s": subject_s,
        "verify_s": _timed(vault.verify),
        "disk_gb": vault.info().bytes / 1e9,
    }


def _read(vault: Vault, shard: int) -> None:
    columns = ["subject_id", "time", "code", "numeric_value"]
    vault.shard_events(shard, columns=columns, categorical_codes=True)


def _timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _peak_gb() -> float:
    """Return the most memory this process has had, as Linux tells it."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(_child(Path(given.child[0]), Path(given.child[1]), given.child[2])))
        return
    for row in run(given.rows, given.subjects):
        bound = f"  (at most {row['bound']:g})" if "bound" in row else ""
        print(f"{row['what']:<50} {row['value']:8.3f}{bound}")


if __name__ == "__main__":
    main()
