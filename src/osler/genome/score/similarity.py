"""Which population of a reference panel a person is most similar to: a distance, not a label.

Each population of the panel is described by the mean and covariance of its people's principal
components. A person's distance to it is d² + ln|Σ|, with d² the squared Mahalanobis distance: minus
twice the log density of a normal distribution, up to a constant. The nearest population is the most
similar one. (Quadratic discriminant analysis: Hastie, Tibshirani & Friedman 2009, The Elements of
Statistical Learning, section 4.3. The PGS Catalog Calculator offers the Mahalanobis distance alone,
Lambert et al. 2024, medRxiv 2024.05.29.24307783.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osler.errors import Fault, InputError

# Components compared: those of the PGS Catalog Calculator's default.
COMPONENTS = 5
# Beyond the distance of this share of a population's own people, a person is told as far from all.
FAR_SHARE = 0.99

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Similarity:
    """How far each person is from each population.

    Parameters
    ----------
    populations
        In alphabetical order.
    squared_distances : shape (n, populations)
        Mahalanobis, in squared standard deviations; NaN for people without components.
    probabilities : shape (n, populations)
        Share of each density, all populations counted alike: how clearly one of *these*
        populations is nearer than the others, and nothing about other ones.
    nearest : shape (n,)
        Number of the most similar population; -1 for people without components.
    far : shape (n,)
        Whether a person is farther from it than 99 in 100 of its own people.
    """

    populations: tuple[str, ...]
    squared_distances: Floats
    probabilities: Floats
    nearest: NDArray[np.int64]
    far: NDArray[np.bool_]

    def name(self, person: int) -> str | None:
        """Return the most similar population; None for people without components."""
        number = int(self.nearest[person])
        return self.populations[number] if number >= 0 else None


@dataclass(frozen=True)
class _Cloud:
    """A population's people in the space of components."""

    mean: Floats
    inverse: Floats
    log_determinant: float
    edge: float

    def squared_distances(self, components: Floats) -> Floats:
        """Return the squared Mahalanobis distance of each row."""
        away = components - self.mean
        distances: Floats = np.einsum("ij,jk,ik->i", away, self.inverse, away)
        return distances


def most_similar(
    reference: Floats, labels: NDArray[np.str_], people: Floats, n_components: int = COMPONENTS
) -> Similarity:
    """Compare people with the populations of a reference panel.

    Parameters
    ----------
    reference : shape (m, components)
        Principal components of the panel.
    labels : shape (m,)
        Population of each of its people.
    people : shape (n, components)
        In the same space; a row with NaN is a person without components.
    n_components
        How many are compared, from the first.

    Raises
    ------
    InputError
        If the panel has fewer than two populations, or one of them fewer people than it takes to
        know their covariance.
    """
    used = min(n_components, reference.shape[1], people.shape[1])
    names = tuple(sorted(set(labels.tolist())))
    _check(names, labels, used)
    clouds = [_cloud(reference[labels == name, :used]) for name in names]
    squared = np.stack([one.squared_distances(people[:, :used]) for one in clouds], axis=1)
    density = -(squared + np.array([one.log_determinant for one in clouds])) / 2
    known = ~np.isnan(squared).any(axis=1)
    nearest = np.full(len(people), -1)
    nearest[known] = density[known].argmax(axis=1)
    edges = np.array([one.edge for one in clouds])
    far = np.zeros(len(people), bool)
    far[known] = squared[known, nearest[known]] > edges[nearest[known]]
    return Similarity(names, squared, _shares(density), nearest, far)


def _check(names: tuple[str, ...], labels: NDArray[np.str_], used: int) -> None:
    """Refuse a panel that cannot be compared with."""
    if len(names) < 2:
        raise InputError(
            Fault("reference panel", f"{len(names)} population", "two or more populations")
        )
    least = 2 * used + 2
    small = sum(int((labels == name).sum()) < least for name in names)
    if small:
        raise InputError(
            Fault(
                "reference panel",
                f"{small} populations of fewer than {least} people",
                f"{least} or more in each, to know the spread of {used} components",
                "use broader populations, such as SuperPop",
            )
        )


def _cloud(components: Floats) -> _Cloud:
    """Describe one population."""
    covariance = np.cov(components, rowvar=False).reshape(components.shape[1], -1)
    sign, log_determinant = np.linalg.slogdet(covariance)
    if sign <= 0 or not np.isfinite(log_determinant):
        raise InputError(
            Fault("reference panel", "components without spread in a population", "several people")
        )
    mean: Floats = components.mean(axis=0)
    inverse: Floats = np.linalg.inv(covariance).astype(np.float64)
    cloud = _Cloud(mean, inverse, float(log_determinant), np.inf)
    edge = float(np.quantile(cloud.squared_distances(components), FAR_SHARE))
    return _Cloud(cloud.mean, cloud.inverse, cloud.log_determinant, edge)


def _shares(density: Floats) -> Floats:
    """Return densities as shares of their sum, from logarithms."""
    raised = np.exp(density - density.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares
