"""From what each column adds to a score to what it adds to a risk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from osler.learn.losses import Floats

NODES = 8
FEW_ROWS = 64
# With it the people of a group have predictions about as near as their outcomes can be told.
SCORE_WEIGHT = 2.0


def along_path(
    risk: Callable[[Floats], Floats],
    slope: Callable[[Floats], Floats],
    base: Floats,
    contributions: Floats,
) -> tuple[float, Floats]:
    """Attribute a risk to columns that add up in one or more scores.

    Each score moves in a straight line from its base to its value; a column gets the integral of
    the risk's slope along that line times what it adds to the score (Aumann–Shapley). The
    attributions of a row and the risk at the base add up to its risk; what the quadrature leaves
    is spread in proportion.

    Parameters
    ----------
    risk
        Scores (n, s) to risk (n,).
    slope
        Scores (n, s) to the derivatives of the risk (n, s).
    base : shape (s,)
        Scores at the base.
    contributions : shape (n, s, p)
        What each column adds to each score.

    Returns
    -------
    The risk at the base, and the attributions, shape (n, p).

    References
    ----------
    Aumann & Shapley 1974, Values of Non-Atomic Games; Sundararajan et al. 2017, PMLR 70:3319.
    """
    rows, _, columns = contributions.shape
    base_risk = float(risk(base[None, :])[0])
    if not rows:
        return base_risk, np.zeros((0, columns))
    distance = contributions.sum(axis=2)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    if rows <= FEW_ROWS:
        points = base + (nodes[:, None, None] + 1) / 2 * distance
        slopes = list(slope(points.reshape(-1, len(base))).reshape(points.shape))
    else:
        slopes = [slope(base + (node + 1) / 2 * distance) for node in nodes]
    mean_slope = sum(weight / 2 * one for weight, one in zip(weights, slopes, strict=True))
    values = np.asarray(np.einsum("ns,nsp->np", mean_slope, contributions))
    left = risk(base + distance) - base_risk - values.sum(axis=1)
    size = np.abs(values)
    total = size.sum(axis=1, keepdims=True)
    return base_risk, values + left[:, None] * size / np.where(total > 0, total, 1.0)


def alone(
    risk: Callable[[Floats], Floats],
    base: Floats,
    contributions: Floats,
    together: Sequence[Sequence[int]],
) -> Floats:
    """Return what some columns would add to the risk at the base if nothing else moved it.

    Where a score is a sum of functions of one column each, this is a function of the column: its
    shape on the scale of the risk.

    Parameters
    ----------
    risk, base, contributions
        As in `along_path`.
    together
        Positions of the columns that are looked at as one.

    Returns
    -------
    shape (n, len(together))
    """
    start = float(risk(base[None, :])[0])
    moved = [risk(base + contributions[:, :, list(columns)].sum(axis=2)) for columns in together]
    return np.stack(moved, axis=1) - start if moved else np.zeros((len(contributions), 0))


def coordinates(contributions: Floats) -> Floats:
    """Return where rows lie by what moves their predictions, shape (n, s p + s).

    Two rows that are near each other have near scores, and for the same reasons; what does not
    matter to the prediction does not part them. What each column adds to each score comes first,
    then each score itself, counted `SCORE_WEIGHT` times.

    Parameters
    ----------
    contributions : shape (n, s, p)
        What each column adds to each score.
    """
    rows, scores, columns = contributions.shape
    whole = SCORE_WEIGHT * contributions.sum(axis=2)
    return np.concatenate([contributions.reshape(rows, scores * columns), whole], axis=1)
