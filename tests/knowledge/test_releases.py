"""Releases: what ships, what is read, what is refused, what a newer one changes."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.knowledge.conftest import Maker

from osler import Damaged, InputError, cli, knowledge


@pytest.mark.parametrize("subject", ["pharmacogenomics", "tumour", "phenotype"])
def test_what_ships_is_sound_and_says_where_it_comes_from(subject: str) -> None:
    """Every shipped table reads as sealed, with date, licence and source."""
    release = knowledge.current(subject)
    assert release.faults() == []
    assert all(one.date and one.licence and one.source for one in release.tables)


def test_tables_of_one_release_keep_their_own_dates() -> None:
    """The recommendations of 2022 and 2024 are not passed off as those of 2025."""
    release = knowledge.get("cpic-2025-11-05")
    years = {name: release.table(name).date[:4] for name in ("drugs", "alleles/CYP2C19")}
    assert years == {"drugs": "2022", "alleles/CYP2C19": "2025"}
    assert {release.table(one).date[:4] for one in release.names("guidelines/")} == {"2024"}


def test_shares_alike_lie_apart() -> None:
    """What must be shared alike has a folder and a licence of its own."""
    release = knowledge.get("cpic-2025-11-05")
    apart = {one.file.split("/")[0] for one in release.tables if "-SA-" in one.licence}
    others = {one.file.split("/")[0] for one in release.tables if "-SA-" not in one.licence}
    assert apart == {"cc-by-sa"}
    assert not apart & others


def test_a_newer_release_is_used_once_installed(made: Maker) -> None:
    """The newest release of a subject is the current one, whatever the order of installation."""
    for name in ("herbs-2026-03-01", "herbs-2026-01-01"):
        knowledge.install(made(name))
    assert knowledge.current("herbs").name == "herbs-2026-03-01"
    assert knowledge.get("herbs-2026-01-01").read("herbs") == b"sage\nthyme\n"


@pytest.mark.parametrize("form", ["zip", "gztar"])
def test_a_packed_release_installs(made: Maker, tmp_path: Path, form: str) -> None:
    """A release comes as a folder or as that folder packed."""
    folder = made()
    packed = shutil.make_archive(str(tmp_path / "packed"), form, folder.parent, folder.name)
    assert knowledge.install(Path(packed)).name == folder.name


def test_installing_twice_changes_nothing(made: Maker) -> None:
    """The same release again is what is there already."""
    folder = made()
    assert knowledge.install(folder).sha256 == knowledge.install(folder).sha256


def test_a_name_stands_for_one_content(made: Maker, tmp_path: Path) -> None:
    """Another content under a name that is taken is refused, and the first stays."""
    knowledge.install(made())
    shutil.rmtree(tmp_path / "made")
    with pytest.raises(InputError, match="another content"):
        knowledge.install(made(text="rue\n"))
    assert knowledge.current("herbs").read("herbs") == b"sage\nthyme\n"


def test_a_changed_table_is_refused_and_told(made: Maker, state: Path) -> None:
    """An edit after sealing is found by reading, by installing and by verifying."""
    folder = made()
    knowledge.install(folder)
    (state / "knowledge" / folder.name / "herbs.txt").write_text("hemlock\n")
    with pytest.raises(Damaged):
        knowledge.current("herbs").read("herbs")
    assert knowledge.verify()[folder.name] != []
    (folder / "herbs.txt").write_text("hemlock\n")
    with pytest.raises(Damaged):
        knowledge.install(folder)


def test_the_digest_covers_what_is_said_of_a_table(made: Maker) -> None:
    """A list with another licence or date is another release."""
    folder = made()
    before = knowledge.Release.open(folder).sha256
    content = json.loads((folder / "release.json").read_text())
    content["tables"][0]["licence"] = "CC-BY-4.0"
    (folder / "release.json").write_text(json.dumps(content))
    assert knowledge.Release.open(folder).sha256 != before


@pytest.mark.parametrize("file", ["../secret", "/etc/passwd", "a/../../b", "release.json"])
def test_no_table_lies_outside_its_release(made: Maker, file: str) -> None:
    """A list cannot name a file outside the folder, nor itself."""
    folder = made()
    content = json.loads((folder / "release.json").read_text())
    content["tables"][0]["file"] = file
    (folder / "release.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="leaves the folder"):
        knowledge.Release.open(folder)


def test_all_faults_of_a_list_are_told_at_once(made: Maker) -> None:
    """A list with three faults is told of all three."""
    folder = made()
    content = json.loads((folder / "release.json").read_text())
    content["name"], content["date"] = "../up", "yesterday"
    content["tables"][0]["date"] = "2026-13-01"
    (folder / "release.json").write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        knowledge.Release.open(folder)
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x1f\x8b broken", b"text"])
def test_what_is_no_release_is_not_installed(tmp_path: Path, state: Path, content: bytes) -> None:
    """A file that is no release leaves nothing behind."""
    source = tmp_path / "release.zip"
    source.write_bytes(content)
    with pytest.raises(InputError):
        knowledge.install(source)
    assert list((state / "knowledge").iterdir()) == []


def test_a_packed_file_cannot_climb_out(made: Maker, tmp_path: Path, state: Path) -> None:
    """Names that leave the folder are dropped or refused; nothing is written outside."""
    folder = made()
    for packed in (tmp_path / "climbing.zip", tmp_path / "climbing.tar.gz"):
        if packed.suffix == ".zip":
            with zipfile.ZipFile(packed, "w") as zipped:
                zipped.writestr("../../escaped.txt", "x")
                for file in folder.iterdir():
                    zipped.write(file, file.name)
            knowledge.install(packed)
        else:
            with tarfile.open(packed, "w:gz") as tarred:
                tarred.add(folder / "herbs.txt", "../../escaped.txt")
            with pytest.raises(InputError):
                knowledge.install(packed)
    assert list(state.parent.rglob("escaped.txt")) == []


def test_a_difference_is_counted_in_lines(made: Maker) -> None:
    """Two releases are compared table by table; order does not count."""
    old = knowledge.Release.open(made("herbs-2026-01-01"))
    new = knowledge.Release.open(made("herbs-2026-02-01", text="thyme\nrue\nmint\n"))
    changes = knowledge.changes(old, new)
    assert [(one.table, one.lines_added, one.lines_removed) for one in changes.tables] == [
        ("herbs", 2, 1)
    ]
    assert knowledge.changes(old, old).tables == ()


def test_releases_about_different_things_are_not_compared(made: Maker) -> None:
    """Herbs and tumours have no difference to tell."""
    with pytest.raises(InputError, match="one subject"):
        knowledge.changes(knowledge.Release.open(made()), knowledge.current("tumour"))


@given(st.text(max_size=30))
def test_an_unknown_name_is_told_with_those_there_are(name: str) -> None:
    """A release that is not there is an input error that lists what is."""
    known = {release.name for release in knowledge.releases()}
    if name not in known:
        with pytest.raises(InputError, match="civic-"):
            knowledge.get(name)


def test_the_commands_walk_from_install_to_diff(
    made: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user installs two releases, lists, verifies and compares them."""
    old, new = made("herbs-2026-01-01"), made("herbs-2026-02-01", text="sage\n")
    for folder in (old, new):
        assert cli.run(["knowledge", "install", str(folder)]) == 0
    capsys.readouterr()
    assert cli.run(["knowledge", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["releases"]
    assert {one["name"]: one["current"] for one in listed if one["subject"] == "herbs"} == {
        old.name: False,
        new.name: True,
    }
    assert cli.run(["knowledge", "verify"]) == 0
    capsys.readouterr()
    assert cli.run(["knowledge", "diff", old.name, new.name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tables"][0]["lines_removed"] == 1


def test_verify_ends_with_1_when_a_table_is_not_as_sealed(
    made: Maker, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code tells a script that knowledge was altered."""
    folder = made()
    knowledge.install(folder)
    (state / "knowledge" / folder.name / "herbs.txt").unlink()
    assert cli.run(["knowledge", "verify", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["sound"] is False
    assert len(report["releases"][folder.name]) == 1
