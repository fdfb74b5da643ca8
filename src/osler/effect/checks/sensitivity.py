"""How strong an unmeasured cause would have to be to explain an effect away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from osler.effect.nuisance import Nuisance
from osler.effect.problem import CONTINUOUS, RISK, Problem
from osler.errors import Fault, InputError, NotEstimable
from osler.learn.losses import Floats
from osler.model.estimate import Estimate

COMMON = 0.15


@dataclass(frozen=True)
class EValue:
    """The risk ratio with both treatment and outcome that would explain an effect away.

    Parameters
    ----------
    point
        For the estimate.
    limit
        For the end of the interval nearer to no effect; 1 if the interval holds no effect.
    """

    point: float
    limit: float

    def __str__(self) -> str:
        return (
            f"an unmeasured cause tied to treatment and outcome by risk ratios of {self.point:.2f} "
            f"each could explain the estimate away, of {self.limit:.2f} its interval"
        )


def e_value(ratio: float, low: float | None = None, high: float | None = None) -> EValue:
    """Return the E-value of a risk ratio and of its interval.

    Examples
    --------
    >>> round(e_value(3.9, 1.8, 8.7).point, 2), round(e_value(3.9, 1.8, 8.7).limit, 2)
    (7.26, 3.0)

    References
    ----------
    VanderWeele & Ding 2017, Ann Intern Med 167:268-274, doi:10.7326/M16-2607.
    """
    given = [one for one in (ratio, low, high) if one is not None]
    if not all(np.isfinite(one) and one > 0 for one in given):
        raise InputError(Fault("ratio", "a ratio that is not above 0", "finite risk ratios"))
    nearer = low if ratio >= 1 else high
    if nearer is None:
        return EValue(_e(ratio), float("nan"))
    crossed = nearer <= 1 if ratio >= 1 else nearer >= 1
    return EValue(_e(ratio), 1.0 if crossed else _e(nearer))


def _e(ratio: float) -> float:
    above = ratio if ratio >= 1 else 1 / ratio
    return float(above + np.sqrt(above * (above - 1)))


def e_value_of_odds_ratio(
    ratio: float, low: float | None = None, high: float | None = None, *, common: bool
) -> EValue:
    """Return the E-value of an odds ratio; a common outcome (over 15 %) by its square root."""
    return e_value(*_rooted((ratio, low, high)) if common else (ratio, low, high))


def e_value_of_hazard_ratio(
    ratio: float, low: float | None = None, high: float | None = None, *, common: bool
) -> EValue:
    """Return the E-value of a hazard ratio; a common outcome by its approximate risk ratio."""

    def risk(one: float | None) -> float | None:
        if one is None or not common:
            return one
        return float((1 - 0.5 ** np.sqrt(one)) / (1 - 0.5 ** np.sqrt(1 / one)))

    first = risk(ratio)
    return e_value(ratio if first is None else first, risk(low), risk(high))


def e_value_of_means(difference: Estimate, deviation: float) -> EValue:
    """Return the E-value of a difference of means, by the risk ratio exp(0.91 d).

    Parameters
    ----------
    deviation
        Standard deviation of the outcome, which makes the difference standardised.
    """
    if not deviation > 0:
        raise InputError(Fault("deviation", "not above 0", "the outcome's standard deviation"))
    ratios = [
        float(np.exp(0.91 * one / deviation))
        for one in (difference.value, difference.low, difference.high)
    ]
    return e_value(*ratios)


def _rooted(ratios: tuple[float, float | None, float | None]) -> Any:
    return tuple(None if one is None else float(np.sqrt(one)) for one in ratios)


def e_value_of_risks(difference: Estimate, reference_risk: float) -> EValue:
    """Return the E-value of a risk difference, by the risk ratio against the reference's risk.

    The interval's ratio holds the reference's risk fixed.
    """
    if not 0 < reference_risk < 1:
        raise NotEstimable(
            "the reference arm's risk is 0 or 1: a risk ratio needs events and people without"
        )
    ends = (difference.value, difference.low, difference.high)
    ratios = [max((reference_risk + one) / reference_risk, 1e-6) for one in ends]
    return e_value(*ratios)


@dataclass(frozen=True)
class Robustness:
    """How much of treatment and outcome an unmeasured cause would have to explain.

    Parameters
    ----------
    point
        Share of the rest of the variance of both that would bring the estimate to zero.
    limit
        Share that would bring the interval to zero; 0 if it holds zero already.
    level
        Of the interval.
    """

    point: float
    limit: float
    level: float

    def __str__(self) -> str:
        return (
            f"an unmeasured cause that explains {self.point:.1%} of what is left of treatment and "
            f"of outcome would bring the estimate to zero, {self.limit:.1%} its interval"
        )


def robustness_value(t_value: float, freedom: float, level: float = 0.95) -> Robustness:
    """Return the robustness value of a coefficient's t-statistic.

    References
    ----------
    Cinelli & Hazlett 2020, J R Stat Soc B 82:39-67, doi:10.1111/rssb.12348, eq. 18 and 20.
    """
    if not (np.isfinite(t_value) and freedom > 1):
        raise InputError(Fault("t_value", "not finite, or too few rows", "a t-statistic"))
    strength = abs(t_value) / np.sqrt(freedom)
    critical = float(student.ppf(0.5 + level / 2, freedom - 1)) / np.sqrt(freedom - 1)
    return Robustness(_robust(strength), _robust(max(strength - critical, 0.0)), level)


def _robust(strength: float) -> float:
    return float(0.5 * (np.sqrt(strength**4 + 4 * strength**2) - strength**2))


@dataclass(frozen=True)
class Bounds:
    """Where the effect may lie if an unmeasured cause is as strong as said.

    Parameters
    ----------
    low, high
        Of the estimate.
    interval_low, interval_high
        With the estimate's own uncertainty.
    outcome_share, treatment_share
        What the cause explains of the rest of the outcome, and of the rest of treatment's weight.
    """

    low: float
    high: float
    interval_low: float
    interval_high: float
    outcome_share: float
    treatment_share: float


def omitted_variable_bounds(
    problem: Problem,
    nuisance: Nuisance,
    estimate: Estimate,
    arm: int,
    *,
    outcome_share: float = 0.1,
    treatment_share: float = 0.1,
) -> Bounds:
    """Bound the bias of an average effect from a cause that was not measured.

    The bias is at most ``√(η_Y · η_D / (1 − η_D)) · σ · ν``: σ² the mean squared residual of the
    outcome, ν² the mean square of the weights that turn outcomes into the effect.

    References
    ----------
    Chernozhukov, Cinelli, Newey, Sharma & Syrgkanis 2022, "Long Story Short: Omitted Variable
    Bias in Causal Machine Learning", NBER working paper 30302, doi:10.3386/w30302.
    """
    for name, share in (("outcome_share", outcome_share), ("treatment_share", treatment_share)):
        if not 0 <= share < 1:
            raise InputError(Fault(name, "a share outside [0, 1)", "such as 0.1"))
    spread = bias_scale(problem, nuisance, arm)
    bias = float(np.sqrt(outcome_share * treatment_share / (1 - treatment_share)) * spread)
    return Bounds(
        estimate.value - bias, estimate.value + bias, estimate.low - bias, estimate.high + bias,
        outcome_share, treatment_share,
    )  # fmt: skip


def bias_scale(problem: Problem, nuisance: Nuisance, arm: int) -> float:
    """Return σ·ν, by which an unmeasured cause's strength is multiplied."""
    residual = nuisance.pseudo - nuisance.outcome[np.arange(problem.rows), problem.arm]
    return float(np.sqrt(np.mean(residual**2) * np.mean(_weights(problem, nuisance, arm) ** 2)))


