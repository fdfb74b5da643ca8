"""A saved model on new people: who they are, what it said of them, and who judges it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osler.errors import Fault, InputError
from osler.evaluate import Placing
from osler.evaluate.recalibrate import KINDS
from osler.workflows.study.fitting import Outcomes
from osler.workflows.study.gather import Material
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.judging import Judge
from osler.workflows.study.saved import (
    FittedModel,
    SavedRun,
)

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Wanted:
    """How a run is to be applied.

    Parameters
    ----------
    recalibrate
        `intercept`, `slope`, `full`; None applies the model as it was saved.
    share
        Share of the subjects that the recalibration is fitted on; the rest judge it.
    """

    recalibrate: str | None = None
    share: float = 0.5
    seed: int = 0
    engine: str = "local"

    def __post_init__(self) -> None:
        faults = []
        if self.recalibrate is not None and self.recalibrate not in KINDS:
            faults.append(
                Fault("recalibrate", repr(self.recalibrate), f"one of {', '.join(KINDS)}")
            )
        if not 0.1 <= self.share <= 0.9:
            faults.append(Fault("share", f"{self.share:g}", "a share from 0.1 to 0.9"))
        if faults:
            raise InputError(faults)


@dataclass(frozen=True)
class Applied:
    """A model on new people: what it said, of whom, and who judges it.

    Parameters
    ----------
    saved, final
        Incidence of the model as saved and as recalibrated, shape (n, K, t); one array when there
        was no recalibration.
    inside : shape (n,)
        Rows in the model's domain.
    fitted_on : shape (n,)
        Rows that the recalibration was fitted on; none of them judges.
    """

    run: SavedRun
    model: FittedModel
    material: Material
    outcomes: Outcomes
    horizons: tuple[Horizon, ...]
    times: Floats
    saved: Floats
    final: Floats
    inside: Bools
    fitted_on: Bools
    placing: Placing | None
    wanted: Wanted

    @property
    def at(self) -> tuple[int, ...]:
        """Positions of the horizons among the times."""
        return tuple(int(np.searchsorted(self.times, one.days)) for one in self.horizons)

    def judge(self, rows: Bools) -> Judge:
        """Return the judge over some rows."""
        return Judge(
            outcomes=self.outcomes,
            subjects=self.material.cohort.rows["subject_id"].to_numpy(),
            rows=np.flatnonzero(rows),
            train=self.outcomes.y,
            times=self.times,
            at=self.at,
            horizons=self.horizons,
            plan=self.run.study.evaluation,
            seed=self.wanted.seed,
        )
