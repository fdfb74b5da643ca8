"""The command as a process of its own: exit codes, closed pipes, two at once, sudden death."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Osler = Callable[..., Any]
COMMAND = [sys.executable, "-m", "osler"]
LOAD = ("load", "table", "big.csv", "--mapping", "m.yaml", "--vault", "v", "--key-file", "key")


def started(*arguments: str, **named: Any) -> subprocess.Popen[str]:
    """Start `python -m osler` without a terminal."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen([*COMMAND, *arguments], text=True, **{**pipes, **named})


def big(rows: int) -> None:
    """Write a table that takes a while to load."""
    lines = (f"{row % 997},2020-01-{row % 28 + 1:02d},{row}" for row in range(rows))
    Path("big.csv").write_text("id,when,value\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("vault", "info", "v", "--key-file", "key"),
        ("vault", "info", "nowhere", "--key-file", "key"),
        ("vault", "init", "w", "--shards", "4711"),
        ("vault", "init", "w", "--shards", "Jane4711"),
    ],
)
def test_a_process_ends_as_the_call_does(loaded: Osler, arguments: tuple[str, ...]) -> None:
    """Exit code and streams of the real process are those of the call."""
    process = started(*arguments)
    out, err = process.communicate(timeout=60)
    inside = loaded(*arguments)
    assert (process.returncode, err) == (inside.code, inside.err)
    assert "bytes" in out or out == inside.out
    assert "Traceback" not in err
    assert "4711;" not in err
    assert "Jane" not in err


def test_a_closed_pipe_ends_without_a_trace(loaded: Osler) -> None:
    """`osler … | head -1` ends quietly, also when nobody reads at all."""
    for _ in range(2):
        loaded("vault", "info", "v", "--key-file", "key")
    process = started("vault", "audit", "v", "--key-file", "key", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert process.returncode in (0, 1)


def test_two_loads_at_once_both_end_well(loaded: Osler) -> None:
    """The second writer waits; both sources are in the vault and it is sound."""
    big(2000)
    Path("two.csv").write_text("id,when,value\n5,2021-01-01,1\n")
    both = [started(*LOAD), started("load", "table", "two.csv", *LOAD[3:])]
    ends = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    told = loaded("vault", "info", "v", "--key-file", "key", "--json")
    assert json.loads(told.out)["events"] == 3 + 2000 + 1
    assert loaded("vault", "verify", "v", "--key-file", "key").code == 0


@pytest.mark.slow
def test_a_load_killed_at_any_moment_leaves_the_old_vault(loaded: Osler) -> None:
    """After kill -9 the vault verifies, holds all or nothing of the source, and loads it again."""
    big(400_000)
    for delay in (0.6, 1.0, 1.5, 2.5):
        process = started(*LOAD)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert loaded("vault", "verify", "v", "--key-file", "key").code == 0
        told = loaded("vault", "info", "v", "--key-file", "key", "--json")
        assert json.loads(told.out)["events"] in (3, 3 + 400_000)
    assert loaded(*LOAD).code == 0
    told = loaded("vault", "info", "v", "--key-file", "key", "--json")
    assert json.loads(told.out)["events"] == 3 + 400_000
