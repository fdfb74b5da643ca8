"""DPYD: variants counted one by one, and HapB3 decided by its intronic variant."""

from __future__ import annotations

from osler.genome.pgx.rules.lowest import LowestFunction
from osler.genome.pgx.rules.rule import Seen

INTRONIC = "rs75017182"
EXONIC = "rs56038477"


class Dpyd(LowestFunction):
    """DPYD: advice by the two alleles of lowest function; HapB3 by rs75017182.

    CPIC's activity score is the sum of the two lowest values. HapB3 has an intronic variant
    (rs75017182, c.1129-5923C>G), which lowers splicing, and an exonic synonymous one (rs56038477,
    c.1236G>A), which marks it and is not always with it: the intronic one decides, the exonic one
    only where the other is missing. Either is told. Source: Amstutz et al. 2018,
    doi:10.1002/cpt.911; PharmCAT, Gene Definition Exceptions, "DPYD".
    """

    def counting(self, seen: Seen, row: int) -> list[int]:
        """Return the deciding position of HapB3, else what the allele's row says."""
        cells = super().counting(seen, row)
        intronic = seen.definition.index_of_rsid(INTRONIC)
        exonic = seen.definition.index_of_rsid(EXONIC)
        if intronic in cells and exonic in cells and intronic in seen.kept.indexes:
            return [one for one in cells if one != exonic]
        return cells

    def remarks(self, seen: Seen) -> tuple[str, ...]:
        """Return whether the two variants of HapB3 disagree, or the deciding one is missing."""
        intronic, exonic = (_copies(seen, rsid) for rsid in (INTRONIC, EXONIC))
        if exonic is None or intronic == exonic:
            return ()
        if intronic is None:
            return (
                f"HapB3 is called by {EXONIC} alone; {INTRONIC}, which lowers the function, is"
                " missing and should be genotyped",
            )
        return (
            f"HapB3: {INTRONIC} and {EXONIC} disagree, {intronic} and {exonic} copies; the call is"
            f" by {INTRONIC}",
        )


def _copies(seen: Seen, rsid: str) -> int | None:
    """Return on how many strands a variant is; None where it is missing."""
    index = seen.definition.index_of_rsid(rsid)
    if index is None or index not in seen.kept.indexes:
        return None
    return (seen.column.first[index] > 0) + (seen.column.second[index] > 0)
