"""A tumour's findings for the report, its codes for the timeline, and a tumour from a timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from osler.genome.somatic import Alteration, Tumour, codes, findings, interpret, load
from osler.model import EVENT_SCHEMA, Provenance

PROVENANCE = Provenance("osler", "2026-01-01T00:00:00Z")
TIME = datetime(2020, 1, 1)


def events(*rows: tuple[str, float | None, str | None]) -> pl.DataFrame:
    """Build one subject's events."""
    data = [(1, TIME, code, number, text) for code, number, text in rows]
    return pl.DataFrame(data, schema=EVENT_SCHEMA, orient="row")


SEQUENCED = ("SEQUENCED//tumour", None, None)
VARIANT = ("VARIANT//GRCh37//3-178952085-A-G", 0.25, "PIK3CA p.H1047R Missense_Mutation")
MUTATION = ("MUTATION//PIK3CA//Missense_Mutation", None, "p.H1047R")
ALTERED = ("GENE_ALTERED//PIK3CA", None, "p.H1047R")


def of_events(*rows: tuple[str, float | None, str | None], **more: Any) -> Tumour:
    """Make a tumour of the breast from events."""
    return Tumour.from_events(events(*rows), cancer="breast cancer", **more)


def test_three_events_of_one_mutation_are_one_alteration() -> None:
    """The timeline tells a mutation thrice; the share of reads and the place come along."""
    tumour = of_events(SEQUENCED, VARIANT, MUTATION, ALTERED)
    (one,) = tumour.alterations
    assert (one.gene, one.protein, one.classification) == (
        "PIK3CA",
        "p.H1047R",
        "Missense_Mutation",
    )
    assert one.allele_fraction == 0.25
    assert one.place is not None
    assert (one.place.build, one.place.start) == ("GRCh37", 178952085)
    assert tumour.notes == ()


def test_a_gene_said_to_be_altered_is_enough() -> None:
    """An event without a variant still says that the gene is altered."""
    (one,) = of_events(SEQUENCED, ("GENE_ALTERED//PIK3CA", None, None)).alterations
    assert one.gene == "PIK3CA"
    assert one.changes_protein


def test_two_mutations_of_a_gene_are_two() -> None:
    """Different changes of one gene are kept apart."""
    other = ("VARIANT//GRCh37//3-178936091-G-A", None, "PIK3CA p.E545K Missense_Mutation")
    assert len(of_events(VARIANT, MUTATION, ALTERED, other).alterations) == 2


def test_a_timeline_without_sequencing_says_so() -> None:
    """No event is not a negative test."""
    (note,) = of_events(("DIAGNOSIS//IDC", None, None)).notes
    assert "does not mean that there is none" in note


def test_odd_events_are_survived() -> None:
    """Codes cut short and texts without their parts break nothing and invent nothing."""
    tumour = of_events(
        ("VARIANT//GRCh37", None, None),
        ("VARIANT//GRCh37//3-x-A-G", None, "PIK3CA"),
        ("VARIANT//GRCh37//17-7578406-C-T", 7.0, None),
        ("MUTATION//PIK3CA", None, None),
        ("GENE_ALTERED", None, None),
    )
    (one,) = tumour.alterations
    assert one.gene == ""
    assert one.allele_fraction is None


def test_every_finding_says_how_old_the_knowledge_is() -> None:
    """Each has the age of CIViC, its reasons, and what was not given."""
    result = interpret(of_events(VARIANT, assayed_genes=frozenset({"PIK3CA", "ERBB2"})), load())
    found = findings(result, provenance=PROVENANCE)
    assert [one.kind for one in found] == ["tumour alteration", "tumour genes tested"]
    for one in found:
        assert any(caveat.startswith("CIViC as of 2021-02-25") for caveat in one.caveats)
        assert any(caveat.startswith("not given: stage") for caveat in one.caveats)
        assert one.provenance.inputs["civic-2021-02-25"] == load().release.sha256
        assert one.status == "final"
    first = found[0]
    assert first.value == "I-B"
    assert "resistance or harm with Trastuzumab" in first.statement
    assert first.evidence
    assert first.reasons[0].what == "PIK3CA p.H1047R, in 25% of reads"


def test_what_is_not_known_is_abstained() -> None:
    """An alteration of which nothing is known is named, and not called harmless."""
    unknown = Alteration("GATA3", classification="Missense_Mutation", protein="p.A318T")
    result = interpret(Tumour((unknown,), "breast cancer"), load())
    (one,) = findings(result, provenance=PROVENANCE)
    assert one.status == "abstained"
    assert "GATA3 p.A318T" in one.statement
    assert "unknown does not mean harmless" in one.caveats


def test_a_tumour_without_alterations_has_a_finding() -> None:
    """Nothing to interpret is said, with what was not given."""
    (one,) = findings(interpret(Tumour((), "breast cancer"), load()), provenance=PROVENANCE)
    assert one.status == "abstained"
    assert one.caveats


def test_codes_carry_gene_and_tier() -> None:
    """What lands on the timeline is the gene, the tier, the share of reads and the change."""
    result = interpret(of_events(VARIANT), load())
    assert codes(result) == [("TUMOUR_FINDING//PIK3CA//I-B", 0.25, "p.H1047R")]
