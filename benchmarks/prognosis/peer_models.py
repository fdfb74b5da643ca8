"""Fit the peers on prepared folds; runs in the peers' own environment, not in osler's.

`python peer_models.py FOLDER`: for every FOLDER/NAME.parquet without FOLDER/NAME.npz, the risk
scores and survival curves of a penalised Cox model, a random survival forest and gradient boosting
(scikit-survival), out of fold.
"""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl

GRID = 50
RAREST_LEVEL = 5
MOST_FOREST_TIMES = 300
TIMED = "FLCHAIN"  # there the first fold of boosting runs as it comes, for its seconds


def design(X: pl.DataFrame, train: Any) -> Any:
    """Return numbers (median for a gap, and an indicator) and levels, standardised on train."""
    columns = []
    for name in X.columns:
        series = X[name]
        if series.dtype == pl.String:
            words = np.array([word if word is not None else "?" for word in series.to_list()])
            levels, counts = np.unique(words[train], return_counts=True)
            kept = levels[counts >= RAREST_LEVEL][1:]
            columns += [(words == level).astype(float) for level in kept]
            continue
        values = series.cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
        missing = np.isnan(values)
        if missing[train].sum() >= RAREST_LEVEL:
            columns.append(missing.astype(float))
        values[missing] = np.nanmedian(values[train]) if not missing[train].all() else 0.0
        columns.append(values)
    matrix = np.column_stack(columns)
    mean, deviation = matrix[train].mean(0), matrix[train].std(0)
    varies = deviation > 1e-12
    return (matrix[:, varies] - mean[varies]) / deviation[varies]


def partial_likelihood(score: Any, y: Any) -> float:
    """Return the log partial likelihood (Breslow) of held-out rows."""
    order = np.argsort(-y["time"], kind="stable")
    eta = np.clip(score[order] - score.mean(), -30, 30)
    at_risk = np.logaddexp.accumulate(eta)
    last = np.searchsorted(-y["time"][order], -y["time"][order], side="right") - 1
    return float(np.sum((eta - at_risk[last])[y["event"][order]]))


def cox(A: Any, y: Any, train: Any, test: Any, times: Any) -> tuple[Any, Any]:
    """Elastic net; mixing and penalty by held-out partial likelihood over five inner folds."""
    from sksurv.linear_model import CoxnetSurvivalAnalysis as Coxnet

    n = len(train)
    inner = np.random.default_rng(0).permutation(n) % 5
    least = 0.0005 if A.shape[1] < n / 2 else 0.05
    best: tuple[float, float, Any] | None = None
    for mixing in (0.05, 0.9):
        path = Coxnet(l1_ratio=mixing, n_alphas=25, alpha_min_ratio=least, max_iter=20000)
        alphas = path.fit(A[train], y[train]).alphas_
        total = np.zeros(len(alphas))
        for k in range(5):
            a, b = train[inner != k], train[inner == k]
            try:
                part = Coxnet(alphas=alphas, l1_ratio=mixing, max_iter=20000).fit(A[a], y[a])
            except (ArithmeticError, ValueError):
                continue
            held = [partial_likelihood(A[b] @ beta, y[b]) for beta in part.coef_.T]
            total += np.array(held + [held[-1]] * (len(alphas) - len(held)))
        j = int(np.argmax(total))
        if best is None or total[j] > best[0]:
            best = total[j], mixing, alphas[: j + 1]
    assert best is not None
    model = Coxnet(alphas=best[2], l1_ratio=best[1], fit_baseline_model=True, max_iter=20000)
    model.fit(A[train], y[train])
    at = model.alphas_[-1]
    curves = model.predict_survival_function(A[test], alpha=at)
    return model.predict(A[test], alpha=at), at_times(curves, times)


def forest(A: Any, y: Any, train: Any, test: Any, times: Any) -> tuple[Any, Any]:
    """Random survival forest; event times in at most 300 quantiles, for its memory."""
    from sksurv.ensemble import RandomSurvivalForest

    seen = y[train].copy()
    if len(np.unique(seen["time"])) > MOST_FOREST_TIMES:
        ends = np.quantile(seen["time"], np.linspace(0, 1, MOST_FOREST_TIMES + 1)[1:])
        seen["time"] = ends[np.minimum(np.searchsorted(ends, seen["time"]), len(ends) - 1)]
    model = RandomSurvivalForest(
        200 if len(train) < 2000 else 100,
        min_samples_leaf=15 if len(train) >= 400 else 6,
        random_state=0,
    ).fit(A[train], seen)
    return model.predict(A[test]), at_times(model.predict_survival_function(A[test]), times)


