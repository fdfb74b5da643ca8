"""Every setting osler reads from its surroundings, declared once."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setting:
    """One environment variable: its name and what it is for."""

    name: str
    meaning: str

    def read(self, environ: Mapping[str, str] | None = None) -> str | None:
        """Return the value, or None when unset or empty."""
        value = (os.environ if environ is None else environ).get(self.name, "")
        return value or None


KEY = Setting("OSLER_KEY", "passphrase of the vault, when no key file is given")
NEW_KEY = Setting("OSLER_NEW_KEY", "the new passphrase for `osler vault rekey`")
USER = Setting("OSLER_USER", "who acts, for the ledger; else the account name")
PURPOSE = Setting("OSLER_PURPOSE", "why, for the ledger; else `unspecified`")
STATE = Setting("OSLER_STATE", "folder for what must lie outside a vault, such as ledger heads")
DEBUG = Setting("OSLER_DEBUG", "when set, a fault of osler's own is raised with its trace")
DATA = Setting("OSLER_DATA", "folder with the data sets that benchmarks read")

SETTINGS = (KEY, NEW_KEY, USER, PURPOSE, STATE, DEBUG, DATA)

UNSPECIFIED = "unspecified"


def user() -> str:
    """Return who acts: OSLER_USER, else the account's name."""
    named = USER.read()
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def purpose() -> str:
    """Return why: OSLER_PURPOSE, else `unspecified`."""
    return PURPOSE.read() or UNSPECIFIED


def state_folder() -> Path:
    """Return the folder kept outside every vault: OSLER_STATE, else the platform's state home."""
    named = STATE.read()
    if named:
        return Path(named)
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "osler"
