"""Annotations of a VCF: the INFO fields CSQ of VEP and ANN of SnpEff."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from osler.genome.somatic.consequence import classification_of, severity
from osler.genome.somatic.maf import exon_of

VEP, SNPEFF = "CSQ", "ANN"
# SnpEff's fields, in the order of its standard: Cingolani et al. 2015, "Variant annotations in VCF
# format", version 1.0, pcingola.github.io/SnpEff/adds/VCFannotationformat_v1.0.pdf.
_SNPEFF_FIELDS = (
    "Allele",
    "Consequence",
    "IMPACT",
    "SYMBOL",
    "Gene",
    "Feature_type",
    "Feature",
    "BIOTYPE",
    "EXON",
    "HGVSc",
    "HGVSp",
)
CODING = "protein_coding"


@dataclass(frozen=True)
class Annotated:
    """What an annotation says of one allele: None where it does not say."""

    gene: str
    classification: str | None
    protein: str | None
    coding: str | None
    exon: int | None


@dataclass(frozen=True)
class Annotation:
    """How a file is annotated: the INFO field and the names of its parts."""

    field: str
    parts: tuple[str, ...]

    def read(self, text: str, reference: str, alternates: Sequence[str], which: int) -> list[str]:
        """Return the entries of the field that speak of one of the alternates."""
        return [
            entry
            for entry in text.split(",")
            if self._is_of(self.split(entry), reference, alternates, which)
        ]

    def split(self, entry: str) -> dict[str, str]:
        """Return an entry by the names of its parts."""
        values = entry.split("|")
        return {name: value.strip() for name, value in zip(self.parts, values, strict=False)}

    def _is_of(
        self, told: Mapping[str, str], reference: str, alternates: Sequence[str], which: int
    ) -> bool:
        """Tell whether an entry is of the alternate, by number or by its bases."""
        if told.get("ALLELE_NUM", "").isdigit():
            return int(told["ALLELE_NUM"]) == which + 1
        if len(alternates) == 1:
            return True
        allele, alternate = told.get("Allele", ""), alternates[which]
        # VEP leaves out the first base that reference and alternate share.
        shared = reference[:1] == alternate[:1] and len(reference) != len(alternate)
        return allele in {alternate, (alternate[1:] or "-") if shared else alternate}


def annotation_of(descriptions: Mapping[str, str]) -> Annotation | None:
    """Return how a file is annotated, by the descriptions of its INFO fields; None if it is not."""
    described = descriptions.get(VEP)
    if described is not None:
        found = re.search(r"Format:\s*([^\"]+)", described)
        if found:
            parts = tuple(one.strip() for one in found[1].split("|"))
            if {"Consequence", "SYMBOL"} <= set(parts):
                return Annotation(VEP, parts)
    return Annotation(SNPEFF, _SNPEFF_FIELDS) if SNPEFF in descriptions else None


def chosen(
    annotation: Annotation, text: str, reference: str, alternates: Sequence[str], which: int
) -> Annotated | None:
    """Return what the entry of one transcript says of an allele; None if there is none.

    Of several: the one that VEP picked, else MANE Select, else canonical, else protein coding,
    else the most severe, else the first.
    """
    told = [
        annotation.split(entry)
        for entry in annotation.read(text, reference, alternates, which)
        if entry
    ]
    named = [one for one in told if one.get("SYMBOL")]
    if not named:
        return None
    best = min(named, key=_preference)
    return Annotated(
        best["SYMBOL"],
        classification_of(best.get("Consequence", ""), reference, alternates[which]),
        _told(best.get("HGVSp")),
        _told(best.get("HGVSc")),
        exon_of(best.get("EXON")),
    )


def _preference(told: Mapping[str, str]) -> tuple[bool, bool, bool, bool, int]:
    return (
        told.get("PICK") != "1",
        not told.get("MANE_SELECT"),
        told.get("CANONICAL") != "YES",
        told.get("BIOTYPE") not in {CODING, None},
        severity(told.get("Consequence", "")),
    )


def _told(text: str | None) -> str | None:
    """Return a change without its transcript, decoded; None if there is none."""
    if not text:
        return None
    return unquote(text).rpartition(":")[2] or None
