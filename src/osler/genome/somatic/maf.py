"""Tumours from a Mutation Annotation Format file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from osler.errors import Fault, InputError
from osler.genome.somatic.consequence import classification_of
from osler.genome.somatic.nouns import CHANGES_PROTEIN, Alteration, Place
from osler.genome.somatic.protein import LONGEST_CHANGE
from osler.genome.somatic.timeline import OTHER_CLASSES
from osler.sources.base import LoadReport
from osler.sources.delimited import DelimitedTable, Dialect
from osler.sources.files import is_parquet, open_binary, parquet_batches, parquet_columns
from osler.sources.genome.maf import (
    BUILDS,
    CHROMOSOMES,
    MOST_ALLELE_BASES,
    NO_GENE,
    NOT_MUTATIONS,
    SEQUENCED_LINE,
)
from osler.sources.values import as_text

BATCH_ROWS = 200_000
CLASSES = CHANGES_PROTEIN | OTHER_CLASSES
LONGEST_NAME = 200

# Name here, names in files (any case).
_COLUMNS = {
    "sample": ("tumor_sample_barcode",),
    "gene": ("hugo_symbol",),
    "classification": ("variant_classification",),
    "consequence": ("consequence",),
    "protein": ("hgvsp_short", "protein_change", "amino_acid_change", "hgvsp"),
    "coding": ("hgvsc",),
    "exon": ("exon_number", "exon"),
    "build": ("ncbi_build",),
    "chromosome": ("chromosome", "chrom"),
    "start": ("start_position",),
    "reference": ("reference_allele",),
    "allele_1": ("tumor_seq_allele1",),
    "allele_2": ("tumor_seq_allele2",),
    "strand": ("strand",),
    "status": ("mutation_status",),
    "alt_count": ("t_alt_count",),
    "ref_count": ("t_ref_count",),
}
_NEEDED = ("sample", "gene")
_TELLING = ("classification", "consequence", "protein")
_DIALECT = Dialect(separator="\t", comment="#", quoted=False)
_ALLELE = re.compile(r"[ACGTN]*")
_Row = dict[str, str | None]


@dataclass
class TumourFile:
    """What a file of variants holds.

    Parameters
    ----------
    tumours
        Alterations by sample, in the file's order; a sample without any has an empty list.
    annotated
        Whether genes and protein changes come from the file.
    notes
        What is worth telling, counted (0: said without a count); no sample is named.
    build
        GRCh37 or GRCh38; None if unknown or mixed.
    """

    tumours: dict[str, list[Alteration]] = field(default_factory=dict)
    annotated: bool = True
    notes: Counter[str] = field(default_factory=Counter)
    build: str | None = None

    def told(self) -> tuple[str, ...]:
        """Return the notes in words, the count before what it counts."""
        return tuple(
            f"{count:,} {what}" if count else what for what, count in self.notes.most_common()
        )


def read_maf(path: Path) -> TumourFile:
    """Read a MAF: text, packed or not, or Parquet.

    Raises
    ------
    InputError
        If it cannot be read, or lacks a column without which nothing can be said.
    """
    report = LoadReport()
    found = TumourFile()
    builds: set[str] = set()
    seen: set[tuple[str, Alteration]] = set()
    for row in _rows(path, report, found):
        alteration, why = _alteration(row)
        if why:
            found.notes[why] += 1
        if alteration is None:
            continue
        sample = row["sample"] or ""
        if (sample, alteration) in seen:
            found.notes["records given twice, counted once"] += 1
            continue
        seen.add((sample, alteration))
        builds |= {alteration.place.build} if alteration.place else set()
        found.tumours.setdefault(sample, []).append(alteration)
    found.notes.update({f"rows left out: {why}": count for why, count in report.why.items()})
    found.build = builds.pop() if len(builds) == 1 else None
    return found


def _rows(path: Path, report: LoadReport, found: TumourFile) -> Iterator[_Row]:
    """Yield the rows with the names used here; note the samples listed as sequenced."""
    if is_parquet(path):
        names = _names(parquet_columns(path), path.name)
        for batch in parquet_batches(path, BATCH_ROWS, list(names.values())):
            yield from _named(batch.select(as_text(batch[one]) for one in batch.columns), names)
        return
    with open_binary(path) as stream:
        table = DelimitedTable(stream, path.name, report, _DIALECT)
        for line in table.header.comments:
            if line.lower().startswith(SEQUENCED_LINE):
                for sample in line[len(SEQUENCED_LINE) :].split():
                    found.tumours.setdefault(sample, [])
        names = _names(list(table.header.columns), path.name)
        for batch in table.batches(BATCH_ROWS):
            yield from _named(batch, names)


def _named(batch: pl.DataFrame, names: dict[str, str]) -> Iterator[_Row]:
    empty = dict.fromkeys(_COLUMNS)
    columns = list(names.values())
    for values in batch.select(columns).iter_rows():
        told = (value.strip() or None if value else None for value in values)
        yield {**empty, **dict(zip(names, told, strict=True))}


def _names(columns: list[str], where: str) -> dict[str, str]:
    plain = {column.strip().lower(): column for column in columns}
    names = {}
    for name, spellings in _COLUMNS.items():
        found = next((plain[spelling] for spelling in spellings if spelling in plain), None)
        if found is not None:
            names[name] = found
    faults = [
        Fault(f"{where}, column {_COLUMNS[name][0]}", "absent", "a tumour MAF")
        for name in _NEEDED
        if name not in names
    ]
    if not any(name in names for name in _TELLING):
        faults.append(
            Fault(
                f"{where}, columns Variant_Classification and HGVSp_Short",
                "both absent",
                "at least one of them",
                "annotate the variants, with VEP and vcf2maf or with SnpEff",
            )
        )
    if faults:
        raise InputError(faults)
    return names


def _alteration(row: _Row) -> tuple[Alteration | None, str | None]:
    """Return the alteration of a row, and what is to be told of it."""
    if not row["sample"]:
        return None, "records without a sample, left out"
    gene = row["gene"]
    if gene is None or gene == NO_GENE or len(gene) > LONGEST_NAME:
        return None, "records without a gene, left out"
    if (row["status"] or "").lower() in NOT_MUTATIONS:
        return None, "records marked as germline, wild type or redacted, left out"
    classification, why = _classification(row)
    share, depth = _reads(row["alt_count"], row["ref_count"])
    alteration = Alteration(
        gene,
        classification=classification,
        protein=_short(row["protein"]),
        coding=_short(row["coding"]),
        exon=exon_of(row["exon"]),
        place=_place(row),
        allele_fraction=share,
        depth=depth,
    )
    return alteration, why


def _classification(row: _Row) -> tuple[str | None, str | None]:
    told = row["classification"]
    if told in CLASSES:
        return told, None
    alleles = (row["reference"] or "", row["allele_2"] or "")
    for terms in (told, row["consequence"]):
        found = classification_of(terms, *alleles) if terms else None
        if found:
            return found, None
    return None, "records of a class unknown here, read by their protein change alone"


def _short(text: str | None) -> str | None:
    """Return a change, or nothing where a file writes a dot or something endless."""
    if text is None or text in {".", "-", "NA"} or len(text) > LONGEST_CHANGE:
        return None
    return text


def exon_of(text: str | None) -> int | None:
    """Return the exon of `15/18` or `15`; None of anything else."""
    found = re.fullmatch(r"([0-9]{1,4})(?:/[0-9]{1,4})?", (text or "").strip())
    return int(found[1]) if found else None


def _reads(alternate: str | None, reference: str | None) -> tuple[float | None, int | None]:
    counts = [one for one in (alternate, reference) if one and re.fullmatch(r"[0-9]{1,9}", one)]
    if len(counts) < 2:
        return None, None
    depth = int(counts[0]) + int(counts[1])
    return (int(counts[0]) / depth, depth) if depth else (None, None)


def _place(row: _Row) -> Place | None:
    """Return the place, if all of it is told and can be true."""
    build = BUILDS.get(re.sub(r"\.p?[0-9]+$", "", (row["build"] or "").lower()))
    start, reference = row["start"], (row["reference"] or "").upper().replace("-", "")
    first, second = ((row[name] or "").upper() for name in ("allele_1", "allele_2"))
    alternate = (second if second.replace("-", "") != reference else first).replace("-", "")
    if build is None or not row["chromosome"] or not re.fullmatch(r"[0-9]{1,10}", start or ""):
        return None
    if row["strand"] in {"-", "-1"} or not (row["reference"] and (first or second)):
        return None
    alleles = (reference, alternate)
    sound = all(_ALLELE.fullmatch(one) and len(one) <= MOST_ALLELE_BASES for one in alleles)
    if not sound or reference == alternate:
        return None
    chromosome = row["chromosome"].removeprefix("chr").upper()
    # MAF gives the base before an insertion, VCF's way of counting the one after it.
    position = int(start or 0) + (0 if reference else 1)
    return Place.trimmed(build, CHROMOSOMES.get(chromosome, chromosome), position, *alleles)
