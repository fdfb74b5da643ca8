"""What a sum means beside those of a reference panel: Z scores that take ancestry into account.

As the PGS Catalog Calculator documents them (Lambert et al. 2024, medRxiv 2024.05.29.24307783;
pgsc_calc, "Reporting and adjusting PGS in the context of genetic ancestry"):

- Z_MostSimilarPop and percentile: beside the panel's people of the most similar population.
- Z_norm1: the panel's sums are regressed on the first four components; a person's residual is
  divided by the standard deviation of the panel's (Khera et al. 2019, Circulation 139:1593-1602,
  doi:10.1161/CIRCULATIONAHA.118.035658).
- Z_norm2: mean and logarithm of the variance are both linear in the components, fitted together by
  maximum likelihood (Khan et al. 2022, Nature Medicine 28:1412-1420,
  doi:10.1038/s41591-022-01869-1), by the scoring steps of Harvey 1976, Econometrica 44:461-465.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 4
LEAST_OF_POPULATION = 30
LEAST_OF_PANEL = 100
MOST_STEPS = 200
SMALL_STEP = 1e-10

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Components with a constant, centred and scaled as the panel's are."""

    centre: Floats
    scale: Floats

    @classmethod
    def of(cls, components: Floats) -> Design:
        """Learn centre and scale from the panel."""
        scale = components.std(axis=0)
        return cls(components.mean(axis=0), np.where(scale > 0, scale, 1.0))

    def __call__(self, components: Floats) -> Floats:
        """Return the matrix of regressors, shape (n, 1 + components)."""
        scaled = (components - self.centre) / self.scale
        return np.column_stack([np.ones(len(scaled)), scaled])


@dataclass(frozen=True)
class Adjustment:
    """A panel's sums as they depend on components.

    Parameters
    ----------
    mean, residual_sd
        Of Z_norm1: coefficients, and the standard deviation of what they leave.
    joint_mean, joint_log_variance
        Of Z_norm2: coefficients of both, fitted together.
    """

    design: Design
    mean: Floats
    residual_sd: float
    joint_mean: Floats
    joint_log_variance: Floats

    @classmethod
    def fit(cls, components: Floats, sums: Floats) -> Adjustment | None:
        """Learn from a panel.

        Parameters
        ----------
        components : shape (m, at least 1)
        sums : shape (m,)

        Returns
        -------
        None if the panel has fewer than 100 people, or sums that the components explain whole.
        """
        components = components[:, :COMPONENTS]
        if len(sums) < LEAST_OF_PANEL:
            return None
        design = Design.of(components)
        matrix = design(components)
        mean: Floats = np.linalg.lstsq(matrix, sums, rcond=None)[0].astype(np.float64)
        residuals = sums - matrix @ mean
        residual_sd = float(residuals.std())
        if residual_sd <= 1e-12 * max(1.0, float(np.abs(sums).max())):
            return None
        joint = _joint(matrix, sums, mean)
        return cls(design, mean, residual_sd, *joint)

    def z_norm1(self, components: Floats, sums: Floats) -> Floats:
        """Return sums less their expected mean, in the panel's residual standard deviations."""
        z: Floats = (sums - self.design(components[:, :COMPONENTS]) @ self.mean) / self.residual_sd
        return z

    def z_norm2(self, components: Floats, sums: Floats) -> Floats:
        """Return sums less their expected mean, in standard deviations expected at that place."""
        matrix = self.design(components[:, :COMPONENTS])
        sd = np.exp(np.clip(matrix @ self.joint_log_variance, -700, 700) / 2)
        z: Floats = (sums - matrix @ self.joint_mean) / sd
        return z


def _joint(matrix: Floats, sums: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """Fit mean and log variance together by maximum likelihood."""
    squares = (sums - matrix @ mean) ** 2
    log_variance = np.zeros(matrix.shape[1])
    log_variance[0] = np.log(squares.mean())
    information = np.linalg.pinv(matrix.T @ matrix)
    for _ in range(MOST_STEPS):
        variance = np.exp(matrix @ log_variance)
        step = information @ (matrix.T @ (squares / variance - 1))
        # A full step from far away may overshoot; near the optimum it is far below this bound.
        log_variance = log_variance + np.clip(step, -1, 1)
        variance = np.exp(matrix @ log_variance)
        root = np.sqrt(variance)
        mean = np.linalg.lstsq(matrix / root[:, None], sums / root, rcond=None)[0].astype(
            np.float64
        )
        squares = (sums - matrix @ mean) ** 2
        if np.abs(step).max() < SMALL_STEP:
            break
    return mean, log_variance


def beside_population(
    panel: Floats, panel_numbers: NDArray[np.int64], sums: Floats, numbers: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Compare each sum with the panel's people of the most similar population.

    Parameters
    ----------
    panel, panel_numbers : shape (m,)
        Sums of the panel, and the number of each one's population.
    sums, numbers : shape (n,)
        Sums of the people, and the number of the population most similar to each; -1 for none.

    Returns
    -------
    Z score, and percentile in 0 to 100 (those equal count half); NaN where the population has fewer
    than 30 people or no spread.
    """
    z, percentile = np.full(len(sums), np.nan), np.full(len(sums), np.nan)
    for number in np.unique(numbers[numbers >= 0]):
        own, there = np.sort(panel[panel_numbers == number]), numbers == number
        if len(own) < LEAST_OF_POPULATION or own.std() == 0:
            continue
        z[there] = (sums[there] - own.mean()) / own.std()
        below = np.searchsorted(own, sums[there], "left")
        up_to = np.searchsorted(own, sums[there], "right")
        percentile[there] = 100 * (below + up_to) / (2 * len(own))
    return z, percentile
