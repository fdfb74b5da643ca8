"""Whether the reasons that a run's model gives are what its predictions rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.errors import NotEstimable
from osler.evaluate import faithfulness
from osler.features import FeatureMatrix
from osler.learn.deleting import delete_reasons
from osler.predict import TimeToEvent
from osler.workflows.study.alike import one_row_each
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.wording import Variable

if TYPE_CHECKING:
    from osler.workflows.study.saved import FittedModel

MOST_PEOPLE = 200
FEWEST_PEOPLE = 20

Floats = NDArray[np.float64]


def faithfulness_section(
    fitted: FittedModel, part: FeatureMatrix, known: list[Variable], horizon: Horizon, seed: int
) -> dict[str, Any] | None:
    """Delete the strongest variables of some people and as many others; None if that cannot be.

    Parameters
    ----------
    part
        Rows of the cohort with the model's columns; of each person one row is taken.
    """
    rows = one_row_each(part.rows["subject_id"].to_numpy())
    if len(rows) < FEWEST_PEOPLE:
        return None
    frame = part.take(rows[:: -(-len(rows) // MOST_PEOPLE)]).to_frame()
    model = fitted.model
    if isinstance(model, TimeToEvent):
        effects = model.explain(frame, horizon=horizon.days, cause=1)
    else:
        effects = model.explain(frame)

    def predicted(cells: pl.DataFrame) -> Floats:
        if isinstance(model, TimeToEvent):
            return model.predict_cumulative_incidence(cells, [horizon.days], cause=1)[:, 0]
        return model.predict_proba(cells)[:, 1]

    together = [one.columns for one in known]
    try:
        deleted = delete_reasons(predicted, frame, effects, together=together, seed=seed)
    except NotEstimable:
        return None
    found = faithfulness(deleted.whole, deleted.without_named, deleted.without_others, seed=seed)
    told = {"horizon": horizon.text, "people": frame.height, "reasons": deleted.named}
    return {**told, **found.to_json()}
