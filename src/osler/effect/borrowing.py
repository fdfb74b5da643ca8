"""Trial evidence as a prior for the local estimate: as much of it as agrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from osler.errors import Fault, InputError
from osler.learn.losses import Floats
from osler.model.estimate import Estimate

WEIGHT = 0.5
LEAST_COVERAGE = 0.90
CONFLICT = 0.05
GRID = 21
DRIFTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
FINE_DRIFTS = tuple(k / 4 for k in range(33))
NODES = 601
BISECTIONS = 40
WEIGHTS = 12


@dataclass(frozen=True)
class Evidence:
    """The effect that a trial found, on the same scale as the local estimate.

    Parameters
    ----------
    value, error
        Estimate and its standard error (above 0).
    name
        Which trial.
    """

    value: float
    error: float
    name: str = "trial"

    @staticmethod
    def of_interval(low: float, high: float, level: float = 0.95, name: str = "trial") -> Evidence:
        """Read a published symmetric interval back."""
        return Evidence((low + high) / 2, (high - low) / 2 / float(ndtri(0.5 + level / 2)), name)


@dataclass(frozen=True)
class Mixture:
    """A distribution made of normal ones.

    Parameters
    ----------
    weight, mean, sd : shape (m,)
        Weights sum to one.
    """

    weight: Floats
    mean: Floats
    sd: Floats

    @property
    def average(self) -> float:
        """Mean of the mixture."""
        return float(self.weight @ self.mean)

    @property
    def spread(self) -> float:
        """Standard deviation of the mixture."""
        second = float(self.weight @ (self.sd**2 + self.mean**2))
        return float(np.sqrt(max(second - self.average**2, 0.0)))

    def updated(self, value: Floats, error: float) -> tuple[Floats, Floats, Floats]:
        """Return posterior weights and means (k, m) and deviations (m,) given estimates (k,)."""
        total = np.sqrt(self.sd**2 + error**2)
        z = (np.asarray(value)[:, None] - self.mean) / total
        with np.errstate(divide="ignore"):  # a component without weight never gets any
            log = np.log(self.weight) - np.log(total) - z**2 / 2
        weight = np.exp(log - log.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        keep = error**2 / total**2
        mean = keep * self.mean + (1 - keep) * np.asarray(value)[:, None]
        return weight, mean, self.sd * error / total


@dataclass(frozen=True)
class Borrowed:
    """The local estimate with what trials add to it.

    Parameters
    ----------
    estimate
        Posterior mean, with the interval between posterior quantiles.
    local
        The local estimate alone.
    trial
        What the trials lead to expect here: predictive mean and interval.
    weight_before, weight_after
        Weight of the trials against the prior that knows next to nothing, before the local data
        and after. `weight_after` falls when they disagree.
    conflict
        Box's prior predictive p: chance of a local estimate at least as far from the trials, if
        they hold here. Small means conflict.
    conflicts
        Whether that is below 0.05.
    local_share
        Variance of the estimate over that of the local one: what is left after borrowing.
    operating
        What this way of borrowing does if the truth here differs from the trials: rows of drift
        and size of the bias (both in local standard errors), coverage, width over that of the local
        interval, and mean weight of the trials.
    least_coverage
        The smallest coverage at any drift.
    """

    estimate: Estimate
    local: Estimate
    trial: Estimate
    weight_before: float
    weight_after: float
    conflict: float
    conflicts: bool
    local_share: float
    operating: tuple[dict[str, float], ...]
    least_coverage: float

    def __str__(self) -> str:
        told = (
            f"{self.estimate}, {self.weight_after:.0%} of the weight to the trial "
            f"(local alone {self.local}, trial {self.trial})"
        )
        return f"{told}; trial and local data conflict" if self.conflicts else told

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "estimate": self.estimate.to_json(),
            "local": self.local.to_json(),
            "trial": self.trial.to_json(),
            "weight_before": self.weight_before,
            "weight_after": self.weight_after,
            "conflict": self.conflict,
            "conflicts": self.conflicts,
            "local_share": self.local_share,
            "operating": [dict(row) for row in self.operating],
            "least_coverage": self.least_coverage,
        }


def borrow(
    local: Evidence,
    trials: Evidence | list[Evidence],
    *,
    weight: float = WEIGHT,
    heterogeneity: float | None = None,
    vague_error: float | None = None,
    least_coverage: float | None = LEAST_COVERAGE,
    n: int | None = None,
    level: float = 0.95,
) -> Borrowed:
    """Combine a local estimate with trial evidence through a robust mixture prior.

    The prior is, with chance `weight`, what the trials predict for a new setting (each trial's
    effect and the local one vary around a common mean, with a half-normal prior for how much), and
    else a normal prior around the same mean that carries little. Local data that disagree move
    weight to the second.

    Parameters
    ----------
    local
        The local effect with its standard error.
    trials
        One or several.
    weight
        Chance, before the local data, that the trials speak for the setting here; 0 ignores them.
    heterogeneity
        Scale of the half-normal prior for the standard deviation between settings, in the unit of
        the effect; by default half the smallest standard error of the trials.
    vague_error
        Standard deviation of the prior that carries little; by default one subject's worth,
        ``local.error * sqrt(n)``, or ten local standard errors without `n`.
    least_coverage
        `weight` is lowered until the interval covers at least this often whatever the drift between
        trial and local truth; None leaves it. At the level of the interval itself nothing can be
        borrowed.
    n
        Number of local subjects.

    Raises
    ------
    InputError
        All faults at once.

    References
    ----------
    Schmidli et al. 2014, Biometrics 70:1023-1032, doi:10.1111/biom.12242 (robust prior); Box 1980,
    J R Stat Soc A 143:383-430, doi:10.2307/2982063 (conflict); Kopp-Schneider, Calderazzo &
    Wiesenfarth 2020, Biom J 62:361-374, doi:10.1002/bimj.201800395 (no gain at full coverage).

    Examples
    --------
    >>> print(borrow(Evidence(-0.10, 0.05), Evidence(-0.12, 0.03), n=400))
    -0.110 (-0.178 to -0.031), 72% of the weight to the trial (local alone -0.100 (-0.198 to \
-0.002), trial -0.120 (-0.192 to -0.048))
    """
    many = [trials] if isinstance(trials, Evidence) else list(trials)
    _check(local, many, weight, heterogeneity, vague_error, least_coverage, n, level)
    scale = heterogeneity if heterogeneity is not None else min(one.error for one in many) / 2
    predicted = predict_setting(many, scale)
    vague = vague_error or local.error * (np.sqrt(n) if n else 10.0)
    if least_coverage is not None:
        weight = _affordable(predicted, vague, local.error, level, weight, least_coverage)
    prior = robust(predicted, weight, vague)
    return _told(local, prior, predicted, weight, level, n)


def predict_setting(trials: list[Evidence], scale: float) -> Mixture:
    """Return what trials lead to expect of the effect in a new setting.

    Normal effects around a common mean with a flat prior; the standard deviation between settings
    has a half-normal prior of this scale and is integrated over a grid (meta-analytic prediction).
    One trial alone says nothing of that deviation, and the prior stays.
    """
    value = np.array([one.value for one in trials])
    error = np.array([one.error for one in trials])
    if scale == 0:
        tau, log = np.zeros(1), np.zeros(1)
    else:
        tau = scale * ndtri(0.5 + (np.arange(GRID) + 0.5) / (2 * GRID))
        log = np.zeros(GRID)  # the grid is of equal shares of the prior
    precision = 1.0 / (error**2 + tau[:, None] ** 2)
    total = precision.sum(axis=1)
    mean = precision @ value / total
    # Marginal likelihood of the deviation with the common mean integrated out.
    log = log + 0.5 * np.log(precision).sum(axis=1) - 0.5 * np.log(total)
    log -= 0.5 * (precision * (value - mean[:, None]) ** 2).sum(axis=1)
    share = np.exp(log - log.max())
    if len(trials) == 1:
        share = np.ones(len(tau))
    return Mixture(share / share.sum(), mean, np.sqrt(1.0 / total + tau**2))


def robust(predicted: Mixture, weight: float, vague: float) -> Mixture:
    """Return the prior with a component that carries little, last."""
    return Mixture(
        np.append(weight * predicted.weight, 1.0 - weight),
        np.append(predicted.mean, predicted.average),
        np.append(predicted.sd, vague),
    )


def _told(
    local: Evidence, prior: Mixture, predicted: Mixture, weight: float, level: float, n: int | None
) -> Borrowed:
    value = np.array([local.value])
    share, mean, sd = prior.updated(value, local.error)
    after = Mixture(share[0], mean[0], sd)
    low, high = (float(_quantile(share, mean, sd, q)[0]) for q in _tails(level))
    p = box(local, predicted)
    rows = operating(prior, local.error, level)
    half = float(ndtri(0.5 + level / 2))
    ends = [float(_quantile(*_alone(predicted), q)[0]) for q in _tails(level)]
    return Borrowed(
        estimate=Estimate(
            after.average, low, high, level, n, "effect by local data with trials as a robust prior"
        ),
        local=Estimate(
            local.value, local.value - half * local.error, local.value + half * local.error,
            level, n, "effect by local data alone",
        ),
        trial=Estimate(
            predicted.average, ends[0], ends[1], level, None, "effect that the trials predict here"
        ),
        weight_before=float(weight),
        weight_after=float(1.0 - share[0, -1]),
        conflict=p,
        conflicts=p < CONFLICT,
        local_share=float(after.spread**2 / local.error**2),
        operating=rows,
        least_coverage=_least(prior, local.error, level),
    )  # fmt: skip


def box(local: Evidence, predicted: Mixture) -> float:
    """Return Box's prior predictive p of the local estimate, two-sided."""
    total = np.sqrt(predicted.sd**2 + local.error**2)
    below = float(predicted.weight @ ndtr((local.value - predicted.mean) / total))
    return min(1.0, 2 * min(below, 1 - below))


