"""Classification of a variant by the ACMG/AMP criteria and ClinGen's points.

Criteria: Richards et al. 2015, Genet Med 17:405-424, doi:10.1038/gim.2015.30. Points: Tavtigian et
al. 2020, Hum Mutat 41:1734-1737, doi:10.1002/humu.24088: supporting 1, moderate 2, strong 4, very
strong 8, benign evidence negative; pathogenic from 10, likely pathogenic 6 to 9, uncertain 0 to 5,
likely benign -1 to -6, benign from -7 downwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from osler.errors import Fault, InputError

RICHARDS = "Richards et al. 2015, Genet Med 17:405-424, doi:10.1038/gim.2015.30"
POINTS = "Tavtigian et al. 2020, Hum Mutat 41:1734-1737, doi:10.1002/humu.24088"
PATHOGENIC_FROM, LIKELY_PATHOGENIC_FROM, UNCERTAIN_FROM, LIKELY_BENIGN_FROM = 10, 6, 0, -6

Status = Literal["met", "not met", "not assessed"]
STATUSES = ("met", "not met", "not assessed")


class Strength(Enum):
    """How strong a criterion's evidence is; its value is the points."""

    SUPPORTING = 1
    MODERATE = 2
    STRONG = 4
    VERY_STRONG = 8
    STAND_ALONE = 0
    """BA1: benign by itself, whatever else there is, as in Richards et al. 2015, table 5."""


class Class(Enum):
    """The five tiers."""

    PATHOGENIC = "pathogenic"
    LIKELY_PATHOGENIC = "likely pathogenic"
    UNCERTAIN = "uncertain significance"
    LIKELY_BENIGN = "likely benign"
    BENIGN = "benign"


_DEFAULT = {
    "PVS1": Strength.VERY_STRONG,
    "PS1": Strength.STRONG,
    "PS2": Strength.STRONG,
    "PS3": Strength.STRONG,
    "PS4": Strength.STRONG,
    "PM1": Strength.MODERATE,
    "PM2": Strength.MODERATE,
    "PM3": Strength.MODERATE,
    "PM4": Strength.MODERATE,
    "PM5": Strength.MODERATE,
    "PM6": Strength.MODERATE,
    "PP1": Strength.SUPPORTING,
    "PP2": Strength.SUPPORTING,
    "PP3": Strength.SUPPORTING,
    "PP4": Strength.SUPPORTING,
    "PP5": Strength.SUPPORTING,
    "BA1": Strength.STAND_ALONE,
    "BS1": Strength.STRONG,
    "BS2": Strength.STRONG,
    "BS3": Strength.STRONG,
    "BS4": Strength.STRONG,
    "BP1": Strength.SUPPORTING,
    "BP2": Strength.SUPPORTING,
    "BP3": Strength.SUPPORTING,
    "BP4": Strength.SUPPORTING,
    "BP5": Strength.SUPPORTING,
    "BP6": Strength.SUPPORTING,
    "BP7": Strength.SUPPORTING,
}
CRITERIA = tuple(_DEFAULT)
RETIRED = {
    "PP5": "not used: Biesecker & Harrison 2018, Genet Med 20:1687-1688, doi:10.1038/gim.2018.42",
    "BP6": "not used: Biesecker & Harrison 2018, Genet Med 20:1687-1688, doi:10.1038/gim.2018.42",
}


