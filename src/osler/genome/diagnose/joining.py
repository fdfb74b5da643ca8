"""Joining what a patient's variants say of genes with the diseases of those genes.

A gene's log likelihood ratio is added to each of its diseases. Where the annotations say that a
disease is recessive and fewer than two copies of the gene carry a variant that may matter, what
speaks for the disease does not count: a healthy carrier looks the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from osler.genome.diagnose.acmg import Class
from osler.genome.diagnose.nouns import GenotypeEvidence

if TYPE_CHECKING:
    from osler.genome.diagnose.annotations import Annotations
    from osler.genome.diagnose.variants import GeneEvidence

# Modes of inheritance of the ontology, https://hpo.jax.org.
DOMINANT = frozenset({"HP:0000006", "HP:0001423", "HP:0001417", "HP:0001450"})
RECESSIVE = frozenset({"HP:0000007"})
MODE_NAMES = {
    "HP:0000006": "autosomal dominant",
    "HP:0000007": "autosomal recessive",
    "HP:0001417": "X-linked",
    "HP:0001419": "X-linked recessive",
    "HP:0001423": "X-linked dominant",
    "HP:0001427": "mitochondrial",
    "HP:0001450": "Y-linked",
}
NOT_GIVEN = "not given"
BENIGN = frozenset({Class.BENIGN, Class.LIKELY_BENIGN})


def by_disease(
    evidence: Mapping[str, GeneEvidence], annotations: Annotations
) -> dict[int, GenotypeEvidence]:
    """Return what the variants say of each ranked disease of the genes, by its index.

    Of several genes of a disease the one that speaks most for it counts.
    """
    found: dict[int, GenotypeEvidence] = {}
    for disease, genes in annotations.genes.items():
        if disease >= annotations.n_omim:
            continue
        modes = annotations.inheritance.get(disease, ())
        told = [joined(gene, evidence[gene], modes) for gene in genes if gene in evidence]
        if told:
            found[disease] = max(told, key=lambda one: one.log_lr)
    return found


def joined(gene: str, evidence: GeneEvidence, modes: Iterable[str]) -> GenotypeEvidence:
    """Return what a gene's variants say of a disease with these modes of inheritance."""
    modes = frozenset(modes)
    copies = sum(one.copies for one in evidence.variants if one.classification.tier not in BENIGN)
    expected = 2 if modes & RECESSIVE and not modes & DOMINANT else 1
    log_lr, how = evidence.log_lr, "as the gene's variants say"
    if not evidence.variants:
        how = "no variant of the gene that would matter"
    elif log_lr > 0 and copies < expected:
        log_lr, how = 0.0, "one copy only, and the disease is recessive: a carrier looks the same"
    return GenotypeEvidence(
        gene=gene,
        inheritance=", ".join(MODE_NAMES[one] for one in sorted(modes & MODE_NAMES.keys()))
        or NOT_GIVEN,
        log_lr=log_lr,
        copies=copies,
        expected_copies=expected,
        how=how,
        variants=tuple(evidence.variants),
    )
