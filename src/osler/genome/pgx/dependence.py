"""Which drug advice hangs on a call that is still open.

For each act that would settle a call, the advice is looked up for every call that it may lead to,
with the sample's other genes as they are. Drugs whose advice differs hang on it. An act that leads
to a call where there is none now decides over every drug of the gene.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from osler.genome.pgx.advice import Advice
from osler.genome.pgx.answers import Answers, Genes
from osler.genome.pgx.caller import GeneCaller
from osler.genome.pgx.columns import Column, Columns, columns_of
from osler.genome.pgx.definitions import Definitions
from osler.genome.pgx.nouns import Diplotype, GeneCall, GeneGenotypes
from osler.genome.pgx.result import Dependence, GeneResult
from osler.genome.pgx.settling import Settling, acts_for

LookedUp = tuple[frozenset[frozenset[str]], tuple[Diplotype, ...]]
Known = tuple[LookedUp, ...]
Said = frozenset[tuple[str, str | None, str]]


class Dependences:
    """What would settle the open calls of samples; equal questions are answered once.

    What is known is kept by identity: the calls and results that it is of are held here too.
    """

    def __init__(self, answers: Answers, definitions: Definitions) -> None:
        self.answers = answers
        self.definitions = definitions
        self._callers: dict[str, GeneCaller] = {}
        self._columns: dict[str, tuple[GeneGenotypes, Columns]] = {}
        self._acts: dict[int, tuple[GeneCall, tuple[Settling, ...]]] = {}
        self._settled: dict[tuple[int, Known], tuple[GeneResult, GeneResult]] = {}
        self._partners: dict[str, tuple[str, ...]] = {}
        self._meanings: dict[tuple[str, tuple[tuple[str, str | None], ...]], GeneResult] = {}
        self._drugs: dict[tuple[str, frozenset[LookedUp], Known], tuple[str, ...]] = {}

    def settled(
        self, genes: Genes, genotypes: Mapping[str, GeneGenotypes], sample: int
    ) -> dict[str, GeneResult]:
        """Return the genes of a sample, each with what would settle it."""
        return {
            name: self._with_acts(gene, genes, genotypes[name], sample)
            if name in genotypes and gene.call.source == "file" and is_open(gene.call)
            else gene
            for name, gene in genes.items()
        }

    def _with_acts(
        self, gene: GeneResult, genes: Genes, genotypes: GeneGenotypes, sample: int
    ) -> GeneResult:
        key = (id(gene), self._partners_of(gene.gene, genes))
        if key not in self._settled:
            acts = self._acts_of(gene.call, genotypes, sample)
            found = tuple(self._dependence(act, gene, genes) for act in acts)
            self._settled[key] = (gene, replace(gene, settling=found))
        return self._settled[key][1]

    def _partners_of(self, gene: str, genes: Genes) -> Known:
        """Return what is known of the genes that guidelines look up together with a gene."""
        if gene not in self._partners:
            together = {
                one for drug in self.answers.drugs_of(gene) for one in self.answers.genes_of(drug)
            }
            self._partners[gene] = tuple(sorted((together - {gene}) & set(genes)))
        return tuple(self._looked_up(genes[one]) for one in self._partners[gene])

    def _looked_up(self, gene: GeneResult) -> LookedUp:
        """Return all of a gene that advice depends on: its keys, or its alleles for a chart."""
        charted = self.answers.is_charted(gene.gene)
        return gene.state.possible, gene.call.diplotypes if charted else ()

    def _acts_of(
        self, call: GeneCall, genotypes: GeneGenotypes, sample: int
    ) -> tuple[Settling, ...]:
        if id(call) not in self._acts:
            column = self._column(genotypes, sample)
            acts = acts_for(call, column, self._caller(call.gene))
            self._acts[id(call)] = (call, acts)
        return self._acts[id(call)][1]

    def _caller(self, gene: str) -> GeneCaller:
        if gene not in self._callers:
            definition = self.definitions.genes[gene]
            self._callers[gene] = GeneCaller(definition, lambda: self.definitions.function)
        return self._callers[gene]

    def _column(self, genotypes: GeneGenotypes, sample: int) -> Column:
        known = self._columns.get(genotypes.gene)
        if known is None or known[0] is not genotypes:
            columns = columns_of(genotypes, self.definitions.genes[genotypes.gene])
            known = self._columns[genotypes.gene] = (genotypes, columns)
        return known[1].distinct[int(known[1].of_sample[sample])]

    def _dependence(self, act: Settling, gene: GeneResult, genes: Genes) -> Dependence:
        outcomes = [self._meaning(call) for call in act.outcomes]
        candidates = tuple(
            (" or ".join(call.printed()) or call.status, outcome.phenotype)
            for call, outcome in zip(act.outcomes, outcomes, strict=True)
        )
        return Dependence(act.positions, act.what, candidates, self._hanging(outcomes, gene, genes))

    def _meaning(self, call: GeneCall) -> GeneResult:
        """Return what the pairs of a call mean, whatever else is known of it."""
        named = tuple((one.first, one.second) for one in call.advised or call.diplotypes)
        key = (call.gene, named)
        if key not in self._meanings:
            pairs = tuple(Diplotype(first, second) for first, second in named)
            bare = GeneCall(call.gene, "called" if pairs else call.status, pairs)
            self._meanings[key] = self.answers.gene(call.gene, bare)
        return self._meanings[key]

    def _hanging(
        self, outcomes: list[GeneResult], gene: GeneResult, genes: Genes
    ) -> tuple[str, ...]:
        """Return the drugs whose advice is not the same for all outcomes."""
        name = gene.gene
        if not outcomes:
            return tuple(self.answers.drugs_of(name))
        distinct = {self._looked_up(one): one for one in outcomes}
        key = (name, frozenset(distinct), self._partners_of(name, genes))
        if key not in self._drugs:
            found = [
                self.answers.advice_of_gene(name, {**genes, name: one}) for one in distinct.values()
            ]
            self._drugs[key] = tuple(
                drug for drug in found[0] if len({said(one[drug]) for one in found}) > 1
            )
        return self._drugs[key]


def is_open(call: GeneCall) -> bool:
    """Tell whether there is anything left to settle of a call.

    A missing position that no allele is left open by settles nothing: the alleles that need it do
    not fit what was read.
    """
    return call.status in ("ambiguous", "no call") or bool(call.uncallable or call.detected)


def said(advice: Advice) -> Said:
    """Return what advice comes to: for whom, how strongly, in which words."""
    return frozenset((one.population, one.classification, one.recommendation) for one in advice[0])
