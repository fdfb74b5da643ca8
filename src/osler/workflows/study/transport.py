"""What differs between the people a run's model was learned on and those it is applied to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler import evaluate
from osler.errors import NotEstimable
from osler.evaluate import Placing, Reference
from osler.evaluate.calibration import to_link
from osler.workflows.study.domain import RULE
from osler.workflows.study.fitting import Outcomes
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.saved import SavedRun, plain

MOST_SHOWN = 20
# Differences below a tenth of a standard deviation are taken for balance: Austin 2009.
NOTABLE = 0.1
FEWEST_TOLD = 10
NO_DOMAIN = (
    "The run was saved without a description of the people learned from (an earlier osler, or too "
    "few rows), so nobody could be found out of its domain; run the study again to have one."
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Newcomers:
    """The people a run is applied to, as its model sees them.

    Parameters
    ----------
    cells : shape (n, p)
        The model's columns, NaN where missing.
    incidence : shape (n, K, t)
        Of the saved model, before any recalibration here.
    at
        Positions of the horizons among the times.
    """

    rows: pl.DataFrame
    cells: Floats
    outcomes: Outcomes
    incidence: Floats
    at: tuple[int, ...]
    horizons: tuple[Horizon, ...]
    bootstrap: int
    seed: int

    @property
    def subjects(self) -> NDArray[np.int64]:
        """The subject of each row."""
        return self.rows["subject_id"].to_numpy()


def transport_section(
    run: SavedRun, new: Newcomers, domain: Reference | None, placing: Placing | None
) -> dict[str, Any]:
    """Return case mix, missingness and domain distance of new people beside those learned from."""
    told: dict[str, Any] = {
        "developed_on": {
            "rows": run.results["cohort"]["rows"],
            "subjects": run.results["cohort"]["subjects"],
            "events": run.results["cohort"]["events"],
            "results_sha256": run.digest,
        },
        "case_mix": {
            "prediction": prediction_spread(run, new),
            "membership": {
                "by_prediction_and_outcome": membership_by_outcome(run, new),
                "by_predictors": _membership_by_predictors(new, domain),
            },
            "variables": [],
        },
        "missingness": [],
        "domain": domain_section(domain, placing),
    }
    if domain is not None:
        told["case_mix"]["variables"], told["missingness"] = differences(run, new, domain)
    return dict(plain(told))


def prediction_spread(run: SavedRun, new: Newcomers) -> list[dict[str, Any]]:
    """Return mean and spread of the predictor on its link scale, there and here, each horizon.

    References
    ----------
    Debray et al. 2015, Journal of Clinical Epidemiology 68:279-289: a smaller spread makes for a
    lower concordance, a shifted mean for another share of events.
    """
    told = []
    for h, horizon in enumerate(new.horizons):
        there = to_link(_learned(run, new.outcomes.causes[0], horizon), _link(new))
        here = to_link(new.incidence[:, 0, new.at[h]], _link(new))
        told.append(
            {
                "horizon": horizon.label,
                "scale": _link(new),
                "mean_there": float(there.mean()),
                "sd_there": float(there.std()),
                "mean_here": float(here.mean()),
                "sd_here": float(here.std()),
            }
        )
    return told


def _link(new: Newcomers) -> Any:
    return "logit" if new.outcomes.entry_days is None else "cloglog"


def _learned(run: SavedRun, cause: str, horizon: Horizon) -> Floats:
    """Return the out-of-fold predictions of the run for a cause at a horizon."""
    name = f"{cause}|{horizon.label}" if horizon.label else cause
    return run.predictions[name].drop_nulls().drop_nans().to_numpy().astype(np.float64)


def membership_by_outcome(run: SavedRun, new: Newcomers) -> dict[str, Any]:
    """Return how well prediction and outcome tell the two groups of people apart."""
    there = run.predictions
    causes, horizons = new.outcomes.causes, new.horizons
    names = [f"{c}|{h.label}" if h.label else c for c in causes for h in horizons]
    first = [to_link(there[name].fill_null(np.nan).to_numpy(), _link(new)) for name in names]
    first += _outcome_columns(there, new)
    kept = np.isfinite(np.column_stack(first)).all(axis=1)
    second = [
        to_link(new.incidence[:, c, at], _link(new)) for c in range(len(causes)) for at in new.at
    ]
    second += _outcome_columns(new.rows, new)
    try:
        found = evaluate.membership(
            np.column_stack(first)[kept],
            np.column_stack(second),
            subjects_there=there["subject_id"].to_numpy()[kept],
            subjects_here=new.subjects,
            bootstrap=new.bootstrap,
            seed=new.seed,
        )
    except NotEstimable as error:
        return _impossible(error)
    return found.to_json()


def _outcome_columns(rows: pl.DataFrame, new: Newcomers) -> list[Floats]:
    """Return what happened by the last horizon, as numbers."""
    if new.outcomes.entry_days is None:
        return [rows["boolean_value"].cast(pl.Float64).to_numpy()]
    last = max(one.days for one in new.horizons)
    time = rows["duration_days"].to_numpy().astype(np.float64)
    cause = rows["cause"].to_numpy()
    events = [
        ((cause == number) & (time <= last)).astype(np.float64)
        for number in range(1, len(new.outcomes.causes) + 1)
    ]
    return [*events, np.minimum(time, last) / last]


def _membership_by_predictors(new: Newcomers, domain: Reference | None) -> dict[str, Any]:
    if domain is None:
        return _impossible(NO_DOMAIN)
    try:
        found = domain.membership(
            new.cells, subjects=new.subjects, bootstrap=new.bootstrap, seed=new.seed
        )
    except NotEstimable as error:
        return _impossible(error)
    return found.to_json()


def _impossible(why: object) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "meaning": f"not estimable: {why}"}


def differences(
    run: SavedRun, new: Newcomers, domain: Reference
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the variables that differ most, and those that are known more or less often."""
    found = domain.differences(new.cells)
    names = named_columns(run)
    apart: list[dict[str, Any]] = [
        {
            **names[one.column],
            "column": one.column,
            "standardised_difference": one.standardised,
            "mean_there": one.mean_there,
            "mean_here": one.mean_here,
            "notable": bool(abs(one.standardised) > NOTABLE),
        }
        for one in found
        if math.isfinite(one.standardised)
    ]
    apart.sort(key=lambda row: -abs(row["standardised_difference"]))
    missing: list[dict[str, Any]] = [
        {
            **names[one.column],
            "column": one.column,
            "known_there": one.known_there,
            "known_here": one.known_there + one.known_difference.value,
            "difference": one.known_difference.to_json(),
        }
        for one in found
        if not one.zero
    ]
    missing.sort(key=lambda row: -abs(row["difference"]["value"]))
    return apart[:MOST_SHOWN], missing[:MOST_SHOWN]


