"""Every reader that is registered, built in or not, meets one set of checks."""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import entry_points
from pathlib import Path

import polars as pl
import pytest

from osler.errors import InputError
from osler.sources import LoadReport, Request, Source, registry

REGISTERED = sorted(entry.name for entry in entry_points(group=registry.GROUP))
SUFFIXES = ["", ".csv", ".json", ".ndjson", ".parquet", ".maf", ".duckdb", ".gz", ".zip"]
PATIENT = b"Smith-4711"
NOISE = PATIENT + b"".join(hashlib.sha256(bytes([number])).digest() for number in range(99))


class PlainIds:
    """Numbers in the order of first appearance."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def of(self, names: pl.Series) -> pl.Series:
        """Return one id per name, null for null."""
        ids = [n if n is None else self.names.setdefault(n, len(self.names)) for n in names]
        return pl.Series(names.name, ids, dtype=pl.Int64)


@pytest.fixture(params=REGISTERED)
def source(request: pytest.FixtureRequest) -> Source:
    """Every registered reader in turn."""
    return registry.get(request.param)


def test_the_promised_sources_are_registered() -> None:
    """The formats that the command line names are all there, and can all be imported."""
    assert {"meds", "omop", "fhir", "table", "genome"} <= set(REGISTERED)
    assert sorted(registry.available()) == REGISTERED


@pytest.mark.parametrize("name", REGISTERED)
def test_a_source_goes_by_the_name_it_is_registered_under(name: str) -> None:
    """What the user types is what the reader calls itself, and it says what it reads."""
    source = registry.get(name)
    assert source.name == name
    assert len(source.describes.split()) >= 2
    assert type(source).__doc__


def test_an_unknown_source_is_refused_with_the_known_ones() -> None:
    """The message lists what there is."""
    with pytest.raises(InputError, match="meds"):
        registry.get("no-such-format")


def test_an_empty_folder_is_refused(source: Source, tmp_path: Path) -> None:
    """A folder that holds nothing of the format is a fault that says what was expected."""
    with pytest.raises(InputError, match="expected"):
        source.files(tmp_path)


def test_a_missing_path_is_refused(source: Source, tmp_path: Path) -> None:
    """A path that does not exist is the user's mistake, not a trace of the system's."""
    with pytest.raises(InputError, match="expected"):
        source.files(tmp_path / "nowhere")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", NOISE], ids=["empty", "noise"])
def test_a_file_of_nothing_or_noise_gives_no_events(
    source: Source, tmp_path: Path, suffix: str, content: bytes
) -> None:
    """It is refused, or its records are counted as refused; its content is in no message."""
    path = tmp_path / f"data{suffix}"
    path.write_bytes(content)
    report = LoadReport()
    said = ""
    events = 0
    try:
        source.files(path)
        for batch in source.read(Request(path, PlainIds(), report)):
            events += batch.events.height
    except InputError as error:
        said = str(error)
    assert (events, report.loaded) == (0, 0)
    assert PATIENT.decode() not in said + repr(report)


def test_another_package_brings_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader registered by an installed package is found like the built-in ones."""
    (tmp_path / "ward_format.py").write_text(
        '"""A format of one ward."""\n'
        "class WardSource:\n"
        '    """Reads it."""\n'
        '    name = "ward"\n'
        '    describes = "the export of one ward"\n',
        "utf-8",
    )
    info = tmp_path / "ward_format-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ward-format\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{registry.GROUP}]\nward = ward_format:WardSource\nbroken = ward_format_gone:Source\n"
        "meds = ward_format:WardSource\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ward_format", raising=False)
    assert registry.get("ward").describes == "the export of one ward"
    assert "broken" not in registry.available()
    with pytest.raises(InputError, match="cannot be imported"):
        registry.get("broken")
    assert registry.available()["meds"].__module__.startswith("osler.")
