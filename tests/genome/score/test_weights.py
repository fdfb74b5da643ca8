"""Reading scoring files: the formats of the PGS Catalog, and what is wrong with others."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.errors import InputError
from osler.genome.score import read_weights
from osler.genome.score.weights import (
    BY_GENOTYPE,
    COMBINED,
    DOMINANT,
    MIXED_EFFECT,
    NO_POSITION,
    NOT_A_NUMBER,
    NOT_LETTERS,
    RECESSIVE,
    UNKNOWN_EFFECT,
    read_rows,
)

from .conftest import COLUMNS, WriteWeights

ROW = "1 100 A G 0.5"


def test_a_deposited_file_is_read_with_its_header(write_weights: WriteWeights) -> None:
    """Name, trait, build, alleles and weights come from header and columns."""
    about = ["###PGS CATALOG SCORING FILE", "#pgs_id=PGS000001", "#genome_build=hg19"]
    score = read_weights(write_weights([ROW, "chrX 200 at a -1e-3"], about=about))
    assert (score.score_id, score.n_variants) == ("PGS000001", 2)
    (placement,) = score.placements
    assert (placement.build, placement.chromosomes) == ("GRCh37", ("1", "X"))
    assert placement.positions.tolist() == [100, 200]
    assert (score.effect_alleles, score.other_alleles) == (("A", "AT"), (("G",), ("A",)))
    assert score.weights.tolist() == [0.5, -1e-3]


def test_a_harmonised_file_has_both_places(write_weights: WriteWeights) -> None:
    """The build of the genotypes chooses between harmonised and original positions."""
    columns = [*COLUMNS, "hm_chr", "hm_pos"]
    about = ["#genome_build=GRCh37", "#HmPOS_build=GRCh38"]
    score = read_weights(write_weights(["1 100 A G 0.5 1 150"], columns, about))
    found = {build: score.placed(build) for build in ("GRCh38", "GRCh37", None)}
    positions = {build: one.positions.tolist() for build, one in found.items() if one}
    assert positions == {"GRCh38": [150], "GRCh37": [100], None: [150]}


def test_another_build_is_no_place(write_weights: WriteWeights) -> None:
    """A file of one build does not serve genotypes of the other."""
    assert read_weights(write_weights([ROW])).placed("GRCh37") is None


def test_the_name_of_a_harmonised_file_tells_its_build(write_weights: WriteWeights) -> None:
    """A table without header, named as the PGS Catalog names its files, is of that build."""
    score = read_weights(write_weights([ROW], about=[], name="PGS1_hmPOS_GRCh37.txt"))
    assert score.placements[0].build == "GRCh37"
    assert score.score_id == "PGS1_hmPOS_GRCh37"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1 100 A G nan - - - -", NOT_A_NUMBER),
        ("1 100 A G inf - - - -", NOT_A_NUMBER),
        ("1 100 A G -1e101 - - - -", NOT_A_NUMBER),
        ("1 100 A G heavy - - - -", NOT_A_NUMBER),
        ("1 100 A G - - - - -", NOT_A_NUMBER),
        ("1 - A G 0.5 - - - -", NO_POSITION),
        ("- 100 A G 0.5 - - - -", NO_POSITION),
        ("1 1e5 A G 0.5 - - - -", NO_POSITION),
        ("1 -7 A G 0.5 - - - -", NO_POSITION),
        ("6 100 *04:01 - 0.5 - - - -", NOT_LETTERS),
        ("1 100 - G 0.5 - - - -", NOT_LETTERS),
        ("1 100 A G 0.5 True - - -", COMBINED),
        ("1 100 A G 0.5 - yes - -", COMBINED),
        ("1 100 A G 0.5 - - True true", MIXED_EFFECT),
    ],
)
def test_a_row_that_cannot_be_used_is_counted(
    write_weights: WriteWeights, row: str, reason: str
) -> None:
    """A row that no genotype could answer is refused with its reason, and the rest is read."""
    columns = [*COLUMNS, "is_haplotype", "is_interaction", "is_dominant", "is_recessive"]
    score = read_weights(write_weights([f"{ROW} - - - -", row], columns))
    assert dict(score.refused) == {reason: 1}
    assert (len(score.weights), score.n_variants) == (1, 2)


def test_kinds_of_effect_are_told_apart(write_weights: WriteWeights) -> None:
    """Dominant and recessive come from flags or a word; an unknown word is refused."""
    columns = [*COLUMNS, "is_dominant", "is_recessive", "effect_type"]
    rows = [f"{ROW} True False -", f"{ROW} - 1 -", f"{ROW} - - Recessive", f"{ROW} - - odd"]
    score = read_weights(write_weights(rows, columns))
    assert score.effects.tolist() == [DOMINANT, RECESSIVE, RECESSIVE]
    assert dict(score.refused) == {UNKNOWN_EFFECT: 1}


def test_weights_by_number_of_copies_are_read(write_weights: WriteWeights) -> None:
    """A file may give the weights of 0, 1 and 2 copies instead of one per copy."""
    columns = [*COLUMNS[:4], "dosage_0_weight", "dosage_1_weight", "dosage_2_weight"]
    score = read_weights(write_weights(["1 1 A G 0 0.4 1", "1 2 A G 0 x 1"], columns))
    assert score.by_genotype == {0: (0.0, 0.4, 1.0)}
    assert score.effects.tolist() == [BY_GENOTYPE]
    assert dict(score.refused) == {NOT_A_NUMBER: 1}


def test_the_other_allele_may_be_several_or_inferred(write_weights: WriteWeights) -> None:
    """Several candidates are kept; an inferred one serves where none was given."""
    columns = [*COLUMNS, "hm_inferOtherAllele"]
    rows = ["1 1 A C/T 1 G", "1 2 A - 1 G/T", "1 3 A - 1 -"]
    score = read_weights(write_weights(rows, columns))
    assert score.other_alleles == (("C", "T"), ("G", "T"), ())


def test_all_missing_columns_are_told_in_one_fault(write_weights: WriteWeights) -> None:
    """One line lists every column that is missing, and where positions come from."""
    with pytest.raises(InputError) as raised:
        read_weights(write_weights(["rs1 A"], ["rsID", "allele"]))
    assert len(raised.value.faults) == 1
    (line,) = raised.value.lines()
    for name in ("effect_allele", "effect_weight", "chr_name", "chr_position", "harmonised"):
        assert name in line


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (b"", "no table"),
        (b"#pgs_id=PGS1\n", "no table"),
        (b"chr_name\tchr_position\teffect_allele\teffect_weight\n", "no variants"),
        (
            b"chr_name\tchr_position\teffect_allele\teffect_weight\n1\t5\tA\tnan\n",
            "no variant that",
        ),
        (b"chr_name\tchr_name\tchr_position\teffect_allele\teffect_weight\n", "several columns"),
        (gzip.compress(b"chr_name\tchr_position\n" * 99, mtime=0)[:-9], "cut short"),
        (b"\x1f\x8b\x08\x00junk", "cut short"),
        (bytes(range(256)), "no column"),
    ],
)
def test_a_file_that_is_no_score_is_refused(tmp_path: Path, content: bytes, came: str) -> None:
    """Empty, cut, damaged and foreign files are refused in words."""
    path = tmp_path / "score.txt.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=came):
        read_weights(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A wrong name is the user's fault."""
    with pytest.raises(InputError, match="No such file"):
        read_weights(tmp_path / "none.txt")


