"""One score per class and row: a penalised multinomial and a boosted predictor, stacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from osler.errors import Damaged
from osler.learn.boosting import CHUNK, PATIENCE, TreeSettings, settings_for, threads_for, varies
from osler.learn.clock import Clock
from osler.learn.designs import Designs
from osler.learn.losses import Bools, Floats, Ints

# From strong to weak; the search stops where held-out loss has risen twice.
PENALTIES = tuple(float(one) for one in np.geomspace(1000.0, 0.3, 12))
RISES = 2
MOST_STEPS = 300
MOST_ROUNDS = 400
MOST_LINEAR_ROWS = 50_000
STACK_PENALTY = 2.0


@dataclass(frozen=True)
class ClassTrees:
    """Boosted trees for all classes at once; raw scores."""

    booster: Any
    classes: int
    columns: int

    def predict(self, design: Floats, start: int = 0, rounds: int = -1) -> Floats:
        """Return the sum of the trees of each class, shape (n, k)."""
        scores = self.booster.predict(
            design,
            start_iteration=start,
            num_iteration=rounds,
            raw_score=True,
            num_threads=threads_for(design.size),
        )
        return np.asarray(scores, dtype=np.float64).reshape(len(design), self.classes)

    def contributions(self, design: Floats) -> Floats:
        """Return exact Shapley values, the expectation last, shape (n, k, p + 1)."""
        values = self.booster.predict(design, pred_contrib=True, num_threads=1)
        shape = (len(design), self.classes, self.columns + 1)
        return np.asarray(values, dtype=np.float64).reshape(shape)

    def to_text(self) -> str:
        """Return LightGBM's own text format."""
        return str(self.booster.model_to_string())

    @staticmethod
    def from_text(text: str, classes: int, columns: int) -> ClassTrees:
        """Read LightGBM's own text format.

        Raises
        ------
        Damaged
            If it is not that, or made for other columns or classes.
        """
        import lightgbm

        try:
            booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise Damaged("the model's trees cannot be read") from error
        if booster.num_feature() != columns or booster.num_model_per_iteration() != classes:
            raise Damaged("the model's trees were made for other columns or classes")
        return ClassTrees(booster, classes, columns)


@dataclass(frozen=True)
class ClassScore:
    """Scores of all classes: ``levels + w₁ · linear + w₂ · trees``; a softmax makes them chances.

    Attributes
    ----------
    coefficients : shape (p_linear, k)
    levels : shape (k,)
    weights : shape (2,)
        Not negative; learned on out-of-fold scores, so that they calibrate as well.
    mean : shape (p_linear,)
        Of each column of the linear design, from which its contribution is counted.
    """

    coefficients: Floats
    trees: ClassTrees | None
    levels: Floats
    weights: Floats
    mean: Floats
    chosen: dict[str, float]

    def predict(self, designs: Designs) -> Floats:
        """Return the scores, shape (n, k)."""
        scores = self.levels + self.weights[0] * designs.times(self.coefficients)
        if self.trees is not None and designs.rows:
            scores = scores + self.weights[1] * self.trees.predict(designs.trees)
        return np.asarray(scores)

    def contributions(self, designs: Designs) -> tuple[Floats, Floats]:
        """Return a base, shape (k,), and what each input column adds, shape (n, k, p)."""
        encoding = designs.encoding
        classes = len(self.levels)
        answer = np.zeros((len(encoding.plans), designs.rows, classes))
        base = self.levels + self.weights[0] * (self.mean @ self.coefficients)
        for rows, design in designs.linear():
            effect = (design - self.mean)[:, :, None] * (self.weights[0] * self.coefficients)
            np.add.at(answer[:, rows], encoding.linear_owner, effect.transpose(1, 0, 2))
        if self.trees is not None and designs.rows:
            values = self.weights[1] * self.trees.contributions(designs.trees)
            np.add.at(answer, encoding.tree_owner, values[:, :, :-1].transpose(2, 0, 1))
            base = base + values[0, :, -1]
        return base, answer.transpose(1, 2, 0)


def learn_classes(
    designs: Designs, codes: Ints, classes: int, fold: Ints, seed: int, clock: Clock
) -> tuple[ClassScore, Floats]:
    """Fit both predictors, stack them on out-of-fold scores, and refit on all rows.

    Parameters
    ----------
    codes : shape (n,)
        The class of each row, 0..classes-1; each is in every training fold.

    Returns
    -------
    The scores, and the chances of every row by what had not seen it, the stack included,
    shape (n, k).
    """
    held = [fold == one for one in np.unique(fold)]
    linear = _linear(designs, codes, classes, held, clock)
    boosted = _boosted(designs.trees, codes, classes, held, seed, clock)
    parts = np.stack([linear.scores, boosted.scores])
    unseen = np.empty_like(linear.scores)
    for here in held:
        levels, weights = _stack(parts[:, ~here], codes[~here])
        unseen[here] = softmax(levels + np.tensordot(weights, parts[:, here], 1), axis=1)
    levels, weights = _stack(parts, codes)
    trees = None
    if boosted.rounds and weights[1]:
        grower = _grower(designs.trees, codes, classes, boosted.settings, seed)
        trees = _grown(grower, boosted.rounds, classes, designs.trees.shape[1])
    chosen = {
        "penalty": linear.penalty,
        "rounds": boosted.rounds,
        "weight_linear": float(weights[0]),
        "weight_boosted": float(weights[1]),
    }
    score = ClassScore(linear.coefficients, trees, levels, weights, designs.linear_mean(), chosen)
    # The linear predictor's own levels belong to those of the stack.
    moved = score.levels + weights[0] * linear.levels
    return ClassScore(score.coefficients, trees, moved, weights, score.mean, chosen), unseen


