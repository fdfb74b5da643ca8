"""One score per row: a penalised linear and a boosted predictor, weighed by cross-fitting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import nnls

from osler.learn.boosting import (
    BoostedFolds,
    TreeData,
    Trees,
    boost,
    boost_over_folds,
    settings_for,
)
from osler.learn.clock import Clock
from osler.learn.designs import Designs
from osler.learn.linear import ridge
from osler.learn.losses import Bools, Floats, Ints, Loss
from osler.learn.shrinkage import LinearFolds, Penalised, search_penalty

MOST_LINEAR_ROWS = 50_000
SPREAD_ROWS = 1000
DISAGREEMENT_PENALTY = 4.0


@dataclass(frozen=True)
class Spread:
    """Variance of a score from having learned on this sample and not another.

    The variance at x is ``floor + scale · x'Cx``: C is the penalised linear predictor's inverse
    information, and the two numbers bring it, on average over the training rows, to the
    delete-a-group jackknife variance of the whole score.

    References
    ----------
    Kott 2001, J Official Statistics 17:521-526 (delete-a-group jackknife).
    """

    floor: float
    scale: float
    columns: Ints
    covariance: Floats

    def variance(self, design: Floats) -> Floats:
        """Return the variance of the score of each row of the linear design."""
        x = design[:, self.columns]
        return np.asarray(self.floor + self.scale * np.sum((x @ self.covariance) * x, axis=1))


@dataclass(frozen=True)
class Score:
    """A fitted score: ``intercept + w₁ (linear − its mean) + w₂ (trees − their mean)``.

    Parameters
    ----------
    coefficients : shape (p_linear,)
        Zero for columns left out.
    means : shape (2,)
        Of the linear and of the boosted predictor over the training rows.
    weights : shape (2,)
        Non-negative; learned on out-of-fold scores, so that they calibrate the slope as well.
    shift : shape (p_linear,)
        Mean contribution of each linear design column; they add up to the linear mean.
    chosen
        Settings that cross-validation chose, for the model's card.
    """

    coefficients: Floats
    trees: Trees | None
    means: Floats
    weights: Floats
    intercept: float
    spread: Spread
    shift: Floats
    chosen: dict[str, Any]

    def predict(self, designs: Designs) -> Floats:
        """Return the score of each row, shape (n,)."""
        parts = _parts(self.coefficients, self.trees, designs, self.weights)
        return np.asarray(self.intercept + (parts - self.means) @ self.weights)

    def contributions(self, designs: Designs) -> tuple[float, Floats]:
        """Return a base and what each input column adds to it, shape (n, p); exactly additive."""
        encoding = designs.encoding
        answer = np.zeros((designs.rows, len(encoding.plans)))
        base = self.intercept
        if self.weights[0]:
            for rows, design in designs.linear():
                # The base is the mean, reached by spreading it over the columns.
                effect = self.weights[0] * (design * self.coefficients - self.shift)
                np.add.at(answer[rows].T, encoding.linear_owner, effect.T)
        if self.weights[1] and self.trees is not None and designs.rows:
            values = self.trees.contributions(designs.trees)
            np.add.at(answer.T, encoding.tree_owner, self.weights[1] * values[:, :-1].T)
            base += self.weights[1] * float(values[0, -1] - self.means[1])
        return float(base), answer


def _parts(coefficients: Floats, trees: Trees | None, designs: Designs, weights: Floats) -> Floats:
    parts = np.zeros((designs.rows, 2))
    if weights[0]:
        parts[:, 0] = designs.times(coefficients)
    if weights[1] and trees is not None:
        parts[:, 1] = trees.predict(designs.trees)
    return parts


def learn_score(
    designs: Designs, loss: Loss, fold: Ints, seed: int, clock: Clock
) -> tuple[Score, Floats]:
    """Fit both predictors, weigh them on out-of-fold scores, and refit on all rows.

    Parameters
    ----------
    fold : shape (n,)
        Fold of each row; rows of one subject share theirs.

    Returns
    -------
    The score, and every row's out-of-fold score (already weighed), shape (n,).
    """
    held = [fold == f for f in np.unique(fold)]
    linear = _LinearPart(designs, loss, held, clock)
    boosted = _boosted(designs.trees, loss, held, seed, clock)
    out_of_fold = np.column_stack([_centred(linear.scores, held), _centred(boosted.scores, held)])
    intercept, weights = weigh(out_of_fold, loss)
    trees = None
    if boosted.rounds and weights[1]:
        trees = boost(designs.trees, loss, boosted.settings, boosted.rounds, seed)
    coefficients = linear.coefficients
    weights = np.array([weights[0], weights[1] if trees is not None else 0.0])
    score = Score(
        coefficients,
        trees,
        _parts(coefficients, trees, designs, np.ones(2)).mean(axis=0),
        weights,
        intercept,
        _spread(linear, boosted, weights, designs),
        designs.linear_mean() * coefficients,
        {
            "penalty": linear.folds.penalty,
            "rare_penalty": linear.folds.rare_penalty,
            "rounds": boosted.rounds,
            "leaves": boosted.settings.leaves,
        },
    )
    return score, intercept + out_of_fold @ weights


def _centred(scores: Floats, held: list[Bools]) -> Floats:
    """Take out each fold's own level, which partial likelihoods leave free."""
    centred = scores.copy()
    for h in held:
        centred[h] -= scores[h].mean()
    return centred


