"""Wrong keys, wrong places, a full disk, a ledger that cannot be written, vaults of tomorrow."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from osler.vault import disk, manifest

Osler = Callable[..., Any]
KEY = ("--key-file", "key")


def test_a_key_that_is_none_or_another_opens_nothing(
    loaded: Osler, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, another key, a cut, empty or missing key file: 2, in words, from every command."""
    Path("cut").write_text("osler-key-1:abc")
    Path("empty").write_text("")
    Path("folder").mkdir()
    for file in ("cut", "empty"):
        Path(file).chmod(0o600)
    assert loaded("vault", "init", "w", "--key-file", "other").code == 0
    before = check.stored()
    for keys in ((), *(("--key-file", name) for name in ("cut", "empty", "none", "folder"))):
        assert check.is_the_users(loaded("vault", "info", "v", *keys))
    for command in (
        ("vault", "info", "v"),
        ("vault", "verify", "v"),
        ("vault", "audit", "v"),
        ("vault", "erase", "v", "7", "--yes"),
        ("vault", "rekey", "v", "--new-key-file", "new"),
        ("export", "meds", "v", "--out", "out"),
        ("load", "table", "t.csv", "--mapping", "m.yaml", "--vault", "v"),
        ("report", "patient", "7", "--vault", "v", "--out", "out"),
    ):
        assert check.is_the_users(loaded(*command, "--key-file", "other")), command
        monkeypatch.setenv("OSLER_KEY", "a passphrase of several words")
        assert check.is_the_users(loaded(*command)), command
        monkeypatch.delenv("OSLER_KEY")
    assert check.stored() == before
    assert not Path("out").exists()
    assert not Path("new").exists()


def test_a_passphrase_opens_and_a_wrong_one_does_not(
    osler: Osler, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OSLER_KEY makes and opens a vault; another passphrase ends with 2."""
    monkeypatch.setenv("OSLER_KEY", "correct horse battery staple")
    assert osler("vault", "init", "v").code == 0
    assert json.loads(osler("vault", "info", "v", "--json").out)["events"] == 0
    monkeypatch.setenv("OSLER_KEY", "wrong horse")
    assert check.is_the_users(osler("vault", "info", "v"))


def test_a_key_file_that_all_may_read_is_warned_of(
    loaded: Osler, caplog: pytest.LogCaptureFixture
) -> None:
    """It opens, since secrets mounted into containers look like that, but is told."""
    Path("key").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert loaded("vault", "info", "v", *KEY).code == 0
    assert "others than its owner" in caplog.text


def test_a_key_inside_the_vault_is_refused(loaded: Osler, check: Any) -> None:
    """Who takes the vault would take the key."""
    shutil.copy("key", "v/key")
    assert check.is_the_users(loaded("vault", "info", "v", "--key-file", "v/key"))
    Path("v/key").unlink()
    for new in ("v/new", "v/deep/new", "v"):
        ended = loaded("vault", "rekey", "v", *KEY, "--new-key-file", new)
        assert check.is_the_users(ended), ended.err
        assert loaded("vault", "info", "v", *KEY).code == 0


@pytest.mark.parametrize("place", ["file", "file/v", "v", "v/inner", "full"])
def test_init_takes_only_a_new_place_and_leaves_no_key_behind(
    loaded: Osler, check: Any, place: str
) -> None:
    """No vault over a file, a folder with things in it or a vault; no key that opens nothing."""
    Path("file").write_text("x")
    Path("full").mkdir()
    Path("full/x").write_text("x")
    before = check.stored()
    assert check.is_the_users(loaded("vault", "init", place, "--key-file", "new"))
    assert not Path("new").exists()
    assert check.stored() == before
    assert check.is_the_users(loaded("vault", "init", "w", "--key-file", "new", "--shards", "0"))
    assert not Path("new").exists()


@pytest.mark.parametrize("place", ["t.csv", "nowhere", "full"])
def test_what_is_no_vault_is_the_users(loaded: Osler, check: Any, place: str) -> None:
    """A file, nothing, or a folder of other things is no vault."""
    Path("full").mkdir()
    Path("full/x").write_text("x")
    for command in ("info", "verify", "audit"):
        assert check.is_the_users(loaded("vault", command, place, *KEY))


def test_a_vault_of_a_later_osler_says_to_update(loaded: Osler, check: Any) -> None:
    """A newer format is not guessed at."""
    line, rest = manifest.split(Path("v/manifest").read_bytes())
    later = manifest.Header(**(vars(manifest.Header.parse(line)) | {"format_version": 9}))
    Path("v/manifest").write_bytes(later.line() + rest)
    ended = loaded("vault", "info", "v", *KEY)
    assert check.is_the_users(ended), ended.err
    assert "9" in ended.err


def test_without_a_ledger_there_is_no_answer(
    loaded: Osler, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the act cannot be recorded, nothing is read and no folder written."""

    def read_only(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if str(path).endswith("ledger") and flags & os.O_WRONLY:
            raise OSError(errno.EROFS, "Read-only file system")
        return opened(path, flags, *more, **named)

    opened = os.open
    monkeypatch.setattr(os, "open", read_only)
    for command in (
        ("vault", "info", "v"),
        ("vault", "audit", "v"),
        ("export", "meds", "v", "--out", "out"),
        ("report", "patient", "7", "--vault", "v", "--out", "out"),
        ("vault", "erase", "v", "7", "--yes"),
    ):
        ended = loaded(*command, *KEY)
        assert check.is_the_users(ended), ended.err
        assert "ledger" in ended.err
    assert not Path("out").exists()


def test_a_full_disk_loses_nothing_and_ends_with_1(
    loaded: Osler, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load that runs out of room leaves the vault as it was, and can be done again."""
    Path("u.csv").write_text("id,when,value\n9,2021-01-01,4\n")
    call = ("load", "table", "u.csv", "--mapping", "m.yaml", "--vault", "v", *KEY)
    before = check.stored()

    def full(path: Path, content: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_new", full)
        ended = loaded(*call)
    assert (ended.code, ended.out) == (1, "")
    assert "No space left" in ended.err
    assert check.stored() == before
    assert loaded("vault", "verify", "v", *KEY).code == 0
    assert loaded(*call).code == 0
    told = loaded("vault", "info", "v", *KEY, "--json")
    assert json.loads(told.out)["events"] == 4


def test_export_loses_nothing(loaded: Osler, check: Any) -> None:
    """An export goes only into a new or empty folder outside the vault."""
    Path("file").write_text("x")
    Path("full").mkdir()
    Path("full/x").write_text("x")
    for out in ("file", "file/x", "full", "v", "v/x"):
        assert check.is_the_users(loaded("export", "meds", "v", "--out", out, *KEY)), out
    assert Path("full/x").read_text() == "x"
    told = loaded("vault", "audit", "v", *KEY, "--json")
    assert not [one for one in json.loads(told.out) if "export" in one["action"]]


def test_json_stands_alone_on_standard_output(loaded: Osler) -> None:
    """`--json` writes one JSON value and nothing else; words go to standard error."""
    for command in (
        ("vault", "info", "v"),
        ("vault", "verify", "v"),
        ("vault", "audit", "v"),
        ("load", "table", "t.csv", "--mapping", "m.yaml", "--vault", "v"),
        ("export", "meds", "v", "--out", "out"),
        ("vault", "erase", "v", "7", "--yes"),
    ):
        ended = loaded(*command, *KEY, "--json")
        assert ended.code == 0, ended.err
        json.loads(ended.out)