def operating(
    prior: Mixture, error: float, level: float, drifts: tuple[float, ...] = DRIFTS
) -> tuple[dict[str, float], ...]:
    """Return what a prior does to the local interval when the truth drifts from the trials.

    Computed by integration over the local estimate, for the trials as they are. Both directions
    of a drift are looked at, and the worse coverage is told.

    Parameters
    ----------
    error
        Standard error of the local estimate.
    drifts
        Distance of the local truth from the prior's mean, in local standard errors.
    """
    far = max(drifts) + 6.0
    grid = np.linspace(-far, far, NODES) * error + prior.average
    share, mean, sd = prior.updated(grid, error)
    low, high = (_quantile(share, mean, sd, q) for q in _tails(level))
    centre = (share * mean).sum(axis=1)
    alone = 2 * float(ndtri(0.5 + level / 2)) * error
    rows = []
    for drift in drifts:
        both = []
        for side in (-1.0, 1.0):
            truth = prior.average + side * drift * error
            density = np.exp(-(((grid - truth) / error) ** 2) / 2)
            density /= density.sum()
            both.append((
                float(density @ ((low <= truth) & (truth <= high))),
                abs(float(density @ (centre - truth))) / error,
                float(density @ (high - low)) / alone,
                float(density @ (1.0 - share[:, -1])),
            ))  # fmt: skip
        worse = min(both)
        keys = ("coverage", "bias", "width", "weight")
        rows.append({"drift": drift, **dict(zip(keys, worse, strict=True))})
    return tuple(rows)


