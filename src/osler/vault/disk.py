"""Writing so that a crash leaves the old or the new, and locks between processes."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from osler.errors import Fault, InputError

TEMPORARY = ".tmp-"
LOCK_PATIENCE_SECONDS = 900.0
LOCK_POLL_SECONDS = 0.02
WRITE_BLOCK_BYTES = 1 << 24


def write_new(path: Path, content: bytes | memoryview) -> None:
    """Write a file that must not exist yet, readable by its owner, and wait for the disk."""
    make_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder, readable by its owner, if it is not there, and wait for the disk."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Put new content in place of a file in one step, and wait for the disk."""
    temporary = path.with_name(f"{path.name}{TEMPORARY}{secrets.token_hex(6)}")
    write_new(temporary, content)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write every byte, or raise OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view[:WRITE_BLOCK_BYTES]) :]


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder and order its changes themselves.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, what: str, patience_seconds: float = LOCK_PATIENCE_SECONDS) -> Iterator[int]:
    """Hold an exclusive lock on a file between processes and threads; yield its descriptor.

    The lock ends with the process that holds it, however that ends.

    Parameters
    ----------
    what
        What the other one is doing, for the message: "writes this vault".

    Raises
    ------
    InputError
        If another process holds it for longer than `patience_seconds`.
    """
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(descriptor, what, patience_seconds)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, what: str, patience_seconds: float) -> None:
    patient_until = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > patient_until:
                raise InputError(
                    Fault("vault", f"another process {what}", "no other writer", "try again later")
                ) from error
        time.sleep(LOCK_POLL_SECONDS)
