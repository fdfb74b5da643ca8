"""One score per row: linear, boosted and forest predictors, weighed by cross-fitting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
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
from osler.learn.forest import MOST_ROWS as MOST_FOREST_ROWS
from osler.learn.forest import leaf_score, plant
from osler.learn.losses import Bools, Floats, Ints, Loss
from osler.learn.shrinkage import LinearFolds, Penalised, search_penalty
from osler.learn.stacking import weigh
from osler.learn.treesum import LeafMap, add_up

MOST_LINEAR_ROWS = 50_000
MOST_ROWS_FOR_FOLDS = 100_000
MOST_ROWS_FOR_SEEDS = 20_000
SEEDS = 3
SPREAD_ROWS = 1000


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
    """A fitted score: ``intercept + (linear − its mean) + (trees − their mean)``.

    Parameters
    ----------
    coefficients : shape (p_linear,)
        The linear predictors' sum by their weights; zero for columns left out.
    trees
        The sum of all trees by their weights.
    means : shape (2,)
        Of the linear and of the trees' part over the training rows.
    shift : shape (p_linear,)
        Mean contribution of each linear design column; they add up to the linear mean.
    chosen
        What cross-validation chose, weights included, for the model's card.
    """

    coefficients: Floats
    trees: Trees
    means: Floats
    intercept: float
    spread: Spread
    shift: Floats
    chosen: dict[str, Any]

    def predict(self, designs: Designs) -> Floats:
        """Return the score of each row, shape (n,)."""
        linear = designs.times(self.coefficients) - self.means[0]
        grown = self.trees.predict(designs.trees) - self.means[1] if self.trees.size else 0.0
        return np.asarray(self.intercept + linear + grown)

    def contributions(self, designs: Designs) -> tuple[float, Floats]:
        """Return a base and what each input column adds to it, shape (n, p); exactly additive."""
        encoding = designs.encoding
        answer = np.zeros((designs.rows, len(encoding.plans)))
        base = self.intercept
        for rows, design in designs.linear():
            # The base is the mean, reached by spreading it over the columns.
            effect = design * self.coefficients - self.shift
            np.add.at(answer[rows].T, encoding.linear_owner, effect.T)
        if self.trees.size and designs.rows:
            values = self.trees.contributions(designs.trees)
            np.add.at(answer.T, encoding.tree_owner, values[:, :-1].T)
            base += float(values[0, -1] - self.means[1])
        return float(base), answer


def learn_score(
    designs: Designs,
    loss: Loss,
    fold: Ints,
    seed: int,
    clock: Clock,
    whole: tuple[Callable[[Ints], TreeData], Loss] | None = None,
) -> tuple[Score, Floats]:
    """Fit all predictors, weigh them on out-of-fold scores, and refit on all rows.

    Parameters
    ----------
    fold : shape (n,)
        Fold of each row; rows of one subject share theirs.
    whole
        Where the designs are a sample: all rows as trees of some directions take them, and the
        loss on them. The boosted trees are then grown on all rows, everything else on the sample.

    Returns
    -------
    The score, and every row's out-of-fold score (already weighed), shape (n,).
    """
    held = [fold == f for f in np.unique(fold)]
    linear = _linear_parts(designs, loss, held, clock)
    grown = _grown_parts(designs, loss, held, seed, clock, whole)
    parts: list[_LinearPart | _GrownPart] = [*linear, *grown]
    out_of_fold = _centred(np.column_stack([part.scores for part in parts]), held)
    intercept, weights = weigh(out_of_fold, loss, len(linear))
    used = list(zip(linear, weights, strict=False))
    coefficients = np.sum([weight * part.coefficients for part, weight in used], axis=0)
    weight_of = dict(zip([part.name for part in grown], weights[len(linear) :], strict=True))
    trees = _summed([(part, weight_of[part.name]) for part in grown], designs)
    shift = designs.linear_mean() * coefficients
    chosen = {
        **{key: value for part in parts for key, value in part.chosen.items()},
        "weight_linear": float(weights[: len(linear)].sum()),
        **{f"weight_{name}": float(weight) for name, weight in weight_of.items()},
    }
    score = Score(
        coefficients,
        trees,
        np.array([shift.sum(), trees.predict(designs.trees).mean() if trees.size else 0.0]),
        intercept,
        _spread(parts, weights, designs, linear[-1].information),
        shift,
        chosen,
    )
    return score, intercept + out_of_fold @ weights


def _centred(scores: Floats, held: list[Bools]) -> Floats:
    """Take out each fold's own level, which partial likelihoods leave free."""
    centred = scores.copy()
    for h in held:
        centred[h] -= scores[h].mean(axis=0)
    return centred


