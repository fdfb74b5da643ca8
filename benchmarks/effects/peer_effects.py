"""Fit the peers on prepared tables; runs in the peers' environment.

`python peer_effects.py FOLDER`: for every FOLDER/NAME.npz (x, w, y, and new, rows to predict)
without FOLDER/NAME.peers.npz, the effects and 95 % intervals of EconML's causal forest and
doubly robust forest and of an X-learner with boosting, on the fitted and on the new rows.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from econml.dml import CausalForestDML
from econml.dr import ForestDRLearner
from econml.metalearners import XLearner
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

TREES = 500


def causal_forest(x: Any, w: Any, y: Any) -> Any:
    """Return a causal forest with boosted nuisances."""
    model = CausalForestDML(
        model_y=GradientBoostingRegressor(random_state=0),
        model_t=GradientBoostingClassifier(random_state=0),
        discrete_treatment=True,
        n_estimators=TREES,
        random_state=0,
        n_jobs=1,
    )
    return model.fit(y, w, X=x)


def doubly_robust_forest(x: Any, w: Any, y: Any) -> Any:
    """Return a forest of doubly robust scores with boosted nuisances."""
    model = ForestDRLearner(
        model_regression=GradientBoostingRegressor(random_state=0),
        model_propensity=GradientBoostingClassifier(random_state=0),
        n_estimators=TREES,
        random_state=0,
        n_jobs=1,
    )
    return model.fit(y, w, X=x)


def x_learner(x: Any, w: Any, y: Any) -> Any:
    """Return an X-learner of boosted trees; it has no intervals."""
    model = XLearner(
        models=GradientBoostingRegressor(random_state=0),
        propensity_model=GradientBoostingClassifier(random_state=0),
    )
    return model.fit(y, w, X=x)


PEERS = {
    "causal forest": causal_forest,
    "DR forest": doubly_robust_forest,
    "X-learner": x_learner,
}


def main(folder: Path) -> None:
    """Fit what has not been fitted yet."""
    warnings.simplefilter("ignore")
    for place in sorted(folder.glob("*.npz")):
        target = place.with_name(place.stem + ".peers.npz")
        if place.name.endswith(".peers.npz") or target.exists():
            continue
        data = np.load(place)
        answer: dict[str, Any] = {}
        for name, fit in PEERS.items():
            begun = time.process_time()
            model = fit(data["x"], data["w"], data["y"])
            for part, rows in (("fitted", data["x"]), ("new", data["new"])):
                if not len(rows):
                    continue
                answer[f"{name}|{part}|effect"] = np.ravel(model.effect(rows))
                if name != "X-learner":
                    low, high = model.effect_interval(rows, alpha=0.05)
                    answer[f"{name}|{part}|low"] = np.ravel(low)
                    answer[f"{name}|{part}|high"] = np.ravel(high)
            answer[f"{name}|cpu"] = time.process_time() - begun
        np.savez(target, **answer)
        print(target.name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
