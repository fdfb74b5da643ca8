"""How wide intervals must be so that they cover: of conditional effects and of single outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from osler.effect.nuisance import Nuisance
from osler.effect.problem import Problem
from osler.learn.losses import Floats

# Over simulated designs (docs/methods/individual-effect.md), for kernels taken as known.
STANDARD = 1.0
MOST = 2.5
SUREST_CHANCE = 0.01
MOST_EXCESS = 9.0
POINTS = 2000


def half_widths(error: Floats, level: float) -> Floats:
    """Return half the width of normal intervals."""
    return np.asarray(float(ndtri(0.5 + level / 2)) * error)


def inflation(squared: Floats, variance: Floats, noise: Floats) -> float:
    """Return the factor on standard errors that held-out residuals ask for.

    Residuals of rows that were not learned from scatter by noise plus the error of the surface.
    Where they scatter more, and more so where the surface claims less certainty, its variance is
    scaled up; by the part that exceeds chance only, and never down.

    Parameters
    ----------
    squared : shape (n,)
        Held-out residuals, squared.
    variance : shape (n,)
        Claimed variance of the surface at each row.
    noise : shape (n,)
        Variance of each row's noise.
    """
    size = float(np.sum(variance**2 / (noise + variance) ** 2))
    if size <= 0:
        return STANDARD
    # Capped, so that a few people far from all others do not decide for everyone.
    excess = np.minimum(squared / (noise + variance), MOST_EXCESS) - 1.0
    share = variance / (noise + variance)
    needed = float(excess @ share) / size
    error = float(np.sqrt(np.sum((excess * share) ** 2))) / size
    return float(min(STANDARD * np.sqrt(1.0 + max(0.0, needed - error)), MOST))


@dataclass(frozen=True)
class Residuals:
    """Held-out residuals of every arm as quantiles, for outcomes of single people.

    Parameters
    ----------
    at : shape (q,)
        Increasing shares.
    quantiles
        For every arm the residuals at those shares, weighted to all people.
    """

    at: Floats
    quantiles: tuple[Floats, ...]

    @staticmethod
    def of(residual: Floats, problem: Problem, nuisance: Nuisance) -> Residuals:
        """Weigh each arm's residuals by the inverse chance of the arm, to be everyone's."""
        count = int(min(POINTS, len(residual)))
        at = (np.arange(count) + 0.5) / count
        found = []
        for one in range(problem.arms):
            rows = problem.arm == one
            weight = 1.0 / np.maximum(nuisance.propensity[rows, one], SUREST_CHANCE)
            found.append(_weighted_quantiles(residual[rows], weight, at))
        return Residuals(at, tuple(found))

    def ends(self, arm: int, level: float) -> tuple[float, float]:
        """Return where residuals of an arm lie; each of two arms has half of what may be missed."""
        tail = (1.0 - level) / 4
        low = self.quantiles[arm][max(int(np.searchsorted(self.at, tail)) - 1, 0)]
        high = self.quantiles[arm][min(int(np.searchsorted(self.at, 1.0 - tail)), len(self.at) - 1)]
        return float(low), float(high)

    def arrays(self) -> dict[str, Any]:
        """Return its numbers by name."""
        return {"residual_at": self.at, "residual_quantiles": np.array(self.quantiles)}

    @staticmethod
    def from_arrays(arrays: dict[str, Any], arms: int) -> Residuals:
        """Rebuild from `arrays`."""
        quantiles = arrays["residual_quantiles"]
        if quantiles.shape != (arms, len(arrays["residual_at"])):
            raise ValueError("quantiles of other arms")
        return Residuals(arrays["residual_at"], tuple(quantiles))


def _weighted_quantiles(values: Floats, weight: Floats, at: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    # One heaviest row more than there are, as for a person not yet seen: Tibshirani et al. 2019.
    total = np.cumsum(weight[order]) / (weight.sum() + weight.max())
    place = np.minimum(np.searchsorted(total, at), len(values) - 1)
    return np.asarray(values[order][place])
