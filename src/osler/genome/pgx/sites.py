"""Where a file of variants is to be looked at: the positions of the definitions in its build."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from osler.genome.pgx.definitions import Definitions
from osler.genome.pgx.nouns import Position
from osler.genome.pgx.positions37 import PositionMap
from osler.sources.vcf import Build, Record, Region
from osler.sources.vcf.evidence import JOIN_BASES, Known

# An insertion or deletion may be written so far right of where the definition has it: the longest
# run of repeats at one of them (UGT1A1, seven times TA) is 14 bases.
REACH_BASES = 40


@dataclass(frozen=True)
class Site:
    """A position of a gene as it is found in a file.

    Attributes
    ----------
    row
        Its place in the gene's definition.
    place
        Its position in the file's build.
    reference
        The reference allele of that build.
    single
        Whether all of its alleles are single bases.
    """

    gene: str
    row: int
    position: Position
    chromosome: str
    place: int
    reference: str
    single: bool

    @property
    def end(self) -> int:
        """The last base of its reference allele."""
        return self.place + len(self.reference) - 1

    @property
    def substituted(self) -> bool:
        """Whether bases are replaced by as many others."""
        return any(len(one) == len(self.reference) for one in self.position.alleles[1:])

    def documents(self, record: Record) -> bool:
        """Tell whether a record is written as the definition is, with an allele that it has."""
        return (
            self.place == record.position
            and self.reference == record.reference
            and not set(self.position.alleles).isdisjoint(record.alternates)
        )

    @property
    def reach(self) -> int:
        """The last place where a record that means this position may begin."""
        return self.end if self.single else self.end + REACH_BASES


class Sites:
    """The positions of all definitions in one build.

    Attributes
    ----------
    unplaced
        By gene, positions (in GRCh38) that have no known place in the build.
    """

    def __init__(self, sites: Iterable[Site], unplaced: dict[str, list[int]]) -> None:
        self.unplaced = unplaced
        self._by_chromosome: dict[str, list[Site]] = defaultdict(list)
        for site in sites:
            self._by_chromosome[site.chromosome].append(site)
        for listed in self._by_chromosome.values():
            listed.sort(key=lambda one: one.reach)
        self._reaches = {
            chromosome: [one.reach for one in listed]
            for chromosome, listed in self._by_chromosome.items()
        }
        self._widest = max(
            (one.reach - one.place for listed in self._by_chromosome.values() for one in listed),
            default=0,
        )

    @classmethod
    def of(cls, definitions: Definitions, build: Build, places: PositionMap | None) -> Sites:
        """Place all positions of the definitions in a build."""
        sites = []
        unplaced: dict[str, list[int]] = defaultdict(list)
        for gene, definition in definitions.genes.items():
            for row, position in enumerate(definition.all_positions):
                chromosome = position.chromosome.removeprefix("chr")
                place, reference = position.position, position.alleles[0]
                if build == "GRCh37":
                    found = places.of(gene, position) if places else None
                    if found is None:
                        unplaced[gene].append(position.position)
                        continue
                    place, reference = found.position, found.reference
                single = all(len(one) == 1 for one in position.alleles)
                sites.append(Site(gene, row, position, chromosome, place, reference, single))
        return cls(sites, dict(unplaced))

    def __iter__(self) -> Iterator[Site]:
        for listed in self._by_chromosome.values():
            yield from listed

    def met_by(self, record: Record) -> list[Site]:
        """Return the positions that a record may speak of.

        A record that is written as one definition is, is not another one moved to the right.
        """
        reaches = self._reaches.get(record.chromosome)
        if reaches is None:
            return []
        listed = self._by_chromosome[record.chromosome]
        found = []
        for number in range(bisect_left(reaches, record.position), len(listed)):
            if reaches[number] - self._widest > record.end:
                break
            if listed[number].place <= record.end:
                found.append(listed[number])
        if any(one.documents(record) for one in found):
            return [one for one in found if one.end >= record.position]
        return found

    def known(self) -> dict[str, dict[int, Known]]:
        """Return the positions as variants that tell a genome build."""
        return {
            chromosome: {
                one.place: Known(one.reference, frozenset(one.position.alleles), one.position.rsid)
                for one in listed
            }
            for chromosome, listed in self._by_chromosome.items()
        }

    def regions(self) -> list[Region]:
        """Return the parts of the genome that hold all positions."""
        regions: list[Region] = []
        for chromosome, listed in self._by_chromosome.items():
            start = end = 0
            for site in sorted(listed, key=lambda one: one.place):
                if end and site.place > end + JOIN_BASES:
                    regions.append((chromosome, start, end))
                    end = 0
                start = start if end else site.place
                end = max(end, site.reach)
            regions.append((chromosome, start, end))
        return regions
