"""A model carried on with new rows, beside one fitted anew on all of them and one left as it was.

Drawn data (seeded): ten columns, a score with curves and a product, labels by a logistic draw and
times by an exponential one with two causes. The first part is fitted; the rest comes in equal
months. All three are judged on 20,000 further rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from osler.predict import Risk, TimeToEvent

FIRST, MONTH, MONTHS, JUDGED, COLUMNS = 1500, 500, 6, 20_000, 10


def _columns(rng: np.random.Generator, n: int) -> tuple[Any, Any]:
    X = rng.normal(size=(n, COLUMNS))
    score = X[:, 0] + 0.5 * X[:, 1] ** 2 - 0.5 + X[:, 2] * (X[:, 3] > 0) - 0.5 * X[:, 4]
    return X, 0.7 * score


def _labels(rng: np.random.Generator, score: Any) -> Any:
    return (rng.random(len(score)) < 1 / (1 + np.exp(1.5 - score))).astype(int)


def _times(rng: np.random.Generator, score: Any) -> Any:
    both = rng.exponential(np.exp(-np.column_stack([score, 0.4 * score + 0.3])))
    censored = rng.exponential(2.0, len(score))
    y = np.zeros(len(score), dtype=[("event", int), ("time", float)])
    y["time"] = np.minimum(both.min(axis=1), censored)
    y["event"] = np.where(both.min(axis=1) <= censored, both.argmin(axis=1) + 1, 0)
    return y


def _log_loss(model: Any, X: Any, y: Any) -> float:
    chance = model.predict_proba(X)[:, 1]
    return float(-np.mean(np.log(np.where(y == 1, chance, 1 - chance))))


def _concordance(model: Any, X: Any, y: Any) -> float:
    from osler.evaluate import competing

    curve = model.predict_cumulative_incidence(X[:3000], [0.25, 0.5, 1.0])
    found = competing(y[:3000], y[:3000], curve, [0.25, 0.5, 1.0], 1, horizons=[1.0], bootstrap=0)
    name = next(one for one in found if one.startswith("uno_c"))
    return float(found[name].value)


def _three(
    learner: Any, draw: Callable[..., Any], shifted: float
) -> Iterator[tuple[str, Any, float]]:
    """Yield each way of going on, its model, and the seconds that the last month cost it."""
    rng = np.random.default_rng(0)
    X, score = _columns(rng, FIRST + MONTH * MONTHS)
    moved = score + np.where(np.arange(len(score)) >= FIRST, shifted, 0.0)
    y = draw(rng, moved)
    stale = learner(seed=0).fit(X[:FIRST], y[:FIRST])
    yield "left as it was", stale, 0.0
    carried = learner(seed=0).fit(X[:FIRST], y[:FIRST])
    for month in range(MONTHS):
        rows = slice(FIRST + month * MONTH, FIRST + (month + 1) * MONTH)
        begun = time.perf_counter()
        carried.partial_fit(X[rows], y[rows])
        took = time.perf_counter() - begun
    yield "carried on", carried, took
    begun = time.perf_counter()
    anew = learner(seed=0).fit(X, y)
    yield "fitted anew", anew, time.perf_counter() - begun


def run() -> list[dict[str, Any]]:
    """Return one row per model, kind of new rows and way of going on."""
    rows = []
    for learner, draw, measure, name in (
        (Risk, _labels, _log_loss, "log loss"),
        (TimeToEvent, _times, _concordance, "Uno's C, cause 1"),
    ):
        for shifted, told in ((0.0, "like the first"), (0.7, "more events")):
            rng = np.random.default_rng(1)
            X, score = _columns(rng, JUDGED)
            y = draw(rng, score + shifted)
            for how, model, took in _three(learner, draw, shifted):
                rows.append(
                    {
                        "model": learner.__name__,
                        "new rows": told,
                        "way": how,
                        "measure": name,
                        "value": f"{measure(model, X, y):.4f}",
                        "last month, s": took,
                    }
                )
    return rows
