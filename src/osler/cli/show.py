"""Standard output for data, standard error for words, one exit code for each kind of end."""

from __future__ import annotations

import errno
import json
import re
import sys
from typing import Any

import typer

from osler.errors import Damaged, OslerError

# The parser's base error; typer carries a parser of its own in some versions and not in others.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

OPTION = re.compile(r"--[a-z][a-z-]*")
LONGEST_LINE = 1000
DONE, OSLERS_FAULT, USERS_INPUT = 0, 1, 2


# What a user named and the system would not open, as against a full disk or a broken one.
USERS_PATH = frozenset(
    {
        errno.EACCES,
        errno.EBUSY,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENOTEMPTY,
        errno.EPERM,
        errno.EROFS,
    }
)


def data(value: Any) -> None:
    """Write JSON to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def text(*lines: str) -> None:
    """Write a short summary for people to standard output."""
    sys.stdout.write("\n".join(printable(line, breaks=True) for line in lines) + "\n")


def note(line: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(printable(line) + "\n")


def printable(text: str, *, breaks: bool = False) -> str:
    """Return text without what a terminal would obey: escapes, bells, lone surrogates.

    Parameters
    ----------
    breaks
        Keep line breaks; else they become spaces, so that one line stays one line.
    """
    if not breaks:
        text = " ".join(text.split("\n"))
    return "".join(
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text
    )


def fault(error: BaseException) -> int:
    """Say on standard error what went wrong, one line per fault, and return the exit code."""
    if isinstance(error, UsageError):
        note(_usage(error))
        return USERS_INPUT
    if isinstance(error, OslerError):
        lines = getattr(error, "lines", None)
        for line in lines() if lines else [" ".join(str(error).split())]:
            note(f"osler: {line[:LONGEST_LINE]}")
        return OSLERS_FAULT if isinstance(error, Damaged) else USERS_INPUT
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        note("osler: interrupted; nothing was half-written")
        return OSLERS_FAULT
    if isinstance(error, OSError):
        note(f"osler: the system refused: {error.strerror or type(error).__name__}{_file(error)}")
        return USERS_INPUT if error.errno in USERS_PATH else OSLERS_FAULT
    if isinstance(error, MemoryError):
        note("osler: out of memory; give the vault more shards, or the machine more memory")
        return OSLERS_FAULT
    note(f"osler: a fault of osler's own, {type(error).__name__} {_place(error)}; please report it")
    return OSLERS_FAULT


def _usage(error: Any) -> str:
    """Say what is wrong with the call without repeating a value, which might be a patient's."""
    command = error.ctx.command_path if error.ctx else "osler"
    advice = f"see `{command} --help`"
    kind, param = type(error).__name__, getattr(error, "param", None)
    if kind == "NoSuchOption":
        option = error.option_name.split("=")[0]
        shown = f"{option} is not" if OPTION.fullmatch(option) else "what it was given is not"
        return f"{command}: {shown} an option; {advice}"
    if kind == "BadOptionUsage" and OPTION.fullmatch(error.option_name):
        return f"{command}: {error.option_name} lacks its value, or takes none; {advice}"
    if kind == "NoArgsIsHelpError":
        return f"{command}: a command is missing; {advice}"
    if kind == "MissingParameter":
        return f"{command}: {_name(param)} is missing; {advice}"
    if isinstance(error, typer.BadParameter):
        meant = getattr(param, "help", None)
        wanted = f"; expected: {meant.rstrip('.')}" if meant else ""
        return f"{command}: {_name(param)} is not a value that fits{wanted}; {advice}"
    if "extra argument" in error.format_message().lower():
        return f"{command}: more arguments than it takes; {advice}"
    if "no such command" in error.format_message().lower():
        return f"{command}: no such command; {advice}"
    return f"{command}: the call cannot be read; {advice}"


def _name(param: Any) -> str:
    """Return a parameter's name as it stands in the help."""
    if param is None:
        return "an argument"
    options = [one for one in param.opts if one.startswith("-")]
    return str(options[0] if options else param.metavar or param.name)


def _file(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return "somewhere"
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f"in {trace.tb_frame.f_globals.get('__name__', '?')}.{code.co_name}:{trace.tb_lineno}"
