"""How a command ends, whatever happened inside it, and what reaches the terminal."""

from __future__ import annotations

import errno
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler import workflows
from osler.cli import run, show
from osler.cli.options import shield_negatives, subject_of
from osler.errors import Damaged, Fault, InputError, KeyUnavailable, NotEstimable, Refused

INFO = ["vault", "info", "v", "--key-file", "k"]

ENDS = [
    (InputError([Fault("a", "b", "c"), Fault("d", "e", "f")]), 2, 2),
    (InputError([Fault(str(n), "b", "c") for n in range(30)]), 2, 8),
    (InputError("x" * 10_000_000), 2, 1),
    (InputError("one\nline\r\nonly"), 2, 1),
    (NotEstimable("no event; load more"), 2, 1),
    (Refused("not allowed"), 2, 1),
    (KeyUnavailable("no key"), 2, 1),
    (Damaged("a file changed"), 1, 1),
    (OSError(errno.ENOSPC, "No space left on device"), 1, 1),
    (OSError(errno.EIO, "Input/output error"), 1, 1),
    (PermissionError(errno.EACCES, "Permission denied", "/x/y"), 2, 1),
    (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/x\n/y"), 2, 1),
    (OSError(errno.ENAMETOOLONG, "File name too long"), 2, 1),
    (MemoryError(), 1, 1),
    (KeyboardInterrupt(), 1, 1),
    (ZeroDivisionError("patient 4711"), 1, 1),
    (KeyError("4711"), 1, 1),
    (RecursionError("4711"), 1, 1),
]


@pytest.mark.parametrize(("error", "code", "lines"), ENDS, ids=lambda one: type(one).__name__)
def test_every_error_ends_with_its_code_and_few_lines(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    lines: int,
) -> None:
    """No error escapes, repeats a value or writes more than a line for each fault."""

    def fails(opening: object) -> None:
        raise error

    monkeypatch.setattr(workflows, "vault_info", fails)
    assert run(INFO) == code
    ended = capsys.readouterr()
    assert ended.out == ""
    assert len(ended.err.splitlines()) == lines
    assert len(ended.err) < 9_000
    assert "4711" not in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "a command is missing"),
        (["vault"], "a command is missing"),
        (["vault", "Jane"], "no such command"),
        (["load"], "FORMAT is missing"),
        (["report", "patient"], "SUBJECT is missing"),
        (["report", "patient", "1", "--vault"], "--vault lacks its value"),
        (["vault", "info", "v", "--json=Jane"], "--json lacks its value, or takes none"),
        (["vault", "info", "v", "--jane"], "--jane is not an option"),
        (["vault", "info", "v", "--Jane4711"], "what it was given is not an option"),
        (["vault", "info", "v", "4711"], "more arguments"),
        (["vault", "init", "v", "--shards", "Jane"], "--shards is not a value that fits"),
        (["study", "run", "s", "--vault", "v", "--out", "o", "--engine", "Jane"], "local or ray"),
        (["study", "run", "s", "--vault", "v", "--out", "o", "--seed", "-1"], "--seed"),
        (["demo", "--patients", "-4711"], "--patients"),
    ],
)
def test_a_call_that_cannot_be_read_is_told_without_its_values(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """The parser's complaints become one line with the name of the option, never its value."""
    assert run(arguments) == 2
    ended = capsys.readouterr()
    assert ended.out == ""
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "Jane" not in ended.err
    assert "4711" not in ended.err


@given(st.text())
def test_no_text_moves_the_terminal(text: str) -> None:
    """What is written to a terminal is printable and one line."""
    assert all(one.isprintable() for one in show.printable(text))


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_subject_of_64_bits_passes_the_parser(number: int) -> None:
    """Negative subjects are shielded from the parser and read back."""
    assert subject_of(shield_negatives([str(number)])[0]) == number


@pytest.mark.parametrize("text", ["", "1.5", "Jane", "٣", "1 2", "9" * 19, "-" + "9" * 30, "--5"])
def test_anything_else_is_no_subject(text: str) -> None:
    """What is not an integer of 64 bits in plain digits is refused without being repeated."""
    with pytest.raises(InputError) as refused:
        subject_of(text)
    assert not text or text not in str(refused.value)


def test_json_has_no_value_that_json_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    """NaN is refused where JSON is written rather than written as what no reader takes."""
    show.data({"a": [1, None, "ü"]})
    assert json.loads(capsys.readouterr().out) == {"a": [1, None, "ü"]}
    with pytest.raises(ValueError, match="JSON"):
        show.data({"a": float("nan")})
