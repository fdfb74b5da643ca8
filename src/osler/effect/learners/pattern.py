"""Who gains more than others, from residuals of outcome on residuals of treatment (R-learners)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from osler.effect.nuisance import Nuisance
from osler.effect.problem import Problem
from osler.effect.scores import doubly_robust
from osler.learn.boosting import TreeData, TreeSettings, boost
from osler.learn.losses import Bools, Floats, Ints

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
TREES, FEWEST_FOR_TREES = 60, 300


@dataclass(frozen=True)
class Contrast:
    """One arm against the reference, on the rows of both.

    Parameters
    ----------
    outcome : shape (n,)
        Outcome minus what was expected given the covariates alone.
    treatment : shape (n,)
        1 in the arm, 0 in the reference, minus the chance of the arm.
    score : shape (n,)
        Difference of the doubly robust scores.
    fold, cluster : shape (n,)
        By whom each row was held out; whose row it is.
    rows : shape (n,)
        Place of each row in the problem.
    """

    outcome: Floats
    treatment: Floats
    score: Floats
    fold: Ints
    cluster: Ints
    rows: Ints

    @staticmethod
    def of(problem: Problem, nuisance: Nuisance, arm: int) -> Contrast:
        """Make the residuals out of cross-fitted nuisances."""
        reference = problem.reference
        rows = np.flatnonzero(np.isin(problem.arm, (arm, reference)))
        pair = nuisance.propensity[rows][:, [reference, arm]]
        chance = pair[:, 1] / pair.sum(axis=1)
        expected = nuisance.outcome[rows]
        middle = (1 - chance) * expected[:, reference] + chance * expected[:, arm]
        scores = doubly_robust(problem, nuisance)[rows]
        return Contrast(
            nuisance.pseudo[rows] - middle,
            (problem.arm[rows] == arm) - chance,
            scores[:, arm] - scores[:, reference],
            nuisance.fold[rows],
            problem.cluster[rows],
            rows,
        )

    def steps(self) -> list[tuple[Bools, Bools]]:
        """Return for every fold but the first the rows before it and its own.

        Predictions from earlier folds alone make statistics of the folds uncorrelated. Were every
        fold predicted from all others, each pair of rows would count twice and chance would seem
        half as likely as it is.

        References
        ----------
        Wager 2024, Sequential validation of treatment heterogeneity, arXiv:2405.05534.
        """
        folds = np.unique(self.fold)
        return [(self.fold < one, self.fold == one) for one in folds[1:]]


class LinearPattern:
    """Effects linear in the covariates, penalised, for many outcomes of the same rows at once.

    References
    ----------
    Nie & Wager 2021, Biometrika 108:299-319 (R-learner); Golub, Heath & Wahba 1979,
    Technometrics 21:215-223 (generalised cross-validation chooses the penalty).
    """

    def __init__(self, design: Floats, contrast: Contrast) -> None:
        self._design, self._treatment, self._steps = design, contrast.treatment, contrast.steps()
        self._parts = [self._part(before) for before, _ in self._steps]

    def _part(self, rows: Bools) -> tuple[Floats, Floats, Floats, Floats]:
        u = self._treatment[rows]
        centre = (u**2) @ self._design[rows] / max(float(u @ u), 1e-12)
        columns = (self._design[rows] - centre) * u[:, None]
        values, vectors = eigh(columns.T @ columns)
        return columns, np.maximum(values, 0.0), vectors, u

    def ahead(self, outcome: Floats) -> Floats:
        """Return how much each row's effect differs from the average, by earlier folds.

        Rows of the first fold have 0.

        Parameters
        ----------
        outcome : shape (n, k)
            Residual outcomes.
        """
        answer = np.zeros(outcome.shape)
        for (before, rows), part in zip(self._steps, self._parts, strict=True):
            columns, values, vectors, u = part
            y = outcome[before]
            y = y - np.outer(u, (u @ y) / max(float(u @ u), 1e-12))
            along = vectors.T @ (columns.T @ y)
            weights = _by_gcv(along, values, (y**2).sum(axis=0), len(y))
            answer[rows] = self._design[rows] @ (vectors @ weights)
        return answer


def _by_gcv(along: Floats, values: Floats, square: Floats, rows: int) -> Floats:
    """Return the coefficients along the eigenvectors under the best penalty of each outcome."""
    unit = max(float(values.mean()), 1e-12) if len(values) else 1.0
    best, answer = np.full(along.shape[1], np.inf), np.zeros_like(along)
    for penalty in PENALTIES:
        share = 1.0 / (values + penalty * unit)
        used = float(values @ share)
        gained = (2 * share - values * share**2) @ along**2
        criterion = (square - gained) / max(rows - used - 1, 1.0) ** 2
        better = criterion < best
        answer[:, better] = (share[:, None] * along)[:, better]
        best = np.minimum(best, criterion)
    return answer


class _EffectLoss:
    """Half the squared distance of residual outcomes to residual treatment times effect."""

    def __init__(self, outcome: Floats, treatment: Floats) -> None:
        self._y, self._u = outcome, treatment

    @property
    def rows(self) -> int:
        return len(self._y)

    def value(self, eta: Floats) -> float:
        return 0.5 * float(np.sum((self._y - self._u * eta) ** 2))

    def curvature(self, eta: Floats) -> tuple[Floats, Floats]:
        return -self._u * (self._y - self._u * eta), self._u**2

    def hessian(self, eta: Floats, design: Floats) -> Floats:
        del eta
        return np.asarray(design.T @ (design * (self._u**2)[:, None]))

    def subset(self, keep: Bools) -> _EffectLoss:
        return _EffectLoss(self._y[keep], self._u[keep])


def boosted_pattern(design: Floats, contrast: Contrast, seed: int) -> Floats:
    """Return effects by boosted trees of earlier folds, shape (n,); zero on few rows."""
    answer = np.zeros(len(contrast.outcome))
    if not design.shape[1]:
        return answer
    scale = max(float(contrast.outcome.std()), 1e-12)
    for before, rows in contrast.steps():
        count = int(before.sum())
        if count < FEWEST_FOR_TREES:
            continue
        settings = TreeSettings(0.05, 6, 3, max(20, count // 50), 0.5, l2=5.0)
        y, u = contrast.outcome[before] / scale, contrast.treatment[before]
        level = float(u @ y) / max(float(u @ u), 1e-12)
        loss = _EffectLoss(y - level * u, u)
        trees = boost(TreeData(design[before]), loss, settings, TREES, seed)
        answer[rows] = trees.predict(design[rows]) * scale
    return answer
