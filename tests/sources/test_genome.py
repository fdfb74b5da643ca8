"""Mutations of tumours become events, dated when they were reported."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from osler.errors import InputError
from osler.model import end_of_day
from osler.sources import genome
from osler.sources.genome import GenomeSource

Load = Callable[..., Any]

TP53 = {
    "Hugo_Symbol": "TP53",
    "NCBI_Build": "GRCh37",
    "Chromosome": "17",
    "Start_Position": "7578406",
    "Strand": "+",
    "Variant_Classification": "Missense_Mutation",
    "Reference_Allele": "C",
    "Tumor_Seq_Allele1": "C",
    "Tumor_Seq_Allele2": "T",
    "Tumor_Sample_Barcode": "S1",
    "Mutation_Status": "Somatic",
    "HGVSp_Short": "p.R175H",
    "t_ref_count": "60",
    "t_alt_count": "20",
}
HEADER = tuple(TP53)


def _maf(*records: dict[str, str], first: str = "#version 2.4\n") -> str:
    rows = [
        "\t".join(HEADER),
        *("\t".join((TP53 | one)[name] for name in HEADER) for one in records),
    ]
    return first + "\n".join(rows) + "\n"


@pytest.fixture
def read(tmp_path: Path, load: Load) -> Load:
    """Return a function that reads a MAF and a sample map given as text."""

    def _read(maf: str | bytes, samples: str | None = None, name: str = "a.maf") -> Any:
        path, known = tmp_path / name, tmp_path / "samples.csv"
        path.write_bytes(maf.encode() if isinstance(maf, str) else maf)
        if samples is not None:
            known.write_text(samples)
        return load(GenomeSource(), path, samples=known if samples is not None else None)

    return _read


def test_one_record(read: Load) -> None:
    """A record gives the variant with its read share, the mutation of its gene, and the gene."""
    loaded = read(_maf({}), "sample,subject_id,time reported\nS1,7,2020-03-05\n")
    reported = end_of_day(date(2020, 3, 5))
    assert loaded.events.rows() == [
        (7, reported, "VARIANT//GRCh37//17-7578406-C-T", 0.25, "TP53 p.R175H Missense_Mutation"),
        (7, reported, "MUTATION//TP53//Missense_Mutation", None, "p.R175H"),
        (7, reported, "GENE_ALTERED//TP53", None, "p.R175H"),
    ]
    assert loaded.report.to_json()["read"] == loaded.report.loaded == 1
    assert loaded.report.notes == {}


def test_codes_are_described(read: Load) -> None:
    """Every code of the events comes with words, and a variant's parent is what it does."""
    codes = read(_maf({})).batches[0].codes
    assert dict(codes.select("code", "description").rows()) == {
        "VARIANT//GRCh37//17-7578406-C-T": "TP53 p.R175H Missense_Mutation",
        "MUTATION//TP53//Missense_Mutation": "Missense_Mutation of TP53",
        "GENE_ALTERED//TP53": "Mutation that changes the protein of TP53",
    }
    assert codes["parent_codes"].to_list() == [
        ["MUTATION//TP53//Missense_Mutation"],
        ["GENE_ALTERED//TP53"],
        None,
    ]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"NCBI_Build": "hg38", "Chromosome": "chr17"}, "GRCh38//17-7578406-C-T"),
        ({"NCBI_Build": "GRCh38.p13"}, "GRCh38//17-7578406-C-T"),
        ({"NCBI_Build": "37"}, "GRCh37//17-7578406-C-T"),
        ({"Chromosome": "23"}, "GRCh37//X-7578406-C-T"),
        ({"Chromosome": "chrM"}, "GRCh37//MT-7578406-C-T"),
        ({"Reference_Allele": "-", "Tumor_Seq_Allele1": "-"}, "GRCh37//17-7578406---T"),
        ({"Tumor_Seq_Allele2": "-"}, "GRCh37//17-7578406-C--"),
        ({"Tumor_Seq_Allele1": "T"}, "GRCh37//17-7578406-C-T"),
        ({"Tumor_Seq_Allele1": "T", "Tumor_Seq_Allele2": "C"}, "GRCh37//17-7578406-C-T"),
        ({"Tumor_Seq_Allele1": "T", "Tumor_Seq_Allele2": ""}, "GRCh37//17-7578406-C-T"),
        ({"Tumor_Seq_Allele1": "", "Tumor_Seq_Allele2": "t"}, "GRCh37//17-7578406-C-T"),
    ],
)
def test_spellings(read: Load, record: dict[str, str], code: str) -> None:
    """Builds, chromosomes and alleles have one spelling, whatever the file's."""
    assert read(_maf(record)).codes[0] == f"VARIANT//{code}"


