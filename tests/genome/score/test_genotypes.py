"""Reading genotypes: what a file says of itself, and files that are damaged or odd."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from osler.errors import InputError
from osler.genome.score import Options, score
from osler.genome.score.matcher import LATER_RECORD, REPEATED
from osler.genome.score.scoring import BUILD_GIVEN, BUILD_UNKNOWN, NO_END_MARKER
from osler.genome.score.vcf import NO_GENOTYPES, NOT_PASSED, Vcf
from osler.sources.vcf import Stored

from .conftest import END_MARKER, WriteVcf, WriteWeights, blocked, vcf_text

RECORDS = ["1 10 A G GT 0/1 1/1", "1 20 A G GT 0/0 0/1"]
ROWS = ["1 10 G A 1", "1 20 G A 10"]


@pytest.mark.parametrize(
    ("about", "build"),
    [
        ("##contig=<ID=chr1,length=249250621>\n", "GRCh37"),
        ("##contig=<ID=22,length=50818468,assembly=b38>\n", "GRCh38"),
        ("##contig=<ID=1>\n##reference=/ref/hg19.fa\n", "GRCh37"),
        ("##contig=<ID=chr1,length=248956422,assembly=hg19>\n", None),
        ("##contig=<ID=1,length=249250621>\n##contig=<ID=2,length=242193529>\n", None),
        ("##reference=GRCh37\n##assembly=GRCh38\n", None),
        ("", None),
    ],
)
def test_the_build_is_read_from_the_header(
    write_vcf: WriteVcf, about: str, build: str | None
) -> None:
    """Lengths or words tell it; what contradicts itself tells nothing."""
    assert Vcf(Stored.file(write_vcf([], about=about)), dosage=True).header.build == build


def test_another_build_is_refused_with_the_remedy(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Every score of another build is told at once, with the file to take instead."""
    weights = [
        write_weights(ROWS, about=["#genome_build=GRCh37"], name=name) for name in ("a", "b")
    ]
    with pytest.raises(InputError) as raised:
        score(write_vcf(RECORDS), weights)
    assert len(raised.value.lines()) == 2
    assert "a_hmPOS_GRCh38.txt.gz" in raised.value.lines()[0]


def test_an_unknown_build_is_noted(write_vcf: WriteVcf, write_weights: WriteWeights) -> None:
    """What the header does not tell is noted; a given build is believed, and a clash told."""
    bare = write_vcf(RECORDS, about="")
    assert BUILD_UNKNOWN in score(bare, [write_weights(ROWS)]).notes
    assert score(bare, [write_weights(ROWS)], options=Options(build="hg38")).notes == ()
    other = write_weights(ROWS, about=["#genome_build=GRCh37"])
    found = score(write_vcf(RECORDS), [other], options=Options(build="GRCh37"))
    assert (found.notes, found.build) == ((BUILD_GIVEN,), "GRCh37")


@pytest.mark.parametrize("style", ["chr1", "01", "Chr1"])
def test_names_of_chromosomes_meet(
    write_vcf: WriteVcf, write_weights: WriteWeights, style: str
) -> None:
    """A prefix or a leading zero keeps nothing from matching."""
    vcf = write_vcf([one.replace("1 ", f"{style} ", 1) for one in RECORDS])
    assert score(vcf, [write_weights(ROWS)]).outcomes[0].match_rate == 1


def packed(how: str) -> bytes:
    """Return the same VCF in several wrappings."""
    plain = vcf_text(RECORDS).encode()
    return {
        "plain": plain,
        "carriage returns": plain.replace(b"\n", b"\r\n"),
        "no last line end": plain.removesuffix(b"\n"),
        "gzip": gzip.compress(plain),
        "two members": gzip.compress(plain[:99]) + gzip.compress(plain[99:]),
        "padded": gzip.compress(plain) + b"\0" * 9,
        "blocked": blocked(plain, 7),
    }[how]


@pytest.mark.parametrize(
    "how",
    ["plain", "carriage returns", "no last line end", "gzip", "two members", "padded", "blocked"],
)
def test_every_wrapping_reads_alike(tmp_path: Path, write_weights: WriteWeights, how: str) -> None:
    """Plain text, gzip of one member or several, and blocked gzip hold the same genotypes."""
    path = tmp_path / "v.vcf"
    path.write_bytes(packed(how))
    found = score(path, [write_weights(ROWS)])
    assert (found.sums.sums.tolist(), found.notes) == ([[1, 12]], ())


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("how", ["gzip", "blocked"])
def test_a_file_cut_short_is_refused(
    tmp_path: Path, write_weights: WriteWeights, how: str, kept: float
) -> None:
    """A sum over half a file would be wrong: it is not told."""
    whole = packed(how).removesuffix(END_MARKER)
    path = tmp_path / "v.vcf.gz"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(InputError, match="cut short"):
        score(path, [write_weights(ROWS)])


def test_damage_inside_is_found(tmp_path: Path, write_weights: WriteWeights) -> None:
    """A changed byte fails the check sum of its block."""
    content = bytearray(blocked(vcf_text(RECORDS).encode(), 500))
    content[40] ^= 0x10
    path = tmp_path / "v.vcf.gz"
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="cut short or damaged"):
        score(path, [write_weights(ROWS)])


