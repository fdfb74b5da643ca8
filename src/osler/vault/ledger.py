"""The ledger: who did what, when and why, in a chain that only grows.

On disk it is a sequence of frames: magic, length, checksum of both, and a record sealed by
AES-256-GCM. What seals a record binds the vault, its number and the hash of everything before it,
so each record signs the whole chain up to itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidTag

from osler.errors import Damaged
from osler.vault import disk
from osler.vault.keys import seal, unseal
from osler.vault.manifest import LedgerKey

NAME = "ledger"
MAGIC = b"OSLR"
FRAME_HEADER = struct.Struct("<4sII")

Scope = Literal["none", "listed", "all"]


@dataclass(frozen=True)
class Record:
    """One act.

    Parameters
    ----------
    number
        From 1, without gaps.
    time
        ISO 8601, UTC.
    what
        Counts, digests and plain words.
    scope
        Which subjects it touched: none, the listed ones, or all of the generation.
    generation
        Of the vault, as the act saw it.
    committed
        The latest generation known to be in place, and the sha256 of its manifest.
    listed
        Short pseudonyms, sorted, back to back.
    """

    number: int
    time: str
    user: str
    purpose: str
    action: str
    what: Mapping[str, Any]
    scope: Scope
    generation: int
    committed: tuple[int, str]
    listed: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the record as it is sealed."""
        fields = {name: value for name, value in vars(self).items() if name != "listed"}
        return json.dumps(fields, ensure_ascii=False).encode() + b"\0" + self.listed

    @classmethod
    def from_bytes(cls, content: bytes) -> Record:
        """Read what `to_bytes` wrote."""
        text, _, listed = content.partition(b"\0")
        fields = json.loads(text)
        fields["committed"] = tuple(fields["committed"])
        return cls(**fields, listed=listed)


@dataclass(frozen=True)
class Chain:
    """The state of the chain after a number of records.

    Parameters
    ----------
    records, digest
        How many, and the hash over all of them.
    size
        Bytes of whole frames.
    torn
        Bytes after them that a crash left of an unfinished frame.
    last
        The last record, authenticated; None when there is none.
    marks
        The hash after each number of records that was asked for.
    """

    records: int
    digest: bytes
    size: int
    torn: int = 0
    last: Record | None = None
    marks: Mapping[int, bytes] = field(default_factory=dict)


class Ledger:
    """Reads and extends the chain of one vault.

    Parameters
    ----------
    path
        Its file.
    vault_id
        Bound into every record.
    keys
        In order of the first record that each protects.
    """

    def __init__(self, path: Path, vault_id: str, keys: tuple[LedgerKey, ...]) -> None:
        self._path = path
        self._vault = vault_id.encode()
        self.keys = keys

    def beginning(self) -> Chain:
        """Return the chain without records."""
        return Chain(0, hashlib.sha256(b"osler ledger\0" + self._vault).digest(), 0)

    def scan(self, since: Chain | None = None, marks: Collection[int] = ()) -> Chain:
        """Follow the chain to its end and authenticate the last record, hence all before it.

        Parameters
        ----------
        since
            Where an earlier scan ended; None begins at the beginning.
        marks
            Numbers of records after which the hash is wanted.

        Raises
        ------
        Damaged
            If anything but an unfinished end is not as it was written.
        """
        chain = since or self.beginning()
        content = self._content(chain.size)
        found = {chain.records: chain.digest} if chain.records in marks else {}
        number, digest, end, before, frame = chain.records, chain.digest, 0, chain.digest, b""
        for start, stop in _frames(content):
            frame, before, end = content[start:stop], digest, stop
            digest, number = _next(digest, frame), number + 1
            if number in marks:
                found[number] = digest
        last = self._open(frame, number, before) if frame else chain.last
        return Chain(number, digest, chain.size + end, len(content) - end, last, found)

    def records(self) -> Iterator[Record]:
        """Yield every record, each authenticated.

        Raises
        ------
        Damaged
            At the first that is not as it was written.
        """
        content = self._content(0)
        digest = self.beginning().digest
        for number, (start, stop) in enumerate(_frames(content), 1):
            yield self._open(content[start:stop], number, digest)
            digest = _next(digest, content[start:stop])

    def append(self, chain: Chain, record: Record) -> Chain:
        """Write one record after `chain`, which must be the present end, and wait for the disk.

        Leaves the file as it was when the disk is full.
        """
        sealed = seal(self._key(record.number), record.to_bytes(), self._binding(chain))
        start = FRAME_HEADER.pack(MAGIC, len(sealed), _checksum(len(sealed)))
        frame = start + sealed
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if chain.torn:
                os.ftruncate(descriptor, chain.size)
            os.lseek(descriptor, chain.size, os.SEEK_SET)
            _write_or_undo(descriptor, frame, chain.size)
        finally:
            os.close(descriptor)
        end = chain.size + len(frame)
        return Chain(record.number, _next(chain.digest, frame), end, 0, record)

    def _content(self, start: int) -> bytes:
        try:
            with self._path.open("rb") as stream:
                if stream.seek(0, os.SEEK_END) < start:
                    raise Damaged("ledger: it was cut while it was open")
                stream.seek(start)
                return stream.read()
        except OSError as error:
            raise Damaged(f"ledger: it cannot be read ({error.strerror})") from error

    def _open(self, frame: bytes, number: int, before: bytes) -> Record:
        binding = self._bound(number, before)
        try:
            content = unseal(self._key(number), frame[FRAME_HEADER.size :], binding)
            record = Record.from_bytes(content)
        except (InvalidTag, ValueError, TypeError, KeyError) as error:
            raise Damaged(f"ledger: record {number} or one before it was changed") from error
        return record

    def _key(self, number: int) -> bytes:
        return next(one.key for one in reversed(self.keys) if one.first <= number)

    def _binding(self, chain: Chain) -> bytes:
        return self._bound(chain.records + 1, chain.digest)

    def _bound(self, number: int, before: bytes) -> bytes:
        return b"\0".join((b"osler record", self._vault, number.to_bytes(8, "big"), before))


def _write_or_undo(descriptor: int, frame: bytes, size: int) -> None:
    try:
        disk.write_all(descriptor, frame)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _next(digest: bytes, frame: bytes) -> bytes:
    return hashlib.sha256(digest + frame).digest()


def _checksum(length: int) -> int:
    return zlib.crc32(MAGIC + length.to_bytes(4, "little"))


def _frames(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each whole frame starts and stops; end quietly where a crash cut the last."""
    start = 0
    while len(content) - start >= FRAME_HEADER.size:
        magic, length, checksum = FRAME_HEADER.unpack_from(content, start)
        if magic != MAGIC or checksum != _checksum(length):
            # A file system may have made room for a frame and then lost what belonged there.
            if not any(content[start:]):
                return
            raise Damaged("ledger: a record's frame was changed")
        stop = start + FRAME_HEADER.size + length
        if stop > len(content):
            return
        yield start, stop
        start = stop
    rest = content[start:]
    if any(rest) and not MAGIC.startswith(rest[: len(MAGIC)]):
        raise Damaged("ledger: bytes at its end are of no record")
