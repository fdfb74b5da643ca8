"""One score per row: a penalised linear and a boosted predictor, weighed by cross-fitting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import nnls

from osler.learn.boosting import (
    BoostedFolds,
    Trees,
    boost,
    boost_over_folds,
    settings_for,
)
from osler.learn.clock import Clock
from osler.learn.encoding import Encoding
from osler.learn.linear import ridge
from osler.learn.losses import Bools, Floats, Ints, Loss
from osler.learn.shrinkage import LinearFolds, Penalised, search_penalty

MOST_LINEAR_ROWS = 50_000
ROWS_AT_ONCE = 50_000
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
        return np.asarray(self.floor + self.scale * np.einsum("ij,jk,ik->i", x, self.covariance, x))


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

    def predict(self, encoding: Encoding, frame: pl.DataFrame) -> Floats:
        """Return the score of each row, shape (n,)."""
        parts = _parts(self.coefficients, self.trees, encoding, frame, self.weights)
        return np.asarray(self.intercept + (parts - self.means) @ self.weights)

    def contributions(self, encoding: Encoding, frame: pl.DataFrame) -> tuple[float, Floats]:
        """Return a base and what each input column adds to it, shape (n, p); exactly additive."""
        owner = encoding.linear_owner
        answer = np.zeros((frame.height, len(encoding.plans)))
        base = self.intercept
        if self.weights[0]:
            # The base of the linear part is its mean, reached by spreading it over the columns.
            effect = encoding.linear_design(frame) * self.coefficients - self.shift
            np.add.at(answer.T, owner, self.weights[0] * effect.T)
        if self.weights[1] and self.trees is not None:
            values = self.trees.contributions(encoding.tree_design(frame))
            np.add.at(answer.T, encoding.tree_owner, self.weights[1] * values[:, :-1].T)
            base += self.weights[1] * float(values[0, -1] - self.means[1]) if len(values) else 0.0
        return float(base), answer


def _chunks(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for start in range(0, max(frame.height, 1), ROWS_AT_ONCE):
        yield frame.slice(start, ROWS_AT_ONCE)


def _parts(
    coefficients: Floats,
    trees: Trees | None,
    encoding: Encoding,
    frame: pl.DataFrame,
    weights: Floats,
) -> Floats:
    parts = np.zeros((frame.height, 2))
    at = 0
    for chunk in _chunks(frame):
        rows = slice(at, at + chunk.height)
        if weights[0]:
            parts[rows, 0] = encoding.linear_design(chunk) @ coefficients
        if weights[1] and trees is not None:
            parts[rows, 1] = trees.predict(encoding.tree_design(chunk))
        at += chunk.height
    return parts


def learn_score(
    encoding: Encoding, frame: pl.DataFrame, loss: Loss, fold: Ints, seed: int, clock: Clock
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
    linear = _LinearPart(encoding, frame, loss, held, clock)
    boosted = _boosted(encoding.tree_design(frame), loss, held, seed, clock)
    out_of_fold = np.column_stack([_centred(linear.scores, held), _centred(boosted.scores, held)])
    intercept, weights = weigh(out_of_fold, loss)
    trees = None
    if boosted.rounds and weights[1]:
        design = encoding.tree_design(frame)
        trees = boost(design, loss, boosted.settings, boosted.rounds, seed)
    coefficients = linear.coefficients
    weights = np.array([weights[0], weights[1] if trees is not None else 0.0])
    means = _parts(coefficients, trees, encoding, frame, np.ones(2)).mean(axis=0)
    score = Score(
        coefficients,
        trees,
        means,
        weights,
        intercept,
        _spread(linear, boosted, weights, encoding, frame),
        _shift(encoding, frame, coefficients),
        {
            "penalty": linear.folds.penalty,
            "rare_penalty": linear.folds.rare_penalty,
            "rounds": boosted.rounds,
            "leaves": boosted.settings.leaves,
        },
    )
    return score, intercept + out_of_fold @ weights


def _shift(encoding: Encoding, frame: pl.DataFrame, coefficients: Floats) -> Floats:
    total = np.zeros(len(coefficients))
    for chunk in _chunks(frame):
        total += encoding.linear_design(chunk).sum(axis=0)
    return total / max(frame.height, 1) * coefficients


def _centred(scores: Floats, held: list[Bools]) -> Floats:
    """Take out each fold's own level, which partial likelihoods leave free."""
    centred = scores.copy()
    for h in held:
        centred[h] -= scores[h].mean()
    return centred


class _LinearPart:
    """The linear predictor on at most `MOST_LINEAR_ROWS` rows, evenly taken."""

    def __init__(
        self, encoding: Encoding, frame: pl.DataFrame, loss: Loss, held: list[Bools], clock: Clock
    ) -> None:
        stride = -(-frame.height // MOST_LINEAR_ROWS)
        used = np.zeros(frame.height, dtype=bool)
        used[::stride] = True
        part = frame if stride == 1 else frame.filter(pl.Series(used))
        design = encoding.linear_design(part)
        used_loss = loss if stride == 1 else loss.subset(used)
        rare = encoding.linear_rare
        self.folds: LinearFolds = search_penalty(
            design, used_loss, [h[used] for h in held], rare, clock
        )
        self.final: Penalised = self.folds.refit(design, used_loss, rare)
        self.coefficients = self.final.full(design.shape[1])
        self.information = self.final.information(design, used_loss)
        self.scores = self._out_of_fold(encoding, frame, held)

    def _out_of_fold(self, encoding: Encoding, frame: pl.DataFrame, held: list[Bools]) -> Floats:
        scores = np.zeros(frame.height)
        at = 0
        for chunk in _chunks(frame):
            design = encoding.linear_design(chunk)
            rows = slice(at, at + chunk.height)
            for h, fit in zip(held, self.folds.fits, strict=True):
                inside = h[rows]
                scores[rows][inside] = design[inside] @ fit.full(design.shape[1])
            at += chunk.height
        return scores


def _boosted(
    design: Floats, loss: Loss, held: list[Bools], seed: int, clock: Clock
) -> BoostedFolds:
    grown = [
        boost_over_folds(design, loss, held, settings, seed, lambda: clock.past(0.7))
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
    linear: _LinearPart,
    boosted: BoostedFolds,
    weights: Floats,
    encoding: Encoding,
    frame: pl.DataFrame,
) -> Spread:
    columns, covariance = linear.information
    sample = frame.gather_every(max(1, frame.height // SPREAD_ROWS))
    x = encoding.linear_design(sample)
    tree_design = encoding.tree_design(sample) if weights[1] else None
    scores = []
    for fit, trees in zip(linear.folds.fits, boosted.trees, strict=True):
        score = weights[0] * (x @ fit.full(x.shape[1]))
        if tree_design is not None and boosted.rounds:
            score = score + weights[1] * trees.predict(tree_design, 0, boosted.rounds)
        scores.append(score - score.mean())
    groups = len(scores)
    jackknife = (groups - 1) / groups * np.sum((scores - np.mean(scores, axis=0)) ** 2, axis=0)
    shape = np.einsum("ij,jk,ik->i", x[:, columns], covariance, x[:, columns])
    fitted = nnls(np.column_stack([np.ones(len(shape)), shape]), jackknife)[0]
    # The information counts the bias of shrinking, which the jackknife cannot see: it is the least.
    return Spread(float(fitted[0]), max(float(fitted[1]), 1.0), columns, covariance)
