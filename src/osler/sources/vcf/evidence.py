"""The genome build of a file by its records at known variants, where its header does not say.

A record speaks for a build when it lies where a variant is in that build, has its reference allele,
and has its rs number or an alternate that is known there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from osler.knowledge import Release
from osler.sources.vcf.build import Build
from osler.sources.vcf.opening import Region, Vcf
from osler.sources.vcf.record import Record

BUILDS: tuple[Build, ...] = ("GRCh38", "GRCh37")
VARIANTS = "pypgx/variant"
STRONG, WEAK = 3, 1
# One build must have so many times the evidence of the other.
MOST_AMBIGUITY = 3
# Variants nearer to each other than this are looked for in one go.
JOIN_BASES = 20_000


@dataclass(frozen=True)
class Known:
    """A variant that is known at a place, the reference among its alleles."""

    reference: str
    alleles: frozenset[str]
    rsid: str | None = None


Places = Mapping[str, Mapping[int, Known]]
"""By chromosome (without `chr`) and position."""


@dataclass
class Evidence:
    """What the records say for one build.

    Attributes
    ----------
    records
        Records at a known variant.
    contradicting
        Those with another reference allele.
    """

    score: int = 0
    records: int = 0
    contradicting: int = 0

    def weigh(self, record: Record, known: Known) -> None:
        """Count a record at a known variant; a block of reference says nothing."""
        if record.is_block:
            return
        self.records += 1
        shared = min(len(record.reference), len(known.reference))
        if record.reference[:shared] != known.reference[:shared]:
            self.contradicting += 1
            self.score -= WEAK
            return
        named = known.rsid is not None and known.rsid in record.ids
        told = named or not known.alleles.isdisjoint(record.alternates)
        self.score += STRONG if told else WEAK


def evidence_of(vcf: Vcf, places: Mapping[Build, Places]) -> dict[Build, Evidence]:
    """Weigh all records at known variants in each build."""
    found: dict[Build, Evidence] = {build: Evidence() for build in places}
    regions = [region for one in places.values() for region in regions_of(one)]
    for record in vcf.records(regions):
        for build, known in places.items():
            here = known.get(record.chromosome, {}).get(record.position)
            if here is not None:
                found[build].weigh(record, here)
    return found


def build_by(evidence: Mapping[Build, Evidence]) -> Build | None:
    """Return the build that the records speak for; None if for none, or for two."""
    ranked = sorted(evidence, key=lambda build: evidence[build].score, reverse=True)
    best, rest = evidence[ranked[0]], [evidence[one] for one in ranked[1:]]
    if best.score < STRONG or best.contradicting > best.records / 2:
        return None
    if any(other.score * MOST_AMBIGUITY > best.score for other in rest):
        return None
    return ranked[0]


def regions_of(places: Places) -> list[Region]:
    """Return the parts of the genome that hold all places."""
    regions: list[Region] = []
    for chromosome, known in places.items():
        start = end = 0
        for place in sorted(known):
            if end and place > end + JOIN_BASES:
                regions.append((chromosome, start, end))
                end = 0
            start = start if end else place
            end = place
        if end:
            regions.append((chromosome, start, end))
    return regions


def places_in(release: Release) -> dict[Build, Places]:
    """Return the variants of pharmacogenes whose place is known in both builds.

    Source: pypgx, release table `pypgx/variant`; Lee et al. 2022, PLOS ONE 17:e0272129,
    doi:10.1371/journal.pone.0272129.
    """
    found: dict[Build, dict[str, dict[int, Known]]] = {build: {} for build in BUILDS}
    if VARIANTS not in release.names(VARIANTS):
        return dict(found)
    for row in csv.DictReader(io.StringIO(release.read(VARIANTS).decode())):
        alleles = frozenset((row["GRCh37Allele"], row["GRCh38Allele"], row["Variant"]))
        for build, places in found.items():
            position = row[f"{build}Position"]
            if position.isdigit():
                known = Known(row[f"{build}Allele"], alleles, row["rsID"])
                places.setdefault(row["Chromosome"], {})[int(position)] = known
    return dict(found)
