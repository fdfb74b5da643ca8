"""Fit the competing-risk peers on prepared folds; runs in the peers' environment.

`python peer_competing.py FOLDER`: for every FOLDER/NAME.parquet without FOLDER/NAME.npz, the
out-of-fold incidences of SurvivalBoost (hazardous) and of Fine and Gray's model.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from peer_models import design, grid_of

# A ridge so small that it only keeps separated columns finite.
RIDGE = 1.0
STEPS = 60
LONGEST_STEP = 1.0


def survival_boost(A: Any, event: Any, time: Any, train: Any, test: Any, times: Any) -> Any:
    """Return incidences (n, causes, t) of SurvivalBoost as it comes."""
    from hazardous import SurvivalBoost

    y = pd.DataFrame({"event": event[train], "duration": time[train]})
    model = SurvivalBoost(show_progressbar=False, random_state=0).fit(A[train], y)
    return model.predict_cumulative_incidence(A[test], times)[:, 1:]


def fine_gray(A: Any, event: Any, time: Any, train: Any, test: Any, times: Any) -> Any:
    """Return incidences of one subdistribution hazard model per cause.

    Fine & Gray 1999, J Am Stat Assoc 94:496-509: whoever had another cause stays at risk with the
    chance of not having been censored since.
    """
    causes = int(event.max())
    answer = np.zeros((len(test), causes, len(times)))
    for cause in range(1, causes + 1):
        answer[:, cause - 1] = _one_cause(A, event, time, train, test, times, cause)
    return answer


def _one_cause(A: Any, event: Any, time: Any, train: Any, test: Any, times: Any, cause: int) -> Any:
    x, e, t = A[train], event[train], time[train]
    at = np.unique(t[e == cause])
    chance = _uncensored(e, t)
    own = chance(t)
    weight = (t[None] >= at[:, None]).astype(float)
    other = (t[None] < at[:, None]) & (e[None] > 0) & (e[None] != cause)
    share = chance(at)[:, None] / np.maximum(own[None], 1e-6)
    weight = np.where(other, share, weight)
    deaths = np.array([np.sum((t == one) & (e == cause)) for one in at], dtype=float)
    total = x[e == cause].sum(axis=0)
    beta = np.zeros(x.shape[1])
    for _ in range(STEPS):
        risk = np.exp(np.clip(x @ beta, -20, 20))
        s0 = weight @ risk
        mean = (weight @ (x * risk[:, None])) / s0[:, None]
        expected = (deaths / s0) @ weight * risk
        hessian = (x * expected[:, None]).T @ x - (mean * deaths[:, None]).T @ mean
        gradient = total - deaths @ mean - RIDGE * beta
        step = np.linalg.solve(hessian + RIDGE * np.eye(len(beta)), gradient)
        # Many columns for few events overshoot otherwise.
        step *= min(1.0, LONGEST_STEP / max(float(np.abs(x @ step).max()), 1e-12))
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    jumps = deaths / (weight @ np.exp(np.clip(x @ beta, -20, 20)))
    baseline = np.concatenate([[0.0], np.cumsum(jumps)])[np.searchsorted(at, times, side="right")]
    ratio = np.exp(np.clip(A[test] @ beta, -20, 20))
    return 1 - np.exp(-np.outer(ratio, baseline))


def _uncensored(event: Any, time: Any) -> Any:
    """Return the Kaplan–Meier chance of not being censored before a time."""
    steps = np.unique(time)
    at_risk = np.array([np.sum(time >= s) - np.sum((time == s) & (event > 0)) for s in steps])
    lost = np.array([np.sum((time == s) & (event == 0)) for s in steps])
    curve = np.concatenate([[1.0], np.cumprod(1 - lost / np.maximum(at_risk, 1))])
    return lambda asked: curve[np.searchsorted(steps, asked, side="left")]


PEERS = {"hazardous": survival_boost, "fine_gray": fine_gray}


def run(path: Path) -> None:
    """Fit both peers on one data set and write their incidences beside it."""
    data = pl.read_parquet(path)
    X = data.drop("time", "event", "fold")
    event, time, fold = (data[c].to_numpy() for c in ("event", "time", "fold"))
    times = grid_of(event, time)
    out = {
        f"incidence_{name}": np.zeros((len(data), int(event.max()), len(times))) for name in PEERS
    }
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        A = design(X, train)
        for name, fit in PEERS.items():
            out[f"incidence_{name}"][test] = fit(A, event, time, train, test, times)
    np.savez_compressed(path.with_suffix(".npz"), times=times, **out)
    print(path.stem, flush=True)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    for one in sorted(Path(sys.argv[1]).glob("*.parquet")):
        if not one.with_suffix(".npz").exists():
            run(one)
