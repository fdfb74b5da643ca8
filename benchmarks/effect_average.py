"""Average effects: simulated designs, and trials and cohorts with published answers.

The simulated designs have known truths; every seed draws new people. `SEEDS` says how many seeds
run (environment variable OSLER_BENCH_SEEDS; 1,000 by default). Coverage comes with its
Monte-Carlo interval, bias with its Monte-Carlo standard error.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from osler.effect.average import average, by_group
from osler.effect.checks.overlap import overlap
from osler.effect.hazard import hazard_ratios
from osler.effect.nuisance import estimate
from osler.effect.problem import Problem
from osler.effect.scores import doubly_robust

SEEDS = int(os.environ.get("OSLER_BENCH_SEEDS", "1000"))
WORKERS = int(os.environ.get("OSLER_BENCH_WORKERS", "2"))
TRUTH_ROWS = 2_000_000
HORIZON = 5.0
PEER_PACKAGES = ("doubleml==0.11.4",)
PEER_SEEDS = min(SEEDS, 200)
PEER_DESIGNS = (1, 3, 5, 7)
PUBLISHED_HAZARD_RATIOS = {"1": 0.50, "2": 0.53, "3": 0.59}  # Hammer et al. 1996, NEJM 335:1081

Draw = tuple[np.ndarray, np.ndarray, Any, np.ndarray]


@dataclass(frozen=True)
class Design:
    """A way to draw people, treatments and outcomes, and the outcome's two expectations."""

    name: str
    n: int
    kind: str
    draw: Callable[[np.random.Generator, int], Draw]
    measure: str = "risk"
    randomised: bool = False
    per_subject: int = 1


def expit(x: np.ndarray) -> np.ndarray:
    """Return the logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


def people(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return four numbers, two of them correlated, and two truths."""
    x = rng.normal(size=(n, 6))
    x[:, 4:] = x[:, 4:] > 0
    x[:, 1] = 0.4 * x[:, 0] + math.sqrt(1 - 0.16) * x[:, 1]
    return x


def continuous(strength: float, curved: bool = False, lot: bool = False) -> Callable[..., Draw]:
    """Return a design with a number as outcome; the effect and the noise differ by person."""

    def draw(rng: np.random.Generator, n: int) -> Draw:
        x = people(rng, n)
        drive = np.zeros(n) if lot else strength * (0.7 * x[:, 0] + 0.4 * x[:, 1] - 0.3 * x[:, 4])
        arm = (rng.random(n) < expit(drive)).astype(int)
        base = x[:, 0] + 0.5 * x[:, 2] + 0.3 * x[:, 4]
        base = base + (0.6 * np.cos(2 * x[:, 1]) if curved else 0.5 * x[:, 1])
        effect = 1.0 + 0.5 * x[:, 0] - 0.5 * x[:, 5]
        y = base + effect * arm + rng.normal(size=n) * (1.0 + 0.3 * x[:, 4])
        return x, arm, y, effect

    return draw


def binary(strength: float, level: float) -> Callable[..., Draw]:
    """Return a design with an event as outcome; `level` is the log odds of the average person."""

    def draw(rng: np.random.Generator, n: int) -> Draw:
        x = people(rng, n)
        drive = strength * (0.7 * x[:, 0] + 0.4 * x[:, 1] - 0.3 * x[:, 4])
        arm = (rng.random(n) < expit(drive)).astype(int)
        base = level + 0.6 * x[:, 0] + 0.4 * x[:, 2]
        risk = [expit(base), expit(base - 0.5 + 0.4 * x[:, 5])]
        y = (rng.random(n) < np.where(arm == 1, risk[1], risk[0])).astype(float)
        return x, arm, y, risk[1] - risk[0]

    return draw


def competing(strength: float, lost: float, measure: str) -> Callable[..., Draw]:
    """Exponential hazards of two causes; loss from sight depends on covariates and arm."""

    def draw(rng: np.random.Generator, n: int) -> Draw:
        x = people(rng, n)
        drive = strength * (0.7 * x[:, 0] + 0.4 * x[:, 1] - 0.3 * x[:, 4])
        arm = (rng.random(n) < expit(drive)).astype(int)

        def hazards(a: Any) -> tuple[np.ndarray, np.ndarray]:
            first = 0.1 * np.exp(0.6 * x[:, 0] - (0.6 + 0.3 * x[:, 5]) * a)
            return first, 0.05 * np.exp(0.4 * x[:, 1] + 0.2 * a)

        def expected(a: int) -> np.ndarray:
            first, second = hazards(a)
            gone = 1 - np.exp(-HORIZON * (first + second))
            return gone / (first + second) * (first if measure == "risk" else 1.0)

        first, second = hazards(arm)
        time = rng.exponential(1 / (first + second))
        cause = np.where(rng.random(n) < first / (first + second), 1, 2)
        end = rng.exponential(1 / (lost * np.exp(0.4 * x[:, 0] - 0.4 * arm)))
        y = np.zeros(n, dtype=[("event", int), ("time", float)])
        y["event"], y["time"] = np.where(time <= end, cause, 0), np.minimum(time, end)
        return x, arm, y, expected(1) - expected(0)

    return draw


