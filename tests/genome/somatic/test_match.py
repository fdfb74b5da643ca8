"""Alterations against the variants of CIViC: never more than both of them tell."""

from __future__ import annotations

from typing import Any

import pytest

from osler.genome.somatic import Alteration, AlterationKind, Place, load
from osler.genome.somatic.match import VariantMatch, matches_of


def matched(*alterations: Alteration) -> dict[str, VariantMatch]:
    """Match the first of a tumour's alterations; return how by CIViC's names."""
    found = matches_of(alterations[0], alterations, load())
    return {f"{variant.gene} {variant.label}": match for variant, match in found}


def small(
    gene: str, protein: str, classification: str = "Missense_Mutation", **more: Any
) -> Alteration:
    """Build a small variant."""
    return Alteration(gene, classification=classification, protein=protein, **more)


def fusion(*partners: str) -> Alteration:
    """Build a fusion of two genes."""
    first, second = partners
    return Alteration(first or second, AlterationKind.FUSION, partners=(first, second))


def copies(gene: str, call: str) -> Alteration:
    """Build a call of copy number."""
    return Alteration(gene, AlterationKind.COPY_NUMBER, call=call)


HER2 = Alteration("ERBB2", AlterationKind.RECEPTOR, call="positive")


@pytest.mark.parametrize(
    ("alteration", "name", "expected"),
    [
        (small("BRAF", "p.V600E"), "BRAF V600E", VariantMatch.SAME_CHANGE),
        (small("BRAF", "p.Val600Glu"), "BRAF V600", VariantMatch.CODON),
        (small("BRAF", "p.V600E"), "BRAF MUTATION", VariantMatch.GENE),
        (small("BRAF", "p.V600R"), "BRAF V600E", VariantMatch.OTHER_CHANGE),
        (small("ERBB2", "p.S310Y"), "ERBB2 S310F/Y", VariantMatch.SAME_CHANGE),
        (small("KRAS", "p.G12D"), "KRAS G12/G13", VariantMatch.CODON),
        (copies("ERBB2", "amplification"), "ERBB2 AMPLIFICATION", VariantMatch.COPY_NUMBER),
        (copies("PTEN", "deletion"), "PTEN DELETION", VariantMatch.COPY_NUMBER),
        (copies("PTEN", "deletion"), "PTEN LOSS", VariantMatch.CLASS),
        (small("PTEN", "p.R130*", "Nonsense_Mutation"), "PTEN LOSS", VariantMatch.ONE_COPY),
        (HER2, "ERBB2 AMPLIFICATION", VariantMatch.RECEPTOR),
        (HER2, "ERBB2 OVEREXPRESSION", VariantMatch.RECEPTOR),
        (fusion("EML4", "ALK"), "ALK EML4-ALK", VariantMatch.FUSION),
        (fusion("KIF5B", "ALK"), "ALK ALK FUSIONS", VariantMatch.FUSION_ANY),
        (fusion("", "ALK"), "ALK ALK FUSIONS", VariantMatch.FUSION_ANY),
        (fusion("BCR", "ABL1"), "ABL1 BCR-ABL", VariantMatch.FUSION),
        (fusion("NPM1", "ALK"), "ALK NPM-ALK", VariantMatch.FUSION),
        (fusion("NTRK1", "TPM3"), "NTRK1 TPM3-NTRK1", VariantMatch.FUSION),
        (fusion("TPM3", "NTRK1"), "NTRK1 TPM3-NTRK1", VariantMatch.FUSION),
        (
            small("TP53", "p.R213*", "Nonsense_Mutation"),
            "TP53 TRUNCATING MUTATION",
            VariantMatch.CLASS,
        ),
        (Alteration("TP53", AlterationKind.WILD_TYPE), "TP53 WILD TYPE", VariantMatch.WILD_TYPE),
    ],
    ids=str,
)
def test_a_match_says_how_specific_it_is(
    alteration: Alteration, name: str, expected: VariantMatch
) -> None:
    """Protein change, codon, class, gene: each is called by its name."""
    assert matched(alteration)[name] is expected


@pytest.mark.parametrize(
    ("alteration", "name"),
    [
        # A truncation does not activate.
        (small("PIK3CA", "p.E50*", "Nonsense_Mutation"), "PIK3CA Mutation"),
        (small("BRAF", "p.Q356*", "Nonsense_Mutation"), "BRAF MUTATION"),
        (small("KRAS", "p.G12*", "Nonsense_Mutation"), "KRAS G12"),
        (small("KRAS", "p.Q61*", "Nonsense_Mutation"), "KRAS Mutation"),
        # A missense change is no loss of function.
        (small("BRCA2", "p.N372H"), "BRCA2 LOSS-OF-FUNCTION"),
        (small("BRCA1", "p.C61G"), "BRCA1 Mutation"),
        (small("TP53", "p.R175H"), "TP53 TRUNCATING MUTATION"),
        # A silent change is nothing.
        (small("KRAS", "p.G12=", "Silent"), "KRAS G12"),
        (small("TP53", "p.R175=", "Silent"), "TP53 MUTATION"),
        # Another residue at the number is another protein.
        (small("BRAF", "p.L600E"), "BRAF V600E"),
        (small("KRAS", "p.A12D"), "KRAS G12"),
        # The excepted codon is excepted.
        (small("BRAF", "p.V600E"), "BRAF Non-V600"),
        # One copy more is no amplification, one less no deletion.
        (copies("ERBB2", "gain"), "ERBB2 AMPLIFICATION"),
        (copies("PTEN", "loss"), "PTEN LOSS"),
        (copies("ERBB2", "amplification"), "ERBB2 OVEREXPRESSION"),
        # Nobody showed that this one activates.
        (small("CTNNB1", "p.A20V"), "CTNNB1 Activating Mutation"),
        (fusion("EML4", "NTRK3"), "ALK ALK FUSIONS"),
        # The same words in a partner's gene.
        (small("BCR", "p.T315I"), "ABL1 BCR-ABL T315I"),
        (copies("EML4", "amplification"), "ALK EML4-ALK and AMPLIFICATION"),
    ],
    ids=str,
)
def test_a_match_never_claims_more(alteration: Alteration, name: str) -> None:
    """What the name does not mean does not match."""
    assert name not in matched(alteration)


