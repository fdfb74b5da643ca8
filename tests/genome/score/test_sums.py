"""Sums of weights times copies, against a plain calculation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from osler.genome.score import Options, read_weights, score
from osler.genome.score.calls import HALF_CALLS, MALFORMED, NO_PROBABILITIES
from osler.genome.score.totals import Impute
from osler.genome.score.weights import ADDITIVE, DOMINANT, RECESSIVE

from .conftest import WriteVcf, WriteWeights, vcf_text

NO_LIMIT = Options(min_match=0)


def sums_of(path: Path, weights: Path, options: Options = NO_LIMIT) -> list[float]:
    """Return the sums of the only score."""
    found: list[float] = score(path, [weights], options=options).sums.sums[0].tolist()
    return found


def test_copies_of_the_effect_allele_are_weighed(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Reference and alternative effect alleles, two alternatives, and a haploid call."""
    vcf = write_vcf(
        ["1 10 A G GT 0/1 1|1", "1 20 C T GT 0/0 0/1", "1 30 G A,T GT 1/2 2/2", "X 40 A C GT 1 0/1"]
    )
    rows = ["1 10 G A 1", "1 20 C T 10", "1 30 T G 100", "X 40 C A 1000"]
    found = score(vcf, [write_weights(rows)])
    assert found.sums.sums.tolist() == [[1 + 20 + 100 + 1000, 2 + 10 + 200 + 1000]]
    assert found.sums.alleles.tolist() == [[7, 8]]


@pytest.mark.parametrize(
    ("impute", "expected", "alleles"),
    [
        ("none", [1.0, 0.0], [2, 0]),
        ("cohort", [1.0, 1.0], [2, 2]),
        ("reference", [1.0, 0.6], [2, 2]),
    ],
)
def test_a_missing_genotype_is_imputed_only_with_a_source(
    write_vcf: WriteVcf, write_weights: WriteWeights, impute: Impute, expected: list[float],
    alleles: list[int],
) -> None:  # fmt: skip
    """Nothing, this cohort's mean, or a reference's; counted either way."""
    columns = ["chr_name", "chr_position", "effect_allele", "other_allele", "effect_weight"]
    weights = write_weights(["1 10 G A 1 0.3"], [*columns, "allelefrequency_effect"])
    vcf = write_vcf(["1 10 A G GT 0/1 ./."])
    found = score(vcf, [weights], options=Options(impute=impute))
    assert found.sums.sums[0].tolist() == pytest.approx(expected)
    assert found.sums.alleles[0].tolist() == alleles
    assert found.sums.missing[0].tolist() == [0, 1]
    assert found.sums.imputed[0].tolist() == [0, int(impute != "none")]


