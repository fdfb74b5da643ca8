"""Classification of a variant by the ACMG/AMP criteria and ClinGen's points.

Criteria: Richards et al. 2015, Genet Med 17:405-424, doi:10.1038/gim.2015.30. Points: Tavtigian et
al. 2020, Hum Mutat 41:1734-1737, doi:10.1002/humu.24088: supporting 1, moderate 2, strong 4, very
strong 8, benign evidence negative; pathogenic from 10, likely pathogenic 6 to 9, uncertain 0 to 5,
likely benign -1 to -6, benign from -7 downwards. Odds and posterior: Tavtigian et al. 2018, Genet
Med 20:1054-1060, doi:10.1038/gim.2017.210.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, Literal

from osler.errors import Fault, InputError

RICHARDS = "Richards et al. 2015, Genet Med 17:405-424, doi:10.1038/gim.2015.30"
POINTS = "Tavtigian et al. 2020, Hum Mutat 41:1734-1737, doi:10.1002/humu.24088"
PATHOGENIC_FROM, LIKELY_PATHOGENIC_FROM, UNCERTAIN_FROM, LIKELY_BENIGN_FROM = 10, 6, 0, -6
# Tavtigian et al. 2018: eight points are odds of 350 to 1; one variant in ten is pathogenic before.
VERY_STRONG_ODDS, PRIOR = 350.0, 0.1
MOST_TEXT = 60

State = Literal["met", "not met", "not assessed"]
STATES = ("met", "not met", "not assessed")


class Strength(Enum):
    """How strong a criterion's evidence is; its value is the points."""

    SUPPORTING = 1
    MODERATE = 2
    STRONG = 4
    VERY_STRONG = 8
    STAND_ALONE = 0
    """BA1: benign by itself, whatever else there is, as in Richards et al. 2015, table 5."""

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


class Class(Enum):
    """The five tiers."""

    PATHOGENIC = "pathogenic"
    LIKELY_PATHOGENIC = "likely pathogenic"
    UNCERTAIN = "uncertain significance"
    LIKELY_BENIGN = "likely benign"
    BENIGN = "benign"

    @property
    def is_pathogenic(self) -> bool:
        """Whether it is one of the two pathogenic tiers."""
        return self in (Class.PATHOGENIC, Class.LIKELY_PATHOGENIC)

    @property
    def is_benign(self) -> bool:
        """Whether it is one of the two benign tiers."""
        return self in (Class.BENIGN, Class.LIKELY_BENIGN)


# Strengths and wording after Richards et al. 2015, tables 3 and 4.
_CRITERIA = {
    "PVS1": (Strength.VERY_STRONG, "null variant in a gene where loss of function causes disease"),
    "PS1": (Strength.STRONG, "same amino acid change as an established pathogenic variant"),
    "PS2": (Strength.STRONG, "de novo, parents confirmed"),
    "PS3": (Strength.STRONG, "functional studies show damage"),
    "PS4": (Strength.STRONG, "more frequent in affected people than in controls"),
    "PM1": (Strength.MODERATE, "in a hot spot or functional domain without benign variation"),
    "PM2": (Strength.MODERATE, "absent from controls, or at extremely low frequency"),
    "PM3": (Strength.MODERATE, "in trans with a pathogenic variant, in a recessive disease"),
    "PM4": (Strength.MODERATE, "changes the length of the protein"),
    "PM5": (Strength.MODERATE, "another missense change at a residue with a pathogenic one"),
    "PM6": (Strength.MODERATE, "assumed de novo, parents not confirmed"),
    "PP1": (Strength.SUPPORTING, "segregates with the disease in the family"),
    "PP2": (Strength.SUPPORTING, "missense in a gene with little benign missense variation"),
    "PP3": (Strength.SUPPORTING, "predicted to be damaging"),
    "PP4": (Strength.SUPPORTING, "phenotype or family history specific for the gene"),
    "PP5": (Strength.SUPPORTING, "reported as pathogenic, evidence not available"),
    "BA1": (Strength.STAND_ALONE, "common in a population"),
    "BS1": (Strength.STRONG, "more frequent than the disease allows"),
    "BS2": (Strength.STRONG, "seen in healthy adults, for a disease of full penetrance"),
    "BS3": (Strength.STRONG, "functional studies show no damage"),
    "BS4": (Strength.STRONG, "does not segregate with the disease"),
    "BP1": (Strength.SUPPORTING, "missense in a gene where truncation causes disease"),
    "BP2": (Strength.SUPPORTING, "with a pathogenic variant that explains the disease"),
    "BP3": (Strength.SUPPORTING, "in-frame change in a repeat without known function"),
    "BP4": (Strength.SUPPORTING, "predicted to be harmless"),
    "BP5": (Strength.SUPPORTING, "found in a case with another cause"),
    "BP6": (Strength.SUPPORTING, "reported as benign, evidence not available"),
    "BP7": (Strength.SUPPORTING, "silent, without a predicted effect on splicing"),
}
CRITERIA = tuple(_CRITERIA)
MEANING = {code: meaning for code, (_, meaning) in _CRITERIA.items()}
_NOT_USED = "Biesecker & Harrison 2018, Genet Med 20:1687-1688, doi:10.1038/gim.2018.42"
RETIRED = {"PP5": _NOT_USED, "BP6": _NOT_USED}
RETIRED_NOTE = "ClinGen advises against it: the evidence itself should be weighed, not the report"
_WRITTEN = {
    "supporting": Strength.SUPPORTING,
    "moderate": Strength.MODERATE,
    "strong": Strength.STRONG,
    "verystrong": Strength.VERY_STRONG,
    "standalone": Strength.STAND_ALONE,
}
_TEXT = re.compile(r"\s*([A-Za-z]{2,3}[0-9])\s*(?:[_ ]\s*([A-Za-z_ -]+?))?\s*")
NOTHING_GIVEN = "nothing given that would tell"
AS_GIVEN = "as given"


