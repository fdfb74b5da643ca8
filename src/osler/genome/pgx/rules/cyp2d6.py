"""CYP2D6 is not called from a VCF."""

from __future__ import annotations

from osler.genome.pgx.nouns import GeneCall
from osler.genome.pgx.rules.rule import Rule, Seen

NOTE = (
    "CYP2D6 is not called from a VCF: deletions, duplications and hybrids with CYP2D7 do not show"
    " there; give the call of a tool made for it as an outside call"
)


class Cyp2d6(Rule):
    """CYP2D6: a VCF of small variants does not show its copies, so no call is made from one.

    A deletion (*5), a duplication or a hybrid with CYP2D7 changes the phenotype and looks like a
    homozygote or like nothing. Source: PharmCAT, "Calling CYP2D6"; Crews et al. 2021,
    doi:10.1002/cpt.2149, on structural variants. Outside calls are honoured.
    """

    def refusal(self, seen: Seen) -> GeneCall:
        """Return that the gene is not callable."""
        return self.call(seen, "not callable", notes=(NOTE,))
