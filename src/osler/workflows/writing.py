"""Writing a folder of results whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from osler.errors import Fault, InputError

DIGESTS = "digests.json"


@contextmanager
def whole_folder(out: Path, marker: str) -> Iterator[Path]:
    """Yield a fresh folder beside `out` that takes its place when all has gone well.

    Parameters
    ----------
    out
        Folder to make. One that exists is replaced only if it is empty or holds `marker`, that is,
        if it came from the same command.
    marker
        Name of a file that every such folder holds.

    Raises
    ------
    InputError
        If `out` is a file or a folder of something else.
    """
    check_replaceable(out, marker)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield fresh
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
            out.rename(old / "was")
            fresh.rename(out)
            shutil.rmtree(old)
        else:
            fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_replaceable(out: Path, marker: str) -> None:
    """Refuse an `out` whose replacement would lose something that osler did not make."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(Fault(str(out), "a file", "a folder to write", "name another one"))
    if any(out.iterdir()) and not (out / marker).is_file():
        raise InputError(
            Fault(
                str(out),
                "a folder with other things in it",
                "a new or empty folder",
                "name another one",
            )
        )


def write_json(path: Path, value: Any) -> None:
    """Write JSON that any reader takes: UTF-8, no NaN."""
    path.write_text(
        json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8"
    )


def folder_digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder but the list of digests itself."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != DIGESTS
    }