@dataclass(frozen=True)
class _Linear:
    levels: Floats
    coefficients: Floats
    penalty: float
    scores: Floats


def _linear(
    designs: Designs, codes: Ints, classes: int, held: list[Bools], clock: Clock
) -> _Linear:
    """Search the penalty from strong to weak, each fit starting from the one before."""
    stride = -(-designs.rows // MOST_LINEAR_ROWS)
    design, codes_used = designs.every(stride), codes[::stride]
    masks = [one[::stride] for one in held]
    starts: list[Floats | None] = [None] * len(held)
    best: tuple[float, float, list[Floats]] | None = None
    rises = 0
    for penalty in PENALTIES:
        fits = [
            _ridge(design[~one], codes_used[~one], classes, penalty, start)
            for one, start in zip(masks, starts, strict=True)
        ]
        loss = sum(
            _loss(fit[0] + design[one] @ fit[1:], codes_used[one])
            for fit, one in zip(fits, masks, strict=True)
        )
        starts = list(fits)
        rises = 0 if best is None or loss < best[0] else rises + 1
        if best is None or loss < best[0]:
            best = (loss, penalty, fits)
        if rises >= RISES or clock.past(0.4):
            break
    assert best is not None  # noqa: S101  there is a penalty, so the loop ran
    scores = np.empty((designs.rows, classes))
    for one, fit in zip(held, best[2], strict=True):
        scores[one] = fit[0] + designs.times(fit[1:])[one]
    final = _ridge(design, codes_used, classes, best[1], best[2][0])
    return _Linear(final[0], final[1:], best[1], scores)


def _ridge(design: Floats, codes: Ints, classes: int, penalty: float, start: Any) -> Floats:
    """Return levels (first row) and coefficients, shape (p + 1, k)."""
    columns = design.shape[1]
    hit = np.eye(classes)[codes]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        fit = parameters.reshape(columns + 1, classes)
        scores = fit[0] + design @ fit[1:]
        off = softmax(scores, axis=1) - hit
        value = _loss(scores, codes) + penalty / 2 * float((fit[1:] ** 2).sum())
        gradient = np.vstack([off.sum(axis=0), design.T @ off + penalty * fit[1:]])
        return value, gradient.ravel()

    begin = np.zeros((columns + 1, classes)) if start is None else start
    found = minimize(
        loss, begin.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS}
    )
    return np.asarray(found.x).reshape(columns + 1, classes)


def _loss(scores: Floats, codes: Ints) -> float:
    return float(-log_softmax(scores, axis=1)[np.arange(len(codes)), codes].sum())


@dataclass(frozen=True)
class _Boosted:
    settings: TreeSettings
    rounds: int
    scores: Floats


def _boosted(
    design: Floats, codes: Ints, classes: int, held: list[Bools], seed: int, clock: Clock
) -> _Boosted:
    """Grow one ensemble per fold in step until the held-out loss no longer falls."""
    settings = settings_for(*design.shape)[0]
    zeros = np.zeros((len(design), classes))
    if not varies(design):
        return _Boosted(settings, 0, zeros)
    growers = [_grower(design[~one], codes[~one], classes, settings, seed) for one in held]
    scores = np.log(np.bincount(codes, minlength=classes) / len(codes)) + zeros
    best, best_scores, kept, waited, rounds = _loss(scores, codes), zeros, 0, 0, 0
    scores = zeros.copy()
    while rounds < MOST_ROUNDS and waited < PATIENCE and not (rounds and clock.past(0.8)):
        for grower, one in zip(growers, held, strict=True):
            trees = _grown(grower, CHUNK, classes, design.shape[1])
            scores[one] += trees.predict(design[one], rounds, CHUNK)
        rounds += CHUNK
        waited += 1
        total = _loss(scores, codes)
        if total < best:
            best, best_scores, kept, waited = total, scores.copy(), rounds, 0
    return _Boosted(settings, kept, best_scores)


def _grower(design: Floats, codes: Ints, classes: int, settings: TreeSettings, seed: int) -> Any:
    import lightgbm

    parameters = settings.parameters(seed, design.size) | {
        "objective": "multiclass",
        "num_class": classes,
    }
    data = lightgbm.Dataset(design, codes, params=parameters, free_raw_data=True)
    return lightgbm.Booster(parameters, data)


def _grown(grower: Any, rounds: int, classes: int, columns: int) -> ClassTrees:
    for _ in range(rounds):
        grower.update()
    return ClassTrees(grower, classes, columns)


def _stack(parts: Floats, codes: Ints) -> tuple[Floats, Floats]:
    """Return levels and non-negative weights that minimise the loss of the joined scores.

    References
    ----------
    Breiman 1996, Machine Learning 24:49-64 (non-negative stacking).
    """
    classes = parts.shape[2]
    hit = np.eye(classes)[codes]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        weights, levels = parameters[:2], parameters[2:]
        scores = levels + np.tensordot(weights, parts, 1)
        off = softmax(scores, axis=1) - hit
        apart = weights[0] - weights[1]
        pull = STACK_PENALTY * apart
        slope = np.einsum("snk,nk->s", parts, off) + np.array([pull, -pull])
        value = _loss(scores, codes) + STACK_PENALTY / 2 * float(apart**2)
        return value, np.concatenate([slope, off.sum(axis=0)])

    start = np.concatenate([[0.5, 0.5], np.zeros(classes)])
    bounds = [(0.0, None)] * 2 + [(None, None)] * classes
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return found[2:] - found[2:].mean(), found[:2]
