"""Expected outcomes of every arm as surfaces with their uncertainty, for any number of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from osler.effect.learners.basis import Basis
from osler.effect.learners.kernel import inverted
from osler.learn.losses import Bools, Floats, Ints

ROWS_AT_ONCE = 20_000
MOST_JUDGED = 5000
ROUNDS = 12
SETTLED = 0.05
PRIOR_ROWS = {"curved": (0.5, 0.5), "straight": (0.5, 0.5), "steps": (1.0, 0.02)}
LEAST_SCALE, MOST_SCALE = 1e-3, 20.0
# What the data could not show may be there still: intervals allow for it, estimates do not.
WIDER, LEAST_STEPS = 1.2, 0.6


@dataclass(frozen=True)
class Sums:
    """Weighted cross products of the columns with themselves and with the outcome; they add up."""

    gram: Floats
    moment: Floats
    square: float
    rows: int

    def minus(self, other: Sums) -> Sums:
        """Return the sums without some of the rows."""
        return Sums(
            self.gram - other.gram,
            self.moment - other.moment,
            self.square - other.square,
            self.rows - other.rows,
        )

    def plus(self, other: Sums) -> Sums:
        """Return the sums of both."""
        return Sums(
            self.gram + other.gram,
            self.moment + other.moment,
            self.square + other.square,
            self.rows + other.rows,
        )


def sums(basis: Basis, design: Floats, arm: Ints, y: Floats, weight: Floats) -> Sums:
    """Return cross products of rows, made in pieces.

    Parameters
    ----------
    weight : shape (n,)
        Inverse of each row's variance of noise, relative to the mean.
    """
    gram = np.zeros((basis.width, basis.width))
    moment = np.zeros(basis.width)
    left = slice(0, basis.shared.width)
    for one, part in enumerate(basis.arms):
        rows, right = np.flatnonzero(arm == one), basis.block(one)
        for piece in _pieces(len(rows)):
            at = rows[piece]
            root = np.sqrt(weight[at])
            common = basis.shared.columns(design[at]) * root[:, None]
            own = part.columns(design[at]) * root[:, None]
            gram[left, left] += common.T @ common
            gram[left, right] += common.T @ own
            gram[right, right] += own.T @ own
            moment[left] += (y[at] * root) @ common
            moment[right] += (y[at] * root) @ own
    for one in range(len(basis.arms)):
        gram[basis.block(one), left] = gram[left, basis.block(one)].T
    return Sums(gram, moment, float(weight @ y**2), len(y))


@dataclass(frozen=True)
class Scales:
    """Prior standard deviation of every column's weight, and the variance of noise."""

    column: Floats
    noise: float

    def cautious(self, basis: Basis) -> Scales:
        """Return scales for intervals: less shrunk, and jumps never ruled out.

        Scales found from the data are too sure of themselves: what they rule out has no part in
        the posterior variance any more (undersmoothing: Hall 1992, Annals of Statistics 20:675).
        """
        column = self.column.copy()
        for kind, at in basis.groups():
            if kind != "intercept":
                column[at] *= WIDER
            if kind == "steps":
                column[at] = np.maximum(column[at], LEAST_STEPS)
        return Scales(column, self.noise)


def refine(basis: Basis, found: Sums, noise: float) -> Scales:
    """Rescale the prior of each group of columns, and the noise, by what all rows say.

    A group whose weights are smaller than the data could show shrinks towards nothing, so that
    an effect that does not vary becomes a constant.

    References
    ----------
    MacKay 1992, Neural Computation 4:415-447 (evidence for several prior variances).
    """
    groups = [(kind, at) for kind, at in basis.groups() if kind != "intercept"]
    scale = np.ones(basis.width)
    for _ in range(ROUNDS):
        mean, covariance = _posterior(found, Scales(scale, noise))
        moved, used = 0.0, 0.0
        following = scale.copy()
        for kind, at in groups:
            own, held = scale[at][0] ** 2, float(np.trace(covariance[at, at]))
            known = max((at.stop - at.start) - held / own, 0.0)
            rows, size = PRIOR_ROWS[kind]
            value = (float(mean[at] @ mean[at]) + 2 * rows * size) / (known + 2 * rows)
            following[at] = np.clip(np.sqrt(value), LEAST_SCALE, MOST_SCALE)
            moved = max(moved, abs(float(np.log(following[at][0] / scale[at][0]))))
            used += known
        left = found.square - 2 * float(found.moment @ mean) + float(mean @ found.gram @ mean)
        noise = max(left, 1e-9 * found.rows) / max(found.rows - used, 0.1 * found.rows)
        scale = following
        if moved < SETTLED:
            break
    return Scales(scale, noise)


def _posterior(found: Sums, scales: Scales) -> tuple[Floats, Floats]:
    """Return mean and covariance of the weights of the columns as they are."""
    s = scales.column
    precision = found.gram * (s[:, None] * s[None, :] / scales.noise)
    precision.flat[:: len(s) + 1] += 1.0
    inverse = inverted(precision.copy())[1]
    if inverse is None:
        precision.flat[:: len(s) + 1] += 1e-6 * float(np.trace(precision)) / len(s)
        inverse = np.asarray(np.linalg.pinv(precision, hermitian=True), dtype=np.float64)
    covariance = inverse * (s[:, None] * s[None, :])
    return covariance @ (found.moment / scales.noise), covariance


