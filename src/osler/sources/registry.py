"""Which sources there are: the built-in ones and those that other packages bring, found alike."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import cast

from osler.errors import Fault, InputError
from osler.sources.base import Source

GROUP = "osler.sources"


def available() -> dict[str, type[Source]]:
    """Return the readers by name. An entry point that cannot be imported is left out.

    Examples
    --------
    >>> "meds" in available()
    True
    """
    found: dict[str, type[Source]] = {}
    for name, entry in _entries().items():
        try:
            found[name] = cast(type[Source], entry.load())
        except (ImportError, AttributeError):
            continue
    return found


def get(name: str) -> Source:
    """Return a reader ready for use.

    Raises
    ------
    InputError
        If no package brings a source of that name, or the one that does cannot be imported.
    """
    entries = _entries()
    if name not in entries:
        known = ", ".join(sorted(entries))
        raise InputError(Fault("source", f"{name!r} is not known", f"one of {known}"))
    try:
        reader = cast(type[Source], entries[name].load())
    except (ImportError, AttributeError) as error:
        came = f"{name!r} is registered by a package that cannot be imported"
        raise InputError(Fault("source", came, "an installed reader")) from error
    return reader()


def _entries() -> dict[str, EntryPoint]:
    """Return entry points by name; osler's own win over others of the same name."""
    listed = sorted(
        entry_points(group=GROUP), key=lambda entry: (not entry.value.startswith("osler."), entry)
    )
    return {entry.name: entry for entry in reversed(listed)}
