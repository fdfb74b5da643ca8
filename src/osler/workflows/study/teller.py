"""Sentences of a card that remember where each word and number of theirs comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from osler.report.numbers import decimal, estimate, finite, whole
from osler.workflows.study.card_keys import Told

RESULTS, STUDY, SOFTWARE = "results.json", "study.yaml", "osler"

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """What a card says at one place.

    Parameters
    ----------
    text
        None where nothing is known: a blank.
    origins
        What it was made from: a place in an artefact with the artefact's digest, or a key of the
        study file with that file's digest.
    numbers
        Every number in the text that was measured: as written, and its place in `results.json`.
    quotes
        Sentences repeated word for word from an artefact or from the study file.
    """

    text: str | None
    origins: tuple[dict[str, str], ...] = ()
    numbers: tuple[dict[str, str], ...] = ()
    quotes: tuple[str, ...] = ()

    @property
    def filled(self) -> bool:
        """Whether anything is said."""
        return bool(self.text)

    def to_json(self) -> dict[str, Any]:
        """Return the statement as `card.json` holds it; a blank is null."""
        return {
            "value": self.text or None,
            "origins": [dict(one) for one in self.origins],
            "numbers": [dict(one) for one in self.numbers],
            "quotes": list(self.quotes),
        }


BLANK = Statement(None)


@dataclass
class Teller:
    """Reads artefacts for one statement, and notes what it has read.

    Parameters
    ----------
    results
        What `results.json` says.
    results_sha256, study_sha256
        Digests of that file and of the study file.
    card
        The `card:` section of the study file.
    study
        What else of the study file a card tells: the features and the thresholds.
    prefix
        Place in the results below which every other place is looked for.
    """

    results: Json
    results_sha256: str
    study_sha256: str
    card: Told
    study: Json = field(default_factory=dict)
    prefix: str = ""
    origins: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    numbers: list[dict[str, str]] = field(default_factory=list)
    quotes: list[str] = field(default_factory=list)

    def fresh(self) -> Teller:
        """Return a teller of the same artefacts that has read nothing."""
        return Teller(self.results, self.results_sha256, self.study_sha256, self.card, self.study)

    def below(self, prefix: str) -> Teller:
        """Return a teller that looks below a place, and notes in this one what it reads."""
        return replace(self, prefix=prefix)

    def statement(self, text: str | None) -> Statement:
        """Return a text with all that was read for it."""
        if not text:
            return BLANK
        kept = tuple(one for one in self.numbers if one["text"] in text)
        quoted = tuple(one for one in dict.fromkeys(self.quotes) if one in text)
        return Statement(text, tuple(self.origins.values()), kept, quoted)

    def get(self, pointer: str) -> Any:
        """Return what stands at a place of the results, None if nothing does."""
        pointer = self.prefix + pointer
        value: Any = self.results
        for part in pointer.strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, Mapping):
                value = value.get(key)
            elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value = value[int(key)]
            else:
                return None
        if value is not None:
            top = "/" + "/".join(pointer.strip("/").split("/")[:2])
            self._from(RESULTS, top, self.results_sha256)
        return value

    def count(self, pointer: str) -> str:
        """Return a count as text."""
        return self._number(pointer, whole(self.get(pointer)))

    def number(self, pointer: str, places: int = 2) -> str:
        """Return a number as text."""
        return self._number(pointer, decimal(self.get(pointer), places))

    def percent(self, pointer: str) -> str:
        """Return a share as a percentage."""
        value = finite(self.get(pointer))
        text = decimal(None if value is None else 100 * value, 1)
        return f"{self._number(pointer, text, 'percent')} %"

    def estimate(self, pointer: str, places: int = 2) -> str:
        """Return an estimate with its interval."""
        for part in ("value", "low", "high"):
            if finite(self.get(f"{pointer}/{part}")) is not None:
                self.number(f"{pointer}/{part}", places)
        return estimate(self.get(pointer), places)

    def quote(self, pointer: str) -> str:
        """Return a text of the results, or its list of texts, word for word."""
        value = self.get(pointer)
        listed = [value] if isinstance(value, str) else list(value or [])
        self.quotes += [str(one) for one in listed]
        return " ".join(str(one) for one in listed)

    def said(self, key: str) -> str:
        """Return what the study file says under `card:`, empty if nothing."""
        lines = self.card.get(key, ())
        if lines:
            self._from(STUDY, f"card: {key}", self.study_sha256)
            self.quotes += lines
        return " ".join(lines)

    def asked(self, key: str) -> list[str]:
        """Return texts of another key of the study file."""
        lines = [str(one) for one in self.study.get(key, ())]
        if lines:
            self._from(STUDY, key, self.study_sha256)
            self.quotes += lines
        return lines

    def software(self, sentence: str) -> str:
        """Return what holds of every model that osler fits; it holds no number."""
        self._from(SOFTWARE, "what every run does", "")
        return sentence

    def _from(self, artefact: str, place: str, sha256: str) -> None:
        origin = {"artefact": artefact, "place": place}
        if sha256:
            origin["sha256"] = sha256
        self.origins[(artefact, place)] = origin

    def _number(self, pointer: str, text: str, scale: str = "") -> str:
        if finite(self.get(pointer)) is not None:
            note = {"text": text, "place": self.prefix + pointer}
            if scale:
                note["scale"] = scale
            self.numbers.append(note)
        return text


Fact = Callable[[Teller], str | None]


def tell(teller: Teller, facts: Iterable[Fact]) -> Statement:
    """Return what several facts say, one after the other; a blank where none says anything."""
    own = teller.fresh()
    parts: list[str] = []
    for fact in facts:
        part = fact(own)
        if part and part not in parts:
            parts.append(part)
    return own.statement(" ".join(parts))


def escaped(part: object) -> str:
    """Return a key as a part of a pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")
