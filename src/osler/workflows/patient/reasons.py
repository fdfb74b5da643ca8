"""Why a model says what it says of one patient, citing the events behind each reason."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.features import ANSWER_MARK, FeatureMatrix
from osler.features.column import FULL_WINDOW, STATIC_WINDOW, window_us
from osler.model import BIRTH, Reason, empty_events, sort_events
from osler.workflows.patient.known import value_in_words
from osler.workflows.study.wording import AGE, TELLS_A_LEVEL, Variable

MOST_REASONS = 8
SMALLEST_EFFECT = 0.0005
MOST_EVENTS_CITED = 3


def reasons_for(
    effects: NDArray[np.float64],
    matrix: FeatureMatrix,
    known: Sequence[Variable],
) -> tuple[Reason, ...]:
    """Return what moved a prediction most, largest first.

    Parameters
    ----------
    effects : shape (p,)
        Effect of each column on the prediction, additive, on the scale of the risk.
    matrix
        The patient's one row, with the same columns.
    known
        Variables of those columns.
    """
    summed = [(float(effects[list(one.columns)].sum()), one) for one in known]
    summed.sort(key=lambda pair: -abs(pair[0]))
    told = [pair for pair in summed if abs(pair[0]) >= SMALLEST_EFFECT][:MOST_REASONS]
    return tuple(
        Reason(*_observation(variable, matrix, effect)) for effect, variable in told or summed[:1]
    )


def _observation(
    variable: Variable, matrix: FeatureMatrix, effect: float
) -> tuple[str, float, str]:
    sources = [matrix.sources(0, column) for column in variable.columns]
    events = pl.concat([one for one in sources if one.height] or [sources[0]]).unique(
        maintain_order=True
    )
    if not events.height:
        return _absence(variable, matrix, effect)
    last = events.row(-1, named=True)
    value = _level(variable, matrix) or _years(variable, matrix)
    value = value or value_in_words(last["code"], last["numeric_value"], last["text_value"])
    what = f"{variable.name}: {value}" if value and value != variable.name else variable.name
    return what, effect, _cite(events)


def _absence(variable: Variable, matrix: FeatureMatrix, effect: float) -> tuple[str, float, str]:
    """Return a reason without an event: nothing was recorded, nothing in time, nothing known.

    A record that the model does not read, too old or of a level that it did not learn, is cited.
    """
    if variable.code == AGE:
        return f"{variable.name}: no record of a birth", effect, f"no event of {BIRTH}"
    until = matrix.rows["prediction_time"].item(0).date().isoformat()
    window = _longest(variable, matrix)
    none = f"no event of {variable.code}{window} up to {until}"
    others = _related(variable, matrix)
    if not others.height:
        return f"{variable.name}: no record{window}", effect, none
    what = "not among those that the model knows" if variable.levels else f"no record{window}"
    return f"{variable.name}: {what}", effect, f"{none}; there is {_cite(others)}"


def _longest(variable: Variable, matrix: FeatureMatrix) -> str:
    """Return the longest window of a variable's columns in words; empty if it is the whole life."""
    windows = {matrix.columns[column].window for column in variable.columns}
    if windows & {FULL_WINDOW, STATIC_WINDOW}:
        return ""
    return f" in the last {max(windows, key=lambda one: window_us(one) or 0)}"


def _related(variable: Variable, matrix: FeatureMatrix) -> pl.DataFrame:
    """Return the events up to the prediction of a variable's code and of what is below it."""
    subject, until = matrix.rows.row(0)
    code = pl.col("code").cast(pl.String)
    asked = variable.code.partition(ANSWER_MARK)[0]
    own = (code == asked) | code.str.starts_with(f"{asked}//")
    known = pl.col("time").is_null() | (pl.col("time") <= until)
    kept = matrix.events[0] if matrix.events else empty_events()
    return sort_events(kept.filter((pl.col("subject_id") == subject) & own & known))


def _level(variable: Variable, matrix: FeatureMatrix) -> str:
    held = [
        level
        for column, level in variable.levels.items()
        if matrix.columns[column].aggregation in TELLS_A_LEVEL and matrix.values[0, column]
    ]
    return ", ".join(held)


def _years(variable: Variable, matrix: FeatureMatrix) -> str:
    if variable.code != AGE:
        return ""
    return f"{matrix.values[0, variable.columns[0]]:.1f} years"


def _cite(events: pl.DataFrame) -> str:
    told = []
    for event in events.tail(MOST_EVENTS_CITED).iter_rows(named=True):
        when = event["time"].date().isoformat() if event["time"] is not None else "no date"
        told.append(f"{event['code']} ({when})")
    more = events.height - len(told)
    return "; ".join(told) + (f"; and {more} earlier" if more > 0 else "")


def missing_for(
    matrix: FeatureMatrix, known: Sequence[Variable], usual_share: dict[str, float]
) -> list[str]:
    """Return the variables that most of the cohort had and this patient has not."""
    return [
        variable.name
        for variable in known
        if usual_share.get(variable.code, 0.0) >= 0.5
        and not any(matrix.sources(0, column).height for column in variable.columns)
    ]
