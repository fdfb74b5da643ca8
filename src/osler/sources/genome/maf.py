"""Mutations of a tumour, from a Mutation Annotation Format file.

Each record becomes

- `VARIANT//GRCh37//17-7578406-C-T`, text `TP53 p.R175H Missense_Mutation`, with the share of reads
  that carry it as number where the file counts reads;
- `MUTATION//TP53//Missense_Mutation`, text `p.R175H`, where gene and classification are given;
- `GENE_ALTERED//TP53`, text `p.R175H`, if its classification changes the protein.

Positions and alleles are those of MAF, which writes `-` for no base: `17-7579344---G` inserts a G
after base 7579344, `17-29652989-T--` deletes the T at 29652989. They are not moved to the left or
anchored as in VCF, which would need the reference sequence.

A first line `#Sequenced_Samples:` (cBioPortal) gives `SEQUENCED//tumour` for every sample in it, so
that "looked at and without a mutation" is told from "not looked at".

Sources: Mutation Annotation Format 2.4.1, https://docs.gdc.cancer.gov/Encyclopedia/pages/
Mutation_Annotation_Format_TCGAv2/; file formats of cBioPortal, https://docs.cbioportal.org.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from osler.errors import Fault, InputError
from osler.model import CODE_COLUMNS, as_events
from osler.sources.base import Batch, LoadReport, Request
from osler.sources.delimited import DelimitedTable, Dialect
from osler.sources.files import is_parquet, open_binary, parquet_batches, parquet_columns
from osler.sources.samples import SampleMap
from osler.sources.soundness import Duplicates, refuse_each
from osler.sources.values import as_numbers, as_text

SEQUENCED = "SEQUENCED//tumour"
SEQUENCED_LINE = "#sequenced_samples:"

NO_SAMPLE = "no sample"
NOT_MAPPED = "a sample that the sample map does not have"
NO_BUILD = "a genome build other than GRCh37 and GRCh38, or none"
NO_POSITION = "no chromosome or position"
BACKWARD = "not on the forward strand"
NO_ALLELE = "no allele, or not one of A, C, G, T, N and -"
SAME_ALLELE = "reference and tumour allele are the same"
TWO_ALLELES = "two different tumour alleles"
NOT_SOMATIC = "marked as germline, wild type or redacted"
LONG_ALLELE = "alleles over 900 bases"
STATIC = "records without a reported time: static"
UNMAPPED_SEQUENCED = "sequenced samples that the sample map does not have"

MOST_ALLELE_BASES = 900
BUILDS = {
    "37": "GRCh37",
    "grch37": "GRCh37",
    "hg19": "GRCh37",
    "38": "GRCh38",
    "grch38": "GRCh38",
    "hg38": "GRCh38",
}
# MAF 2.4.1 writes this where no gene is within 3 kb.
NO_GENE = "Unknown"
# Ensembl and cBioPortal number the sex chromosomes on; the code has one name for each.
CHROMOSOMES = {"23": "X", "24": "Y", "M": "MT"}
# Classes that change the protein, as in maftools (Mayakonda 2018, Genome Res 28:1747-1756,
# doi:10.1101/gr.239244.118), default of `vc_nonSyn`.
PROTEIN_CHANGING = (
    "Frame_Shift_Del",
    "Frame_Shift_Ins",
    "In_Frame_Del",
    "In_Frame_Ins",
    "Missense_Mutation",
    "Nonsense_Mutation",
    "Nonstop_Mutation",
    "Splice_Site",
    "Translation_Start_Site",
)
# MAF 2.4.1 writes `None` for no mutation; cBioPortal adds the last two.
NOT_MUTATIONS = ("germline", "none", "wildtype", "redacted")

# Name here, names in files (any case), whether a file must have it.
_COLUMNS = (
    ("sample", ("tumor_sample_barcode",), True),
    ("build", ("ncbi_build",), True),
    ("chromosome", ("chromosome", "chrom"), True),
    ("start", ("start_position",), True),
    ("reference", ("reference_allele",), True),
    ("allele_1", ("tumor_seq_allele1",), False),
    ("allele_2", ("tumor_seq_allele2",), True),
    ("strand", ("strand",), False),
    ("status", ("mutation_status",), False),
    ("gene", ("hugo_symbol",), False),
    ("class", ("variant_classification",), False),
    ("protein", ("hgvsp_short", "protein_change", "amino_acid_change"), False),
    ("alt_count", ("t_alt_count",), False),
    ("ref_count", ("t_ref_count",), False),
)
_MAF = Dialect(separator="\t", comment="#", quoted=False)


def read(request: Request) -> Iterator[Batch]:
    """Yield the events, dated at the time reported by the sample map, static without one.

    Raises
    ------
    InputError
        If the file lacks a column of MAF, or the sample map is faulty.
    """
    samples = SampleMap.read(request.samples, request.subjects) if request.samples else None
    duplicates = Duplicates()
    with _table(request) as (sequenced, batches):
        yield from _sequenced(sequenced, samples, request)
        for rows in batches:
            duplicates.add(rows)
            yield _batch(rows, samples, request)
    duplicates.note(request.report)


@contextmanager
def _table(request: Request) -> Iterator[tuple[list[str], Iterator[pl.DataFrame]]]:
    """Open the file: the samples listed as sequenced, and the rows with the names used here."""
    path = request.path
    if is_parquet(path):
        names = _names(parquet_columns(path), path.name)
        rows = parquet_batches(path, request.batch_rows, list(names.values()))
        yield [], (batch.select(**_as(names)) for batch in rows)
        return
    with open_binary(path) as stream:
        table = DelimitedTable(stream, path.name, request.report, _MAF)
        names = _names(list(table.header.columns), path.name)
        rows = table.batches(request.batch_rows)
        yield _listed(table.header.comments), (batch.select(**_as(names)) for batch in rows)


def _as(names: dict[str, str]) -> dict[str, pl.Expr]:
    return {name: pl.col(column) for name, column in names.items()}


def _names(columns: list[str], where: str) -> dict[str, str]:
    plain = {column.lower(): column for column in columns}
    names = {}
    faults = []
    for name, spellings, needed in _COLUMNS:
        found = next((plain[spelling] for spelling in spellings if spelling in plain), None)
        if found is not None:
            names[name] = found
        elif needed:
            faults.append(Fault(f"{where}, column {spellings[0]}", "absent", "a tumour MAF"))
    if faults:
        raise InputError(faults)
    return names


def _listed(comments: tuple[str, ...]) -> list[str]:
    return [
        name
        for line in comments
        if line.lower().startswith(SEQUENCED_LINE)
        for name in line[len(SEQUENCED_LINE) :].split()
    ]


def _sequenced(listed: list[str], samples: SampleMap | None, request: Request) -> Iterator[Batch]:
    """Give one event for each sample listed as sequenced."""
    if not listed:
        return
    names = pl.DataFrame({"sample": listed}).unique(maintain_order=True)
    known = samples or SampleMap.of_names(names["sample"], request.subjects)
    rows = names.join(known.rows, on="sample", maintain_order="left")
    request.report.note(UNMAPPED_SEQUENCED, names.height - rows.height)
    events = as_events(rows.with_columns(code=pl.lit(SEQUENCED)))
    codes = [(SEQUENCED, "Tumour sequenced, whether or not a mutation was found", None)]
    yield Batch(events, pl.DataFrame(codes, schema=CODE_COLUMNS, orient="row"))


def _batch(rows: pl.DataFrame, samples: SampleMap | None, request: Request) -> Batch:
    records = _records(rows)
    known = samples or SampleMap.of_names(records["sample"], request.subjects)
    records = records.join(
        known.rows.with_columns(mapped=True), on="sample", how="left", maintain_order="left"
    )
    reasons = records.select(_reason()).to_series()
    refuse_each(reasons, request.report)
    sound = records.filter(reasons.is_null())
    request.report.loaded += sound.height
    _note_static(sound, request.report)
    return Batch(_events(sound), _described(sound))


def _note_static(records: pl.DataFrame, report: LoadReport) -> None:
    report.note(STATIC, records["time"].null_count())


def _records(rows: pl.DataFrame) -> pl.DataFrame:
    """Bring the columns into one spelling, all as text but for the read counts."""
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
    texts = pl.DataFrame(
        {name: as_text(rows[name]) if name in rows.columns else nothing for name, _, _ in _COLUMNS}
    )
    counts = {name: as_numbers(texts[name]) for name in ("alt_count", "ref_count")}
    chromosome = pl.col("chromosome").str.replace(r"^(?i)chr", "").str.to_uppercase()
    reference, first, second = (
        pl.col(name).str.to_uppercase() for name in ("reference", "allele_1", "allele_2")
    )
    # Allele 1 is the reference or repeats allele 2; it matters where it is the altered one.
    differs = first.is_not_null() & (first != reference)
    alternate = pl.when(second.is_null() | (second == reference) & differs).then(first)
    return texts.with_columns(
        pl.col("gene").replace(NO_GENE, None),
        pl.col("build")
        .str.to_lowercase()
        .str.replace(r"(?:\.p?\d+|-lite)$", "")
        .replace_strict(BUILDS, default=None),
        chromosome.replace(CHROMOSOMES),
        pl.col("start").cast(pl.Int64, strict=False),
        reference=reference,
        alternate=alternate.otherwise(second),
        two=(differs & (second != reference) & (first != second)).fill_null(False),
        **counts,
    )


def _reason() -> pl.Expr:
    """Why a record is refused, the first that applies; null if it is not."""
    reference, alternate = pl.col("reference"), pl.col("alternate")
    allele = r"^(?:-|[ACGTN]+)$"
    checks = (
        (pl.col("sample").is_null(), NO_SAMPLE),
        (pl.col("mapped").is_null() | pl.col("subject_id").is_null(), NOT_MAPPED),
        (pl.col("status").str.to_lowercase().is_in(NOT_MUTATIONS), NOT_SOMATIC),
        (pl.col("build").is_null(), NO_BUILD),
        (~pl.col("chromosome").str.contains(r"^[0-9A-Z_.]+$").fill_null(False), NO_POSITION),
        (~(pl.col("start") > 0).fill_null(False), NO_POSITION),
        (pl.col("strand").is_in(["-", "-1"]), BACKWARD),
        (pl.col("two"), TWO_ALLELES),
        (reference.str.contains(r"[,/]") | alternate.str.contains(r"[,/]"), TWO_ALLELES),
        (~reference.str.contains(allele).fill_null(False), NO_ALLELE),
        (~alternate.str.contains(allele).fill_null(False), NO_ALLELE),
        (reference == alternate, SAME_ALLELE),
        (reference.str.len_bytes() + alternate.str.len_bytes() > MOST_ALLELE_BASES, LONG_ALLELE),
    )
    return pl.coalesce(*(pl.when(fails).then(pl.lit(why)) for fails, why in checks))


def _variant() -> pl.Expr:
    place = pl.concat_str(
        pl.col("chromosome"),
        pl.col("start").cast(pl.String),
        "reference",
        "alternate",
        separator="-",
    )
    return pl.concat_str(pl.lit("VARIANT//"), "build", pl.lit("//"), place)


def _label() -> pl.Expr:
    label = pl.concat_str("gene", "protein", "class", separator=" ", ignore_nulls=True)
    return pl.when(label != "").then(label)


def _events(records: pl.DataFrame) -> pl.DataFrame:
    depth = pl.col("alt_count") + pl.col("ref_count")
    counted = (depth > 0) & (pl.col("alt_count") >= 0) & (pl.col("ref_count") >= 0)
    share = pl.when(counted).then(pl.col("alt_count") / depth)
    own = ("subject_id", "time")
    variants = records.select(
        *own, _variant().alias("code"), numeric_value=share, text_value=_label()
    )
    with_class = records.filter(pl.col("gene").is_not_null(), pl.col("class").is_not_null())
    mutations = with_class.select(*own, _mutation().alias("code"), text_value=pl.col("protein"))
    altered = with_class.filter(pl.col("class").is_in(PROTEIN_CHANGING))
    genes = altered.select(*own, _altered().alias("code"), text_value=pl.col("protein"))
    return pl.concat([as_events(frame) for frame in (variants, mutations, genes)])


def _mutation() -> pl.Expr:
    return pl.concat_str(pl.lit("MUTATION//"), "gene", pl.lit("//"), "class")


def _altered() -> pl.Expr:
    return pl.concat_str(pl.lit("GENE_ALTERED//"), "gene")


def _described(records: pl.DataFrame) -> pl.DataFrame:
    """Describe the codes in words; a variant's parents are what it does to its gene."""
    with_class = records.filter(pl.col("gene").is_not_null(), pl.col("class").is_not_null())
    altered = with_class.filter(pl.col("class").is_in(PROTEIN_CHANGING))
    nobody = pl.lit(None, CODE_COLUMNS["parent_codes"]).alias("parent_codes")
    variants = records.select(
        _variant().alias("code"),
        _label().alias("description"),
        pl.concat_list(_mutation()).list.drop_nulls().alias("parent_codes"),
    )
    mutations = with_class.select(
        _mutation().alias("code"),
        pl.concat_str("class", pl.lit(" of "), "gene").alias("description"),
        pl.concat_list(_altered()).alias("parent_codes"),
    )
    genes = altered.select(
        _altered().alias("code"),
        pl.concat_str(pl.lit("Mutation that changes the protein of "), "gene").alias("description"),
        nobody,
    )
    return pl.concat([variants, mutations, genes]).unique("code", keep="first", maintain_order=True)
