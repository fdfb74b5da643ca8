"""Every public name says what it is, and says it truly."""

from __future__ import annotations

import builtins
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import osler
from osler import errors

SECTION = re.compile(r"^(?P<name>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
NAMING = re.compile(r"\*{0,2}\w+(, \*{0,2}\w+)*( : .+)?$")
MOST_PARAMETERS_WITHOUT_A_SECTION = 4


def modules() -> list[str]:
    """Return every module of osler but the one that runs the command on import."""
    walked = pkgutil.walk_packages(osler.__path__, "osler.")
    return ["osler", *(one.name for one in walked if not one.name.endswith("__main__"))]


@dataclass(frozen=True)
class Public:
    """A name that a room shows to the outside."""

    where: str
    value: Any

    @property
    def doc(self) -> str:
        """The text of its docstring."""
        return inspect.getdoc(self.value) or ""

    def section(self, name: str) -> str:
        """Return the text of one section; empty when there is none."""
        parts = SECTION.split(self.doc)
        named = dict(zip(parts[1::2], parts[2::2], strict=True))
        return str(named.get(name, ""))

    def parameters(self) -> list[str]:
        """Return the names that it can be called with, or that its instances hold."""
        named = list(getattr(self.value, "__annotations__", {}))
        try:
            return named + list(inspect.signature(self.value).parameters)
        except ValueError:  # an exception without a constructor of its own
            return named


def public_names() -> list[Public]:
    """Return the functions and classes of `__all__` in every room, and their public methods."""
    found = {one.where: one for module in modules() for one in _of_module(module)}
    return list(found.values())


def _of_module(module: str) -> Iterator[Public]:
    room = importlib.import_module(module)
    for name in getattr(room, "__all__", []):
        value = getattr(room, name)
        if not (inspect.isfunction(value) or inspect.isclass(value)):
            continue
        if not value.__module__.startswith("osler"):
            continue
        yield Public(f"{module}.{name}", value)
        if inspect.isclass(value):
            for method, one in vars(value).items():
                function = getattr(one, "__func__", one)
                if not method.startswith("_") and inspect.isfunction(function):
                    yield Public(f"{module}.{name}.{method}", function)


@pytest.mark.parametrize("module", modules())
def test_a_module_says_what_it_holds_and_its_examples_run(module: str) -> None:
    """Every module has a docstring, and every example in it gives what it shows."""
    loaded = importlib.import_module(module)
    assert loaded.__doc__
    assert doctest.testmod(loaded).failed == 0


@pytest.mark.parametrize("module", modules())
def test_what_a_module_shows_is_there(module: str) -> None:
    """`__all__` is sorted by the linter's rule and names nothing that is missing."""
    room = importlib.import_module(module)
    missing = [name for name in getattr(room, "__all__", []) if not hasattr(room, name)]
    assert missing == []


def offenders(is_right: Callable[[Public], bool]) -> list[str]:
    """Return where each public name lies that does not pass."""
    return [one.where for one in public_names() if not is_right(one)]


def headings(section: str) -> list[str]:
    """Return the lines of a section that name something, without their explanations."""
    return [line for line in section.splitlines() if NAMING.match(line)]


def test_there_are_public_names() -> None:
    """The walk finds the rooms' names and the methods of their classes."""
    found = {one.where for one in public_names()}
    assert {"osler.InputError", "osler.cohort.extract", "osler.predict.TimeToEvent.fit"} <= found


def test_a_public_name_has_a_docstring() -> None:
    """It begins with one sentence on one line, written for this name and not inherited."""

    def begins_with_a_sentence(one: Public) -> bool:
        first = (one.doc.splitlines() or [""])[0]
        written = bool(one.value.__doc__) and not first.startswith(f"{one.value.__name__}(")
        return written and first.endswith((".", ":", "?"))

    assert offenders(begins_with_a_sentence) == []


def test_many_parameters_are_described() -> None:
    """A function of more than four parameters has a section on them."""

    def describes_them(one: Public) -> bool:
        if not inspect.isfunction(one.value):
            return True
        parameters = set(inspect.signature(one.value).parameters) - {"self", "cls"}
        few = len(parameters) <= MOST_PARAMETERS_WITHOUT_A_SECTION
        return few or bool(one.section("Parameters"))

    assert offenders(describes_them) == []


def test_described_parameters_exist() -> None:
    """A docstring describes no parameter that is no longer there."""

    def describes_what_is_there(one: Public) -> bool:
        lines = headings(one.section("Parameters"))
        described = {
            name.strip().lstrip("*") for line in lines for name in line.split(" : ")[0].split(",")
        }
        return described <= set(one.parameters())

    assert offenders(describes_what_is_there) == []


def test_raised_errors_are_ours_or_pythons() -> None:
    """A section on errors names classes that exist."""

    def exist(one: Public) -> bool:
        named = [name for line in headings(one.section("Raises")) for name in line.split(", ")]
        return all(hasattr(errors, name) or hasattr(builtins, name) for name in named)

    assert offenders(exist) == []
