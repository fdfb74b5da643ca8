"""What a user does with a vault as such."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from osler import config
from osler.errors import Fault, InputError, KeyUnavailable, OslerError
from osler.vault import Key, Vault, VerifyReport
from osler.workflows.opening import Opening, find_key
from osler.workflows.writing import check_place


def init_vault(opening: Opening, *, shards: int = 16) -> Path | None:
    """Make an empty vault; return the key file if one was made, None otherwise.

    Raises
    ------
    InputError
        If the folder exists and is not empty, or the key file would lie inside the vault.
    """
    check_place(opening.path)
    with _key_file_for(opening.path, opening.key_file) as made:
        Vault.init(opening.path, opening.key(), shards=shards, actor=opening.actor)
    return made


@contextmanager
def _key_file_for(vault: Path, path: Path | None) -> Iterator[Path | None]:
    """Make a key file that is not there yet; leave none behind that opens nothing.

    Raises
    ------
    InputError
        If it would lie inside the vault: who takes the vault would take the key.
    """
    if path is None or path.exists():
        yield None
        return
    if vault.resolve() in (path.resolve(), *path.resolve().parents):
        raise InputError(Fault("key file", "a place inside the vault", "a place outside it"))
    check_place(path.parent)
    key = Key.create_file(path)
    try:
        yield path
    except BaseException:
        if not _opens(vault, key):
            path.unlink()
        raise


def _opens(vault: Path, key: Key) -> bool:
    """Tell whether a key is that of a vault; a vault that tells nothing counts as opened."""
    try:
        Vault.open(vault, key)
    except KeyUnavailable:
        return False
    except (OslerError, OSError):
        return True
    return True


def vault_info(opening: Opening) -> dict[str, Any]:
    """Return counts of subjects, events, shards and bytes, and the format version."""
    return opening.open().info().to_json()


def verify_vault(opening: Opening) -> VerifyReport:
    """Authenticate every file of the vault and the chain of its ledger."""
    return Vault.verify_path(opening.path, opening.key(), actor=opening.actor)


def rekey_vault(opening: Opening, new_key_file: Path | None) -> None:
    """Replace the vault's key by the one in `new_key_file`, else by OSLER_NEW_KEY."""
    vault = opening.open()
    if new_key_file is None:
        vault.rekey(find_key(None, config.NEW_KEY, "New passphrase"))
        return
    with _key_file_for(opening.path, new_key_file):
        vault.rekey(Key.from_file(new_key_file))


def erase_subject(opening: Opening, subject_id: int) -> dict[str, Any]:
    """Erase one subject and return the proof, with the exports that still hold the subject."""
    return opening.open().erase(subject_id).to_json()


def audit_vault(opening: Opening, subject_id: int | None = None) -> list[dict[str, Any]]:
    """Return the ledger's entries, or only those that touched one subject."""
    return opening.open().audit(subject_id)
