"""What must be known besides the effect: who got which treatment, and what was to be expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from osler.effect.problem import TIME_TO_EVENT, Problem
from osler.effect.propensity import propensities
from osler.effect.regression import outcomes
from osler.errors import Fault, InputError, NotEstimable
from osler.learn.designs import Designs
from osler.learn.encoding import Encoding
from osler.learn.losses import Floats, Ints
from osler.learn.preparing import fold_count
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

    Raises
    ------
    NotEstimable
        If an arm has too few subjects for a fold of its own, or nobody in it is followed to the
        horizon.
    """
    if learner not in (DEFAULT, FAST):
        raise InputError(Fault("learner", repr(learner), "'default' or 'fast'"))
    fold = folds_of(problem, seed, folds)
    designs = Designs(Encoding.fit(problem.frame, problem.named), problem.frame)
    fast = learner == FAST
    propensity = propensities(problem, designs, fold, seed, fast)
    if problem.kind == TIME_TO_EVENT:
        from osler.effect.censoring import time_outcomes

        outcome, pseudo = time_outcomes(problem, designs, fold, seed, fast)
    else:
        outcome, pseudo = outcomes(problem, designs, fold, seed, fast), problem.number
    return Nuisance(propensity, outcome, fold, pseudo)


def folds_of(problem: Problem, seed: int, folds: int = 5) -> Ints:
    """Assign rows to folds, arms spread evenly (with the outcome, where it is one of few).

    No subject is in two folds; every arm is learned from in every one.
    """
    level = problem.arm * 2
    if problem.kind == TIME_TO_EVENT:
        level = level + (problem.survival.event > 0)
    elif len(np.unique(problem.number)) == 2:
        level = level + (problem.number == problem.number.max())
    asked = fold_count(problem.rows, problem.rows, problem.subjects, folds)
    if problem.subjects < asked:
        raise NotEstimable("fewer subjects than folds: more people would be needed")
    fold = stratified_folds(level, asked, seed, problem.cluster)
    learned = [
        np.bincount(problem.arm[fold != one], minlength=problem.arms) for one in range(asked)
    ]
    if min(int(counts.min()) for counts in learned) < 2:
        raise NotEstimable(
            "an arm is made of so few subjects that it cannot be learned from without them: "
            "more people in each arm would be needed"
        )
    return fold
