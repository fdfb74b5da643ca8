"""The tables of phenotypes in a release: CPIC's, and those of pypgx for G6PD and RYR1.

CYP4F2 and IFNL3 have no phenotype in CPIC's tables, and so none here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from osler.genome.pgx.nouns import Diplotype
from osler.genome.pgx.phenotype import (
    NOT_SCORED,
    NoPairs,
    Phenotype,
    PhenotypeTable,
    Score,
    unknown,
)
from osler.knowledge import Release

PYPGX_PAIRS = "pypgx/diplotype"
PYPGX_ALLELES = "pypgx/allele"
HEMIZYGOUS = "MALE"
FEW = 8


class Phenotypes:
    """The phenotype tables of a release, each read when it is first asked for."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self._names = frozenset(release.names())
        self._read: dict[str, PhenotypeTable | None] = {}

    def table(self, gene: str) -> PhenotypeTable | None:
        """Return the table of a gene; None where the release has none."""
        if gene not in self._read:
            self._read[gene] = self._open(gene)
        return self._read[gene]

    def of(self, gene: str, pair: Diplotype) -> Phenotype:
        """Return what a pair means; without a table nothing, and a note."""
        table = self.table(gene)
        if table is None:
            told = f"no table of phenotypes for {gene} in {self.release.name}"
            return Phenotype(None, None, (), (told,))
        found = table.of(pair)
        if found.name is None and table.says_nothing:
            told = f"{table.table} gives {gene} no phenotypes"
            return Phenotype(None, None, (), (told,))
        return found

    def source(self, gene: str) -> tuple[str, str] | None:
        """Return the table of a gene and its date, without reading it; None if there is none."""
        name = self._source(gene)
        return None if name is None else (name, self.release.table(name).date)

    def _source(self, gene: str) -> str | None:
        own = (f"phenotypes/{gene}", f"phenotypes/cpic_{gene}")
        of_pypgx = {"G6PD": PYPGX_PAIRS, "RYR1": PYPGX_ALLELES}.get(gene, "")
        return next((name for name in (*own, of_pypgx) if name in self._names), None)

    def _open(self, gene: str) -> PhenotypeTable | None:
        name = self._source(gene)
        if name is None:
            return None
        readers = {PYPGX_PAIRS: g6pd_from_pypgx, PYPGX_ALLELES: ryr1_from_functions}
        if name in readers:
            return readers[name](self.release)
        return read_cpic(self.release, name, gene)


class CpicPairs:
    """The pairs of a table of CPIC's.

    The first few are looked for row by row: a patient has one of thousands. A cohort gets an index.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows
        self._found: dict[tuple[str, ...], Phenotype | None] = {}

    def find(self, names: tuple[str, ...]) -> Phenotype | None:
        """Return what a pair means."""
        if names not in self._found:
            row = self._row(names) if len(self._found) < FEW else self._index.get(names)
            self._found[names] = None if row is None else _of_row(row)
        return self._found[names]

    def alleles(self) -> frozenset[str]:
        """Return the names of the alleles that stand in a pair."""
        return frozenset(name for row in self._rows for name in row["diplotypekey"])

    def distinct(self) -> tuple[Phenotype, ...]:
        """Return the phenotypes that pairs have, each once."""
        return self._distinct

    def _row(self, names: tuple[str, ...]) -> dict[str, Any] | None:
        counted = {name: names.count(name) for name in names}
        return next((row for row in self._rows if row["diplotypekey"] == counted), None)

    @cached_property
    def _index(self) -> dict[tuple[str, ...], dict[str, Any]]:
        return {
            tuple(sorted(name for name, n in row["diplotypekey"].items() for _ in range(n))): row
            for row in self._rows
        }

    @cached_property
    def _distinct(self) -> tuple[Phenotype, ...]:
        said = {
            (row["phenotype"], row["activityScore"], row["lookupkey"]): row for row in self._rows
        }
        return tuple(map(_of_row, said.values()))


class PypgxPairs:
    """The pairs of a gene in the table of pypgx, found in its text when they are asked for."""

    def __init__(self, gene: str, table: str, functions: Mapping[str, str]) -> None:
        self._gene = gene
        self._table = table
        self._alleles = frozenset(functions) - {HEMIZYGOUS}

    def find(self, names: tuple[str, ...]) -> Phenotype | None:
        """Return what a pair, or one allele where there is one copy, means."""
        first, second = (*names, HEMIZYGOUS) if len(names) == 1 else names
        for written in (f"{first}/{second}", f"{second}/{first}"):
            cell = f'"{written}"' if "," in written else written
            begin = f"\n{self._gene},{cell},"
            at = self._table.find(begin)
            if at >= 0:
                rest = self._table[at + len(begin) :].split("\n", 1)[0]
                return self._phenotype(rest.strip())
        return None

    def alleles(self) -> frozenset[str]:
        """Return the names of the alleles."""
        return self._alleles

    def distinct(self) -> tuple[Phenotype, ...]:
        """Return the phenotypes that pairs have, each once."""
        names = dict.fromkeys(row[2] for row in rows_of(self._table, self._gene))
        return tuple(map(self._phenotype, names))

    def _phenotype(self, written: str) -> Phenotype:
        name = written.removeprefix(f"{self._gene} ")
        return Phenotype(name, None, (name,))


def read_cpic(release: Release, name: str, gene: str) -> PhenotypeTable:
    """Read a table of CPIC's phenotypes."""
    content = json.loads(release.read(name))
    values = {one: Score.read(text) for one, text in content["activityValues"].items()}
    functions = {one["name"]: one["functionValue"] for one in content["namedAlleles"]}
    pairs = CpicPairs(content["diplotypes"])
    return PhenotypeTable(gene, name, release.table(name).date, pairs, values, functions)


