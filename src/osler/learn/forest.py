"""A forest of residuals: many deep trees, each on a part of the rows, none built on another.

Every leaf compares the events that happened with those expected for everyone alike, which is
what a random survival forest's log-rank splits compare. Averaged, they find interactions that
boosting needs many rows for, and vary less.

References
----------
Breiman 2001, Machine Learning 45:5-32; LeBlanc & Crowley 1992, Biometrics 48:411-425 (relative
risk trees on martingale residuals); Ishwaran et al. 2008, Annals of Applied Statistics 2:841-860.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.learn.boosting import FIXED, TreeData, Trees, threads_for
from osler.learn.losses import Floats, LogisticLoss, Loss, level_of

TREES = 100
LEAST_IN_LEAF = 15
MOST_LEAVES = 64
ROW_SHARE = 0.632
MOST_ROWS = 50_000
PSEUDO_EVENTS = 1.0
LOWEST_RATIO = -0.98


@dataclass(frozen=True)
class ForestSettings:
    """How many rows a leaf holds, and which share of columns a tree and a split may use."""

    least_in_leaf: int
    leaves: int
    tree_share: float
    split_share: float

    @staticmethod
    def of(rows: int, columns: int) -> ForestSettings:
        """Return the settings for data of this size."""
        least = LEAST_IN_LEAF if rows >= 6 * LEAST_IN_LEAF else max(3, rows // 12)
        root = float(np.sqrt(max(columns, 1)))
        tree_share = min(1.0, 4 * root / max(columns, 1))
        split_share = min(1.0, 1.5 * root / max(columns * tree_share, 1))
        leaves = int(np.clip(rows // least, 8, MOST_LEAVES))
        return ForestSettings(least, leaves, tree_share, split_share)

    def parameters(self, seed: int, cells: int) -> dict[str, Any]:
        """Return LightGBM's names for them."""
        return {
            "objective": "none",
            "learning_rate": 1.0 / TREES,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.least_in_leaf,
            "feature_fraction": self.tree_share,
            "feature_fraction_bynode": self.split_share,
            "bagging_fraction": ROW_SHARE,
            "bagging_freq": 1,
            "lambda_l2": PSEUDO_EVENTS,
            "min_sum_hessian_in_leaf": 1e-3,
            "seed": seed,
            "num_threads": threads_for(cells),
            **FIXED,
        }


def plant(data: TreeData, loss: Loss, rows: int, seed: int) -> Trees:
    """Grow a forest; its leaves hold excess over what is expected, see `leaf_score`."""
    import lightgbm

    if data.binned is None:
        return Trees(None, data.columns)
    settings = ForestSettings.of(rows, data.columns)
    parameters = {**settings.parameters(seed, data.cells), **data.constraints}
    booster = lightgbm.Booster(parameters, data.binned)
    first, second = loss.curvature(np.full(rows, level_of(loss)))
    # The same for every tree, so that none builds on those before it.
    fixed = first.astype(np.float32), second.astype(np.float32)
    for _ in range(TREES):
        booster.update(fobj=lambda _scores, _data: fixed)
    return Trees(booster, data.columns)


def leaf_score(loss: Loss, leaves: Floats) -> Floats:
    """Bring leaves of `plant` to the scale of the score: log hazard ratio or log odds ratio."""
    excess = leaves * TREES
    if isinstance(loss, LogisticLoss):
        level = level_of(loss)
        share = 1.0 / (1.0 + np.exp(-level))
        chance = np.clip(share + excess * share * (1 - share), 0.02 * share, 1 - 0.02 * (1 - share))
        return np.asarray((np.log(chance / (1 - chance)) - level) / TREES)
    return np.asarray(np.log1p(np.maximum(excess, LOWEST_RATIO)) / TREES)
