"""The chance of each arm given the covariates, by models that did not see the row."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, softmax

from osler.effect.problem import Problem
from osler.effect.regression import FEW_COLUMNS, MOST_COLUMNS, simplex, strongest
from osler.learn.boosting import TreeData, boost_over_folds, settings_for
from osler.learn.designs import Designs
from osler.learn.linear import ridge
from osler.learn.losses import Floats, Ints, LogisticLoss, level_of

PENALTIES = (1.0, 30.0)
CURVED = 10.0  # beyond the last few rows a curve runs away, and one over a chance with it
MOST_STEPS = 200


def propensities(problem: Problem, designs: Designs, fold: Ints, seed: int, fast: bool) -> Floats:
    """Return the chance of each arm, shape (n, K); each row sums to one, nothing is clipped.

    Known chances are used as they are; drawn by lot without them, each arm has its share of the
    rows; otherwise they are learned: a penalised multinomial regression and, unless `fast`, a
    stronger penalised one and boosted trees with it, mixed by the convex weights under which the
    rows' own arms were most likely.
    """
    if problem.probability is not None:
        return problem.probability
    if problem.randomised:
        share = np.bincount(problem.arm, minlength=problem.arms) / problem.rows
        return np.tile(share, (problem.rows, 1))
    candidates = [_linear(problem, designs, fold, penalty) for penalty in PENALTIES]
    if fast:
        return candidates[0]
    if designs.linear_width > 2 * FEW_COLUMNS:
        candidates.append(_linear(problem, designs, fold, PENALTIES[0], FEW_COLUMNS))
    return _mixed([*candidates, _boosted(problem, designs, fold, seed)], problem.arm)


def _linear(
    problem: Problem, designs: Designs, fold: Ints, penalty: float, most: int = MOST_COLUMNS
) -> Floats:
    design = designs.every(1)
    each = np.where(designs.encoding.linear_curved, CURVED, 1.0) * penalty
    chance = np.empty((problem.rows, problem.arms))
    for one in np.unique(fold):
        held = fold == one
        chance[held] = _fitted(
            design[~held], problem.arm[~held], problem.arms, design[held], each, most
        )
    return chance


def _boosted(problem: Problem, designs: Designs, fold: Ints, seed: int) -> Floats:
    """Return chances from boosted trees of each arm against the rest, brought to sum to one."""
    held = [fold == one for one in np.unique(fold)]
    learn = [~h for h in held]
    data = [TreeData(designs.trees[rows]) for rows in learn]
    settings = settings_for(*designs.trees.shape)[0]
    odds = np.zeros((problem.rows, problem.arms))
    for arm in range(1 if problem.arms == 2 else 0, problem.arms):
        loss = LogisticLoss((problem.arm == arm).astype(np.float64))
        grown = boost_over_folds(designs.trees, loss, held, settings, seed, data=data)
        odds[:, arm] = grown.scores + level_of(loss)
    if problem.arms == 2:
        return np.asarray(softmax(odds, axis=1))
    chance = expit(odds)
    return np.asarray(chance / chance.sum(axis=1, keepdims=True))


def _mixed(candidates: list[Floats], arm: Ints) -> Floats:
    """Mix chances by the convex weights under which the rows' own arms were most likely."""
    own = np.stack([one[np.arange(len(arm)), arm] for one in candidates], axis=1)

    def objective(at: Floats) -> tuple[float, Floats]:
        mix = np.maximum(own @ at, 1e-300)
        return -float(np.mean(np.log(mix))), -np.mean(own / mix[:, None], axis=0)

    weights = simplex(objective, len(candidates))
    return np.asarray(np.tensordot(weights, np.stack(candidates), 1))


def _fitted(
    design: Floats, arm: Ints, arms: int, asked: Floats, penalty: Floats, most: int
) -> Floats:
    kept = strongest(design, np.eye(arms)[arm], most)
    design, asked, penalty = design[:, kept], asked[:, kept], penalty[kept]
    if arms == 2:
        loss = LogisticLoss((arm == 1).astype(np.float64))
        fit = ridge(design, loss, penalty)
        odds = fit.predict(asked)
        return np.column_stack([expit(-odds), expit(odds)])
    coefficients = _multinomial(np.column_stack([np.ones(len(design)), design]), arm, arms, penalty)
    return np.asarray(softmax(coefficients[0] + asked @ coefficients[1:], axis=1))


def _multinomial(design: Floats, arm: Ints, arms: int, strength: Floats) -> Floats:
    """Return penalised coefficients, shape (p, K); the first row of the design is the level."""
    target = np.eye(arms)[arm]
    penalty = np.concatenate([[0.0], strength])[:, None]

    def objective(flat: Floats) -> tuple[float, Floats]:
        b = flat.reshape(design.shape[1], arms)
        eta = design @ b
        top = eta.max(axis=1)
        value = float(np.sum(np.log(np.exp(eta - top[:, None]).sum(axis=1)) + top))
        value += float(0.5 * np.sum(penalty * b**2) - np.sum(eta * target))
        slope = design.T @ (softmax(eta, axis=1) - target) + penalty * b
        return value, slope.ravel()

    start = np.zeros(design.shape[1] * arms)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    return np.asarray(found.x).reshape(design.shape[1], arms)
