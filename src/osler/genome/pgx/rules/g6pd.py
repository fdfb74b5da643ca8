"""G6PD lies on X: one copy in males, two in females of whom one is silent in each cell."""

from __future__ import annotations

from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.rules.rule import Rule, Seen

ONE_COPY = "one copy of the X chromosome: one allele is called"
TWO_DIFFERENT = (
    "two different G6PD alleles: X inactivation leaves the enzyme's activity open, and only"
    " measuring it tells"
)


class G6pd(Rule):
    """G6PD: one allele in a male; two different ones in a female do not fix her phenotype.

    Two positions and one allele are left out of the definition by the exemptions of the release:
    rs2230037, whose allele in `Mediterranean Haplotype` is not GRCh38's reference (carriers are
    called `Mediterranean, Dallas, ...`, also deficient), and the deletion of Villeurbanne, which
    shares its place with rs5030869. Source: PharmCAT, Gene Definition Exceptions; Gammal et al.
    2023, doi:10.1002/cpt.2735, on sex and variable activity.
    """

    def matched(self, seen: Seen, pairs: tuple[Diplotype, ...], *notes: str) -> GeneCall:
        """Return the general call with what the sex chromosome means for it."""
        if seen.column.haploid:
            notes = (*notes, ONE_COPY)
        elif any(one.first != one.second for one in pairs):
            notes = (*notes, TWO_DIFFERENT)
        return super().matched(seen, pairs, *notes)
