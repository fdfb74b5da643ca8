"""Genes whose variants are counted one by one, and whose advice rests on the lowest function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, compress, product

from osler.genome.pgx.columns import Column
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
        if seen.column.strands_known(seen.kept.indexes):
            return self._paired(seen, strands)
        return self._listed(seen, strands)

    def strands(self, seen: Seen) -> Strands:
        """Return the alleles on either strand."""
        found = [
            (allele.name, *self._carried(seen, row))
            for row, allele in enumerate(seen.definition.alleles)
            if row and seen.kept.live >> row & 1
        ]
        return Strands(
            tuple(name for name, first, _ in found if first),
            tuple(name for name, _, second in found if second),
        )

    def _carried(self, seen: Seen, row: int) -> tuple[bool, bool]:
        """Tell on which strands all cells of an allele that count are found."""
        allowed, column = seen.definition.alleles[row].cells, seen.column
        cells = [index for index in self.counting(seen, row) if column.first[index] >= 0]
        first = all(column.first[index] in allowed[index] for index in cells)
        second = all(column.second[index] in allowed[index] for index in cells)
        return bool(cells) and first, bool(cells) and second

    def counting(self, seen: Seen, row: int) -> list[int]:
        """Return the positions whose cells tell whether an allele is there."""
        return list(seen.definition.alleles[row].cells)

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
        _, *others = seen.column.units(seen.kept.indexes) or [[]]
        if len(others) >= MOST_UNITS:
            return
        for flips in product((False, True), repeat=len(others)):
            chosen = compress(others, flips)
            yield seen.column.phased(list(chain.from_iterable(chosen)))

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
