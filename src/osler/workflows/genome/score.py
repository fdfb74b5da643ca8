"""`osler genome score`: what weights of many variants sum up to, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from osler.workflows.one_file import check_files, write_whole

if TYPE_CHECKING:
    from osler.genome.score import Options, ReferenceFiles, ScoreResult


def score_genotypes(
    genotypes: Path,
    weights: Sequence[Path],
    out: Path | None = None,
    *,
    options: Options | None = None,
    reference: ReferenceFiles | None = None,
) -> ScoreResult:
    """Score everybody in a file of genotypes by files of weights.

    Parameters
    ----------
    genotypes
        VCF, BCF, or `.pgen` with `.pvar` and `.psam` beside it.
    weights
        Scoring files of the PGS Catalog, or tables like them.
    out
        JSON file to write, whole or not at all; nothing is written without. It is written as well
        when every score is refused, since it says why.

    Raises
    ------
    InputError
        If a file cannot be read or written, or a score's positions are of another genome build.
    """
    if out is not None:
        check_files([out])
    from osler.genome.score import score

    result = score(genotypes, weights, options=options, reference=reference)
    if out is not None:
        write_whole(out, result.write)
    return result
