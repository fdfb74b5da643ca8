"""Whether these data support choosing the treatment person by person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from osler.effect.average import average
from osler.effect.baseline_risk import RiskQuarter, by_baseline_risk
from osler.effect.checks.overlap import Overlap, overlap
from osler.effect.heterogeneity import POWER, Heterogeneity, heterogeneity
from osler.effect.nuisance import Nuisance
from osler.effect.problem import Problem
from osler.effect.scores import doubly_robust
from osler.model.estimate import Estimate

PERSONALISE = "personalise"
AVERAGE_ONLY = "average only"
INSUFFICIENT_OVERLAP = "insufficient overlap"


@dataclass(frozen=True)
class Verdict:
    """What the data support, with all it rests on.

    Parameters
    ----------
    decision
        ``"personalise"``, ``"average only"`` or ``"insufficient overlap"``. Average only means
        that differences between people were not shown, never that there are none.
    overlap
        How far the arms share their people.
    heterogeneity
        The pre-specified test, and the smallest difference between people it could have seen.
    average
        Average effect of every arm against the reference, by label; empty without overlap.
    by_baseline_risk
        Absolute effects in quarters of baseline risk; empty without overlap.
    better
        Whether ``"lower"`` or ``"higher"`` outcomes are to be wished for.
    """

    decision: str
    overlap: Overlap
    heterogeneity: Heterogeneity
    average: dict[str, Estimate]
    by_baseline_risk: tuple[RiskQuarter, ...]
    better: str

    def __str__(self) -> str:
        """Return it as one sentence."""
        if self.decision == INSUFFICIENT_OVERLAP:
            return (
                "Insufficient overlap: the arms do not share their people enough to compare them "
                f"({self.overlap.outside:.0%} of rows are outside common support)."
            )
        if self.decision == PERSONALISE:
            return (
                "Personalise: people differ in what the treatment does to them, as held-out rows "
                f"show (p = {self.heterogeneity.p:.2g}; {self.better} outcomes are better)."
            )
        return (
            "Average only: these data do not show that people differ in what the treatment does "
            f"to them (p = {self.heterogeneity.p:.2g}), which does not mean that they do not: "
            f"{self._detectable()}."
        )

    def _detectable(self) -> str:
        size = self.heterogeneity.detectable_sd
        if size is None:
            return "no difference of any plausible size would have been seen"
        return (
            f"a standard deviation of effects under {size:.2g} would have been missed in more "
            f"than {1 - POWER:.0%} of cases"
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "decision": self.decision,
            "sentence": str(self),
            "overlap": self.overlap.to_json(),
            "heterogeneity": self.heterogeneity.to_json(),
            "average": {label: one.to_json() for label, one in self.average.items()},
            "by_baseline_risk": [one.to_json() for one in self.by_baseline_risk],
            "better": self.better,
        }


def judge(problem: Problem, nuisance: Nuisance, seed: int = 0) -> Verdict:
    """Judge overlap first, then whether held-out rows show that people differ.

    Both tests, their level (0.01 together) and their learners are fixed; nothing about them
    depends on the outcome.
    """
    found = overlap(problem, nuisance.propensity)
    tested = heterogeneity(problem, nuisance, seed)
    if not found.sufficient:
        return Verdict(INSUFFICIENT_OVERLAP, found, tested, {}, (), problem.better)
    scores = doubly_robust(problem, nuisance)
    others = [one for one in range(problem.arms) if one != problem.reference]
    return Verdict(
        PERSONALISE if tested.shown else AVERAGE_ONLY,
        found,
        tested,
        {problem.labels[arm]: average(scores, problem, arm) for arm in others},
        by_baseline_risk(problem, nuisance, seed),
        problem.better,
    )