def test_silent_and_intergenic(read: Load) -> None:
    """A silent mutation alters no gene; without a gene there is only the variant."""
    assert read(_maf({"Variant_Classification": "Silent"})).codes[1:] == ["MUTATION//TP53//Silent"]
    assert read(_maf({"Hugo_Symbol": "Unknown", "HGVSp_Short": ""})).events.rows() == [
        (-1_000_001, None, "VARIANT//GRCh37//17-7578406-C-T", 0.25, "Missense_Mutation")
    ]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"Tumor_Sample_Barcode": ""}, genome.NO_SAMPLE),
        ({"Tumor_Sample_Barcode": "S9"}, genome.NOT_MAPPED),
        ({"NCBI_Build": "hg18"}, genome.NO_BUILD),
        ({"NCBI_Build": ""}, genome.NO_BUILD),
        ({"Start_Position": ""}, genome.NO_POSITION),
        ({"Start_Position": "0"}, genome.NO_POSITION),
        ({"Start_Position": "7e6x"}, genome.NO_POSITION),
        ({"Chromosome": ""}, genome.NO_POSITION),
        ({"Chromosome": "17//18"}, genome.NO_POSITION),
        ({"Strand": "-"}, genome.BACKWARD),
        ({"Tumor_Seq_Allele2": "C"}, genome.SAME_ALLELE),
        ({"Tumor_Seq_Allele1": "G"}, genome.TWO_ALLELES),
        ({"Tumor_Seq_Allele2": "T,G"}, genome.TWO_ALLELES),
        ({"Tumor_Seq_Allele1": "", "Tumor_Seq_Allele2": ""}, genome.NO_ALLELE),
        ({"Reference_Allele": "=CMD()", "Tumor_Seq_Allele1": ""}, genome.NO_ALLELE),
        ({"Reference_Allele": "A" * 901, "Tumor_Seq_Allele1": ""}, genome.LONG_ALLELE),
        ({"Mutation_Status": "Germline"}, genome.NOT_SOMATIC),
        ({"Mutation_Status": "Wildtype"}, genome.NOT_SOMATIC),
    ],
)
def test_refused(read: Load, record: dict[str, str], reason: str) -> None:
    """A record that does not say plainly what was found is refused with the reason."""
    report = read(_maf(record, {}), "sample,subject_id,time\nS1,7,2020-03-05\n").report
    assert report.why == {reason: 1}
    assert report.loaded == 1


def test_read_counts_that_say_nothing(read: Load) -> None:
    """No depth, or counts that are no numbers, give no share of reads."""
    for counts in ({"t_ref_count": "0", "t_alt_count": "0"}, {"t_alt_count": "."}):
        assert read(_maf(counts)).events["numeric_value"][0] is None


def test_without_a_sample_map(read: Load) -> None:
    """Samples are their own subjects and events are static, which is told."""
    loaded = read(_maf({}, {"Tumor_Sample_Barcode": "12"}))
    assert loaded.events["time"].null_count() == loaded.events.height
    assert set(loaded.events["subject_id"]) == {loaded.ids.names["S1"], 12}
    assert loaded.report.notes == {genome.STATIC: 2}


def test_sequenced_samples(read: Load) -> None:
    """Samples listed as sequenced are known negatives; those not in the map are told."""
    first = "#Sequenced_Samples: S1 S2\tS3\n"
    samples = "sample,subject_id,time\nS1,1,2020-03-05\nS2,2,\n"
    loaded = read(_maf({}, first=first), samples)
    sequenced = loaded.events.filter(pl.col("code") == genome.SEQUENCED)
    assert sequenced.select("subject_id", "time").rows() == [
        (1, end_of_day(date(2020, 3, 5))),
        (2, None),
    ]
    assert loaded.report.notes == {genome.UNMAPPED_SEQUENCED: 1}
    assert loaded.report.read == 1