def _affordable(
    predicted: Mixture, vague: float, error: float, level: float, most: float, coverage: float
) -> float:
    """Return the largest weight under which no drift covers less than asked."""

    def least(weight: float) -> float:
        return _least(robust(predicted, weight, vague), error, level)

    if least(most) >= coverage:
        return most
    if least(0.0) < coverage:
        raise InputError(
            Fault(
                "vague_error",
                "too small to keep the coverage without any trial",
                "several local standard errors",
            )
        )
    low, high = 0.0, most
    for _ in range(WEIGHTS):
        middle = (low + high) / 2
        low, high = (middle, high) if least(middle) >= coverage else (low, middle)
    return low


def _least(prior: Mixture, error: float, level: float) -> float:
    return min(row["coverage"] for row in operating(prior, error, level, FINE_DRIFTS))


def _tails(level: float) -> tuple[float, float]:
    return 0.5 - level / 2, 0.5 + level / 2


def _alone(mixture: Mixture) -> tuple[Floats, Floats, Floats]:
    return mixture.weight[None, :], mixture.mean[None, :], mixture.sd


def _quantile(weight: Floats, mean: Floats, sd: Floats, q: float) -> Floats:
    """Return quantiles of k mixtures by bisection, shape (k,)."""
    wide = 10.0 * float(sd.max())
    low, high = mean.min(axis=1) - wide, mean.max(axis=1) + wide
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = (weight * ndtr((middle[:, None] - mean) / sd)).sum(axis=1) < q
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def _check(
    local: Evidence,
    trials: list[Evidence],
    weight: float,
    heterogeneity: float | None,
    vague_error: float | None,
    least_coverage: float | None,
    n: int | None,
    level: float,
) -> None:
    faults: list[Fault | str] = []
    if not trials:
        faults.append(Fault("trials", "none", "one or more"))
    for name, one in (("local", local), *((f"trial {k + 1}", t) for k, t in enumerate(trials))):
        if not (np.isfinite(one.value) and np.isfinite(one.error) and one.error > 0):
            faults.append(Fault(name, "no finite value with an error above 0", "both"))
    if not 0 <= weight <= 1:
        faults.append(Fault("weight", "a value outside [0, 1]", "such as 0.5"))
    for name, given in (("heterogeneity", heterogeneity), ("vague_error", vague_error)):
        if given is not None and not (np.isfinite(given) and given >= 0):
            faults.append(Fault(name, "a negative or infinite number", "0 or more"))
    if least_coverage is not None and not 0 < least_coverage < level:
        faults.append(Fault("least_coverage", "not below the level", "such as 0.9"))
    if n is not None and n < 2:
        faults.append(Fault("n", "fewer than 2", "the number of local subjects"))
    if not 0 < level < 1:
        faults.append(Fault("level", "a value outside (0, 1)", "such as 0.95"))
    if faults:
        raise InputError(faults)
