"""A variant file is opened, and its records come in order or by region."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from osler.errors import InputError
from osler.sources.vcf import Stored, is_vcf, open_vcf
from osler.sources.vcf.opening import (
    CUT_LINE,
    MALFORMED_LINE,
    NO_CONTIGS,
    NO_END_MARKER,
    NO_FILEFORMAT,
)

Write = Callable[..., Path]
RECORD = "chr7 100 rs1;x A G 50 PASS DP=7;DB GT 0/1"


def _positions(path: Path, regions: list[tuple[str, int, int]] | None = None) -> list[int]:
    with open_vcf(path) as vcf:
        return [record.position for record in vcf.records(regions)]


def test_a_file_is_read_the_same_however_it_is_packed(vcf: Write, packing: str) -> None:
    """Samples, build and records do not depend on the packing."""
    path = vcf([RECORD, "chr7 101 . C <DEL> . q10 END=200 GT ./."], packing=packing)
    with open_vcf(path) as opened:
        first, second = opened.records()
        assert (opened.samples, opened.build) == (("S1",), "GRCh38")
        assert not opened.notes
    assert (first.chromosome, first.contig, first.position) == ("7", "chr7", 100)
    assert (first.ids, first.alleles, first.quality) == (("rs1", "x"), ("A", "G"), 50.0)
    assert (first.info("DP"), first.info("DB"), first.info("D")) == ("7", "", None)
    assert (first.filters, second.filters) == ((), ("q10",))
    assert (second.end, second.quality, second.ids) == (200, None, ())
    assert is_vcf(path)


def test_records_can_be_asked_for_twice(vcf: Write, packing: str) -> None:
    """A second pass reads the file from its beginning."""
    with open_vcf(vcf([RECORD], packing=packing)) as opened:
        assert [len(list(opened.records())) for _ in range(3)] == [1, 1, 1]


def test_regions_give_what_reaches_into_them(vcf: Write) -> None:
    """A deletion and a block of reference that begin before a region are in it; others are not."""
    records = [
        "chr7 10 . A <NON_REF> . . END=60 GT 0/0",
        "chr7 48 . ACGT A . . . GT 0/1",
        "chr7 49 . A G . . . GT 0/1",
        "chr7 55 . A G . . . GT 0/1",
        "chr7 61 . A G . . . GT 0/1",
        "8 55 . A G . . . GT 0/1",
        "MT 55 . A G . . . GT 1",
    ]
    path = vcf(records)
    assert _positions(path, [("7", 50, 60)]) == [10, 48, 55]
    assert _positions(path, [("8", 1, 99), ("MT", 1, 99)]) == [55, 55]
    assert _positions(path, []) == []


def test_names_of_chromosomes_are_one(vcf: Write) -> None:
    """`chrM` is MT, `chrX` is X, and a region finds either."""
    path = vcf(["chrM 5 . A G . . . GT 1", "chrx 6 . A G . . . GT 1"])
    with open_vcf(path) as opened:
        found = [one.chromosome for one in opened.records([("MT", 1, 9), ("X", 1, 9)])]
    assert found == ["MT", "X"]


def test_lower_case_is_the_same_base_and_symbolic_alleles_stay(vcf: Write) -> None:
    """Bases come in upper case; `<DEL>`, `*` and no alternate are told as they are."""
    records = ["7 1 . a g,<DEL>,*,n . . . GT 0/1", "7 2 . A . . . . GT 0/0"]
    with open_vcf(vcf(records)) as opened:
        first, second = opened.records()
    assert first.alternates == ("G", "<DEL>", "*", "N")
    assert second.alternates == ()
    assert not second.is_block


def test_a_line_that_is_no_record_is_counted_and_the_rest_is_read(vcf: Write) -> None:
    """Too few columns or no position: left out and told; empty lines are nothing."""
    path = vcf([RECORD, "chr7 7", "chr7 x . A G . . . GT 0/1", "", RECORD])
    with open_vcf(path) as opened:
        assert len(list(opened.records())) == 2
        assert opened.notes == {MALFORMED_LINE: 2}


def test_a_cut_last_line_is_told(vcf: Write) -> None:
    """A plain file that ends within a line says so."""
    path = vcf([RECORD, RECORD])
    path.write_bytes(path.read_bytes()[:-4])
    with open_vcf(path) as opened:
        list(opened.records())
        assert opened.notes[CUT_LINE] == 1


@pytest.mark.parametrize("packing", ["gzip", "bgzip"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_packed_file_that_is_cut_is_refused(vcf: Write, packing: str, share: float) -> None:
    """What is missing of a packed file cannot be counted, so all of it is refused."""
    records = [f"chr7 {number} . A G . . . GT 0/1" for number in range(1, 40_000)]
    path = vcf(records, packing=packing)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match="cut short"), open_vcf(path) as opened:
        list(opened.records())


def test_a_block_without_the_end_marker_is_told(
    vcf: Write, blocked_gzip: Callable[..., bytes]
) -> None:
    """All blocks are whole and the marker that ends a file is missing: read, with a note."""
    path = vcf([RECORD])
    path.write_bytes(blocked_gzip(path.read_bytes(), end=False))
    with open_vcf(path) as opened:
        assert len(list(opened.records())) == 1
        assert opened.notes == {NO_END_MARKER: 1}


@pytest.mark.parametrize("packing", ["gzip", "bgzip"])
def test_a_damaged_packed_file_is_refused(vcf: Write, packing: str) -> None:
    """A changed byte is found by the check sum."""
    path = vcf([RECORD] * 2_000, packing=packing)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="damaged"), open_vcf(path) as opened:
        list(opened.records())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no VCF"),
        (b"##fileformat=VCFv4.2\n", "no line of column names"),
        (b"chr7\t1\t.\tA\tG\t.\t.\t.\n", "no VCF"),
        (b"#CHROM POS ID REF ALT QUAL FILTER INFO\n", "parted by tabs"),
        (b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\n", "other columns"),
        (b"\x1f\x8b\x08", "cut short"),
        (b"BCF\x02\x02 and nothing", "no readable BCF"),
        pytest.param(gzip.compress(b"not a vcf"), "no VCF", id="packed"),
    ],
)
def test_what_is_no_vcf_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """Each says what came and what was expected."""
    path = tmp_path / "a.vcf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught, open_vcf(path) as opened:
        list(opened.records())
    assert len(caught.value.lines()) == 1


def test_a_sample_that_stands_twice_is_refused_without_its_name(vcf: Write) -> None:
    """Whose column is whose would not be known."""
    with (
        pytest.raises(InputError, match="stand twice") as caught,
        open_vcf(vcf([], samples=("Smith", "Smith"))),
    ):
        pass
    assert "Smith" not in str(caught.value)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    """Neither is a trace of the system's."""
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="expected"), open_vcf(path):
            pass


