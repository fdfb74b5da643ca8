"""Writes scikit_survival.json; run once in an environment of its own that has scikit-survival.

scikit-survival is GPL and so no dependency of osler, not even for its tests: the numbers it gives
are kept in the file together with the data that they were computed from.
"""

import json
from pathlib import Path

import numpy as np
import sksurv
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.util import Surv

TIMES = [1.0, 2.5, 5.0, 8.0, 12.0]


def simulate(seed, n, effect, longest):
    """Draw exponential times, a score that partly knows them, and exponential censoring."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    event_time = rng.exponential(np.exp(-0.8 * x) * 10)
    censored_at = np.minimum(rng.exponential(15, size=n), longest + rng.uniform(0, 1, n))
    return {
        "event": (event_time <= censored_at).tolist(),
        "time": np.round(np.minimum(event_time, censored_at), 6).tolist(),
        "score": np.round(effect * x + 0.3 * rng.normal(size=n), 6).tolist(),
    }


def numbers(train, test, score):
    """Compute what scikit-survival says of one score."""
    y_train = Surv.from_arrays(train["event"], train["time"])
    y = Surv.from_arrays(test["event"], test["time"])
    survival = np.exp(-np.outer(np.exp(score), np.array(TIMES) / 10))
    auc, auc_mean = cumulative_dynamic_auc(y_train, y, score, TIMES)
    event, time = np.array(test["event"]), np.array(test["time"])
    return {
        "harrell_c": float(concordance_index_censored(event, time, score)[0]),
        "uno_c": float(concordance_index_ipcw(y_train, y, score, tau=TIMES[-1])[0]),
        "auc": auc.tolist(),
        "auc_mean": float(auc_mean),
        "brier": brier_score(y_train, y, survival, TIMES)[1].tolist(),
        "ibs": float(integrated_brier_score(y_train, y, survival, TIMES)),
    }


def main():
    """Write the cases: three data sets, each with a continuous and a tied score."""
    cases = []
    for seed, n, effect in ((1, 120, 0.8), (2, 200, 0.5), (3, 60, 1.2)):
        train, test = simulate(seed + 100, 100, 1.0, 20), simulate(seed, n, effect, 15)
        score = np.array(test["score"])
        cases.append(
            {
                "train": {"event": train["event"], "time": train["time"]},
                "test": test,
                "continuous": numbers(train, test, score),
                "tied": numbers(train, test, np.round(score)),
            }
        )
    written = {"software": f"scikit-survival {sksurv.__version__}", "times": TIMES, "cases": cases}
    Path(__file__).with_name("scikit_survival.json").write_text(json.dumps(written) + "\n")


if __name__ == "__main__":
    main()
