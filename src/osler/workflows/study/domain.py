"""The domain of a run's model: what the people it learned from looked like, in sums, on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from osler.errors import Damaged
from osler.evaluate import Reference
from osler.evaluate.shift import FEWEST_ROWS
from osler.features import FeatureMatrix
from osler.learn.modelfile import Stored, load_model, save_model

if TYPE_CHECKING:
    from osler.workflows.study.fitting import CrossFitted

DOMAIN = "domain"
KIND = "domain"
RULE = (
    "A person is out of the model's domain when her measurements lie farther from the middle of "
    "the people learned from than 99.5 % of these do, when a single number lies beyond their 0.5 "
    "and 99.5 % quantiles by more than half of the distance between them, or when fewer of the "
    "model's measurements are known than of 99.5 % of them. The model abstains there."
)
ARRAYS = ("zero", "known", "mean", "sd", "low", "high", "used", "indicated", "covariance")

Floats = NDArray[np.float64]


def cells_of(part: FeatureMatrix) -> Floats:
    """Return the cells of a model's columns, shape (n, p), NaN where missing."""
    if not part.columns:
        return np.empty((part.shape[0], 0))
    return np.asarray(part.to_frame().to_numpy(), dtype=np.float64)


def domain_of(matrix: FeatureMatrix, fitted: CrossFitted) -> Reference | None:
    """Sum up the rows that the final model learned from; None where they are too few."""
    rows = np.flatnonzero(fitted.fold >= 0)
    if len(rows) < FEWEST_ROWS:
        return None
    part = fitted.final.of(matrix.take(rows))
    names = [str(one) for one in part.columns]
    return Reference.of(cells_of(part), names, [one.zero_when_absent for one in part.columns])


def save_domain(domain: Reference, folder: Path) -> None:
    """Write a domain as JSON and plain arrays with their digests."""
    spec = {
        "columns": list(domain.columns),
        "n": domain.n,
        "cut": domain.cut,
        "fewest_known": domain.fewest_known,
    }
    save_model(Stored(KIND, spec, {name: getattr(domain, name) for name in ARRAYS}), folder)


def load_domain(folder: Path) -> Reference:
    """Read a domain.

    Raises
    ------
    Damaged
        If a file is missing, cut or changed.
    """
    stored = load_model(folder, KIND)
    try:
        spec = stored.spec
        arrays = {name: stored.arrays[name] for name in ARRAYS}
        return Reference(
            columns=tuple(str(one) for one in spec["columns"]),
            n=int(spec["n"]),
            cut=float(spec["cut"]),
            fewest_known=float(spec["fewest_known"]),
            **arrays,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged("the model's domain lacks a part") from error
