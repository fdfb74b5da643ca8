"""A file is written whole or not at all, where a file may be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from osler.errors import InputError
from osler.vault import ledger, manifest
from osler.workflows.one_file import VAULT_MARKERS, check_files, in_vault, write_whole


def half(stream: TextIO) -> None:
    """Write a little and fail."""
    stream.write("half")
    raise ZeroDivisionError


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    """A file half written goes; the one that was there stays, and nothing lies beside it."""
    place = tmp_path / "out.json"
    place.write_text("mine")
    with pytest.raises(ZeroDivisionError):
        write_whole(place, half)
    assert place.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [place]


def test_a_whole_file_takes_the_place(tmp_path: Path) -> None:
    """What was written is what is read, and others may read it as any new file."""
    place, other = tmp_path / "out.json", tmp_path / "other"
    other.write_text("")
    write_whole(place, lambda stream: json.dump({"name": "é"}, stream))
    assert json.loads(place.read_text("utf-8")) == {"name": "é"}
    assert place.stat().st_mode == other.stat().st_mode


def test_every_place_is_told_at_once(tmp_path: Path) -> None:
    """A folder, a folder that is not there and one that is a file are all faults."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        check_files([tmp_path, tmp_path / "none" / "a.json", tmp_path / "file" / "b.json"])
    assert [fault.came for fault in caught.value.faults] == ["a folder", "not there", "a file"]


def test_two_outputs_cannot_be_one_file(tmp_path: Path) -> None:
    """One output would replace the other."""
    check_files([tmp_path / "a.json", tmp_path / "b.json"])
    with pytest.raises(InputError, match="another output"):
        check_files([tmp_path / "a.json", tmp_path / "x" / ".." / "a.json"])


def test_nothing_is_written_into_a_vault(tmp_path: Path) -> None:
    """A file that is none of the vault's would be damage; its markers are the vault's own."""
    assert VAULT_MARKERS == (manifest.NAME, ledger.NAME)
    for name in VAULT_MARKERS:
        assert not in_vault(tmp_path)
        (tmp_path / name).write_text("")
    (tmp_path / "deep").mkdir()
    with pytest.raises(InputError, match="inside a vault"):
        check_files([tmp_path / "deep" / "out.json"])


def test_a_place_without_permission_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing may be written the work does not begin."""
    monkeypatch.setattr("osler.workflows.one_file.os.access", lambda path, mode: False)
    with pytest.raises(InputError, match="may not write"):
        check_files([tmp_path / "out.json"])


def test_no_data_frames_are_imported() -> None:
    """Drug advice starts without what a vault needs."""
    heavy = "{'polars', 'pyarrow', 'scipy', 'osler.vault'} & set(sys.modules)"
    code = f"import sys, osler.workflows.genome.pgx; assert not ({heavy}), {heavy}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
