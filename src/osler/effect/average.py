"""Average effects of everyone and of groups, with intervals from the influence function."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import t as student

from osler.effect.nuisance import Nuisance
from osler.effect.problem import BINARY, CONTINUOUS, RMST, Problem
from osler.errors import Fault, InputError
from osler.learn.losses import Bools, Floats, Ints
from osler.model.estimate import Estimate

FEWEST_IN_GROUP = 20
UNREMARKABLE = 0.1


def average(
    scores: Floats,
    problem: Problem,
    arm: int,
    reference: int | None = None,
    level: float = 0.95,
    nuisance: Nuisance | None = None,
) -> Estimate:
    """Return the average effect of an arm against the reference, with its interval.

    The standard error is that of the mean of the scores, summed within subjects; the quantile is
    Student's with subjects − 1 degrees of freedom. Where `nuisance` is given, the interval also
    heeds rows with large weights that could have been drawn and were not; see `strained`.

    Parameters
    ----------
    scores : shape (n, K)
        Out of `doubly_robust`.
    """
    everyone = np.ones(len(scores), dtype=bool)
    return _among(everyone, scores, problem, arm, reference, level, nuisance)


def by_group(
    scores: Floats,
    groups: Any,
    problem: Problem,
    arm: int,
    reference: int | None = None,
    level: float = 0.95,
    nuisance: Nuisance | None = None,
) -> dict[str, Estimate]:
    """Return the average effect within every group, by the group's name, in sorted order.

    Groups must be made of what was known at time zero. One of fewer than twenty rows has NaN.

    Parameters
    ----------
    groups : shape (n,)
        A label per row.
    """
    labels = np.array([str(one) for one in np.asarray(groups).tolist()])
    if labels.shape != (len(scores),):
        raise InputError(Fault("groups", f"shape {labels.shape}", f"({len(scores)},)"))
    return {
        str(label): _in_group(
            _among(labels == label, scores, problem, arm, reference, level, nuisance)
        )
        for label in np.unique(labels)
    }


def _in_group(found: Estimate) -> Estimate:
    if found.n is not None and found.n < FEWEST_IN_GROUP:
        nan = float("nan")
        found = replace(found, value=nan, low=nan, high=nan)
    return replace(found, meaning=f"{found.meaning}, within the group")


def _among(
    inside: Bools,
    scores: Floats,
    problem: Problem,
    arm: int,
    reference: int | None,
    level: float,
    nuisance: Nuisance | None,
) -> Estimate:
    reference = problem.reference if reference is None else reference
    difference = (scores[:, arm] - scores[:, reference])[inside]
    value, error, subjects = mean_and_error(difference, problem.cluster[inside])
    if nuisance is not None and len(difference) > 1:
        error *= strained(problem, nuisance, arm, reference, inside, float(np.var(difference)))
    text = meaning(problem, arm, reference)
    return _estimate(value, error, subjects, len(difference), level, text)


def strained(
    problem: Problem,
    nuisance: Nuisance,
    arm: int,
    reference: int,
    inside: Bools,
    empirical: float,
) -> float:
    """Return by how much a standard error grows for large weights that were not drawn.

    Where chances are small, a few rows carry most of the variance, and a sample without them looks
    surer than it is. The variance that weights of these chances are expected to give (residuals
    alike within an arm) is had from everyone's chances, not from those who happened to be treated.
    If it is larger by more than a tenth, the variance is moved half of the way beyond that.
    """
    expected = float(np.var(nuisance.outcome[inside, arm] - nuisance.outcome[inside, reference]))
    for one in (arm, reference):
        rows = inside & (problem.arm == one)
        if rows.sum() < FEWEST_IN_GROUP:
            rows = problem.arm == one
        weight = 1.0 / nuisance.propensity[rows, one]
        residual = nuisance.pseudo[rows] - nuisance.outcome[rows, one]
        spread = float(weight @ residual**2 / weight.sum())
        expected += spread * float(np.mean(1.0 / nuisance.propensity[inside, one]))
    if not empirical > 0:
        return 1.0
    return float(np.sqrt(1.0 + 0.5 * max(expected / empirical - 1.0 - UNREMARKABLE, 0.0)))


def overlap_average(
    scores: Floats,
    problem: Problem,
    nuisance: Nuisance,
    arm: int,
    reference: int | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the average effect in the overlap population of two arms.

    Each row counts by ``e_a e_r / (e_a + e_r)``, most where both arms were as likely, nothing
    where one was certain; no chance is cut off. The interval counts that the weights are learned.

    References
    ----------
    Li, Morgan & Zaslavsky 2018, JASA 113:390-400, doi:10.1080/01621459.2016.1260466; Crump, Hotz,
    Imbens & Mitnik 2006, NBER technical working paper 330 (influence function).
    """
    reference = problem.reference if reference is None else reference
    a, r = nuisance.propensity[:, arm], nuisance.propensity[:, reference]
    weight = a * r / (a + r)
    learned = (r / (a + r)) ** 2 * ((problem.arm == arm) - a)
    learned += (a / (a + r)) ** 2 * ((problem.arm == reference) - r)
    if problem.randomised or problem.probability is not None:
        learned = np.zeros(len(a))
    expected = nuisance.outcome[:, arm] - nuisance.outcome[:, reference]
    above = weight * (scores[:, arm] - scores[:, reference]) + learned * expected
    below = weight + learned
    value = float(above.sum() / below.sum())
    influence = (above - value * below) / below.mean()
    _, error, subjects = mean_and_error(influence, problem.cluster)
    text = meaning(problem, arm, reference).replace("over the rows", "over the overlap population")
    return _estimate(value, error, subjects, len(scores), level, text)