@dataclass(frozen=True)
class Criterion:
    """One criterion: whether it is met, how strong it is here, and where that comes from.

    Attributes
    ----------
    code
        Of Richards et al. 2015, such as `PVS1`.
    state
        `met`, `not met` or `not assessed`: nothing at hand could tell.
    source
        Of the rule, or who gave it.
    strength
        As applied; that of Richards et al. 2015 unless told.
    evidence
        What it rests on, in words; or why it could not be assessed.
    """

    code: str
    state: State
    source: str
    strength: Strength | None = None
    evidence: str = ""

    @classmethod
    def said(cls, text: str, source: str = AS_GIVEN, evidence: str = "") -> Criterion:
        """Return a criterion that is met, as ClinGen writes it: `PVS1`, `PM2_Supporting`.

        Raises
        ------
        InputError
            If it is no code, or its strength is none.
        """
        found = _TEXT.fullmatch(text) if len(text) <= MOST_TEXT else None
        if found is None or found[1].upper() not in _CRITERIA:
            raise InputError(_unknown(text))
        code, written = found[1].upper(), found[2]
        if written is None:
            return cls(code, "met", source, None, evidence)
        strength = _WRITTEN.get(re.sub(r"[^a-z]", "", written.lower()))
        if strength is None:
            expected = "Supporting, Moderate, Strong or VeryStrong"
            raise InputError(Fault(f"criterion {code}", "an unknown strength", expected))
        return cls(code, "met", source, strength, evidence)

    @property
    def is_benign(self) -> bool:
        """Whether it speaks, if met, against pathogenicity."""
        return self.code.startswith("B")

    @property
    def applied(self) -> Strength:
        """Its strength."""
        return self.strength or _CRITERIA[self.code][0]

    @property
    def points(self) -> int:
        """What it adds: positive for pathogenic, negative for benign evidence, 0 if not met."""
        if self.state != "met":
            return 0
        return -self.applied.value if self.is_benign else self.applied.value

    def __str__(self) -> str:
        """Return the code, and the strength where it is not the usual one: `PM2_Supporting`."""
        if self.code not in _CRITERIA or self.applied is _CRITERIA[self.code][0]:
            return self.code
        return f"{self.code}_{self.applied.name.title().replace('_', '')}"

    def to_json(self) -> dict[str, Any]:
        """Return the entry of a classification's `criteria`."""
        return {
            "criterion": self.code,
            "written": str(self),
            "meaning": MEANING[self.code],
            "state": self.state,
            "strength": str(self.applied),
            "points": self.points,
            "evidence": self.evidence,
            "source": self.source,
        }


@dataclass(frozen=True)
class Classification:
    """What the criteria add up to.

    Attributes
    ----------
    points
        Their sum; BA1 has none.
    class_
        By the points; benign if BA1 is met, whatever the points.
    criteria
        All 28, in the order of Richards et al. 2015.
    not_assessed
        Codes of those about which nothing at hand could tell.
    notes
        Evidence that contradicts itself, and criteria that ClinGen advises against.
    """

    points: int
    class_: Class
    criteria: tuple[Criterion, ...]
    not_assessed: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def tier(self) -> Class:
        """The class, by its other name."""
        return self.class_

    @property
    def met(self) -> tuple[Criterion, ...]:
        """The criteria that are met."""
        return tuple(one for one in self.criteria if one.state == "met")

    @property
    def stands_alone(self) -> bool:
        """Whether it is benign by BA1 alone."""
        return any(one.code == "BA1" for one in self.met)

    @property
    def contradictory(self) -> bool:
        """Whether evidence for and against is met."""
        return len({one.is_benign for one in self.met}) == 2

    @property
    def odds_path(self) -> float | None:
        """Odds of pathogenicity by the points, 350 ** (points / 8); None with BA1."""
        return None if self.stands_alone else float(VERY_STRONG_ODDS ** (self.points / 8))

    @property
    def posterior(self) -> float | None:
        """Probability of pathogenicity from a prior of 0.1; None with BA1."""
        odds = self.odds_path
        return None if odds is None else odds * PRIOR / ((odds - 1) * PRIOR + 1)

    def to_json(self) -> dict[str, Any]:
        """Return a variant's `acmg`."""
        return {
            "class": self.class_.value,
            "points": self.points,
            "met": [str(one) for one in self.met],
            "odds_path": self.odds_path,
            "posterior": self.posterior,
            "prior": PRIOR,
            "contradictory": self.contradictory,
            "criteria": [one.to_json() for one in self.criteria],
            "not_assessed": list(self.not_assessed),
            "notes": list(self.notes),
            "source": POINTS,
        }


