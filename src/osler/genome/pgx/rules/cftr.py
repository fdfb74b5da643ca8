"""CFTR shows a carrier by the variant alone."""

from __future__ import annotations

from dataclasses import replace

from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.rules.rule import Rule, Seen


class Cftr(Rule):
    """CFTR: a variant beside the reference is shown as `X (heterozygous)`.

    The reference is "no ivacaftor-responsive sequence", not a normal gene, so it is not shown as if
    it were one. The pair itself is kept for advice. Source: PharmCAT, "Calling and Reporting on
    CFTR"; Clancy et al. 2014, doi:10.1038/clpt.2014.54.
    """

    def answer(self, seen: Seen) -> GeneCall:
        """Return the general call, shown so."""
        call = super().answer(seen)
        return replace(call, detected=carrier_shown(call.diplotypes, seen.definition.reference))


def carrier_shown(pairs: tuple[Diplotype, ...], reference: str) -> tuple[str, ...]:
    """Return the pairs as shown, if there is a carrier among them; empty if there is none."""
    shown = tuple(_shown(one, reference) for one in pairs)
    return () if shown == tuple(map(str, pairs)) else shown


def _shown(pair: Diplotype, reference: str) -> str:
    variants = [one for one in (pair.first, pair.second) if one not in (reference, None)]
    if pair.second is None or len(variants) != 1:
        return str(pair)
    return f"{variants[0]} (heterozygous)"
