"""The genome build of a file, by the records at known positions where its header does not say.

A record speaks for a build when it lies where a position of the definitions is in that build, has
its reference allele, and has its rs number or an alternate that is documented there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from osler.genome.pgx.sites import Site, Sites
from osler.sources.vcf import Build, Record, Vcf

STRONG, WEAK = 3, 1
# One build must have so many times the evidence of the other.
MOST_AMBIGUITY = 3


@dataclass
class Evidence:
    """What the records say for one build.

    Attributes
    ----------
    records
        Records at a position of the definitions.
    contradicting
        Those with another reference allele.
    """

    score: int = 0
    records: int = 0
    contradicting: int = 0

    def weigh(self, record: Record, site: Site) -> None:
        """Count a record at a position."""
        if record.position != site.place or record.is_block:
            return
        self.records += 1
        shared = min(len(record.reference), len(site.reference))
        if record.reference[:shared] != site.reference[:shared]:
            self.contradicting += 1
            self.score -= WEAK
            return
        documented = set(record.alternates) & set(site.position.alleles)
        named = site.position.rsid is not None and site.position.rsid in record.ids
        self.score += STRONG if named or documented else WEAK


def evidence_of(vcf: Vcf, sites: Mapping[Build, Sites]) -> dict[Build, Evidence]:
    """Weigh all records at the positions of the definitions in each build."""
    found: dict[Build, Evidence] = {build: Evidence() for build in sites}
    regions = [region for one in sites.values() for region in one.regions()]
    for record in vcf.records(regions):
        for build, placed in sites.items():
            for site in placed.met_by(record):
                found[build].weigh(record, site)
    return found


def build_of(evidence: Mapping[Build, Evidence]) -> Build | None:
    """Return the build that the records speak for; None if for none, or for two."""
    ranked = sorted(evidence, key=lambda build: evidence[build].score, reverse=True)
    best, rest = evidence[ranked[0]], [evidence[one] for one in ranked[1:]]
    if best.score < STRONG or best.contradicting > best.records / 2:
        return None
    if any(other.score * MOST_AMBIGUITY > best.score for other in rest):
        return None
    return ranked[0]
