"""Every command that the command line has, found through its application."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
import typer.main

from osler import cli

Words = tuple[str, ...]
VALUE = "Smith-4711"


def commands(command: object, path: Words = ()) -> Iterator[Words]:
    """Yield the words of every command that does something, groups left out."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path
        return
    for name, one in sorted(below.items()):
        yield from commands(one, (*path, name))


COMMANDS = list(commands(typer.main.get_command(cli.app)))
PROMISED = [
    ("demo",),
    ("load",),
    ("export", "labels"),
    ("export", "meds"),
    ("report", "patient"),
    ("genome", "derive"),
    ("genome", "diagnose"),
    ("genome", "pgx"),
    ("genome", "score"),
    ("genome", "somatic"),
    *(("knowledge", act) for act in ("list", "verify", "diff", "install")),
    *(("study", act) for act in ("run", "apply", "explain")),
    *(("learn", act) for act in ("status", "record", "propose", "promote", "rollback")),
    *(("vault", act) for act in ("init", "info", "verify", "rekey", "erase", "audit")),
]


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process; return its code and both streams."""
    code = cli.run(list(arguments))
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def helped(capsys: pytest.CaptureFixture[str], path: Words) -> str:
    """Return a command's help as running text."""
    code, out, err = ended(capsys, *path, "--help")
    assert (code, err) == (0, "")
    whole = re.sub(r"-\n\s+", "-", out)  # options broken at a hyphen
    return " ".join(whole.split())


@pytest.mark.parametrize("command", PROMISED, ids=" ".join)
def test_a_promised_command_exists(command: Words) -> None:
    """What the published interface names can be typed."""
    assert command in COMMANDS


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example_that_could_be_typed(
    command: Words, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help ends in an example of this very command, with options that it has."""
    text = helped(capsys, command)
    example = re.search(r"Example: (osler .*?)(?= Arguments| Options| $|$)", text)
    assert example, text
    words = shlex.split(example[1])
    assert tuple(words[1 : 1 + len(command)]) == command
    options = {word for word in words if word.startswith("--")}
    assert {
        option for option in options if f" {option} " not in f"{text.split('Options')[-1]} "
    } == set()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_is_explained(command: Words) -> None:
    """No option or argument of a command is without its line of help."""
    found: object = typer.main.get_command(cli.app)
    for word in command:
        found = found.commands[word]  # type: ignore[attr-defined] # the parser has no types
    bare = [one.name for one in found.params if not getattr(one, "help", None)]  # type: ignore[attr-defined] # as above
    assert bare == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    "wrong",
    [f"--no-such-option={VALUE}", "--no-such-option"],
    ids=["with a value", "alone"],
)
def test_an_unknown_option_is_one_line_that_repeats_no_value(
    command: Words, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user's mistake ends with 2 and one line; what might be a patient's value is not in it."""
    code, out, err = ended(capsys, *command, wrong)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert VALUE not in err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_words_too_many_are_not_repeated(
    command: Words,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Arguments that a command does not take end with 2 and are not echoed."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    code, out, err = ended(capsys, *command, *[VALUE] * 9)
    assert (code, out) == (2, "")
    assert 1 <= len(err.splitlines()) <= 8
    assert VALUE not in err


def test_an_unknown_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is no command ends with 2 and one line."""
    code, out, err = ended(capsys, VALUE)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """`osler --version` names the software and its version."""
    code, out, _ = ended(capsys, "--version")
    assert code == 0
    assert re.fullmatch(r"osler \d+\.\d+\.\d+\S*\n", out)
