"""Kernels as a finite number of columns, so that a surface keeps no row of the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.effect.learners.kernel import INTERCEPT_VARIANCE, Kernel, Kernels
from osler.learn.losses import Floats, Ints

SHARED_WAVES = 250
WAVES_OF_ARMS, FEWEST_WAVES = 300, 20  # of all arms together; of any
KNOTS = 12
FEWEST_VALUES_FOR_STEPS = 3
STEP_COLUMNS_OF_ARMS, FEWEST_STEP_COLUMNS = 24, 2
RELEVANT = 0.05  # inverse length, in standard deviations of the column
STEP_SIZE = 0.05  # of an outcome with variance 1; where the search for it begins


@dataclass(frozen=True)
class Part:
    """One part of the surfaces: waves, a tilt, an intercept and jumps.

    Parameters
    ----------
    frequency : shape (m, p)
        Directions and speeds of the waves.
    curved, straight
        Standard deviations of the bending and of the linear part.
    inverse_length : shape (p,)
        How much each column counts in the linear part.
    knots
        Column and where along it the surface may jump.

    References
    ----------
    Rahimi & Recht 2007, NeurIPS (random features); Yu et al. 2016, NeurIPS (orthogonal ones).
    """

    frequency: Floats
    curved: float
    straight: float
    inverse_length: Floats
    knots: tuple[tuple[int, Floats], ...]

    @staticmethod
    def of(
        kernel: Kernel, count: int, knots: tuple[tuple[int, Floats], ...], rng: np.random.Generator
    ) -> Part:
        """Draw orthogonal waves."""
        frequency = _orthogonal(len(kernel.inverse_length), count, rng) * kernel.inverse_length
        return Part(frequency, kernel.curved, kernel.straight, kernel.inverse_length, knots)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of columns of the waves, the tilt, the intercept and each column's jumps."""
        steps = tuple(len(at) for _, at in self.knots)
        return (2 * len(self.frequency), len(self.inverse_length), 1, *steps)

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(self.widths)

    def columns(self, design: Floats) -> Floats:
        """Return the columns, shape (n, width); their inner products are the prior covariance."""
        m, p = self.frequency.shape
        answer = np.empty((len(design), self.width))
        phase = design @ self.frequency.T
        size = self.curved / np.sqrt(max(m, 1))
        np.multiply(np.cos(phase), size, out=answer[:, :m])
        np.multiply(np.sin(phase), size, out=answer[:, m : 2 * m])
        answer[:, 2 * m : 2 * m + p] = design * (self.straight * self.inverse_length)
        answer[:, 2 * m + p] = np.sqrt(INTERCEPT_VARIANCE)
        start = 2 * m + p + 1
        for column, at in self.knots:
            above = design[:, column, None] > at
            answer[:, start : start + len(at)] = STEP_SIZE * (above - 0.5)
            start += len(at)
        return answer


def _orthogonal(columns: int, count: int, rng: np.random.Generator) -> Floats:
    blocks: list[Floats] = []
    while columns and len(blocks) * columns < count:
        turned = np.linalg.qr(rng.normal(size=(columns, columns)))[0]
        length = np.sqrt(rng.chisquare(columns, size=columns))
        blocks.append(turned * length[:, None])
    return np.concatenate(blocks)[:count] if blocks else np.zeros((0, columns))


