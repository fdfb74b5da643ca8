"""Cases with controls drawn for each: fewer rows to measure, at a chance that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.cohort.build import Cohort
from osler.cohort.flow import FlowStep
from osler.errors import Fault, InputError

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def case_control(
    cohort: Cohort,
    *,
    controls: int = 4,
    match: pl.DataFrame | None = None,
    within: Mapping[str, float] | None = None,
    risk_set: bool = False,
    seed: int = 0,
) -> Cohort:
    """Draw controls for each case of a cohort, without replacement within a case.

    A case is a row with cause 1, or with the label. A row may be drawn for several cases, and
    never for a case of its own subject.

    Parameters
    ----------
    controls
        Most controls for a case.
    match : one line per row of the cohort
        What case and control have in common: equal values, null only with null; for a column
        named in `within`, numbers no further apart than that, null with nothing.
    within
        Column of `match` to the largest difference.
    risk_set
        Whether controls are drawn among those still at risk when the case had its event, later
        cases among them (incidence density sampling); else among rows that are no case.
    seed
        Makes the draw repeatable; it does not depend on how the subjects were sharded.

    Returns
    -------
    Cohort
        Rows with `set` (number of the case), `is_case` and `chance`: the chance of the row to be
        in the sample at all, 1 for a case. Rows weighted by 1 / chance stand for the cohort.
        Cases without a control are left out; the flow counts them.

    Raises
    ------
    InputError
        If the cohort has no outcome, or `match` does not fit it.

    References
    ----------
    Samuelsen 1997, Biometrika 84:379-394, doi:10.1093/biomet/84.2.379 (chance of inclusion).
    """
    order = cohort.rows.select(pl.arg_sort_by("subject_id", "prediction_time")).to_series()
    rows = cohort.rows[order]
    _check(rows, controls, match, within or {}, risk_set)
    keys = pl.DataFrame() if match is None else match[order]
    is_case = _is_case(rows)
    rng = np.random.default_rng(seed)
    subject = rows["subject_id"].to_numpy()
    missed = np.ones(rows.height)
    sets: list[tuple[int, Ints]] = []
    for case in np.flatnonzero(is_case):
        open_to = _at_risk(rows, int(case)) if risk_set else ~is_case
        eligible = np.flatnonzero(
            open_to & (subject != subject[case]) & _alike(keys, int(case), within or {})
        )
        if not eligible.size:
            continue
        drawn = min(controls, eligible.size)
        missed[eligible] *= 1.0 - drawn / eligible.size
        sets.append((int(case), rng.choice(eligible, drawn, replace=False)))
    return _sample(cohort, rows, sets, np.where(is_case, 1.0, 1.0 - missed))


def _check(
    rows: pl.DataFrame,
    controls: int,
    match: pl.DataFrame | None,
    within: Mapping[str, float],
    risk_set: bool,
) -> None:
    faults = []
    timed = "cause" in rows.columns
    if not timed and "boolean_value" not in rows.columns:
        faults.append(Fault("cohort", "rows without an outcome", "a time to event or a label"))
    if risk_set and not timed:
        faults.append(Fault("risk_set", "a label, without times", "a time to event"))
    if controls < 1:
        faults.append(Fault("controls", "less than 1", "a whole number from 1"))
    if match is not None and match.height != rows.height:
        faults.append(Fault("match", "another number of rows", "one line per row of the cohort"))
    for name in within:
        known = match is not None and name in match.columns and match[name].dtype.is_numeric()
        if not known:
            faults.append(Fault(f"within.{name}", "no column of numbers in match", "one of them"))
    if faults:
        raise InputError(faults)


def _is_case(rows: pl.DataFrame) -> Bools:
    found = rows["cause"] == 1 if "cause" in rows.columns else rows["boolean_value"]
    return np.asarray(found.to_numpy(), dtype=np.bool_)


def _at_risk(rows: pl.DataFrame, case: int) -> Bools:
    """Whether each row is under observation and without any event when the case has its own."""
    when = rows["duration_days"][case]
    entered = (rows["entry_days"] <= when).to_numpy()
    return np.asarray(entered & (rows["duration_days"] > when).to_numpy(), dtype=np.bool_)


def _alike(keys: pl.DataFrame, case: int, within: Mapping[str, float]) -> Bools | np.bool_:
    alike: Bools | np.bool_ = np.True_
    for name in keys.columns:
        column, own = keys[name], keys[name][case]
        if name in within:
            near = (column - own).abs() <= within[name] if own is not None else None
            same = near.fill_null(False) if near is not None else pl.Series([False])
        else:
            same = column.eq_missing(pl.Series([own], dtype=column.dtype))
        alike = alike & same.to_numpy()
    return alike


def _sample(
    cohort: Cohort, rows: pl.DataFrame, sets: list[tuple[int, Ints]], chance: Floats
) -> Cohort:
    parts = [np.concatenate(([case], drawn)) for case, drawn in sets]
    places = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    number = np.repeat(np.arange(len(sets)), [part.size for part in parts])
    first = np.ones(places.size, dtype=np.bool_)
    first[1:] = number[1:] != number[:-1]
    sampled = rows[places].with_columns(
        pl.Series("set", number.astype(np.int64)),
        pl.Series("is_case", first),
        pl.Series("chance", chance[places]),
    )
    cases = sampled.filter("is_case")
    steps = (
        FlowStep("cases with a control", cases.height, cases["subject_id"].n_unique()),
        FlowStep(
            "cases and controls",
            sampled.height,
            sampled["subject_id"].n_unique(),
            "a row drawn for several cases is counted for each",
        ),
    )
    return replace(cohort, rows=sampled, flow=(*cohort.flow, *steps))
