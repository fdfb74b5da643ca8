"""Sums and averages to the printed digits of `plink2 --score`, where it is installed.

Oracle: PLINK v2.00a3.5 (Debian package plink2 2.00~a3.5-220809).
Chang et al. 2015, GigaScience 4:7.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from osler.genome.score import Options, read_weights, score
from osler.genome.score.totals import Impute
from osler.genome.score.weights import ADDITIVE, DOMINANT, RECESSIVE

from .conftest import WriteVcf, WriteWeights

pytestmark = pytest.mark.skipif(shutil.which("plink2") is None, reason="plink2 is not installed")

PEOPLE, VARIANTS = 80, 120
ALLELES = [("A", "G"), ("C", "T"), ("AT", "A"), ("G", "T,A")]


def genotypes(*, missing: bool) -> list[str]:
    """Make up records: phased and not, multi-allelic, some missing."""
    generator = np.random.default_rng(2)
    records = []
    for number in range(VARIANTS):
        reference, alternative = ALLELES[number % 4]
        most = 3 if "," in alternative else 2
        pairs = np.sort(generator.integers(0, most, (PEOPLE, 2)), axis=1)
        words = [("|" if number % 3 else "/").join(map(str, pair)) for pair in pairs.tolist()]
        for person in np.flatnonzero(generator.random(PEOPLE) < 0.05 * missing):
            words[person] = "./."
        where = f"1 {10 * number + 1} {reference} {alternative} GT"
        records.append(f"{where} {' '.join(words)}")
    return records


def is_printed(value: float, text: str) -> bool:
    """Tell whether a number, rounded to PLINK's six digits, is what PLINK printed.

    Sums of weights with few decimals often lie halfway between two printed numbers; PLINK rounds
    those down or up by the last bit of its arithmetic, so either of the two is right.
    """
    told = Decimal(text)
    half = Decimal(5).scaleb(told.adjusted() - 6)
    return abs(Decimal(value) - told) <= half * (1 + Decimal("1e-6"))


def plink2(vcf: Path, weights: Path, folder: Path, words: list[str]) -> list[list[str]]:
    """Return average and sum of everybody, as printed."""
    lines = [line.split("\t") for line in weights.read_text("utf-8").splitlines()[2:]]
    table = folder / "plink.txt"
    table.write_text("".join(f"1:{row[1]}\t{row[2]}\t{row[4]}\n" for row in lines), "utf-8")
    subprocess.run(
        [shutil.which("plink2") or "plink2", "--vcf", vcf, "--set-all-var-ids", "@:#",
         "--score", table, *words, "cols=+scoresums", "--out", folder / "out"],
        check=True, capture_output=True,
    )  # fmt: skip
    told = (folder / "out.sscore").read_text("utf-8").splitlines()[1:]
    return [line.split("\t")[-2:] for line in told]


@pytest.mark.parametrize(
    ("words", "impute", "effect", "missing"),
    [
        ([], "cohort", ADDITIVE, True),
        (["no-mean-imputation"], "none", ADDITIVE, True),
        (["no-mean-imputation"], "reference", ADDITIVE, True),
        (["dominant"], "cohort", DOMINANT, False),
        (["recessive"], "cohort", RECESSIVE, False),
    ],
)
def test_the_printed_digits_are_those_of_plink2(
    tmp_path: Path, write_vcf: WriteVcf, write_weights: WriteWeights, words: list[str],
    impute: Impute, effect: int, missing: bool,
) -> None:  # fmt: skip
    """Every person's sum and average, with and without mean imputation, and by kind of effect."""
    names = [f"P{one}" for one in range(PEOPLE)]
    vcf = write_vcf(genotypes(missing=missing), names, name="v.vcf.gz")
    generator = np.random.default_rng(4)
    rows = []
    for number in range(VARIANTS):
        reference, alternative = ALLELES[number % 4]
        pair = [alternative.split(",")[0], reference]
        effect_allele, other = pair if number % 5 else reversed(pair)
        rows.append(f"1 {10 * number + 1} {effect_allele} {other} {generator.normal():.8g}")
    weights = write_weights(rows)
    read = read_weights(weights)
    asked = replace(read, effects=np.full(VARIANTS, effect, np.int8))
    found = score(vcf, [asked], options=Options(impute=impute, ambiguous="keep"))
    assert found.outcomes[0].match_rate == 1
    told = plink2(vcf, weights, tmp_path, words)
    assert len(told) == PEOPLE
    for person, (average, total) in enumerate(told):
        row = found.row(person, 0)
        assert is_printed(row["average"], average)
        assert is_printed(row["sum"], total)
