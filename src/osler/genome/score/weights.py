"""A polygenic score's file: what it says of itself, and one weight for each of its variants.

Formats: scoring files of the PGS Catalog, as deposited and harmonised (Lambert et al. 2021, Nature
Genetics 53:420-425; pgscatalog.org/downloads), and tables with the same column names and no header,
such as pgscatalog-utils writes.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osler.errors import Fault, InputError
from osler.genome.score import naming
from osler.genome.score.tables import read_bytes

NO_POSITION = "no position in this build"
NOT_A_NUMBER = "weight is no number, or beyond 1e100"
NOT_LETTERS = "effect allele is not written in A, C, G, T"
COMBINED = "interaction, haplotype or diplotype term"
MIXED_EFFECT = "both dominant and recessive"
UNKNOWN_EFFECT = "effect type is not additive, dominant or recessive"

ADDITIVE, DOMINANT, RECESSIVE, BY_GENOTYPE = range(4)
EFFECT_NAMES = ("additive", "dominant", "recessive", "by genotype")

_GENOTYPE_WEIGHTS = ("dosage_0_weight", "dosage_1_weight", "dosage_2_weight")
_COMBINING = ("is_haplotype", "is_diplotype", "is_interaction")
_TRUE = frozenset({"true", "1", "yes", "t"})
_EFFECTS = {"": ADDITIVE, "additive": ADDITIVE, "dominant": DOMINANT, "recessive": RECESSIVE}
_HARMONISED_NAME = re.compile(r"_hmPOS_(GRCh3[78])")

ROWS_TOGETHER = 100_000
_LONGEST_POSITION = 12
# Sums of larger ones would overflow; no score has them.
_LARGEST_WEIGHT = 1e100

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Placement:
    """Where a score's variants lie in one genome build.

    Parameters
    ----------
    build
        `GRCh37`, `GRCh38`, or None if the file does not say.
    chromosomes
        Bare names, one for each variant; empty where there is none.
    positions : shape (n,)
        1-based; 0 where there is none.
    """

    build: str | None
    chromosomes: tuple[str, ...]
    positions: Ints


@dataclass(frozen=True)
class ScoringFile:
    """One polygenic score.

    Parameters
    ----------
    placements
        The harmonised one first, when the file has both.
    effect_alleles, other_alleles
        One for each variant, in upper case. Several possible other alleles are several; none known
        is an empty tuple.
    weights : shape (n,)
        Of the effect allele, per copy; NaN where `by_genotype` speaks.
    effects : shape (n,)
        `ADDITIVE`, `DOMINANT`, `RECESSIVE` or `BY_GENOTYPE`.
    by_genotype
        Row to the weights of 0, 1 and 2 copies.
    frequencies : shape (n,)
        Of the effect allele where the score was made; NaN where not given.
    refused
        Rows that cannot be used whatever the genotypes are, by reason.
    """

    score_id: str
    source: str
    sha256: str
    about: dict[str, str]
    placements: tuple[Placement, ...]
    effect_alleles: tuple[str, ...]
    other_alleles: tuple[tuple[str, ...], ...]
    weights: Floats
    effects: NDArray[np.int8]
    by_genotype: dict[int, tuple[float, float, float]]
    frequencies: Floats
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def n_variants(self) -> int:
        """Count the variants of the score, those that were refused included."""
        return len(self.weights) + sum(self.refused.values())

    def placed(self, build: str | None) -> Placement | None:
        """Return where the variants lie in a build.

        Parameters
        ----------
        build
            Of the genotypes; None when it is not known, and then the file's first placement serves.

        Returns
        -------
        A placement of that build, else one that names none; None if all are of another.
        """
        if build is None:
            return self.placements[0]
        fitting = [one for one in self.placements if one.build == build]
        unnamed = [one for one in self.placements if one.build is None]
        return next(iter([*fitting, *unnamed]), None)


def read_weights(path: Path | str) -> ScoringFile:
    """Read a scoring file of the PGS Catalog, or a table with the same columns.

    Parameters
    ----------
    path
        Tab-separated text, gzipped or not.

    Returns
    -------
    The score. Rows that no genotype could use (no number, an interaction term, an allele that is
    not a sequence) are counted in `refused` and left out.

    Raises
    ------
    InputError
        If the file cannot be read whole, lacks a column, or has no row that can be used.
    """
    path = Path(path)
    content = read_bytes(path)
    about, columns, rows = _parts(path, content)
    return read_rows(path, columns, rows, about, hashlib.sha256(content).hexdigest())[0]


def read_rows(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[list[str]],
    about: Mapping[str, str] | None = None,
    sha256: str = "",
) -> tuple[ScoringFile, list[int]]:
    """Make a score of a table's rows.

    Parameters
    ----------
    path
        For messages, and for the build that its name may tell.

    Returns
    -------
    The score, and the number of the row of each of its variants.

    Raises
    ------
    InputError
        As `read_weights`.
    """
    layout = Layout.of(path, columns, about or {})
    table = _Table(layout)
    waiting = iter(rows)
    while batch := list(islice(waiting, ROWS_TOGETHER)):
        table.add(batch)
    return table.finish(path, about or {}, sha256), table.kept


def _parts(path: Path, content: bytes) -> tuple[dict[str, str], list[str], Iterable[list[str]]]:
    """Split a file into what it says of itself, the names of its columns, and its rows."""
    lines = [line.rstrip("\r") for line in content.decode("utf-8-sig", "replace").split("\n")]
    about: dict[str, str] = {}
    start = 0
    for start, line in enumerate(lines):  # noqa: B007 # the number of the first other line is kept
        if line.startswith("#"):
            key, equals, value = line.lstrip("#").partition("=")
            if equals:
                about[key.strip()] = value.strip()
        elif line.strip():
            break
    else:
        raise InputError(
            Fault(str(path), "no table", "a line of column names and a row for each variant")
        )
    columns = [name.strip() for name in lines[start].split("\t")]
    return about, columns, (line.split("\t") for line in lines[start + 1 :] if line.strip())


@dataclass(frozen=True)
class Layout:
    """Which column is which.

    Parameters
    ----------
    places
        Build, column of the chromosome and column of the position; the harmonised ones first.
    """

    columns: tuple[str, ...]
    at: dict[str, int]
    places: tuple[tuple[str | None, int, int], ...]

    @classmethod
    def of(cls, path: Path, columns: Sequence[str], about: Mapping[str, str]) -> Layout:
        """Find the columns.

        Raises
        ------
        InputError
            With every column that is missing, or is there twice.
        """
        at = {name: number for number, name in enumerate(columns)}
        _check_columns(path, columns, at)
        return cls(tuple(columns), at, _places(path, at, about))

    @property
    def by_genotype(self) -> bool:
        """Tell whether each number of copies has a weight of its own."""
        return all(name in self.at for name in _GENOTYPE_WEIGHTS)


def _check_columns(path: Path, columns: Sequence[str], at: Mapping[str, int]) -> None:
    missing = [] if "effect_allele" in at else ["effect_allele"]
    if "effect_weight" not in at and not all(name in at for name in _GENOTYPE_WEIGHTS):
        missing.append("effect_weight")
    if not ({"hm_chr", "hm_pos"} <= set(at)):
        missing += [name for name in ("chr_name", "chr_position") if name not in at]
    faults = []
    if missing:
        by_name = "chr_position" in missing and "rsID" in at
        harmonised = "take the harmonised file of the PGS Catalog, which has positions"
        faults.append(
            Fault(
                str(path),
                f"no column {', '.join(missing)}",
                "tab-separated columns effect_allele, effect_weight, chr_name, chr_position",
                harmonised if by_name else "",
            )
        )
    repeated = [name for name, count in Counter(columns).items() if count > 1 and name]
    if repeated:
        faults.append(Fault(str(path), f"several columns {', '.join(repeated)}", "each once"))
    if faults:
        raise InputError(faults)


def _places(
    path: Path, at: Mapping[str, int], about: Mapping[str, str]
) -> tuple[tuple[str | None, int, int], ...]:
    """Return the builds of the positions; a file name may tell what a header does not."""
    named = _HARMONISED_NAME.search(path.name)
    from_name = named[1] if named else None
    places = []
    if {"hm_chr", "hm_pos"} <= set(at):
        build = naming.build(about.get("HmPOS_build")) or from_name
        places.append((build, at["hm_chr"], at["hm_pos"]))
    if {"chr_name", "chr_position"} <= set(at):
        said = about.get("genome_build")
        build = naming.build(said) if said or places else from_name
        places.append((build, at["chr_name"], at["chr_position"]))
    return tuple(places)


class _Table:
    """Takes rows, many at once, column by column."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.read = 0
        self.kept: list[int] = []
        self.chromosomes: list[list[str]] = [[] for _ in layout.places]
        self.positions: list[list[int]] = [[] for _ in layout.places]
        self.effect_alleles: list[str] = []
        self.other_alleles: list[tuple[str, ...]] = []
        self.weights: list[Floats] = []
        self.effects: list[NDArray[np.int8]] = []
        self.frequencies: list[Floats] = []
        self.by_genotype: dict[int, tuple[float, float, float]] = {}
        self.refused: Counter[str] = Counter()
        self.accessions: set[str] = set()
        self.names: dict[str, str] = {}
        self.alleles: dict[str, tuple[str, ...]] = {"": ()}

    def add(self, rows: list[list[str]]) -> None:
        """Take rows; count those that cannot be used, and why."""
        width = len(self.layout.columns)
        for row in rows:
            if len(row) < width:
                row += [""] * (width - len(row))
        reasons = np.full(len(rows), "", dtype=object)
        self.mark(reasons, self.combined(rows), COMBINED)
        effect_alleles = [one.upper() for one in self.column(rows, "effect_allele")]
        letters = {one: naming.is_letters(one) for one in set(effect_alleles)}
        self.mark(reasons, np.array([not letters[one] for one in effect_alleles]), NOT_LETTERS)
        effects = self.effects_of(rows, reasons)
        weights, triples = self.weights_of(rows)
        self.mark(reasons, np.isnan(weights) & np.isnan(triples).any(axis=1), NOT_A_NUMBER)
        places = [self.places_of(rows, *columns) for _, *columns in self.layout.places]
        nowhere = np.all([np.array(positions) == 0 for _, positions in places], axis=0)
        self.mark(reasons, nowhere, NO_POSITION)
        self.accessions.update(self.column(rows, "accession"))
        kept = np.flatnonzero(reasons == "").tolist()
        self.keep(rows, kept, effect_alleles, places)
        whole = ~np.isnan(triples[kept]).any(axis=1)
        start = len(self.kept) - len(kept)
        for number in np.flatnonzero(whole).tolist():
            no, one, two = triples[kept[number]].tolist()
            self.by_genotype[start + number] = (no, one, two)
        self.weights.append(weights[kept])
        self.effects.append(np.where(whole, BY_GENOTYPE, effects[kept]).astype(np.int8))
        self.refused.update(one for one in reasons.tolist() if one)
        self.read += len(rows)

    def keep(
        self,
        rows: list[list[str]],
        kept: list[int],
        effect_alleles: list[str],
        places: list[tuple[list[str], list[int]]],
    ) -> None:
        """Keep what needs no arithmetic."""
        self.kept += [self.read + number for number in kept]
        self.effect_alleles += [sys.intern(effect_alleles[number]) for number in kept]
        others = self.others(rows)
        self.other_alleles += [others[number] for number in kept]
        shares = _numbers(self.column(rows, "allelefrequency_effect"))
        shares[~((shares >= 0) & (shares <= 1))] = np.nan
        self.frequencies.append(shares[kept])
        for known, (chromosomes, positions) in enumerate(places):
            self.chromosomes[known] += [chromosomes[number] for number in kept]
            self.positions[known] += [positions[number] for number in kept]

    def mark(self, reasons: NDArray[np.object_], wrong: NDArray[np.bool_], reason: str) -> None:
        """Give a reason to those rows that have none yet."""
        reasons[wrong & (reasons == "")] = reason

    def column(self, rows: list[list[str]], name: str) -> list[str]:
        """Return a column's fields; empty ones if the file does not have it."""
        number = self.layout.at.get(name)
        return [""] * len(rows) if number is None else [row[number].strip() for row in rows]

    def truths(self, rows: list[list[str]], name: str) -> NDArray[np.bool_]:
        """Return where a column says yes."""
        if name not in self.layout.at:
            return np.zeros(len(rows), bool)
        return np.array([one.lower() in _TRUE for one in self.column(rows, name)])

    def combined(self, rows: list[list[str]]) -> NDArray[np.bool_]:
        """Return which rows are terms of several variants."""
        found = np.zeros(len(rows), bool)
        for name in _COMBINING:
            found |= self.truths(rows, name)
        return found

    def effects_of(self, rows: list[list[str]], reasons: NDArray[np.object_]) -> NDArray[np.int8]:
        """Return how copies of the effect allele count, and mark where that cannot be told."""
        named = self.column(rows, "effect_type")
        effects = np.array([_EFFECTS.get(one.lower(), -1) for one in named], np.int8)
        if self.layout.by_genotype:
            effects[effects < 0] = ADDITIVE
        dominant, recessive = self.truths(rows, "is_dominant"), self.truths(rows, "is_recessive")
        effects[dominant] = DOMINANT
        effects[recessive] = RECESSIVE
        self.mark(reasons, dominant & recessive, MIXED_EFFECT)
        self.mark(reasons, effects < 0, UNKNOWN_EFFECT)
        return effects

    def weights_of(self, rows: list[list[str]]) -> tuple[Floats, Floats]:
        """Return weights per copy, and those of 0, 1 and 2 copies; NaN where there is no number."""
        weights = _numbers(self.column(rows, "effect_weight"))
        triples = np.full((len(rows), 3), np.nan)
        if self.layout.by_genotype:
            for copies, name in enumerate(_GENOTYPE_WEIGHTS):
                triples[:, copies] = _numbers(self.column(rows, name))
        return weights, triples

    def places_of(
        self, rows: list[list[str]], chromosome: int, position: int
    ) -> tuple[list[str], list[int]]:
        """Return chromosomes and positions; empty and 0 where either makes no sense."""
        names = [row[chromosome].strip() for row in rows]
        for name in set(names) - set(self.names):
            self.names[name] = sys.intern(naming.chromosome(name)) if name else ""
        texts = [row[position].strip() for row in rows]
        positions = [
            int(text) if text.isdecimal() and len(text) < _LONGEST_POSITION and name else 0
            for text, name in zip(texts, names, strict=True)
        ]
        bare = [self.names[name] if at else "" for name, at in zip(names, positions, strict=True)]
        return bare, positions

    def others(self, rows: list[list[str]]) -> list[tuple[str, ...]]:
        """Return the alleles that the other one may be; the inferred ones where none was given."""
        inferred = self.column(rows, "hm_inferOtherAllele")
        given = self.column(rows, "other_allele")
        texts = [one or two for one, two in zip(given, inferred, strict=True)]
        for text in set(texts) - set(self.alleles):
            found = [one.strip().upper() for one in re.split(r"[/,|]", text)]
            self.alleles[text] = tuple(sys.intern(one) for one in found if naming.is_letters(one))
        return [self.alleles[text] for text in texts]

    def finish(self, path: Path, about: Mapping[str, str], sha256: str) -> ScoringFile:
        """Return the score.

        Raises
        ------
        InputError
            If no row can be used, or the rows belong to several scores.
        """
        if not self.kept:
            raise InputError(self.nothing(path))
        named = sorted(self.accessions - {""})
        if len(named) > 1:
            raise InputError(
                Fault(str(path), f"rows of {len(named)} scores", "one score in a file")
            )
        return ScoringFile(
            score_id=about.get("pgs_id") or next(iter(named), "") or _stem(path),
            source=str(path),
            sha256=sha256,
            about=dict(about),
            placements=tuple(
                Placement(place[0], tuple(chromosomes), np.array(positions, np.int64))
                for place, chromosomes, positions in zip(
                    self.layout.places, self.chromosomes, self.positions, strict=True
                )
            ),
            effect_alleles=tuple(self.effect_alleles),
            other_alleles=tuple(self.other_alleles),
            weights=np.concatenate(self.weights),
            effects=np.concatenate(self.effects),
            by_genotype=self.by_genotype,
            frequencies=np.concatenate(self.frequencies),
            refused=self.refused,
        )

    def nothing(self, path: Path) -> Fault:
        """Say that no row can be used, and why."""
        why = ", ".join(f"{rows:,}: {reason}" for reason, rows in self.refused.most_common(3))
        return Fault(
            str(path),
            f"no variant that can be scored ({why})" if why else "no variants",
            "at least one row with an allele, a number as weight and a position",
        )


def _numbers(texts: list[str]) -> Floats:
    """Return finite numbers; NaN for the rest."""
    try:
        values = np.array([one or "nan" for one in texts], np.float64)
    except ValueError:
        values = np.array([_number(one) for one in texts])
    values[~(np.abs(values) <= _LARGEST_WEIGHT)] = np.nan
    return values


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _stem(path: Path) -> str:
    """Return a file's name without the endings of compression and text."""
    name = path.name
    while (shorter := re.sub(r"\.(gz|txt|tsv|csv)$", "", name)) != name:
        name = shorter
    return name
