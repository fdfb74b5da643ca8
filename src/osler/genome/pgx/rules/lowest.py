"""Genes whose variants are counted one by one, and whose advice rests on the lowest function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, compress, product

from osler.genome.pgx.columns import Column, units
from osler.genome.pgx.matching import bits
from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.rules.rule import Rule, Seen

MOST_UNITS = 6
"""Heterozygotes whose phases are tried one against the other, to tell whether they matter."""


@dataclass(frozen=True)
class Strands:
    """The alleles found on either strand, in the order of the definition.

    Where it is not known which lie together, only how often each is found means anything.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]


class LowestFunction(Rule):
    """A gene whose alleles are single variants, any number of which may lie on one strand.

    With known strands each strand is named by all that it carries, `[a + b]` for several, and
    advice is looked up with the lowest function of each. Without, no pair is called: every allele
    found is listed, `X (homozygous)` where both strands carry it, and advice is looked up with the
    two lowest functions. Of equal functions the first in the definition is taken.
    """

    def answer(self, seen: Seen) -> GeneCall:
        """Return what each strand carries, or the list of what was found."""
        strands = self.strands(seen)
        if seen.column.haploid:
            name = _strand_name(strands.first, seen.definition.reference)
            return self.matched(seen, (Diplotype(name),), *self.remarks(seen))
        if self.strands_known(seen):
            return self._paired(seen, strands)
        return self._listed(seen, strands)

    def strands(self, seen: Seen) -> Strands:
        """Return the alleles on either strand; one that is part of another there is not told."""
        touched = 0
        for one in seen.column.sites:
            touched |= seen.definition.touched[one.place]
        rows = [row for row in bits(touched) if row]
        first = {one.place: one.first for one in seen.column.sites}
        second = {one.place: one.second for one in seen.column.sites}
        return Strands(self._on(seen, rows, first), self._on(seen, rows, second))

    def _on(self, seen: Seen, rows: list[int], strand: dict[int, int]) -> tuple[str, ...]:
        alleles = seen.definition.alleles
        found = []
        for row in rows:
            cells = self.counting(seen, row)
            if cells and all(strand.get(one, 0) in alleles[row].cells[one] for one in cells):
                found.append((alleles[row].name, cells))
        return tuple(name for name, cells in found if not any(cells < more for _, more in found))

    def counting(self, seen: Seen, row: int) -> frozenset[int]:
        """Return the positions that must fit for an allele to be there; none if one is missing."""
        if seen.definition.filled[row] & seen.kept.missing:
            return frozenset()
        return frozenset(seen.definition.alleles[row].cells)

    def strands_known(self, seen: Seen) -> bool:
        """Tell whether it is known which alleles lie together."""
        return seen.strands_known

    def _paired(self, seen: Seen, strands: Strands) -> GeneCall:
        reference, order = seen.definition.reference, seen.definition.order
        both = [list(one) or [reference] for one in (strands.first, strands.second)]
        both.sort(key=lambda one: (one != [reference], len(one), [order[name] for name in one]))
        one, other = (_strand_name(tuple(one), reference) for one in both)
        pair = Diplotype(one, other)
        advised: tuple[Diplotype, ...] = ()
        if any(len(one) > 1 for one in both):
            advised = (self._lookup(seen, [seen.by_function(one)[0] for one in both]),)
        shown = self.shown(seen, pair)
        remarks = self.remarks(seen)
        return self.call(seen, "called", (pair,), detected=shown, advised=advised, notes=remarks)

    def _listed(self, seen: Seen, strands: Strands) -> GeneCall:
        reference, order = seen.definition.reference, seen.definition.order
        copies = [*strands.first, *strands.second]
        copies += [reference] * (2 - len(copies))
        names = sorted(set(copies), key=order.__getitem__)
        listed = [f"{one} (homozygous)" if copies.count(one) == 2 else one for one in names]
        note = "phase unknown: detected alleles are listed, which lie together is not known"
        return self.call(
            seen,
            "called",
            detected=tuple(listed),
            advised=(self._lookup(seen, seen.by_function(copies)[:2]),),
            notes=(note, *self.remarks(seen)),
        )

    def phasings(self, seen: Seen) -> Iterator[Column]:
        """Yield the column with every phase that is possible; nothing where there are too many."""
        together = units(seen.column.sites)
        if not 0 < len(together) <= MOST_UNITS:
            return
        for flips in product((False, True), repeat=len(together) - 1):
            swapped = chain.from_iterable(compress(together[1:], flips))
            yield seen.column.phased([one.place for one in swapped])

    def _lookup(self, seen: Seen, names: list[str]) -> Diplotype:
        first, second = sorted(names, key=seen.definition.order.__getitem__)
        return Diplotype(first, second)

    def shown(self, seen: Seen, pair: Diplotype) -> tuple[str, ...]:
        """Return how a pair is shown where that is not as a pair."""
        del seen, pair
        return ()

    def remarks(self, seen: Seen) -> tuple[str, ...]:
        """Return what the gene's rule has to tell of these genotypes."""
        del seen
        return ()


def _strand_name(names: tuple[str, ...], reference: str) -> str:
    if len(names) > 1:
        return f"[{' + '.join(names)}]"
    return names[0] if names else reference
