"""Doubly robust scores: one number per row and arm whose mean is the arm's expected outcome."""

from __future__ import annotations

import numpy as np

from osler.effect.nuisance import Nuisance
from osler.effect.problem import Problem
from osler.learn.losses import Floats


def doubly_robust(problem: Problem, nuisance: Nuisance) -> Floats:
    """Return the augmented inverse-probability score of every row and arm, shape (n, K).

    ``m_a(x) + 1{A = a} / e_a(x) · (Y − m_a(x))``, with each arm's expected outcomes first moved by
    the weighted mean of its residuals, which is one targeting step. The mean estimates the mean
    outcome had all been treated with a, consistently if either nuisance is right; a difference of
    two columns has the conditional effect as its conditional mean.

    References
    ----------
    Robins, Rotnitzky & Zhao 1994, JASA 89:846-866; van der Laan & Rubin 2006, Int J Biostatistics
    2(1), doi:10.2202/1557-4679.1043 (targeting); Chernozhukov et al. 2018, Econometrics Journal
    21:C1-C68, doi:10.1111/ectj.12097 (cross-fitting).
    """
    weight = problem.one_hot() / nuisance.propensity
    residual = nuisance.pseudo[:, None] - nuisance.outcome
    moved = np.sum(weight * residual, axis=0) / weight.sum(axis=0)
    return np.asarray(nuisance.outcome + moved + weight * (residual - moved))