def test_without_a_frequency_nothing_is_imputed(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """The default imputes from a reference; where there is none, a missing genotype is nothing."""
    vcf = write_vcf(["1 10 A G GT 1/1 ./."])
    found = score(vcf, [write_weights(["1 10 G A 1"])])
    assert found.sums.sums[0].tolist() == [2.0, 0.0]
    assert found.row(1, 0)["missing"] == 1


def test_a_reference_goes_before_the_scores_own_frequency(
    write_vcf: WriteVcf, write_weights: WriteWeights, tmp_path: Path
) -> None:
    """A table as of `plink2 --freq` gives the expected copies, of either allele."""
    table = tmp_path / "panel.afreq"
    table.write_text("#CHROM\tID\tREF\tALT\tALT_FREQS\n1\t1:10:A:G\tA\tG\t0.25\n", "utf-8")
    columns = ["chr_name", "chr_position", "effect_allele", "other_allele", "effect_weight"]
    weights = write_weights(["1 10 A G 1 0.5"], [*columns, "allelefrequency_effect"])
    vcf = write_vcf(["1 10 A G GT 1/1 ./."])
    assert sums_of(vcf, weights, Options(allele_frequencies=table)) == [0.0, 1.5]


@pytest.mark.parametrize(
    ("columns", "row", "expected"),
    [
        (["effect_weight", "is_dominant", "is_recessive"], "2 True -", [0, 2, 2]),
        (["effect_weight", "is_dominant", "is_recessive"], "2 - True", [0, 0, 2]),
        (["dosage_0_weight", "dosage_1_weight", "dosage_2_weight"], "5 -1 7", [5, -1, 7]),
    ],
)
def test_effects_that_are_not_additive(
    write_vcf: WriteVcf, write_weights: WriteWeights, columns: list[str], row: str,
    expected: list[float],
) -> None:  # fmt: skip
    """Dominant counts one copy at most, recessive those past the first, or each has its weight."""
    places = ["chr_name", "chr_position", "effect_allele", "other_allele"]
    weights = write_weights([f"1 10 G A {row}"], [*places, *columns])
    vcf = write_vcf(["1 10 A G GT 0/0 0/1 1/1"], ["A", "B", "C"])
    assert sums_of(vcf, weights) == expected


def test_dosages_go_before_called_genotypes(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """DS is read where it stands; one that is missing, and `--dosage GT`, take the called one."""
    vcf = write_vcf(
        ["1 10 A G GT:DS 0/1:1.25 1/1:.", "1 20 A G DS:GT 2e-1:0/0 0.5:1/1",
         "1 30 A G,C GT:DS 0/1:0.5,0.25 1/2:."]
    )  # fmt: skip
    weights = write_weights(["1 10 G A 1", "1 20 A G 10", "1 30 C A 100"])
    assert sums_of(vcf, weights) == pytest.approx([1.25 + 18 + 25, 2 + 15 + 100])
    assert sums_of(vcf, weights, Options(dosage="GT")) == [1 + 20, 2 + 100]


def test_probabilities_give_the_copies_to_expect(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """GP stands in for DS, of one copy or two and of any alleles; it is rounded, never Phred."""
    vcf = write_vcf(
        ["1 10 A G GT:GP 0/0:0.5,0.25,0.25 1/1:.", "1 20 A G GT:GP 0/1:0,30,60 0/1:0.33,0.33,0.33",
         "1 30 A C,G GP 0,0,0,0.5,0.5,0 0,0,0,0,0,1", "X 10 A G GT:GP 1:0.25,0.75 0/1:0,1,0",
         "1 40 A G GT:DS:GP 0/0:0.5:0,0,1 0/0:.:0,0,1", "1 50 A . GT:GP ./.:. 0/0:1"]
    )  # fmt: skip
    weights = write_weights(
        ["1 10 G A 1", "1 20 G A 10", "1 30 G A 100", "X 10 G A 1000", "1 40 G A 1e4",
         "1 50 A G 1e5"]
    )  # fmt: skip
    expected = [0.75 + 10 + 100 + 750 + 5000, 2 + 10 + 200 + 1000 + 0 + 2e5]
    assert sums_of(vcf, weights) == pytest.approx(expected)
    found = score(vcf, [weights])
    assert f"1 {NO_PROBABILITIES}" in found.notes
    assert found.sums.alleles.tolist() == [[9, 12]]
    called = score(vcf, [weights], options=Options(dosage="GT")).sums.sums
    assert called.tolist() == [[10 + 1000, 2 + 10 + 1000 + 2e5]]


def test_haploid_chromosomes_count_once_however_written(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """On Y and MT `1/1` is one copy, as `1` is."""
    vcf = write_vcf(["chrM 10 A G GT 1/1 1", "chrY 20 A G GT 0/0 1"])
    found = score(vcf, [write_weights(["MT 10 G A 1", "Y 20 A G 10"])])
    assert found.sums.sums.tolist() == [[11.0, 1.0]]
    assert found.sums.alleles.tolist() == [[2, 2]]


def test_doubtful_genotypes_are_missing_and_told(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Half calls, numbers of no allele, three copies and nonsense are missing, and counted."""
    people = ["A", "B", "C", "D", "E", "F"]
    vcf = write_vcf(["1 10 A G GT ./1 0/3 1/1/1 x/1 10/1 1/1"], people)
    found = score(vcf, [write_weights(["1 10 G A 1"])])
    assert found.sums.sums[0].tolist() == [0, 0, 0, 0, 0, 2]
    assert found.sums.missing[0].tolist() == [1, 1, 1, 1, 1, 0]
    assert f"1 {HALF_CALLS}" in found.notes
    assert f"4 {MALFORMED}" in found.notes


def test_several_scores_are_summed_in_one_pass(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Each score has its own sum, match rate and status."""
    vcf = write_vcf(["1 10 A G GT 0/1 1/1", "1 20 A G GT 1/1 0/0"])
    first = write_weights(["1 10 G A 1", "1 20 G A 2"], name="a.txt")
    second = write_weights(["1 20 A G 5", "1 30 A G 5"], name="b.txt")
    third = write_weights(["1 20 A G 5"], name="c.txt")
    found = score(vcf, [first, second, third])
    assert [one.status for one in found.outcomes] == ["scored", "refused", "scored"]
    assert [one.match_rate for one in found.outcomes] == [1, 0.5, 1]
    assert found.sums.sums[0].tolist() == [5, 2]
    assert np.isnan(found.sums.sums[1]).all()
    assert found.sums.sums[2].tolist() == [0, 10]


@pytest.mark.parametrize("name", ["people.vcf", "people.vcf.gz"])
def test_more_records_than_one_block_holds(
    write_vcf: WriteVcf, write_weights: WriteWeights, name: str
) -> None:
    """Sums do not depend on how the file is cut up, packed or not."""
    places = range(1, 2000)
    vcf = write_vcf([f"1 {at} A G GT 0/1 {at % 2}|1" for at in places], name=name)
    weights = write_weights([f"1 {at} G A {at}" for at in places])
    total = sum(places)
    odd = sum(one for one in places if one % 2)
    assert sums_of(vcf, weights) == [total, total + odd]


calls = st.sampled_from(["0/0", "0/1", "1/1", "0|0", "1|0", "1|1", "./.", ".|."])
effect = st.sampled_from([ADDITIVE, DOMINANT, RECESSIVE])


def plain_sum(
    genotypes: Sequence[Sequence[str]], weights: NDArray[np.float64], effects: Sequence[int],
    impute: Impute,
) -> NDArray[np.float64]:  # fmt: skip
    """Add up one genotype after another, by definition."""
    value = {
        ADDITIVE: lambda copies: copies,
        DOMINANT: lambda copies: min(copies, 1),
        RECESSIVE: lambda copies: max(copies - 1, 0),
    }
    sums = np.zeros(len(genotypes[0]))
    for record, weight, kind in zip(genotypes, weights, effects, strict=True):
        copies = [None if "." in one else one.count("1") for one in record]
        known = [one for one in copies if one is not None]
        share = sum(known) / (2 * len(known)) if known else None
        for person, one in enumerate(copies):
            if one is not None:
                sums[person] += weight * value[kind](one)
            elif impute == "cohort" and share is not None:
                odds = [(1 - share) ** 2, 2 * share * (1 - share), share**2]
                sums[person] += weight * sum(p * value[kind](k) for k, p in enumerate(odds))
    return sums


@settings(max_examples=60)
@given(st.data(), st.integers(1, 6), st.integers(1, 12), st.sampled_from(["none", "cohort"]))
def test_sums_equal_a_plain_calculation(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, people: int, records: int,
    impute: Impute,
) -> None:  # fmt: skip
    """Any mixture of phases, missing genotypes and effects sums to what the definition says."""
    rows = [data.draw(st.lists(calls, min_size=people, max_size=people)) for _ in range(records)]
    weights = np.array(
        data.draw(st.lists(st.floats(-1e6, 1e6), min_size=records, max_size=records))
    )
    effects = data.draw(st.lists(effect, min_size=records, max_size=records))
    folder = tmp_path_factory.mktemp("sums")
    vcf, table = folder / "v.vcf", folder / "w.txt"
    text = vcf_text(
        [f"1 {at + 1} A G GT {' '.join(row)}" for at, row in enumerate(rows)],
        [f"P{one}" for one in range(people)],
    )
    vcf.write_text(text, "utf-8")
    lines = [f"1\t{at + 1}\tG\tA\t{float(one)!r}" for at, one in enumerate(weights)]
    head = "chr_name\tchr_position\teffect_allele\tother_allele\teffect_weight"
    table.write_text("\n".join([head, *lines]), "utf-8")
    asked = replace(read_weights(table), effects=np.array(effects, np.int8))
    found = score(vcf, [asked], options=Options(impute=impute)).sums.sums[0]
    expected = plain_sum(rows, weights, effects, impute)
    scale = max(1.0, float(np.abs(weights).sum()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


def test_a_dot_product_in_float64_is_met(write_vcf: WriteVcf, write_weights: WriteWeights) -> None:
    """Over many variants and people the sums are those of a dot product within 1e-9."""
    generator = np.random.default_rng(0)
    copies = generator.integers(0, 3, (3000, 40))
    words = np.array(["0/0", "0/1", "1/1"])[copies]
    weights = generator.normal(size=3000)
    vcf = write_vcf(
        [f"1 {at + 1} A G GT {' '.join(row)}" for at, row in enumerate(words)],
        [f"P{one}" for one in range(40)],
        name="many.vcf.gz",
    )
    reference = generator.random(3000) < 0.5
    table = write_weights(
        [
            f"1 {at + 1} {'A G' if swap else 'G A'} {float(one)!r}"
            for at, (one, swap) in enumerate(zip(weights, reference, strict=True))
        ]
    )
    expected = weights @ np.where(reference[:, None], 2 - copies, copies)
    np.testing.assert_allclose(sums_of(vcf, table), expected, rtol=0, atol=1e-9)


def test_what_is_written_is_what_is_returned(
    tmp_path: Path, write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """The file holds the very numbers of `to_json`, odd names and refused scores included."""
    people = ['A"\\', "é中", "0/1"]
    vcf = write_vcf(["1 10 A G GT 0/1 1/1 ./.", "1 20 A G GT 1/1 0/0 0/0"], people)
    first = write_weights(["1 10 G A 0.1", "1 20 G A -3e-7"], name="a.txt")
    second = write_weights(["1 20 G A 5", "1 30 A G 5"], name="b.txt")
    result = score(vcf, [first, second])
    path = tmp_path / "scores.json"
    with path.open("w", encoding="utf-8") as stream:
        result.write(stream)
    assert json.loads(path.read_text("utf-8")) == result.to_json()
    assert [row["sample"] for row in result.rows()] == [name for name in people for _ in range(2)]
