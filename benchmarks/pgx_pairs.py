"""Pharmacogenomic matching: every pair of named alleles, rendered unphased and called again.

A pair is rendered with every base of its wobble cells; the worst of what comes back counts. SLCO1B1
has two suballeles that are called by their core allele, *45: by their own names the 91 pairs with
them cannot come back, and 9 others do not.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import combinations_with_replacement, product
from typing import Any

from osler.genome.pgx.caller import GeneCaller
from osler.genome.pgx.columns import Column, Site
from osler.genome.pgx.definitions import Definitions, GeneDefinition, in_order
from osler.genome.pgx.nouns import GeneCall

PUBLISHED = {
    "CYP2B6": (8, 6),
    "CYP2C19": (0, 4),
    "CYP2C9": (0, 2),
    "CYP3A4": (2, 2),
    "CYP4F2": (0, 1),
    "CFTR": (0, 1),
    "G6PD": (13, 6),
    "NAT2": (0, 33),
    "NUDT15": (0, 1),
    "SLCO1B1": (33, 100),
    "TPMT": (0, 1),
    "UGT1A1": (2, 2),
}
"""Warnings and failures that PharmCAT publishes for its own matcher; 0 and 0 elsewhere."""

NOT_CALLED = ("CYP2D6",)
WORST_FIRST = ("another", "with others", "as its core", "alone")


def run() -> list[dict[str, Any]]:
    """Return one row for each gene."""
    definitions = Definitions.load()
    rows = []
    for gene, definition in definitions.genes.items():
        if gene in NOT_CALLED:
            continue
        began = time.perf_counter()
        verdicts = verdicts_of(GeneCaller(definition, lambda: definitions.function))
        seconds = time.perf_counter() - began
        several, another = verdicts["with others"], verdicts["another"]
        rows.append(
            {
                "gene": gene,
                "pairs": verdicts.total(),
                "given back alone": verdicts.total() - several - another,
                "with others": several,
                "not given back": another,
                "not given back by the rows' own names": another + verdicts["as its core"],
                "published": " / ".join(map(str, PUBLISHED.get(gene, (0, 0)))),
                "µs each": 1e6 * seconds / verdicts.total(),
            }
        )
    return rows


def verdicts_of(caller: GeneCaller) -> Counter[str]:
    """Count how the pairs of one gene come back."""
    found: Counter[str] = Counter()
    for names, columns in rendered(caller.definition):
        verdicts = {verdict(names, caller.call(each), caller.definition) for each in columns}
        found[next(one for one in WORST_FIRST if one in verdicts)] += 1
    return found


def rendered(definition: GeneDefinition) -> Iterator[tuple[list[str], set[Column]]]:
    """Yield each pair with its unphased genotypes, one for every base of its wobbles."""
    rows = range(len(definition.alleles))
    for one, other in combinations_with_replacement(rows, 2):
        both = product(strands(definition, one), strands(definition, other))
        columns = {column(first, second, definition) for first, second in both}
        yield [definition.alleles[row].name for row in (one, other)], columns


def strands(definition: GeneDefinition, row: int) -> list[tuple[int, ...]]:
    """Return what an allele looks like, once for every combination of its wobbles."""
    cells = definition.alleles[row].cells
    blank = definition.alleles[0].cells
    return list(
        product(*(cells.get(one, blank[one][:1]) for one in range(len(definition.positions))))
    )


def column(first: tuple[int, ...], second: tuple[int, ...], definition: GeneDefinition) -> Column:
    """Return two strands as unphased genotypes, the extra positions missing."""
    pairs = map(sorted, zip(first, second, strict=True))
    sites = (Site(index, low, high) for index, (low, high) in enumerate(pairs) if high)
    extra = (1 << len(definition.all_positions)) - (1 << len(definition.positions))
    return Column(tuple(sites), extra)


def verdict(names: list[str], call: GeneCall, definition: GeneDefinition) -> str:
    """Return how a pair came back: one of `WORST_FIRST`."""
    core = [definition.core_of.get(name, name) for name in names]
    expected = tuple(in_order(core, definition.reference))
    pairs = [(one.first, one.second) for one in call.diplotypes]
    if not pairs:
        listed = [one for one in expected if one != definition.reference]
        twice = [f"{one} (homozygous)" for one in listed[:1] if listed.count(one) == 2]
        return "alone" if sorted(call.detected) == sorted(twice or listed) else "another"
    if expected not in pairs:
        return "another"
    if len(pairs) > 1:
        return "with others"
    return "alone" if core == names else "as its core"


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
