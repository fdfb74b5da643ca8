"""`osler demo`: the whole way, on real women with breast cancer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Seed


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write.")] = Path(
        "osler-demo"
    ),
    patients: Annotated[int, typer.Option(min=0, help="How many patients get a report.")] = 3,
    seed: Seed = 0,
) -> None:
    """Make a vault of METABRIC, run the study, and report on a few of its women.

    Example: osler demo --out demo --patients 3
    """
    written = workflows.run_demo(out, patients=patients, seed=seed, tell=show.note)
    show.text(*written.lines())
