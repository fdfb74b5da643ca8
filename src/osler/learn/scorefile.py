"""Scores taken apart for a model file, and put together again."""

from __future__ import annotations

from typing import Any

import numpy as np

from osler.errors import Damaged
from osler.learn.boosting import Trees
from osler.learn.encoding import Encoding
from osler.learn.modelfile import Stored
from osler.learn.score import Score, Spread
from osler.learn.timed import TimedScore
from osler.learn.updating import Memory

_ARRAYS = ("coefficients", "means", "shift")
_TIMED = ("cuts", "slopes", "columns", "centre", "coefficients", "covariances")


def put_score(score: Score, name: str, into: Stored) -> None:
    """Add a score's numbers to a stored model under `name`."""
    into.spec[name] = {
        "intercept": score.intercept,
        "floor": score.spread.floor,
        "scale": score.spread.scale,
        "chosen": score.chosen,
        "trees": score.trees.size > 0,
    }
    for part in _ARRAYS:
        into.arrays[f"{name}_{part}"] = getattr(score, part)
    into.arrays[f"{name}_columns"] = score.spread.columns
    into.arrays[f"{name}_covariance"] = score.spread.covariance
    if score.trees.size:
        into.texts[f"{name}_trees"] = score.trees.to_text()


def get_score(stored: Stored, name: str, encoding: Encoding) -> Score:
    """Rebuild the score stored under `name`.

    Raises
    ------
    Damaged
        If a part is missing or has another shape than the encoding.
    """
    try:
        spec: dict[str, Any] = stored.spec[name]
        arrays = {part: stored.arrays[f"{name}_{part}"] for part in _ARRAYS}
        spread = Spread(
            float(spec["floor"]),
            float(spec["scale"]),
            stored.arrays[f"{name}_columns"].astype(np.int64),
            stored.arrays[f"{name}_covariance"],
        )
        columns = len(encoding.tree_owner)
        trees = Trees(None, columns)
        if spec["trees"]:
            trees = Trees.from_text(stored.texts[f"{name}_trees"], columns)
        width = len(encoding.linear_owner)
        kept = len(spread.columns)
        if arrays["coefficients"].shape != (width,) or spread.covariance.shape != (kept, kept):
            raise Damaged("the model's numbers do not fit its columns")
        return Score(
            trees=trees,
            intercept=float(spec["intercept"]),
            spread=spread,
            chosen=spec["chosen"],
            **arrays,
        )
    except (KeyError, TypeError) as error:
        raise Damaged("the model's files lack a part") from error


def put_timed(timed: TimedScore, name: str, into: Stored) -> None:
    """Add a timed score's numbers to a stored model under `name`."""
    put_score(timed.score, name, into)
    for part in _TIMED:
        into.arrays[f"{name}_timed_{part}"] = getattr(timed, part)


def get_timed(stored: Stored, name: str, encoding: Encoding) -> TimedScore:
    """Rebuild the timed score stored under `name`.

    Raises
    ------
    Damaged
        If a part is missing or has another shape than the encoding.
    """
    score = get_score(stored, name, encoding)
    try:
        parts = {part: stored.arrays[f"{name}_timed_{part}"] for part in _TIMED}
    except KeyError as error:
        raise Damaged("the model's files lack a part") from error
    return TimedScore(score=score, **parts)


def put_memory(memory: Memory, name: str, into: Stored) -> None:
    """Add what is kept of the rows behind a score to a stored model."""
    into.spec[f"{name}_rows"] = memory.rows
    into.arrays[f"{name}_mean"] = memory.mean
    into.arrays[f"{name}_information"] = memory.information


def get_memory(stored: Stored, name: str, encoding: Encoding) -> Memory | None:
    """Return what was kept of the rows behind a score; None in a file from before that was kept.

    Raises
    ------
    Damaged
        If a part is missing or has another shape than the encoding.
    """
    if f"{name}_rows" not in stored.spec:
        return None
    try:
        mean, information = stored.arrays[f"{name}_mean"], stored.arrays[f"{name}_information"]
    except KeyError as error:
        raise Damaged("the model's files lack a part") from error
    if mean.shape != (len(encoding.linear_owner),) or information.shape != (2, 2):
        raise Damaged("the model's numbers do not fit its columns")
    return Memory(int(stored.spec[f"{name}_rows"]), mean, information)
