"""Gradient-boosted trees for any loss of one predictor per row, grown in step over folds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.errors import Damaged
from osler.learn.losses import Bools, Floats, Ints, Loss, level_of

CHUNK = 20
MOST_ROUNDS = 600
PATIENCE = 3
ROWS_FOR_DEEPER_TREES = 2000
SINGLE_THREAD_CELLS = 20_000_000  # threads that wait for each other cost more below this


FIXED: dict[str, Any] = {
    "max_bin": 63,
    "min_data_in_bin": 1,
    "feature_pre_filter": False,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


def threads_for(cells: int) -> int:
    """Return how many threads a design of this size deserves; results do not depend on it."""
    return 1 if cells < SINGLE_THREAD_CELLS else (os.cpu_count() or 1)


@dataclass(frozen=True)
class TreeSettings:
    """Shape of the trees and speed of learning."""

    learning_rate: float
    leaves: int
    depth: int
    least_in_leaf: int
    column_share: float
    row_share: float = 0.7
    l2: float = 1.0

    def parameters(self, seed: int, cells: int) -> dict[str, Any]:
        """Return LightGBM's names for them, set so that a seed repeats on any number of cores."""
        return {
            "objective": "none",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "max_depth": self.depth,
            "min_data_in_leaf": self.least_in_leaf,
            "feature_fraction": self.column_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.l2,
            "min_sum_hessian_in_leaf": 1e-3,
            "seed": seed,
            "num_threads": threads_for(cells),
            **FIXED,
        }


