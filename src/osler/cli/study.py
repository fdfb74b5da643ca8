"""`osler study`: ask a question of a vault."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json, KeyFile, Purpose, Seed, User, VaultOption, opening

study_app = typer.Typer(help="Ask a question of a vault.", no_args_is_help=True)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")]


class Engine(StrEnum):
    """Where the map over shards runs."""

    LOCAL = "local"
    RAY = "ray"


class Update(StrEnum):
    """How predictions are brought into line with new people."""

    INTERCEPT = "intercept"
    SLOPE = "slope"
    FULL = "full"


@study_app.command("run")
def run(
    study: StudyFile,
    vault: VaultOption,
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder to write.")],
    engine: Annotated[
        Engine, typer.Option(help="Where the map over shards runs: local or ray.")
    ] = Engine.LOCAL,
    seed: Seed = 0,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Build the cohort, fit and validate the model, and write the report.

    Example: osler study run study.yaml --vault clinic.vault --out run --key-file ~/clinic.key
    """
    results = workflows.run_study(
        opening(vault, key_file, user, purpose), study, out, seed=seed, engine=engine.value
    )
    show.note(f"predictions of single patients lie in clear in {out}; the vault has registered it")
    if json:
        show.data(results)
        return
    show.text(workflows.study_summary(results), f"report: {out / 'report.html'}")


@study_app.command("apply")
def apply(
    run_folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder that `osler study run` wrote.")
    ],
    vault: VaultOption,
    out: Annotated[Path, typer.Option("--out", metavar="RUN2", help="Folder to write.")],
    recalibrate: Annotated[
        Update | None,
        typer.Option(
            help="Update the predictions on a part of the subjects: intercept, slope or full."
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(help="Share of the subjects that the update is fitted on; the rest judge it."),
    ] = 0.5,
    engine: Annotated[
        Engine, typer.Option(help="Where the map over shards runs: local or ray.")
    ] = Engine.LOCAL,
    seed: Seed = 0,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Judge a saved model on another vault, and recalibrate it to there if asked.

    Example: osler study apply run --vault other.vault --recalibrate slope --out run2
    """
    results = workflows.apply_study(
        opening(vault, key_file, user, purpose),
        run_folder,
        out,
        recalibrate=recalibrate.value if recalibrate else None,
        share=share,
        seed=seed,
        engine=engine.value,
    )
    show.note(f"predictions of single patients lie in clear in {out}; the vault has registered it")
    if json:
        show.data(results)
        return
    show.text(workflows.study_summary(results), f"report: {out / 'report.html'}")


@study_app.command("explain")
def explain(study: StudyFile, json: Json = False) -> None:
    """Say the question in plain words, and every problem in the file at once.

    Example: osler study explain study.yaml
    """
    sentences = workflows.explain_study(study)
    if json:
        show.data({"question": sentences})
        return
    show.text(*sentences)
