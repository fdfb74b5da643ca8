"""Whom a rule serves worse than giving everyone the same."""

from __future__ import annotations

from math import ceil

import numpy as np
import polars as pl

from osler.effect.conditions import candidate_groups
from osler.effect.simultaneous import DRAWS
from osler.effect.subgroups import FEWEST, SMALLEST_SHARE, Shown, Subgroup
from osler.learn.losses import Floats, Ints

MOST_SHOWN = 10


def losing_groups(
    over: Floats, frame: pl.DataFrame, member: Ints, level: float, seed: int
) -> tuple[Subgroup, ...]:
    """Return groups with a negative gain, the clearest first.

    Groups by one condition. Where the interval inside is below 0 the group loses for sure, as far
    as the level goes; else it may.

    Parameters
    ----------
    over : shape (n,)
        What rules learned without a row gain over the alternative, in that row.
    """
    groups = candidate_groups(frame, 1, max(FEWEST, ceil(SMALLEST_SHARE * len(over))))
    if not groups.names or not over.any():
        return ()
    shown = Shown.of(over, groups, member, level, seed, DRAWS, "gain of the rule")
    ratio = np.nan_to_num(shown.inside.value / shown.inside.error)
    ranked = [int(g) for g in np.argsort(ratio, kind="stable") if shown.inside.value[g] < 0]
    return tuple(shown.at(g) for g in ranked[:MOST_SHOWN])