def test_a_missing_end_marker_is_noted(tmp_path: Path, write_weights: WriteWeights) -> None:
    """Blocked gzip that ends without its marker may have lost whole blocks."""
    path = tmp_path / "v.vcf.gz"
    path.write_bytes(packed("blocked").removesuffix(END_MARKER))
    assert NO_END_MARKER in score(path, [write_weights(ROWS)]).notes


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (b"", "no line of column names"),
        (b"hello\n", "no line of column names"),
        (vcf_text([]).split("#CHROM")[0].encode(), "no line of column names"),
        (vcf_text([], samples=()).encode(), "no samples"),
        (vcf_text([], samples=("A", "A")).encode(), "1 sample names twice"),
        (vcf_text(["1 10 A G GT 0/1"]).encode(), "1 sample columns"),
        (vcf_text(["1 10 A G GT 0/1 1/1 0/0"]).encode(), "3 sample columns"),
        (vcf_text(["1 10 A G"]).encode(), "8 columns"),
        (vcf_text(["1 ten A G GT 0/1 1/1"]).encode(), "no number"),
        (vcf_text([]).encode() + b"1\t10\n", "fewer than three"),
    ],
)
def test_a_file_that_is_no_sound_vcf_is_refused(
    tmp_path: Path, write_weights: WriteWeights, content: bytes, came: str
) -> None:
    """One line says what is wrong, and names no sample."""
    path = tmp_path / "v.vcf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=came) as raised:
        score(path, [write_weights(ROWS)])
    assert len(raised.value.lines()) == 1


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, write_weights: WriteWeights) -> None:
    """A wrong name is the user's fault."""
    with pytest.raises(InputError, match="not there"):
        score(tmp_path / "none.vcf.gz", [write_weights(ROWS)])


def test_what_can_be_read_only_once_is_refused(tmp_path: Path, write_weights: WriteWeights) -> None:
    """A pipe or a folder is told as such, and nothing waits for it."""
    os.mkfifo(tmp_path / "pipe.vcf")
    for one in (tmp_path / "pipe.vcf", tmp_path):
        with pytest.raises(InputError, match="a folder, pipe or device"):
            score(one, [write_weights(ROWS)])


def test_duplicates_and_disorder_are_answered(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """A record that comes twice counts once, and one that comes back later is told."""
    vcf = write_vcf([RECORDS[0], RECORDS[0], RECORDS[1], RECORDS[0]])
    found = score(vcf, [write_weights(ROWS)])
    assert found.sums.sums.tolist() == [[1, 12]]
    assert set(found.notes) == {f"1 {LATER_RECORD}", f"1 {REPEATED}"}


def test_no_variant_in_common_is_said(write_vcf: WriteVcf, write_weights: WriteWeights) -> None:
    """Without overlap there is no sum, whatever the least match; a note says where to look."""
    found = score(write_vcf(["2 10 A G GT 0/1 1/1"]), [write_weights(ROWS)],
                  options=Options(min_match=0))  # fmt: skip
    (outcome,) = found.outcomes
    assert (outcome.status, outcome.match_rate) == ("refused", 0)
    assert "no variant found" in outcome.notes[0]
    assert found.row(0, 0)["sum"] is None


def test_odd_records_are_used_and_told(write_vcf: WriteVcf, write_weights: WriteWeights) -> None:
    """A failed filter is told; a record without GT is missing; symbolic alleles match nothing."""
    vcf = write_vcf(["1 10 A G GT 0/1 1/1", "1 20 A G GQ 5 6", "1 30 A <DEL> GT 0/1 1/1"])
    vcf.write_text(vcf.read_text("utf-8").replace("PASS", "q10", 1), "utf-8")
    found = score(vcf, [write_weights([*ROWS, "1 30 G A 5"])], options=Options(min_match=0.5))
    assert found.sums.sums.tolist() == [[1, 2]]
    assert set(found.notes) == {f"1 {NOT_PASSED}", f"1 {NO_GENOTYPES}"}
    assert found.outcomes[0].unmatched == {"alleles differ": 1}


def test_a_gvcf_record_of_the_reference_is_evidence(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Who is called at a record without alternative alleles carries none of them."""
    vcf = write_vcf(["1 10 A . GT 0/0 0/0", "1 20 A <NON_REF> GT 0/0 ./."])
    found = score(vcf, [write_weights(["1 10 G A 1", "1 20 A G 10"])])
    assert found.sums.sums.tolist() == [[20, 0]]
    assert found.sums.missing.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"min_match": 2.0}, 1),
        ({"ambiguous": "x", "impute": "y", "dosage": "z", "build": "mm10"}, 4),
    ],
)
def test_choices_outside_their_words_are_refused(
    write_vcf: WriteVcf, write_weights: WriteWeights, options: dict[str, object], count: int
) -> None:
    """All wrong choices are told at once."""
    with pytest.raises(InputError) as raised:
        score(write_vcf(RECORDS), [write_weights(ROWS)], options=Options(**options))  # type: ignore[arg-type] # wrong on purpose
    assert len(raised.value.faults) == count


def test_two_files_of_one_score_are_refused(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Results could not be told apart; other faults are told beside it."""
    same = [write_weights(ROWS, about=["#pgs_id=PGS1"], name=name) for name in ("a", "b")]
    broken = write_weights(ROWS, ["a", "b", "c", "d", "e"], name="c")
    with pytest.raises(InputError) as raised:
        score(write_vcf(RECORDS), [*same, broken])
    assert len(raised.value.faults) == 2


def test_without_weights_there_is_nothing_to_do(write_vcf: WriteVcf) -> None:
    """No scoring file is a fault."""
    with pytest.raises(InputError, match="one scoring file or more"):
        score(write_vcf(RECORDS), [])
