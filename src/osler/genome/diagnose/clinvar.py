"""What ClinVar says of a person's variants, from the VCF that the user supplies.

File: https://ftp.ncbi.nlm.nih.gov/pub/clinvar/README_VCF.txt. Stars:
https://www.ncbi.nlm.nih.gov/clinvar/docs/review_status/.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from osler.errors import Fault, InputError
from osler.genome.diagnose.sites import (
    Agreement,
    Allele,
    Wanted,
    check_build,
    records_at,
    records_with,
)
from osler.sources.vcf import Record, is_bases, open_vcf, trimmed

CODON_REACH = 2
MOST_SYMBOLS = 20

AMBIGUOUS = "ClinVar records of several alleles that do not tell whose class it is, not used"
NUMBERED = "ClinVar records with a class as a number, as before 2017, not used"
DISAGREEING = "variants that ClinVar's file has twice with different classes"


class Significance(Enum):
    """ClinVar's germline classification, as far as it is used."""

    PATHOGENIC = "pathogenic"
    PATHOGENIC_OR_LIKELY = "pathogenic or likely pathogenic"
    LIKELY_PATHOGENIC = "likely pathogenic"
    UNCERTAIN = "uncertain significance"
    CONFLICTING = "conflicting classifications"
    LIKELY_BENIGN = "likely benign"
    BENIGN_OR_LIKELY = "benign or likely benign"
    BENIGN = "benign"
    OTHER = "no classification of pathogenicity"

    @property
    def is_pathogenic(self) -> bool:
        """Whether it is pathogenic, likely so, or either."""
        return self in _PATHOGENIC

    @property
    def is_benign(self) -> bool:
        """Whether it is benign, likely so, or either."""
        return self in _BENIGN


_PATHOGENIC = frozenset(
    {
        Significance.PATHOGENIC,
        Significance.PATHOGENIC_OR_LIKELY,
        Significance.LIKELY_PATHOGENIC,
    }
)
_BENIGN = frozenset(
    {Significance.BENIGN, Significance.BENIGN_OR_LIKELY, Significance.LIKELY_BENIGN}
)
_TERMS = {
    "pathogenic": Significance.PATHOGENIC,
    "likely_pathogenic": Significance.LIKELY_PATHOGENIC,
    "uncertain_significance": Significance.UNCERTAIN,
    "likely_benign": Significance.LIKELY_BENIGN,
    "benign": Significance.BENIGN,
}
_STARS = {
    "practice_guideline": 4,
    "reviewed_by_expert_panel": 3,
    "criteria_provided,_multiple_submitters,_no_conflicts": 2,
    "criteria_provided,_multiple_submitters": 2,
    "criteria_provided,_conflicting_classifications": 1,
    "criteria_provided,_conflicting_interpretations": 1,
    "criteria_provided,_single_submitter": 1,
}
# A comma parts alleles unless an underscore follows, as in `criteria_provided,_single_submitter`.
_BETWEEN_ALLELES = re.compile(r",(?!_)")
_PROTEIN_CHANGED = "missense_variant"


@dataclass(frozen=True)
class Assertion:
    """What ClinVar says of one allele.

    Attributes
    ----------
    id
        ClinVar's variation id, as in the column ID; None without.
    stars
        Of the review status, 0 to 4.
    genes
        Symbols of GENEINFO.
    terms
        Consequences of MC, as terms of the Sequence Ontology.
    """

    allele: Allele
    id: str | None
    significance: Significance
    stars: int
    review: str
    genes: tuple[str, ...]
    terms: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a variant's `clinvar`."""
        return {
            "variation_id": self.id,
            "classification": self.significance.value,
            "stars": self.stars,
            "review_status": self.review,
        }


