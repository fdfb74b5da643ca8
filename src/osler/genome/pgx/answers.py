"""From the calls of a sample to its result: phenotypes, advice, phenoconversion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from osler.genome.pgx import hla, warfarin
from osler.genome.pgx.advice import Advice, Advisor, DrugAdvice, GeneState, NotAdvised
from osler.genome.pgx.guidelines import Guideline, read_guidelines
from osler.genome.pgx.nouns import GeneCall
from osler.genome.pgx.outside import OutsideCall, OutsideGene, by_gene, conflict
from osler.genome.pgx.phenoconversion import GENE as INHIBITED
from osler.genome.pgx.phenoconversion import Medication, convert
from osler.genome.pgx.phenotype import Phenotype
from osler.genome.pgx.phenotype_tables import Phenotypes
from osler.genome.pgx.result import (
    GeneResult,
    SampleResult,
    SeenVariant,
    caveats_of,
    possibilities,
)
from osler.knowledge import Release

BY_OUTSIDE_CALL = "not read from a VCF: known by an outside call only"
WARFARIN_GENES = ("CYP2C9", "VKORC1", "CYP4F2")
Genes = Mapping[str, GeneResult]


class Answers:
    """What the calls of samples mean by one release; equal calls are answered once.

    Parameters
    ----------
    release
        About pharmacogenomics.
    outside
        Calls made elsewhere, which hold for every sample.
    taken
        The medication list, for phenoconversion.
    """

    def __init__(
        self,
        release: Release,
        outside: Iterable[OutsideCall] = (),
        taken: Iterable[Medication] = (),
    ) -> None:
        self.release = release
        self.phenotypes = Phenotypes(release)
        guidelines = read_guidelines(release)
        self.charted: dict[str, Guideline] = {
            one.drug: one for one in guidelines if one.drug == warfarin.DRUG and not one.rows
        }
        self._guidelines = {one.drug: one for one in guidelines}
        self._drugs_of: dict[str, list[str]] = {}
        self.advisor = Advisor(one for one in guidelines if one.drug not in self.charted)
        asked = {gene: self.advisor.lookups(gene) for gene in hla.GENES}
        self.outside = by_gene(outside, self.phenotypes, asked)
        self.taken = tuple(taken)
        self._genes: dict[GeneCall, GeneResult] = {}
        self._tables_of: dict[str, tuple[tuple[str, str], ...]] = {}
        self._warfarin: dict[tuple[Any, ...], Advice] = {}

    def genes(self, defined: Iterable[str]) -> list[str]:
        """Return every gene that a result lists: defined, asked for by a guideline, or told."""
        return sorted({*defined, *self.advisor.genes(), *self.outside})

    def sample(
        self,
        name: str,
        calls: Mapping[str, GeneCall],
        rs12777823: str | None = None,
        variants: tuple[SeenVariant, ...] = (),
        settle: Callable[[Genes], Genes] | None = None,
        notes: Sequence[str] = (),
    ) -> SampleResult:
        """Return the result of one sample.

        Parameters
        ----------
        calls
            Of every gene that the release defines.
        rs12777823
            The genotype beside CYP2C9 that warfarin asks for; None where it was not read.
        settle
            Adds to the genes what would settle their calls.
        """
        genes: Genes = {gene: self.gene(gene, calls.get(gene)) for gene in self.genes(calls)}
        drugs, not_advised = parted(self.advice(genes, rs12777823).values())
        listed = tuple((settle(genes) if settle else genes).values())
        states = {name: gene.state for name, gene in genes.items()}
        cyp2d6 = [one for _, one in genes[INHIBITED].readings] if INHIBITED in genes else []
        table = self.phenotypes.table(INHIBITED) if self.taken else None
        conversion = convert(self.taken, cyp2d6, table)
        converted: tuple[DrugAdvice, ...] = ()
        if conversion is not None and conversion.phenotypes:
            converted = self._converted(states, conversion.phenotypes)
        return SampleResult(
            name, listed, drugs, not_advised, conversion, converted, variants, tuple(notes)
        )

    def gene(self, gene: str, call: GeneCall | None) -> GeneResult:
        """Return what a gene means, by the outside call if there is one."""
        known = call or GeneCall(gene, "not callable", notes=(BY_OUTSIDE_CALL,))
        if known not in self._genes:
            told = self.outside.get(gene)
            self._genes[known] = self._read(known) if told is None else self._told(told, call)
        return self._genes[known]

    def advice(self, genes: Genes, rs12777823: str | None = None) -> dict[str, Advice]:
        """Return the advice for every drug, by its name and in that order."""
        states = {name: gene.state for name, gene in genes.items()}
        return self._advice_on(sorted(self._guidelines), genes, states, rs12777823)

    def advice_of_gene(self, gene: str, genes: Genes) -> dict[str, Advice]:
        """Return the advice, without caveats, for every drug whose guideline asks for a gene."""
        drugs = self.drugs_of(gene)
        asked = {one for drug in drugs for one in self.genes_of(drug) if one in genes}
        states = {one: GeneState(genes[one].state.possible) for one in asked}
        return self._advice_on(drugs, genes, states)

    def drugs_of(self, gene: str) -> list[str]:
        """Return the drugs whose guideline asks for a gene and has something to say, by name."""
        if gene not in self._drugs_of:
            self._drugs_of[gene] = sorted(
                drug
                for drug, one in self._guidelines.items()
                if gene in one.genes and (one.rows or drug in self.charted)
            )
        return self._drugs_of[gene]

    def genes_of(self, drug: str) -> tuple[str, ...]:
        """Return the genes that the guideline of a drug asks for."""
        return self._guidelines[drug].genes

    def is_charted(self, gene: str) -> bool:
        """Tell whether a chart asks for the alleles of a gene, not for its keys alone."""
        return bool(self.charted) and gene in WARFARIN_GENES

    def _advice_on(
        self,
        drugs: Iterable[str],
        genes: Genes,
        states: Mapping[str, GeneState],
        rs12777823: str | None = None,
    ) -> dict[str, Advice]:
        return {
            drug: self._charted(self.charted[drug], genes, states, rs12777823)
            if drug in self.charted
            else self.advisor.for_drug(self._guidelines[drug], states)
            for drug in drugs
        }

    def _charted(
        self,
        guideline: Guideline,
        genes: Genes,
        states: Mapping[str, GeneState],
        rs12777823: str | None,
    ) -> Advice:
        known = [gene for gene in WARFARIN_GENES if gene in genes]
        calls = {gene: genes[gene].call for gene in known}
        caveats = tuple(one for gene in known for one in states[gene].caveats)
        said = ((one.diplotypes, one.uncallable) for one in calls.values())
        key = (*said, caveats, rs12777823)
        if key not in self._warfarin:
            means = {gene: tuple(one for _, one in genes[gene].readings) for gene in known}
            found = warfarin.advise(guideline, calls, means, rs12777823, caveats)
            self._warfarin[key] = found
        return self._warfarin[key]

    def _converted(
        self, states: Mapping[str, GeneState], phenotypes: Iterable[Phenotype]
    ) -> tuple[DrugAdvice, ...]:
        """Return the advice that the phenoconverted CYP2D6 leads to."""
        possible = possibilities(phenotypes)
        changed = {**states, INHIBITED: GeneState(possible, states[INHIBITED].caveats)}
        found = (
            self.advisor.for_drug(self._guidelines[drug], changed)
            for drug in self.drugs_of(INHIBITED)
        )
        return parted(found)[0]

    def _read(self, call: GeneCall) -> GeneResult:
        pairs = call.advised or call.diplotypes
        readings = tuple((str(pair), self.phenotypes.of(call.gene, pair)) for pair in pairs)
        return self._result(call, readings)

    def _told(self, told: OutsideGene, file: GeneCall | None) -> GeneResult:
        readings = tuple(zip(told.labels, told.phenotypes, strict=True))
        extra = []
        if file is not None:
            names = [one.name for _, one in self._read(file).readings]
            extra = [one for one in [conflict(told, file, names)] if one]
        return self._result(told.call, readings, extra)

    def _result(
        self,
        call: GeneCall,
        readings: tuple[tuple[str, Phenotype], ...],
        extra: Sequence[str] = (),
    ) -> GeneResult:
        names = {one.name for _, one in readings}
        scores = {one.activity_score for _, one in readings}
        notes = [*call.notes, *extra, *(note for _, one in readings for note in one.notes)]
        if len(names) > 1:
            shown = ", ".join(f"{label} {one.name or 'unknown'}" for label, one in readings)
            notes.append(f"the phenotype depends on which of these it is: {shown}")
        notes += caveats_of(call)
        return GeneResult(
            call,
            readings,
            names.pop() if len(names) == 1 else None,
            scores.pop() if len(scores) == 1 else None,
            tuple(dict.fromkeys(notes)),
            self._tables(call.gene),
        )

    def _tables(self, gene: str) -> tuple[tuple[str, str], ...]:
        if gene not in self._tables_of:
            own = [one for one in self.release.tables if one.name == f"alleles/{gene}"]
            source = self.phenotypes.source(gene)
            listed = [(one.name, one.date) for one in own] + ([source] if source else [])
            self._tables_of[gene] = tuple(listed)
        return self._tables_of[gene]


def parted(advice: Iterable[Advice]) -> tuple[tuple[DrugAdvice, ...], tuple[NotAdvised, ...]]:
    """Return what is advised, and the drugs of which nothing is."""
    drugs: list[DrugAdvice] = []
    not_advised: list[NotAdvised] = []
    for found, nothing in advice:
        drugs += found
        if nothing is not None:
            not_advised.append(nothing)
    return tuple(drugs), tuple(not_advised)


def knowledge_of(release: Release) -> dict[str, Any]:
    """Return the release as `pgx.json` names it, with the date of each group of its tables."""
    dates: dict[str, set[str]] = {}
    for table in release.tables:
        dates.setdefault(table.name.split("/")[0], set()).add(table.date)
    return {
        "release": release.name,
        "sha256": release.sha256,
        "date": release.date,
        "table_dates": {group: sorted(found) for group, found in dates.items()},
    }
