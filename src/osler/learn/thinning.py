"""A lasso on top of a ridge fit, for data of which a few columns say nearly everything."""

from __future__ import annotations

import numpy as np

from osler.learn.losses import Floats, Loss

SHARES = (0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85)
RIDGE_LEFT = 0.5
MOST_STEPS = 40
STEP_DONE = 1e-5
NOTHING = 1e-4


def thinned(
    design: Floats, loss: Loss, start: Floats, penalty: Floats, shares: tuple[float, ...]
) -> list[Floats]:
    """Return coefficients under ever stronger elastic nets, by one quadratic step from `start`.

    The loss is replaced by its quadratic at the ridge fit, so that the whole path needs no risk
    set. Half the ridge penalty stays.

    Parameters
    ----------
    design : shape (n, p)
        Centred.
    loss
        Without a level of its own.
    start : shape (p,)
        The ridge fit.
    penalty : shape (p,)
        Its penalties; their roots are the columns' units under the lasso.
    shares
        Strengths, increasing, each a share of the one that leaves no column.

    References
    ----------
    Zou & Hastie 2005, J R Stat Soc B 67:301-320 (elastic net); Wang & Leng 2007, JASA
    102:1039-1048 (lasso by least-squares approximation); Fan & Li 2001, JASA 96:1348-1360 (local
    quadratic approximation).
    """
    eta = design @ start
    hessian = loss.hessian(eta, design)
    right = hessian @ start - design.T @ loss.curvature(eta)[0]
    unit = np.sqrt(penalty / penalty.min())
    at_nothing = design.T @ loss.curvature(np.zeros(len(design)))[0]
    most = float(np.max(np.abs(at_nothing) / unit))
    curved = hessian + np.diag(RIDGE_LEFT * penalty)
    found, now = [], start
    for share in shares:
        now = _elastic(curved, right, share * most * unit, now)
        found.append(np.where(np.abs(now) < NOTHING, 0.0, now))
    return found


def _elastic(curved: Floats, right: Floats, lasso: Floats, start: Floats) -> Floats:
    """Minimise ``½ b'Cb − r'b + Σ lasso_j |b_j|`` by majorising each |b| with a parabola."""
    b = start
    for _ in range(MOST_STEPS):
        root = np.sqrt(np.abs(b))
        matrix = curved * root[:, None] * root
        matrix[np.diag_indices(len(b))] += lasso + 1e-9
        following = root * np.linalg.solve(matrix, root * right)
        moved = float(np.max(np.abs(following - b)))
        b = following
        if moved < STEP_DONE:
            break
    return b
