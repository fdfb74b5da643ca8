"""How a vault is opened: which key, by whom, for what."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass, field
from pathlib import Path

from osler import config
from osler.errors import KeyUnavailable
from osler.vault import Actor, Key, Vault


@dataclass(frozen=True)
class Opening:
    """What it takes to open a vault; small enough to hand to a worker, and without the key.

    Parameters
    ----------
    path
        The vault's folder.
    key_file
        Key file; None takes the passphrase from OSLER_KEY, else from a prompt.
    user, purpose
        For the ledger; None takes OSLER_USER and OSLER_PURPOSE.
    """

    path: Path
    key_file: Path | None = None
    user: str | None = None
    purpose: str | None = None
    actor: Actor = field(init=False)

    def __post_init__(self) -> None:
        actor = Actor(self.user or config.user(), self.purpose or config.purpose())
        object.__setattr__(self, "actor", actor)

    def key(self) -> Key:
        """Return the key from the file, the environment or a prompt, in that order."""
        return find_key(self.key_file, config.KEY, "Passphrase of the vault")

    def open(self, *, within: int | None = None) -> Vault:
        """Open the vault; nothing is read from it yet.

        Parameters
        ----------
        within
            Number of the recorded act that a worker process reads for.
        """
        return Vault.open(self.path, self.key(), actor=self.actor, within=within)


def find_key(key_file: Path | None, setting: config.Setting, prompt: str) -> Key:
    """Return a key from a file, else from a setting, else from a prompt on a terminal.

    Raises
    ------
    KeyUnavailable
        If there is none of the three.
    """
    if key_file is not None:
        return Key.from_file(key_file)
    passphrase = setting.read()
    if passphrase is None and sys.stdin is not None and sys.stdin.isatty():
        passphrase = getpass.getpass(f"{prompt}: ")
    if not passphrase:
        raise KeyUnavailable(
            f"no key: neither a key file nor {setting.name} is given and there is no terminal to "
            f"ask on; give --key-file FILE or set {setting.name}"
        )
    return Key.from_passphrase(passphrase)
