"""The chance of each arm given the covariates, by models that did not see the row."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from osler.effect.problem import Problem
from osler.learn.clock import Clock
from osler.learn.designs import Designs
from osler.learn.linear import ridge
from osler.learn.losses import Floats, Ints, LogisticLoss, expit
from osler.learn.multinomial import learn_classes

PENALTY = 1.0
MOST_STEPS = 200


def propensities(problem: Problem, designs: Designs, fold: Ints, seed: int, fast: bool) -> Floats:
    """Return the chance of each arm, shape (n, K); each row sums to one, nothing is clipped.

    Known chances are used as they are; drawn by lot without them, each arm has its share of the
    rows; otherwise they are learned: a penalised multinomial regression, and with it boosted trees
    unless `fast`.
    """
    if problem.probability is not None:
        return problem.probability
    if problem.randomised:
        share = np.bincount(problem.arm, minlength=problem.arms) / problem.rows
        return np.tile(share, (problem.rows, 1))
    if not fast:
        return learn_classes(designs, problem.arm, problem.arms, fold, seed, Clock(None))[1]
    design = designs.every(1)
    chance = np.empty((problem.rows, problem.arms))
    for one in np.unique(fold):
        held = fold == one
        chance[held] = _fitted(design[~held], problem.arm[~held], problem.arms, design[held])
    return chance


def _fitted(design: Floats, arm: Ints, arms: int, asked: Floats) -> Floats:
    if arms == 2:
        loss = LogisticLoss((arm == 1).astype(np.float64))
        fit = ridge(design, loss, np.full(design.shape[1], PENALTY))
        chance = expit(fit.predict(asked))
        return np.column_stack([1.0 - chance, chance])
    coefficients = _multinomial(np.column_stack([np.ones(len(design)), design]), arm, arms)
    return np.asarray(softmax(coefficients[0] + asked @ coefficients[1:], axis=1))


def _multinomial(design: Floats, arm: Ints, arms: int) -> Floats:
    """Return penalised coefficients, shape (p, K); the first row of the design is the level."""
    target = np.eye(arms)[arm]
    penalty = np.full((design.shape[1], 1), PENALTY)
    penalty[0] = 0.0

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
