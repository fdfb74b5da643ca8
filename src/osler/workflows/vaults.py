"""What a user does with a vault as such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from osler import config
from osler.errors import Fault, InputError
from osler.vault import Key, Vault, VerifyReport
from osler.workflows.opening import Opening, find_key


def init_vault(opening: Opening, *, shards: int = 16) -> Path | None:
    """Make an empty vault; return the key file if one was made, None otherwise.

    Raises
    ------
    InputError
        If the folder exists and is not empty, or the key file would lie inside the vault.
    """
    made = None
    if opening.key_file is not None and not opening.key_file.exists():
        if opening.path.resolve() in opening.key_file.resolve().parents:
            raise InputError(Fault("--key-file", "a place inside the vault", "a place outside it"))
        Key.create_file(opening.key_file)
        made = opening.key_file
    Vault.init(opening.path, opening.key(), shards=shards, actor=opening.actor)
    return made


def vault_info(opening: Opening) -> dict[str, Any]:
    """Return counts of subjects, events, shards and bytes, and the format version."""
    return opening.open().info().to_json()


def verify_vault(opening: Opening) -> VerifyReport:
    """Authenticate every file of the vault and the chain of its ledger."""
    return Vault.verify_path(opening.path, opening.key(), actor=opening.actor)


def rekey_vault(opening: Opening, new_key_file: Path | None) -> None:
    """Replace the vault's key by the one in `new_key_file`, else by OSLER_NEW_KEY."""
    vault = opening.open()
    if new_key_file is not None and not new_key_file.exists():
        Key.create_file(new_key_file)
    vault.rekey(find_key(new_key_file, config.NEW_KEY, "New passphrase"))


def erase_subject(opening: Opening, subject_id: int) -> dict[str, Any]:
    """Erase one subject and return the proof, with the exports that still hold the subject."""
    return opening.open().erase(subject_id).to_json()


def audit_vault(opening: Opening, subject_id: int | None = None) -> list[dict[str, Any]]:
    """Return the ledger's entries, or only those that touched one subject."""
    return opening.open().audit(subject_id)
