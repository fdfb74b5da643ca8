"""Attachments: files of any size, encrypted in chunks so that no part can move, go or come.

The construction is STREAM of Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-
Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015, doi:10.1007/978-3-662-47989-6_24:
the nonce of each chunk holds its number and whether it is the last. The key is used for one file
only, so the nonce needs no random part.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from osler.errors import Damaged
from osler.vault import disk

CHUNK_BYTES = 1 << 16
TAG_BYTES = 16
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES


@dataclass(frozen=True)
class Written:
    """A file as it was written: the sha256 of its bytes on disk and their number."""

    digest: str
    size: int


def write_stream(path: Path, source: BinaryIO, key: bytes, binding: bytes) -> Written:
    """Encrypt a stream into a new file and wait for the disk; on any failure leave no file."""
    disk.make_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    whole, size = hashlib.sha256(), 0
    try:
        for sealed in _sealed_chunks(source, AESGCM(key), binding):
            disk.write_all(descriptor, sealed)
            whole.update(sealed)
            size += len(sealed)
        os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    os.close(descriptor)
    return Written(whole.hexdigest(), size)


def read_stream(path: Path, key: bytes, binding: bytes, *, name: str) -> Iterator[bytes]:
    """Yield the content chunk by chunk, each authenticated before it is given.

    Raises
    ------
    Damaged
        At the first chunk that is not the right one at its place, or if the end is missing.
    """
    cipher = AESGCM(key)
    try:
        with path.open("rb") as stream:
            chunk, number = stream.read(SEALED_CHUNK_BYTES), 0
            while True:
                following = stream.read(SEALED_CHUNK_BYTES)
                yield cipher.decrypt(_nonce(number, last=not following), chunk, binding)
                if not following:
                    return
                chunk, number = following, number + 1
    except (InvalidTag, ValueError) as error:
        raise Damaged(f"{name}: it does not authenticate") from error
    except OSError as error:
        raise Damaged(f"{name}: it cannot be read ({error.strerror})") from error


def _sealed_chunks(source: BinaryIO, cipher: AESGCM, binding: bytes) -> Iterator[bytes]:
    chunk, number = _read_full(source), 0
    while True:
        following = _read_full(source)
        yield cipher.encrypt(_nonce(number, last=not following), chunk, binding)
        if not following:
            return
        chunk, number = following, number + 1


def _read_full(source: BinaryIO) -> bytes:
    """Read a whole chunk, from sources that give less at a time too."""
    parts, missing = [], CHUNK_BYTES
    while missing and (part := source.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")
