"""The names of CIViC's variants, read into classes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.genome.somatic import load
from osler.genome.somatic.names import Action, Kind, parse_name


@pytest.mark.parametrize(
    ("name", "gene", "kinds"),
    [
        ("V600E", "BRAF", [Kind.PROTEIN]),
        ("V600", "BRAF", [Kind.CODON]),
        ("G12/G13", "KRAS", [Kind.CODON, Kind.CODON]),
        ("S310F/Y", "ERBB2", [Kind.PROTEIN, Kind.PROTEIN]),
        ("R167Q (c.500G>A)", "VHL", [Kind.CODING, Kind.PROTEIN]),
        ("c.902-1G>T", "RUNX1", [Kind.CODING]),
        ("1100DELC", "CHEK2", [Kind.CODING]),
        ("EXON 19 DELETION", "EGFR", [Kind.EXON]),
        ("Exon 2 Mutation", "KRAS", [Kind.EXON]),
        ("KINASE DOMAIN MUTATION", "ERBB2", [Kind.DOMAIN]),
        ("DEL 485-490", "BRAF", [Kind.CODONS]),
        ("MUTATION", "TP53", [Kind.GENE]),
        ("Non-V600", "BRAF", [Kind.GENE]),
        ("AMPLIFICATION", "ERBB2", [Kind.COPY_NUMBER]),
        ("OVEREXPRESSION", "ERBB2", [Kind.EXPRESSION]),
        ("EML4-ALK", "ALK", [Kind.FUSION]),
        ("ALK FUSIONS", "ALK", [Kind.FUSION]),
        ("REARRANGEMENT", "ROS1", [Kind.FUSION]),
        ("BCR-ABL T315I", "ABL1", [Kind.FUSION, Kind.PROTEIN]),
        ("EML4-ALK C1156Y-L1198F", "ALK", [Kind.FUSION, Kind.PROTEIN, Kind.PROTEIN]),
        ("V600E and AMPLIFICATION", "BRAF", [Kind.PROTEIN, Kind.COPY_NUMBER]),
        ("WILD TYPE", "TP53", [Kind.WILD_TYPE]),
        ("PROMOTER METHYLATION", "MGMT", [Kind.OTHER_TEST]),
        ("UGT1A1*28", "UGT1A1", [Kind.POLYMORPHISM]),
        ("RS4149056", "SLCO1B1", [Kind.POLYMORPHISM]),
        ("K159FS*16", "NF2", [Kind.PROTEIN]),
        ("Alu insertion", "BRCA1", [Kind.UNREAD]),
    ],
)
def test_a_name_is_of_its_class(name: str, gene: str, kinds: list[Kind]) -> None:
    """Each way of naming has its class."""
    assert [pattern.kind for pattern in parse_name(name, gene).patterns] == kinds


def test_and_needs_both_and_a_slash_either() -> None:
    """`V600E/K and AMPLIFICATION` is one of two changes, together with an amplification."""
    groups = parse_name("V600E/K and AMPLIFICATION", "BRAF").groups
    assert [len(group) for group in groups] == [2, 1]


def test_a_promoter_is_not_a_protein() -> None:
    """`C228T` of TERT is told by its place, since its type says that it regulates."""
    name = parse_name("C228T", "TERT", ("regulatory_region_variant",))
    assert [pattern.kind for pattern in name.patterns] == [Kind.PLACE]


@pytest.mark.parametrize(
    ("types", "action"),
    [
        (("gain_of_function_variant",), Action.NOT_LOSS),
        (("missense_variant",), Action.NOT_LOSS),
        (("transcript_variant", "loss_of_function_variant"), Action.LOSS),
        (("protein_altering_variant",), Action.ANY),
        ((), Action.ANY),
    ],
)
def test_types_narrow_a_mutation(types: tuple[str, ...], action: Action) -> None:
    """A gene's `MUTATION` means what its Sequence Ontology terms say."""
    assert parse_name("MUTATION", "GENE", types).patterns[0].action is action


def test_nearly_every_name_of_the_release_is_read() -> None:
    """All 1,467 names are parsed or counted as unread: at least 99 % are parsed."""
    kinds: Counter[Kind] = Counter()
    variants = load().variants.values()
    unread = [one for one in variants if not one.name.read]
    for variant in variants:
        assert variant.name.patterns
        kinds.update({pattern.kind for pattern in variant.name.patterns})
    assert len(unread) <= 0.01 * len(variants)
    assert kinds[Kind.PROTEIN] > 800
    assert kinds[Kind.FUSION] > 190
    assert kinds[Kind.COPY_NUMBER] > 45


@given(st.text(max_size=60), st.sampled_from(["BRAF", "", "ALK"]))
def test_any_name_is_survived(name: str, gene: str) -> None:
    """No name breaks the reader, and every one gives at least one pattern."""
    assert parse_name(name, gene).patterns
