"""Standard output for data, standard error for words, one exit code for each kind of end."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import typer

from osler.errors import Damaged, OslerError

# The parser's base error; typer carries a parser of its own in some versions and not in others.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

DONE, OSLERS_FAULT, USERS_INPUT = 0, 1, 2


def data(value: Any) -> None:
    """Write JSON to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def text(*lines: str) -> None:
    """Write a short summary for people to standard output."""
    sys.stdout.write("\n".join(lines) + "\n")


def note(line: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(line + "\n")


def fault(error: BaseException) -> int:
    """Say on standard error what went wrong, one line per fault, and return the exit code."""
    if isinstance(error, UsageError):
        note(f"osler: {_usage(error)}")
        return USERS_INPUT
    if isinstance(error, OslerError):
        lines = getattr(error, "lines", None)
        for line in lines() if lines else [" ".join(str(error).split())]:
            note(f"osler: {line}")
        return OSLERS_FAULT if isinstance(error, Damaged) else USERS_INPUT
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        note("osler: interrupted; nothing was half-written")
        return OSLERS_FAULT
    if isinstance(error, OSError):
        note(f"osler: the system refused: {error.strerror or type(error).__name__}{_file(error)}")
        return OSLERS_FAULT
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
    name = param.human_readable_name if param else "an argument"
    if kind == "NoSuchOption":
        option = error.option_name.split("=")[0]
        shown = option if re.fullmatch(r"--[a-z][a-z-]*", option) else "an option"
        return f"{command}: {shown} is not an option; {advice}"
    if kind == "MissingParameter":
        return f"{command}: {name} is missing; {advice}"
    if isinstance(error, typer.BadParameter):
        wanted = f" of type {param.type.name}" if param else ""
        return f"{command}: {name} is not a value{wanted}; {advice}"
    if "extra argument" in error.format_message().lower():
        return f"{command}: more arguments than it takes; {advice}"
    if "no such command" in error.format_message().lower():
        return f"{command}: no such command; {advice}"
    return f"{command}: the call cannot be read; {advice}"


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
