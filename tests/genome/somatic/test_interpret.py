"""A tumour interpreted: tiers, resistance beside sensitivity, genes tested, what is open."""

from __future__ import annotations

from typing import Any

import pytest

from osler.errors import InputError, NotEstimable
from osler.genome.somatic import (
    Alteration,
    AlterationKind,
    SomaticResult,
    Tumour,
    interpret,
    load,
    receptors_of,
)
from osler.genome.somatic.document import document
from osler.genome.somatic.genes import Status
from osler.genome.somatic.interpret import RESISTANT, SENSITIVE, Interpreted
from osler.knowledge import Release

V600E = Alteration("BRAF", classification="Missense_Mutation", protein="p.V600E")
T790M = Alteration("EGFR", classification="Missense_Mutation", protein="p.T790M")
H1047R = Alteration("PIK3CA", classification="Missense_Mutation", protein="p.H1047R")


def interpreted(
    *alterations: Alteration, cancer: str = "breast cancer", **more: Any
) -> SomaticResult:
    """Interpret a tumour of the breast unless told otherwise."""
    return interpret(Tumour(alterations, cancer, **more), load())


def only(result: SomaticResult, gene: str) -> Interpreted:
    """Return the one alteration of a gene."""
    (found,) = [one for one in result.alterations if one.alteration.gene == gene]
    return found


def test_an_assertion_of_civic_gives_its_tier() -> None:
    """BRAF V600E in melanoma is I-A for the combinations that CIViC asserts."""
    one = only(interpreted(V600E, cancer="melanoma"), "BRAF")
    assert one.tier is not None
    assert one.tier.tier == "I-A"
    asserted = [match for match in one.matches if match.tier and match.tier.assertion]
    assert {frozenset(match.first.drugs) for match in asserted} >= {
        frozenset({"Dabrafenib", "Trametinib"}),
        frozenset({"Vemurafenib", "Cobimetinib"}),
    }


def test_the_disease_decides() -> None:
    """The same change is tier I where it was shown, and II elsewhere."""
    here = only(interpreted(V600E, cancer="melanoma"), "BRAF")
    there = only(interpreted(V600E, cancer="breast cancer"), "BRAF")
    assert here.tier
    assert here.tier.tier == "I-A"
    assert there.tier
    assert there.tier.tier.startswith("II")


def test_resistance_stands_beside_sensitivity() -> None:
    """EGFR T790M resists the first drugs and answers to osimertinib; both are told."""
    one = only(interpreted(T790M, cancer="lung non-small cell carcinoma"), "EGFR")
    assert "Osimertinib" in one.drugs(SENSITIVE)
    assert {"Erlotinib", "Gefitinib"} <= set(one.drugs(RESISTANT))
    assert any(conflict.startswith("Gefitinib") for conflict in one.conflicts)


def test_her2_status_opens_and_closes_a_subtype() -> None:
    """HER2-positive evidence applies with a positive status, is excluded with a negative one."""
    positive = interpreted(H1047R, receptors={"HER2": "positive"})
    negative = interpreted(H1047R, receptors={"HER2": "negative"})
    her2 = only(positive, "ERBB2")
    assert her2.tier
    assert her2.tier.tier == "I-A"
    assert "Trastuzumab" in her2.drugs(SENSITIVE)
    assert all("receptor status" in " ".join(match.caveats) for match in her2.matches)
    assert negative.excluded > 0
    assert positive.excluded == 0
    assert "ERBB2" not in [one.alteration.gene for one in negative.alterations]


def test_an_open_subtype_is_not_tier_one() -> None:
    """Without a HER2 status an amplification is not I-A, and why is told."""
    amplified = [Alteration("ERBB2", AlterationKind.COPY_NUMBER, call="amplification")]
    result = interpreted(copy_number=amplified)
    one = only(result, "ERBB2")
    trastuzumab = [match for match in one.matches if match.first.drugs == ("Trastuzumab",)]
    subtype = [match for match in trastuzumab if "Her2" in match.first.disease.name]
    assert subtype
    assert all(match.tier is None or match.tier.tier != "I-A" for match in subtype)
    assert any("was not given" in caveat for caveat in subtype[0].caveats)
    assert result.notes


