"""`osler genome derive`: what the genomes of everyone in a vault mean, kept on their timelines."""

from __future__ import annotations

from typing import Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json, KeyFile, Purpose, User, VaultArgument, opening


def derive(
    vault: VaultArgument,
    what: Annotated[
        str,
        typer.Option("--what", metavar="LIST", help="tumour, pharmacogenomics; comma-separated."),
    ] = "tumour,pharmacogenomics",
    cancer: Annotated[
        str | None,
        typer.Option("--cancer", metavar="NAME", help="Disease of tumours without a diagnosis."),
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
    derived = workflows.derive(opening(vault, key_file, user, purpose), asked, cancer=cancer)
    if json:
        show.data({"derived": [one.to_json() for one in derived]})
        return
    for one in derived:
        show.text(*one.lines())
