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

LEVEL = 0.05
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
        Whether `p` is under 0.05.
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
    of a penalised linear and a boosted R-learner that did not see the row.

    References
    ----------
    Chernozhukov, Demirer, Duflo & Fernández-Val 2018, NBER 24678, doi:10.3386/w24678 (best
    linear predictor); Yadlowsky, Fleming, Shah, Brunskill & Wager 2025, JASA 120:38-51,
    doi:10.1080/01621459.2024.2393466 (RATE, AUTOC).
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
    linear = LinearPattern(x, contrast.treatment, contrast.masks())
    predicted = linear.held_out(contrast.outcome[:, None])[:, 0]
    predicted = (predicted + boosted_pattern(x, contrast, seed)) / 2
    predicted = _centred(predicted[:, None], contrast)[:, 0]
    sign = 1.0 if problem.better == HIGHER else -1.0
    slope, slope_error = calibration_slope(contrast, contrast.outcome[:, None], predicted[:, None])
    area, area_error = targeting_area(contrast, sign * predicted, sign)
    p = [_one_sided(float(slope[0]), float(slope_error[0])), _one_sided(area, area_error)]
    together = min(1.0, 2 * arms * min(p))
    n = len(contrast.rows)
    return Heterogeneity(
        together < LEVEL, together,
        _estimate(float(slope[0]), float(slope_error[0]), n, "slope of effects on predictions"),
        _estimate(area, area_error, n, "area under the targeting curve (AUTOC)"),
        p[0], p[1], detectable(contrast, x, linear, arms, seed), problem.labels[arm],
        float(predicted.std()), n,
    )  # fmt: skip


def _estimate(value: float, error: float, n: int, what: str) -> Estimate:
    half = float(ndtri(0.975)) * error
    text = f"{what}, on rows that the predictions did not see"
    return Estimate(value, value - half, value + half, 0.95, n, text)


def _one_sided(value: float, error: float) -> float:
    return float(norm.sf(value / error)) if np.isfinite(error) and error > 0 else 1.0


def _centred(predicted: Floats, contrast: Contrast) -> Floats:
    """Return predictions minus their mean in the fold: only differences between people count."""
    answer = predicted.copy()
    for held in contrast.masks():
        weight = contrast.treatment[held] ** 2
        answer[held] -= weight @ predicted[held] / max(float(weight.sum()), 1e-12)
    return answer


def calibration_slope(
    contrast: Contrast, outcome: Floats, predicted: Floats
) -> tuple[Floats, Floats]:
    """Return slopes of residual outcomes on residual treatment times prediction, with errors.

    The average effect is taken out; errors are robust and summed within subjects.

    Parameters
    ----------
    outcome, predicted : shape (n, k)
        Columns belong together.
    """
    u = contrast.treatment[:, None]
    square = max(float((u**2).sum()), 1e-12)
    regressor = u * predicted
    regressor = regressor - u * ((u * regressor).sum(axis=0) / square)
    left = outcome - u * ((u * outcome).sum(axis=0) / square)
    size = (regressor**2).sum(axis=0)
    sound = size > 1e-20 * max(len(outcome), 1)
    safe = np.where(sound, size, 1.0)
    slope = np.where(sound, (regressor * left).sum(axis=0) / safe, 0.0)
    residual = left - regressor * slope
    leverage = regressor**2 / safe + u**2 / square
    moment = _summed(regressor * residual / np.maximum(1 - leverage, 0.1), contrast.cluster)
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


def targeting_area(contrast: Contrast, priority: Floats, sign: float) -> tuple[float, float]:
    """Return the area under the targeting curve and its error; ranks are those within a fold.

    The mean of the first j by priority minus the mean of all, averaged over j, is a sum of
    scores with weights ``Σ_{j ≥ rank} 1/j − 1``.
    """
    weight = np.zeros(len(priority))
    for held in contrast.masks():
        count = int(held.sum())
        harmonic = np.cumsum(1.0 / np.arange(count, 0, -1))[::-1] - 1.0
        weight[held] = _over_ties(priority[held], harmonic)
    score = sign * contrast.score
    value = weight * (score - score.mean())
    total = _summed((value - value.mean())[:, None], contrast.cluster)[:, 0]
    if not weight.any():
        return 0.0, float("nan")
    return float(value.mean()), float(np.sqrt((total**2).sum()) / len(score))


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
        linear = LinearPattern(design, contrast.treatment, contrast.masks())
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
        predicted = _centred(linear.held_out(outcome), contrast)
        slope, error = calibration_slope(contrast, outcome, predicted)
        power = float(np.mean(np.nan_to_num(slope / error, nan=0.0) > least))
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
