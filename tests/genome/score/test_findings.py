"""A person's scores as findings and as codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from osler.genome.score import Options, codes, findings, score
from osler.genome.score.findings import NO_REFERENCE, RELATIVE, UNVALIDATED
from osler.genome.score.result import A_DISTANCE
from osler.model import Provenance

from .conftest import WriteVcf, WriteWeights
from .test_standing import write_reference

MADE = Provenance("osler", "2026-01-01T00:00:00+00:00")
ABOUT = ["#pgs_id=PGS9", "#genome_build=GRCh38", "#trait_reported=Height"]


def test_a_score_with_a_reference_is_final(
    tmp_path: Path, write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Z score, percentile beside whom, match rate and caveats are all told."""
    files, _ = write_reference(tmp_path)
    weights = write_weights(["1 10 G A 14.75"], about=ABOUT)
    text = files.scores.read_text("utf-8") if files.scores else ""
    (tmp_path / "sums.txt").write_text(text.replace("score_hm", "PGS9"), "utf-8")
    result = score(write_vcf(["1 10 A G GT 1/1 0/1"]), [weights], reference=files)
    (found,) = findings(result, "A", provenance=MADE)
    assert (found.kind, found.status) == ("polygenic score", "final")
    assert "PGS9 (Height)" in found.statement
    assert "percentile 50 of the reference's NORTH" in found.statement
    assert "1 of 1 variants" in found.reasons[0].what
    assert {RELATIVE, A_DISTANCE} <= set(found.caveats)
    assert found.provenance.inputs["PGS9"] == result.outcomes[0].sha256
    ((code, number, said),) = codes(result, "A")
    assert (code, number) == ("PGS//PGS9", 29.5)
    assert said is not None
    assert said.startswith("z ")


def test_who_is_far_from_the_reference_is_warned(
    tmp_path: Path, write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Far from every population the finding says that the score was not shown to hold."""
    files, _ = write_reference(tmp_path)
    (tmp_path / "target.txt").write_text("IID PC1 PC2 PC3\nA 0 0 90\n", "utf-8")
    result = score(
        write_vcf(["1 10 A G GT 1/1 0/1"]), [write_weights(["1 10 G A 1"])], reference=files
    )
    assert UNVALIDATED in findings(result, "A", provenance=MADE)[0].caveats


def test_without_reference_or_match_there_is_no_statement_of_risk(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """A bare sum and a refused score are abstained, each with its reason."""
    vcf = write_vcf(["1 10 A G GT 1/1 ./."])
    told = write_weights(["1 10 G A 1"], name="a.txt")
    poor = write_weights(["1 10 G A 1", "1 20 G A 1"], name="b.txt")
    result = score(vcf, [told, poor], options=Options(impute="none"))
    bare, refused = findings(result, "B", provenance=MADE)
    assert (bare.status, bare.value, refused.status) == ("abstained", None, "abstained")
    assert NO_REFERENCE in bare.caveats
    assert any("genotypes of matched variants are missing" in one for one in bare.caveats)
    assert "50% of its variants" in refused.statement
    assert [code for code, _, _ in codes(result, "B")] == ["PGS//a"]


def test_a_sample_that_is_not_there_is_no_key(
    write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """The error does not repeat the name."""
    result = score(write_vcf(["1 10 A G GT 1/1 0/1"]), [write_weights(["1 10 G A 1"])])
    with pytest.raises(KeyError) as raised:
        codes(result, "SECRET")
    assert "SECRET" not in str(raised.value)
