"""Table 1: who is in the study, variable by variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from osler.model import BIRTH
from osler.workflows.study.wording import PRESENCE, TELLS_A_LEVEL, Variable

MOST_VARIABLES = 24
RAREST_SHARE_SHOWN = 0.05
SMALLEST_COUNT_SHOWN = 5
NUMERIC = ("last", "mean", "years")


def table_one(
    known: Sequence[Variable], columns: Sequence[tuple[str, str]], values: sparse.csr_matrix
) -> list[dict[str, Any]]:
    """Describe the cohort at its prediction times.

    Parameters
    ----------
    known
        The variables of the matrix.
    columns
        Code and aggregation of each column.
    values
        shape (n, p).

    Returns
    -------
    list of dict
        One per level: `variable`, `level`, `n`, `value` in words, `missing`. Counts under five are
        not told exactly. Presence-only codes under 5 % are left out.
    """
    by_column = values.tocsc()
    rows: list[tuple[float, list[dict[str, Any]]]] = []
    for variable in known:
        if variable.code == BIRTH:
            continue
        share, told = _describe(variable, columns, by_column)
        if told and share >= RAREST_SHARE_SHOWN:
            rows.append((share, told))
    rows.sort(key=lambda one: -one[0])
    return [line for _, told in rows[:MOST_VARIABLES] for line in told]


def _describe(
    variable: Variable, columns: Sequence[tuple[str, str]], values: sparse.csc_matrix
) -> tuple[float, list[dict[str, Any]]]:
    n = values.shape[0]
    if variable.levels:
        return _levels(variable, columns, values, n)
    numeric = next((c for c in variable.columns if columns[c][1] in NUMERIC), None)
    if numeric is not None:
        stored = values.data[values.indptr[numeric] : values.indptr[numeric + 1]]
        if stored.size:
            low, middle, high = np.percentile(stored, [25, 50, 75])
            unit = f" {variable.unit}" if variable.unit else ""
            text = f"{middle:.4g} ({low:.4g} to {high:.4g}){unit}"
            return stored.size / n, [_line(variable, "median (quartiles)", stored.size, text, n)]
    presence = next((c for c in variable.columns if columns[c][1] in PRESENCE), None)
    if presence is None:
        return 0.0, []
    held = int(np.count_nonzero(values.data[values.indptr[presence] : values.indptr[presence + 1]]))
    return held / n, [_line(variable, "present", held, _share(held, n), n, missing=None)]


def _levels(
    variable: Variable, columns: Sequence[tuple[str, str]], values: sparse.csc_matrix, n: int
) -> tuple[float, list[dict[str, Any]]]:
    held = {}
    for position, level in variable.levels.items():
        if columns[position][1] in TELLS_A_LEVEL:
            held[level] = int(values[:, position].astype(bool).sum())
    known = sum(held.values())
    ordered = sorted(held.items(), key=lambda one: _in_order(one[0]))
    lines = [
        _line(variable, level, count, _share(count, n), n, missing=n - known)
        for level, count in ordered
    ]
    return known / n, lines


def _in_order(level: str) -> tuple[float, str]:
    """Numbers by size, then texts by letter."""
    digits = "".join(char for char in level if char.isdigit())
    return (float(digits) if level[:1].isdigit() else float("inf"), level)


def _line(
    variable: Variable, level: str, count: int, value: str, n: int, missing: int | None = -1
) -> dict[str, Any]:
    return {
        "variable": variable.name,
        "code": variable.code,
        "level": level,
        "n": count if count >= SMALLEST_COUNT_SHOWN or count == 0 else None,
        "value": value,
        "missing": n - count if missing == -1 else missing,
    }


def _share(count: int, n: int) -> str:
    if 0 < count < SMALLEST_COUNT_SHOWN:
        return f"fewer than {SMALLEST_COUNT_SHOWN}"
    return f"{count:,} ({100 * count / n:.1f} %)"
