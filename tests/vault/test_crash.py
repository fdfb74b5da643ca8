"""Crashes: whatever step is the last, the vault is the old one or the new one."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from osler.errors import OslerError
from osler.vault import Key, Vault, loading

STEPS = ("open", "write", "fsync", "ftruncate", "replace", "rename", "unlink", "mkdir")
CHANGES = ("load", "erase", "rekey", "compact", "export")
NEW_KEY = Key.from_passphrase("the new one")


class Crash(BaseException):
    """The process has died: nothing that it still tries reaches the disk."""


class DyingDisk:
    """Lets a number of steps pass, does half of the next, and then nothing any more."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, vault: Vault | None, last: int, error: BaseException
    ) -> None:
        self.steps = 0
        self.vault = vault
        self._last = last
        self._error = error
        for name in STEPS:
            monkeypatch.setattr(os, name, self._dying(name, getattr(os, name)))

    def _dying(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **named: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return act(*args, **named)
            self.steps += 1
            if self.steps > self._last:
                if self.steps == self._last + 1 and name == "write":
                    act(args[0], args[1][: len(args[1]) // 2])
                raise self._error
            return act(*args, **named)

        return step


def change(vault: Vault, what: str, events: Any) -> None:
    """Make one of the changes that a vault knows."""
    if what == "load":
        with vault.loading("test", "02") as session:
            session.append(events[:3])
            session.append(events[3:])
    elif what == "erase":
        vault.erase(5)
    elif what == "rekey":
        vault.rekey(NEW_KEY)
    elif what == "compact":
        vault.compact()
    else:
        vault.register_export("report", "aa" * 32, [5], where="/out")


def state_of(place: Any) -> tuple[int, int, bool]:
    """Return what tells old from new: events, subjects, and whether the new key is needed."""
    for number, key in enumerate((place.key, NEW_KEY)):
        place.key = key
        try:
            info = place.open().info()
        except OslerError:
            continue
        return info.events, info.subjects, bool(number)
    raise AssertionError("neither key opens the vault")


@pytest.fixture
def prepared(make):
    """Make a small vault: two segments in one shard, an attachment, and retired files."""
    place = make("inner/vault")
    place.heads = place.path.parent / "heads"
    place.load(place.people(3, 5), vault=place.init(shards=1), scan_of=5)
    place.load(place.people(4, 5), "01")
    return place


def snapshot(folder: Path) -> Callable[[], None]:
    """Return what puts a folder back as it is now."""
    shutil.copytree(folder, folder.with_name("snapshot"))

    def restore() -> None:
        shutil.rmtree(folder)
        shutil.copytree(folder.with_name("snapshot"), folder)

    return restore


def check_every_last_step(place: Any, what: str, error: BaseException, stride: int) -> None:
    """Let a change die at every so many steps, and look at what it leaves."""
    events, old, key = place.people(6, 7), state_of(place), place.key
    restore, seen = snapshot(place.path.parent), set()
    for last in range(0, 400, stride):
        restore()
        place.key = key
        with pytest.MonkeyPatch.context() as dying:
            disk = DyingDisk(dying, place.open(), last, error)
            with suppress(Crash, OSError, OslerError):
                change(disk.vault, what, events)
        seen.add(state_of(place))
        assert place.verify().sound, last
        place.load(place.people(8), "09")
        assert place.verify().sound
        named = place.open()._store.manifest.names() | {"manifest", "ledger"}
        stored = {one.relative_to(place.path).as_posix() for one in place.files()}
        assert stored - named == {"locks/commit", "locks/ledger", "locks/writer"}
        if disk.steps <= last:
            break
    else:
        raise AssertionError("the change never came to its end")
    new = {"load": (18, 5, False), "erase": (6, 2, False), "rekey": (12, 3, True)}
    assert seen == {old, new.get(what, old)}


ERRORS = [Crash(), OSError(errno.ENOSPC, "No space left on device")]


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("error", ERRORS, ids=["death", "full disk"])
def test_some_last_steps_leave_the_old_or_the_new(prepared, what, error, monkeypatch) -> None:
    """A change that dies at one of several steps leaves a sound vault, old or new."""
    monkeypatch.setattr(loading, "BUFFER_BYTES", 100)
    check_every_last_step(prepared, what, error, stride=7)


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("error", ERRORS, ids=["death", "full disk"])
def test_any_last_step_leaves_the_old_or_the_new(prepared, what, error, monkeypatch) -> None:
    """For every step at which a change may die, the vault is sound, old or new, and goes on."""
    monkeypatch.setattr(loading, "BUFFER_BYTES", 100)
    check_every_last_step(prepared, what, error, stride=1)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["load", "erase"])
def test_a_killed_process_leaves_the_old_or_the_new(prepared, tmp_path: Path, what: str) -> None:
    """SIGKILL at steps spread over a change in a process of its own leaves a sound vault."""
    script = tmp_path / "die.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, signal, sys
            from pathlib import Path
            from osler.testing import patient
            from osler.vault import Actor, Key, Vault
            path, heads, what, last = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
            key = Key.from_passphrase("four words are enough")
            vault = Vault.open(path, key, actor=Actor("t", "t"), head_folder=heads)
            left = [int(last)]
            def dying(act):
                def step(*args, **named):
                    left[0] -= 1
                    if left[0] < 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return act(*args, **named)
                return step
            for name in ("write", "fsync", "replace", "unlink"):
                setattr(os, name, dying(getattr(os, name)))
            if what == "erase":
                vault.erase(5)
            else:
                with vault.loading("test", f"{int(last):02x}ff") as session:
                    session.append(patient(subject_id=100 + int(last), born=1950).events())
            """
        )
    )
    for last in (5, 12, 19, 400):
        command = [sys.executable, str(script), str(prepared.path), str(prepared.heads), what]
        done = subprocess.run([*command, str(last)], capture_output=True, timeout=60)
        assert done.returncode == (-signal.SIGKILL if last < 400 else 0), done.stderr
        assert prepared.verify().sound
    vault = prepared.open()
    assert vault.subject_events(500 if what == "load" else 3).height
    assert vault.subject_events(5).is_empty() == (what == "erase")


def test_a_crash_while_a_vault_is_made_leaves_none(make, monkeypatch) -> None:
    """A vault is there whole or not at all."""
    for last in range(100):
        place = make(f"{last}")
        with monkeypatch.context() as dying:
            disk = DyingDisk(dying, None, last, Crash())
            with suppress(Crash):
                place.init()
        if place.path.exists():
            assert place.verify().sound
        else:
            place.init()
        if disk.steps <= last:
            return
    raise AssertionError("the vault was never made")
