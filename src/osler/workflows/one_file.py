"""Writing one file whole or not at all. Imports next to nothing: quick commands begin here."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from osler.errors import Fault, InputError

# What lies at the top of every vault. Written out, since importing the vault takes a while.
VAULT_MARKERS = ("manifest", "ledger")


def check_files(places: Sequence[Path]) -> None:
    """Refuse places where no file can be written, before the work begins.

    Parameters
    ----------
    places
        Files to write, each in a folder that is there.

    Raises
    ------
    InputError
        If a place is a folder, is in none that may be written, is in a vault, or two are the same.
    """
    faults = [fault for place in places for fault in _faults_of(place)]
    if len({place.resolve() for place in places}) < len(places):
        faults.append(Fault(str(places[-1]), "the place of another output", "one of its own"))
    if faults:
        raise InputError(faults)


def _faults_of(place: Path) -> list[Fault]:
    if place.is_dir():
        return [Fault(str(place), "a folder", "a file to write", "name a file in it")]
    folder = place.parent
    if not folder.is_dir():
        came = "a file" if folder.exists() else "not there"
        return [Fault(str(folder), came, "a folder to write in", "make it first")]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [Fault(str(place), "a place that you may not write", "another", "name another one")]
    if in_vault(place):
        return [Fault(str(place), "a place inside a vault", "one outside it", "name another one")]
    if place.exists() and not (place.is_file() and os.access(place, os.W_OK)):
        return [Fault(str(place), "something that cannot be replaced", "a file of yours")]
    return []


def in_vault(place: Path) -> bool:
    """Tell whether a place is a vault or lies inside one.

    Parameters
    ----------
    place
        A file or folder, there or not.
    """
    whole = place.resolve()
    return any(
        all((one / name).is_file() for name in VAULT_MARKERS) for one in (whole, *whole.parents)
    )


def write_whole(place: Path, write: Callable[[TextIO], object]) -> None:
    """Write a file beside its place and move it there when it is whole.

    Parameters
    ----------
    place
        The file; one that is there is replaced, and stays as it was if writing fails.
    write
        Is given the open file.
    """
    handle, name = tempfile.mkstemp(prefix=".osler-", suffix=".json", dir=place.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
            write(stream)
        fresh.chmod(0o666 & ~_umask())
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
