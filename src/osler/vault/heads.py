"""Heads: how far each vault had come, kept outside it, so that going back is noticed.

One small file for each vault and place: a copy of a vault in another folder has a history of its
own from then on, while an older copy put back in the same place is found out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from osler.vault import disk


@dataclass(frozen=True)
class Head:
    """How far a vault had come.

    Parameters
    ----------
    records, digest
        Of the ledger.
    generation, manifest
        The committed generation, and the sha256 of its manifest.
    """

    records: int
    digest: str
    generation: int
    manifest: str


class Heads:
    """The heads of one vault at one place.

    Parameters
    ----------
    folder
        Outside every vault.
    vault_id
        The vault.
    place
        The vault's folder.
    """

    def __init__(self, folder: Path, vault_id: str, place: Path) -> None:
        self._folder = folder
        self._vault_id = vault_id
        where = hashlib.sha256(str(place.resolve()).encode()).hexdigest()[:16]
        self.path = folder / f"{vault_id}-{where}.json"

    def read(self) -> Head | None:
        """Return the head, or None if there is none or it cannot be understood."""
        return _read(self.path)

    def elsewhere(self) -> Iterator[Head]:
        """Yield the heads of the same vault in other places."""
        for path in sorted(self._folder.glob(f"{self._vault_id}-*.json")):
            head = _read(path) if path != self.path else None
            if head is not None:
                yield head

    def write(self, head: Head) -> bool:
        """Keep a head; tell whether that was possible."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            disk.replace(self.path, json.dumps(asdict(head)).encode())
        except OSError:
            return False
        return True


def _read(path: Path) -> Head | None:
    try:
        head = Head(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    known = isinstance(head.records, int) and isinstance(head.generation, int)
    return head if known else None
