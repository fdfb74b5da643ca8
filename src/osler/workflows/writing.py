"""Writing a folder of results whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from osler.errors import Fault, InputError
from osler.workflows.one_file import in_vault

DIGESTS = "digests.json"
OWN = ".osler-"

# What a folder may hold that has no list of digests, by its marker.
WITHOUT_DIGESTS = {
    "report.json": frozenset({"report.json", "report.html", "report.fhir.json", "pgx.json"})
}


@contextmanager
def whole_folder(out: Path, marker: str) -> Iterator[Path]:
    """Yield a fresh folder whose content becomes that of `out` when all has gone well.

    Parameters
    ----------
    out
        Folder to make. One that exists is filled only if it is empty, and replaced only if it
        holds what the same command made and nothing else.
    marker
        Name of a JSON file that every such folder holds.

    Raises
    ------
    InputError
        If `out` cannot be made, lies inside a vault, or something else would be lost.
    """
    check_replaceable(out, marker)
    new = not out.exists()
    if new:
        out.parent.mkdir(parents=True, exist_ok=True)
    # An `out` that exists stays itself: it may be a link, a mount, or where somebody stands.
    fresh = Path(tempfile.mkdtemp(prefix=f"{OWN}new-", dir=out.parent if new else out))
    try:
        yield fresh
        if new:
            fresh.rename(out)
        else:
            _exchange(out, fresh, marker)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(out: Path, fresh: Path, marker: str) -> None:
    """Put what lies in `fresh` in place of what lies in `out`, the marker last; or undo it."""
    old = Path(tempfile.mkdtemp(prefix=f"{OWN}old-", dir=out))
    before = [one for one in out.iterdir() if one not in (old, fresh)]
    after = sorted(fresh.iterdir(), key=lambda one: one.name == marker)
    moves = [(one, old / one.name) for one in before] + [(one, out / one.name) for one in after]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        old.rmdir()
        raise
    shutil.rmtree(old)


def check_replaceable(out: Path, marker: str) -> None:
    """Refuse an `out` whose replacement would lose something that osler did not make.

    Raises
    ------
    InputError
        If it would, or `check_place` refuses.
    """
    check_place(out)
    if out.exists() and any(out.iterdir()) and not _is_own(out, marker):
        raise InputError(
            Fault(
                str(out),
                "a folder with other things in it",
                "a new or empty folder",
                "name another one",
            )
        )


def check_place(out: Path) -> None:
    """Refuse a place where no folder can be, and one inside a vault.

    Raises
    ------
    InputError
        If `out` is a file or a broken link, is below a file, may not be written, or is in a vault.
    """
    if not (out.is_dir() or not (out.exists() or out.is_symlink())):
        raise InputError(Fault(str(out), "a file", "a folder to write", "name another one"))
    whole = out.resolve()
    ground = next(one for one in (whole, *whole.parents) if one.exists())
    if not ground.is_dir():
        raise InputError(
            Fault(str(out), "a place below a file", "a folder to write", "name another one")
        )
    if not os.access(ground, os.W_OK | os.X_OK):
        raise InputError(
            Fault(str(out), "a place that you may not write", "a folder to write", "name another")
        )
    if in_vault(whole):
        raise InputError(
            Fault(
                str(out),
                "a vault or a place inside one",
                "a folder outside it",
                "name another one",
            )
        )


def _is_own(out: Path, marker: str) -> bool:
    """Tell whether a folder holds what a command of osler made, and nothing else."""
    content = _json_object(out / marker)
    if "format_version" not in content:
        return False
    files = {
        path.relative_to(out).as_posix()
        for path in out.rglob("*")
        if not path.is_dir() and not path.relative_to(out).parts[0].startswith(OWN)
    }
    if marker in WITHOUT_DIGESTS:
        return files <= WITHOUT_DIGESTS[marker]
    listed = _json_object(out / DIGESTS).get("sha256", {})
    return isinstance(listed, dict) and files <= {*listed, DIGESTS}


def _json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one if it is none."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


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
