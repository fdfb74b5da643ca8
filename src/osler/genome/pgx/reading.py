"""The genotypes of all pharmacogenomic positions, from a file of variants.

What a position is in a sample is one of five states (`osler.genome.pgx.nouns.State`); missing is
never the reference. docs/methods/variant-files.md has the rules and their sources.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osler.errors import Fault, InputError
from osler.genome.pgx.definitions import Definitions
from osler.genome.pgx.gathering import GeneGathering
from osler.genome.pgx.nouns import GeneGenotypes
from osler.genome.pgx.positions37 import PositionMap
from osler.genome.pgx.sites import Sites
from osler.genome.pgx.spelling import Repeats, meanings_of
from osler.sources.vcf import Build, Stored, Vcf, open_vcf
from osler.sources.vcf.evidence import BUILDS, Places, build_by, evidence_of, places_in

NO_POSITION = "no record at any position of the definitions: nothing was assayed"
AGREEING, CONTRADICTING = "agreeing", "contradicting"
BAD_COLUMNS = "records without as many columns as samples, left out"


@dataclass(frozen=True)
class VcfGenotypes:
    """What a file says of the pharmacogenomic positions.

    Attributes
    ----------
    samples
        In the order of the arrays.
    genes
        By gene, in the order of the definitions; every gene is there.
    notes
        What is doubtful about the file as a whole.
    build
        In which the file was read; None where it has no record that tells.
    """

    samples: tuple[str, ...]
    genes: dict[str, GeneGenotypes]
    notes: tuple[str, ...]
    build: Build | None


def read(
    source: Path | str | Stored,
    definitions: Definitions,
    *,
    samples: Sequence[str] | None = None,
) -> VcfGenotypes:
    """Read the genotypes at the positions of all genes.

    Parameters
    ----------
    source
        VCF (plain, gzipped, bgzipped), BCF or gVCF, of GRCh38 or GRCh37: a file, or something
        that is kept elsewhere, such as an attachment of a vault.
    samples
        Those wanted, in this order; all of the file by default.

    Raises
    ------
    InputError
        If the file is no whole VCF, has no samples, lacks one that is wanted, or is of another or
        an unknown genome build.
    """
    with open_vcf(Path(source) if isinstance(source, str) else source) as vcf:
        chosen = _columns(vcf, samples)
        told: Counter[str] = Counter()
        build = _build(vcf, definitions, told)
        sites = _sites(definitions, build or "GRCh38")
        names = vcf.samples if chosen is None else tuple(vcf.samples[one] for one in chosen)
        gathered = _gather(vcf, sites, definitions, len(names), chosen, told)
        agreeing, contradicting = told.pop(AGREEING, 0), told.pop(CONTRADICTING, 0)
        if not agreeing + contradicting:
            told[NO_POSITION] = 1
        if vcf.build is not None and contradicting >= agreeing:
            _refuse_other_build(vcf, definitions)
        genes = {gene: one.finished() for gene, one in gathered.items()}
        return VcfGenotypes(names, genes, tuple(_listed(told + vcf.notes)), build)


def _gather(
    vcf: Vcf,
    sites: Sites,
    definitions: Definitions,
    n_samples: int,
    columns: NDArray[np.int64] | None,
    told: Counter[str],
) -> dict[str, GeneGathering]:
    """Go through the records once and give each to the positions that it speaks of."""
    genes = {
        gene: GeneGathering(gene, definition.all_positions, n_samples, columns)
        for gene, definition in definitions.genes.items()
    }
    repeats = Repeats(definitions.release)
    for record in vcf.records(sites.regions()):
        for site, meaning in meanings_of(record, sites.met_by(record), repeats):
            try:
                genes[site.gene].add(site, record, meaning)
            except ValueError:
                told[BAD_COLUMNS] += 1
                break
            told[CONTRADICTING if meaning.refused else AGREEING] += 1
    for gene, positions in sites.unplaced.items():
        shown = ", ".join(map(str, positions))
        genes[gene].note(f"{shown}: no known place in GRCh37, so not assayed")
    return genes


def _columns(vcf: Vcf, wanted: Sequence[str] | None) -> NDArray[np.int64] | None:
    """Return the columns of the samples that are wanted; None for all."""
    if not vcf.samples:
        raise InputError(Fault(vcf.where, "no samples", "a VCF with a column for each sample"))
    if wanted is None:
        return None
    number = {name: column for column, name in enumerate(vcf.samples)}
    absent = sum(name not in number for name in wanted)
    if absent:
        came = f"{absent} samples that the file does not have"
        raise InputError(Fault("samples", came, "names in its line #CHROM"))
    return np.array([number[name] for name in dict.fromkeys(wanted)], np.int64)


def _sites(definitions: Definitions, build: Build) -> Sites:
    places = PositionMap.load(definitions.release) if build == "GRCh37" else None
    return Sites.of(definitions, build, places)


def _places(definitions: Definitions) -> dict[Build, Places]:
    """Return all variants by which a build is told: those of the definitions, and more."""
    table = places_in(definitions.release)
    placed: dict[Build, Places] = {}
    for build in BUILDS:
        own = _sites(definitions, build).known()
        placed[build] = {
            chromosome: {**table[build].get(chromosome, {}), **own.get(chromosome, {})}
            for chromosome in {**table[build], **own}
        }
    return placed


def _build(vcf: Vcf, definitions: Definitions, told: Counter[str]) -> Build | None:
    """Return the genome build: what the header tells, else what the records speak for."""
    header = vcf.header.told
    if header.build is not None:
        if header.build == "GRCh37":
            told["read in GRCh37, positions mapped to GRCh38"] = 1
        return header.build
    if header.other:
        raise InputError(_of_no_build(vcf, header.how, "lift the file over to GRCh38"))
    found = evidence_of(vcf, _places(definitions))
    build = build_by(found)
    if build is None and any(one.records for one in found.values()):
        remedy = "add contig lines with lengths or an assembly to the header"
        raise InputError(_of_no_build(vcf, f"{header.how} and its records do not either", remedy))
    how = "by its reference alleles at known positions" if build else "and no record tells it"
    told[f"genome build: {header.how}; {build or 'unknown'} {how}"] = 1
    return build


def _refuse_other_build(vcf: Vcf, definitions: Definitions) -> None:
    """Refuse a file that has nothing where its header's build has the positions, and the other has.

    Raises
    ------
    InputError
        If its records speak for the other build.
    """
    found = evidence_of(vcf, _places(definitions))
    build = build_by(found)
    if build is not None and build != vcf.build:
        came = f"a header of {vcf.build} and records of {build}"
        raise InputError(Fault(vcf.where, came, "one genome build", "correct the header"))


def _of_no_build(vcf: Vcf, how: str, remedy: str) -> Fault:
    return Fault(vcf.where, f"genome build unknown: {how}", "GRCh38 or GRCh37", remedy)


def _listed(told: Mapping[str, int]) -> list[str]:
    return [text if count == 1 else f"{count:,} {text}" for text, count in told.items()]