def trimmed_average(
    scores: Floats,
    problem: Problem,
    inside: Bools,
    arm: int,
    reference: int | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the average effect among the rows within common support, taken as given.

    References
    ----------
    Crump, Hotz, Imbens & Mitnik 2009, Biometrika 96:187-199, doi:10.1093/biomet/asn055.
    """
    reference = problem.reference if reference is None else reference
    difference = (scores[:, arm] - scores[:, reference])[inside]
    value, error, subjects = mean_and_error(difference, problem.cluster[inside])
    text = meaning(problem, arm, reference).replace("the rows", "the rows within common support")
    return _estimate(value, error, subjects, int(inside.sum()), level, text)


def mean_and_error(
    values: Floats, cluster: Ints, weight: Floats | None = None
) -> tuple[float, float, int]:
    """Return a (weighted) mean, its standard error summed within subjects, and their number."""
    w = np.ones(len(values)) if weight is None else weight
    total = float(w.sum())
    mean = float(w @ values) / total
    member = np.unique(cluster, return_inverse=True)[1]
    sums = np.bincount(member, w * (values - mean))
    count = len(sums)
    if count < 2:
        return mean, float("nan"), count
    error = np.sqrt(count / (count - 1) * float(sums @ sums)) / total
    return mean, float(error), count


def _estimate(
    value: float, error: float, subjects: int, n: int, level: float, text: str
) -> Estimate:
    if not 0 < level < 1:
        raise InputError(Fault("level", "a value outside (0, 1)", "such as 0.95"))
    half = float(student.ppf(0.5 + level / 2, max(subjects - 1, 1))) * error
    return Estimate(value, value - half, value + half, level, n, text)


def meaning(problem: Problem, arm: int, reference: int) -> str:
    """Say in words what a difference of two arms is."""
    what = _measure(problem)
    return (
        f"{what}, {problem.labels[arm]} minus {problem.labels[reference]}, averaged over the rows; "
        "augmented inverse-probability estimate with an influence-function interval"
    )


def _measure(problem: Problem) -> str:
    if problem.kind == CONTINUOUS:
        return "difference of the mean outcome"
    if problem.kind == BINARY:
        return "difference of the risk"
    if problem.measure == RMST:
        return f"difference of the mean time without any event up to {problem.horizon:g}"
    of = "any cause" if problem.cause is None else f"cause {problem.cause}"
    return f"difference of the risk of {of} by {problem.horizon:g}"
