"""From the genotypes of many samples to the calls of their genes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace

from osler.genome.pgx.caller import GeneCaller
from osler.genome.pgx.columns import columns_of
from osler.genome.pgx.definitions import Definitions, GeneDefinition
from osler.genome.pgx.functions import FunctionTable
from osler.genome.pgx.nouns import GeneCall, GeneGenotypes
from osler.genome.pgx.settling import Settling, what_would_settle

__all__ = ["Settling", "call_gene", "call_genes", "what_would_settle"]


def call_gene(
    genotypes: GeneGenotypes,
    definition: GeneDefinition,
    *,
    function: FunctionTable | Callable[[], FunctionTable],
) -> list[GeneCall]:
    """Call one gene in every sample.

    Parameters
    ----------
    genotypes
        What was seen. A position of the definition that it does not have is missing.
    function
        The functions of alleles, or what gives them when a rule asks.

    Returns
    -------
    One call for each sample, in their order. Samples with equal genotypes share one object.
    """
    given = (lambda: function) if isinstance(function, FunctionTable) else function
    caller = GeneCaller(definition, given)
    columns = columns_of(genotypes, definition)
    distinct = [caller.call(column) for column in columns.distinct]
    calls = [distinct[one] for one in columns.of_sample.tolist()]
    return _with_notes(calls, genotypes)


def call_genes(
    genotypes: Mapping[str, GeneGenotypes], definitions: Definitions
) -> dict[str, list[GeneCall]]:
    """Call every gene of the definitions in every sample; a gene without genotypes is no call.

    Returns
    -------
    By gene, in the order of the definitions, one call for each sample.
    """

    def function() -> FunctionTable:
        return definitions.function

    n_samples = max((one.first.shape[1] for one in genotypes.values()), default=0)
    return {
        gene: call_gene(genotypes[gene], definition, function=function)
        if gene in genotypes
        else [GeneCaller(definition, function).unread()] * n_samples
        for gene, definition in definitions.genes.items()
    }


def _with_notes(calls: list[GeneCall], genotypes: GeneGenotypes) -> list[GeneCall]:
    """Add to the calls what was told of single samples while they were read."""
    told: dict[int, list[str]] = defaultdict(list)
    for one in genotypes.discarded:
        for sample in one.samples:
            told[sample].append(f"{one.position} was set aside: {one.reason}")
    for sample_or_all, text in genotypes.notes:
        for sample in range(len(calls)) if sample_or_all is None else [sample_or_all]:
            told[sample].append(text)
    made: dict[tuple[int, tuple[str, ...]], GeneCall] = {}
    for sample, texts in told.items():
        call = calls[sample]
        key = id(call), tuple(texts)
        if key not in made:
            made[key] = replace(call, notes=(*call.notes, *dict.fromkeys(texts)))
        calls[sample] = made[key]
    return calls
