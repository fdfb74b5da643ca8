"""People whose true risks are known, and models fitted to them once."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from osler.predict import Risk, TimeToEvent


@dataclass(frozen=True)
class People:
    """A sample with its truth: two competing causes, constant hazards, independent censoring."""

    X: pl.DataFrame
    y: np.ndarray
    hazard: np.ndarray

    def incidence(self, time, cause):
        """Return the true incidence of a cause by a time."""
        total = self.hazard.sum(axis=1)
        return self.hazard[:, cause - 1] / total * -np.expm1(-total * time)


def _people(n, seed=0, missing=0.1):
    """Draw a sample with numbers, a truth, words, missing cells, a constant and an empty column."""
    rng = np.random.default_rng(seed)
    size, age = rng.normal(size=n), rng.normal(size=n)
    marker, kind = rng.random(n) < 0.3, rng.choice(["u", "v", "w"], n)
    first = 0.08 * np.exp(0.8 * size + 0.7 * marker)
    second = 0.05 * np.exp(0.9 * age + 0.5 * (kind == "w"))
    hazard = np.column_stack([first, second])
    times = rng.exponential(1 / hazard)
    censored = rng.uniform(0, 20, n)
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    y["time"] = np.minimum(times.min(axis=1), censored)
    y["event"] = np.where(times.min(axis=1) <= censored, times.argmin(axis=1) + 1, 0)
    holes = rng.random(n) < missing
    X = pl.DataFrame(
        {
            "size": pl.Series(np.where(holes, np.nan, size)).fill_nan(None),
            "age": age,
            "marker": marker,
            "kind": kind,
            "noise": rng.normal(size=n),
            "constant": np.ones(n),
            "empty": pl.Series([None] * n, dtype=pl.Float64),
        }
    )
    return People(X, y, hazard)


@pytest.fixture(scope="session")
def people():
    """Return the function that draws a sample: ``people(n, seed, missing)``."""
    return _people


@pytest.fixture(scope="session")
def learned():
    """Return a sample of 600."""
    return _people(600)


@pytest.fixture(scope="session")
def model(learned):
    """Return a model of time to event fitted to it."""
    return TimeToEvent(seed=0).fit(learned.X, learned.y)


@pytest.fixture(scope="session")
def label(learned):
    """Return whether the first cause struck within the time seen."""
    return (learned.y["event"] == 1).astype(int)


@pytest.fixture(scope="session")
def risk(learned, label):
    """Return a model of that label."""
    return Risk(seed=0).fit(learned.X, label)
