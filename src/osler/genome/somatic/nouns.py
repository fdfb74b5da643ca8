"""The nouns of a tumour: what was altered, what was measured, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from osler.genome.somatic.protein import Effect, ProteinChange, parse_protein

if TYPE_CHECKING:
    import polars as pl

Gene = str
ReceptorStatus = Literal["positive", "negative"]
RECEPTORS = ("ER", "PR", "HER2")

# Classes of the Mutation Annotation Format 2.4.1 that end the protein early.
TRUNCATING = frozenset({"Nonsense_Mutation", "Frame_Shift_Del", "Frame_Shift_Ins"})
# Null variants, criterion PVS1 of Richards et al. 2015, Genet Med 17:405-424,
# doi:10.1038/gim.2015.30.
LOSS = TRUNCATING | {"Splice_Site", "Translation_Start_Site"}
IN_FRAME = frozenset({"In_Frame_Del", "In_Frame_Ins"})
CHANGES_PROTEIN = LOSS | IN_FRAME | {"Missense_Mutation", "Nonstop_Mutation", "Protein_Altering"}


class AlterationKind(StrEnum):
    """How an alteration was seen."""

    SMALL = "small variant"
    COPY_NUMBER = "copy number"
    FUSION = "fusion"
    RECEPTOR = "receptor"
    WILD_TYPE = "wild type"


@dataclass(frozen=True)
class Place:
    """Where in the genome, written as MAF writes it.

    Parameters
    ----------
    start
        From 1. Of an insertion, the base before it.
    reference, alternate
        Empty for no base.
    """

    build: str
    chromosome: str
    start: int
    reference: str
    alternate: str

    @property
    def end(self) -> int:
        """Last base concerned; of an insertion, the base after it."""
        return self.start + max(len(self.reference) - 1, 0 if self.reference else 1)

    @classmethod
    def trimmed(
        cls, build: str, chromosome: str, position: int, reference: str, alternate: str
    ) -> Place:
        """Make a place from alleles as VCF writes them, without the bases that they share.

        Parameters
        ----------
        build
            Name of the reference genome.
        chromosome
            With or without `chr`.
        position
            Of the first base of `reference`, counted from 1.
        reference, alternate
            Bases; empty or `-` where there are none.
        """
        reference, alternate = reference.replace("-", ""), alternate.replace("-", "")
        while reference and alternate and reference[-1] == alternate[-1]:
            reference, alternate = reference[:-1], alternate[:-1]
        while reference and alternate and reference[0] == alternate[0]:
            reference, alternate, position = reference[1:], alternate[1:], position + 1
        if not reference and alternate:
            position -= 1
        plain = chromosome.removeprefix("chr").upper()
        return cls(build, "MT" if plain == "M" else plain, position, reference, alternate)


@dataclass(frozen=True)
class Alteration:
    """Something that is different in the tumour.

    Parameters
    ----------
    gene
        HGNC symbol; of a fusion, the first partner. Empty if the file did not tell.
    classification
        Of a small variant: class as in MAF 2.4.1; None if unknown.
    protein, coding
        HGVS, such as `p.V600E` and `c.1799T>A`; None if unknown.
    exon
        Number of the exon in the file's transcript; None if unknown.
    allele_fraction
        Share of reads that carry it, from 0 to 1; None if not counted.
    depth
        Reads counted.
    partners
        Of a fusion: both genes in the order reported.
    call
        Of copy number: `amplification`, `gain`, `neutral`, `loss`, `deletion` or
        `loss of heterozygosity`; of a receptor: `positive` or `negative`.
    """

    gene: Gene
    kind: AlterationKind = AlterationKind.SMALL
    classification: str | None = None
    protein: str | None = None
    coding: str | None = None
    exon: int | None = None
    place: Place | None = None
    allele_fraction: float | None = None
    depth: int | None = None
    partners: tuple[str, str] | None = None
    call: str | None = None
    copies: float | None = None

    @cached_property
    def change(self) -> ProteinChange | None:
        """The protein change, read; None if none is told or it cannot be read."""
        return parse_protein(self.protein) if self.protein else None

    @property
    def changes_protein(self) -> bool:
        """Whether the protein is changed, as far as the file tells."""
        if self.classification is not None:
            return self.classification in CHANGES_PROTEIN
        return self.change is not None and self.change.effect is not Effect.SILENT

    @property
    def loses_function(self) -> bool:
        """Whether it is of a class that is taken to end the gene's function."""
        if self.classification is not None:
            return self.classification in LOSS
        return self.change is not None and self.change.effect in LOSING_EFFECTS

    @property
    def truncates(self) -> bool:
        """Whether the protein ends early."""
        if self.classification is not None:
            return self.classification in TRUNCATING
        return self.change is not None and self.change.effect in _TRUNCATING

    @property
    def what(self) -> str:
        """The alteration in words, without its gene."""
        if self.kind is AlterationKind.FUSION and self.partners:
            return f"fusion {self.partners[0]}--{self.partners[1]}"
        if self.kind is AlterationKind.RECEPTOR:
            return f"HER2 status {self.call}"
        if self.kind is AlterationKind.WILD_TYPE:
            return "tested, no alteration found"
        if self.kind is AlterationKind.COPY_NUMBER:
            return str(self.call)
        return self.protein or self.coding or self._by_place() or "alteration"

    @property
    def title(self) -> str:
        """The alteration in words, with its gene."""
        alone = {AlterationKind.FUSION, AlterationKind.RECEPTOR}
        return self.what if self.kind in alone else f"{self.gene} {self.what}".strip()

    def _by_place(self) -> str | None:
        if self.place is None:
            return self.classification
        at = self.place
        alleles = f"{at.reference or '-'}>{at.alternate or '-'}"
        return f"{at.build} {at.chromosome}:{at.start} {alleles}"


