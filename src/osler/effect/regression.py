"""The expected outcome in each arm given the covariates, by models that did not see the row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from osler.effect.problem import BINARY, Problem
from osler.learn.boosting import TreeSettings, boost_over_folds, settings_for
from osler.learn.designs import Designs
from osler.learn.linear import ridge
from osler.learn.losses import Bools, Floats, Ints, LogisticLoss, Loss, expit, level_of

PENALTIES = np.geomspace(0.1, 3000.0, 10)
LOGISTIC_PENALTIES = (1.0, 30.0)
FAST_PENALTY = 3.0
FEWEST_FOR_OWN_TREES = 200
MOST_COLUMNS = 300
FEW_COLUMNS = 20  # of wide designs a second regression keeps so many: a few causes, much noise


class SquaredLoss:
    """Half the sum of squared differences from a number, already centred and scaled.

    Parameters
    ----------
    target : shape (n,)
    """

    def __init__(self, target: Floats) -> None:
        self.target = np.asarray(target, dtype=np.float64)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.target)

    def value(self, eta: Floats) -> float:
        """Return half the sum of squares."""
        return float(0.5 * np.sum((eta - self.target) ** 2))

    def curvature(self, eta: Floats) -> tuple[Floats, Floats]:
        """Return the difference, and one."""
        return eta - self.target, np.ones(len(eta))

    def hessian(self, eta: Floats, design: Floats) -> Floats:
        """Return X'X."""
        del eta
        return np.asarray(design.T @ design)

    def subset(self, keep: Bools) -> SquaredLoss:
        """Return the loss on some of the rows."""
        return SquaredLoss(self.target[keep])


@dataclass(frozen=True)
class Ridge:
    """A penalised straight line in the columns of a design, its penalty by cross-validation.

    Parameters
    ----------
    level
        Mean of the outcome over the rows it was learned from.
    centre, coefficients : shape (p,)
    """

    level: float
    centre: Floats
    coefficients: Floats

    def predict(self, design: Floats) -> Floats:
        """Return the expected outcome, shape (n,)."""
        return np.asarray(self.level + (design - self.centre) @ self.coefficients)

    @staticmethod
    def fit(design: Floats, y: Floats) -> Ridge:
        """Learn, with the penalty of least generalised cross-validation.

        References
        ----------
        Golub, Heath & Wahba 1979, Technometrics 21:215-223.
        """
        level, centre = float(y.mean()), design.mean(axis=0)
        x, target = design - centre, y - level
        sizes, axes = np.linalg.eigh(x.T @ x)
        sizes = np.maximum(sizes, 0.0)
        along = axes.T @ (x.T @ target)
        shrunk = sizes[:, None] + PENALTIES
        fitted = 2 * np.sum(along[:, None] ** 2 / shrunk, axis=0)
        fitted -= np.sum(sizes[:, None] * along[:, None] ** 2 / shrunk**2, axis=0)
        left = np.maximum(target @ target - fitted, 0.0)
        freedom = 1.0 + np.sum(sizes[:, None] / shrunk, axis=0)
        score = left / np.maximum(len(y) - freedom, 1e-3) ** 2
        best = PENALTIES[int(np.argmin(score))]
        return Ridge(level, centre, axes @ (along / (sizes + best)))


def outcomes(problem: Problem, designs: Designs, fold: Ints, seed: int, fast: bool) -> Floats:
    """Return the expected outcome of every row in every arm, shape (n, K).

    Penalised regressions within each arm and, unless `fast`, boosted trees of all arms together
    and of each arm; all cross-fitted on the same folds and mixed with non-negative weights that
    sum to one, those of least squared error on the rows' own arms.

    References
    ----------
    Ahrens, Hansen, Schaffer & Wiemann 2025, J Applied Econometrics 40:249-269,
    doi:10.1002/jae.3103 (short-stacking).
    """
    task = _Task(problem, designs, fold, seed)
    candidates = list(task.fast() if fast else task.all())
    return mixed(candidates, problem.number, problem.arm)


def mixed(candidates: list[Floats], y: Floats, arm: Ints) -> Floats:
    """Mix predictions (n, K) by the convex weights of least squared error on the rows' own arms."""
    if len(candidates) == 1:
        return candidates[0]
    own = np.stack([one[np.arange(len(y)), arm] for one in candidates], axis=1)
    weights = convex_weights(own, y)
    return np.asarray(np.tensordot(weights, np.stack(candidates), 1))


def convex_weights(predictions: Floats, y: Floats) -> Floats:
    """Return non-negative weights that sum to one with the least squared error, shape (m,)."""
    scale = float(np.mean((predictions - y[:, None]) ** 2)) or 1.0
    gap = (predictions - y[:, None]) / np.sqrt(scale)
    gram = gap.T @ gap / len(y)

    def objective(at: Floats) -> tuple[float, Floats]:
        return float(at @ gram @ at), 2 * gram @ at

    return simplex(objective, predictions.shape[1])


def simplex(objective: Callable[[Floats], tuple[float, Floats]], count: int) -> Floats:
    """Return the non-negative weights summing to one that minimise a convex function."""
    found = minimize(
        objective,
        np.full(count, 1.0 / count),
        jac=True,
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda at: at.sum() - 1.0},
        method="SLSQP",
    )
    weights = np.clip(found.x, 0.0, 1.0)
    return np.asarray(weights / weights.sum())


