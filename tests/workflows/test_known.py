"""What is known of a patient is told once, in words that keep their letters."""

from __future__ import annotations

import polars as pl

from osler.model import Provenance
from osler.testing import patient
from osler.workflows.patient.known import MOST_VARIANTS, known
from osler.workflows.patient.scores import scores

MAF = {"VARIANT//GRCh37//3-178952085-A-G": "PIK3CA p.H1047R Missense_Mutation"}
NOBODYS = Provenance("osler", "")


def told(events: pl.DataFrame, descriptions: dict[str, str]) -> list[tuple[str, str]]:
    """Return what is told, without dates."""
    return [(one["what"], one["value"]) for one in known(events, descriptions)]


def test_a_mutation_is_told_once() -> None:
    """The variant, its class and its gene are three events of one mutation."""
    one = patient(born=1960)
    one = one.event("VARIANT//GRCh37//3-178952085-A-G", day=1, text=next(iter(MAF.values())))
    one = one.event("MUTATION//PIK3CA//Missense_Mutation", day=1, text="p.H1047R")
    one = one.event("GENE_ALTERED//PIK3CA", day=1, text="p.H1047R")
    one = one.event("GENE_ALTERED//TP53", day=1, text="p.R175H")
    lines = told(one.events(), MAF)
    assert ("PIK3CA p.H1047R", "missense mutation") in lines
    assert ("Gene altered TP53", "p.R175H") in lines
    assert len(lines) == 3


def test_a_mutation_without_a_place_is_told_by_its_class() -> None:
    """Where a file has no coordinates, the mutation's own line stays."""
    one = patient(born=1960).event("MUTATION//PIK3CA//Missense_Mutation", day=1, text="p.H1047R")
    one = one.event("GENE_ALTERED//PIK3CA", day=1, text="p.H1047R")
    assert told(one.events(), {}) == [("Mutation PIK3CA", "p.H1047R"), ("Born", "")]


def test_values_in_codes_keep_their_letters() -> None:
    """A name such as LumA is not made small."""
    one = patient(born=1960).event("INTRINSIC_SUBTYPE//LumA", day=1)
    assert ("Intrinsic subtype", "LumA") in told(one.events(), {})


def test_an_inherited_genome_is_one_line() -> None:
    """Many variants of a VCF do not push all else off the page; a few are shown each."""
    few, many = patient(born=1960), patient(born=1960).event("ER_STATUS//positive", day=0)
    few = few.event("VARIANT//GRCh38//1-5-A-G", day=1, text="0|1")
    for place in range(MOST_VARIANTS + 1):
        many = many.event(f"VARIANT//GRCh38//1-{place + 1}-A-G", day=1, text="0/1")
    assert told(few.events(), {})[0] == ("Variant 1-5-A-G (GRCh38)", "0|1")
    lines = told(many.events(), {})
    assert lines[0] == ("Variants of the inherited genome", str(MOST_VARIANTS + 1))
    assert len(lines) == 3


def test_a_sum_without_reference_says_nothing() -> None:
    """A polygenic sum alone abstains; one beside a reference has its Z score as value."""
    alone = patient(born=1960).event("PGS//PGS000018", day=1, value=0.31)
    (found,) = scores(alone.events(), {}, NOBODYS).findings
    assert (found.status, found.value) == ("abstained", None)
    beside = alone.event("PGS//PGS000018", day=2, value=0.31, text="z -1.20 (Z_norm2)")
    part = scores(beside.events(), {}, NOBODYS)
    (found,) = part.findings
    assert (found.status, found.value) == ("final", -1.2)
    assert part.section[0]["standing"] == "z -1.20 (Z_norm2)"