@dataclass(frozen=True)
class Criterion:
    """One criterion: whether it is met, how strong it is here, and where that comes from.

    Attributes
    ----------
    strength
        As applied; the strength of Richards et al. 2015 unless told.
    """

    code: str
    status: Status
    source: str
    strength: Strength | None = None

    @classmethod
    def said(cls, text: str) -> Criterion:
        """Return a criterion that is met, as ClinGen writes it: `PVS1`, `PM2_Supporting`.

        Raises
        ------
        InputError
            If the strength is none; the code is checked by `classify`.
        """
        code, _, strength = text.strip().partition("_")
        try:
            applied = Strength[_words(strength)] if strength else None
        except KeyError as error:
            came = f"a strength {strength!r}"
            expected = "Supporting, Moderate, Strong, Very_Strong or Stand_Alone"
            raise InputError(Fault(f"criterion {code}", came, expected)) from error
        return cls(code.upper(), "met", "as given", applied)

    @property
    def applied(self) -> Strength:
        """Its strength."""
        return self.strength or _DEFAULT[self.code]

    @property
    def points(self) -> int:
        """What it adds: positive for pathogenic, negative for benign evidence, 0 if not met."""
        if self.status != "met":
            return 0
        return self.applied.value if self.code.startswith("P") else -self.applied.value

    def to_json(self) -> dict[str, Any]:
        """Return the entry of a classification's `criteria`."""
        return {
            "criterion": self.code,
            "status": self.status,
            "strength": self.applied.name.lower().replace("_", " "),
            "points": self.points,
            "source": self.source,
        }


@dataclass(frozen=True)
class Classification:
    """What the criteria add up to."""

    tier: Class
    points: int
    criteria: tuple[Criterion, ...]

    @property
    def met(self) -> tuple[str, ...]:
        """Codes of the criteria that are met."""
        return tuple(one.code for one in self.criteria if one.status == "met")

    def to_json(self) -> dict[str, Any]:
        """Return a variant's `acmg`."""
        return {
            "class": self.tier.value,
            "points": self.points,
            "criteria": [one.to_json() for one in self.criteria],
        }


def _words(strength: str) -> str:
    """Return the name of a strength: `VeryStrong`, `very strong` and `Very_Strong` are one."""
    plain = re.sub(r"[^a-z]", "", strength.lower())
    return {"verystrong": "VERY_STRONG", "standalone": "STAND_ALONE"}.get(plain, plain.upper())


def classify(criteria: Iterable[Criterion | str]) -> Classification:
    """Combine criteria by ClinGen's points.

    Parameters
    ----------
    criteria
        Each code at most once; a text such as `PM2_Supporting` is a criterion that is met. Codes
        that are not among them are added as not assessed.

    Raises
    ------
    InputError
        If a code is unknown or repeated, a status is none of the three, or PP5 or BP6 is met.

    Examples
    --------
    >>> found = classify([Criterion("PVS1", "met", "stop gained"), "PM2_Supporting"])
    >>> found.tier.value, found.points
    ('likely pathogenic', 9)
    """
    given = [Criterion.said(one) if isinstance(one, str) else one for one in criteria]
    _check(given)
    known = {one.code: one for one in given}
    whole = tuple(known.get(code) or _not_assessed(code) for code in CRITERIA)
    points = sum(one.points for one in whole)
    if any(one.code == "BA1" and one.status == "met" for one in whole):
        return Classification(Class.BENIGN, points, whole)
    return Classification(_tier(points), points, whole)


def _tier(points: int) -> Class:
    if points >= PATHOGENIC_FROM:
        return Class.PATHOGENIC
    if points >= LIKELY_PATHOGENIC_FROM:
        return Class.LIKELY_PATHOGENIC
    if points >= UNCERTAIN_FROM:
        return Class.UNCERTAIN
    if points >= LIKELY_BENIGN_FROM:
        return Class.LIKELY_BENIGN
    return Class.BENIGN


def _not_assessed(code: str) -> Criterion:
    return Criterion(code, "not assessed", RETIRED.get(code, "nothing given that would tell"))


def _check(given: list[Criterion]) -> None:
    faults = []
    seen: set[str] = set()
    for one in given:
        if one.code not in _DEFAULT:
            faults.append(Fault("criteria", f"{one.code!r}", "a code of Richards et al. 2015"))
        elif one.code in seen:
            faults.append(Fault("criteria", f"{one.code} twice", "each code once"))
        elif one.status not in STATUSES:
            faults.append(Fault(f"criterion {one.code}", "another status", ", ".join(STATUSES)))
        elif one.code in RETIRED and one.status == "met":
            faults.append(Fault(f"criterion {one.code}", "met", "not assessed", RETIRED[one.code]))
        seen.add(one.code)
    if faults:
        raise InputError(faults)
