"""A user scores genotypes on the command line, with sound files and with wrong ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Osler = Callable[..., Any]

VCF = (
    "##fileformat=VCFv4.3\n##contig=<ID=1,length=248956422>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tSECRET1\tSECRET2\n"
    "1\t10\t.\tA\tG\t.\tPASS\t.\tGT\t0/1\t1/1\n"
    "1\t20\t.\tC\tA\t.\tPASS\t.\tGT\t0/0\t0/1\n"
)
COLUMNS = "chr_name\tchr_position\teffect_allele\tother_allele\teffect_weight\n"
FIRST = f"#pgs_id=PGS000001\n#genome_build=GRCh38\n{COLUMNS}1\t10\tG\tA\t0.5\n1\t20\tA\tC\t2\n"
SECOND = f"#pgs_id=PGS000002\n#genome_build=GRCh38\n{COLUMNS}1\t10\tA\tG\t1\n1\t99\tA\tC\t2\n"
ASK = ("genome", "score", "people.vcf", "--weights", "first.txt")


@pytest.fixture
def folder(osler: Osler) -> Path:
    """Write genotypes and two scores into the user's folder."""
    assert osler
    Path("people.vcf").write_text(VCF, "utf-8")
    Path("first.txt").write_text(FIRST, "utf-8")
    Path("second.txt").write_text(SECOND, "utf-8")
    return Path.cwd()


@pytest.mark.usefixtures("folder")
def test_people_are_scored(osler: Osler) -> None:
    """The file holds a sum for each person, and what it rests on; the screen names nobody."""
    ended = osler(*ASK, "--out", "scores.json")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(Path("scores.json").read_text("utf-8"))
    first, second = told["samples"]
    assert (first["sample"], first["score_id"], first["sum"]) == ("SECRET1", "PGS000001", 0.5)
    assert (second["sum"], second["match_rate"], second["z"]) == (3.0, 1.0, None)
    assert second["most_similar_population"] is None
    assert told["scores"][0]["matched"] == {"alleles as written": 2}
    assert set(told["provenance"]["inputs"]) == {"genotypes", "PGS000001"}
    assert "2 samples, 1 scores" in ended.out
    assert "SECRET" not in ended.out


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "more", [("second.txt",), ("--weights", "second.txt")], ids=["after", "repeated"]
)
def test_several_scores_are_answered_together(osler: Osler, more: tuple[str, ...]) -> None:
    """A score below the least match is refused beside one that is answered."""
    ended = osler(*ASK, *more, "--out", "scores.json")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(Path("scores.json").read_text("utf-8"))
    assert [one["status"] for one in told["scores"]] == ["scored", "refused"]
    assert [one["sum"] for one in told["samples"]] == [0.5, None, 3.0, None]
    assert told["samples"][1]["match_rate"] == 0.5
    assert "PGS000002: refused, 1 of 2 variants (50.0%)" in ended.out


@pytest.mark.usefixtures("folder")
def test_a_score_that_is_refused_alone_ends_in_a_fault(osler: Osler) -> None:
    """The file still says why; told to go on, the sum is given."""
    ask = ("genome", "score", "people.vcf", "--weights", "second.txt", "--out", "s.json")
    ended = osler(*ask)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert "50.0% of its variants" in ended.err
    assert json.loads(Path("s.json").read_text("utf-8"))["samples"][0]["sum"] is None
    assert osler(*ask, "--min-match", "0.5").code == 0
    told = json.loads(Path("s.json").read_text("utf-8"))["samples"]
    assert [one["sum"] for one in told] == [1.0, 0.0]


@pytest.mark.usefixtures("folder")
def test_data_go_to_the_standard_output_when_asked(osler: Osler) -> None:
    """`--json` prints what the file would hold."""
    ended = osler(*ASK, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert [one["sum"] for one in json.loads(ended.out)["samples"]] == [0.5, 3.0]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--ambiguous", "guess"), "ambiguous"),
        (("--impute", "mean"), "impute"),
        (("--build", "hg17"), "build"),
        (("--build", "GRCh37"), "harmonised"),
        (("--min-match", "75"), "min_match"),
        (("--out", "none/scores.json"), "make it first"),
        (("--reference-pcs", "none.txt"), "No such file"),
        (("--weights", "none.txt"), "No such file"),
    ],
)
def test_a_wrong_choice_is_one_line(osler: Osler, more: tuple[str, ...], said: str) -> None:
    """Every wrong option or file ends in one line, exit code 2 and no output file."""
    ended = osler(*ASK, "--out", "scores.json", *more)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert said in ended.err
    assert not Path("scores.json").exists()


@pytest.mark.usefixtures("folder")
def test_damaged_genotypes_name_nobody(osler: Osler) -> None:
    """A line with a genotype too few is told by its number, without names or values."""
    Path("people.vcf").write_text(VCF.replace("\t1/1", ""), "utf-8")
    ended = osler(*ASK)
    assert ended.code == 2
    assert "line 4" in ended.err
    assert "SECRET" not in ended.err