def test_a_combination_needs_all_its_parts() -> None:
    """A change in a fusion is one thing with the fusion and a part of it without."""
    change, fused = small("ABL1", "p.T315I"), fusion("BCR", "ABL1")
    assert matched(change)["ABL1 BCR-ABL T315I"] is VariantMatch.PART
    assert matched(change, fused)["ABL1 BCR-ABL T315I"] is VariantMatch.SAME_CHANGE
    assert "ABL1 BCR-ABL E255K" not in matched(change, fused)


def test_a_combination_is_of_its_own_gene() -> None:
    """BRAF V600E with another gene amplified is not BRAF V600E and amplification."""
    change, name = small("BRAF", "p.V600E"), "BRAF V600E and AMPLIFICATION"
    own, other = copies("BRAF", "amplification"), copies("ERBB2", "amplification")
    assert matched(change, own)[name] is VariantMatch.SAME_CHANGE
    assert matched(change, other)[name] is VariantMatch.PART
    assert name not in matched(other, change)


def test_a_fusion_alone_does_not_bring_its_resistance_mutations() -> None:
    """EML4-ALK does not match names that ask for a further change."""
    assert not [name for name in matched(fusion("EML4", "ALK")) if name.endswith("G1269A")]


def test_the_same_words_elsewhere_in_the_genome_are_another_change() -> None:
    """Coordinates far from CIViC's mean another transcript's numbering."""
    near = Place("GRCh37", "7", 140453136, "A", "T")
    far = Place("GRCh37", "7", 140400000, "A", "T")
    assert matched(small("BRAF", "p.V600E", place=near))["BRAF V600E"] is VariantMatch.SAME_CHANGE
    assert "BRAF V600E" not in matched(small("BRAF", "p.V600E", place=far))


def test_a_genomic_change_matches_whatever_the_transcript_calls_it() -> None:
    """The same allele is the same, though the file numbers the protein otherwise."""
    place = Place("GRCh37", "7", 140453136, "A", "T")
    found = matched(small("BRAF", "p.V28E", place=place))
    assert found["BRAF V600E"] is VariantMatch.SAME_PLACE


@pytest.mark.parametrize(
    ("protein", "classification", "start", "expected"),
    [
        ("p.E746_A750del", "In_Frame_Del", 55242465, True),
        ("p.L747_P753delinsS", "In_Frame_Del", 55242470, True),
        ("p.L747P", "Missense_Mutation", 55242469, False),
        ("p.E709_T710delinsD", "In_Frame_Del", 55241678, False),
    ],
)
def test_exon_19_deletion_is_a_deletion_in_exon_19(
    protein: str, classification: str, start: int, *, expected: bool
) -> None:
    """Neither a missense change in the exon nor a deletion in another one."""
    place = Place("GRCh37", "7", start, "GGAATTAAGAGAAGC", "")
    found = matched(small("EGFR", protein, classification, place=place))
    assert (found.get("EGFR EXON 19 DELETION") is VariantMatch.EXON) is expected


def test_an_exon_number_serves_without_coordinates() -> None:
    """The file's exon counts where its build has no coordinates in CIViC."""
    place = Place("GRCh38", "7", 55174771, "GGAATTAAGAGAAGC", "")
    told = small("EGFR", "p.E746_A750del", "In_Frame_Del", place=place, exon=19)
    untold = small("EGFR", "p.E746_A750del", "In_Frame_Del", place=place)
    assert "EGFR EXON 19 DELETION" in matched(told)
    assert "EGFR EXON 19 DELETION" not in matched(untold)


def test_skipping_of_exon_14_is_a_splice_site_there() -> None:
    """A change of MET's splice donor after exon 14 matches; one of another exon does not."""
    donor = Place("GRCh37", "7", 116412044, "G", "A")
    other = Place("GRCh37", "7", 116411708, "G", "A")
    name = "MET EXON 14 SKIPPING MUTATION"
    assert name in matched(small("MET", "p.X1010_splice", "Splice_Site", place=donor))
    assert name not in matched(small("MET", "p.X963_splice", "Splice_Site", place=other))


def test_a_change_known_to_activate_fits_names_that_ask_for_it() -> None:
    """Gain of function is taken from CIViC's own types, not from the class of the change."""
    found = matched(small("KIT", "p.D816V"))
    assert found["KIT D816V"] is VariantMatch.SAME_CHANGE
    assert found["KIT MUTATION"] is VariantMatch.GENE


def test_places_are_compared_without_shared_bases() -> None:
    """An insertion is the same written as MAF, as VCF, or with bases to spare."""
    maf = Place.trimmed("GRCh37", "9", 5070054, "", "G")
    vcf = Place.trimmed("GRCh37", "chr9", 5070053, "A", "AG")
    spare = Place.trimmed("GRCh37", "9", 5070052, "TA", "TAG")
    assert maf == vcf == spare
    assert maf.start == 5070053
    assert maf.end == 5070054


def test_an_unknown_gene_matches_nothing() -> None:
    """A gene that CIViC does not have gives no match and no error."""
    assert matched(small("NOT_A_GENE", "p.V600E")) == {}
