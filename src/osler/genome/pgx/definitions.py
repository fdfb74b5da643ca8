"""What defines the named alleles of each gene: positions, cells, and what is exempt.

A definition is a table: a row for each named allele, a column for each position. A filled cell is
what the allele has there, one IUPAC letter standing for several bases; a blank one is filled with
the first row's, the reference. Read from the tables `alleles/GENE` and `exemptions` of a release.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from osler import knowledge
from osler.errors import Fault, InputError
from osler.genome.pgx.functions import FunctionTable
from osler.genome.pgx.nouns import Position

Cell = tuple[int, ...]

IUPAC = {
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
    "N": "ACGT",
}
"""The letters for several bases. Source: Cornish-Bowden 1985, doi:10.1093/nar/13.9.3021."""


@dataclass(frozen=True)
class NamedAllele:
    """One row of a definition.

    Attributes
    ----------
    cells
        For each position where the row says something, by the position's index, the indexes of the
        position's alleles that fit; several where the cell is an IUPAC letter for several bases.
    """

    name: str
    cells: Mapping[int, Cell]


@dataclass(frozen=True)
class Priority:
    """Pairs that unphased genotypes cannot tell apart, and the one that is then called."""

    pairs: frozenset[str]
    pick: str


@dataclass(frozen=True)
class GeneDefinition:
    """The named alleles of one gene.

    Attributes
    ----------
    positions
        Those that define alleles; what the exemptions ignore is left out.
    extra
        Positions that are read and reported with the gene and define none of its alleles.
    alleles
        The reference first.
    core_of
        The core allele that a suballele is called by.
    required
        Positions, in the chromosome's coordinates, without which the gene is not called.
    table, date
        The table of the release that this is, and its own date.
    """

    gene: str
    chromosome: str
    positions: tuple[Position, ...]
    extra: tuple[Position, ...]
    alleles: tuple[NamedAllele, ...]
    core_of: Mapping[str, str] = field(default_factory=dict)
    required: tuple[int, ...] = ()
    priorities: tuple[Priority, ...] = ()
    table: str = ""
    date: str = ""

    @property
    def all_positions(self) -> tuple[Position, ...]:
        """The positions that a file is read at: those that define alleles, then the extra ones."""
        return self.positions + self.extra

    @property
    def reference(self) -> str:
        """The name of the reference allele."""
        return self.alleles[0].name

    @cached_property
    def order(self) -> dict[str, int]:
        """The place of each allele in the definition."""
        return {allele.name: place for place, allele in enumerate(self.alleles)}

    @cached_property
    def fits(self) -> tuple[tuple[int, ...], ...]:
        """For each position and each of its alleles the set of rows that it fits, as bits."""
        every = (1 << len(self.alleles)) - 1
        filled = []
        for index, position in enumerate(self.positions):
            reference = self.alleles[0].cells.get(index, (0,))
            filled.append([every * (one in reference) for one in range(len(position.alleles))])
        for row, allele in enumerate(self.alleles):
            for index, cell in allele.cells.items():
                for one in range(len(filled[index])):
                    filled[index][one] &= ~(1 << row)
                for one in cell:
                    filled[index][one] |= 1 << row
        return tuple(map(tuple, filled))

    @cached_property
    def touched(self) -> tuple[int, ...]:
        """For each position the rows with a cell there, as bits."""
        rows = [0] * len(self.positions)
        for row, allele in enumerate(self.alleles):
            for index in allele.cells:
                rows[index] |= 1 << row
        return tuple(rows)

    @cached_property
    def filled(self) -> tuple[int, ...]:
        """For each row the positions where it has a cell, as bits."""
        return tuple(_as_bits(allele.cells) for allele in self.alleles)

    @cached_property
    def needing(self) -> tuple[int, ...]:
        """For each position the rows that the genome's reference does not fit, as bits."""
        every = (1 << len(self.alleles)) - 1
        return tuple(every & ~row[0] for row in self.fits)

    @cached_property
    def needs(self) -> tuple[int, ...]:
        """For each row the positions that the genome's reference does not fit, as bits."""
        rows = range(len(self.alleles))
        places = range(len(self.positions))
        return tuple(
            _as_bits(one for one in places if self.needing[one] >> row & 1) for row in rows
        )

    @cached_property
    def unneeding(self) -> int:
        """The rows that the genome's reference fits everywhere, as bits."""
        return _as_bits(row for row, needs in enumerate(self.needs) if not needs)

    @cached_property
    def several(self) -> tuple[int, ...]:
        """For each row the positions of its cells that stand for several bases, as bits."""
        return tuple(
            _as_bits(index for index, cell in allele.cells.items() if len(cell) > 1)
            for allele in self.alleles
        )

    @cached_property
    def _by_rsid(self) -> dict[str | None, int]:
        return {one.rsid: index for index, one in enumerate(self.all_positions)}

    def index_of_rsid(self, rsid: str) -> int | None:
        """Return the index of a position by its rsid; None where the definition has it not."""
        return self._by_rsid.get(rsid)


