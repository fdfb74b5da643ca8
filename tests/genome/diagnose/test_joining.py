"""Joining variants and diseases: by gene, by mode of inheritance, and only where something is."""

from __future__ import annotations

import pytest
from tests.genome.diagnose.small import annotations

from osler.genome.diagnose.carried import Zygosity
from osler.genome.diagnose.joining import by_disease, mode_of
from osler.genome.diagnose.ratio import Damage, Mode, log_ratio
from osler.genome.diagnose.variants import Evidence, GeneEvidence

HIDDEN = Damage(0.95, established=False, frequency=None, zygosity=Zygosity.HETEROZYGOUS)


class OneAllele(GeneEvidence):
    """A gene with one damaging heterozygous allele."""

    def log_lr_for(self, mode: Mode | None) -> float:
        """Return the ratio of that allele."""
        return log_ratio([HIDDEN], mode, whole=self.whole)


def evidence(*genes: str, whole: bool = False) -> Evidence:
    """Build evidence of one allele in each gene."""
    told = {gene: OneAllele(gene, 0.0, whole=whole) for gene in genes}
    return Evidence(told, build="GRCh38", whole=whole, notes=())


@pytest.mark.parametrize(
    ("terms", "mode"),
    [
        (("HP:0000006",), "dominant"),
        (("HP:0000006", "HP:0003745"), "dominant"),
        (("HP:0001419", "HP:0001423"), "x-linked"),
        (("HP:0000006", "HP:0000007"), None),
        (("HP:0001427",), None),
        ((), None),
    ],
)
def test_a_mode_is_known_only_if_it_is_one(terms: tuple[str, ...], mode: str | None) -> None:
    """Several modes, or one that the ratio does not know, count as unknown."""
    assert mode_of(terms) == mode


def test_one_allele_speaks_for_a_dominant_disease_and_not_for_a_recessive_one() -> None:
    """CRYA's disease is dominant, CRYB's recessive: the same allele says more of the first."""
    told = annotations()
    found = by_disease(evidence("CRYA", "CRYB"), told)
    dominant, recessive = found[told.index["OMIM:100001"]], found[told.index["OMIM:100002"]]
    assert (dominant.inheritance, recessive.inheritance) == ("dominant", "recessive")
    assert dominant.log_lr > 1
    assert recessive.log_lr <= 0.5


def test_a_gene_without_a_variant_says_nothing_unless_all_was_sequenced() -> None:
    """Diseases of other genes are absent from a panel, and lose by a whole exome."""
    told = annotations()
    other = told.index["OMIM:100003"]
    assert other not in by_disease(evidence("CRYA"), told)
    assert by_disease(evidence("CRYA", whole=True), told)[other].log_lr < 0
    assert told.index["OMIM:100004"] not in by_disease(evidence("CRYA", whole=True), told)


def test_the_mode_that_an_own_paper_brought_is_not_used() -> None:
    """With the paper left out the mode is unknown."""
    told = annotations()
    found = by_disease(evidence("CRYA"), told, ["PMID:2"])
    assert found[told.index["OMIM:100001"]].inheritance is None