def strongest(design: Floats, targets: Floats, most: int = MOST_COLUMNS) -> Ints:
    """Return which columns go most with any of the targets, all of them where they are few.

    Parameters
    ----------
    design : shape (n, p)
        Rows that are learned from, and no others.
    targets : shape (n, k)

    References
    ----------
    Fan & Lv 2008, J R Stat Soc B 70:849-911 (screening by marginal strength).
    """
    if design.shape[1] <= most:
        return np.arange(design.shape[1])
    x, y = design - design.mean(axis=0), targets - targets.mean(axis=0)
    size = np.sqrt(np.maximum(np.sum(x**2, axis=0), 1e-12))
    scale = np.sqrt(np.maximum(np.sum(y**2, axis=0), 1e-12))
    together = np.max(np.abs(x.T @ y) / scale, axis=1) / size
    return np.sort(np.argsort(-together, kind="stable")[:most])


class _Task:
    """The candidates for one problem's expected outcomes."""

    def __init__(self, problem: Problem, designs: Designs, fold: Ints, seed: int) -> None:
        self._problem, self._designs, self._fold, self._seed = problem, designs, fold, seed
        self._y = problem.number
        self._held = [fold == one for one in np.unique(fold)]
        self._binary = problem.kind == BINARY

    def fast(self) -> Iterator[Floats]:
        yield self._linear(FAST_PENALTY)

    def all(self) -> Iterator[Floats]:
        if self._binary:
            for penalty in LOGISTIC_PENALTIES:
                yield self._linear(penalty)
        else:
            yield self._linear(FAST_PENALTY)
        if self._designs.linear_width > 2 * FEW_COLUMNS:
            yield self._linear(LOGISTIC_PENALTIES[0], FEW_COLUMNS)
        yield self._shared_trees()
        if np.bincount(self._problem.arm).min() >= FEWEST_FOR_OWN_TREES:
            yield self._own_trees()

    def _linear(self, penalty: float, most: int = MOST_COLUMNS) -> Floats:
        """Return penalised regressions within each arm."""
        design = self._designs.every(1)
        answer = np.empty((self._problem.rows, self._problem.arms))
        for held in self._held:
            for arm in range(self._problem.arms):
                rows = ~held & (self._problem.arm == arm)
                answer[held, arm] = _line(
                    design[rows], self._y[rows], design[held], penalty, self._binary, most
                )
        return answer

    def _scaled(self) -> tuple[Loss, float, float]:
        if self._binary:
            loss: Loss = LogisticLoss(self._y)
            return loss, level_of(loss), 1.0
        level, scale = float(self._y.mean()), float(self._y.std()) or 1.0
        return SquaredLoss((self._y - level) / scale), level, scale

    def _settings(self, rows: int) -> TreeSettings:
        return settings_for(rows, self._designs.trees.shape[1])[0]

    def _shared_trees(self) -> Floats:
        """Return boosted trees of all arms, the arm being columns of their own."""
        loss, level, scale = self._scaled()
        arms = self._problem.arms
        trees = np.column_stack([self._problem.one_hot(), self._designs.trees])
        grown = boost_over_folds(trees, loss, self._held, self._settings(len(trees)), self._seed)
        answer = np.empty((len(trees), arms))
        for held, one in zip(self._held, grown.trees, strict=True):
            asked = trees[held]
            for arm in range(arms):
                asked[:, :arms] = np.arange(arms) == arm
                answer[held, arm] = one.predict(asked, 0, grown.rounds) if grown.rounds else 0.0
        return self._answered(answer, level, scale)

    def _own_trees(self) -> Floats:
        """Return boosted trees of each arm."""
        loss, level, scale = self._scaled()
        design = self._designs.trees
        answer = np.empty((len(design), self._problem.arms))
        for arm in range(self._problem.arms):
            inside = self._problem.arm == arm
            part = [held & inside for held in self._held]
            learn = [inside & ~held for held in self._held]
            grown = boost_over_folds(
                design, loss, part, self._settings(int(inside.sum())), self._seed, learn=learn
            )
            for held, one in zip(self._held, grown.trees, strict=True):
                answer[held, arm] = (
                    one.predict(design[held], 0, grown.rounds) if grown.rounds else 0.0
                )
        return self._answered(answer, level, scale)

    def _answered(self, scores: Floats, level: float, scale: float) -> Floats:
        return expit(scores + level) if self._binary else level + scale * scores


def _line(
    design: Floats, y: Floats, asked: Floats, penalty: float, binary: bool, most: int
) -> Floats:
    kept = strongest(design, y[:, None], most)
    design, asked = design[:, kept], asked[:, kept]
    if not binary:
        return Ridge.fit(design, y).predict(asked)
    if y.min() == y.max():
        return np.full(len(asked), float(y[0]))
    centre = design.mean(axis=0)
    fit = ridge(design - centre, LogisticLoss(y), np.full(design.shape[1], penalty))
    return expit(fit.predict(asked - centre))
