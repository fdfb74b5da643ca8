"""RYR1: variants counted one by one."""

from __future__ import annotations

from osler.genome.pgx.nouns import Diplotype
from osler.genome.pgx.rules.cftr import carrier_shown
from osler.genome.pgx.rules.lowest import LowestFunction
from osler.genome.pgx.rules.rule import Seen


class Ryr1(LowestFunction):
    """RYR1: advice by the two alleles of lowest function; a carrier is shown by the variant.

    One allele associated with malignant hyperthermia is enough for susceptibility, so several
    variants are called like those of DPYD, and a strand beside the reference is shown as
    `X (heterozygous)`: without a variant susceptibility is not ruled out. One position,
    rs193922877, is left out by the exemptions of the release. Source: Gonsalves et al. 2019,
    doi:10.1002/cpt.1319; PharmCAT, Gene Definition Exceptions.
    """

    def shown(self, seen: Seen, pair: Diplotype) -> tuple[str, ...]:
        """Return a carrier as `X (heterozygous)`."""
        return carrier_shown((pair,), seen.definition.reference)
