"""Competing risks on PBC, MGUS and METABRIC: osler beside SurvivalBoost and Fine and Gray.

Five stratified folds, the same for all models: the C-index of each cause (Wolbers), the Brier score
integrated between the 10 % and the 90 % point of the event times, and how far the mean predicted
incidence is from Aalen and Johansen's estimate at most. Run: make bench ARGS=survival_competing
"""

from __future__ import annotations

from typing import Any

from benchmarks.prognosis.competing import competing_rows


def run() -> list[dict[str, Any]]:
    """Return three rows for every cause of every data set."""
    return competing_rows()
