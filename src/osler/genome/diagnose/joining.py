"""Joining what a patient's variants say of genes with the diseases of those genes.

A gene's log likelihood ratio is added to each of its diseases, for the mode of inheritance that the
annotations of the disease give: where two damaged copies are needed, one says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from osler.genome.diagnose.nouns import GenotypeEvidence

if TYPE_CHECKING:
    from osler.genome.diagnose.annotations import Annotations
    from osler.genome.diagnose.ratio import Mode
    from osler.genome.diagnose.variants import Evidence

# Modes of inheritance as terms of the ontology. A disease annotated with modes of more than one
# kind, or with others such as mitochondrial, counts as of unknown mode.
MODES: dict[str, Mode] = {
    "HP:0000006": "dominant",
    "HP:0000007": "recessive",
    "HP:0001417": "x-linked",
    "HP:0001419": "x-linked",
    "HP:0001423": "x-linked",
}
# What is annotated among the modes and is none: new in the patient, seen once, in part.
BESIDE_MODES = frozenset({"HP:0003745", "HP:0025352", "HP:0003829", "HP:0003831", "HP:0012275"})


def mode_of(terms: tuple[str, ...]) -> Mode | None:
    """Return the one mode of inheritance that the terms give; None if they give none or several.

    Examples
    --------
    >>> mode_of(("HP:0000007",)), mode_of(("HP:0000006", "HP:0000007"))
    ('recessive', None)
    """
    modes = {MODES.get(one) for one in terms if one not in BESIDE_MODES}
    return modes.pop() if len(modes) == 1 else None


def by_disease(
    evidence: Evidence, annotations: Annotations, left_out: Iterable[str] = ()
) -> dict[int, GenotypeEvidence]:
    """Return what the variants say of each ranked disease with a known gene, by its index.

    Of several genes of a disease the one that speaks most for it counts. A disease is absent where
    nothing was found in its genes, unless the whole exome or genome was sequenced.

    Parameters
    ----------
    left_out
        Publications whose word on the mode of inheritance is not used.
    """
    left_out = tuple(left_out)
    found: dict[int, GenotypeEvidence] = {}
    for disease, genes in annotations.genes.items():
        looked_at = [gene for gene in genes if evidence.whole or gene in evidence]
        if disease >= annotations.n_omim or not looked_at:
            continue
        mode = mode_of(annotations.modes_of(disease, left_out))
        told = []
        for gene in looked_at:
            one = evidence.of(gene)
            told.append(GenotypeEvidence(gene, mode, one.log_lr_for(mode), one))
        found[disease] = max(told, key=lambda one: one.log_lr)
    return found