class _LinearPart:
    """The linear predictor on at most `MOST_LINEAR_ROWS` rows, evenly taken."""

    def __init__(self, designs: Designs, loss: Loss, held: list[Bools], clock: Clock) -> None:
        stride = -(-designs.rows // MOST_LINEAR_ROWS)
        used = np.zeros(designs.rows, dtype=bool)
        used[::stride] = True
        design = designs.every(stride)
        used_loss = loss if stride == 1 else loss.subset(used)
        rare = designs.encoding.linear_rare
        self.folds: LinearFolds = search_penalty(
            design, used_loss, [h[used] for h in held], rare, clock
        )
        final: Penalised = self.folds.refit(design, used_loss, rare)
        self.coefficients = final.full(design.shape[1])
        self.information = final.information(design, used_loss)
        each = np.stack([fit.full(design.shape[1]) for fit in self.folds.fits], axis=1)
        self.scores = np.zeros(designs.rows)
        for h, scores in zip(held, designs.times(each).T, strict=True):
            self.scores[h] = scores[h]


def _boosted(
    design: Floats, loss: Loss, held: list[Bools], seed: int, clock: Clock
) -> BoostedFolds:
    data = [TreeData(design[~h]) for h in held]
    grown = [
        boost_over_folds(design, loss, held, settings, seed, lambda: clock.past(0.7), data)
        for number, settings in enumerate(settings_for(*design.shape))
        if number == 0 or not clock.past(0.5)
    ]
    return min(grown, key=lambda result: result.held_out_loss)


def weigh(scores: Floats, loss: Loss) -> tuple[float, Floats]:
    """Return an intercept and non-negative weights of two scores that minimise the loss.

    Weights are drawn a little towards each other, since the two scores are much alike.

    References
    ----------
    Breiman 1996, Machine Learning 24:49-64 (non-negative stacking).
    """
    half = scores / 2
    pair = np.column_stack([half.sum(axis=1), half[:, 0] - half[:, 1]])
    tiny = 1e-6
    both = ridge(pair, loss, np.array([tiny, DISAGREEMENT_PENALTY]))
    weights = np.array([both.coefficients.sum(), both.coefficients[0] - both.coefficients[1]]) / 2
    candidates: list[tuple[float, Floats]] = [(both.intercept, weights)]
    for alone in range(2):
        fit = ridge(scores[:, [alone]], loss, np.array([tiny]))
        single = np.zeros(2)
        single[alone] = fit.coefficients[0]
        candidates.append((fit.intercept, single))
    none = ridge(np.zeros((len(scores), 1)), loss, np.array([1.0]))
    candidates.append((none.intercept, np.zeros(2)))
    allowed = [(i, w) for i, w in candidates if (w >= 0).all()]
    if (weights >= 0).all():
        return candidates[0]
    return min(allowed, key=lambda iw: loss.value(iw[0] + scores @ iw[1]))


def _spread(
    linear: _LinearPart, boosted: BoostedFolds, weights: Floats, designs: Designs
) -> Spread:
    columns, covariance = linear.information
    stride = max(1, designs.rows // SPREAD_ROWS)
    x = designs.every(stride)
    scores = []
    for fit, trees in zip(linear.folds.fits, boosted.trees, strict=True):
        score = weights[0] * (x @ fit.full(x.shape[1]))
        if weights[1] and boosted.rounds:
            score = score + weights[1] * trees.predict(designs.trees[::stride], 0, boosted.rounds)
        scores.append(score - score.mean())
    groups = len(scores)
    jackknife = (groups - 1) / groups * np.sum((scores - np.mean(scores, axis=0)) ** 2, axis=0)
    shape = np.sum((x[:, columns] @ covariance) * x[:, columns], axis=1)
    fitted = nnls(np.column_stack([np.ones(len(shape)), shape]), jackknife)[0]
    # The information counts the bias of shrinking, which the jackknife cannot see: it is the least.
    return Spread(float(fitted[0]), max(float(fitted[1]), 1.0), columns, covariance)
