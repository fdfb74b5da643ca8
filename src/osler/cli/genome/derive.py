"""`osler genome derive`: what the genomes of everyone in a vault mean, kept on their timelines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json, KeyFile, Purpose, User, VaultArgument, opening
from osler.errors import Fault, InputError

if TYPE_CHECKING:
    from osler.workflows import Weights


def derive(
    vault: VaultArgument,
    what: Annotated[
        str,
        typer.Option(
            "--what",
            metavar="LIST",
            help="Of tumour, pharmacogenomics, phenotype, polygenic; comma-separated.",
        ),
    ] = "tumour,pharmacogenomics,phenotype",
    cancer: Annotated[
        str | None,
        typer.Option("--cancer", metavar="NAME", help="Disease of tumours without a diagnosis."),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option("--weights", metavar="SCORE", help="Scoring file, for polygenic; may repeat."),
    ] = None,
    reference_pcs: Annotated[
        Path | None,
        typer.Option("--reference-pcs", metavar="FILE", help="Table IID, PC1, PC2, … of a panel."),
    ] = None,
    reference_labels: Annotated[
        Path | None,
        typer.Option("--reference-labels", metavar="FILE", help="Table IID, SuperPop of it."),
    ] = None,
    reference_scores: Annotated[
        Path | None,
        typer.Option("--reference-scores", metavar="FILE", help="Table IID, PGS, SUM of it."),
    ] = None,
    loadings: Annotated[
        Path | None,
        typer.Option("--loadings", metavar="FILE", help="Loadings of its components."),
    ] = None,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Interpret the genome of everyone in a vault; the results replace what was derived before.

    Example: osler genome derive clinic.vault --what tumour --key-file ~/clinic.key
    """
    asked = [one.strip() for one in what.split(",") if one.strip()]
    panel = (reference_pcs, reference_labels, reference_scores, loadings)
    derived = workflows.derive(
        opening(vault, key_file, user, purpose),
        asked,
        cancer=cancer,
        weights=_weights(weights or [], panel),
    )
    if json:
        show.data({"derived": [one.to_json() for one in derived]})
        return
    for one in derived:
        show.text(*one.lines())


def _weights(files: list[Path], panel: tuple[Path | None, ...]) -> Weights | None:
    """Return the files of polygenic scores; None without any."""
    if not files:
        if any(panel):
            expected = "scoring files to compare with it"
            raise InputError(Fault("--weights", "none beside a panel", expected))
        return None
    from osler.genome.score import ReferenceFiles

    pcs, labels, scores, loadings = panel
    reference = ReferenceFiles(pcs=pcs, labels=labels, scores=scores, loadings=loadings)
    return workflows.Weights(tuple(files), reference if any(panel) else None)
