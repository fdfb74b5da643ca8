"""DPYD: variants counted one by one, and HapB3 decided by its intronic variant."""

from __future__ import annotations

from osler.genome.pgx.columns import strands_known
from osler.genome.pgx.rules.lowest import LowestFunction
from osler.genome.pgx.rules.rule import Seen

INTRONIC = "rs75017182"
EXONIC = "rs56038477"


class Dpyd(LowestFunction):
    """DPYD: advice by the two alleles of lowest function; HapB3 by rs75017182.

    CPIC's activity score is the sum of the two lowest values. HapB3 has an intronic variant
    (rs75017182, c.1129-5923C>G), which lowers splicing, and an exonic synonymous one (rs56038477,
    c.1236G>A), which marks it and is not always with it. The intronic one decides: with the exonic
    one it is HapB3, without it the allele c.1129-5923C>G, of the same function; the exonic one
    alone is nothing. Where the intronic one is missing, the exonic one is taken for HapB3. Where
    the two disagree, or the deciding one is missing, the call says so. Source: Amstutz et al. 2018,
    doi:10.1002/cpt.911; PharmCAT, Gene Definition Exceptions, "DPYD".
    """

    def counting(self, seen: Seen, row: int) -> frozenset[int]:
        """Return the exonic position for HapB3 if the intronic one is missing."""
        cells = seen.definition.alleles[row].cells
        intronic, exonic = _places(seen)
        if intronic in cells and exonic in cells and not seen.kept.has(intronic):
            return frozenset({exonic} if seen.kept.has(exonic) else ())
        return super().counting(seen, row)

    def strands_known(self, seen: Seen) -> bool:
        """Tell whether the strands are known, the two variants of HapB3 being one.

        They are nearly always together, so that two heterozygotes of them lie on one strand unless
        a phase set says otherwise.
        """
        intronic, exonic = _places(seen)
        het = {one.place for one in seen.column.sites if one.heterozygous}
        known = super().strands_known(seen)
        if known or not {intronic, exonic} <= het:
            return known
        return strands_known(one for one in seen.column.sites if one.place != exonic)

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
    both = None if index is None else seen.column.at(index)
    return None if both is None else sum(one > 0 for one in both)


def _places(seen: Seen) -> tuple[int, int]:
    """Return the indexes of the two positions of HapB3; -1 where the definition has one not."""
    found = (seen.definition.index_of_rsid(rsid) for rsid in (INTRONIC, EXONIC))
    intronic, exonic = (-1 if one is None else one for one in found)
    return intronic, exonic
