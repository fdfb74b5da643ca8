"""Doubly robust scores: one number per row and arm whose mean is the arm's expected outcome."""

from __future__ import annotations

import numpy as np

from osler.effect.nuisance import Nuisance
from osler.effect.problem import Problem
from osler.learn.losses import Floats


def doubly_robust(problem: Problem, nuisance: Nuisance) -> Floats:
    """Return the augmented inverse-probability score of every row and arm, shape (n, K).

    ``m_a(x) + 1{A = a} / e_a(x) · (Y − m_a(x))``: its mean estimates the mean outcome had all
    been treated with a, consistently if either nuisance is; a difference of two columns has the
    conditional effect as its conditional mean.

    References
    ----------
    Robins, Rotnitzky & Zhao 1994, JASA 89:846-866; Chernozhukov et al. 2018, Econometrics
    Journal 21:C1-C68, doi:10.1111/ectj.12097.
    """
    residual = (nuisance.pseudo[:, None] - nuisance.outcome) * problem.one_hot()
    return np.asarray(nuisance.outcome + residual / nuisance.propensity)