def boosting(A: Any, y: Any, train: Any, test: Any, times: Any) -> tuple[Any, Any]:
    """Gradient boosting as it comes, on a sample of the columns where there are over 500."""
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis

    share = "sqrt" if A.shape[1] > 500 else None
    model = GradientBoostingSurvivalAnalysis(random_state=0, max_features=share)
    model.fit(A[train], y[train])
    return model.predict(A[test]), at_times(model.predict_survival_function(A[test]), times)


def quick_cox_loss() -> Any:
    """Let boosting work out its loss and gradient in n log n; its own loops take n².

    The numbers are the same up to rounding. Its time is not its own then and is not told.
    """
    from sksurv.ensemble import survival_loss

    def at_risk(time: Any, score: Any) -> tuple[Any, Any, Any]:
        order = np.argsort(time, kind="stable")
        start = np.searchsorted(time[order], time[order], side="left")
        ratio = np.exp(score[order])
        return order, ratio, np.cumsum(ratio[::-1])[::-1][start]

    def loss(event: Any, time: Any, score: Any) -> Any:
        order, _, total = at_risk(time, score)
        return np.sum(event[order] * (np.log(total) - score[order]))

    def gradient(event: Any, time: Any, score: Any) -> Any:
        order, ratio, total = at_risk(time, score)
        last = np.searchsorted(time[order], time[order], side="right") - 1
        expected = ratio * np.cumsum(event[order] / total)[last]
        answer = np.empty(len(time))
        answer[order] = event[order] - expected
        return answer

    return patch.multiple(survival_loss, coxph_loss=loss, coxph_negative_gradient=gradient)


def at_times(curves: Any, times: Any) -> Any:
    """Return step functions at the times, 1 before their first."""
    answer = np.ones((len(curves), len(times)))
    for row, curve in enumerate(curves):
        index = np.searchsorted(curve.x, times, side="right") - 1
        values = curve(curve.x)
        answer[row] = np.where(index < 0, 1.0, values[np.maximum(index, 0)])
    return answer


PEERS = {"cox": cox, "rsf": forest, "gbs": boosting}


def run(path: Path) -> None:
    """Fit all peers on one data set and write their predictions beside it."""
    from sksurv.util import Surv

    data = pl.read_parquet(path)
    X = data.drop("time", "event", "fold")
    y = Surv.from_arrays(data["event"].to_numpy() > 0, data["time"].to_numpy())
    fold = data["fold"].to_numpy()
    times = grid_of(y["event"], y["time"])
    out: dict[str, Any] = {"times": times}
    for name in PEERS:
        out[f"risk_{name}"] = np.zeros(len(y))
        out[f"survival_{name}"] = np.full((len(y), len(times)), 0.5, np.float32)
        out[f"seconds_{name}"] = np.zeros(0)
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        A = design(X, train)
        own_loops = path.stem.startswith(TIMED) and k == fold.min()
        for name, fit in PEERS.items():
            began = time.process_time()
            try:
                with nullcontext() if own_loops else quick_cox_loss():
                    risk, curves = fit(A, y, train, test, times)
                out[f"risk_{name}"][test], out[f"survival_{name}"][test] = risk, curves
            except (ArithmeticError, ValueError) as error:
                print(f"{path.stem} {name}: {error}", flush=True)
            if own_loops or name != "gbs":
                spent = time.process_time() - began
                out[f"seconds_{name}"] = np.append(out[f"seconds_{name}"], spent)
    np.savez_compressed(path.with_suffix(".npz"), **out)
    print(path.stem, {n: out[f"seconds_{n}"].round(2) for n in PEERS}, flush=True)


def grid_of(event: Any, time: Any) -> Any:
    """Return times between the 10 % and the 90 % point of the event times."""
    return np.linspace(*np.quantile(time[event > 0], [0.1, 0.9]), GRID)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    for one in sorted(Path(sys.argv[1]).glob("*.parquet"), key=lambda p: p.stat().st_size):
        if not one.with_suffix(".npz").exists():
            run(one)
