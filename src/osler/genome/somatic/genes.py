"""Which genes with drug evidence were tested, and with what result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from osler.genome.somatic.civic import PREDICTIVE, SUPPORTS, Civic
from osler.genome.somatic.disease import CONCERNS, Disease
from osler.genome.somatic.names import Kind
from osler.genome.somatic.nouns import Alteration, AlterationKind, Tumour

ACTIONABLE_LEVELS = frozenset("ABCD")
# What a test of genes for mutations, copy number or fusions can show.
_TESTABLE = frozenset(Kind) - {
    Kind.EXPRESSION,
    Kind.POLYMORPHISM,
    Kind.OTHER_TEST,
    Kind.UNREAD,
}

# Copy-number calls that leave a gene as it was, or that half a genome may have.
_NOT_ALTERED = frozenset({"neutral", "gain", "loss", "loss of heterozygosity"})


class Status(StrEnum):
    """What is known of a gene in a tumour."""

    ALTERED = "altered"
    NEGATIVE = "tested and negative"
    NOT_TESTED = "not tested"
    NOT_KNOWN = "not known whether tested"
    NOT_ANNOTATED = "tested, but its variants were not annotated"


@dataclass(frozen=True)
class GeneStatus:
    """A gene and its status."""

    gene: str
    status: Status


def actionable_genes(disease: Disease, receptors: dict[str, str], civic: Civic) -> frozenset[str]:
    """Return the genes on which there is evidence for a drug in this cancer or in any.

    Levels A to D, evidence that supports something, and of an alteration that a test of genes can
    show.
    """
    found: set[str] = set()
    for gene, variants in civic.by_gene.items():
        for variant in variants:
            testable = any(pattern.kind in _TESTABLE for pattern in variant.name.patterns)
            if variant.gene != gene or not testable:
                continue
            if any(
                item.kind == PREDICTIVE
                and item.direction == SUPPORTS
                and item.level in ACTIONABLE_LEVELS
                and civic.diseases.match(disease, receptors, item.disease) in CONCERNS
                for item in civic.evidence[variant.number]
            ):
                found.add(gene)
                break
    return frozenset(found)


def gene_statuses(
    tumour: Tumour, everything: Sequence[Alteration], disease: Disease, civic: Civic
) -> tuple[GeneStatus, ...]:
    """Return the status of each actionable gene, by name."""
    altered = _altered(everything)
    listed = _actionable(disease, tumour, civic)
    return tuple(GeneStatus(gene, _status(gene, altered, tumour)) for gene in sorted(listed))


def negative_genes(
    tumour: Tumour, everything: Sequence[Alteration], civic: Civic
) -> tuple[str, ...]:
    """Return assayed genes without any alteration, of those that CIViC has a wild type of."""
    if tumour.assayed_genes is None or not tumour.annotated:
        return ()
    return tuple(sorted((tumour.assayed_genes & civic.wild_types) - _altered(everything)))


def _altered(everything: Sequence[Alteration]) -> set[str]:
    """Return genes with an alteration that may matter; silent variants do not count."""
    found: set[str] = set()
    for one in everything:
        if one.kind is AlterationKind.SMALL and not one.changes_protein:
            continue
        if one.kind in {AlterationKind.WILD_TYPE, AlterationKind.RECEPTOR}:
            continue
        if one.call in _NOT_ALTERED:
            continue
        found.update(one.partners or (one.gene,))
    return found


def _status(gene: str, altered: set[str], tumour: Tumour) -> Status:
    if gene in altered:
        return Status.ALTERED
    if tumour.assayed_genes is None:
        return Status.NOT_KNOWN
    if gene not in tumour.assayed_genes:
        return Status.NOT_TESTED
    return Status.NEGATIVE if tumour.annotated else Status.NOT_ANNOTATED


def _actionable(disease: Disease, tumour: Tumour, civic: Civic) -> frozenset[str]:
    key = (disease, tuple(sorted(tumour.receptors.items())))
    if key not in civic.actionable:
        civic.actionable[key] = actionable_genes(disease, dict(tumour.receptors), civic)
    return civic.actionable[key]
