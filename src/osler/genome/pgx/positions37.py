"""Where the positions of the definitions are in GRCh37.

pypgx's table of variants has both builds for most positions. Another position is as far from its
GRCh38 place as its neighbours in the table are, those of its own gene if any are near it. Where the
neighbours on its two sides disagree, or there is none, it has no place in GRCh37 and counts as not
assayed. Whether a place is right shows again when a file is read: its reference alleles must be
those of the definition.

Source: pypgx's table of variants (release table `pypgx/variant`); Lee et al. 2022, PLOS ONE
17:e0272129, doi:10.1371/journal.pone.0272129.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from osler.genome.pgx.nouns import Position
from osler.knowledge import Release

TABLE = "pypgx/variant"
# Farther than this, a neighbour says nothing of where a position is.
MOST_NEIGHBOUR_BASES = 250_000


@dataclass(frozen=True)
class Place:
    """A position in GRCh37.

    Attributes
    ----------
    reference
        Its reference allele there, which differs from that of GRCh38 at a few positions.
    derived
        Not in the table, but told by its neighbours.
    """

    position: int
    reference: str
    derived: bool = False


@dataclass(frozen=True)
class PositionMap:
    """Places in GRCh37 by chromosome (without `chr`) and position in GRCh38.

    Attributes
    ----------
    known
        Position in GRCh37 and the reference allele there.
    of_gene
        The positions in GRCh38 that are known of each gene, sorted; of each chromosome under its
        name.
    """

    known: Mapping[str, Mapping[int, tuple[int, str]]]
    of_gene: Mapping[str, list[int]]

    @classmethod
    def load(cls, release: Release) -> PositionMap:
        """Read the table of a release; a release without it knows no place."""
        if TABLE not in release.names(TABLE):
            return cls({}, {})
        known: dict[str, dict[int, tuple[int, str]]] = {}
        listed: dict[str, set[int]] = defaultdict(set)
        for row in csv.DictReader(io.StringIO(release.read(TABLE).decode())):
            if row["GRCh37Position"].isdigit() and row["GRCh38Position"].isdigit():
                place = (int(row["GRCh37Position"]), row["GRCh37Allele"])
                position = int(row["GRCh38Position"])
                known.setdefault(row["Chromosome"], {})[position] = place
                listed[row["Gene"]].add(position)
                listed[row["Chromosome"]].add(position)
        return cls(known, {name: sorted(places) for name, places in listed.items()})

    def of(self, gene: str, position: Position) -> Place | None:
        """Return where a position of a gene is in GRCh37; None where that is not known."""
        chromosome = position.chromosome.removeprefix("chr")
        known = self.known.get(chromosome, {})
        reference = position.alleles[0]
        if position.position in known:
            place, allele = known[position.position]
            swapped = len(reference) == len(allele) == 1 and allele in position.alleles
            return Place(place, allele if swapped else reference)
        beside = self._beside(gene, position.position) or self._beside(
            chromosome, position.position
        )
        offsets = {known[one][0] - one for one in beside}
        if len(offsets) != 1:
            return None
        return Place(position.position + offsets.pop(), reference, derived=True)

    def _beside(self, name: str, position: int) -> list[int]:
        """Return the nearest known positions on either side, of a gene or a chromosome."""
        listed = self.of_gene.get(name, [])
        at = bisect_left(listed, position)
        return [
            one
            for one in listed[max(at - 1, 0) : at + 1]
            if abs(one - position) <= MOST_NEIGHBOUR_BASES
        ]