DESIGNS = (
    Design("mean, trial", 500, "continuous", continuous(0, lot=True), randomised=True),
    Design("mean, good overlap", 500, "continuous", continuous(1.0)),
    Design("mean, good overlap, curved", 2000, "continuous", continuous(1.0, curved=True)),
    Design("mean, poor overlap", 2000, "continuous", continuous(2.0)),
    Design("mean, two rows a subject", 1000, "continuous", continuous(1.0), per_subject=2),
    Design("risk, good overlap", 1000, "binary", binary(1.0, -0.5)),
    Design("risk, rare, good overlap", 5000, "binary", binary(1.0, -3.0)),
    Design("risk, poor overlap", 2000, "binary", binary(2.0, -0.5)),
    Design("risk by horizon, two causes", 1000, "time-to-event", competing(1.0, 0.06, "risk")),
    Design("risk by horizon, poor overlap", 2000, "time-to-event", competing(1.7, 0.06, "risk")),
    Design(
        "time to horizon, two causes", 1000, "time-to-event", competing(1.0, 0.06, "rmst"), "rmst"
    ),
)


@cache
def truths(number: int) -> tuple[float, float]:
    """Return the average effect of everyone and of the group, from two million people."""
    x, _, _, effect = DESIGNS[number].draw(np.random.default_rng(987), TRUTH_ROWS)
    return float(effect.mean()), float(effect[x[:, 5] > 0].mean())


