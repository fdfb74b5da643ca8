"""Individual effects: IHDP and ACIC 2016 beside causal forests and the X-learner.

PEHE is the root mean squared error of each person's effect. "Fitted" are the rows that were
learned from (their other outcome was not seen), "new" a fifth of the rows of IHDP, left out of a
second fit. Coverage and width are of 95 % intervals of the conditional effect. The constant is the
doubly robust average effect (within common support where everyone's cannot be told). Peers:
EconML's CausalForestDML and ForestDRLearner with 500 trees and the X-learner, all with boosted
nuisances, in an environment of their own. Development saw realisations 1 and 2 of IHDP and
simulations 1, 2 and 4 of ACIC 2016 only.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.effects.data import EffectSet, acic, ihdp, peers
from osler.effect import TreatmentEffect
from osler.errors import NotEstimable

OURS = "osler"
PEERS = ("causal forest", "DR forest", "X-learner")
CONSTANT = "constant"
SETS = range(1, 6)


def run() -> list[dict[str, Any]]:
    """Return PEHE, coverage, width and time on both collections."""
    rows: list[dict[str, Any]] = []
    for title, make, mean in (("IHDP", ihdp, np.median), ("ACIC 2016", acic, _geometric)):
        for part, split in (("fitted", False), ("new", True))[: 2 if make is ihdp else 1]:
            sets = [make(one, split) for one in SETS]
            ours = [_ours(one, part) for one in sets]
            answers = peers(sets)
            each = [
                _measured(one, mine, answers[one.name], part)
                for one, mine in zip(sets, ours, strict=True)
            ]
            rows += _rows(f"{title}, {part} rows", each, mean)
    return rows


def _geometric(values: Any) -> float:
    return float(np.exp(np.mean(np.log(np.maximum(values, 1e-6)))))


def _asked(one: EffectSet, part: str) -> Any:
    return one.new if part == "new" else one.fitted


def _ours(one: EffectSet, part: str) -> dict[str, dict[str, float]]:
    """Return osler's measures, and those of its average effect for everyone."""
    truth, rows = one.effect[_asked(one, part)], one.frame.filter(_asked(one, part))
    begun = time.process_time()
    model = TreatmentEffect(seed=0)
    model.fit(one.frame.filter(one.fitted), one.treatment[one.fitted], one.y[one.fitted])
    low, high = model.effect_interval(rows)
    effect = model.effect(rows)
    spent = time.process_time() - begun
    found = {**_against(truth, effect, low, high), "seconds": spent}
    print(one.name, part, {name: round(value, 3) for name, value in found.items()}, flush=True)
    return {OURS: found, CONSTANT: _against(truth, _constant(model, len(truth)), None, None)}


def _constant(model: TreatmentEffect, rows: int) -> Any:
    """Return the average for everyone, or that within common support where there is no other."""
    try:
        value = model.average_effect().value
    except NotEstimable:
        value = model.average_effect(population="common support").value
    return np.full(rows, value)


def _measured(
    one: EffectSet, ours: dict[str, dict[str, float]], answer: dict[str, Any], part: str
) -> dict[str, dict[str, float]]:
    """Return every model's measures on one set."""
    truth, found = one.effect[_asked(one, part)], dict(ours)
    for name in PEERS:
        ends = [answer.get(f"{name}|{part}|{end}") for end in ("low", "high")]
        found[name] = _against(truth, answer[f"{name}|{part}|effect"], *ends)
        if f"{name}|cpu" in answer:
            found[name]["seconds"] = float(answer[f"{name}|cpu"])
    return found


def _against(truth: Any, effect: Any, low: Any, high: Any) -> dict[str, float]:
    found = {
        "pehe": float(np.sqrt(np.mean((effect - truth) ** 2))),
        "relative": float(np.sqrt(np.mean((effect - truth) ** 2)) / max(truth.std(), 1e-12)),
    }
    if low is not None:
        found["coverage"] = float(np.mean((low <= truth) & (truth <= high)))
        found["width"] = float(np.mean(high - low))
    return found


def _rows(title: str, each: list[dict[str, dict[str, float]]], mean: Any) -> list[dict[str, Any]]:
    word = "median" if mean is np.median else "geometric mean"
    models = (OURS, *PEERS, CONSTANT)
    varies = [one for one in each if one[CONSTANT]["relative"] < 1e3]
    table = [
        (f"PEHE, {word}", each, "pehe", mean),
        ("PEHE / SD of the effect, median where it varies", varies, "relative", np.median),
        ("coverage of 95 % intervals, mean", each, "coverage", np.mean),
        ("width of the intervals, mean", each, "width", np.mean),
        ("processor seconds to fit and predict, mean", each, "seconds", np.mean),
    ]
    rows: list[dict[str, Any]] = [{"measure": f"**{title}**"}]
    for text, sets, key, summary in table:
        values = {
            name: float(summary([one[name][key] for one in sets]))
            for name in models
            if all(key in one[name] for one in sets)
        }
        rows.append({"measure": text, **values})
    for number, one in enumerate(each, start=1):
        shown = {name: one[name]["pehe"] for name in models}
        rows.append({"measure": f"PEHE, set {number}", **shown})
        rows.append(
            {
                "measure": f"coverage, set {number}",
                **{name: one[name]["coverage"] for name in models if "coverage" in one[name]},
            }
        )
    return rows
