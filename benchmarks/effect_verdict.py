"""Verdicts: false alarms, power, and whether what is recommended is worse than the constant.

False alarms and power: simulated studies with confounding, a curved outcome and 10 covariates.
The power is for effects whose standard deviation is half that of the outcome's noise, at 2,000
rows. No worse than the constant: outcomes with known effects (none, weak, strong; linear, curved,
stepped) are drawn onto the covariates of IHDP and ACIC 2016; recommended is the individual effect
where the verdict is "personalise" and else the average, compared by root mean squared error.
Environment: OSLER_BENCH_SEEDS (200 studies a row by default).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from benchmarks.effects.data import acic, ihdp
from osler.effect.heterogeneity import Heterogeneity, heterogeneity
from osler.effect.individual import learn
from osler.effect.nuisance import estimate
from osler.effect.problem import Problem
from osler.effect.verdict import PERSONALISE, judge

SEEDS = int(os.environ.get("OSLER_BENCH_SEEDS", "200"))
SETS = int(os.environ.get("OSLER_BENCH_SETS", "100"))
ROWS_OF_ACIC = 800
KINDS: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda a, b: a + 0.0 * b,
    "curved": lambda a, b: np.sin(1.5 * a) + 0.5 * b,
    "stepped": lambda a, b: (a > 0.3) * 1.0 - (b > 0) * 0.5,
}
SIZES = (0.0, 0.25, 0.5, 1.0)  # standard deviation of effects, in that of the noise


def run() -> list[dict[str, Any]]:
    """Return shares with their Monte-Carlo intervals."""
    rows = [
        _alarms("constant effect, n 500, penalised learners", 500, 0.0, "fast", SEEDS),
        _alarms("constant effect, n 500, default learners", 500, 0.0, "default", SEEDS),
        _alarms("constant effect, n 2,000, penalised learners", 2000, 0.0, "fast", SEEDS),
        _alarms("effects' SD half the noise's, n 2,000", 2000, 0.5, "default", SEEDS // 4),
    ]
    return [*rows, _no_worse()]


def study(seed: int, n: int, size: float) -> Problem:
    """Draw a confounded study whose effects have the given standard deviation."""
    rng = np.random.default_rng([seed, n, int(100 * size)])
    x = rng.normal(size=(n, 10))
    w = (rng.random(n) < 1 / (1 + np.exp(-0.8 * x[:, 0]))).astype(int)
    effect = 0.7 + size * (0.8 * x[:, 1] + 0.6 * np.sign(x[:, 2]))
    y = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] ** 2 + w * effect + rng.normal(size=n)
    return Problem.of(x, w, y)


def _tested(seed: int, n: int, size: float, learner: str) -> Heterogeneity:
    problem = study(seed, n, size)
    return heterogeneity(problem, estimate(problem, 0, learner))


def _alarms(what: str, n: int, size: float, learner: str, seeds: int) -> dict[str, Any]:
    found = [_tested(seed, n, size, learner) for seed in range(seeds)]
    share = float(np.mean([one.shown for one in found]))
    print(what, share, flush=True)
    detectable = [one.detectable_sd for one in found if one.detectable_sd is not None]
    return {
        "measure": f'"personalise": {what}',
        "studies": seeds,
        "share": _with_interval(share, seeds),
        "asked": "≤ 5 %" if size == 0 else "≥ 80 %",
        "detectable SD, median": float(np.median(detectable)),
    }


def _with_interval(share: float, count: int) -> str:
    """Return a share with Wilson's 95 % interval."""
    z2 = 1.96**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = 1.96 * np.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return f"{share:.1%} ({max(middle - half, 0):.1%} to {middle + half:.1%})"


def _no_worse() -> dict[str, Any]:
    frames = _covariates()
    results = [_one_set(seed, frames[seed % len(frames)]) for seed in range(SETS)]
    no_worse = float(np.mean([one["recommended"] <= one["constant"] + 1e-9 for one in results]))
    personal = float(np.mean([one["personalise"] for one in results]))
    print(no_worse, personal, flush=True)
    return {
        "measure": "recommended no worse than the constant, semi-synthetic "
        f"(personalised: {personal:.0%})",
        "studies": SETS,
        "share": _with_interval(no_worse, SETS),
        "asked": "≥ 95 %",
    }


def _covariates() -> list[pl.DataFrame]:
    rows = np.random.default_rng(0).choice(4802, ROWS_OF_ACIC, replace=False)
    return [ihdp(1).frame, acic(1).frame[np.sort(rows)]]


def _one_set(seed: int, frame: pl.DataFrame) -> dict[str, float]:
    rng = np.random.default_rng([seed, 7])
    numeric = frame.select(pl.selectors.numeric()).to_numpy().astype(float)
    numeric = numeric[:, numeric.std(axis=0) > 0]
    z = np.clip((numeric - numeric.mean(axis=0)) / numeric.std(axis=0), -3, 3)
    a, b, c = (z[:, one] for one in rng.choice(z.shape[1], 3, replace=False))
    kind = list(KINDS)[seed // len(SIZES) % len(KINDS)]
    effect = KINDS[kind](a, b)
    effect = 1.0 + SIZES[seed % len(SIZES)] * (effect - effect.mean()) / effect.std()
    w = (rng.random(len(z)) < 1 / (1 + np.exp(-0.7 * c - 0.3 * a))).astype(int)
    y = a + np.maximum(c, 0) + 0.5 * b + w * effect + rng.normal(size=len(z))
    problem = Problem.of(frame, w, y)
    nuisance = estimate(problem, 0)
    verdict = judge(problem, nuisance, 0)
    average = list(verdict.average.values())
    constant = average[0].value if average else 0.0
    personal = verdict.decision == PERSONALISE
    recommended = np.full(len(effect), constant)
    if personal:
        recommended = learn(problem, nuisance, 0).predict(problem.frame)

    def error(values: Any) -> float:
        return float(np.sqrt(np.mean((values - effect) ** 2)))

    return {
        "recommended": error(recommended),
        "constant": error(np.full(len(effect), constant)),
        "personalise": float(personal),
    }