@dataclass(frozen=True)
class Surface:
    """What is believed of the surfaces after the data: a Gaussian over the columns' weights."""

    basis: Basis
    mean: Floats
    covariance: Floats

    @staticmethod
    def of(basis: Basis, found: Sums, scales: Scales, cautious: bool = False) -> Surface:
        """Return the posterior; `cautious` widens its covariance, not its mean."""
        mean, covariance = _posterior(found, scales)
        if cautious:
            covariance = _posterior(found, scales.cautious(basis))[1]
        return Surface(basis, mean, covariance)

    def outcomes(self, design: Floats) -> Floats:
        """Return the expected outcome in every arm, shape (n, K)."""
        basis = self.basis
        answer = np.empty((len(design), len(basis.arms)))
        for rows in _pieces(len(design)):
            level = basis.shared.columns(design[rows]) @ self.mean[: basis.shared.width]
            for one, part in enumerate(basis.arms):
                own = part.columns(design[rows]) @ self.mean[basis.block(one)]
                answer[rows, one] = level + own
        return answer

    def outcome_variance(self, design: Floats, arm: Ints) -> Floats:
        """Return the variance of each row's expected outcome in its own arm, shape (n,)."""
        basis = self.basis
        answer = np.empty(len(design))
        for one, part in enumerate(basis.arms):
            inside = np.flatnonzero(arm == one)
            at = np.r_[0 : basis.shared.width, basis.block(one)]
            spread = self.covariance[np.ix_(at, at)]
            for rows in _pieces(len(inside)):
                x = design[inside[rows]]
                columns = np.column_stack([basis.shared.columns(x), part.columns(x)])
                answer[inside[rows]] = _quadratic(columns, spread)
        return answer

    def effect(self, design: Floats, arm: int, reference: int) -> tuple[Floats, Floats]:
        """Return the effect of an arm against another and its variance, each of shape (n,)."""
        mean, variance = np.empty(len(design)), np.empty(len(design))
        at, spread = self._contrast(arm, reference)
        for rows in _pieces(len(design)):
            columns = self._columns(design[rows], arm, reference)
            mean[rows] = columns @ self.mean[at]
            variance[rows] = _quadratic(columns, spread)
        return mean, np.maximum(variance, 0.0)

    def mean_effect_variance(self, design: Floats, arm: int, reference: int) -> float:
        """Return the variance of the mean effect over rows."""
        at, spread = self._contrast(arm, reference)
        total = np.zeros(len(at))
        for rows in _pieces(len(design)):
            total += self._columns(design[rows], arm, reference).sum(axis=0)
        average = total / max(len(design), 1)
        return float(average @ spread @ average)

    def _columns(self, design: Floats, arm: int, reference: int) -> Floats:
        arms = self.basis.arms
        return np.column_stack([arms[arm].columns(design), -arms[reference].columns(design)])

    def _contrast(self, arm: int, reference: int) -> tuple[Ints, Floats]:
        at = np.r_[self.basis.block(arm), self.basis.block(reference)]
        return at, self.covariance[np.ix_(at, at)]


def _quadratic(columns: Floats, spread: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", columns @ spread, columns))


def _pieces(rows: int) -> list[slice]:
    return [slice(at, min(at + ROWS_AT_ONCE, rows)) for at in range(0, rows, ROWS_AT_ONCE)]


@dataclass(frozen=True)
class HeldOut:
    """What surfaces that did not see a row say of it, in its own arm.

    Parameters
    ----------
    level : shape (n,)
        Expected outcome.
    judged : shape (m,)
        Rows, evenly spread, whose uncertainty was worked out: at most `MOST_JUDGED`.
    variance : shape (m,)
        Variance of their expected outcome, the noise not included.
    """

    level: Floats
    judged: Ints
    variance: Floats


def held_out(
    basis: Basis, design: Floats, arm: Ints, parts: list[tuple[Bools, Sums]], scales: Scales
) -> HeldOut:
    """Predict every fold's rows from the others; kernels and scales come from all rows."""
    total = whole([part for _, part in parts])
    judged = np.arange(0, len(arm), -(-len(arm) // MOST_JUDGED))
    level, variance = np.empty(len(arm)), np.zeros(len(arm))
    for rows, part in parts:
        surface = Surface.of(basis, total.minus(part), scales)
        level[rows] = surface.outcomes(design[rows])[np.arange(int(rows.sum())), arm[rows]]
        some = judged[rows[judged]]
        variance[some] = surface.outcome_variance(design[some], arm[some])
    return HeldOut(level, judged, variance[judged])


def whole(parts: list[Sums]) -> Sums:
    """Return the sums of all parts."""
    total = parts[0]
    for part in parts[1:]:
        total = total.plus(part)
    return total
