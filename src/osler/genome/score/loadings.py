"""Loadings of a panel's principal components, with which genotypes are projected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osler.errors import Fault, InputError
from osler.genome.score.tables import read_table
from osler.genome.score.weights import ScoringFile, read_rows

_COMPONENT = re.compile(r"PC_?([0-9]+)", re.IGNORECASE)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Loadings:
    """Variants and what each adds to the components.

    Parameters
    ----------
    variants
        With the frequency of the effect allele in the panel, if the file tells it.
    values : shape (variants, components)
        Per copy of the effect allele; where the frequency p is known, divided by √(2 p (1 − p)),
        as the panel's genotypes are (Patterson, Price & Reich 2006, PLoS Genetics 2:e190).
    """

    variants: ScoringFile
    values: Floats


def read_loadings(path: Path | str) -> Loadings:
    """Read chr_name, chr_position, effect_allele, other_allele, PC1, PC2, ….

    With a column `allelefrequency_effect`, genotypes are centred and scaled by it, and a missing
    genotype adds nothing; without it they are taken as copies.

    Raises
    ------
    InputError
        If a column is missing or a loading is no number.
    """
    path = Path(path)
    table = read_table(path)
    numbered = {int(m[1]): n for n, c in enumerate(table.columns) if (m := _COMPONENT.fullmatch(c))}
    count = next(k for k in range(len(numbered) + 1) if k + 1 not in numbered)
    if not count:
        raise InputError(Fault(str(path), "no column PC1", "columns of loadings PC1, PC2, …"))
    # The first component's loading stands where a score has its weight.
    columns = list(table.columns)
    columns[numbered[1]] = "effect_weight"
    variants, kept = read_rows(path, columns, [list(row) for row in table.rows])
    try:
        values = np.array(
            [[float(table.rows[row][numbered[k + 1]]) for k in range(count)] for row in kept]
        )
    except ValueError:
        raise InputError(
            Fault(str(path), "loadings that are no numbers", "a number in each")
        ) from None
    spread = np.sqrt(2 * variants.frequencies * (1 - variants.frequencies))
    scale = np.where(spread > 0, spread, 1.0)
    return Loadings(variants, values / scale[:, None])
