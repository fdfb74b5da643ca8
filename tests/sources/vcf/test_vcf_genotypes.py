"""Genotypes are told as the file writes them, for few samples and for many alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.sources.vcf import open_vcf
from osler.sources.vcf.genotypes import FEW_SAMPLES, Columns

Write = Callable[..., Path]
ALLELES = 12
_allele = st.one_of(st.just("."), st.integers(0, ALLELES - 1).map(str))
_genotype = st.builds(
    lambda alleles, mark: mark.join(alleles),
    st.lists(_allele, min_size=1, max_size=3),
    st.sampled_from("/|"),
)


def _columns(words: list[str], keys: tuple[str, ...] = ("GT",)) -> Columns:
    return Columns("\t".join(words).encode(), tuple(k.encode() for k in keys), len(words))


def _slowly(word: str) -> list[int]:
    return [-1 if one == "." else int(one) for one in word.replace("|", "/").split("/")]


@given(st.lists(_genotype, min_size=1, max_size=8), st.booleans(), st.sampled_from([0, 40]))
def test_every_genotype_is_read_as_it_is_written(
    words: list[str], followed: bool, more: int
) -> None:
    """Copies, order, phase and missing alleles, by the way for few samples and that for many."""
    words = words + ["0/1"] * more
    keys = ("GT", "AD") if followed else ("GT",)
    cells = [f"{word}:1,2" for word in words] if followed else words
    found = _columns(cells, keys).genotypes(ALLELES)
    for row, phased, word in zip(found.alleles, found.phased, words, strict=True):
        alleles = _slowly(word)
        assert row.tolist() == alleles + [-2] * (len(row) - len(alleles))
        assert phased == ("/" not in word)
    assert found.malformed == 0
    assert found.alleles.dtype == np.int8


@pytest.mark.parametrize("count", [1, FEW_SAMPLES + 1])
def test_half_calls_one_copy_and_three_are_told_apart(count: int) -> None:
    """`0/.`, `1`, `.`, `0/1/1` and a genotype that ends early, beside each other."""
    words = ["0/.", "1", ".", "0/1/1", "./.", "1|0"] * count
    found = _columns(words).genotypes(2)
    expected = [[0, -1, -2], [1, -2, -2], [-1, -2, -2], [0, 1, 1], [-1, -1, -2], [1, 0, -2]]
    assert found.alleles.tolist() == expected * count
    assert found.phased.tolist() == [False, True, True, False, False, True] * count


@pytest.mark.parametrize("count", [1, FEW_SAMPLES + 1])
@pytest.mark.parametrize("word", ["x", "0/x", "-1/0", "0/7", "0/99999999999", "0//1", "1/", "é"])
def test_nonsense_is_missing_and_counted(word: str, count: int) -> None:
    """What cannot be read, or names an allele that is not there, is missing, not reference."""
    found = _columns([word, "0/1"] * count).genotypes(2)
    assert (found.alleles[::2] < 0).all()
    assert found.alleles[1::2, :2].tolist() == [[0, 1]] * count
    assert found.malformed == count


@pytest.mark.parametrize("count", [1, FEW_SAMPLES + 1])
def test_a_genotype_that_is_left_out_is_missing(count: int) -> None:
    """No GT in FORMAT, or an empty cell."""
    assert (_columns(["7"] * count, ("DP",)).genotypes(2).alleles == -1).all()
    assert (_columns([""] * count, ("GT", "DP")).genotypes(2).alleles == -1).all()


@pytest.mark.parametrize("count", [1, FEW_SAMPLES + 1])
def test_a_wrong_number_of_columns_is_an_error(count: int) -> None:
    """Whose genotype is whose would not be known."""
    columns = Columns(b"\t".join([b"0/1"] * (count + 1)), (b"GT",), count)
    with pytest.raises(ValueError, match="columns"):
        columns.genotypes(2)


def test_over_127_alleles_need_more_room() -> None:
    """Allele 300 is 300."""
    found = _columns(["0/300"] * 30).genotypes(400)
    assert found.alleles[0].tolist() == [0, 300]


def test_other_fields_are_read_by_their_place(vcf: Write) -> None:
    """Phase sets, dosages and copies; a field that is left out at the end is missing."""
    cells = ["0|1:77:0.5,0.25", "1|1:.:.", "./1", "0/2:3.5:1,2,3"]
    samples = [f"S{number}" for number in range(4)]
    record = f"7 1 . A C,G . . . GT:PS:DS {' '.join(cells)}"
    with open_vcf(vcf([record], samples)) as opened:
        (found,) = opened.records()
    assert found.phase_set is not None
    assert found.phase_set.tolist() == [77, -1, -1, -1]
    dosage = found.dosage()
    assert dosage is not None
    assert dosage[0].tolist() == [0.5, 0.25]
    assert np.isnan(dosage[1:]).all()
    assert found.copies(1).tolist() == [1, 2, -1, 0]
    assert found.copies(2).tolist() == [0, 0, -1, 1]
    assert found.copy_number.tolist() == [2, 2, 2, 2]
    assert found.dosage("XX") is None


@given(st.lists(st.one_of(st.none(), st.integers(0, 2**31 - 1)), min_size=1, max_size=40))
def test_whole_numbers_are_read_exactly(values: list[int | None]) -> None:
    """Every int32 that is not negative, missing for a dot."""
    words = [f"0/0:{'.' if one is None else one}" for one in values]
    found = _columns(words, ("GT", "PS")).integers("PS")
    assert found is not None
    assert found.tolist() == [-1 if one is None else one for one in values]


def test_numbers_that_are_none_are_missing() -> None:
    """Words, negative numbers and what does not fit."""
    words = ["0/0:x", "0/0:-4", "0/0:99999999999", "0/0:4294967296", "0/0:"]
    found = _columns(words, ("GT", "PS")).integers("PS")
    assert found is not None
    assert found.tolist() == [-1] * 5
