"""How a run's model goes with the values of what moves it most: the section `shapes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.features import FeatureMatrix
from osler.learn.shapes import shape_of_levels, shape_of_numbers
from osler.predict import TimeToEvent
from osler.workflows.study.alike import one_row_each
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.wording import TELLS_A_LEVEL, Variable

if TYPE_CHECKING:
    from osler.workflows.study.saved import FittedModel

MOST_SHAPES = 8
MOST_PEOPLE = 1_000
SMALLEST_EFFECT = 0.0005

Floats = NDArray[np.float64]


def shapes_section(
    fitted: FittedModel, part: FeatureMatrix, known: list[Variable], horizon: Horizon
) -> dict[str, Any]:
    """Return the shapes of the strongest variables, for the main cause at one horizon.

    Parameters
    ----------
    part
        Rows of the cohort with the model's columns; of each person one row is taken.
    known
        Variables of those columns.
    """
    rows = one_row_each(part.rows["subject_id"].to_numpy())
    some = part.take(rows[:: -(-len(rows) // MOST_PEOPLE)])
    explained = _Explained.of(fitted, some, horizon)
    strength = {
        one.code: float(np.abs(explained.effects[:, list(one.columns)].sum(axis=1)).mean())
        for one in known
    }
    strongest = sorted(known, key=lambda one: -strength[one.code])[:MOST_SHAPES]
    told = [one for one in strongest if strength[one.code] >= SMALLEST_EFFECT]
    shapes = explained.shapes(told)
    return {
        "horizon": horizon.text,
        "days": horizon.days,
        "people": len(some),
        "base": explained.base,
        "columns": [
            {**shape, "importance": strength[one.code]}
            for one, shape in zip(told, shapes, strict=True)
        ],
    }


class _Explained:
    """Some people's attributions, on the scale of the risk and of the score."""

    def __init__(
        self, fitted: FittedModel, part: FeatureMatrix, asked: dict[str, Any], added: Floats
    ) -> None:
        self.fitted, self.part, self.asked, self.added = fitted, part, asked, added
        self.effects = np.asarray(fitted.model.explain(part, **asked))
        self.base = float(fitted.model.base_value(**asked))
        self.cells = part.to_frame()

    @staticmethod
    def of(fitted: FittedModel, part: FeatureMatrix, horizon: Horizon) -> _Explained:
        timed = isinstance(fitted.model, TimeToEvent)
        asked = {"horizon": horizon.days, "cause": 1} if timed else {}
        added = fitted.model.coordinates(part)[:, : len(part.columns)]
        return _Explained(fitted, part, asked, added)

    def shapes(self, variables: list[Variable]) -> list[dict[str, Any]]:
        """Return the shape of each variable with its name, unit and kind."""
        columns = [self._columns(one) for one in variables]
        alone = self.fitted.model.explain_alone(self.part, columns, **self.asked)
        return [
            self._told(one, own, alone[:, at])
            for at, (one, own) in enumerate(zip(variables, columns, strict=True))
        ]

    def _columns(self, variable: Variable) -> list[int]:
        """Return all columns of a variable with levels, else the one that moves risks most."""
        columns = list(variable.columns)
        if variable.levels:
            return columns
        means = np.abs(self.effects[:, columns]).mean(axis=0)
        return [columns[int(np.argmax(means))]]

    def _told(self, variable: Variable, columns: list[int], alone: Floats) -> dict[str, Any]:
        effects = self.effects[:, columns].sum(axis=1)
        added = self.added[:, columns].sum(axis=1)
        first = self.part.columns[columns[0]]
        numeric = not variable.levels
        if numeric and first.aggregation != "any":
            values = self.cells.to_series(columns[0]).cast(pl.Float64).fill_null(np.nan)
            shape = shape_of_numbers(values.to_numpy(), effects, alone, added)
        else:
            shape = shape_of_levels(self._levels(variable, columns), effects, alone, added)
        return {
            "what": variable.name,
            "code": variable.code,
            "column": str(first) if numeric else variable.code,
            "aggregation": first.aggregation if numeric else "",
            "window": first.window if numeric else "",
            "unit": variable.unit,
            "kind": "number" if numeric and first.aggregation != "any" else "level",
            **shape.to_json(),
        }

    def _levels(self, variable: Variable, columns: list[int]) -> list[str | None]:
        """Return each person's level; of a code without levels, whether it was recorded."""
        if not variable.levels:
            recorded = self.cells.to_series(columns[0]).cast(pl.Float64).fill_null(0.0).to_list()
            return ["recorded" if one else "not recorded" for one in recorded]
        held: list[str | None] = [None] * len(self.part)
        for position, level in variable.levels.items():
            if self.part.columns[position].aggregation in TELLS_A_LEVEL:
                cells = self.cells.to_series(position).cast(pl.Float64).fill_null(0.0).to_numpy()
                for row in np.flatnonzero(cells):
                    held[row] = level
        return held
