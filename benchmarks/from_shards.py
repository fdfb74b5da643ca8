"""Peak memory of a fit from parts beside one with all rows in memory.

Drawn rows (seeded) of 50 columns, made part by part; `Risk` with default settings but for trees
that stop at 60 rounds, which memory does not depend on. Each fit runs in a process of its own, of
which the greatest resident memory is told, less what it was before the first row.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

COLUMNS, PART, ROUNDS, JUDGED = 50, 100_000, 60, 50_000
CASES = (("in memory", 1_000_000), ("from parts", 1_000_000), ("from parts", 5_000_000))


def run() -> list[dict[str, Any]]:
    """Return one row per way and number of rows."""
    rows = []
    for how, count in CASES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.from_shards", how, str(count)],
            capture_output=True,
            check=True,
            text=True,
        )
        rows.append(json.loads(done.stdout))
    return rows


def _part(number: int, rows: int = PART) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(number)
    X = rng.normal(size=(rows, COLUMNS))
    score = X[:, 0] + X[:, 1] * (X[:, 2] > 0) - 0.5 * X[:, 3] ** 2
    return X, (rng.random(rows) < 1 / (1 + np.exp(1 - score))).astype(int)


def _one(how: str, rows: int) -> dict[str, Any]:
    import resource
    import time

    import numpy as np

    from osler.learn import boosting
    from osler.predict import Risk

    boosting.MOST_ROUNDS = ROUNDS
    numbers = range(rows // PART)

    def parts() -> Iterator[tuple[Any, Any]]:
        return (_part(number) for number in numbers)

    before = _peak(resource)
    begun = time.perf_counter()
    if how == "from parts":
        model = Risk(seed=0).fit_shards(parts)
    else:
        X = np.empty((rows, COLUMNS))
        y = np.empty(rows, dtype=np.int64)
        for number, (some, label) in enumerate(parts()):
            X[number * PART : (number + 1) * PART], y[number * PART : (number + 1) * PART] = (
                some,
                label,
            )
        model = Risk(seed=0).fit(X, y)
    took, peak = time.perf_counter() - begun, _peak(resource) - before
    new, truth = _part(10_000, JUDGED)
    chance = model.predict_proba(new)[:, 1]
    loss = -np.mean(np.log(np.where(truth == 1, chance, 1 - chance)))
    return {
        "rows": f"{rows:,}",
        "way": how,
        "columns as 8-byte numbers, GB": rows * COLUMNS * 8 / 1e9,
        "peak memory, GB": peak,
        "s": took,
        "log loss of new rows": f"{loss:.4f}",
    }


def _peak(resource: Any) -> float:
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1e6


if __name__ == "__main__":
    print(json.dumps(_one(sys.argv[1], int(sys.argv[2]))))
