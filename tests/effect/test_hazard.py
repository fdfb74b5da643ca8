"""Hazard ratios between arms, against lifelines and the published trial."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lifelines import CoxPHFitter

from osler.effect.hazard import hazard_ratios
from osler.effect.problem import Problem
from osler.errors import NotEstimable


def trial(n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return three arms with different hazards and tied times."""
    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, n)
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    time = rng.exponential(1 / np.array([0.2, 0.1, 0.3])[a])
    end = rng.exponential(10, n)
    y["event"], y["time"] = time <= end, np.ceil(np.minimum(time, end) * 4)
    return rng.normal(size=(n, 2)), a, y


@pytest.mark.filterwarnings("ignore:Starting with pandas version")  # lifelines's own
def test_ratios_agree_with_lifelines() -> None:
    """Ratio and interval are those of another Cox regression with Efron's ties."""
    x, a, y = trial()
    problem = Problem.of(x, a, y, outcome="time-to-event", horizon=5, randomised=True)
    found = hazard_ratios(problem)
    table = pd.DataFrame({"t": y["time"], "e": y["event"], "a1": a == 1, "a2": a == 2})
    table = table.astype(float)
    other = CoxPHFitter().fit(table, "t", "e").summary
    for label in ("1", "2"):
        assert found[label].value == pytest.approx(other.loc[f"a{label}", "exp(coef)"], rel=1e-4)
        assert found[label].low == pytest.approx(
            other.loc[f"a{label}", "exp(coef) lower 95%"], rel=1e-3
        )
        assert "not an effect" in found[label].meaning


def test_an_arm_without_events_has_no_ratio() -> None:
    """Too few events in an arm have no answer."""
    x, a, y = trial()
    y["event"][a == 1] = 0
    problem = Problem.of(x, a, y, outcome="time-to-event", horizon=5)
    with pytest.raises(NotEstimable, match="arm 1"):
        hazard_ratios(problem)


def test_the_published_hazard_ratios_of_actg175() -> None:
    """Against zidovudine .50, .53 and .59 within .02 (Hammer et al. 1996, NEJM 335:1081)."""
    data = os.environ.get("OSLER_DATA")
    if not data:
        pytest.skip("OSLER_DATA is not set: ACTG175 is not shipped")
    path = Path(data) / "clinical" / "actg175" / "ACTG175.csv"
    table = pl.read_csv(path, infer_schema_length=None)
    y = np.zeros(table.height, dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = table["cens"], table["days"]
    problem = Problem.of(
        table.select("age", "cd40"), table["arms"], y, outcome="time-to-event", horizon=730,
        randomised=True,
    )  # fmt: skip
    found = hazard_ratios(problem)
    for label, published in {"1": 0.50, "2": 0.53, "3": 0.59}.items():
        assert abs(found[label].value - published) <= 0.02