@dataclass(frozen=True)
class ClinVar:
    """What a ClinVar file says at a person's variants and close to them.

    Attributes
    ----------
    exact
        By allele.
    near
        Pathogenic substitutions by chromosome and position.
    date
        `##fileDate` of the file; None without.
    """

    exact: Mapping[Allele, Assertion]
    near: Mapping[tuple[str, int], tuple[Assertion, ...]]
    date: str | None = None
    name: str = "ClinVar"

    @property
    def source(self) -> str:
        """The file and its date."""
        return f"{self.name}, of {self.date}" if self.date else f"{self.name}, date not told"


def significance_of(text: str) -> Significance:
    """Return the class that a CLNSIG names.

    Examples
    --------
    >>> significance_of("Pathogenic/Likely_pathogenic|risk_factor").value
    'pathogenic or likely pathogenic'
    >>> significance_of("drug_response").value
    'no classification of pathogenicity'
    """
    words = re.split(r"[|/]", text.lower())
    if any(one.startswith("conflicting") for one in words):
        return Significance.CONFLICTING
    # `Pathogenic,_low_penetrance` is of low penetrance, not an established cause by itself.
    found = {_TERMS[one] for one in words if one in _TERMS}
    if len(found) == 1:
        return found.pop()
    if found and found <= _PATHOGENIC:
        return Significance.PATHOGENIC_OR_LIKELY
    if found and found <= _BENIGN:
        return Significance.BENIGN_OR_LIKELY
    return Significance.CONFLICTING if found else Significance.OTHER


def stars_of(review: str) -> int:
    """Return the stars of a CLNREVSTAT; 0 for one that is not known.

    Examples
    --------
    >>> stars_of("criteria_provided,_multiple_submitters,_no_conflicts")
    2
    """
    return _STARS.get(review.lower(), 0)


def pathogenic_places(path: Path, least_stars: int) -> dict[str, set[int]]:
    """Return the positions of what a ClinVar file calls pathogenic or likely so.

    Positions alone are kept, by chromosome without `chr`: some megabytes for all of ClinVar.

    Raises
    ------
    InputError
        If it is no ClinVar VCF, or is cut short.
    """
    with open_vcf(path) as vcf:
        _check_is_clinvar(vcf.header.lines, vcf.where)
    found: dict[str, set[int]] = {}
    for record in records_with(path, b"athogenic"):
        for chromosome, position in _pathogenic_in(record, least_stars):
            found.setdefault(chromosome, set()).add(position)
    return found


def _pathogenic_in(record: Record, least_stars: int) -> list[tuple[str, int]]:
    """Return where a record has something pathogenic; the commonest records by a short way."""
    reference, alternates = record.reference, record.alternates
    if len(alternates) == 1 and 1 in (len(reference), len(alternates[0])):
        told = (record.info("CLNSIG") or "", record.info("CLNREVSTAT") or "")
        wanted = is_bases(alternates[0]) and _is_pathogenic(*told, least_stars)
        return [(record.chromosome, record.position)] if wanted else []
    return [
        (one.allele.chromosome, one.allele.position)
        for one in _assertions(record, Counter())
        if one.significance.is_pathogenic and one.stars >= least_stars
    ]


@lru_cache(maxsize=4096)
def _is_pathogenic(text: str, review: str, least_stars: int) -> bool:
    return significance_of(text).is_pathogenic and stars_of(review) >= least_stars


def read_clinvar(
    path: Path, alleles: Sequence[Allele], build: str | None, notes: Counter[str]
) -> ClinVar:
    """Read what a ClinVar VCF says at the variants, and of substitutions in the same codon.

    Parameters
    ----------
    build
        Of the patient's file.
    notes
        Counts what was doubtful.

    Raises
    ------
    InputError
        If it is no ClinVar VCF, of another build, or cut short.
    """
    wanted = Wanted.around(alleles, CODON_REACH)
    asked = frozenset(alleles)
    agreement = Agreement()
    exact: dict[Allele, Assertion] = {}
    near: dict[tuple[str, int], list[Assertion]] = {}
    with open_vcf(path) as vcf:
        _check_is_clinvar(vcf.header.lines, vcf.where)
        check_build(vcf, build, notes)
        for record in records_at(path, vcf, wanted):
            for one in _assertions(record, notes):
                if not agreement.holds(one.allele, wanted):
                    continue
                if one.allele in asked:
                    exact[one.allele] = _better(exact.get(one.allele), one, notes)
                if one.significance.is_pathogenic and _PROTEIN_CHANGED in one.terms:
                    near.setdefault((one.allele.chromosome, one.allele.position), []).append(one)
        agreement.settle(vcf.where, notes)
        date = _date(vcf.header.lines)
    return ClinVar(exact, {place: tuple(ones) for place, ones in near.items()}, date, path.name)


