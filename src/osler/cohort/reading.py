"""Faults of a task or an outcome, collected while its parts are read."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from osler.cohort.task import SPECIAL
from osler.errors import Fault
from osler.model import EVENT_SCHEMA

NAME = re.compile(r"\w+\Z")


def shown(value: object) -> str:
    """Return what the user wrote, shortened."""
    return reprlib.repr(value)


@dataclass
class Reading:
    """Collects the faults of one task while its parts are read.

    Parameters
    ----------
    root
        Key path in front of every key, such as `task`.
    columns
        The columns that events have; a predicate on any other is a fault.
    """

    root: str = ""
    columns: Collection[str] = tuple(EVENT_SCHEMA)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, key: str, came: str, expected: str, remedy: str = "") -> None:
        """Note one fault at a key path."""
        where = ".".join(part for part in (self.root, key) if part)
        self.faults.append(Fault(where or "task", came, expected, remedy))

    def unknown_keys(self, key: str, given: Iterable[object], known: Collection[str]) -> None:
        """Note every key that has no meaning."""
        for name in given:
            if name not in known:
                path = f"{key}.{name}" if key else str(name)
                self.fault(path, "an unknown key", "one of " + ", ".join(sorted(known)))

    def mapping(self, key: str, value: object) -> Mapping[str, Any]:
        """Return a mapping with text keys, or note the fault and return an empty one."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.fault(key, shown(value), "a mapping of names to definitions")
            return {}
        return {str(name): one for name, one in value.items()}

    def boolean(self, key: str, value: object, default: bool | None) -> bool:
        """Return a truth value, or note the fault."""
        if value is None and default is not None:
            return default
        if not isinstance(value, bool):
            self.fault(key, "absent" if value is None else shown(value), "true or false")
            return False
        return value


def choices(known: Collection[str]) -> str:
    """Return the predicates that may be named, as what was expected."""
    return "one of " + ", ".join(sorted({*known, *SPECIAL}))
