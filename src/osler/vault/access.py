"""Who acts, why, whether that is allowed, and under what name a subject stands in the ledger."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from osler.errors import Fault, InputError

LONGEST_NAME = 200
PSEUDONYM_BYTES = 16
# Enough that two of a hundred million subjects share one with a chance of 3 in 10,000.
SHORT_PSEUDONYM_BYTES = 8


@dataclass(frozen=True)
class Actor:
    """Who acts and for what purpose; both are written into the ledger as they stand.

    Raises
    ------
    InputError
        If either is empty, over 200 characters, or not one printable line.
    """

    user: str
    purpose: str

    def __post_init__(self) -> None:
        faults = [
            Fault(name, "empty, long or not printable", f"one line of at most {LONGEST_NAME}")
            for name, value in (("user", self.user), ("purpose", self.purpose))
            if not value.strip() or len(value) > LONGEST_NAME or not value.isprintable()
        ]
        if faults:
            raise InputError(faults)


class AccessPolicy(Protocol):
    """Decides whether an act may happen; roles and consent come in through here."""

    def allows(self, actor: Actor, action: str, purpose: str) -> str | None:
        """Return None if the act is allowed, else the reason why not, without patient data."""
        ...


class Pseudonyms:
    """Keyed names of subjects (HMAC-SHA256): without the key nobody can tell whose they are."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, subject_id: int) -> bytes:
        """Return the 16 bytes that stand for a subject.

        Raises
        ------
        InputError
            If it is not an integer of 64 bits.
        """
        try:
            content = int(subject_id).to_bytes(8, "little", signed=True)
        except (OverflowError, ValueError, TypeError) as error:
            raise InputError(
                Fault("subject", "no integer of 64 bits", "a MEDS subject_id")
            ) from error
        return self._keyed(b"subject", content)

    def of_name(self, name: str) -> bytes:
        """Return the 16 bytes that stand for a subject's name in a source."""
        return self._keyed(b"name", name.encode())

    def of_text(self, text: str) -> str:
        """Return a keyed digest of any text, as hexadecimal."""
        return self._keyed(b"text", text.encode()).hex()

    def short(self, subject_id: int) -> bytes:
        """Return the eight bytes that stand for a subject in a list of the ledger."""
        return self.of(subject_id)[:SHORT_PSEUDONYM_BYTES]

    def listed(self, subject_ids: Iterable[int]) -> bytes:
        """Return the short pseudonyms of many subjects, sorted, so that order tells nothing."""
        return b"".join(sorted({self.short(one) for one in subject_ids}))

    def _keyed(self, kind: bytes, content: bytes) -> bytes:
        return hmac.digest(self._key, kind + b"\0" + content, "sha256")[:PSEUDONYM_BYTES]


def holds(listed: bytes, short: bytes) -> bool:
    """Tell whether a sorted list of short pseudonyms holds one."""
    at = listed.find(short)
    while at >= 0 and at % SHORT_PSEUDONYM_BYTES:
        at = listed.find(short, at + 1)
    return at >= 0
