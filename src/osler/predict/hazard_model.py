"""What a fit of competing hazards leaves behind, and what is told from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from osler.learn.attribution import along_path
from osler.learn.designs import Designs
from osler.learn.encoding import Encoding
from osler.learn.incidence import Hazards
from osler.learn.losses import CoxLoss, Floats
from osler.learn.outcome import SurvivalOutcome
from osler.learn.shards import Whole
from osler.learn.timed import TimedScore
from osler.learn.updating import Memory


@dataclass(frozen=True)
class HazardModel:
    """What fitting leaves behind; no row of the data.

    Parameters
    ----------
    scores
        One per cause; None for a cause with too few events, whose risk is the same for all.
    events
        Events of each cause in the training rows.
    horizon
        Time at which risks are explained unless another is asked for.
    memories
        What is kept of the rows for `partial_fit`, one per cause; none in an old model file.
    """

    encoding: Encoding
    scores: tuple[TimedScore | None, ...]
    hazards: Hazards
    events: tuple[int, ...]
    horizon: float
    memories: tuple[Memory | None, ...] = ()

    def eta(self, designs: Designs) -> Floats:
        """Return the log hazard ratios, shape (n, K, g)."""
        eta = np.zeros((designs.rows, *self.shape))
        for cause, score in enumerate(self.scores):
            if score is not None:
                eta[:, cause, : score.periods] = score.predict(designs)
        return eta

    def contributions(self, designs: Designs) -> tuple[Floats, Floats]:
        """Return the scores at the base and what each column adds, (K, g) and (n, K, g, p)."""
        base = np.zeros(self.shape)
        added = np.zeros((designs.rows, *self.shape, len(self.encoding.plans)))
        for cause, score in enumerate(self.scores):
            if score is not None:
                at_base, parts = score.contributions(designs)
                base[cause, : score.periods], added[:, cause, : score.periods] = at_base, parts
        return base, added

    @property
    def shape(self) -> tuple[int, int]:
        """Causes, and the most periods that any has."""
        return len(self.scores), max(s.periods if s is not None else 1 for s in self.scores)

    def variance(self, designs: Designs) -> Floats:
        """Return their variance, shape (n, K, g)."""
        variance = np.zeros((designs.rows, *self.shape))
        for cause, score in enumerate(self.scores):
            if score is not None:
                variance[:, cause, : score.periods] = score.variance(designs)
        return variance


def in_risk(
    model: HazardModel, base: Floats, added: Floats, time: float, cause: int
) -> tuple[float, Floats]:
    """Return the risk of a cause by a time at the base, and what each column adds to it."""
    causes, periods = model.shape

    def slope(eta: Floats) -> Floats:
        slopes = model.hazards.slope(eta.reshape(-1, causes, periods), time, cause)
        return slopes.reshape(eta.shape)

    return along_path(risk_of(model, time, cause), slope, base.ravel(), flat(added))


def risk_of(model: HazardModel, time: float, cause: int) -> Callable[[Floats], Floats]:
    """Return the function from scores (n, K g) to the risk of a cause by a time."""
    causes, periods = model.shape

    def risk(eta: Floats) -> Floats:
        at = np.array([time])
        return model.hazards.incidence(eta.reshape(-1, causes, periods), at)[:, cause - 1, 0]

    return risk


def flat(added: Floats) -> Floats:
    """Put causes and periods side by side, (n, K, g, p) to (n, K g, p)."""
    rows, causes, periods, columns = added.shape
    return added.reshape(rows, causes * periods, columns)


def loss_of_all(rest: Whole, cause: int) -> CoxLoss:
    """Return the loss of a cause on the rows of all parts."""
    outcome = SurvivalOutcome(*rest.gathered.outcome)
    return CoxLoss(outcome.time, outcome.event == cause + 1, outcome.entry)


def side_by_side(predictors: list[Floats]) -> Floats:
    """Stack predictors (n, periods of the cause) into (n, causes, most periods)."""
    most = max(part.shape[1] for part in predictors)
    return np.stack([np.pad(part, ((0, 0), (0, most - part.shape[1]))) for part in predictors], 1)


def baseline_variance(model: HazardModel, time: float) -> Floats:
    """Return, per cause, about one over the events behind the baseline up to a time."""
    total = np.cumsum(model.hazards.jumps, axis=1)
    step = int(np.searchsorted(model.hazards.times, time, side="right"))
    reached = total[:, step - 1] if step else np.zeros(len(total))
    share = reached / np.where(total[:, -1] > 0, total[:, -1], 1.0)
    return np.asarray(1.0 / np.maximum(share * np.array(model.events), 1.0))


def loglog_interval(middle: Floats, spread: Floats, level: float) -> tuple[Floats, Floats]:
    """Return an interval of incidences whose scores have this spread, made on the log-log scale."""
    inside = np.clip(middle, 1e-12, 1 - 1e-12)
    cumulative = -np.log1p(-inside)
    half = ndtri(0.5 + level / 2) * spread / ((1 - inside) * cumulative)
    known = middle > 0
    low = np.where(known, -np.expm1(-cumulative * np.exp(-half)), 0.0)
    high = np.where(known, -np.expm1(-cumulative * np.exp(half)), 0.0)
    return np.minimum(low, middle), np.maximum(high, middle)