def test_amplified_and_negative_is_told_as_a_contradiction() -> None:
    """A copy number and a receptor status that disagree are not silently reconciled."""
    amplified = [Alteration("ERBB2", AlterationKind.COPY_NUMBER, call="amplification")]
    result = interpreted(copy_number=amplified, receptors={"HER2": "negative"})
    assert "amplified by copy number, and HER2 is negative" in result.notes[0]


@pytest.mark.parametrize(
    ("assayed", "status"),
    [
        (None, Status.NOT_KNOWN),
        (frozenset({"TP53"}), Status.NOT_TESTED),
        (frozenset({"PIK3CA"}), Status.NEGATIVE),
    ],
)
def test_a_gene_without_an_alteration_is_negative_only_if_it_was_tested(
    assayed: frozenset[str] | None, status: Status
) -> None:
    """No finding is not a negative finding."""
    result = interpreted(assayed_genes=assayed)
    assert {one.gene: one.status for one in result.genes}["PIK3CA"] is status


def test_an_altered_gene_is_altered_whatever_the_list_says() -> None:
    """A gene with an alteration was evidently tested; a silent change does not alter it."""
    silent = Alteration("PIK3CA", classification="Silent", protein="p.T1025=")
    altered = interpreted(H1047R, assayed_genes=frozenset({"TP53"}))
    unaltered = interpreted(silent, assayed_genes=frozenset({"PIK3CA"}))
    assert {one.gene: one.status for one in altered.genes}["PIK3CA"] is Status.ALTERED
    assert {one.gene: one.status for one in unaltered.genes}["PIK3CA"] is Status.NEGATIVE
    assert unaltered.silent == 1


@pytest.mark.parametrize("call", ["neutral", "gain", "loss", "loss of heterozygosity"])
def test_a_copy_more_or_less_does_not_alter_a_gene(call: str) -> None:
    """Only amplification and deletion of both copies do."""
    copies = [Alteration("PIK3CA", AlterationKind.COPY_NUMBER, call=call)]
    result = interpreted(copy_number=copies, assayed_genes=frozenset({"PIK3CA"}))
    assert {one.gene: one.status for one in result.genes}["PIK3CA"] is Status.NEGATIVE


def test_variants_without_annotation_make_no_gene_negative() -> None:
    """A test whose variants were not annotated shows nothing of a gene."""
    result = interpreted(assayed_genes=frozenset({"PIK3CA"}), annotated=False)
    assert {one.gene: one.status for one in result.genes}["PIK3CA"] is Status.NOT_ANNOTATED


def test_a_tested_gene_without_alteration_brings_its_wild_type_evidence() -> None:
    """CIViC's wild types speak only of genes that were tested, and only in this cancer."""
    tested = interpreted(cancer="colorectal cancer", assayed_genes=frozenset({"KRAS"}))
    untested = interpreted(cancer="colorectal cancer")
    wild = [one for one in tested.alterations if one.alteration.kind is AlterationKind.WILD_TYPE]
    assert [one.alteration.gene for one in wild] == ["KRAS"]
    assert untested.alterations == ()


def test_what_was_not_given_is_told() -> None:
    """Stage, line and the rest are named; what was given is not."""
    bare = interpreted(H1047R)
    full = interpreted(
        H1047R,
        receptors={"ER": "positive", "PR": "positive", "HER2": "negative"},
        copy_number=[],
        fusions=[],
        assayed_genes=frozenset({"PIK3CA"}),
        tmb=3.0,
        msi="stable",
        stage="IV",
        line="2",
        purity=0.6,
    )
    assert {"stage", "line of therapy", "HER2 receptor status"} <= set(bare.not_given)
    assert full.not_given == ()
    assert any("no tier rests on it: tumour mutational burden" in note for note in full.notes)
    lung = interpreted(cancer="lung cancer")
    assert not any("receptor" in name for name in lung.not_given)


