"""Folders of results come whole or not at all, and cost nobody anything."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from osler.errors import InputError
from osler.workflows.writing import check_place, whole_folder, write_json

MARKER = "report.json"


def names(folder: Path) -> list[str]:
    """Return all names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def write(out: Path, *others: str) -> None:
    """Write a small folder of results."""
    with whole_folder(out, MARKER) as folder:
        write_json(folder / MARKER, {"format_version": 1})
        for name in others:
            (folder / name).write_text("x")


def write_half(out: Path) -> None:
    """Begin a folder and fail."""
    with whole_folder(out, MARKER) as folder:
        (folder / "report.html").write_text("half")
        raise ZeroDivisionError


@pytest.mark.parametrize("exists", [True, False])
def test_an_error_leaves_nothing_new(tmp_path: Path, exists: bool) -> None:
    """A folder half written goes; one that was there stays as it was."""
    out = tmp_path / "deep" / "out"
    if exists:
        write(out, "report.html")
    with pytest.raises(ZeroDivisionError):
        write_half(out)
    assert names(out.parent) == (["out"] if exists else [])
    if exists:
        assert names(out) == ["report.html", MARKER]
        assert (out / "report.html").read_text() == "x"


def test_a_second_writing_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """What the first wrote and the second did not is gone."""
    write(tmp_path / "out", "report.html")
    write(tmp_path / "out")
    assert names(tmp_path / "out") == [MARKER]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("failing", range(4))
def test_an_exchange_that_fails_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Whichever file cannot be moved, the folder holds what it held."""
    write(tmp_path / "out", "report.html")
    done: list[Path] = []
    rename = Path.rename

    def one_fails(self: Path, target: Path) -> Path:
        done.append(self)
        if len(done) == failing + 1:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", one_fails)
    with pytest.raises(OSError, match="Input/output"):
        write(tmp_path / "out", "report.fhir.json")
    assert names(tmp_path / "out") == ["report.html", MARKER]


@pytest.mark.parametrize("foreign", ["thesis.txt", "deep/thesis.txt", ".hidden"])
def test_a_folder_with_anything_else_is_refused(tmp_path: Path, foreign: str) -> None:
    """One file that osler did not make is enough."""
    out = tmp_path / "out"
    write(out)
    (out / foreign).parent.mkdir(exist_ok=True)
    (out / foreign).write_text("years")
    with pytest.raises(InputError, match="other things"):
        write(out)
    assert (out / foreign).read_text() == "years"


def test_a_run_is_known_by_its_list_of_digests(tmp_path: Path) -> None:
    """A run's folder is replaced only if each of its files is in its list."""
    out = tmp_path / "out"
    for extra, allowed in (("", True), ("notes.txt", False)):
        with whole_folder(out, "results.json") as folder:
            write_json(folder / "results.json", {"format_version": 1})
            write_json(folder / "digests.json", {"sha256": {"results.json": ""}})
        if extra:
            (out / extra).write_text("mine")
        if not allowed:
            with pytest.raises(InputError), whole_folder(out, "results.json"):
                pytest.fail("a folder was given")


@pytest.mark.parametrize("content", ["", "[]", "mine", '{"a": 1}', "[" * 100_000])
def test_a_marker_that_is_not_osler_s_marks_nothing(tmp_path: Path, content: str) -> None:
    """A file of the same name does not make a folder osler's."""
    (tmp_path / MARKER).write_text(content)
    with pytest.raises(InputError):
        write(tmp_path)
    assert (tmp_path / MARKER).read_text() == content


def test_a_place_without_permission_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing may be written, no folder is begun."""
    monkeypatch.setattr("osler.workflows.writing.os.access", lambda path, mode: False)
    with pytest.raises(InputError, match="may not write"):
        check_place(tmp_path / "out")
