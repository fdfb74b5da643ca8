"""A clean surrounding for every journey: its own state, key and folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from osler.cli import run


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Osler = Callable[..., Ended]


@pytest.fixture
def osler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Osler:
    """Run a command as a user would, in a fresh folder, and return how it ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    for name in ("OSLER_KEY", "OSLER_NEW_KEY", "OSLER_USER", "OSLER_PURPOSE", "OSLER_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        code = run([str(one) for one in arguments])
        ended = capsys.readouterr()
        return Ended(code, ended.out, ended.err)

    return command