def test_doubtful_headers_are_told(tmp_path: Path) -> None:
    """No contig lines and no first line are notes; the records are read."""
    path = tmp_path / "a.vcf"
    path.write_text("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n7\t5\t.\tA\tG\t.\t.\t.\n")
    with open_vcf(path) as opened:
        assert [one.position for one in opened.records()] == [5]
        assert opened.samples == ()
        assert opened.notes == {NO_CONTIGS: 1, NO_FILEFORMAT: 1}


def test_windows_line_ends_do_not_stick_to_the_last_sample(vcf: Write) -> None:
    """A carriage return is part of the line end, not of what stands before it."""
    path = vcf([RECORD])
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    with open_vcf(path) as opened:
        (record,) = opened.records()
        assert opened.samples == ("S1",)
        assert record.genotypes.alleles.tolist() == [[0, 1]]


def test_what_comes_in_parts_reads_like_a_file(vcf: Write, packing: str) -> None:
    """An attachment of a vault is read without ever lying on a disk in clear."""
    content = vcf([RECORD] * 3, packing=packing).read_bytes()
    parts = [content[start : start + 7] for start in range(0, len(content), 7)]
    with open_vcf(Stored.parts("attachment", lambda: iter(parts))) as opened:
        assert len(list(opened.records())) == 3
        assert len(list(opened.records())) == 3


def test_bcf_and_an_index_give_the_same_records(vcf: Write, tmp_path: Path) -> None:
    """What htslib reads is what osler reads as text, whole or by region."""
    cyvcf2 = pytest.importorskip("cyvcf2")
    header = (
        *("##contig=<ID=chr7,length=159345973>", "##contig=<ID=chrX,length=156040895>"),
        '##FILTER=<ID=PASS,Description="p">',
        '##INFO=<ID=END,Number=1,Type=Integer,Description="e">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
    )
    records = [
        *(f"chr7 {number} . A G . PASS . GT 0|1 1/." for number in range(1_000, 2_000, 10)),
        "chr7 2500 . A <NON_REF> . PASS END=2600 GT 0/0 ./.",
        "chrX 100 . AT A . PASS . GT 1 0/1",
    ]
    text = vcf(records, ("S1", "S2"), header)
    bcf = tmp_path / "a.bcf"
    source = cyvcf2.VCF(str(text))
    writer = cyvcf2.Writer(str(bcf), source, mode="wb")
    for variant in source:
        writer.write_record(variant)
    writer.close()
    assert is_vcf(bcf)
    for regions in (None, [("7", 1_500, 1_520), ("7", 2_590, 2_591), ("X", 101, 101)]):
        found = []
        for path in (text, bcf):
            with open_vcf(path) as opened:
                assert opened.samples == ("S1", "S2")
                found.append(
                    [
                        (
                            (one.chromosome, one.position, one.end, one.alleles),
                            one.genotypes.alleles.tolist(),
                            one.genotypes.phased.tolist(),
                        )
                        for one in opened.records(regions)
                    ]
                )
        assert found[0] == found[1]
    assert len(found[0]) == 5
