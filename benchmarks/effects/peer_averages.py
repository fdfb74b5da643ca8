"""Average effects by DoubleML on prepared tables; runs in the peers' environment.

`python peer_averages.py FOLDER`: for every FOLDER/NAME.npz (x, a, y, each with one more dimension
for the seed, and `binary`) without FOLDER/NAME.peers.npz, estimate and 95 % interval of DoubleML's
interactive regression model with ridge and logistic regression.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from doubleml import DoubleMLData, DoubleMLIRM
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def answer(x: Any, a: Any, y: Any, binary: bool) -> list[float]:
    """Return estimate, low and high."""
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.geomspace(0.1, 3000, 10)))
    data = DoubleMLData.from_arrays(x, y, a.astype(float))
    model = DoubleMLIRM(data, logistic if binary else ridge, logistic, n_folds=5).fit()
    low, high = model.confint().to_numpy()[0]
    return [float(model.coef[0]), float(low), float(high)]


def main(folder: Path) -> None:
    """Answer every table in a folder."""
    warnings.simplefilter("ignore")
    for place in sorted(folder.glob("*.npz")):
        out = place.with_name(place.stem + ".peers.npz")
        if place.name.endswith(".peers.npz") or out.exists():
            continue
        table = np.load(place)
        binary = bool(table["binary"])
        found = []
        for seed, rows in enumerate(zip(table["x"], table["a"], table["y"], strict=True)):
            np.random.seed(seed)  # noqa: NPY002 - DoubleML draws its folds from this global state
            found.append(answer(*rows, binary))
        np.savez(out, answers=np.array(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
