"""What would settle a call that is ambiguous, or that missing positions leave open.

Each missing position is given every genotype that the definition knows there, and the gene is
called again: where the calls differ, reading the position would tell which it is. Where the strands
are not known, the pairs that lie differently on them are told apart by phasing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from osler.genome.pgx.caller import GeneCaller
from osler.genome.pgx.columns import Column, columns_of
from osler.genome.pgx.definitions import GeneDefinition
from osler.genome.pgx.functions import FunctionTable
from osler.genome.pgx.nouns import GeneCall, GeneGenotypes, Position

FEW = 5
"""Positions that are named one by one."""


@dataclass(frozen=True)
class Settling:
    """An act that would tell which of several calls is right.

    Attributes
    ----------
    positions
        To be genotyped, or to be phased with one another.
    what
        The act, in words.
    outcomes
        The calls that it would tell apart; empty where nothing can be called before it is done.
    """

    positions: tuple[Position, ...]
    what: str
    outcomes: tuple[GeneCall, ...] = ()


def what_would_settle(
    genotypes: GeneGenotypes,
    call: GeneCall,
    definition: GeneDefinition,
    *,
    function: FunctionTable | Callable[[], FunctionTable],
    sample: int = 0,
) -> tuple[Settling, ...]:
    """Return what would settle one sample's call of a gene; nothing if it is settled.

    Parameters
    ----------
    genotypes, sample
        What was seen, and which of its samples this is.
    call
        What `call_gene` made of it.
    """
    given = (lambda: function) if isinstance(function, FunctionTable) else function
    column = _column(genotypes, definition, sample)
    return acts_for(call, column, GeneCaller(definition, given))


def acts_for(call: GeneCall, column: Column, caller: GeneCaller) -> tuple[Settling, ...]:
    """Return what would settle the call of a column; the caller may have called others before."""
    if call.status == "not callable":
        return ()
    seen = caller.seen(column)
    if caller.rule.refusal(seen) is not None:
        return (_unread(caller.definition, call),)
    phased = _by_phase(caller, column)
    return (*phased, *_by_position(caller, column, call))


def _column(genotypes: GeneGenotypes, definition: GeneDefinition, sample: int) -> Column:
    one = slice(sample, sample + 1)
    alone = replace(
        genotypes,
        first=genotypes.first[:, one],
        second=genotypes.second[:, one],
        state=genotypes.state[:, one],
        phased=genotypes.phased[:, one],
        phase_set=genotypes.phase_set[:, one],
    )
    return columns_of(alone, definition).distinct[0]


def _unread(definition: GeneDefinition, call: GeneCall) -> Settling:
    """Return what has to be read before there is any call."""
    lacking = [one for one in definition.required if one in call.missing] or call.missing
    positions = tuple(one for one in definition.positions if one.position in lacking)
    if len(positions) <= FEW:
        return Settling(positions, f"genotype {_places(positions)}")
    return Settling(positions, f"genotype the {len(positions)} positions of {definition.gene}")


def _by_position(caller: GeneCaller, column: Column, call: GeneCall) -> Iterator[Settling]:
    """Yield the missing positions whose genotype changes the call."""
    for index, position in enumerate(caller.definition.positions):
        if not column.missing >> index & 1:
            continue
        calls = [
            caller.call_with(column, index, first, second)
            for first, second in _possible(len(position.alleles), column.haploid)
        ]
        distinct = {_told(one): one for one in calls if one.status != "no call"}
        if len(distinct) > 1 or (distinct and _told(call) not in distinct):
            what = f"genotype {_places((position,))}"
            yield Settling((position,), what, tuple(distinct.values()))


def _possible(n_alleles: int, haploid: bool) -> Iterator[tuple[int, int]]:
    """Yield the genotypes to try: the reference, each other allele on one strand and on both."""
    yield 0, 0
    for one in range(1, n_alleles):
        if not haploid:
            yield 0, one
        yield one, one


def _told(call: GeneCall) -> tuple[str, ...]:
    return tuple(call.printed())


def _by_phase(caller: GeneCaller, column: Column) -> Iterator[Settling]:
    """Yield the phasing that tells calls apart, if it does."""
    seen = caller.seen(column)
    if seen.strands_known:
        return
    phased = [caller.call(one) for one in caller.rule.phasings(seen)]
    calls = {_told(one): one for one in phased if one.status != "no call"}
    if len(calls) > 1:
        het = [one.place for one in seen.column.sites if one.heterozygous]
        positions = tuple(caller.definition.positions[one] for one in het)
        what = f"phase {_places(positions)} with one another"
        yield Settling(positions, what, tuple(calls.values()))


def _places(positions: tuple[Position, ...]) -> str:
    return ", ".join(
        f"{one.rsid} ({one.chromosome}:{one.position})"
        if one.rsid
        else f"{one.chromosome}:{one.position}"
        for one in positions
    )
