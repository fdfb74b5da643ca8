"""The demo: from an empty folder to a study report and three patients' reports."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DAY_OF_TEN_YEARS = "3652d"


def run() -> list[dict[str, Any]]:
    """Return rows of the table: what was measured, its value and the bound."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "demo"
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "osler", "demo", "--out", str(out)], check=True)
        seconds = time.perf_counter() - began
        peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        results = json.loads((out / "study" / "results.json").read_text("utf-8"))
    metrics = results["metrics"][results["selected"]]
    rows = [
        {"measure": "wall time, s", "value": seconds, "bound": "≤ 180"},
        {"measure": "peak memory, GB", "value": peak_gb, "bound": "≤ 4"},
    ]
    for key, label, bound in (
        ("uno_c", "Uno's C, others' deaths compete", ""),
        ("uno_c_cause_specific", "Uno's C, others' deaths censored", ""),
        (f"calibration_slope_{DAY_OF_TEN_YEARS}", "calibration slope, 10 years", "0.9 to 1.1"),
    ):
        rows.append({"measure": label, "value": _estimate(metrics[key]), "bound": bound})
    rows += [
        {"measure": one["what"], "value": _estimate(one), "bound": "interval above 0"}
        for one in results["comparisons"]
    ]
    return rows


def _estimate(one: dict[str, Any]) -> str:
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