def test_times_of_a_sample_map(read: Load) -> None:
    """A reported time with a clock is kept; a tab-separated map does as well."""
    loaded = read(_maf({}), "sample\tsubject_id\treported\nS1\t7\t2020-03-05T10:00:00\n")
    assert loaded.events["time"][0] == datetime(2020, 3, 5, 10)


def test_faults_of_a_sample_map(read: Load) -> None:
    """All faults of the sample map at once, counted and without names."""
    samples = "sample,subject_id,time\nS1,1,\nS1,2,\n,3,\nS4,,\nS5,5,9999-01-01\nS6,6,soon\n"
    with pytest.raises(InputError) as raised:
        read(_maf({}), samples)
    assert [fault.came for fault in raised.value.faults] == [
        "1 rows without a sample",
        "1 samples without a subject",
        "2 rows that repeat a sample with another subject or time",
        "2 times that cannot be read",
    ]
    with pytest.raises(InputError, match="column sample: absent"):
        read(_maf({}), "barcode,subject_id\n")
    with pytest.raises(InputError, match="no rows"):
        read(_maf({}), "sample,subject_id\n")
    with pytest.raises(InputError, match="wrong number of columns"):
        read(_maf({}), "sample,subject_id\nS1\n")


def test_a_vcf_without_column_names_is_no_maf_either(read: Load) -> None:
    """A VCF that ends in its header is refused as the VCF that it is, packed or not."""
    for content in (b"##fileformat=VCFv4.2\n", gzip.compress(b"##fileformat=VCFv4.2\n")):
        with pytest.raises(InputError, match="no line of column names"):
            read(content, name="a.maf")


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (b"", "empty"),
        (b"#only\n", "only comments"),
        (b"Hugo_Symbol\tChromosome\nTP53\t17\n", "column ncbi_build: absent"),
        (gzip.compress(_maf({}).encode(), mtime=0)[:-12], "ends too early"),
    ],
)
def test_no_maf(read: Load, content: bytes, came: str) -> None:
    """Empty, truncated and foreign files are refused whole."""
    with pytest.raises(InputError, match=came):
        read(content)


def test_packed_and_parquet(read: Load, tmp_path: Path, load: Load) -> None:
    """Text, gzip and Parquet of the same records give the same events."""
    plain = read(_maf({}, {"Start_Position": "5"}))
    packed = read(gzip.compress(_maf({}, {"Start_Position": "5"}).encode()))
    rows = pl.DataFrame([TP53, TP53 | {"Start_Position": "5"}])
    rows = rows.with_columns(pl.col("Start_Position").cast(pl.Int64))
    rows.write_parquet(tmp_path / "a.parquet")
    table = load(GenomeSource(), tmp_path / "a.parquet")
    assert plain.events.equals(packed.events)
    assert plain.events.equals(table.events)


def test_duplicates_are_kept_and_told(read: Load) -> None:
    """The same record twice is loaded twice and told."""
    report = read(_maf({}, {})).report
    assert report.loaded == 2
    assert report.notes["exact duplicate rows kept"] == 1


def test_only_a_header(read: Load) -> None:
    """A file without records loads nothing, but its list of sequenced samples counts."""
    loaded = read(_maf(first="#Sequenced_Samples: S1\n"))
    assert loaded.report.read == 0
    assert loaded.codes == [genome.SEQUENCED]


@pytest.mark.skipif(not os.environ.get("OSLER_DATA"), reason="needs OSLER_DATA")
def test_metabric(load: Load) -> None:
    """All 17,272 mutations of METABRIC load, 2,509 samples are listed as sequenced."""
    folder = Path(os.environ["OSLER_DATA"]) / "clinical" / "metabric"
    loaded = load(GenomeSource(), folder / "data_mutations_extended.txt")
    assert loaded.report.loaded == 17_272
    assert loaded.report.refused == 0
    assert loaded.codes.count(genome.SEQUENCED) == 2_509
    assert "VARIANT//GRCh37//17-7579344---G" in set(loaded.codes)
