"""The acts of `osler knowledge` that touch no patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from osler import knowledge
from osler.errors import Fault, InputError


def list_knowledge() -> list[dict[str, Any]]:
    """Return every release with its tables; `current` marks the one that is used for its subject.

    Returns
    -------
    list of dict
        `name`, `subject`, `date`, `title`, `sha256`, `current`, and of each table `name`, `file`,
        `date`, `licence`, `source` and `sha256`.
    """
    used = {knowledge.current(subject).name for subject in knowledge.subjects()}
    return [one.to_json() | {"current": one.name in used} for one in knowledge.releases()]


def verify_knowledge() -> dict[str, list[str]]:
    """Read every table of every release; return what is wrong, by release, empty where sound."""
    return knowledge.verify()


def install_knowledge(source: Path) -> knowledge.Release:
    """Install a newer release beside those that ship with osler.

    Raises
    ------
    InputError
        If the source is no release, or another one of its name is there.
    Damaged
        If a table is not what was sealed.
    """
    if not source.exists():
        raise InputError(Fault(str(source), "no such file or folder", "a release of knowledge"))
    return knowledge.install(source)


def diff_knowledge(old: str, new: str) -> knowledge.Changes:
    """Tell which tables differ between two releases of one subject.

    Raises
    ------
    InputError
        If there is no release of that name, or the two are about different things.
    """
    return knowledge.changes(knowledge.get(old), knowledge.get(new))