class _LinearPart:
    """A linear predictor on at most `MOST_LINEAR_ROWS` rows, evenly taken.

    Parameters
    ----------
    columns : shape (p_linear,)
        Which columns of the design it may use.
    """

    def __init__(
        self, name: str, designs: Designs, loss: Loss, held: list[Bools], clock: Clock,
        columns: Bools,
    ) -> None:  # fmt: skip
        stride = -(-designs.rows // MOST_LINEAR_ROWS)
        used = np.zeros(designs.rows, dtype=bool)
        used[::stride] = True
        design = designs.every(stride)
        used_loss = loss if stride == 1 else loss.subset(used)
        kept = np.flatnonzero(columns)
        rare, sign = designs.encoding.linear_rare[kept], designs.linear_sign[kept]
        self.name = name
        folds: LinearFolds = search_penalty(
            design[:, kept], used_loss, [h[used] for h in held], rare, clock, sign
        )
        final: Penalised = folds.refit(design[:, kept], used_loss, rare, sign)
        self.coefficients = _placed(final, kept, len(columns))
        within, covariance = final.information(design[:, kept], used_loss)
        self.information = kept[within], covariance
        self._each = np.stack([_placed(fit, kept, len(columns)) for fit in folds.fits], axis=1)
        self.scores = np.zeros(designs.rows)
        for h, scores in zip(held, designs.times(self._each).T, strict=True):
            self.scores[h] = scores[h]
        self.chosen = {
            f"penalty_{name}": folds.penalty,
            f"rare_penalty_{name}": folds.rare_penalty,
        }

    def by_fold(self, linear: Floats, trees: Floats) -> Floats:
        """Return the scores that each fold's fit gives rows of the designs, shape (folds, n)."""
        del trees
        return np.asarray((linear @ self._each).T)


def _placed(fit: Penalised, kept: Ints, width: int) -> Floats:
    coefficients = np.zeros(width)
    coefficients[kept] = fit.full(len(kept))
    return coefficients


def _linear_parts(
    designs: Designs, loss: Loss, held: list[Bools], clock: Clock
) -> list[_LinearPart]:
    """Return the linear predictor with straight lines and, where there are any, with curves."""
    curved = designs.encoding.linear_curved
    everything = np.ones(len(curved), dtype=bool)
    parts = [_LinearPart("straight", designs, loss, held, clock, ~curved)]
    if curved.any():
        parts.append(_LinearPart("curved", designs, loss, held, clock, everything))
    return parts


@dataclass(frozen=True)
class _GrownPart:
    """Trees of one kind: how they did out of fold, and how to grow them on all rows."""

    name: str
    scores: Floats
    folds: tuple[Trees, ...]
    rounds: int | None
    grow: Callable[[], list[Trees]]
    leaf: LeafMap
    chosen: dict[str, Any]

    def by_fold(self, linear: Floats, trees: Floats) -> Floats:
        """Return the scores that each fold's trees give rows of the designs, shape (folds, n)."""
        del linear
        return np.stack([each.predict(trees, 0, self.rounds) for each in self.folds])


def _grown_parts(
    designs: Designs,
    loss: Loss,
    held: list[Bools],
    seed: int,
    clock: Clock,
    whole: tuple[Callable[[Ints], TreeData], Loss] | None,
) -> list[_GrownPart]:
    learn = _learned_from(held)
    sign = designs.tree_sign
    data = [TreeData(designs.trees[rows], sign) for rows in learn]
    everything = cache(lambda: TreeData(designs.trees, sign))
    final = (everything, loss)
    if whole is not None:
        final = cache(lambda: whole[0](sign)), whole[1]
    parts = [_boosted(designs.trees, loss, held, seed, clock, data, learn, *final)]
    if designs.rows <= MOST_FOREST_ROWS and not clock.past(0.7):
        parts.append(_forest(designs.trees, loss, held, seed, data, learn, everything))
    return [part for part in parts if part.rounds != 0]


def _learned_from(held: list[Bools]) -> list[Bools]:
    """Return what every fold's trees learn from: the other rows, evenly thinned if very many."""
    taken = np.zeros(len(held[0]), dtype=bool)
    taken[:: -(-len(taken) // MOST_ROWS_FOR_FOLDS)] = True
    return [taken & ~h for h in held]


def _boosted(
    design: Floats,
    loss: Loss,
    held: list[Bools],
    seed: int,
    clock: Clock,
    data: list[TreeData],
    learn: list[Bools],
    everything: Callable[[], TreeData],
    final_loss: Loss,
) -> _GrownPart:
    grown: list[BoostedFolds] = [
        boost_over_folds(design, loss, held, settings, seed, lambda: clock.past(0.7), data, learn)
        for number, settings in enumerate(settings_for(*design.shape))
        if number == 0 or not clock.past(0.5)
    ]
    best = min(grown, key=lambda result: result.held_out_loss)
    seeds = range(seed, seed + (SEEDS if len(design) <= MOST_ROWS_FOR_SEEDS else 1))

    def grow() -> list[Trees]:
        return [boost(everything(), final_loss, best.settings, best.rounds, each) for each in seeds]

    return _GrownPart(
        "boosted",
        best.scores,
        best.trees,
        best.rounds,
        grow,
        lambda leaves: leaves,
        {"rounds": best.rounds, "leaves": best.settings.leaves},
    )


def _forest(
    design: Floats,
    loss: Loss,
    held: list[Bools],
    seed: int,
    data: list[TreeData],
    learn: list[Bools],
    everything: Callable[[], TreeData],
) -> _GrownPart:
    columns = design.shape[1]
    scores = np.zeros(len(design))
    folds = []
    for h, rows, part in zip(held, learn, data, strict=True):
        inside = loss.subset(rows)
        planted = plant(part, inside, inside.rows, seed)
        folds.append(add_up([(planted, _leaf_map(inside))], columns))
        scores[h] = folds[-1].predict(design[h])
    return _GrownPart(
        "forest",
        scores,
        tuple(folds),
        None,
        lambda: [plant(everything(), loss, len(design), seed)],
        _leaf_map(loss),
        {},
    )


def _leaf_map(loss: Loss) -> LeafMap:
    return lambda leaves: leaf_score(loss, leaves)


def _summed(parts: list[tuple[_GrownPart, float]], designs: Designs) -> Trees:
    """Grow every kind of trees that has a weight on all rows, and add them up."""
    terms: list[tuple[Trees, LeafMap]] = []
    for part, weight in parts:
        if weight:
            grown = part.grow()
            terms += [(trees, _scaled(part.leaf, weight / len(grown))) for trees in grown]
    return add_up(terms, designs.trees.shape[1])


def _scaled(leaf: LeafMap, weight: float) -> LeafMap:
    return lambda leaves: weight * leaf(leaves)


def _spread(
    parts: Sequence[_LinearPart | _GrownPart],
    weights: Floats,
    designs: Designs,
    information: tuple[Ints, Floats],
) -> Spread:
    columns, covariance = information
    stride = max(1, designs.rows // SPREAD_ROWS)
    x, z = designs.every(stride), designs.trees[::stride]
    each = [w * part.by_fold(x, z) for part, w in zip(parts, weights, strict=True) if w]
    scores = np.sum(each, axis=0)
    scores = scores - scores.mean(axis=1, keepdims=True)
    groups = len(scores)
    jackknife = (groups - 1) / groups * np.sum((scores - np.mean(scores, axis=0)) ** 2, axis=0)
    shape = np.sum((x[:, columns] @ covariance) * x[:, columns], axis=1)
    fitted = nnls(np.column_stack([np.ones(len(shape)), shape]), jackknife)[0]
    # The information counts the bias of shrinking, which the jackknife cannot see: it is the least.
    return Spread(float(fitted[0]), max(float(fitted[1]), 1.0), columns, covariance)
