"""What changed between two releases of one subject."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from osler.errors import Fault, InputError
from osler.knowledge.release import Release


@dataclass(frozen=True)
class TableChange:
    """One table that is not the same in both."""

    table: str
    change: Literal["added", "removed", "changed"]
    old_date: str | None
    new_date: str | None
    lines_added: int
    lines_removed: int


@dataclass(frozen=True)
class Changes:
    """All tables that differ; `same` counts those that do not."""

    old: str
    new: str
    tables: tuple[TableChange, ...]
    same: int

    def to_json(self) -> dict[str, Any]:
        """Return what `osler knowledge diff --json` shows."""
        return asdict(self)


def changes(old: Release, new: Release) -> Changes:
    """Compare two releases, table by table and line by line, whatever the order of lines.

    Raises
    ------
    InputError
        If they are about different things.
    """
    if old.subject != new.subject:
        raise InputError(
            Fault("releases", f"one about {old.subject}, one about {new.subject}", "one subject")
        )
    names = dict.fromkeys([*old.names(), *new.names()])
    found = [_change(old, new, name) for name in names]
    differing = tuple(one for one in found if one)
    return Changes(old.name, new.name, differing, len(found) - len(differing))


def _change(old: Release, new: Release, name: str) -> TableChange | None:
    before, after = (name in release.names() for release in (old, new))
    lines_before = _lines(old, name) if before else set()
    lines_after = _lines(new, name) if after else set()
    if before and after and lines_before == lines_after:
        return None
    return TableChange(
        name,
        "changed" if before and after else "added" if after else "removed",
        old.table(name).date if before else None,
        new.table(name).date if after else None,
        len(lines_after - lines_before),
        len(lines_before - lines_after),
    )


def _lines(release: Release, name: str) -> set[bytes]:
    return set(release.read(name).splitlines())