def drawn(design: Design, seed: int) -> tuple[np.ndarray, np.ndarray, Any, Any]:
    """Draw the rows of one seed; subjects with several rows share their person's noise."""
    rng = np.random.default_rng([seed, design.n])
    x, arm, y, _ = design.draw(rng, design.n // design.per_subject)
    if design.per_subject == 1:
        return x, arm, y, None
    rows = np.repeat(np.arange(len(x)), design.per_subject)
    return x[rows], arm[rows], y[rows] + 0.5 * rng.normal(size=len(rows)), rows


def once(task: tuple[int, int]) -> list[float] | None:
    """Return estimate and interval of everyone and of the group; None where it is refused."""
    number, seed = task
    design = DESIGNS[number]
    x, arm, y, subject = drawn(design, seed)
    problem = Problem.of(
        x, arm, y, outcome=design.kind, randomised=design.randomised, cluster=subject,
        horizon=HORIZON if design.kind == "time-to-event" else None, measure=design.measure,
    )  # fmt: skip
    nuisance = estimate(problem, seed, "fast")
    if not overlap(problem, nuisance.propensity).sufficient:
        return None
    scores = doubly_robust(problem, nuisance)
    whole = average(scores, problem, 1, nuisance=nuisance)
    group = by_group(scores, x[:, 5] > 0, problem, 1, nuisance=nuisance)["True"]
    return [whole.value, whole.low, whole.high, group.value, group.low, group.high]


def wilson(hits: int, n: int) -> str:
    """Return a share with its 95 % Wilson interval."""
    p, z = hits / n, 1.96
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{p:.3f} ({middle - half:.3f} to {middle + half:.3f})"


def summary(number: int, results: list[list[float] | None]) -> list[dict[str, Any]]:
    """Return coverage, bias and width of one design, for everyone and for the group."""
    found = np.array([one for one in results if one is not None])
    design, rows = DESIGNS[number], []
    for what, at, truth in zip(("everyone", "a group"), (0, 3), truths(number), strict=True):
        if at >= found.shape[1]:
            continue
        value, low, high = found[:, at], found[:, at + 1], found[:, at + 2]
        hits = int(np.sum((low <= truth) & (truth <= high)))
        bias, error = value.mean() - truth, value.std(ddof=1) / math.sqrt(len(value))
        rows.append(
            {
                "design": design.name,
                "n": design.n,
                "of": what,
                "seeds": len(results),
                "refused": len(results) - len(found),
                "truth": f"{truth:.4f}",
                "coverage of 95 % intervals": wilson(hits, len(found)),
                "bias": f"{bias:+.4f} ± {error:.4f}",
                "bias / its Monte-Carlo error": f"{bias / error:+.1f}",
                "mean width": f"{np.mean(high - low):.3f}",
                "told error / true": f"{np.mean(high - low) / 3.92 / value.std(ddof=1):.2f}",
            }
        )
    return rows


def simulated(seeds: int = SEEDS) -> list[dict[str, Any]]:
    """Run every design over the seeds."""
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(WORKERS) as pool:
        for number in range(len(DESIGNS)):
            tasks = [(number, seed) for seed in range(seeds)]
            rows += summary(number, list(pool.map(once, tasks, chunksize=10)))
            print(rows[-2], rows[-1], sep="\n", flush=True)
    return rows


def actg175(folder: Path) -> list[dict[str, Any]]:
    """Hazard ratios against zidovudine, and risk differences at two years."""
    table = pl.read_csv(folder / "actg175" / "ACTG175.csv", infer_schema_length=None)
    y = np.zeros(table.height, dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = table["cens"], table["days"]
    known = ["age", "wtkg", "hemo", "homo", "drugs", "karnof", "oprior", "preanti", "race",
             "gender", "str2", "symptom", "cd40", "cd80"]  # fmt: skip
    problem = Problem.of(
        table.select(known), table["arms"], y, outcome="time-to-event", horizon=730.0,
        randomised=True,
    )  # fmt: skip
    scores = doubly_robust(problem, estimate(problem, 0))
    names = {"1": "zidovudine + didanosine", "2": "zidovudine + zalcitabine", "3": "didanosine"}
    rows = []
    for label, ratio in hazard_ratios(problem).items():
        risk = average(scores, problem, problem.labels.index(label))
        rows.append(
            {
                "design": f"ACTG175, {names[label]} against zidovudine",
                "n": table.height,
                "of": "everyone",
                "hazard ratio": str(ratio),
                "published": PUBLISHED_HAZARD_RATIOS[label],
                "risk difference at 730 days": str(risk),
            }
        )
    return rows


def nhefs(folder: Path) -> list[dict[str, Any]]:
    """Weight gain after stopping to smoke."""
    table = pl.read_csv(folder / "nhefs" / "NHEFS.csv", infer_schema_length=None)
    table = table.filter(pl.col("wt82_71").is_not_null())
    known = table.select(
        "sex", "race", "age", pl.col("school", "exercise", "active").cast(pl.String),
        "smokeintensity", "smokeyrs", "wt71",
    )  # fmt: skip
    rows = []
    for learner in ("default", "fast"):
        problem = Problem.of(known, table["qsmk"], table["wt82_71"].to_numpy())
        scores = doubly_robust(problem, estimate(problem, 0, learner))
        rows.append(
            {
                "design": f"NHEFS, kg gained by stopping to smoke ({learner} learners)",
                "n": problem.rows,
                "of": "everyone",
                "estimate": str(average(scores, problem, 1)),
                "published": "3.4 (2.4 to 4.5)",
            }
        )
    return rows


def beside_doubleml(seeds: int = PEER_SEEDS) -> list[dict[str, Any]]:
    """Run DoubleML's interactive regression model on the first seeds of four designs."""
    work = Path(__file__).parent / "work" / "effect_averages"
    work.mkdir(parents=True, exist_ok=True)
    for number in PEER_DESIGNS:
        place = work / f"design-{number}-{seeds}.npz"
        if not place.exists():
            tables = [drawn(DESIGNS[number], seed) for seed in range(seeds)]
            x, a, y = (np.stack([one[part] for one in tables]) for part in range(3))
            np.savez(place, x=x, a=a, y=y, binary=DESIGNS[number].kind == "binary")
    script = Path(__file__).parent / "effects" / "peer_averages.py"
    subprocess.run(
        [str(peers_python()), str(script), str(work)],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    rows = []
    for number in PEER_DESIGNS:
        ours = [once((number, seed)) for seed in range(seeds)]
        theirs = np.load(work / f"design-{number}-{seeds}.peers.npz")["answers"].tolist()
        for name, found in (("osler", ours), ("DoubleML", theirs)):
            first = summary(number, found)[0]
            rows.append({**first, "design": f"{first['design']}: {name}"})
    return rows


def peers_python() -> Path:
    """Return the interpreter of the peer's environment, made on first use."""
    given = os.environ.get("OSLER_AVERAGE_PEERS_PYTHON")
    if given:
        return Path(given)
    home = Path(__file__).parent / "work" / "average_peers"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEER_PACKAGES], check=True)
    return python


def run() -> list[dict[str, Any]]:
    """Return the rows of the table."""
    rows = simulated() + beside_doubleml()
    data = os.environ.get("OSLER_DATA")
    if data is None:
        print("OSLER_DATA is not set: ACTG175 and NHEFS are left out")
        return rows
    return rows + actg175(Path(data) / "clinical") + nhefs(Path(data) / "clinical")


if __name__ == "__main__":
    run()
