"""From the calls of a sample to its result: phenotypes, advice, phenoconversion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from osler.genome.pgx.result import GeneResult, SampleResult, SeenVariant
from osler.knowledge import Release

BY_OUTSIDE_CALL = "not read from a VCF: known by an outside call only"
NO_KNOWLEDGE = "the release has no knowledge of this gene"
WARFARIN_GENES = ("CYP2C9", "VKORC1", "CYP4F2")


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
        self.advisor = Advisor(one for one in guidelines if one.drug not in self.charted)
        asked = {gene: self.advisor.lookups(gene) for gene in hla.GENES}
        self.outside = by_gene(outside, self.phenotypes, asked)
        self.taken = tuple(taken)
        self._genes: dict[GeneCall, GeneResult] = {}
        self._states: dict[GeneCall, GeneState] = {}
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
        notes: Sequence[str] = (),
    ) -> SampleResult:
        """Return the result of one sample.

        Parameters
        ----------
        calls
            Of every gene that the release defines.
        rs12777823
            The genotype beside CYP2C9 that warfarin asks for; None where it was not read.
        """
        genes = {gene: self.gene(gene, calls.get(gene)) for gene in self.genes(calls)}
        states = {gene: self._state(one) for gene, one in genes.items()}
        advice = self.advice(genes, states, rs12777823)
        listed = tuple(genes.values())
        drugs, not_advised = parted(advice)
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

    def advice(
        self,
        genes: Mapping[str, GeneResult],
        states: Mapping[str, GeneState],
        rs12777823: str | None,
    ) -> list[Advice]:
        """Return the advice for every drug, by name."""
        found = {
            guideline.drug: self.advisor.for_drug(guideline, states)
            for guideline in self.advisor.guidelines
        }
        for drug, guideline in self.charted.items():
            found[drug] = self._charted(guideline, genes, states, rs12777823)
        return [found[drug] for drug in sorted(found)]

    def _charted(
        self,
        guideline: Guideline,
        genes: Mapping[str, GeneResult],
        states: Mapping[str, GeneState],
        rs12777823: str | None,
    ) -> Advice:
        known = [gene for gene in WARFARIN_GENES if gene in genes]
        calls = {gene: genes[gene].call for gene in known}
        key = (*calls.values(), rs12777823)
        if key not in self._warfarin:
            means = {gene: tuple(one for _, one in genes[gene].readings) for gene in known}
            caveats = tuple(one for gene in known for one in states[gene].caveats)
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
            self.advisor.for_drug(guideline, changed)
            for guideline in self.advisor.guidelines
            if INHIBITED in guideline.genes
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
        names = set(self.release.names(f"alleles/{gene}"))
        found = [f"alleles/{gene}"] if f"alleles/{gene}" in names else []
        listed = [(name, self.release.table(name).date) for name in found]
        source = self.phenotypes.source(gene)
        return tuple(listed) if source is None else (*listed, source)

    def _state(self, gene: GeneResult) -> GeneState:
        if gene.call not in self._states:
            self._states[gene.call] = state_of(gene)
        return self._states[gene.call]


def state_of(gene: GeneResult) -> GeneState:
    """Return a gene as guidelines look it up."""
    phenotypes = [one for _, one in gene.readings]
    caveats = tuple(caveats_of(gene.call))
    if gene.gene in hla.GENES:
        statuses = frozenset(key for one in phenotypes for key in one.lookups)
        return GeneState(frozenset({statuses}) if statuses else frozenset(), caveats)
    return GeneState(possibilities(phenotypes), caveats)


def possibilities(phenotypes: Iterable[Phenotype]) -> frozenset[frozenset[str]]:
    """Return the keys that phenotypes are looked up with, each a possibility of its own."""
    return frozenset(
        keys
        for one in phenotypes
        for keys in ([frozenset({key}) for key in one.lookups] or [frozenset[str]()])
    )


def caveats_of(call: GeneCall) -> list[str]:
    """Return what everything said of a gene has to say too."""
    found = []
    if call.undocumented:
        places = ", ".join(map(str, call.undocumented))
        found.append(
            f"{call.gene}: a variant that the definitions do not have is present at {places};"
            " 'normal' does not speak of it"
        )
    if call.uncallable and call.diplotypes:
        found.append(
            f"{call.gene}: {len(call.uncallable)} alleles cannot be ruled out, because positions"
            " that define them were not read"
        )
    return found


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