@dataclass(frozen=True)
class Definitions:
    """The definitions of every gene of a release, by gene, and the functions of their alleles."""

    release: knowledge.Release
    genes: Mapping[str, GeneDefinition]

    @classmethod
    def load(cls, release: knowledge.Release | None = None) -> Definitions:
        """Read the definitions of a release; by default the newest about pharmacogenomics.

        Raises
        ------
        InputError
            If a table is not what a definition is; every fault at once.
        """
        chosen = release or knowledge.current("pharmacogenomics")
        exempt = json.loads(chosen.read("exemptions")) if "exemptions" in chosen.names() else {}
        read = []
        for name in chosen.names("alleles/"):
            content = json.loads(chosen.read(name))
            date = chosen.table(name).date
            read.append(read_gene(content, exempt.get(content.get("gene"), {}), name, date))
        return cls(chosen, {one.gene: one for one in read})

    @cached_property
    def function(self) -> FunctionTable:
        """The functions of the alleles, where a rule ranks alleles by them."""
        return FunctionTable(self.release)


def read_gene(
    content: Mapping[str, Any], exempt: Mapping[str, Any], table: str = "", date: str = ""
) -> GeneDefinition:
    """Read one gene's definition and exemptions, as the release writes them.

    Raises
    ------
    InputError
        If rows and columns do not agree, or a cell is no allele of its position.
    """
    faults = list(_faults(content, table))
    if faults:
        raise InputError(faults)
    ignored = {one["chromosomeHgvsName"] for one in exempt.get("ignoredPositions", ())}
    columns = [
        (place, one)
        for place, one in enumerate(content["variants"])
        if one["chromosomeHgvsName"] not in ignored
    ]
    positions = tuple(_position(one) for _, one in columns)
    skipped = set(exempt.get("ignoredAlleles", ()))
    return GeneDefinition(
        content["gene"],
        content["chromosome"],
        positions,
        tuple(_position(one) for one in exempt.get("extraPositions", ())),
        tuple(_rows(content, [place for place, _ in columns], positions, skipped)),
        dict(content.get("suballelesMap") or {}),
        tuple(exempt.get("requiredPositions", ())),
        tuple(_priorities(exempt)),
        table,
        date,
    )


def _position(one: Mapping[str, Any]) -> Position:
    return Position(one["chromosome"], one["position"], one["rsid"], (one["ref"], *one["alts"]))


def _rows(
    content: Mapping[str, Any],
    places: list[int],
    positions: tuple[Position, ...],
    skipped: set[str],
) -> Iterator[NamedAllele]:
    """Yield the rows, the reference first, without those that no longer say anything."""
    index_at = {place: index for index, place in enumerate(places)}
    rows = sorted(content["namedAlleles"], key=lambda one: not one["reference"])
    for row in rows:
        cells = {
            index_at[place]: _cell(text, positions[index_at[place]])
            for place, text in enumerate(row["alleles"])
            if text is not None and place in index_at
        }
        if cells and row["name"] not in skipped:
            yield NamedAllele(row["name"], cells)


def _cell(text: str, position: Position) -> Cell:
    alleles = position.alleles
    if text in alleles:
        return (alleles.index(text),)
    return tuple(alleles.index(one) for one in IUPAC.get(text, "") if one in alleles)


def _priorities(exempt: Mapping[str, Any]) -> Iterator[Priority]:
    for one in exempt.get("unphasedDiplotypePriorities", ()):
        yield Priority(frozenset(one["list"]), one["pick"])


def _faults(content: Mapping[str, Any], table: str) -> Iterator[Fault]:
    """Yield what keeps a table from being a definition."""
    lacking = [
        one for one in ("gene", "chromosome", "variants", "namedAlleles") if one not in content
    ]
    if lacking:
        yield Fault(table, f"no {', '.join(lacking)}", "a definition of named alleles")
        return
    names = [one["name"] for one in content["namedAlleles"]]
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield Fault(table, f"two rows {name!r}", "one row for each allele")
    if sum(bool(one["reference"]) for one in content["namedAlleles"]) != 1:
        yield Fault(table, "not one reference row", "one row marked as the reference")
    for row in content["namedAlleles"]:
        yield from _faults_of_row(row, content["variants"], table)


def _faults_of_row(
    row: Mapping[str, Any], variants: list[Mapping[str, Any]], table: str
) -> Iterator[Fault]:
    where = f"{table}, {row['name']}"
    if len(row["alleles"]) != len(variants):
        came = f"{len(row['alleles'])} cells"
        yield Fault(where, came, f"{len(variants)}, one for each position")
        return
    for text, one in zip(row["alleles"], variants, strict=True):
        if text is None or text == one["ref"] or text in one["alts"] or _letter(text, one):
            continue
        known = ", ".join([one["ref"], *one["alts"]])
        yield Fault(
            where, f"cell {text!r} at {one['position']}", f"one of {known}, or a letter for them"
        )


def _letter(text: str, one: Mapping[str, Any]) -> bool:
    return any(base == one["ref"] or base in one["alts"] for base in IUPAC.get(text, ""))


def _as_bits(places: Iterable[int]) -> int:
    """Return a set of places as bits; each place once."""
    return sum(1 << one for one in places)


DIGITS = re.compile(r"(\d+)")


@lru_cache(maxsize=1 << 14)
def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Return a key that sorts `*2` before `*10`.

    Examples
    --------
    >>> sorted(["*10", "*2", "*80+*28", "*80"], key=natural)
    ['*2', '*10', '*80', '*80+*28']
    """
    parts = (one for one in DIGITS.split(name) if one)
    return tuple((False, int(one), "") if one.isdigit() else (True, 0, one) for one in parts)


def in_order(names: Iterable[str], reference: str) -> list[str]:
    """Return names of alleles as a pair shows them: the reference first, then naturally sorted.

    Star alleles go by their number alone: CYP2C19, whose reference is `*38`, shows `*2/*38`.
    """
    return sorted(names, key=lambda one: (one != reference or one.startswith("*"), natural(one)))