def test_half_of_the_reads_in_an_impure_tumour_raise_a_suspicion() -> None:
    """Half the reads at a purity of 0.4 cannot be one copy in the tumour alone."""
    half = Alteration(
        "PIK3CA", classification="Missense_Mutation", protein="p.P1P", allele_fraction=0.5
    )
    low = only(interpreted(half, purity=0.4), "PIK3CA")
    assert low.germline is not None
    assert "confirm in normal tissue" in low.germline.advice
    assert only(interpreted(half, purity=0.9), "PIK3CA").germline is None
    assert only(interpreted(half), "PIK3CA").germline is None


def test_a_gene_with_inherited_losses_raises_a_suspicion() -> None:
    """A truncation of BRCA2 may be inherited, a missense change of PIK3CA is not said to be."""
    truncated = Alteration("BRCA2", classification="Nonsense_Mutation", protein="p.E1035*")
    result = interpreted(truncated, H1047R)
    assert only(result, "BRCA2").germline is not None
    assert only(result, "PIK3CA").germline is None


def test_a_small_share_of_a_pure_tumour_may_be_a_subclone() -> None:
    """Five reads of a hundred at full purity are a tenth of the cells."""
    few = Alteration(
        "PIK3CA", classification="Missense_Mutation", protein="p.H1047R", allele_fraction=0.05
    )
    hint = only(interpreted(few, purity=1.0), "PIK3CA").subclonal
    assert hint is not None
    assert "10%" in hint


def test_nothing_altered_is_an_answer() -> None:
    """A tumour without alterations has no tier, its genes and what was not given."""
    result = interpreted()
    assert result.tier is None
    assert result.alterations == ()
    assert result.genes
    assert result.not_given


def test_an_alteration_given_twice_counts_once() -> None:
    """Duplicates do not double the answer."""
    assert len(interpreted(H1047R, H1047R).alterations) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"purity": 0.0},
        {"purity": 1.2},
        {"purity": float("nan")},
        {"tmb": -1.0},
        {"tmb": float("inf")},
        {"receptors": {"HER2": "maybe"}},
        {"receptors": {"AR": "positive"}},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    """Numbers out of range and unknown receptors are the user's to mend."""
    with pytest.raises(InputError):
        interpreted(H1047R, **wrong)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("ER=positive,PR=+,HER2=neg", {"ER": "positive", "PR": "positive", "HER2": "negative"}),
        ("her2 = Negative", {"HER2": "negative"}),
        ("HER2=unknown", {}),
    ],
)
def test_receptors_are_read_from_words(text: str, expected: dict[str, str]) -> None:
    """Words, signs and cases; unknown is not given."""
    assert receptors_of(text) == expected


@pytest.mark.parametrize("text", ["HER2", "HER2=3+", "KI67=positive", "ER=positive,ER=negative"])
def test_receptors_that_cannot_be_read_are_refused(text: str) -> None:
    """Nothing is guessed, and a contradiction is one."""
    if text == "HER2":
        assert receptors_of(text) == {}
        return
    with pytest.raises(InputError, match="--receptors"):
        receptors_of(text)


def test_the_document_cites_every_item_once() -> None:
    """Each match refers to items that stand in the file, with the statement of CIViC."""
    result = interpreted(V600E, cancer="colorectal cancer")
    told = document([result], load())
    cited = {
        name
        for alteration in told["samples"][0]["alterations"]
        for match in alteration["matches"]
        for name in match["evidence"]
    }
    assert cited == set(told["evidence"])
    assert all(item["statement"] and item["citation"] for item in told["evidence"].values())
    assert told["knowledge"]["release"].startswith("civic-")
    assert "years old" in told["knowledge"]["age"]
    assert told["knowledge"]["names_not_read"]


def test_a_release_without_evidence_cannot_answer(tmp_path: Any) -> None:
    """A release that lacks a table is told, not taken for a lack of evidence."""
    bare = Release("tumour-bare", "tumour", "2020-01-01", "", (), tmp_path, "0" * 64)
    with pytest.raises(NotEstimable, match="evidence"):
        interpret(Tumour((), "breast cancer"), bare)