def _check_is_clinvar(lines: Sequence[bytes], where: str) -> None:
    if not any(line.startswith(b"##INFO=<ID=CLNSIG,") for line in lines):
        remedy = "get clinvar.vcf.gz of the patient's build from NCBI"
        raise InputError(Fault(where, "no field CLNSIG in its header", "a ClinVar VCF", remedy))


def _date(lines: Sequence[bytes]) -> str | None:
    for line in lines:
        if line.startswith(b"##fileDate="):
            return line.partition(b"=")[2].decode("utf-8", "replace").strip() or None
    return None


def _assertions(record: Record, notes: Counter[str]) -> list[Assertion]:
    """Return what a record says of each of its alleles; a class that is of no one is counted."""
    text = record.info("CLNSIG")
    if not text:
        return []
    classes = _shared_out(text, len(record.alternates))
    reviews = _shared_out(record.info("CLNREVSTAT") or "", len(record.alternates))
    if classes is None:
        notes[AMBIGUOUS] += 1
        return []
    if all(one.isdigit() for one in re.split(r"[|/]", classes[0])):
        notes[NUMBERED] += 1
        return []
    found = []
    for which, alternate in enumerate(record.alternates):
        if not is_bases(alternate) or not is_bases(record.reference):
            continue
        review = reviews[which] if reviews else ""
        allele = Allele(record.chromosome, *trimmed(record.position, record.reference, alternate))
        found.append(
            Assertion(
                allele,
                next(iter(record.ids), None),
                significance_of(classes[which]),
                stars_of(review),
                review,
                _genes(record.info("GENEINFO")),
                _terms(record.info("MC")),
            )
        )
    return found


def _shared_out(text: str, count: int) -> list[str] | None:
    """Return a value for each allele; None if there are neither as many values nor one allele."""
    if count == 1:
        return [text]
    values = _BETWEEN_ALLELES.split(text)
    return values if len(values) == count else None


def _better(known: Assertion | None, one: Assertion, notes: Counter[str]) -> Assertion:
    """Return the one with more stars; conflicting if two of equal stars disagree."""
    if known is None:
        return one
    if known.significance is not one.significance:
        notes[DISAGREEING] += 1
    if known.stars != one.stars:
        return max(known, one, key=lambda each: each.stars)
    if known.significance is one.significance:
        return known
    return Assertion(
        known.allele,
        known.id,
        Significance.CONFLICTING,
        known.stars,
        known.review,
        known.genes,
        known.terms,
    )


def _genes(text: str | None) -> tuple[str, ...]:
    """Return the symbols of `BRCA1:672|NBR2:10230`."""
    symbols = [one.partition(":")[0] for one in (text or "").split("|")[:MOST_SYMBOLS]]
    return tuple(dict.fromkeys(filter(None, symbols)))


def _terms(text: str | None) -> tuple[str, ...]:
    """Return the terms of `SO:0001583|missense_variant,SO:0001587|nonsense`."""
    terms = [one.partition("|")[2] for one in (text or "").split(",")]
    return tuple(dict.fromkeys(_AS_ONTOLOGY.get(one, one) for one in terms if one))


# ClinVar calls a gain of a stop codon by another word than the Sequence Ontology.
_AS_ONTOLOGY = {"nonsense": "stop_gained"}