def test_several_scores_in_one_file_are_refused(write_weights: WriteWeights) -> None:
    """Rows of two accessions would be summed to neither."""
    columns = [*COLUMNS, "accession"]
    with pytest.raises(InputError, match="rows of 2 scores"):
        read_weights(write_weights([f"{ROW} PGS1", f"{ROW} PGS2"], columns))


def test_short_and_empty_rows_are_no_fault(tmp_path: Path) -> None:
    """Fields left out at a row's end are empty; blank lines are passed over."""
    path = tmp_path / "s.txt"
    head = "\t".join([*COLUMNS, "locus_name"])
    path.write_bytes(f"\ufeff{head}\r\n1\t1\tA\tG\t0.5\r\n\r\n1\t2\tA\r\n".encode())
    score = read_weights(path)
    assert score.weights.tolist() == [0.5]
    assert dict(score.refused) == {NOT_A_NUMBER: 1}


cells = st.sampled_from(["1", "X", "", "7e", "A", "G", "AT", "*", "0.5", "nan", "1e999", "-1", "é"])


@given(st.lists(st.lists(cells, max_size=7), max_size=20))
def test_every_row_is_kept_or_counted(rows: list[list[str]]) -> None:
    """Whatever the fields hold, a row is a variant with a finite weight or has a reason."""
    good = ["1", "5", "A", "G", "0.5"]
    score, kept = read_rows(Path("s.txt"), COLUMNS, [good, *[list(row) for row in rows]])
    assert len(kept) + sum(score.refused.values()) == len(rows) + 1
    assert kept[0] == 0
    assert np.isfinite(score.weights).all()
    assert (score.placements[0].positions > 0).all()
