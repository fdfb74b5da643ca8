"""Progress: silent without a terminal, and on one only past two seconds."""

from __future__ import annotations

import io
import itertools
import sys
import time
from collections.abc import Iterator

import pytest

from osler.progress import track


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Claim to be one."""
        return True


def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let standard error be a terminal; called in the test, since capture resets it in between."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def seconds_each(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let every look at the clock come so much later than the one before."""
    ticks = itertools.count(0.0, seconds)
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))


def test_nothing_is_drawn_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """All items pass and both streams stay empty."""
    assert list(track(range(3), "loading")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_nothing_is_drawn_within_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short work leaves no trace on the terminal."""
    terminal = terminal_of(monkeypatch)
    seconds_each(monkeypatch, 0.1)
    assert list(track(range(5), "loading")) == [0, 1, 2, 3, 4]
    assert terminal.getvalue() == ""


def test_long_work_is_drawn_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past two seconds it says what is done of how many, and wipes the line at the end."""
    terminal = terminal_of(monkeypatch)
    seconds_each(monkeypatch, 1.5)
    list(track(range(4), "loading"))
    assert "loading: 3/4" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[K")


def test_a_count_without_an_end_is_drawn_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items whose number is not known are counted without a total, unless one is given."""
    terminal = terminal_of(monkeypatch)
    seconds_each(monkeypatch, 3)
    list(track(iter("ab"), "reading"))
    assert "reading: 1" in terminal.getvalue()
    assert "/" not in terminal.getvalue()
    list(track(iter("ab"), "reading", total=9))
    assert "reading: 1/9" in terminal.getvalue()


def test_the_line_is_wiped_when_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error passes through, and what it prints starts on an empty line."""
    terminal = terminal_of(monkeypatch)
    seconds_each(monkeypatch, 3)

    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(track(failing(), "reading"))
    assert terminal.getvalue().endswith("\r\033[K")
