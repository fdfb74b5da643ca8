"""Time zero: what happened before it, what is dated after it, and time that could not be lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from osler.effect.problem import Problem
from osler.errors import Fault, InputError, NotEstimable
from osler.learn.losses import Floats, Ints
from osler.learn.outcome import SurvivalOutcome
from osler.learn.table import NUMBER, Schema

MOST_EVENTS_AT_ZERO = 0.01
SAME = 0.999999
FEWEST_TO_TELL = 10


@dataclass(frozen=True)
class ImmortalTime:
    """Rows that are counted as treated from time zero although their treatment began later.

    Parameters
    ----------
    rows
        How many.
    share
        Of the rows whose start of treatment is known.
    median_delay
        Their median delay, in the unit of the times.
    """

    rows: int
    share: float
    median_delay: float

    def __str__(self) -> str:
        if not self.rows:
            return "no treatment begins after time zero"
        return (
            f"in {self.rows} rows ({self.share:.1%} of those treated) treatment begins after time "
            f"zero, in the median by {self.median_delay:g}: until then they could not die treated, "
            "which makes treatment look good"
        )


def immortal_time(treatment_start: Any, time_zero: Any = 0.0, grace: float = 0.0) -> ImmortalTime:
    """Count rows whose treatment begins later than `grace` after time zero.

    Parameters
    ----------
    treatment_start : shape (n,)
        When each row's treatment began; NaN where there was none.
    time_zero : shape (n,) or a number
    grace
        Delay that the protocol of the target trial allows.

    References
    ----------
    Suissa 2008, Am J Epidemiology 167:492-499, doi:10.1093/aje/kwm324; Hernán et al. 2016,
    J Clin Epidemiology 79:70-75, doi:10.1016/j.jclinepi.2016.04.014.
    """
    delay = _times(treatment_start, "treatment_start") - _times(time_zero, "time_zero")
    known = delay[~np.isnan(delay)]
    late = known[known > grace]
    share = len(late) / len(known) if len(known) else 0.0
    return ImmortalTime(len(late), share, float(np.median(late)) if len(late) else 0.0)


def require_no_immortal_time(
    treatment_start: Any, time_zero: Any = 0.0, grace: float = 0.0
) -> ImmortalTime:
    """Return the count of `immortal_time`, which must be none.

    Raises
    ------
    NotEstimable
        If any treatment begins later than `grace` after time zero.
    """
    found = immortal_time(treatment_start, time_zero, grace)
    if found.rows:
        raise NotEstimable(
            f"{found}; start the clock when treatment is decided, allow a grace period in both "
            "arms, or count such people in both arms until they are treated"
        )
    return found


def refuse_later_covariates(known_at: dict[str, Any], time_zero: Any = 0.0) -> None:
    """Refuse covariates that were known only after time zero.

    Parameters
    ----------
    known_at
        Column to the time from which each row's value was known, shape (n,); NaN where missing.

    Raises
    ------
    InputError
        One fault per column with a value dated after time zero.

    References
    ----------
    Rosenbaum 1984, J R Stat Soc A 147:656-666 (adjusting for what treatment has changed).
    """
    zero = _times(time_zero, "time_zero")
    faults = []
    for column, when in known_at.items():
        late = int(np.sum(_times(when, f"known_at[{column!r}]") > zero))
        if late:
            faults.append(
                Fault(
                    f"covariate {column!r}",
                    f"{late} values known only after time zero",
                    "what was known when treatment was decided",
                    "treatment may have changed it: leave it out or take an earlier value",
                )
            )
    if faults:
        raise InputError(faults)


def _times(values: Any, where: str) -> Floats:
    try:
        return np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputError(Fault(where, "values that are no numbers", "times")) from error


def refuse_known_outcome(problem: Problem) -> tuple[str, ...]:
    """Refuse rows whose outcome was known at time zero, and covariates that are the outcome.

    Returns
    -------
    Notes, where single events fall on time zero.

    Raises
    ------
    NotEstimable
        If more than a hundredth of the rows have their event at time zero, or a covariate is the
        outcome, up to scale or to renaming.
    """
    notes: tuple[str, ...] = ()
    y = problem.y
    if isinstance(y, SurvivalOutcome):
        early = int(np.sum((y.event > 0) & (y.time <= 0)))
        if early > MOST_EVENTS_AT_ZERO * len(y):
            raise NotEstimable(
                f"{early} rows have their event at time zero, before treatment could act: only "
                "those still free of it are eligible"
            )
        if early:
            notes = (f"{early} events fall on time zero, before treatment could act",)
        return notes
    found = [name for name in problem.frame.columns if _is_outcome(problem.frame[name], y)]
    if found:
        raise NotEstimable(
            f"the covariate {found[0]!r} is the outcome itself: an outcome that was known at time "
            "zero cannot be changed by treatment, and one known later is no covariate"
        )
    return notes


def _is_outcome(series: pl.Series, y: Floats) -> bool:
    known = series.is_not_null().to_numpy()
    if known.sum() < FEWEST_TO_TELL or np.ptp(y[known]) == 0:
        return False
    if Schema.of(series.to_frame(), True).kinds[0] == NUMBER:
        x = series.to_numpy()[known].astype(np.float64)
        return bool(np.ptp(x) > 0 and abs(np.corrcoef(x, y[known])[0, 1]) > SAME)
    codes = series.drop_nulls().rank("dense").to_numpy().astype(np.int64)
    return bool(len(np.unique(codes)) < len(codes) / 2 and _one_to_one(codes, y[known]))


def _one_to_one(codes: Ints, y: Floats) -> bool:
    pairs = np.unique(np.column_stack([codes, y]), axis=0)
    return len(pairs) == len(np.unique(y)) == len(np.unique(codes))
