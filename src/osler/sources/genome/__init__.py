"""Genomes: mutations of a tumour from a MAF, variants of a person or a tumour from a VCF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from osler.sources.base import Batch, Request
from osler.sources.genome import maf, vcf
from osler.sources.genome.maf import (
    BACKWARD,
    BUILDS,
    CHROMOSOMES,
    LONG_ALLELE,
    MOST_ALLELE_BASES,
    NO_ALLELE,
    NO_BUILD,
    NO_GENE,
    NO_POSITION,
    NO_SAMPLE,
    NOT_MAPPED,
    NOT_MUTATIONS,
    NOT_SOMATIC,
    PROTEIN_CHANGING,
    SAME_ALLELE,
    SEQUENCED,
    SEQUENCED_LINE,
    STATIC,
    TWO_ALLELES,
    UNMAPPED_SEQUENCED,
)

__all__ = [
    "BACKWARD",
    "BUILDS",
    "CHROMOSOMES",
    "LONG_ALLELE",
    "MOST_ALLELE_BASES",
    "NOT_MAPPED",
    "NOT_MUTATIONS",
    "NOT_SOMATIC",
    "NO_ALLELE",
    "NO_BUILD",
    "NO_GENE",
    "NO_POSITION",
    "NO_SAMPLE",
    "PROTEIN_CHANGING",
    "SAME_ALLELE",
    "SEQUENCED",
    "SEQUENCED_LINE",
    "STATIC",
    "TWO_ALLELES",
    "UNMAPPED_SEQUENCED",
    "GenomeSource",
]


class GenomeSource:
    """Reads a tumour MAF (text, packed or Parquet) or a VCF, with an optional sample map."""

    name: ClassVar[str] = "genome"
    describes: ClassVar[str] = (
        "a VCF (.vcf, .vcf.gz, .bcf) or a tumour MAF (.maf, .txt, .tsv, packed or not, or .parquet)"
    )

    def files(self, path: Path) -> list[Path]:
        """Return the file.

        Raises
        ------
        InputError
            If it is not there, or a folder.
        """
        vcf.is_for_here(path)
        return [path]

    def read(self, request: Request) -> Iterator[Batch]:
        """Yield the events, dated at the time reported by the sample map, static without one.

        Raises
        ------
        InputError
            If the file is no whole VCF of a known build, or lacks a column of MAF, or the sample
            map is faulty.
        """
        if vcf.is_for_here(request.path):
            yield from vcf.read(request)
        else:
            yield from maf.read(request)
