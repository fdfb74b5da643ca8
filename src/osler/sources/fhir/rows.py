"""Events as they are collected: columns of plain lists, made into a frame batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from osler.sources.values import LARGEST_FLOAT32, TOO_LARGE

TIMED, STATIC, BORN, ENDED = 0, 1, 2, 3

MOST_CODE_CHARACTERS = 1000
MOST_TEXT_CHARACTERS = 10**6

NO_DATE = "no date"
NO_CODE = "no code"
LONG_CODE = "a code over 1000 characters"
LONG_TEXT = "a text over 1 MB"
NOT_A_NUMBER = "a value that is not a number"


class Unfit(ValueError):
    """A resource cannot become events; the message is the reason, and holds no patient's value."""


@dataclass
class Rows:
    """Events of a batch, one list per column, and what was noted on the way.

    Parameters
    ----------
    resources
        For each event the place of its resource in the batch.
    kinds
        TIMED, STATIC (without a time), BORN (a date means its first microsecond) or ENDED.
    vital
        Whether the resource is refused when the time of this event cannot be read.
    descriptions
        What codes mean in words, the first that was said.
    """

    subjects: list[str] = field(default_factory=list)
    times: list[str | None] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    numbers: list[float | None] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    resources: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    vital: list[bool] = field(default_factory=list)
    descriptions: dict[str, str] = field(default_factory=dict)
    noted: list[str] = field(default_factory=list)
    subject: str = ""
    resource: int = 0

    def __len__(self) -> int:
        return len(self.codes)

    def begin(self, subject: str, resource: int) -> tuple[int, int]:
        """Say whose events come next; return where to cut back to if they prove unfit."""
        self.subject, self.resource = subject, resource
        return len(self.codes), len(self.noted)

    def cut(self, mark: tuple[int, int]) -> None:
        """Forget the events and notes since `begin` returned this."""
        length, notes = mark
        del self.noted[notes:]
        for column in (
            self.subjects,
            self.times,
            self.codes,
            self.numbers,
            self.texts,
            self.resources,
            self.kinds,
            self.vital,
        ):
            del column[length:]

    def add(
        self,
        time: str | None,
        code: str,
        *,
        number: float | None = None,
        text: str | None = None,
        kind: int = TIMED,
        vital: bool = True,
    ) -> None:
        """Add an event of the present subject.

        Raises
        ------
        Unfit
            If code or text are far too long, or the number is not one that MEDS can hold.
        UnicodeEncodeError
            If a text holds half a character.
        TypeError
            If something is not of its type.
        """
        if time is not None:
            _check_text(time)
        elif kind != STATIC:
            raise Unfit(NO_DATE)
        _check_text(code)
        if len(code) > MOST_CODE_CHARACTERS:
            raise Unfit(LONG_CODE)
        if text is not None:
            _check_text(text)
            if len(text) > MOST_TEXT_CHARACTERS:
                raise Unfit(LONG_TEXT)
        self.subjects.append(self.subject)
        self.times.append(time)
        self.codes.append(code)
        self.numbers.append(number)
        self.texts.append(text)
        self.resources.append(self.resource)
        self.kinds.append(kind)
        self.vital.append(vital)

    def describe(self, code: str, words: str | None) -> None:
        """Keep what a code means, unless that is known."""
        if words and code not in self.descriptions:
            _check_text(words)
            self.descriptions[code] = words[:MOST_CODE_CHARACTERS]

    def note(self, what: str) -> None:
        """Note something that refused nothing."""
        self.noted.append(what)


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise TypeError("not text")
    if not text.isascii():
        text.encode()


def number_of(value: object) -> float:
    """Return a JSON number as one that MEDS can hold.

    Raises
    ------
    Unfit
        If it is no number, or too large.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit(NOT_A_NUMBER)
    if not abs(value) <= LARGEST_FLOAT32:
        raise Unfit(TOO_LARGE)
    return float(value)
