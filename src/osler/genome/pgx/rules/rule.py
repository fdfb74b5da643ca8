"""The general rule, and what a rule for one gene may change in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from osler.genome.pgx.columns import UNPHASED, Column, strands_known
from osler.genome.pgx.definitions import GeneDefinition
from osler.genome.pgx.functions import FunctionTable
from osler.genome.pgx.matching import Kept, crossed, explaining, hidden, match
from osler.genome.pgx.nouns import Diplotype, GeneCall, Status


@dataclass(frozen=True)
class Seen:
    """What a rule answers from: one sample's column, and the definition with what it keeps.

    Attributes
    ----------
    column
        Of the definition's positions, undocumented alleles taken for the reference where the gene
        is one of those.
    kept
        The definition without the positions that have no genotype.
    undocumented
        Positions, in the chromosome's coordinates, with an allele that the definition has not.
    function
        Gives the functions of alleles, read from the release when first asked for.
    whole
        The column as it was read, the extra positions and undocumented alleles included.
    """

    definition: GeneDefinition
    column: Column
    kept: Kept
    undocumented: tuple[int, ...]
    function: Callable[[], FunctionTable]
    whole: Column

    @property
    def strands_known(self) -> bool:
        """Whether it is known which alleles lie together."""
        return strands_known(self.column.sites)

    @property
    def phased(self) -> bool:
        """Whether the file says which alleles lie together.

        It does where all heterozygotes are in one phase set, and, where there is none, if all
        genotypes are written as phased.
        """
        het = [one for one in self.column.sites if one.heterozygous]
        if not het:
            return self.column.marked
        return self.strands_known and het[0].phase != UNPHASED

    def genotype(self, rsid: str) -> str | None:
        """Return the genotype at a position as the file has it, `A/G`; None where there is none."""
        index = self.definition.index_of_rsid(rsid)
        both = None if index is None else self.whole.at(index)
        if index is None or both is None:
            return None
        alleles = self.definition.all_positions[index].alleles
        names = [alleles[one] if one < len(alleles) else "undocumented" for one in both]
        return names[0] if self.column.haploid else "/".join(names)

    def by_function(self, names: list[str]) -> list[str]:
        """Return alleles, the lowest function first, equal ones as in the definition."""
        gene, order = self.definition.gene, self.definition.order
        function = self.function()
        return sorted(names, key=lambda one: (function.rank(gene, one), order[one]))


class Rule:
    """How a gene is called: by the best-scored pairs of named alleles.

    A rule for one gene is a subclass that says in its docstring what is different, why, and who
    says so. Rules hold no state.
    """

    def refusal(self, seen: Seen) -> GeneCall | None:
        """Return why the gene is not called from these genotypes; None where it is."""
        if seen.kept.some:
            return None
        gene = seen.definition.gene
        return self.call(seen, "no call", notes=(f"no position of {gene} has a genotype",))

    def answer(self, seen: Seen) -> GeneCall:
        """Return the call of genotypes that are not refused."""
        return self.matched(seen, match(seen.column, seen.kept))

    def matched(self, seen: Seen, pairs: tuple[Diplotype, ...], *notes: str) -> GeneCall:
        """Return the call of the pairs that explain the sample."""
        if pairs:
            status: Status = "called" if len(pairs) == 1 else "ambiguous"
            call = self.call(seen, status, pairs, notes=notes)
            more = hidden(seen.column, seen.kept, pairs)
            return replace(call, uncallable=call.uncallable + more) if more else call
        return self.call(seen, "no call", notes=(*notes, self.why_nothing_fits(seen)))

    def phasings(self, seen: Seen) -> Iterator[Column]:
        """Yield the column with known strands, as each pair that explains the sample has them."""
        for rows in explaining(seen.column, seen.kept):
            yield seen.column.phased(crossed(seen.column, seen.kept, rows))

    def why_nothing_fits(self, seen: Seen) -> str:
        """Return, in words, why no pair of named alleles explains the sample."""
        if not seen.undocumented:
            return "no pair of named alleles explains these genotypes"
        places = ", ".join(map(str, seen.undocumented))
        return f"an allele that the definition does not have at {places}: no named allele fits"

    def call(
        self,
        seen: Seen,
        status: Status,
        diplotypes: tuple[Diplotype, ...] = (),
        *,
        detected: tuple[str, ...] = (),
        advised: tuple[Diplotype, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> GeneCall:
        """Return a call with what every call of the gene tells.

        Parameters
        ----------
        seen
            What the gene's positions show of one sample.
        diplotypes
            Those equally supported; none where nothing is called.
        detected
            Single alleles, where their strands are not known.
        advised
            What advice is looked up by, where it is not the diplotypes.
        notes
            What a reader must know of this call.
        """
        return GeneCall(
            seen.definition.gene,
            status,
            diplotypes,
            detected,
            advised,
            phased=seen.phased,
            missing=seen.kept.dropped,
            uncallable=seen.kept.gone,
            undocumented=seen.undocumented,
            notes=notes,
        )
