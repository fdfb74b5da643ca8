"""`osler report`: what is known of one patient, in one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import (
    Json,
    KeyFile,
    Purpose,
    Subject,
    User,
    VaultOption,
    opening,
    subject_of,
)

report_app = typer.Typer(help="Reports for people.", no_args_is_help=True)


@report_app.command("patient")
def patient(
    subject: Subject,
    vault: VaultOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write.")],
    run: Annotated[
        list[Path] | None, typer.Option("--run", metavar="RUN", help="A study's run; may repeat.")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="LIST", help="Any of html,json,fhir.")
    ] = "html,json",
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Write one patient's report: what will probably happen, why, and what was not assessed.

    Example: osler report patient 1042 --vault clinic.vault --run run --out patient
    """
    written = workflows.report_patient(
        opening(vault, key_file, user, purpose),
        subject_of(subject),
        runs=run or [],
        out=out,
        formats=[one.strip() for one in formats.split(",")],
    )
    show.note(f"a patient's report lies in clear in {out}; the vault has registered it")
    if json:
        show.data({"files": [str(path) for path in written]})
        return
    show.text(*(str(path) for path in written))
