"""The command `osler` and the way every process ends."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

import osler
from osler import config
from osler.cli import show
from osler.cli.demo import demo
from osler.cli.genome import genome_app
from osler.cli.knowledge import knowledge_app
from osler.cli.learn import learn_app
from osler.cli.load import export_app, load
from osler.cli.options import shield_negatives
from osler.cli.report import report_app
from osler.cli.study import study_app
from osler.cli.vault import vault_app

# What the parser makes of Ctrl-C, on its own and without a word.
INTERRUPTED = 130
# Looking for cycles after every 700 objects, as by default, costs a fifth of a short command.
OBJECTS_BEFORE_COLLECTION = 50_000

app = typer.Typer(
    name="osler",
    help="An open engine for precision medicine. Research use; not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(vault_app, name="vault")
app.command("load")(load)
app.add_typer(export_app, name="export")
app.add_typer(study_app, name="study")
app.add_typer(report_app, name="report")
app.add_typer(genome_app, name="genome")
app.add_typer(knowledge_app, name="knowledge")
app.add_typer(learn_app, name="learn")
app.command("demo")(demo)


def _version(asked: bool) -> None:
    if asked:
        show.text(f"osler {osler.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Say what is known of a patient means for this patient.

    Example: osler demo
    """


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; nothing escapes but the code."""
    try:
        outcome = app(shield_negatives(arguments), standalone_mode=False, prog_name="osler")
    except typer.Exit as ending:
        outcome = ending.exit_code
    except BrokenPipeError:
        return show.OSLERS_FAULT
    except (Exception, KeyboardInterrupt) as error:
        if config.DEBUG.read():
            raise
        return show.fault(error)
    if outcome == INTERRUPTED:
        return show.fault(KeyboardInterrupt())
    return int(outcome) if isinstance(outcome, int) else show.DONE


def main() -> None:
    """Run the command line and end the process with its own code.

    The process ends at once after its streams are flushed: a library that aborts while the
    interpreter shuts down would otherwise replace the code by its own.
    """
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or show.OSLERS_FAULT
    os._exit(code)