_TRUNCATING = frozenset({Effect.NONSENSE, Effect.FRAMESHIFT})
LOSING_EFFECTS = _TRUNCATING | {Effect.SPLICE, Effect.START_LOST}


@dataclass(frozen=True)
class Tumour:
    """One tumour and what was measured of it. None everywhere means: not given.

    Parameters
    ----------
    alterations
        Small variants.
    cancer
        Name, synonym or DOID of the disease.
    receptors
        `ER`, `PR`, `HER2` to `positive` or `negative`.
    copy_number, fusions
        Alterations of those kinds; an empty list says that it was tested and nothing was found.
    assayed_genes
        Symbols of the genes that the test covers.
    tmb
        Tumour mutational burden, mutations a megabase.
    msi
        Microsatellite state in words, such as `stable`.
    purity
        Share of tumour cells, from 0 to 1.
    annotated
        Whether genes and protein changes come from an annotation rather than from coordinates.
    notes
        What the reader of the file has to tell.
    """

    alterations: Sequence[Alteration]
    cancer: str
    receptors: Mapping[str, str] = field(default_factory=dict)
    copy_number: Sequence[Alteration] | None = None
    fusions: Sequence[Alteration] | None = None
    assayed_genes: frozenset[Gene] | None = None
    tmb: float | None = None
    msi: str | None = None
    stage: str | None = None
    line: str | None = None
    purity: float | None = None
    sample: str | None = None
    annotated: bool = True
    notes: tuple[str, ...] = ()

    @classmethod
    def from_events(
        cls,
        events: pl.DataFrame,
        cancer: str,
        receptors: Mapping[str, str] | None = None,
        copy_number: Sequence[Alteration] | None = None,
        fusions: Sequence[Alteration] | None = None,
        assayed_genes: frozenset[Gene] | None = None,
        tmb: float | None = None,
        msi: str | None = None,
        stage: str | None = None,
        line: str | None = None,
        purity: float | None = None,
    ) -> Tumour:
        """Make a tumour from one subject's timeline, as the source `genome` writes it.

        Parameters
        ----------
        events
            Rows of `osler.model.EVENT_SCHEMA` of one subject; rows of other codes are passed over.
        """
        from osler.genome.somatic.timeline import alterations_of, notes_of

        return cls(
            alterations_of(events),
            cancer,
            receptors=receptors or {},
            copy_number=copy_number,
            fusions=fusions,
            assayed_genes=assayed_genes,
            tmb=tmb,
            msi=msi,
            stage=stage,
            line=line,
            purity=purity,
            notes=notes_of(events),
        )

    @property
    def everything(self) -> list[Alteration]:
        """All alterations of every kind; a positive HER2 status is one."""
        her2 = self.receptors.get("HER2") == "positive"
        receptor = [Alteration("ERBB2", AlterationKind.RECEPTOR, call="positive")] if her2 else []
        return [*self.alterations, *(self.copy_number or ()), *(self.fusions or ()), *receptor]
