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
from osler.predict import Risk, TimeToEvent

if TYPE_CHECKING:
    from osler.workflows.study.fitting import Outcomes
    from osler.workflows.study.saved import FittedModel

__all__ = ["ALIKE", "KIND", "Alike", "alike_among", "load_alike", "save_alike"]

ALIKE = "alike"
KIND = "alike"
MOST_PEOPLE = 2_000

Floats = NDArray[np.float64]


def alike_among(
    fitted: FittedModel,
    matrix: FeatureMatrix,
    outcomes: Outcomes,
    train: NDArray[np.int64],
    horizons: Floats,
) -> Alike | None:
    """Group the people whom a model learned from; None where they are too few.

    Each person counts once: of several rows of one, a row is drawn that does not depend on what
    became of her. Of very many people some thousand are taken, evenly.

    Parameters
    ----------
    train
        Positions of the rows that the model learned from.
    """
    rows = train[one_row_each(matrix.rows["subject_id"].to_numpy()[train])]
    rows = rows[:: -(-len(rows) // MOST_PEOPLE)]
    part, own = fitted.of(matrix.take(rows)), outcomes.take(rows)
    coordinates = fitted.model.coordinates(part)
    try:
        if isinstance(fitted.model, Risk):
            chance = fitted.model.predict_proba(part)[:, 1, None, None]
            return Alike.of_label(coordinates, own.cause, predicted=chance)
        delayed = own.entry_days is not None and own.entry_days.any()
        return Alike.of_times(
            coordinates,
            own.y,
            horizons,
            causes=len(own.causes),
            entry=own.entry_days if delayed else None,
            predicted=_predicted(fitted.model, part, horizons, len(own.causes)),
        )
    except NotEstimable:
        return None


def _predicted(model: TimeToEvent, part: FeatureMatrix, horizons: Floats, causes: int) -> Floats:
    """Return the incidence of every cause, shape (n, K, t); 0 of one that the model never met."""
    found = np.zeros((len(part), causes, len(horizons)))
    for cause in model.causes:
        found[:, cause - 1] = model.predict_cumulative_incidence(part, horizons, cause=cause)
    return found


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
    told = ("value", "low", "high", "few", "predicted")
    shapes = {arrays[name].shape for name in told}
    if len(groups) != 1 or len(shapes) != 1 or (arrays["people"] < FEWEST_PEOPLE).any():
        raise Damaged("the groups of people alike do not fit together")
    people, few = arrays.pop("people"), arrays.pop("few")
    return Alike(
        people=people.astype(np.int64), few=few.astype(bool), usual=usual, total=total, **arrays
    )
