"""`osler vault`: make, inspect, verify, rekey, erase and audit."""

from __future__ import annotations

import sys
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
    VaultArgument,
    opening,
    subject_of,
)

vault_app = typer.Typer(
    help="The encrypted store: make, inspect, verify, rekey, erase, audit.", no_args_is_help=True
)


@vault_app.command("init")
def init(
    vault: VaultArgument,
    key_file: KeyFile = None,
    shards: Annotated[
        int, typer.Option(help="A whole number; more shards need less memory each.")
    ] = 16,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Make an empty vault. A key file that does not exist yet is made, readable by you alone.

    Example: osler vault init clinic.vault --key-file ~/clinic.key
    """
    made = workflows.init_vault(opening(vault, key_file, user, purpose), shards=shards)
    if made:
        show.note(f"made the key file {made}: keep it apart from the vault, and a copy of it safe")
    show.text(f"made an empty vault of {shards} shards in {vault}")


@vault_app.command("info")
def info(
    vault: VaultArgument,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Count subjects, events, shards and bytes.

    Example: osler vault info clinic.vault --key-file ~/clinic.key --json
    """
    found = workflows.vault_info(opening(vault, key_file, user, purpose))
    if json:
        show.data(found)
        return
    show.text(*(f"{name.replace('_', ' '):>15}  {value:,}" for name, value in found.items()))


@vault_app.command("verify")
def verify(
    vault: VaultArgument,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> int:
    """Authenticate every file and the ledger; exit 1 and what is wrong if damaged, 2 without key.

    Example: osler vault verify clinic.vault --key-file ~/clinic.key
    """
    found = workflows.verify_vault(opening(vault, key_file, user, purpose))
    if json:
        show.data(
            {"sound": found.sound, "faults": list(found.faults), "warnings": list(found.warnings)}
        )
    for line in found.warnings:
        show.note(f"warning: {line}")
    for line in found.faults:
        show.note(f"damaged: {line}")
    if found.sound and not json:
        show.text("sound: every file authenticated, the ledger's chain intact")
    return show.DONE if found.sound else show.OSLERS_FAULT


@vault_app.command("rekey")
def rekey(
    vault: VaultArgument,
    key_file: KeyFile = None,
    new_key_file: Annotated[
        Path | None,
        typer.Option("--new-key-file", metavar="FILE", help="The new key; else OSLER_NEW_KEY."),
    ] = None,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Change the vault's key; the old one opens nothing afterwards.

    Example: osler vault rekey clinic.vault --key-file old.key --new-key-file new.key
    """
    workflows.rekey_vault(opening(vault, key_file, user, purpose), new_key_file)
    show.text("the vault has its new key; the old one opens nothing any more")


@vault_app.command("erase")
def erase(
    vault: VaultArgument,
    subject: Subject,
    key_file: KeyFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Erase one subject for good, and prove it.

    Example: osler vault erase clinic.vault 1042 --key-file ~/clinic.key --yes
    """
    person = subject_of(subject)
    if not yes and sys.stdin is not None and sys.stdin.isatty():
        typer.confirm("Erase this subject for good?", abort=True, err=True)
    proof = workflows.erase_subject(opening(vault, key_file, user, purpose), person)
    if json:
        show.data(proof)
        return
    show.text(
        f"erased: {proof['events_erased']} events, {proof['attachments_erased']} attachments; "
        f"{proof['files_rewritten']} files rewritten under fresh keys",
        "proof: a decrypting scan and a byte search of every file found nothing",
    )
    for one in proof["exports"]:
        where = one["where"] or "place forgotten"
        show.note(f"still outside the vault: {one['kind']} of {one['time']}, {where}")


@vault_app.command("audit")
def audit(
    vault: VaultArgument,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="SUBJECT", help="Only what touched this one.")
    ] = None,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Tell who did what, when and why.

    Example: osler vault audit clinic.vault --subject 1042 --key-file ~/clinic.key --json
    """
    person = subject_of(subject) if subject is not None else None
    entries = workflows.audit_vault(opening(vault, key_file, user, purpose), person)
    if json:
        show.data(entries)
        return
    if not entries:
        show.text("no entry")
        return
    show.text(
        *(
            f"{entry['time']}  {entry['user']:<16} {entry['purpose']:<24} {entry['action']}"
            for entry in entries
        )
    )
