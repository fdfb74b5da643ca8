"""Positivity: whether people alike could have had any of the arms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.effect.checks.decided import Decided, decided, without_an_arm
from osler.effect.problem import Problem
from osler.learn.losses import Bools, Floats

MOST_OUTSIDE = 0.2
FEWEST_EFFECTIVE = 10.0
MOST_DECIDED = 0.05
MOST_DECIDED_END = 0.15  # an end is the longest of many, and long by chance more easily
NEAR_CERTAIN = 0.5


@dataclass(frozen=True)
class Overlap:
    """How far the arms share their people.

    Parameters
    ----------
    outside
        Share of rows for which some arm's chance is under `limit`: outside common support.
    outside_by_arm
        The same for each arm, by label.
    limit
        The chance of an arm under which a row counts as outside.
    effective
        By label, to how many rows the arm comes down when it is weighed to look like everyone.
    rows
        By label, how many rows the arm has.
    least
        The smallest chance of an arm of any row.
    sufficient
        Whether an average over everyone may be told.
    remedy
        What would make it estimable; empty if it is.
    """

    outside: float
    outside_by_arm: dict[str, float]
    limit: float
    effective: dict[str, float]
    rows: dict[str, int]
    least: float
    sufficient: bool
    remedy: str

    @property
    def effective_sample_size(self) -> float:
        """The smallest of the arms' effective sample sizes."""
        return min(self.effective.values())

    @property
    def share_outside(self) -> float:
        """Share of rows outside common support; another name for `outside`."""
        return self.outside

    def __str__(self) -> str:
        sizes = ", ".join(
            f"{label} {self.effective[label]:.0f} of {self.rows[label]}" for label in self.rows
        )
        text = (
            f"{self.outside:.1%} of rows are outside common support (an arm's chance under "
            f"{self.limit:.3f}); effective sample size: {sizes}"
        )
        return f"{text}; {self.remedy}" if self.remedy else text

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "outside": self.outside,
            "outside_by_arm": self.outside_by_arm,
            "limit": self.limit,
            "effective_sample_size": self.effective,
            "rows": self.rows,
            "least": self.least,
            "sufficient": self.sufficient,
            "remedy": self.remedy,
        }


def support_limit(rows: int) -> float:
    """Return the chance of an arm under which so many rows cannot carry a comparison.

    References
    ----------
    Gruber, Phillips, Lee & van der Laan 2022, Am J Epidemiology 191:1640-1651,
    doi:10.1093/aje/kwac087: 5 / (√n ln n), at most a tenth.
    """
    size = max(rows, 3)
    return float(min(5.0 / (np.sqrt(size) * np.log(size)), 0.1))


def supported(propensity: Floats) -> Bools:
    """Return which rows could have had any arm, shape (n,)."""
    return np.asarray(propensity.min(axis=1) >= support_limit(len(propensity)))


def common_support(problem: Problem, propensity: Floats) -> Bools:
    """Return which rows are within common support and no covariate decided for, shape (n,)."""
    return supported(propensity) & ~without_an_arm(decided(problem), problem.rows)


def overlap(problem: Problem, propensity: Floats) -> Overlap:
    """Judge positivity from every row's chances of the arms, shape (n, K).

    Rows with a value of a covariate that decides the treatment are outside as well; a value that
    many rows have forbids an average over everyone by itself.
    """
    limit = support_limit(len(propensity))
    groups = decided(problem)
    inside = supported(propensity) & ~without_an_arm(groups, problem.rows)
    outside = float(np.mean(~inside))
    one_hot = problem.one_hot()
    weight = one_hot / np.maximum(propensity, 1e-12)
    effective = weight.sum(axis=0) ** 2 / np.maximum(np.sum(weight**2, axis=0), 1e-12)
    low = np.mean(propensity < limit, axis=0)
    enough = bool(effective.min() >= FEWEST_EFFECTIVE)
    structural = [
        one
        for one in groups
        if one.rows > (MOST_DECIDED_END if one.end else MOST_DECIDED) * problem.rows
    ]
    sufficient = outside <= MOST_OUTSIDE and enough and not structural
    labels = problem.labels
    return Overlap(
        outside,
        {label: float(share) for label, share in zip(labels, low, strict=True)},
        limit,
        {label: float(size) for label, size in zip(labels, effective, strict=True)},
        {label: int(count) for label, count in zip(labels, one_hot.sum(axis=0), strict=True)},
        float(propensity.min()),
        sufficient,
        "" if sufficient else _remedy(labels, low, outside, effective, structural),
    )


def _remedy(
    labels: tuple[str, ...],
    low: Floats,
    outside: float,
    effective: Floats,
    structural: list[Decided],
) -> str:
    if structural and outside <= NEAR_CERTAIN:
        return (
            f"{structural[0]}: leave such people out of the eligibility, or ask for the average "
            "within common support"
        )
    scarce = labels[int(np.argmax(low))]
    if outside > NEAR_CERTAIN:
        return (
            "the covariates all but decide the treatment: only people whose treatment was "
            "undecided could tell; other eligibility, other data or a randomised trial are needed"
        )
    if outside <= MOST_OUTSIDE:
        return (
            f"weighed to look like everyone, arm {labels[int(np.argmin(effective))]} comes down to "
            "too few rows: more of them, or a narrower eligibility, are needed"
        )
    return (
        f"people like many of these were never in arm {scarce}: narrow the eligibility to those "
        "for whom every arm was open, ask for the overlap population, or find "
        f"more rows of arm {labels[int(np.argmin(effective))]}"
    )
