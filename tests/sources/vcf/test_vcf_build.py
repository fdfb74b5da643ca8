"""The genome build is told by the header, or by known variants, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from osler import knowledge
from osler.sources.vcf import Contig, chromosome_name, open_vcf
from osler.sources.vcf.build import LENGTHS, told_by
from osler.sources.vcf.evidence import build_by, evidence_of, places_in

Write = Callable[..., Path]


@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
@pytest.mark.parametrize("chromosome", ["1", "10", "22", "X"])
def test_the_length_of_any_chromosome_tells(build: str, chromosome: str) -> None:
    """One contig line with a length is enough."""
    length = LENGTHS[build][chromosome]  # type: ignore[index]  # parametrised by text
    assert told_by([Contig(chromosome, length)], []).build == build


def test_no_chromosome_is_as_long_in_both_builds() -> None:
    """So a length never speaks for two."""
    assert not set(LENGTHS["GRCh37"].items()) & set(LENGTHS["GRCh38"].items())


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("GRCh38.p14", "GRCh38"),
        ("hg38", "GRCh38"),
        ("b37", "GRCh37"),
        ("hs37d5", "GRCh37"),
        ("hg19", "GRCh37"),
        ("hg18", None),
        ("T2T-CHM13v2.0", None),
        ("mouse", None),
    ],
)
def test_names_tell_where_there_are_no_lengths(name: str, build: str | None) -> None:
    """As the assembly of a contig or in the line of the reference."""
    assert told_by([Contig("7", None, name)], []).build == build
    assert told_by([Contig("7")], [f"##reference=file://localhost/ref/{name}.fa"]).build == build


def test_other_builds_and_contradictions_are_told_as_such() -> None:
    """The length of another build, another build's name, and a header that speaks for two."""
    assert told_by([Contig("1", 247_249_719)], []).other
    assert told_by([Contig("1", None, "hg18")], []).other
    both = [Contig("1", 249_250_621), Contig("2", 242_193_529)]
    assert told_by(both, []).contradiction
    assert told_by([Contig("1", 249_250_621, "GRCh38")], []).contradiction
    assert told_by([], []).build is None


def test_small_contigs_do_not_matter() -> None:
    """The mitochondrial genome and decoys say nothing."""
    told = told_by([Contig("MT", 16_569), Contig("hs37d5", 35_477_943, "hs37d5")], [])
    assert told.build == "GRCh37"


def test_names_of_contigs_are_one() -> None:
    """With or without chr, in any case of the letters that name a chromosome."""
    assert [chromosome_name(one) for one in ("chr1", "CHRX", "m", "chrUn_KI1", "y")] == [
        *("1", "X", "MT", "Un_KI1", "Y")
    ]


@pytest.mark.parametrize(
    ("record", "build"),
    [
        ("10 94781859 rs4244285 G A . . . GT 0/1", "GRCh38"),
        ("10 96541616 rs4244285 G A . . . GT 0/1", "GRCh37"),
        ("10 96541616 . G A . . . GT 0/1", "GRCh37"),
        ("10 96541616 . C A . . . GT 0/1", None),
        ("10 96541616 . G . . . . GT 0/0", None),
        ("10 5 rs4244285 G A . . . GT 0/1", None),
    ],
)
def test_a_known_variant_tells_where_the_header_does_not(
    vcf: Write, record: str, build: str | None
) -> None:
    """CYP2C19*2 lies at 94781859 of GRCh38 and 96541616 of GRCh37; its reference must be right."""
    places = places_in(knowledge.current("pharmacogenomics"))
    with open_vcf(vcf([record], header=())) as opened:
        assert opened.build is None
        assert build_by(evidence_of(opened, places)) == build


def test_variants_of_both_builds_tell_nothing(vcf: Write) -> None:
    """A file that speaks for two builds is of neither."""
    records = [f"10 {position} rs4244285 G A . . . GT 0/1" for position in (94_781_859, 96_541_616)]
    places = places_in(knowledge.current("pharmacogenomics"))
    with open_vcf(vcf(records, header=())) as opened:
        assert build_by(evidence_of(opened, places)) is None
