"""What `pgx.json` holds: genes, drugs, and the knowledge that both rest on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, TextIO

from osler.genome.pgx import hla
from osler.genome.pgx.advice import DrugAdvice, GeneState, NotAdvised
from osler.genome.pgx.nouns import GeneCall, Position
from osler.genome.pgx.phenoconversion import Phenoconversion
from osler.genome.pgx.phenotype import Phenotype

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Dependence:
    """What would settle an open call, and what hangs on it.

    Attributes
    ----------
    positions
        To be genotyped, or phased with one another; in GRCh38.
    what
        The act, in words.
    candidates
        What the call may turn out to be: (alleles, phenotype); empty where nothing can be called
        before the act.
    drugs
        Those whose advice differs between the candidates; none: nothing hangs on it.
    """

    positions: tuple[Position, ...]
    what: str
    candidates: tuple[tuple[str, str | None], ...]
    drugs: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `settling` in `pgx.json`."""
        return {
            "what": self.what,
            "positions": [
                {"chromosome": one.chromosome, "position": one.position, "rsid": one.rsid}
                for one in self.positions
            ],
            "candidates": [
                {"diplotype": label, "phenotype": phenotype} for label, phenotype in self.candidates
            ],
            "advice_depends_on_it": bool(self.drugs),
            "drugs": list(self.drugs),
        }


@dataclass(frozen=True)
class SeenVariant:
    """An allele other than the reference that a sample has at a position of a gene.

    Attributes
    ----------
    copies
        How many copies carry it, of how many there are.
    """

    gene: str
    chromosome: str
    position: int
    rsid: str | None
    reference: str
    allele: str
    copies: int
    of_copies: int

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `variants` in `pgx.json`."""
        return asdict(self)


@dataclass(frozen=True)
class GeneResult:
    """One gene of one sample.

    Attributes
    ----------
    readings
        Each possible pair, or what was told from outside, with what it means.
    phenotype, activity_score
        What all readings share; None where they differ or nothing is known.
    tables
        The tables that it rests on: (name, date).
    """

    call: GeneCall
    readings: tuple[tuple[str, Phenotype], ...]
    phenotype: str | None
    activity_score: float | None
    notes: tuple[str, ...]
    tables: tuple[tuple[str, str], ...] = ()
    settling: tuple[Dependence, ...] = ()

    @property
    def gene(self) -> str:
        """The gene's symbol."""
        return self.call.gene

    @cached_property
    def state(self) -> GeneState:
        """The gene as guidelines look it up."""
        phenotypes = [one for _, one in self.readings]
        caveats = tuple(caveats_of(self.call))
        if self.gene not in hla.GENES:
            return GeneState(possibilities(phenotypes), caveats)
        statuses = frozenset(key for one in phenotypes for key in one.lookups)
        return GeneState(frozenset({statuses}) if statuses else frozenset(), caveats)

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `genes` in `pgx.json`."""
        call = self.call
        return {
            "gene": call.gene,
            "status": call.status,
            "diplotypes": list(call.printed()),
            "phenotype": self.phenotype,
            "activity_score": self.activity_score,
            "phased": call.phased,
            "missing_positions": list(call.missing),
            "notes": list(self.notes),
            "source": call.source,
            "readings": [
                {
                    "diplotype": label,
                    "phenotype": one.name,
                    "activity_score": one.activity_score,
                    "lookups": list(one.lookups),
                }
                for label, one in self.readings
            ],
            "alleles_not_ruled_out": list(call.uncallable),
            "undocumented_positions": list(call.undocumented),
            "settling": [one.to_json() for one in self.settling],
            "tables": [{"table": name, "date": date} for name, date in self.tables],
        }


@dataclass(frozen=True)
class SampleResult:
    """One sample: every gene, the advice for every drug, and what nothing is advised for.

    Attributes
    ----------
    converted
        The advice that differs when the phenoconversion is taken for true; beside `drugs`.
    """

    sample: str
    genes: tuple[GeneResult, ...]
    drugs: tuple[DrugAdvice, ...]
    not_advised: tuple[NotAdvised, ...]
    phenoconversion: Phenoconversion | None = None
    converted: tuple[DrugAdvice, ...] = ()
    variants: tuple[SeenVariant, ...] = ()
    notes: tuple[str, ...] = ()

    def gene(self, name: str) -> GeneResult:
        """Return one gene.

        Raises
        ------
        KeyError
            If it was not looked at.
        """
        for one in self.genes:
            if one.gene == name:
                return one
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `samples` in `pgx.json`."""
        return {
            "sample": self.sample,
            "genes": [one.to_json() for one in self.genes],
            "drugs": [one.to_json() for one in self.drugs],
            "not_advised": [one.to_json() for one in self.not_advised],
            "phenoconversion": self.conversion_to_json(),
            "variants": [one.to_json() for one in self.variants],
            "notes": list(self.notes),
        }

    def conversion_to_json(self) -> dict[str, Any] | None:
        """Return `phenoconversion` with the advice that it changes; None without a list."""
        if self.phenoconversion is None:
            return None
        advice = [one.to_json() for one in self.converted]
        return self.phenoconversion.to_json() | {"drugs": advice}


@dataclass(frozen=True)
class PgxResult:
    """What a file of variants means for drugs, sample by sample.

    Attributes
    ----------
    knowledge
        The release: name, sha256, date, and the dates of its groups of tables.
    build
        The genome build that the positions were read in.
    notes
        What holds for the whole file.
    provenance
        Software, and the sha256 of every input.
    """

    knowledge: Mapping[str, Any]
    samples: tuple[SampleResult, ...]
    build: str | None = None
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `pgx.json`."""
        return self._head() | {"samples": [one.to_json() for one in self.samples]}

    def _head(self) -> dict[str, Any]:
        return {
            "format_version": FORMAT_VERSION,
            "knowledge": dict(self.knowledge),
            "build": self.build,
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }

    def write(self, stream: TextIO) -> None:
        """Write `pgx.json`, a line for each gene and drug; equal entries are formatted once."""
        texts = _Texts()
        head = ",\n ".join(
            f"{_dumped(key)}: {_dumped(value)}" for key, value in self._head().items()
        )
        stream.write(f'{{{head},\n "samples": [')
        for number, sample in enumerate(self.samples):
            stream.write(",\n  " if number else "\n  ")
            stream.writelines(texts.of_sample(sample))
        stream.write("\n ]\n}\n")


class _Texts:
    """The text of each entry, by identity: a result is held while it is written."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def of_sample(self, sample: SampleResult) -> Iterator[str]:
        yield f'{{"sample": {_dumped(sample.sample)},\n   "genes": ['
        yield self._listed(sample.genes)
        yield '],\n   "drugs": ['
        yield self._listed(sample.drugs)
        yield '],\n   "not_advised": ['
        yield self._listed(sample.not_advised)
        conversion = sample.conversion_to_json()
        yield f'],\n   "phenoconversion": {_dumped(conversion)},\n'
        yield f'   "variants": {_dumped([one.to_json() for one in sample.variants])},\n'
        yield f'   "notes": {_dumped(list(sample.notes))}}}'

    def _listed(self, entries: Sequence[GeneResult | DrugAdvice | NotAdvised]) -> str:
        return ",".join(self._of(one) for one in entries)

    def _of(self, entry: GeneResult | DrugAdvice | NotAdvised) -> str:
        known = self._known.get(id(entry))
        if known is None:
            known = self._known[id(entry)] = "\n    " + _dumped(entry.to_json())
        return known


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


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
