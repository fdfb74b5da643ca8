"""From a file of variants to its result: read, call, answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import osler
from osler import knowledge
from osler.genome.pgx.answers import Answers, knowledge_of
from osler.genome.pgx.nouns import ABSENT, GeneGenotypes, State
from osler.genome.pgx.outside import OutsideCall, read_outside_calls
from osler.genome.pgx.phenoconversion import Medication, read_medications
from osler.genome.pgx.result import PgxResult, SeenVariant
from osler.genome.pgx.warfarin import RS12777823

if TYPE_CHECKING:
    from osler.genome.pgx.definitions import Definitions
    from osler.genome.pgx.reading import VcfGenotypes

WARFARIN_GENE = "CYP2C9"
LARGEST_DIGESTED_BYTES = 256 << 20


def call(
    path: Path | str,
    *,
    samples: Sequence[str] | None = None,
    outside_calls: Path | str | Iterable[OutsideCall] | None = None,
    medications: Path | str | Iterable[Medication | str] | None = None,
    release: knowledge.Release | str | None = None,
) -> PgxResult:
    """Return what a file of variants means for drugs, sample by sample.

    Parameters
    ----------
    path
        VCF, bgzipped or not, BCF or gVCF, of GRCh38 or GRCh37.
    samples
        Those to answer, in this order; all of the file by default.
    outside_calls
        Calls made elsewhere, a file of them or `OutsideCall`s; they hold for every sample.
    medications
        What is taken, a file or names or `Medication`s; for phenoconversion.
    release
        By default the newest about pharmacogenomics.

    Raises
    ------
    InputError
        If a file cannot be read, a line is malformed, or a sample is not in the file.
    """
    chosen = _release(release)
    told = _outside(outside_calls)
    taken = _medications(medications)
    from osler.genome.pgx import reading
    from osler.genome.pgx.definitions import Definitions

    definitions = Definitions.load(chosen)
    read = reading.read(Path(path), definitions, samples=samples)
    files = {"variants": path, "outside_calls": outside_calls, "medications": medications}
    inputs = {name: _sha256(Path(of)) for name, of in files.items() if isinstance(of, Path | str)}
    return answer(read, definitions, told, taken, inputs)


def answer(
    read: VcfGenotypes,
    definitions: Definitions,
    outside: Iterable[OutsideCall] = (),
    taken: Iterable[Medication] = (),
    inputs: dict[str, str | None] | None = None,
) -> PgxResult:
    """Return what genotypes that were read mean, sample by sample.

    Parameters
    ----------
    inputs
        The sha256 of each file that it was made from; None for one that was too large to take it.
    """
    from osler.genome.pgx.calling import call_genes
    from osler.genome.pgx.dependence import Dependences

    release = definitions.release
    answers = Answers(release, outside, taken)
    calls = call_genes(read.genes, definitions)
    beside = rs12777823_of(read.genes.get(WARFARIN_GENE), len(read.samples))
    variants = variants_of(read.genes.values(), len(read.samples))
    dependences = Dependences(answers, definitions)
    results = []
    for at, sample in enumerate(read.samples):
        of_sample = {gene: listed[at] for gene, listed in calls.items()}
        settle = partial(dependences.settled, genotypes=read.genes, sample=at)
        results.append(answers.sample(sample, of_sample, beside[at], variants[at], settle))
    return PgxResult(
        knowledge_of(release),
        tuple(results),
        read.build,
        tuple(read.notes),
        {"software": f"osler {osler.__version__}", "inputs": inputs or {}},
    )


def rs12777823_of(genotypes: GeneGenotypes | None, n_samples: int) -> list[str | None]:
    """Return each sample's genotype at rs12777823, such as `A/G`; None where it was not read."""
    rows = [] if genotypes is None else [one.rsid for one in genotypes.positions]
    if genotypes is None or RS12777823 not in rows:
        return [None] * n_samples
    row = rows.index(RS12777823)
    alleles = genotypes.alleles[row]
    known = genotypes.state[row] <= State.REFERENCE
    pairs = zip(genotypes.first[row], genotypes.second[row], known, strict=True)
    return [
        "/".join(sorted((alleles[first], alleles[second])))
        if read and first >= 0 and second >= 0
        else None
        for first, second, read in pairs
    ]


def variants_of(genes: Iterable[GeneGenotypes], n_samples: int) -> list[tuple[SeenVariant, ...]]:
    """Return what each sample has other than the reference, gene by gene."""
    found: list[list[SeenVariant]] = [[] for _ in range(n_samples)]
    made: dict[tuple[str, int, int, int, int], SeenVariant] = {}
    for one in genes:
        known = one.state == State.CALLED
        other = known & ((one.first > 0) | (one.second > 0))
        for row, at in zip(*map(list, other.nonzero()), strict=True):
            pair = (int(one.first[row, at]), int(one.second[row, at]))
            for index in sorted({index for index in pair if index > 0}):
                copies, of = pair.count(index), 1 if pair[1] == ABSENT else 2
                key = (one.gene, int(row), index, copies, of)
                if key not in made:
                    made[key] = _seen(one, int(row), index, copies, of)
                found[at].append(made[key])
    return [tuple(listed) for listed in found]


def _seen(one: GeneGenotypes, row: int, index: int, copies: int, of_copies: int) -> SeenVariant:
    position = one.positions[row]
    alleles = one.alleles[row]
    return SeenVariant(
        one.gene,
        position.chromosome,
        position.position,
        position.rsid,
        alleles[0],
        alleles[index],
        copies,
        of_copies,
    )


def _release(release: knowledge.Release | str | None) -> knowledge.Release:
    if release is None:
        return knowledge.current("pharmacogenomics")
    return knowledge.get(release) if isinstance(release, str) else release


def _outside(calls: Path | str | Iterable[OutsideCall] | None) -> tuple[OutsideCall, ...]:
    if calls is None:
        return ()
    return read_outside_calls(Path(calls)) if isinstance(calls, Path | str) else tuple(calls)


def _medications(taken: Path | str | Iterable[Medication | str] | None) -> tuple[Medication, ...]:
    if taken is None:
        return ()
    if isinstance(taken, Path | str):
        return read_medications(Path(taken))
    return tuple(one if isinstance(one, Medication) else Medication(one) for one in taken)


def _sha256(path: Path) -> str | None:
    """Return the digest of a file; None where reading it whole would take longer than the work."""
    if path.stat().st_size > LARGEST_DIGESTED_BYTES:
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
