"""The hazard ratio between arms: a description of a whole follow-up, not an effect at a time."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from osler.effect.problem import Problem
from osler.errors import NotEstimable
from osler.learn.linear import ridge
from osler.learn.losses import CoxLoss
from osler.model.estimate import Estimate

FEWEST_EVENTS = 5


def hazard_ratios(problem: Problem, level: float = 0.95) -> dict[str, Estimate]:
    """Return each arm's hazard ratio against the reference, by label, without adjustment.

    Cox's partial likelihood with the arms alone and Efron's ties. For a randomised comparison it
    describes the arms; it is an average over time whose weights depend on the censoring, and
    those at risk later are no longer alike, so no effect is made of it.

    References
    ----------
    Cox 1972, J R Stat Soc B 34:187-220; Hernán 2010, Epidemiology 21:13-15,
    doi:10.1097/EDE.0b013e3181c1ea43 (what a hazard ratio is not).
    """
    y = problem.survival
    happened = y.event > 0 if problem.cause is None else y.event == problem.cause
    events = np.bincount(problem.arm[happened], minlength=problem.arms)
    if events.min() < FEWEST_EVENTS:
        scarce = problem.labels[int(np.argmin(events))]
        raise NotEstimable(f"fewer than {FEWEST_EVENTS} events in arm {scarce}")
    others = [arm for arm in range(problem.arms) if arm != problem.reference]
    design = problem.one_hot()[:, others]
    loss = CoxLoss(y.time, happened)
    fit = ridge(design, loss, np.zeros(len(others)))
    information = loss.hessian(fit.predict(design), design)
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    half = float(ndtri(0.5 + level / 2)) * error
    return {
        problem.labels[arm]: Estimate(
            float(np.exp(b)),
            float(np.exp(b - h)),
            float(np.exp(b + h)),
            level,
            problem.rows,
            f"hazard ratio, {problem.labels[arm]} against {problem.labels[problem.reference]}, "
            "over the whole follow-up; a description, not an effect at a time",
        )
        for arm, b, h in zip(others, fit.coefficients, half, strict=True)
    }
