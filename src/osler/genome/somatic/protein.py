"""What a variant does to a protein, read from HGVS and from the ways people shorten it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

ONE_LETTER = {
    "ALA": "A",
    "ARG": "R",
    "ASN": "N",
    "ASP": "D",
    "CYS": "C",
    "GLN": "Q",
    "GLU": "E",
    "GLY": "G",
    "HIS": "H",
    "ILE": "I",
    "LEU": "L",
    "LYS": "K",
    "MET": "M",
    "PHE": "F",
    "PRO": "P",
    "SEC": "U",
    "SER": "S",
    "TER": "*",
    "THR": "T",
    "TRP": "W",
    "TYR": "Y",
    "VAL": "V",
}
LONGEST_CHANGE = 200
_RESIDUE = "[ACDEFGHIKLMNPQRSTUVWY]"
_THREE = "|".join(ONE_LETTER)
_THREE_LETTERS = re.compile(rf"(?:{_THREE})[0-9]")
_ANY_THREE = re.compile(_THREE)
_SUBSTITUTION = re.compile(rf"({_RESIDUE}|\*)([0-9]+)({_RESIDUE}|\*|X|=)")
_FRAMESHIFT = re.compile(
    rf"({_RESIDUE})([0-9]+)({_RESIDUE})?_?(?:FS|FRAMESHIFT)(?:[*X]?([0-9]+|\?)?|\*)"
)
_RANGE = re.compile(
    rf"({_RESIDUE}|\*)?([0-9]+)(?:_({_RESIDUE}|\*)?([0-9]+))?(DELINS|DEL|DUP|INS|>)"
    rf"((?:{_RESIDUE}|\*)*)(?:[0-9]*)"
)
_START = re.compile(r"M1(?:\?|EXT.*)")
_STOP = re.compile(rf"\*([0-9]+)({_RESIDUE})?EXT.*")
_SPLICE = re.compile(r"X([0-9]+)_SPLICE")


class Effect(StrEnum):
    """What happens to the protein."""

    MISSENSE = "missense"
    NONSENSE = "nonsense"
    FRAMESHIFT = "frameshift"
    DELETION = "in-frame deletion"
    INSERTION = "in-frame insertion"
    DUPLICATION = "in-frame duplication"
    REPLACEMENT = "in-frame replacement"
    START_LOST = "start lost"
    STOP_LOST = "stop lost"
    SPLICE = "splice site"
    SILENT = "silent"


@dataclass(frozen=True)
class ProteinChange:
    """A change of a protein.

    Parameters
    ----------
    reference, position
        First residue concerned, one letter (empty if not told), and its number from 1.
    end_reference, end
        Last residue concerned; the same as the first for one residue.
    alternate
        What stands there afterwards, or what was inserted; empty if not told.
    tail
        Of a frameshift: residues to the new stop, as text; empty if not told.
    """

    effect: Effect
    reference: str
    position: int
    end_reference: str
    end: int
    alternate: str = ""
    tail: str = ""

    def same_as(self, other: ProteinChange) -> bool:
        """Tell whether both are one change, whatever one of them leaves untold.

        A frameshift is the same only if both tell its new residue or the length of its tail.
        """
        place = (self.effect, self.position, self.end)
        if place != (other.effect, other.position, other.end):
            return False
        pairs = (
            (self.reference, other.reference),
            (self.end_reference, other.end_reference),
            (self.alternate, other.alternate),
            (self.tail, other.tail),
        )
        if any(one and two and one != two for one, two in pairs):
            return False
        if self.effect is Effect.FRAMESHIFT:
            return any(one and two for one, two in pairs[2:])
        return self.effect is Effect.DELETION or bool(self.alternate) == bool(other.alternate)

    def touches(self, first: int, last: int) -> bool:
        """Tell whether any residue from `first` to `last` is concerned."""
        return self.position <= last and self.end >= first


@lru_cache(maxsize=65536)
def parse_protein(text: str) -> ProteinChange | None:
    """Read a protein change; None if it is none, such as `p.?`.

    Takes HGVS (`NP_004324.2:p.(Val600Glu)`), short (`p.V600E`), upper case (`VAL600GLU`), the older
    `V600_K601>E`, `W1815X`, and the `p.X125_splice` of cBioPortal.

    Examples
    --------
    >>> change = parse_protein("p.Val600Glu")
    >>> change.reference, change.position, change.alternate, str(change.effect)
    ('V', 600, 'E', 'missense')
    """
    plain = _plain(text)
    if not plain or len(plain) > LONGEST_CHANGE:
        return None
    for reader in (_substitution, _frameshift, _range, _whole_protein, _splice):
        change = reader(plain)
        if change is not None:
            return change
    return None


def _plain(text: str) -> str:
    """Return the change alone: upper case, one letter a residue, no prefix, no brackets."""
    bare = re.sub(r"^.*:", "", text.strip())
    bare = re.sub(r"^[pP]\.", "", bare).replace("%3D", "=").strip("()[] ")
    bare = re.sub(r"(?:(?<=FS)|(?<=[0-9])|^)TER", "*", bare.upper())
    if _THREE_LETTERS.match(bare) or re.match(r"\*[0-9]+(?:" + _THREE + ")", bare):
        bare = _ANY_THREE.sub(lambda found: ONE_LETTER[found.group()], bare)
    return bare


def _substitution(text: str) -> ProteinChange | None:
    found = _SUBSTITUTION.fullmatch(text)
    if not found:
        return None
    reference, position, alternate = found[1], int(found[2]), found[3].replace("X", "*")
    if alternate in {"=", reference}:
        effect, alternate = Effect.SILENT, reference
    elif reference == "*":
        effect = Effect.STOP_LOST
    elif alternate == "*":
        effect = Effect.NONSENSE
    elif (reference, position) == ("M", 1):
        effect = Effect.START_LOST
    else:
        effect = Effect.MISSENSE
    return ProteinChange(effect, reference, position, reference, position, alternate)


def _frameshift(text: str) -> ProteinChange | None:
    found = _FRAMESHIFT.fullmatch(text)
    if not found:
        return None
    reference, position = found[1], int(found[2])
    tail = (found[4] or "").replace("?", "")
    return ProteinChange(
        Effect.FRAMESHIFT, reference, position, reference, position, found[3] or "", tail
    )


_RANGE_EFFECTS = {
    "DEL": Effect.DELETION,
    "INS": Effect.INSERTION,
    "DUP": Effect.DUPLICATION,
    "DELINS": Effect.REPLACEMENT,
    ">": Effect.REPLACEMENT,
}


def _range(text: str) -> ProteinChange | None:
    found = _RANGE.fullmatch(text)
    if not found:
        return None
    reference, position = found[1] or "", int(found[2])
    end_reference = (found[3] or "") if found[4] else reference
    end = int(found[4]) if found[4] else position
    if end < position:
        return None
    effect = _RANGE_EFFECTS[found[5]]
    # What was deleted or doubled follows from the place; only what was inserted is news.
    news = found[6] if effect in {Effect.INSERTION, Effect.REPLACEMENT} else ""
    if "*" in news:
        return ProteinChange(Effect.NONSENSE, reference, position, reference, position, "*")
    return ProteinChange(effect, reference, position, end_reference, end, news)


def _whole_protein(text: str) -> ProteinChange | None:
    if _START.fullmatch(text):
        return ProteinChange(Effect.START_LOST, "M", 1, "M", 1)
    found = _STOP.fullmatch(text)
    if not found:
        return None
    position = int(found[1])
    return ProteinChange(Effect.STOP_LOST, "*", position, "*", position, found[2] or "")


def _splice(text: str) -> ProteinChange | None:
    found = _SPLICE.fullmatch(text)
    if not found:
        return None
    position = int(found[1])
    return ProteinChange(Effect.SPLICE, "", position, "", position)