def _of_row(row: Mapping[str, Any]) -> Phenotype:
    score = Score.read(row["activityScore"] or NOT_SCORED)
    lookups = (row["lookupkey"] or NOT_SCORED,)
    if score is None:
        return Phenotype(row["phenotype"], None, lookups)
    notes = (f"activity score at least {score.value}",) if score.at_least else ()
    return Phenotype(row["phenotype"], score.value, lookups, notes)


def g6pd_from_pypgx(release: Release) -> PhenotypeTable:
    """Read the phenotypes of G6PD from pypgx: two X chromosomes, or one (`MALE`).

    CPIC's G6PD guideline (Gammal et al. 2023, Clinical Pharmacology and Therapeutics 113:973-985)
    calls a female with one deficient allele `Variable`: inactivation of X makes her phenotype
    unpredictable. Its lookups drop the prefix `G6PD `, with which pypgx writes its phenotypes.
    """
    functions = _pypgx_functions(release, "G6PD")
    pairs = PypgxPairs("G6PD", release.read(PYPGX_PAIRS).decode("utf-8"), functions)
    functions.pop(HEMIZYGOUS, None)
    date = release.table(PYPGX_PAIRS).date
    return PhenotypeTable("G6PD", PYPGX_PAIRS, date, pairs, functions=functions)


class Ryr1Table(PhenotypeTable):
    """RYR1: one allele associated with malignant hyperthermia is enough.

    A pair with such an allele is susceptible, whatever the other is. A pair of alleles of normal or
    uncertain function is of uncertain susceptibility, as the reference itself is: a negative test
    does not rule it out. A pair with an allele that the table does not have, and none that is
    associated, is unknown. Source: the pairs of pypgx, all of which follow these rules, from CPIC's
    guideline (Gonsalves et al. 2019, Clinical Pharmacology and Therapeutics 105:1338-1344).
    """

    def of(self, pair: Diplotype) -> Phenotype:
        """Return what a pair means."""
        names = [one for one in (pair.first, pair.second) if one is not None]
        if any(self.functions.get(name) == MH_ASSOCIATED for name in names):
            return Phenotype(MH_SUSCEPTIBLE, None, (MH_SUSCEPTIBLE,))
        unlisted = [name for name in names if name not in self.functions]
        if unlisted:
            return unknown(self, unlisted)
        return Phenotype(MH_UNCERTAIN, None, (MH_UNCERTAIN,))

    @cached_property
    def phenotypes(self) -> frozenset[str]:
        """The phenotypes that the rule gives."""
        return frozenset({MH_SUSCEPTIBLE, MH_UNCERTAIN})

    @property
    def says_nothing(self) -> bool:
        """Never: the rule gives every pair of listed alleles a phenotype."""
        return False


MH_ASSOCIATED = "Malignant Hyperthermia Associated"
MH_SUSCEPTIBLE = "Malignant Hyperthermia Susceptibility"
MH_UNCERTAIN = "Uncertain Susceptibility"


def ryr1_from_functions(release: Release) -> PhenotypeTable:
    """Read the functions of RYR1's alleles; `Ryr1Table` has the rule."""
    functions = _pypgx_functions(release, "RYR1")
    date = release.table(PYPGX_ALLELES).date
    return Ryr1Table("RYR1", PYPGX_ALLELES, date, NoPairs(), functions=functions)


def rows_of(table: str, gene: str) -> Iterator[list[str]]:
    """Yield the rows of a gene from a table of pypgx; its name is the first column."""
    return csv.reader(line for line in table.splitlines() if line.startswith(f"{gene},"))


def _pypgx_functions(release: Release, gene: str) -> dict[str, str]:
    table = release.read(PYPGX_ALLELES).decode("utf-8")
    return {row[1]: row[3] for row in rows_of(table, gene)}
