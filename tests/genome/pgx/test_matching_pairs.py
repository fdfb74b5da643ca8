"""Pairs of named alleles, rendered unphased, come back as often as PharmCAT's own do.

Numbers: the table of ambiguous pairs that PharmCAT publishes with its definitions 3.1.1; a warning
is a pair that comes back with others, a failure one that does not come back. The pairs that differ
are those that no unphased genotype can tell apart.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement, product

import pytest

from osler import knowledge
from osler.genome.pgx.caller import GeneCaller
from osler.genome.pgx.columns import Column, Site
from osler.genome.pgx.definitions import Definitions, GeneDefinition, in_order

DEFINITIONS = Definitions.load(knowledge.get("cpic-2025-11-05"))


def strands(definition: GeneDefinition, row: int) -> list[tuple[int, ...]]:
    """Return what an allele looks like, once for every combination of its wobbles."""
    cells = definition.alleles[row].cells
    return list(product(*(cells.get(one, (0,)) for one in range(len(definition.positions)))))


def unphased(first: tuple[int, ...], second: tuple[int, ...]) -> Column:
    """Return two strands as unphased genotypes."""
    pairs = enumerate(map(sorted, zip(first, second, strict=True)))
    return Column(tuple(Site(place, low, high) for place, (low, high) in pairs if high))


def verdicts(gene: str) -> Counter[str]:
    """Count the pairs of a gene that come back with others, or not at all."""
    definition = DEFINITIONS.genes[gene]
    caller = GeneCaller(definition, lambda: DEFINITIONS.function)
    found: Counter[str] = Counter()
    for one, other in combinations_with_replacement(range(len(definition.alleles)), 2):
        names = [definition.alleles[row].name for row in (one, other)]
        core = [definition.core_of.get(name, name) for name in names]
        expected = "/".join(in_order(core, definition.reference))
        worst = set()
        for both in product(strands(definition, one), strands(definition, other)):
            pairs = [str(pair) for pair in caller.call(unphased(*both)).diplotypes]
            worst.add("lost" if expected not in pairs else "shared" if len(pairs) > 1 else "")
        found[max(worst, key=["", "shared", "lost"].index)] += 1
        found["renamed and not lost"] += core != names and "lost" not in worst
    return found


@pytest.mark.parametrize(
    ("gene", "warnings", "failures"),
    [
        ("ABCG2", 0, 0),
        ("CACNA1S", 0, 0),
        ("CYP2B6", 8, 6),
        ("CYP2C19", 0, 4),
        ("CYP3A4", 2, 2),
        ("CYP3A5", 0, 0),
        ("CYP4F2", 0, 1),
        ("IFNL3", 0, 0),
        ("NAT2", 0, 33),
        ("NUDT15", 0, 1),
        ("TPMT", 0, 1),
        ("UGT1A1", 2, 2),
        ("VKORC1", 0, 0),
        pytest.param("CFTR", 0, 1, marks=pytest.mark.slow),
        pytest.param("CYP2C9", 0, 2, marks=pytest.mark.slow),
        pytest.param("G6PD", 13, 6, marks=pytest.mark.slow),
    ],
)
def test_pairs_come_back_but_for_the_published_ambiguities(
    gene: str, warnings: int, failures: int
) -> None:
    """As many pairs come back with others, or not, as the published table says."""
    found = verdicts(gene)
    assert (found["shared"], found["lost"]) == (warnings, failures)


def test_pairs_of_slco1b1_come_back_by_core_alleles() -> None:
    """Published as 33 and 100: 91 of the 100 have a suballele, which is called by its core name."""
    found = verdicts("SLCO1B1")
    assert found["shared"] == 33
    assert found["lost"] == 10
    assert found["lost"] + found["renamed and not lost"] == 100
