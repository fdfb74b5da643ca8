"""Which disease a tumour is, and how a piece of evidence's disease stands to it.

The hierarchy is the Human Disease Ontology's `is_a`, with 15 `bridges` from the Experimental Factor
Ontology where the former leaves apart what belongs together; SOURCE.md of the release has both.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from osler.errors import Fault, InputError
from osler.genome.somatic.tables import rows_of
from osler.knowledge import Release

CANCER = "DOID:162"
NEOPLASM = "DOID:14566"
BLOOD = "DOID:2531"
BREAST_CANCER = "DOID:1612"
SOLID_TUMOUR = "solid tumor"
NEAREST_NAMES = 3


class DiseaseMatch(StrEnum):
    """How the evidence's disease stands to the tumour's."""

    SAME = "same disease"
    GENERAL = "more general disease that includes it"
    PAN_CANCER = "any cancer"
    SUBTYPE_FITS = "subtype that the receptors confirm"
    SUBTYPE_OPEN = "subtype; whether it is this one was not given"
    OTHER = "other disease"
    CONTRADICTED = "subtype that the receptors rule out"


APPLIES = frozenset({DiseaseMatch.SAME, DiseaseMatch.GENERAL, DiseaseMatch.SUBTYPE_FITS})
CONCERNS = APPLIES | {DiseaseMatch.PAN_CANCER, DiseaseMatch.SUBTYPE_OPEN}

# Diseases of the ontology that are defined by receptors: each by its name there.
RECEPTOR_DEFINED: dict[str, dict[str, str]] = {
    "DOID:0060079": {"HER2": "positive"},
    "DOID:0060080": {"HER2": "negative"},
    "DOID:0060075": {"ER": "positive"},
    "DOID:0060076": {"ER": "negative"},
    "DOID:0060077": {"PR": "positive"},
    "DOID:0060078": {"PR": "negative"},
    "DOID:0060081": {"ER": "negative", "PR": "negative", "HER2": "negative"},
}

_ABBREVIATED = re.compile(r"([A-Z]{2,6}) - ")
_LONG = {"er": "estrogen", "pr": "progesterone"}
_SAYS_NOTHING = frozenset({"gland", "receptor", "of", "the"})


@dataclass(frozen=True)
class Disease:
    """A disease: its DOID (None if the ontology has none) and its name."""

    doid: str | None
    name: str

    @property
    def receptors(self) -> Mapping[str, str]:
        """The receptor status that the disease itself implies."""
        return RECEPTOR_DEFINED.get(self.doid or "", {})


class Diseases:
    """The diseases of a release."""

    def __init__(self, release: Release) -> None:
        self._names: dict[str, str] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        self._alternative: dict[str, str] = {}
        self._spellings: dict[str, str] = {}
        self._synonyms: dict[str, dict[str, None]] = {}
        self._ancestors: dict[str, frozenset[str]] = {}
        for row in rows_of(release, "diseases"):
            self._add(row)

    def _add(self, row: Mapping[str, str]) -> None:
        doid = row["doid"]
        bridges = tuple(one.partition("=")[0] for one in row["bridges"].split("|") if one)
        self._names[doid] = row["name"]
        self._parents[doid] = (*(one for one in row["parents"].split("|") if one), *bridges)
        self._alternative.update({one: doid for one in row["alt_ids"].split("|") if one})
        self._spellings[_plain(row["name"])] = doid
        for synonym in filter(None, row["synonyms"].split("|")):
            self.name_as(synonym, doid)
            short = _ABBREVIATED.match(synonym)
            if short:
                self.name_as(short[1], doid)

    def name_as(self, name: str, doid: str) -> None:
        """Let a disease be found under a further name, such as the one that CIViC gives it."""
        if doid in self._names:
            self._synonyms.setdefault(_plain(name), {})[doid] = None

    def find(self, name: str) -> Disease:
        """Return the disease of a name, a synonym or a DOID.

        A name goes before a synonym, and both before the same words in another order or without
        `gland`, `receptor` and what stands in brackets.

        Raises
        ------
        InputError
            If there is none, several, or one that is no neoplasm; the message names the nearest.
        """
        text = name.strip()
        number = re.fullmatch(r"(?:DOID[:_])?([0-9]{1,7})", text, re.IGNORECASE)
        doids = [self.of_doid(number[1])] if number else self._named(text)
        known = [doid for doid in doids if doid is not None]
        if len(known) != 1:
            raise InputError(self._several(known) if known else self._unknown(text))
        doid = known[0]
        if NEOPLASM not in self.ancestors(doid) and doid != NEOPLASM:
            raise InputError(
                Fault("cancer", f"{self._names[doid]!r}, which is no neoplasm", "a cancer's name")
            )
        return Disease(doid, self._names[doid])

    def _named(self, text: str) -> list[str | None]:
        plain = _plain(text)
        if plain in self._spellings:
            return [self._spellings[plain]]
        if plain in self._synonyms:
            return list(self._synonyms[plain])
        return list(self._loose.get(_words(text), ()))

    @cached_property
    def _loose(self) -> dict[frozenset[str], dict[str, None]]:
        """Diseases by the words of their names, whatever the order."""
        found: dict[frozenset[str], dict[str, None]] = {}
        for doid, name in self._names.items():
            found.setdefault(_words(name), {})[doid] = None
        return found

    def _several(self, doids: list[str]) -> Fault:
        names = ", ".join(f"{self._names[doid]!r}" for doid in doids)
        return Fault("cancer", "a name of several diseases", f"one of {names}")

    def of_doid(self, number: str) -> str | None:
        """Return the DOID that a number has in this release, also if it was merged into another."""
        doid = f"DOID:{number.removeprefix('DOID:')}"
        return doid if doid in self._names else self._alternative.get(doid)

    def _unknown(self, name: str) -> Fault:
        known = [*self._spellings, *self._synonyms]
        near = difflib.get_close_matches(_plain(name), known, NEAREST_NAMES, 0.6)
        doids = dict.fromkeys(
            self._spellings.get(one) or next(iter(self._synonyms[one])) for one in near
        )
        nearest = ", ".join(f"{self._names[one]!r}" for one in doids)
        remedy = f"nearest: {nearest}" if nearest else ""
        return Fault(
            "cancer", "a name that is not in the ontology", "a disease's name or DOID", remedy
        )

    def ancestors(self, doid: str) -> frozenset[str]:
        """Return all that a disease is, without itself."""
        if doid not in self._ancestors:
            found: set[str] = set()
            open_ends = list(self._parents.get(doid, ()))
            while open_ends:
                parent = open_ends.pop()
                if parent not in found:
                    found.add(parent)
                    open_ends.extend(self._parents.get(parent, ()))
            self._ancestors[doid] = frozenset(found)
        return self._ancestors[doid]

    def is_a(self, disease: Disease, doid: str) -> bool:
        """Tell whether a disease is another one, or a kind of it."""
        own = disease.doid
        return own is not None and (own == doid or doid in self.ancestors(own))

    def match(self, own: Disease, receptors: Mapping[str, str], other: Disease) -> DiseaseMatch:
        """Say how the disease of evidence stands to a tumour's own.

        Parameters
        ----------
        receptors
            What is known of the tumour; what its disease implies is added.
        """
        known = {**receptors, **own.receptors}
        needed = other.receptors
        if not needed:
            return self._by_hierarchy(self._without_receptors(own), other)
        whole = self._without_receptors(other)
        if self._by_hierarchy(self._without_receptors(own), whole) not in CONCERNS:
            return DiseaseMatch.OTHER
        if any(known.get(name, status) != status for name, status in needed.items()):
            return DiseaseMatch.CONTRADICTED
        if all(name in known for name in needed):
            return DiseaseMatch.SUBTYPE_FITS
        return DiseaseMatch.SUBTYPE_OPEN

    def _without_receptors(self, disease: Disease) -> Disease:
        """Return the disease of which a receptor-defined one is a part."""
        if not disease.receptors or disease.doid is None:
            return disease
        parents = self._parents[disease.doid]
        return Disease(parents[0], self._names[parents[0]])

    def _by_hierarchy(self, own: Disease, other: Disease) -> DiseaseMatch:
        if other.doid == CANCER:
            return DiseaseMatch.PAN_CANCER
        if other.doid is None:
            return self._by_name(own, other)
        if own.doid is None:
            return DiseaseMatch.OTHER
        if own.doid == other.doid:
            return DiseaseMatch.SAME
        if other.doid in self.ancestors(own.doid):
            return DiseaseMatch.GENERAL
        if own.doid in self.ancestors(other.doid):
            return DiseaseMatch.SUBTYPE_OPEN
        return DiseaseMatch.OTHER

    def _by_name(self, own: Disease, other: Disease) -> DiseaseMatch:
        """Compare with a disease that the ontology does not have, such as `Solid Tumor`."""
        if _plain(own.name) == _plain(other.name):
            return DiseaseMatch.SAME
        if _plain(other.name) == SOLID_TUMOUR and not self.is_a(own, BLOOD):
            return DiseaseMatch.PAN_CANCER
        return DiseaseMatch.OTHER


def _plain(name: str) -> str:
    """Return a name for comparison: lower case, American spelling, no punctuation."""
    words = re.sub(r"[^a-z0-9]+", " ", name.lower().replace("tumour", "tumor")).split()
    return " ".join(words).replace("leukaemia", "leukemia")


def _words(name: str) -> frozenset[str]:
    """Return the words of a name that tell it from others."""
    words = _plain(re.sub(r"\([^)]*\)", " ", name)).split()
    return frozenset(_LONG.get(word, word) for word in words) - _SAYS_NOTHING
