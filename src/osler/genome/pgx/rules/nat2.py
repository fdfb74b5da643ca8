"""NAT2 is not called without the positions that tell its common alleles apart."""

from __future__ import annotations

from osler.genome.pgx.definitions import Priority
from osler.genome.pgx.matching import match
from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.rules.rule import Rule, Seen


class Nat2(Rule):
    """NAT2: five positions are required, and unphased pairs that look alike have an order.

    The required positions and the list of alike pairs with the one to call are in the exemptions
    of the release. Without known strands every pair that explains the sample counts as much as any
    other, whatever its score, since the scores say nothing of how frequent an allele is; if all
    pairs of an entry of the list explain the sample, the entry's pick is called and the others are
    told. Source: PharmCAT 3.1.1, unphased priorities of NAT2 and its exemptions.
    """

    def refusal(self, seen: Seen) -> GeneCall | None:
        """Return that a required position is missing, if one is."""
        lacking = [one for one in seen.definition.required if one in seen.kept.dropped]
        if not lacking:
            return super().refusal(seen)
        places = ", ".join(map(str, lacking))
        note = f"NAT2 is not called without {places}, which tell its alleles apart"
        return self.call(seen, "no call", notes=(note,))

    def answer(self, seen: Seen) -> GeneCall:
        """Return the call; with unknown strands the pick of the list."""
        if seen.strands_known:
            return super().answer(seen)
        pairs = match(seen.column, seen.kept, every=True)
        picked = _picked(pairs, seen.definition.priorities)
        if picked is None:
            return self.matched(seen, pairs)
        others = ", ".join(str(one) for one in pairs if one != picked)
        note = f"{picked} is called by the list of priorities; without known phase {others} fit too"
        return self.matched(seen, (picked,), note)


def _picked(pairs: tuple[Diplotype, ...], priorities: tuple[Priority, ...]) -> Diplotype | None:
    """Return the pair that the list picks; none if no entry applies or two disagree."""
    by_name = {str(one): one for one in pairs}
    picks = {one.pick for one in priorities if one.pairs <= by_name.keys()}
    return by_name[picks.pop()] if len(picks) == 1 else None
