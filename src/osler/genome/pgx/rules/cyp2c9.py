"""CYP2C9 reports rs12777823 beside its call."""

from __future__ import annotations

from dataclasses import replace

from osler.genome.pgx.nouns import GeneCall
from osler.genome.pgx.rules.rule import Rule, Seen

RSID = "rs12777823"


class Cyp2c9(Rule):
    """CYP2C9: rs12777823 is read and reported, and defines no allele.

    The variant lies in the CYP2C cluster and lowers the dose of warfarin in African Americans,
    apart from any named allele. Source: Johnson et al. 2017, doi:10.1002/cpt.668, figure 2; the
    exemptions of the release list it as an extra position.
    """

    def answer(self, seen: Seen) -> GeneCall:
        """Return the general call, with the genotype of rs12777823."""
        return replace(super().answer(seen), beside=((RSID, seen.genotype(RSID)),))
