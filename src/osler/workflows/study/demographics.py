"""The personal characteristics of which a card must say whether a model reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable

# 45 CFR 170.315(b)(11)(iv)(A)(5)-(13), in that order, and the codes by which each is recognised:
# those that the readers of osler write, and the usual names of columns. A code that is none of
# these is not recognised, and the card says that it looked at names alone.
CHARACTERISTICS: dict[str, str] = {
    "race": r"RACE",
    "ethnicity": r"ETHNICITY|ETHNIC_GROUP|HISPANIC",
    "language": r"LANGUAGE|PREFERRED_LANGUAGE|PRIMARY_LANGUAGE",
    "sexual orientation": r"SEXUAL_ORIENTATION",
    "gender identity": r"GENDER_IDENTITY",
    "sex": r"SEX|GENDER|SEX_AT_BIRTH|BIRTH_SEX",
    "date of birth": r"AGE|MEDS_BIRTH|AGE_.*|BIRTH_DATE|DATE_OF_BIRTH",
    "social determinants of health data": r"SOCIAL|SDOH|INSURANCE|DEPRIVATION|INCOME|EDUCATION",
    "health status assessments data": r"HEALTH_STATUS|FUNCTIONAL_STATUS|FRAILTY|PERFORMANCE_STATUS",
}
# Audited, and predictive only where the study says why.
AUDITED = ("race", "ethnicity")
_PATTERNS = {
    name: re.compile(rf"(?:{words})(?://.*)?", re.IGNORECASE)
    for name, words in CHARACTERISTICS.items()
}
_INSIDE = {
    name: re.compile(rf"(?:.*//)?(?:{CHARACTERISTICS[name]})(?://.*)?", re.IGNORECASE | re.DOTALL)
    for name in AUDITED
}


def characteristic_of(code: str) -> str | None:
    """Return which characteristic a code tells, None if none that is recognised.

    Examples
    --------
    >>> characteristic_of("RACE//ASIAN"), characteristic_of("gender//F")
    ('race', 'sex')
    >>> characteristic_of("LAB//x") is None
    True
    """
    return next((name for name, one in _PATTERNS.items() if one.fullmatch(code)), None)


def audited(codes: Iterable[str]) -> dict[str, list[str]]:
    """Return the codes of race and of ethnicity among these, also where they stand further in.

    Examples
    --------
    >>> audited(["PERSON//race//black", "LAB//trace_protein"])
    {'race': ['PERSON//race//black']}
    """
    listed = list(codes)
    found = {
        name: [code for code in listed if one.fullmatch(code)] for name, one in _INSIDE.items()
    }
    return {name: codes for name, codes in found.items() if codes}
