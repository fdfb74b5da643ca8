"""Absolute effects by the risk that people have without treatment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from osler.effect.average import FEWEST_IN_GROUP, by_group
from osler.effect.nuisance import Nuisance, estimate
from osler.effect.problem import RISK, TIME_TO_EVENT, Problem
from osler.effect.scores import doubly_robust
from osler.learn.losses import Floats, Ints
from osler.model.estimate import Estimate

NAMES = ("lowest", "second", "third", "highest")
ANY_CAUSE = "any cause"


@dataclass(frozen=True)
class RiskQuarter:
    """The average effect among a quarter of people by expected outcome under the reference.

    Parameters
    ----------
    name
        ``"lowest"``, ``"second"``, ``"third"``, ``"highest"`` expected outcome.
    arm
        Label of the arm that is compared with the reference.
    n
        Rows in it.
    baseline
        Mean outcome under the reference.
    effect
        Average effect, arm minus reference.
    any_cause
        For the risk of one of several competing causes: the effect on the risk of any of them.
    """

    name: str
    arm: str
    n: int
    baseline: Estimate
    effect: Estimate
    any_cause: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "arm": self.arm,
            "n": self.n,
            "baseline": self.baseline.to_json(),
            "effect": self.effect.to_json(),
            "any_cause": None if self.any_cause is None else self.any_cause.to_json(),
        }


def by_baseline_risk(
    problem: Problem, nuisance: Nuisance, seed: int = 0, level: float = 0.95
) -> tuple[RiskQuarter, ...]:
    """Return absolute effects in quarters of the expected outcome under the reference.

    A constant relative effect still gives different people different gains. Each row's expected
    outcome comes from models that did not see it, so that the quarters are no artefact of its own
    outcome. Of two or more causes of an event, the effect on any of them stands beside.

    References
    ----------
    Kent et al. 2020, Annals of Internal Medicine 172:35-45, doi:10.7326/M18-3667 (PATH); Abadie,
    Chingos & West 2018, Rev Econ Stat 100:567-580 (why the own outcome must not be used).
    """
    quarter = _quarters(nuisance.outcome[:, problem.reference])
    names = np.array(NAMES)[quarter]
    scores = doubly_robust(problem, nuisance)
    everyone = _any_cause(problem, seed)
    rows: list[RiskQuarter] = []
    for arm in range(problem.arms):
        if arm == problem.reference:
            continue
        effect = by_group(scores, names, problem, arm, level=level)
        total = (
            None
            if everyone is None
            else by_group(everyone[1], names, everyone[0], arm, level=level)
        )
        rows += [
            RiskQuarter(
                name, problem.labels[arm], int(np.sum(names == name)),
                _baseline(scores[names == name, problem.reference], problem, level),
                effect[name], None if total is None else total[name],
            )
            for name in NAMES if name in effect
        ]  # fmt: skip
    return tuple(rows)


def _quarters(expected: Floats) -> Ints:
    edges = np.quantile(expected, [0.25, 0.5, 0.75])
    return np.searchsorted(edges, expected, side="left").astype(np.int64)


def _any_cause(problem: Problem, seed: int) -> tuple[Problem, Floats] | None:
    one_of_several = problem.kind == TIME_TO_EVENT and problem.measure == RISK
    if not one_of_several or problem.cause is None or problem.survival.causes < 2:
        return None
    everyone = replace(problem, cause=None)
    return everyone, doubly_robust(everyone, estimate(everyone, seed))


def _baseline(score: Floats, problem: Problem, level: float) -> Estimate:
    """Return the mean of the reference's scores, with a normal interval."""
    from scipy.special import ndtri

    value = float(score.mean())
    half = float(ndtri(0.5 + level / 2) * score.std() / np.sqrt(len(score)))
    if len(score) < FEWEST_IN_GROUP:
        value = half = float("nan")
    text = f"mean outcome, had all been treated with {problem.labels[problem.reference]}"
    return Estimate(value, value - half, value + half, level, len(score), text)
