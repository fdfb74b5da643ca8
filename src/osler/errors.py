"""The few ways osler says no, each with what would help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_FAULTS_SHOWN = 8


@dataclass(frozen=True)
class Fault:
    """One thing wrong with what the user gave, and the remedy.

    Parameters
    ----------
    where
        File, line, key or argument. Never a patient's identifier.
    came
        What was found there. Never a patient's value.
    expected
        What would have been right.
    remedy
        What to do about it; empty if `expected` says it.
    """

    where: str
    came: str
    expected: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.came}; expected {self.expected}"
        return f"{text}; {self.remedy}" if self.remedy else text


class OslerError(Exception):
    """Base of every error that osler raises on purpose."""


class InputError(OslerError, ValueError):
    """The user's input is wrong; carries all the faults found, not only the first.

    Parameters
    ----------
    faults
        A sentence, one `Fault`, or several.
    """

    def __init__(self, faults: str | Fault | Iterable[Fault | str]) -> None:
        listed = [faults] if isinstance(faults, str | Fault) else list(faults)
        self.faults: Sequence[Fault | str] = tuple(listed)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Return one line per fault, at most eight, the last one counting the rest."""
        texts = [" ".join(str(fault).split()) for fault in self.faults]
        if len(texts) <= MOST_FAULTS_SHOWN:
            return texts
        shown = texts[: MOST_FAULTS_SHOWN - 1]
        return [*shown, f"and {len(texts) - len(shown)} more faults like these"]


class NotEstimable(OslerError):
    """The data are sound but the question has no answer; the message says what would give one."""


class MissingExtra(OslerError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class Refused(OslerError):
    """Privacy, consent or access policy forbids the act."""


class Damaged(OslerError):
    """Stored data do not authenticate: they were changed, moved, cut or replayed."""


class KeyUnavailable(OslerError):
    """The key is missing or does not open this vault."""
