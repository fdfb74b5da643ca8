"""Watching a model and retraining it on outcomes that it changes itself.

Monitoring: labels drawn from the predictions themselves (nothing changes), or with their logits
doubled or halved from some label on. Retraining: people with five signs; a model learned on
untreated people is put to use, those of high predicted risk get a treatment that prevents nearly
all events, and the model is learned anew on what was then seen. Discrimination is that of the
outcome without treatment. After Lenert, Matheny & Walsh 2019, J Am Med Inform Assoc 26:1645-1650,
and Adam et al. 2020, Proc Mach Learn Res 126:710-731.

Run: python -m benchmarks learning (OSLER_SEEDS for fewer seeds)
"""

from __future__ import annotations

import os
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from osler.evaluate import binary
from osler.evaluate.monitoring import Monitor
from osler.predict import Risk

SEEDS, LABELS = 500, 100_000
FINDING_SEEDS, FEEDBACK_SEEDS = 100, 20
PEOPLE = 4000
ACTED_ON, PREVENTED, SILENT = 0.5, 0.97, 0.1
ROUNDS = 3

Floats = NDArray[np.float64]


def run(seeds: int | None = None) -> list[dict[str, Any]]:
    """Return rows of the table."""
    given = seeds or int(os.environ.get("OSLER_SEEDS", SEEDS))
    return [
        *_alarms(given),
        *_found(min(given, FINDING_SEEDS)),
        *_fed_back(min(given, FEEDBACK_SEEDS)),
    ]


def _labels(
    seed: int, n: int, change: int | None = None, slope: float = 1.0
) -> tuple[Floats, Floats, Any]:
    random = np.random.default_rng(seed)
    place = random.normal(-1, 1, n)
    true = place.copy()
    if change is not None:
        true[change:] *= slope
    y = (random.random(n) < expit(true)).astype(np.float64)
    return y, expit(place), random.choice(["a", "b", "c"], n)


def _auroc() -> float:
    """Return the AUROC of predictions that are right, in this population."""
    place = np.random.default_rng(0).normal(-1, 1, 1_000_000)
    p = np.sort(expit(place))
    below = np.concatenate([[0.0], np.cumsum(1 - p)])[:-1]
    return float(p @ below / (p.sum() * (1 - p).sum()))


def _alarms(seeds: int) -> list[dict[str, Any]]:
    auroc, raised = _auroc(), 0
    for seed in range(seeds):
        y, p, group = _labels(seed, LABELS)
        monitor = Monitor(auroc, ("a", "b", "c")).watch(y, p, groups=group)
        raised += bool(monitor.alarms)
    what = f"{LABELS:,} labels, nothing changes, {seeds} seeds: share with any alarm"
    return [{"what": what, "value": raised / seeds, "bound": "≤ 0.05"}]


def _found(seeds: int) -> list[dict[str, Any]]:
    auroc, rows = _auroc(), []
    for slope in (2.0, 0.5):
        for change in (0, 5_000, 50_000):
            took = []
            for seed in range(seeds):
                y, p, group = _labels(10_000 + seed, change + 5_000, change, slope)
                alarms = Monitor(auroc, ("a", "b", "c")).watch(y, p, groups=group).alarms
                late = [one.alarm_at for one in alarms if (one.alarm_at or 0) > change]
                took.append(min(late) - change if late else np.inf)
            when = f"slope {slope:g} from label {change:,} on, {seeds} seeds"
            what = f"{when}: labels until found, median"
            rows.append({"what": what, "value": median(took), "bound": "≤ 2000"})
    return rows


def _people(random: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Return signs and the risk without treatment."""
    x = random.normal(size=(n, 5))
    return x, expit(-1.2 + x @ np.array([0.6, 0.5, 0.3, 0.2, 0.0]))


def _fed_back(seeds: int) -> list[dict[str, Any]]:
    told: dict[str, list[float]] = {"first": [], "naive": [], "unacted": []}
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        x, risk = _people(random, PEOPLE)
        first = Risk(seed=seed).fit(x, _drawn(random, risk))
        told["first"].append(_against_truth(first, seed))
        for name in ("naive", "unacted"):
            model = first
            for _ in range(ROUNDS):
                model = _retrained(model, random, seed, naive=name == "naive")
            told[name].append(_against_truth(model, seed))
    words = {
        "first": ("AUROC of the model before use", ""),
        "naive": (f"learned anew on all outcomes, {ROUNDS} times", ""),
        "unacted": (
            f"learned anew on those not acted on, {SILENT:.0%} silent, {ROUNDS} times", "≥ 0.67",
        ),
    }  # fmt: skip
    return [
        {
            "what": f"feedback, {seeds} seeds: {text}",
            "value": float(np.mean(told[key])),
            "bound": bound,
        }
        for key, (text, bound) in words.items()
    ]


def _drawn(random: np.random.Generator, risk: Floats) -> Floats:
    return (random.random(len(risk)) < risk).astype(np.float64)


def _retrained(model: Risk, random: np.random.Generator, seed: int, *, naive: bool) -> Risk:
    """Use a model for a while, and learn anew from what was then seen."""
    x, risk = _people(random, PEOPLE)
    said = model.predict_proba(x)[:, 1]
    silent = np.zeros(PEOPLE, dtype=bool) if naive else random.random(PEOPLE) < SILENT
    acted = (said >= np.quantile(said, 1 - ACTED_ON)) & ~silent
    y = _drawn(random, np.where(acted, risk * (1 - PREVENTED), risk))
    kept = np.ones(PEOPLE, dtype=bool) if naive else ~acted
    return Risk(seed=seed).fit(x[kept], y[kept])


def _against_truth(model: Risk, seed: int) -> float:
    random = np.random.default_rng(1_000_000 + seed)
    x, risk = _people(random, 20_000)
    return binary(_drawn(random, risk), model.predict_proba(x)[:, 1], bootstrap=0)["auroc"].value
