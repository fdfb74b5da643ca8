"""Options that several commands share, and how a subject is read from the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from osler import workflows
from osler.errors import Fault, InputError

if TYPE_CHECKING:
    from osler.workflows import Opening

NEGATIVE = re.compile(r"-[0-9]+")
NEGATIVE_MARK = "negative:"
SMALLEST, LARGEST = -(2**63), 2**63 - 1
LARGEST_SEED = 2**31 - 1

VaultArgument = Annotated[Path, typer.Argument(metavar="VAULT", help="The vault's folder.")]
VaultOption = Annotated[Path, typer.Option("--vault", metavar="VAULT", help="The vault's folder.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="Key file; else OSLER_KEY, else a prompt."),
]
User = Annotated[
    str | None, typer.Option("--user", help="Who acts, for the ledger; else OSLER_USER.")
]
Purpose = Annotated[
    str | None, typer.Option("--purpose", help="Why, for the ledger; else OSLER_PURPOSE.")
]
Json = Annotated[bool, typer.Option("--json", help="Data as JSON on standard output.")]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", min=0, max=LARGEST_SEED, help="A whole number from 0; makes a run repeatable."
    ),
]
Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="MEDS subject_id, an integer.")]


def opening(vault: Path, key_file: Path | None, user: str | None, purpose: str | None) -> Opening:
    """Gather what it takes to open a vault."""
    return workflows.Opening(vault, key_file, user, purpose)


def shield_negatives(arguments: list[str]) -> list[str]:
    """Mark negative integers, which the parser would take for options and repeat in its message."""
    return [
        NEGATIVE_MARK + argument[1:] if NEGATIVE.fullmatch(argument) else argument
        for argument in arguments
    ]


def subject_of(text: str) -> int:
    """Return the subject's id.

    Raises
    ------
    InputError
        If it is not an integer of 64 bits; the message does not repeat it.
    """
    plain = text.replace(NEGATIVE_MARK, "-", 1)
    if re.fullmatch(r"-?[0-9]{1,19}", plain) and SMALLEST <= int(plain) <= LARGEST:
        return int(plain)
    raise InputError(Fault("SUBJECT", "something else", "a MEDS subject_id, an integer of 64 bits"))
