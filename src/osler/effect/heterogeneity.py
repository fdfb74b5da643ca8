"""Whether effects differ between people: tests fixed beforehand, on rows that were held out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import norm

from osler.effect.learners.columns import SurfaceColumns
from osler.effect.learners.pattern import Contrast, LinearPattern, boosted_pattern
from osler.effect.nuisance import Nuisance
from osler.effect.problem import HIGHER, Problem
from osler.learn.losses import Floats, Ints
from osler.model.estimate import Estimate

# Far under 0.05, which false alarms must not exceed even where nuisances are not quite right.
LEVEL = 0.01
POWER = 0.8
PATTERNS = 100
SIZES = np.geomspace(0.02, 4.0, 24)
ROWS_FOR_POWER = 20_000
MOST_IN_PATTERN = 3


@dataclass(frozen=True)
class Heterogeneity:
    """The pre-specified test that effects differ between people, and what it could have seen.

    Parameters
    ----------
    shown
        Whether `p` is under 0.01.
    p
        Of both tests and all arms together (Bonferroni).
    calibration
        Slope of the effect on held-out predictions of it: 1 where they are right, 0 where they
        say nothing.
    autoc
        Area under the targeting curve: how much more those gain who are predicted to gain most,
        averaged over how many are chosen; in the unit of the effect, positive is better.
    calibration_p, autoc_p
        One-sided.
    detectable_sd
        Standard deviation of effects between people that these rows would have shown in 80 % of
        cases, were it linear in one to three covariates; None if no such size was found.
    arm
        Label of the arm with the smallest p.
    predicted_sd
        Standard deviation of the held-out predictions of the effect.
    n
        Rows behind it.
    """

    shown: bool
    p: float
    calibration: Estimate
    autoc: Estimate
    calibration_p: float
    autoc_p: float
    detectable_sd: float | None
    arm: str
    predicted_sd: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        plain = asdict(self)
        plain["calibration"] = self.calibration.to_json()
        plain["autoc"] = self.autoc.to_json()
        return plain


def heterogeneity(problem: Problem, nuisance: Nuisance, seed: int = 0) -> Heterogeneity:
    """Test whether held-out predictions of the effect tell who gains more.

    For every arm two tests: the calibration test (best linear predictor of the effect) and the
    rank-weighted average effect (RATE) with logarithmic weights, both of predictions by the mean
    of a penalised linear and a boosted R-learner that learned from earlier folds alone.

    References
    ----------
    Chernozhukov, Demirer, Duflo & Fernández-Val 2018, NBER 24678, doi:10.3386/w24678 (best
    linear predictor); Yadlowsky, Fleming, Shah, Brunskill & Wager 2025, JASA 120:38-51,
    doi:10.1080/01621459.2024.2393466 (RATE, AUTOC); Wager 2024, arXiv:2405.05534 (earlier folds).
    """
    columns = SurfaceColumns.fit(problem.frame, problem.named)
    everything = columns.design(problem.frame)
    columns = columns.screened(everything, problem.arm, nuisance.pseudo)
    design = columns.design(problem.frame)
    others = [one for one in range(problem.arms) if one != problem.reference]
    found = [_one_arm(problem, nuisance, design, arm, len(others), seed) for arm in others]
    return min(found, key=lambda one: one.p)


def _one_arm(
    problem: Problem, nuisance: Nuisance, design: Floats, arm: int, arms: int, seed: int
) -> Heterogeneity:
    contrast = Contrast.of(problem, nuisance, arm)
    x = design[contrast.rows]
    linear = LinearPattern(x, contrast)
    predicted = (
        linear.ahead(contrast.outcome[:, None])[:, 0] + boosted_pattern(x, contrast, seed)
    ) / 2
    sign = 1.0 if problem.better == HIGHER else -1.0
    slope = calibration(contrast, contrast.outcome[:, None], predicted[:, None])
    area = targeting(contrast, sign * predicted, sign)
    p = [float(norm.sf(slope.statistic[0])), float(norm.sf(area.statistic[0]))]
    together = min(1.0, 2 * arms * min(p))
    n = len(contrast.rows)
    return Heterogeneity(
        together < LEVEL, together,
        _estimate(slope, n, "slope of effects on predictions"),
        _estimate(area, n, "area under the targeting curve (AUTOC)"),
        p[0], p[1], detectable(contrast, x, linear, arms, seed), problem.labels[arm],
        float(predicted[contrast.fold != contrast.fold.min()].std()), n,
    )  # fmt: skip


@dataclass(frozen=True)
class Tested:
    """Estimates of the folds that were predicted, and the statistic of all of them.

    Parameters
    ----------
    value, error : shape (k,)
        Mean over folds, weighted by how precise they are, and its standard error.
    statistic : shape (k,)
        Sum of the folds' own statistics, standard normal where there is nothing to be found.
    """

    value: Floats
    error: Floats
    statistic: Floats


def _together(values: list[Floats], errors: list[Floats]) -> Tested:
    """Join folds; a fold whose predictions do not differ says nothing and counts for none."""
    value, error = np.array(values), np.array(errors)
    sound = np.isfinite(error) & (error > 0)
    precision = np.where(sound, 1.0 / np.where(sound, error, 1.0) ** 2, 0.0)
    total = precision.sum(axis=0)
    known = total > 0
    mean = (precision * np.where(sound, value, 0.0)).sum(axis=0) / np.where(known, total, 1.0)
    each = np.where(sound, value / np.where(sound, error, 1.0), 0.0)
    count = np.maximum(sound.sum(axis=0), 1)
    spread = np.where(known, 1.0 / np.sqrt(np.where(known, total, 1.0)), np.nan)
    statistic = np.where(known, each.sum(axis=0) / np.sqrt(count), -np.inf)
    return Tested(mean, spread, statistic)


def _estimate(tested: Tested, n: int, what: str) -> Estimate:
    value, half = float(tested.value[0]), float(ndtri(0.975) * tested.error[0])
    text = f"{what}, on rows that came after those the predictions were learned from"
    return Estimate(value, value - half, value + half, 0.95, n, text)


def calibration(contrast: Contrast, outcome: Floats, predicted: Floats) -> Tested:
    """Test the slope of residual outcomes on residual treatment times prediction, fold by fold.

    Parameters
    ----------
    outcome, predicted : shape (n, k)
        Columns belong together.
    """
    found = [
        calibration_slope(
            contrast.treatment[rows], outcome[rows], predicted[rows], contrast.cluster[rows]
        )
        for _, rows in contrast.steps()
    ]
    return _together([value for value, _ in found], [error for _, error in found])


def calibration_slope(
    treatment: Floats, outcome: Floats, predicted: Floats, cluster: Ints
) -> tuple[Floats, Floats]:
    """Return slopes and their errors, robust and summed within subjects, each of shape (k,).

    The average effect is taken out first.
    """
    u = treatment[:, None]
    square = max(float((u**2).sum()), 1e-12)
    regressor = u * (predicted - (u**2 * predicted).sum(axis=0) / square)
    left = outcome - u * ((u * outcome).sum(axis=0) / square)
    size = (regressor**2).sum(axis=0)
    sound = size > 1e-16 * max(float((left**2).sum()) / max(left.shape[1], 1), 1e-300)
    safe = np.where(sound, size, 1.0)
    slope = np.where(sound, (regressor * left).sum(axis=0) / safe, 0.0)
    residual = left - regressor * slope
    leverage = regressor**2 / safe + u**2 / square
    moment = _summed(regressor * residual / np.maximum(1 - leverage, 0.1), cluster)
    error = np.sqrt((moment**2).sum(axis=0)) / safe
    return slope, np.where(sound, error, np.nan)


def _summed(values: Floats, cluster: Ints) -> Floats:
    """Return sums within subjects, shape (subjects, k)."""
    member = np.unique(cluster, return_inverse=True)[1]
    if int(member.max()) + 1 == len(values):
        return values
    answer = np.zeros((int(member.max()) + 1, values.shape[1]))
    np.add.at(answer, member, values)
    return answer


def targeting(contrast: Contrast, priority: Floats, sign: float) -> Tested:
    """Test the area under the targeting curve, fold by fold; ranks are those within a fold."""
    found = [
        targeting_area(sign * contrast.score[rows], priority[rows], contrast.cluster[rows])
        for _, rows in contrast.steps()
    ]
    values, errors = [np.array([value]) for value, _ in found], [np.array([e]) for _, e in found]
    return _together(values, errors)


def targeting_area(score: Floats, priority: Floats, cluster: Ints) -> tuple[float, float]:
    """Return the area under the targeting curve and its error.

    The mean of the first j by priority minus the mean of all, averaged over j, is a sum of
    scores with weights ``Σ_{j ≥ rank} 1/j − 1``.
    """
    count = len(score)
    harmonic = np.cumsum(1.0 / np.arange(count, 0, -1))[::-1] - 1.0
    weight = _over_ties(priority, harmonic)
    if np.abs(weight).max(initial=0.0) < 1e-9:
        return 0.0, float("nan")
    value = weight * (score - score.mean())
    total = _summed((value - value.mean())[:, None], cluster)[:, 0]
    return float(value.mean()), float(np.sqrt((total**2).sum()) / count)


def _over_ties(priority: Floats, weight: Floats) -> Floats:
    """Return the weights in order of priority, averaged over those with the same one."""
    order = np.argsort(-priority, kind="stable")
    group = np.unique(-priority[order], return_inverse=True)[1]
    mean = np.bincount(group, weight) / np.bincount(group)
    answer = np.empty(len(priority))
    answer[order] = mean[group]
    return answer


def detectable(
    contrast: Contrast, design: Floats, linear: LinearPattern, arms: int, seed: int
) -> float | None:
    """Return the standard deviation of effects that the calibration test would have found.

    Patterns in one to three covariates are planted into residuals whose signs were drawn anew,
    which keeps covariates, treatment and noise but no pattern of their own, and looked for by the
    linear learner; what 80 % of them need is returned.
    """
    rng = np.random.default_rng(seed)
    n = len(design)
    shrink = 1.0
    if n > ROWS_FOR_POWER:
        rows = np.sort(rng.choice(n, ROWS_FOR_POWER, replace=False))
        shrink = float(np.sqrt(ROWS_FOR_POWER / n))
        contrast = _some(contrast, rows)
        design = design[rows]
        linear = LinearPattern(design, contrast)
    if not design.shape[1]:
        return None
    planted = _patterns(design, rng)
    u = contrast.treatment[:, None]
    average = float(contrast.treatment @ contrast.outcome) / max(float((u**2).sum()), 1e-12)
    residual = contrast.outcome - average * contrast.treatment
    noise = residual[:, None] * _signs(contrast.cluster, planted.shape[1], rng)
    unit = float(residual.std())
    least = float(ndtri(1 - LEVEL / (2 * arms)))
    low: tuple[float, float] = (0.0, 0.0)
    for size in SIZES:
        outcome = noise + size * unit * u * planted
        tested = calibration(contrast, outcome, linear.ahead(outcome))
        power = float(np.mean(tested.statistic > least))
        if power >= POWER:
            share = (POWER - low[1]) / max(power - low[1], 1e-12)
            return float((low[0] + share * (size - low[0])) * unit * shrink)
        low = (float(size), power)
    return None


def _some(contrast: Contrast, rows: Ints) -> Contrast:
    return Contrast(
        contrast.outcome[rows], contrast.treatment[rows], contrast.score[rows],
        contrast.fold[rows], contrast.cluster[rows], contrast.rows[rows],
    )  # fmt: skip


def _patterns(design: Floats, rng: np.random.Generator) -> Floats:
    planted = np.zeros((design.shape[1], PATTERNS))
    for one in range(PATTERNS):
        count = min(1 + one % MOST_IN_PATTERN, design.shape[1])
        chosen = rng.choice(design.shape[1], count, replace=False)
        planted[chosen, one] = rng.normal(size=count)
    values = design @ planted
    values = values - values.mean(axis=0)
    return np.asarray(values / np.maximum(values.std(axis=0), 1e-12))


def _signs(cluster: Ints, count: int, rng: np.random.Generator) -> Floats:
    member = np.unique(cluster, return_inverse=True)[1]
    drawn = rng.choice([-1.0, 1.0], size=(int(member.max()) + 1, count))
    return np.asarray(drawn[member])