def classify(criteria: Iterable[Criterion | str]) -> Classification:
    """Combine criteria by ClinGen's points.

    Parameters
    ----------
    criteria
        Each code at most once, though the same one may be repeated word for word; a text such as
        `PM2_Supporting` is a criterion that is met. Codes that are not among them are added as not
        assessed.

    Raises
    ------
    InputError
        If codes are unknown or come twice with different meaning, or a state or strength is none;
        all of them at once.

    Examples
    --------
    >>> found = classify(["PVS1", "PM2_Supporting"])
    >>> found.class_.value, found.points, round(found.posterior, 3)
    ('likely pathogenic', 9, 0.988)
    """
    if isinstance(criteria, str):
        criteria = [criteria]
    known = {one.code: one for one in _checked(criteria)}
    whole = tuple(known.get(code) or not_assessed(code) for code in CRITERIA)
    points = sum(one.points for one in whole)
    alone = any(one.code == "BA1" and one.state == "met" for one in whole)
    found = Classification(
        points,
        Class.BENIGN if alone else class_of(points),
        whole,
        tuple(one.code for one in whole if one.state == "not assessed"),
    )
    return replace(found, notes=tuple(_notes(found)))


def class_of(points: int) -> Class:
    """Return the tier of a sum of points.

    Examples
    --------
    >>> [class_of(points).value for points in (10, 6, 0, -1, -7)]
    ['pathogenic', 'likely pathogenic', 'uncertain significance', 'likely benign', 'benign']
    """
    if points >= PATHOGENIC_FROM:
        return Class.PATHOGENIC
    if points >= LIKELY_PATHOGENIC_FROM:
        return Class.LIKELY_PATHOGENIC
    if points >= UNCERTAIN_FROM:
        return Class.UNCERTAIN
    if points >= LIKELY_BENIGN_FROM:
        return Class.LIKELY_BENIGN
    return Class.BENIGN


@lru_cache(maxsize=1024)
def not_assessed(code: str, why: str | None = None) -> Criterion:
    """Return a criterion about which nothing at hand could tell."""
    if code in RETIRED:
        return Criterion(code, "not assessed", RETIRED[code], None, why or RETIRED_NOTE)
    return Criterion(code, "not assessed", RICHARDS, None, why or NOTHING_GIVEN)


def _notes(found: Classification) -> list[str]:
    notes = []
    if found.contradictory:
        pathogenic = ", ".join(str(one) for one in found.met if not one.is_benign)
        benign = ", ".join(str(one) for one in found.met if one.is_benign)
        notes.append(f"the evidence contradicts itself: {pathogenic} against {benign}")
    notes += [f"{one}: {RETIRED_NOTE} ({_NOT_USED})" for one in found.met if one.code in RETIRED]
    return notes


def _checked(criteria: Iterable[Criterion | str]) -> list[Criterion]:
    """Return the criteria read and without doubles; raise all that is wrong with them."""
    faults: list[Fault | str] = []
    given: dict[str, Criterion] = {}
    for one in criteria:
        if not isinstance(one, str | Criterion):
            faults.append(Fault("criteria", f"a {type(one).__name__}", "a code or a Criterion"))
            continue
        try:
            read = Criterion.said(one) if isinstance(one, str) else one
        except InputError as error:
            faults += error.faults
            continue
        fault = _fault(read, given.get(read.code))
        if fault is not None:
            faults.append(fault)
        given.setdefault(read.code, read)
    if faults:
        raise InputError(faults)
    return list(given.values())


def _fault(one: Criterion, before: Criterion | None) -> Fault | None:
    if one.code not in _CRITERIA:
        return _unknown(one.code)
    if one.state not in STATES:
        return Fault(f"criterion {one.code}", "another state", ", ".join(STATES))
    if (one.applied is Strength.STAND_ALONE) != (one.code == "BA1"):
        expected = "BA1 stand-alone, every other from supporting to very strong"
        return Fault(f"criterion {one.code}", f"strength {one.applied}", expected)
    if before is not None and (before.state, before.applied) != (one.state, one.applied):
        return Fault(f"criterion {one.code}", "twice, differently", "each code once")
    return None


def _unknown(text: str) -> Fault:
    shown = repr(text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…")
    return Fault("criteria", shown, "a code of Richards et al. 2015, such as PVS1, PM2_Supporting")
