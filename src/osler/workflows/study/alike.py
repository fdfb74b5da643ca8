"""What became of the people a run's models learned from, in groups of people who are alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from osler.errors import Damaged, NotEstimable
from osler.features import FeatureMatrix
from osler.learn.alike import ARRAYS, FEWEST_PEOPLE, Alike
from osler.learn.modelfile import Stored, load_model, save_model

if TYPE_CHECKING:
    from osler.workflows.study.fitting import Outcomes
    from osler.workflows.study.saved import FittedModel

__all__ = ["ALIKE", "KIND", "Alike", "alike_among", "load_alike", "save_alike"]

ALIKE = "alike"
KIND = "alike"
MOST_PEOPLE = 5_000

Floats = NDArray[np.float64]


def alike_among(
    fitted: FittedModel, matrix: FeatureMatrix, outcomes: Outcomes, horizons: Floats
) -> Alike | None:
    """Group the people whom a model learned from; None where they are too few.

    Each person counts once: of several rows of one, a row is drawn that does not depend on what
    became of her. Of very many people some thousand are taken, evenly.
    """
    rows = one_row_each(matrix.rows["subject_id"].to_numpy())
    rows = rows[:: -(-len(rows) // MOST_PEOPLE)]
    coordinates = fitted.model.coordinates(fitted.of(matrix.take(rows)))
    own = outcomes.take(rows)
    try:
        if own.entry_days is None:
            return Alike.of_label(coordinates, own.cause)
        entry = own.entry_days if own.entry_days.any() else None
        causes = len(own.causes)
        return Alike.of_times(coordinates, own.y, horizons, causes=causes, entry=entry)
    except NotEstimable:
        return None


def one_row_each(subjects: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of one row of each subject, the same ones whenever asked."""
    order = np.random.default_rng(0).permutation(len(subjects))
    _, first = np.unique(subjects[order], return_index=True)
    return np.sort(order[first])


def save_alike(alike: Alike, folder: Path) -> None:
    """Write groups as plain arrays with their digests; a group is ten people or more."""
    spec = {"usual": alike.usual, "total": alike.total}
    arrays = {name: np.asarray(getattr(alike, name), dtype=np.float64) for name in ARRAYS}
    save_model(Stored(KIND, spec, arrays), folder)


def load_alike(folder: Path) -> Alike:
    """Read groups.

    Raises
    ------
    Damaged
        If a file is missing, cut or changed, or a group is smaller than may be told.
    """
    stored = load_model(folder, KIND)
    try:
        arrays = {name: stored.arrays[name] for name in ARRAYS}
        usual, total = float(stored.spec["usual"]), int(stored.spec["total"])
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged("the groups of people alike lack a part") from error
    groups = {len(one) for one in arrays.values()}
    shapes = {arrays[name].shape for name in ("value", "low", "high", "few")}
    if len(groups) != 1 or len(shapes) != 1 or (arrays["people"] < FEWEST_PEOPLE).any():
        raise Damaged("the groups of people alike do not fit together")
    people, few = arrays.pop("people"), arrays.pop("few")
    return Alike(
        people=people.astype(np.int64), few=few.astype(bool), usual=usual, total=total, **arrays
    )
