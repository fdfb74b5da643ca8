"""HLA-A and HLA-B: from typed alleles to the statuses that guidelines ask for.

A VCF does not type HLA, so alleles come from outside. A guideline asks for one allele, such as
`*57:01`, and looks up `*57:01 positive` or `*57:01 negative`. Negative needs both alleles typed to
at least two fields; an allele typed to one field (`*57`) leaves open which of its alleles it is,
and one with a suffix (`N`, not expressed) answers nothing here.

Source: nomenclature of HLA alleles, Marsh et al. 2010, Tissue Antigens 75:291-455,
doi:10.1111/j.1399-0039.2010.01466.x; statuses as the guidelines of CPIC write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from osler.genome.pgx.phenotype import Phenotype

GENES = ("HLA-A", "HLA-B")
POSITIVE, NEGATIVE = "positive", "negative"
STATUS = re.compile(r"(?P<allele>\*[0-9]+:[0-9]+)\s+(?P<sign>positive|negative)", re.IGNORECASE)
ALLELE = re.compile(
    r"\*(?P<first>[0-9]+)(?::(?P<second>[0-9]+))?(?::[0-9]+){0,2}(?P<suffix>[NLSCAQ]?)"
)


def alleles_asked(lookups: Iterable[str]) -> tuple[str, ...]:
    """Return the alleles that guidelines ask for, from the keys that they are looked up with."""
    found = [STATUS.fullmatch(text) for text in lookups]
    return tuple(sorted({match["allele"] for match in found if match}))


def statuses_of_alleles(first: str, second: str | None, asked: Iterable[str]) -> Phenotype:
    """Return the status of every allele asked for, of those that two typed alleles settle.

    Examples
    --------
    >>> statuses_of_alleles("*15:02", "*07:02", ["*15:02", "*57:01"]).name
    '*15:02 positive; *57:01 negative'
    >>> statuses_of_alleles("*57", "*07:02", ["*57:01"]).name is None
    True
    """
    typed = [one for one in (first, second) if one is not None]
    signs = {allele: _sign(typed, allele) for allele in asked}
    notes = [
        f"{allele} is neither shown nor ruled out by the alleles as typed"
        for allele, sign in signs.items()
        if sign is None
    ]
    return _told([f"{allele} {sign}" for allele, sign in signs.items() if sign], notes)


def statuses_told(text: str, asked: Iterable[str]) -> Phenotype:
    """Return statuses told from outside, such as `*31:01 positive`; several are parted by `;`."""
    statuses, notes, asked = [], [], set(asked)
    for part in (one.strip() for one in text.split(";")):
        match = STATUS.fullmatch(part)
        if match is None:
            notes.append("a status that is not written as '*57:01 positive' is left aside")
            continue
        statuses.append(f"{match['allele']} {match['sign'].lower()}")
        if match["allele"] not in asked:
            notes.append(f"no guideline of the release asks for {match['allele']}")
    return _told(statuses, notes)


def combined(found: Iterable[Phenotype]) -> Phenotype:
    """Return the statuses of several calls of one gene as one; contradictions are told."""
    listed = list(found)
    statuses = sorted({status for one in listed for status in one.lookups})
    notes = [note for one in listed for note in one.notes]
    by_allele = [status.rsplit(" ", 1)[0] for status in statuses]
    notes += [
        f"{allele} is told as positive and as negative: both are shown"
        for allele in dict.fromkeys(by_allele)
        if by_allele.count(allele) > 1
    ]
    return _told(statuses, notes)


def _told(statuses: list[str], notes: list[str]) -> Phenotype:
    name = "; ".join(statuses) or None
    return Phenotype(name, None, tuple(statuses), tuple(dict.fromkeys(notes)))


def _sign(typed: list[str], allele: str) -> str | None:
    matches = [_is(one, allele) for one in typed]
    if True in matches:
        return POSITIVE
    return NEGATIVE if matches == [False, False] else None


def _is(typed: str, allele: str) -> bool | None:
    """Tell whether a typed allele is the one asked for; None where its typing leaves that open."""
    match = ALLELE.fullmatch(typed)
    if match is None or match["suffix"]:
        return None
    first, second = allele.removeprefix("*").split(":")
    if int(match["first"]) != int(first):
        return False
    return None if match["second"] is None else int(match["second"]) == int(second)