@dataclass(frozen=True)
class Basis:
    """Columns of the surfaces of all arms: the shared part's, then those of each arm."""

    shared: Part
    arms: tuple[Part, ...]

    @staticmethod
    def of(kernels: Kernels, design: Floats, seed: int) -> Basis:
        """Draw the waves of every part, and place knots along the columns that matter.

        The more arms, the fewer waves and knots each of them has.
        """
        rng, arms = np.random.default_rng(seed), len(kernels.arms)
        waves = max(WAVES_OF_ARMS // arms, FEWEST_WAVES)
        knots = _knots(kernels, design, max(STEP_COLUMNS_OF_ARMS // arms, FEWEST_STEP_COLUMNS))
        shared = Part.of(kernels.shared, SHARED_WAVES, knots, rng)
        return Basis(shared, tuple(Part.of(one, waves, knots, rng) for one in kernels.arms))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The shared part and those of the arms."""
        return (self.shared, *self.arms)

    @property
    def columns(self) -> int:
        """Number of columns of the covariates."""
        return len(self.shared.inverse_length)

    @property
    def width(self) -> int:
        """Number of columns of all parts."""
        return sum(part.width for part in self.parts)

    def block(self, arm: int) -> slice:
        """Return which columns are an arm's own."""
        start = self.shared.width + sum(one.width for one in self.arms[:arm])
        return slice(start, start + self.arms[arm].width)

    def groups(self) -> Iterator[tuple[str, slice]]:
        """Yield the columns that share one prior variance, each with what they are."""
        start = 0
        for part in self.parts:
            kinds = ("curved", "straight", "intercept") + ("steps",) * len(part.knots)
            for kind, width in zip(kinds, part.widths, strict=True):
                if width:
                    yield kind, slice(start, start + width)
                start += width

    def arrays(self) -> dict[str, Any]:
        """Return its numbers by name."""
        answer: dict[str, Any] = {}
        for at, part in enumerate(self.parts):
            answer[f"frequency_{at}"] = part.frequency
            answer[f"inverse_length_{at}"] = part.inverse_length
            answer[f"amplitude_{at}"] = np.array([part.curved, part.straight])
        answer["knot_column"] = np.array([c for c, _ in self.shared.knots], dtype=np.int64)
        answer["knot_count"] = np.array([len(at) for _, at in self.shared.knots], dtype=np.int64)
        answer["knot"] = np.concatenate([np.zeros(0), *(at for _, at in self.shared.knots)])
        return answer

    @staticmethod
    def from_arrays(arrays: dict[str, Any], arms: int) -> Basis:
        """Rebuild from `arrays`."""
        ends = np.cumsum(arrays["knot_count"])[:-1].astype(np.int64)
        pieces = np.split(arrays["knot"], ends) if len(arrays["knot_column"]) else []
        columns = arrays["knot_column"].tolist()
        knots = tuple((int(c), at) for c, at in zip(columns, pieces, strict=True))
        parts = [
            Part(
                arrays[f"frequency_{at}"],
                float(arrays[f"amplitude_{at}"][0]),
                float(arrays[f"amplitude_{at}"][1]),
                arrays[f"inverse_length_{at}"],
                knots,
            )
            for at in range(arms + 1)
        ]
        return Basis(parts[0], tuple(parts[1:]))


def _knots(kernels: Kernels, design: Floats, most: int) -> tuple[tuple[int, Floats], ...]:
    rate = np.max([one.inverse_length for one in (kernels.shared, *kernels.arms)], axis=0)
    ranked: Ints = np.argsort(-rate, kind="stable")[:most]
    found = []
    for column in sorted(int(one) for one in ranked if rate[one] > RELEVANT):
        at = _between(design[:, column])
        if len(at) >= FEWEST_VALUES_FOR_STEPS - 1:
            found.append((column, at))
    return tuple(found)


def _between(values: Floats) -> Floats:
    """Return places between values, at most `KNOTS`, that part the rows evenly."""
    distinct = np.unique(values)
    if len(distinct) <= KNOTS + 1:
        return np.asarray((distinct[:-1] + distinct[1:]) / 2)
    share = np.linspace(0, 1, KNOTS + 2)[1:-1]
    # Halfway to the next value, so that no person's own value is kept.
    at = np.searchsorted(distinct, np.unique(np.quantile(values, share)))
    at = np.unique(np.clip(at, 1, len(distinct) - 1))
    return np.asarray((distinct[at - 1] + distinct[at]) / 2)
