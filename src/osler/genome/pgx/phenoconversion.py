"""What a CYP2D6 inhibitor on the medication list makes of the genotype.

A strong inhibitor leaves nearly no activity: the activity score becomes 0, a poor metaboliser. A
moderate one halves the score. The result stands beside that of the genotype, never in its place:
the genes have not changed, and the inhibitor may be stopped.

References
----------
Cicali et al. 2021, Clinical Pharmacology and Therapeutics 110:677-687, doi:10.1002/cpt.2354, for
the rule; Cicali et al. 2020, Clinical Pharmacology and Therapeutics 108:116-125,
doi:10.1002/cpt.1768, for the strengths of FDA's table and how well each is supported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from osler.errors import Fault, InputError
from osler.genome.pgx.phenotype import Phenotype, PhenotypeTable, Score

GENE = "CYP2D6"
Strength = Literal["strong", "moderate", "weak", "none"]
STRENGTHS: tuple[Strength, ...] = ("strong", "moderate", "weak", "none")
FACTORS = {"strong": 0.0, "moderate": 0.5}
LARGEST_FILE_BYTES = 4 << 20
LONGEST_FIELD = 200

FDA = "FDA, Drug Development and Drug Interactions: Table of Substrates, Inhibitors and Inducers"
INHIBITORS: Mapping[str, Strength] = {
    "bupropion": "strong",
    "fluoxetine": "strong",
    "paroxetine": "strong",
    "quinidine": "strong",
    "cinacalcet": "moderate",
    "duloxetine": "moderate",
    "mirabegron": "moderate",
}
"""Drugs on whose strength FDA's table and those who reviewed it agree.

Of others, such as terbinafine and abiraterone, the sources differ: their strength is asked of the
user. A drug that is not here is not thereby free of inhibition.
"""


@dataclass(frozen=True)
class Medication:
    """A drug that the patient takes, and how strongly the list says that it inhibits CYP2D6."""

    drug: str
    strength: Strength | None = None


@dataclass(frozen=True)
class Inhibitor:
    """A drug that inhibits CYP2D6, how strongly, and who says so."""

    drug: str
    strength: Strength
    source: str


@dataclass(frozen=True)
class Phenoconversion:
    """What the inhibitors on the list make of CYP2D6.

    Attributes
    ----------
    phenotypes
        Of each reading of the genotype, in its order.
    not_known
        Drugs on the list of which nothing is known here.
    """

    inhibitors: tuple[Inhibitor, ...]
    phenotypes: tuple[Phenotype, ...]
    not_known: tuple[str, ...]
    caveats: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `phenoconversion` in `pgx.json`, without its advice."""
        return {
            "gene": GENE,
            "inhibitors": [vars(one) for one in self.inhibitors],
            "phenotypes": [
                {"phenotype": one.name, "activity_score": one.activity_score}
                for one in self.phenotypes
            ],
            "strength_not_known": list(self.not_known),
            "caveats": list(self.caveats),
        }


def read_medications(path: Path) -> tuple[Medication, ...]:
    """Read a medication list: one drug a line, after a tab the strength of its inhibition, or none.

    Raises
    ------
    InputError
        If it cannot be read or a line is malformed; every fault is told, none with its content.
    """
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise InputError(Fault(str(path), "more than 4 MiB", "a medication list"))
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        why = error.strerror or "an error of the system"
        raise InputError(Fault(str(path), why, "a medication list")) from error
    except UnicodeDecodeError as error:
        raise InputError(Fault(str(path), "not text in UTF-8", "tab-separated text")) from error
    return medications(line for line in lines if line.strip() and not line.startswith("#"))


def medications(lines: Iterable[str]) -> tuple[Medication, ...]:
    r"""Return the medications that lines name.

    Examples
    --------
    >>> medications(["paroxetine", "terbinafine\tstrong"])[1]
    Medication(drug='terbinafine', strength='strong')
    """
    found, faults = [], []
    for number, line in enumerate(lines, 1):
        where = f"medication {number}"
        cells = [cell.strip() for cell in line.split("\t")]
        told = cells[1].lower() if len(cells) > 1 else ""
        strength = next((one for one in STRENGTHS if one == told), None)
        if len(cells) > 2:
            faults.append(
                Fault(where, f"{len(cells)} fields", "a drug, and a strength after a tab")
            )
        elif not cells[0] or len(cells[0]) > LONGEST_FIELD or not cells[0].isprintable():
            faults.append(Fault(where, "no drug", "a drug's name"))
        elif told and strength is None:
            faults.append(Fault(f"{where}, strength", "something else", ", ".join(STRENGTHS)))
        found.append(Medication(cells[0], strength))
    if faults:
        raise InputError(faults)
    return tuple(dict.fromkeys(found))


def inhibitors_among(taken: Iterable[Medication]) -> tuple[tuple[Inhibitor, ...], tuple[str, ...]]:
    """Return the inhibitors on a list, the strongest first, and the drugs nothing is known of."""
    found, not_known = [], []
    for one in taken:
        ingredient = _listed(one.drug)
        if one.strength is not None:
            found.append(Inhibitor(one.drug, one.strength, "the medication list"))
        elif ingredient is not None:
            found.append(Inhibitor(one.drug, INHIBITORS[ingredient], FDA))
        else:
            not_known.append(one.drug)
    return tuple(sorted(found, key=lambda one: STRENGTHS.index(one.strength))), tuple(not_known)


def _listed(drug: str) -> str | None:
    """Return the inhibitor that a drug's name has as a word, whatever its salt and strength."""
    words = set(re.findall(r"[a-z]+", drug.lower()))
    return next((one for one in INHIBITORS if one in words), None)


def convert(
    taken: Iterable[Medication], genotype: Iterable[Phenotype], table: PhenotypeTable | None
) -> Phenoconversion | None:
    """Return what the list makes of CYP2D6; None if the list is empty.

    Parameters
    ----------
    genotype
        What each reading of CYP2D6 means; none where it was not called.
    """
    listed = tuple(taken)
    if not listed:
        return None
    inhibitors, not_known = inhibitors_among(listed)
    caveats = []
    if not_known:
        caveats.append("drugs whose strength is not known here are not thereby free of inhibition")
    readings = tuple(dict.fromkeys(genotype))
    strongest = inhibitors[0].strength if inhibitors else "none"
    if strongest not in FACTORS or table is None:
        return Phenoconversion(inhibitors, (), not_known, (*caveats, "no strong or moderate one"))
    if not readings and strongest == "moderate":
        caveats.append("CYP2D6 is not known, and half of an unknown score is unknown")
    if not readings and strongest == "strong":
        readings = (Phenotype(None, None),)
        caveats.append("CYP2D6 is not known: a strong inhibitor alone makes a poor metaboliser")
    caveats.append("beside the genotype, not in its place; it ends when the inhibitor is stopped")
    converted = tuple(_converted(one, FACTORS[strongest], table) for one in readings)
    return Phenoconversion(inhibitors, tuple(dict.fromkeys(converted)), not_known, tuple(caveats))


def _converted(one: Phenotype, factor: float, table: PhenotypeTable) -> Phenotype:
    if factor == 0:
        return table.of_score(Score(0.0))
    if one.activity_score is None:
        return Phenotype(None, notes=("without an activity score there is nothing to halve",))
    at_least = any(key.startswith("≥") for key in one.lookups)
    return table.of_score(Score(one.activity_score * factor, at_least))