def settings_for(rows: int, columns: int) -> tuple[TreeSettings, ...]:
    """Return the shapes worth trying for data of this size."""
    share = float(np.clip(10.0 / max(columns, 1), 0.1, 0.3)) if columns > 10 else 0.5
    if rows < 20_000:
        least = max(3, min(20, rows // 20))
        shallow = (
            TreeSettings(0.05, 8, 3, least, share),
            TreeSettings(0.05, 4, 2, least, share),
        )
        deeper = (TreeSettings(0.05, 16, 5, 2 * least, share),)
        return shallow + deeper if rows >= ROWS_FOR_DEEPER_TREES else shallow
    return (TreeSettings(0.1, 31, 8, 100, max(share, 0.3)),)


def varies(design: Floats) -> bool:
    """Return whether any column has two values, or one and a gap; LightGBM aborts on less."""
    return len(design) > 0 and any(_differs(column) for column in design.T)


def _differs(column: Floats) -> bool:
    first = column[0]
    if np.isnan(first):
        return not bool(np.isnan(column).all())
    # LightGBM takes what is this close for the same.
    return bool((~(np.abs(column - first) <= np.maximum(1e-12 * np.abs(first), 1e-34))).any())


class Trees:
    """A growing ensemble of trees; raw scores, without the loss's own level.

    Without a booster it is an empty ensemble, whose score is 0.
    """

    def __init__(self, booster: Any, columns: int) -> None:
        self._booster = booster
        self.columns = columns

    def predict(self, design: Floats, start: int = 0, rounds: int | None = None) -> Floats:
        """Return the sum of the trees `start` to `start + rounds`, shape (n,)."""
        if self._booster is None or not len(design):
            return np.zeros(len(design))
        scores = self._booster.predict(
            design,
            start_iteration=start,
            num_iteration=-1 if rounds is None else rounds,
            raw_score=True,
            num_threads=threads_for(design.size),
        )
        return np.asarray(scores, dtype=np.float64)

    def contributions(self, design: Floats) -> Floats:
        """Return exact Shapley values of each column, the expectation last, shape (n, p + 1).

        References
        ----------
        Lundberg et al. 2020, Nature Machine Intelligence 2:56-67 (path-dependent TreeSHAP).
        """
        if self._booster is None or not len(design):
            return np.zeros((len(design), self.columns + 1))
        values = self._booster.predict(design, pred_contrib=True, num_threads=1)
        return np.asarray(values, dtype=np.float64)

    @property
    def size(self) -> int:
        """Number of trees."""
        return 0 if self._booster is None else int(self._booster.num_trees())

    def to_text(self) -> str:
        """Return LightGBM's own text format."""
        return str(self._booster.model_to_string())

    @staticmethod
    def from_text(text: str, columns: int) -> Trees:
        """Read LightGBM's own text format.

        Raises
        ------
        Damaged
            If it is not that, or made for another number of columns.
        """
        import lightgbm

        try:
            booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise Damaged("the model's trees cannot be read") from error
        if booster.num_feature() != columns:
            raise Damaged("the model's trees were made for other columns")
        return Trees(booster, columns)


class TreeData:
    """A design binned once, for several ensembles.

    Parameters
    ----------
    design : shape (n, p)
    sign : shape (p,), optional
        Direction in which trees may follow each column: 1, -1, or 0 for either.
    """

    def __init__(self, design: Floats, sign: Ints | None = None) -> None:
        import lightgbm

        self.sign = sign
        self.cells, self.columns = design.size, design.shape[1]
        self.binned: Any = None
        if varies(design):
            binning = {**FIXED, "num_threads": threads_for(design.size)}
            data = lightgbm.Dataset(design, params=binning, free_raw_data=True)
            self.binned = data.construct()

    @property
    def constraints(self) -> dict[str, Any]:
        """LightGBM's parameters for the directions; none where every column is free."""
        if self.sign is None or not self.sign.any():
            return {}
        return {"monotone_constraints": self.sign.tolist()}


class _Grower:
    """Trees under way on one training set."""

    def __init__(self, data: TreeData, loss: Loss, settings: TreeSettings, seed: int) -> None:
        import lightgbm

        self._booster: Any = None
        if data.binned is not None:
            parameters = {**settings.parameters(seed, data.cells), **data.constraints}
            self._booster = lightgbm.Booster(parameters, data.binned)
        self._loss = loss
        self._level = level_of(loss)
        self.columns = data.columns

    def grow(self, rounds: int) -> None:
        for _ in range(rounds if self._booster is not None else 0):
            self._booster.update(fobj=self._gradient)

    def _gradient(self, scores: Floats, _: Any) -> tuple[Floats, Floats]:
        return self._loss.curvature(np.asarray(scores, dtype=np.float64) + self._level)

    @property
    def trees(self) -> Trees:
        return Trees(self._booster, self.columns)


def boost(data: TreeData, loss: Loss, settings: TreeSettings, rounds: int, seed: int) -> Trees:
    """Grow a fixed number of trees."""
    grower = _Grower(data, loss, settings, seed)
    grower.grow(rounds)
    return grower.trees


@dataclass(frozen=True)
class BoostedFolds:
    """Result of growing one ensemble per fold in step.

    Parameters
    ----------
    rounds
        Where the held-out loss was least.
    held_out_loss
        That loss, summed over folds.
    scores : shape (n,)
        Each row's score by the ensemble that did not see it.
    trees
        One per fold, in order; ask them for `rounds` trees.
    """

    settings: TreeSettings
    rounds: int
    held_out_loss: float
    scores: Floats
    trees: tuple[Trees, ...]


def boost_over_folds(
    design: Floats,
    loss: Loss,
    held: list[Bools],
    settings: TreeSettings,
    seed: int,
    enough: Callable[[], bool] = lambda: False,
    data: list[TreeData] | None = None,
    learn: list[Bools] | None = None,
) -> BoostedFolds:
    """Grow one ensemble per fold in step, stopping when the held-out loss no longer falls.

    Parameters
    ----------
    held
        One mask per fold: the rows it predicts and does not learn from.
    enough
        Asked after every chunk; True stops early (a time budget).
    data
        The training rows of every fold, where they were binned before.
    learn
        One mask per fold: the rows it learns from, if not all others.
    """
    rows = learn or [~h for h in held]
    binned = data or [TreeData(design[r]) for r in rows]
    growers = [
        _Grower(part, loss.subset(r), settings, seed) for part, r in zip(binned, rows, strict=True)
    ]
    losses = [loss.subset(h) for h in held]
    scores = np.zeros(len(design))
    level = level_of(loss)
    best = (sum(part.value(scores[h] + level) for part, h in zip(losses, held, strict=True)), 0)
    best_scores, rounds, waited = scores.copy(), 0, 0
    while rounds < MOST_ROUNDS and waited < PATIENCE and not (rounds and enough()):
        for grower, h in zip(growers, held, strict=True):
            grower.grow(CHUNK)
            scores[h] += grower.trees.predict(design[h], rounds, CHUNK)
        rounds += CHUNK
        total = sum(part.value(scores[h] + level) for part, h in zip(losses, held, strict=True))
        waited += 1
        if total < best[0]:
            best, best_scores, waited = (total, rounds), scores.copy(), 0
    return BoostedFolds(
        settings, best[1], float(best[0]), best_scores, tuple(g.trees for g in growers)
    )