def _weights(problem: Problem, nuisance: Nuisance, arm: int) -> Floats:
    chance = nuisance.propensity
    given, reference = problem.arm == arm, problem.arm == problem.reference
    return np.asarray(given / chance[:, arm] - reference / chance[:, problem.reference])


def robustness_of_average(
    problem: Problem, nuisance: Nuisance, estimate: Estimate, arm: int
) -> Robustness:
    """Return the equal shares of outcome and treatment that would bring an average to zero.

    Solves ``√(η² / (1 − η)) σ ν = |estimate|``, and the same for the end of its interval.
    """
    spread = bias_scale(problem, nuisance, arm)
    nearer = estimate.low if estimate.value >= 0 else -estimate.high
    return Robustness(
        _share(abs(estimate.value) / spread), _share(max(nearer, 0.0) / spread), estimate.level
    )


def _share(ratio: float) -> float:
    """Return η with η / √(1 − η) = ratio."""
    return _robust(ratio)


@dataclass(frozen=True)
class Sensitivity:
    """How strong an unmeasured cause would have to be, in two currencies.

    Parameters
    ----------
    e_value
        On the scale of risk ratios; None for a mean time, which has none, and where the
        reference's risk is 0 or 1.
    robustness
        On the scale of explained shares.
    """

    e_value: EValue | None
    robustness: Robustness

    def __str__(self) -> str:
        said = [self.robustness] if self.e_value is None else [self.e_value, self.robustness]
        return "; ".join(str(one) for one in said)


def sensitivity_of_average(
    problem: Problem, nuisance: Nuisance, scores: Floats, estimate: Estimate, arm: int
) -> Sensitivity:
    """Return E-value and robustness of an average effect, whatever its kind.

    Parameters
    ----------
    scores : shape (n, K)
        Out of `doubly_robust`; the reference's mean is the risk that ratios are taken against.
    """
    robustness = robustness_of_average(problem, nuisance, estimate, arm)
    reference = float(scores[:, problem.reference].mean())
    value: EValue | None = None
    if problem.kind == CONTINUOUS:
        value = e_value_of_means(estimate, float(problem.number.std()))
    elif problem.measure == RISK and 0 < reference < 1:
        value = e_value_of_risks(estimate, reference)
    return Sensitivity(value, robustness)
