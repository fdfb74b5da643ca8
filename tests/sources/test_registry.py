"""Sources are found through entry points, osler's own and others' alike."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from osler.errors import InputError
from osler.sources import registry
from osler.sources.genome import GenomeSource
from osler.sources.meds import MedsSource
from osler.sources.table import TableSource


def _entries(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str]) -> None:
    found = EntryPoints(EntryPoint(name, value, registry.GROUP) for name, value in entries)
    monkeypatch.setattr(registry, "entry_points", lambda group: found.select(group=group))


def test_built_in_sources() -> None:
    """The built-in readers are registered under their own names."""
    found = registry.available()
    assert found["meds"] is MedsSource
    assert found["table"] is TableSource
    assert found["genome"] is GenomeSource
    assert all(reader.name == name and reader.describes for name, reader in found.items())


def test_a_package_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken package takes no other source with it, and says so when asked for."""
    _entries(monkeypatch, ("meds", "osler.sources.meds:MedsSource"), ("odd", "no.such:Thing"))
    assert list(registry.available()) == ["meds"]
    with pytest.raises(InputError, match="cannot be imported"):
        registry.get("odd")


def test_own_sources_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package cannot take the name of a built-in source."""
    entries: Any = [("meds", "json:JSONDecoder"), ("meds", "osler.sources.meds:MedsSource")]
    for order in (entries, entries[::-1]):
        _entries(monkeypatch, *order)
        assert isinstance(registry.get("meds"), MedsSource)


def test_unknown_source() -> None:
    """An unknown name is answered with those that there are."""
    with pytest.raises(InputError, match=r"one of .*meds"):
        registry.get("dicom")
