"""SLCO1B1 falls back on its best-studied variant."""

from __future__ import annotations

from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.rules.rule import Rule, Seen

RSID = "rs4149056"
BY_VARIANTS = {0: ("*1", "*1"), 1: ("*1", "*5"), 2: ("*5", "*5")}


class Slco1b1(Rule):
    """SLCO1B1: where no pair of alleles fits, advice goes by rs4149056 (c.521T>C) alone.

    No star allele is called then: the variant's genotype is shown in place of a pair, and
    advice is looked up as for *1/*1, *1/*5 or *5/*5, which differ in this variant only. The call
    says so. Source: Cooper-DeHoff et al. 2022, doi:10.1002/cpt.2557 (c.521T>C may be genotyped
    alone); PharmCAT, Gene Definition Exceptions.
    """

    def answer(self, seen: Seen) -> GeneCall:
        """Return the general call, or what rs4149056 alone tells."""
        call = super().answer(seen)
        index = seen.definition.index_of_rsid(RSID)
        both = None if index is None else seen.column.at(index)
        if call.diplotypes or both is None or seen.column.haploid or not set(both) <= {0, 1}:
            return call
        pair = Diplotype(*BY_VARIANTS[sum(both)])
        shown = f"{RSID} {seen.genotype(RSID)}"
        note = f"no star alleles fit; advice goes by {shown} alone, looked up as {pair}"
        notes = (*call.notes, note)
        return self.call(seen, "no call", detected=(shown,), advised=(pair,), notes=notes)