def named_columns(run: SavedRun) -> dict[str, dict[str, str]]:
    """Return the variable, and the level or the unit, that each column of the model tells."""
    named: dict[str, dict[str, str]] = {}
    for one in run.results["variables"]:
        for column in one["columns"]:
            level = one["levels"].get(column, "")
            named[column] = {"what": one["name"], "level": level, "unit": one["unit"]}
    return named


def domain_section(domain: Reference | None, placing: Placing | None) -> dict[str, Any]:
    """Return how many were out of the domain, by which rule, and how far people are."""
    if domain is None or placing is None:
        return {"rule": RULE, "known": False, "why": NO_DOMAIN, "rows_outside": 0}
    outside = placing.outside.any(axis=1)
    by_column = placing.outside.sum(axis=0)
    return {
        "rule": RULE,
        "known": True,
        "rows_outside": int((~placing.inside).sum()),
        "share_outside": float((~placing.inside).mean()),
        "far": int(placing.far.sum()),
        "number_beyond_ends": int(outside.sum()),
        "too_little_known": int(placing.sparse.sum()),
        "numbers_beyond_ends": [
            {"column": domain.columns[at], "rows": int(by_column[at])}
            for at in np.argsort(-by_column, kind="stable")[:MOST_SHOWN]
            if by_column[at] >= FEWEST_TOLD
        ],
        "distance": {
            "cut": domain.cut,
            "quartiles_here": [
                float(one) for one in np.quantile(placing.distance, [0.25, 0.5, 0.75])
            ],
            "usual": 1.0,
        },
    }


def performance(there: dict[str, Any], here: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each metric at development beside the same one here."""
    return [
        {"metric": name, "there": there[name], "here": one}
        for name, one in here.items()
        if name in there
    ]
