"""Semi-synthetic sets whose true effects are known, and the peers' answers on them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

HERE = Path(__file__).parent
WORK = HERE.parent / "work" / "effects"
HELD_OUT = 0.2
PEER_PACKAGES = ("econml==0.17.0", "lightgbm")


@dataclass(frozen=True)
class EffectSet:
    """Rows with known effects; those of `new` are not fitted."""

    name: str
    frame: pl.DataFrame
    treatment: Any
    y: Any
    effect: Any
    new: Any

    @property
    def fitted(self) -> Any:
        """The rows to fit."""
        return ~self.new


def clinical() -> Path:
    """Return the folder of the clinical data sets."""
    return Path(os.environ["OSLER_DATA"]) / "clinical"


def ihdp(one: int, split: bool = False) -> EffectSet:
    """Return a realisation of IHDP (Hill 2011, J Comput Graph Stat 20:217-240, surface B)."""
    table = np.loadtxt(clinical() / "ihdp_npci" / f"ihdp_npci_{one}.csv", delimiter=",")
    frame = pl.DataFrame({f"x{j}": table[:, 5 + j] for j in range(table.shape[1] - 5)})
    effect = table[:, 4] - table[:, 3]
    return EffectSet(
        f"ihdp-{one}", frame, table[:, 0].astype(int), table[:, 1], effect, _new(len(table), split)
    )


def acic(one: int, split: bool = False) -> EffectSet:
    """Return a simulation of ACIC 2016 (Dorie et al. 2019, Statistical Science 34:43-68)."""
    folder = clinical() / "acic2016"
    frame = pl.read_csv(folder / "x.csv.gz", infer_schema_length=None)
    drawn = pl.read_csv(folder / f"zymu_{one}.csv.gz", infer_schema_length=None).to_numpy()
    w = drawn[:, 0].astype(int)
    y = np.where(w == 1, drawn[:, 2], drawn[:, 1])
    effect = drawn[:, 4] - drawn[:, 3]
    return EffectSet(f"acic-{one}", frame, w, y, effect, _new(len(w), split))


def _new(rows: int, split: bool) -> Any:
    if not split:
        return np.zeros(rows, dtype=bool)
    return np.random.default_rng(0).random(rows) < HELD_OUT


def peers(sets: list[EffectSet]) -> dict[str, Any]:
    """Return every set's answers by the peers, fitted once per content."""
    WORK.mkdir(parents=True, exist_ok=True)
    places = {}
    for one in sets:
        x = one.frame.to_dummies(
            [c for c, t in one.frame.schema.items() if t == pl.String], drop_first=True
        ).to_numpy()
        parts = {
            "x": x[one.fitted].astype(float),
            "w": one.treatment[one.fitted],
            "y": one.y[one.fitted],
            "new": x[one.new].astype(float),
        }
        content = hashlib.sha256(
            b"".join(np.ascontiguousarray(v).tobytes() for v in parts.values())
        )
        place = WORK / f"{one.name}-{content.hexdigest()[:12]}.npz"
        if not place.exists():
            np.savez(place, **parts)
        places[one.name] = place.with_name(place.stem + ".peers.npz")
    if not all(place.exists() for place in places.values()):
        command = [str(peers_python()), str(HERE / "peer_effects.py"), str(WORK)]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return {name: dict(np.load(place)) for name, place in places.items()}


def peers_python() -> Path:
    """Return the interpreter of the peers' environment, made on first use."""
    given = os.environ.get("OSLER_EFFECT_PEERS_PYTHON")
    if given:
        return Path(given)
    home = HERE.parent / "work" / "effect_peers"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEER_PACKAGES], check=True)
    return python
