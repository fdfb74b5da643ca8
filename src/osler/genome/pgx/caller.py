"""Calls single columns of one gene."""

from __future__ import annotations

from collections.abc import Callable

from osler.genome.pgx.columns import Column
from osler.genome.pgx.definitions import GeneDefinition
from osler.genome.pgx.functions import FunctionTable
from osler.genome.pgx.matching import Kept
from osler.genome.pgx.nouns import GeneCall
from osler.genome.pgx.rules import UNDOCUMENTED_IS_REFERENCE, Seen, rule_for

MOST_KEPT = 4096
"""Sets of missing positions that a gene's definition is kept for; a cohort has many more."""


class GeneCaller:
    """A gene's definition with the rule that it is called by.

    What missing positions leave of the definition is worked out once for each set of them.

    Parameters
    ----------
    function
        Gives the functions of alleles when the rule asks for them.
    """

    def __init__(self, definition: GeneDefinition, function: Callable[[], FunctionTable]) -> None:
        self.definition = definition
        self.function = function
        self.rule = rule_for(definition.gene)()
        self.sizes = tuple(len(one.alleles) for one in definition.all_positions)
        self.every = (1 << len(definition.positions)) - 1
        self._kept: dict[int, Kept] = {}

    def call(self, column: Column) -> GeneCall:
        """Return the call of one sample's genotypes."""
        seen = self.seen(column)
        return self.rule.refusal(seen) or self.rule.answer(seen)

    def call_with(self, column: Column, index: int, first: int, second: int) -> GeneCall:
        """Return the call with a genotype at a position that has none."""
        before = self._kept_of(column.missing & self.every)
        missing = before.missing & ~(1 << index)
        if missing not in self._kept:
            self._kept[missing] = before.with_position(index)
        return self.call(column.with_genotype(index, first, second))

    def unread(self) -> GeneCall:
        """Return the call of a sample without any genotype."""
        return self.call(Column(missing=(1 << len(self.sizes)) - 1))

    def seen(self, column: Column) -> Seen:
        """Return what the rule answers from."""
        whole = column
        if self.definition.extra:
            column = column.before(len(self.definition.positions))
        kept = self._kept_of(column.missing)
        found = [
            one.place
            for one in column.sites
            if one.first >= self.sizes[one.place] or one.second >= self.sizes[one.place]
        ]
        if found and self.definition.gene in UNDOCUMENTED_IS_REFERENCE:
            column = column.documented(self.sizes)
        places = tuple(sorted({self.definition.positions[one].position for one in found}))
        return Seen(self.definition, column, kept, places, self.function, whole)

    def _kept_of(self, missing: int) -> Kept:
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        if missing not in self._kept:
            self._kept[missing] = Kept(self.definition, missing)
        return self._kept[missing]
