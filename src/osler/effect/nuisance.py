"""What must be known besides the effect: who got which treatment, and what was to be expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from osler.effect.problem import Problem
from osler.learn.losses import Floats, Ints
from osler.learn.splits import stratified_folds

DEFAULT, FAST = "default", "fast"


@dataclass(frozen=True)
class Nuisance:
    """Cross-fitted: every row by models that did not see it or any row of its subject.

    Parameters
    ----------
    propensity : shape (n, K)
        Chance of each arm given the covariates; rows sum to one. Never clipped.
    outcome : shape (n, K)
        Expected outcome in each arm, on the scale of `pseudo`.
    fold : shape (n,)
        Which fold each row was held out in.
    pseudo : shape (n,)
        The observed outcome; for time to event a censoring-unbiased stand-in whose mean given
        covariates and arm is the chance of the event by the horizon (or the mean time).
    """

    propensity: Floats
    outcome: Floats
    fold: Ints
    pseudo: Floats


def estimate(problem: Problem, seed: int = 0, learner: str = DEFAULT, folds: int = 5) -> Nuisance:
    """Cross-fit the nuisances of a problem.

    Parameters
    ----------
    learner
        ``"default"`` (penalised linear predictors and boosted trees, weighed) or ``"fast"``
        (penalised linear predictors only).
    """
    del learner  # TODO
    fold = stratified_folds(problem.arm, folds, seed, problem.cluster)
    n, k = problem.rows, problem.arms
    share = np.bincount(problem.arm, minlength=k) / n
    pseudo = problem.number
    mean = np.array([pseudo[problem.arm == a].mean() for a in range(k)])
    return Nuisance(np.tile(share, (n, 1)), np.tile(mean, (n, 1)), fold, pseudo)
