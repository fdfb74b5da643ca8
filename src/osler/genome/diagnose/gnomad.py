"""How frequent a person's variants are, from gnomAD's sites or a table that the user supplies.

Fields: gnomAD v2.1.1, v3 and v4 sites VCF, https://gnomad.broadinstitute.org/data.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from osler.errors import Fault, InputError
from osler.genome.diagnose.sites import (
    Agreement,
    Allele,
    Wanted,
    check_build,
    per_allele,
    records_at,
)
from osler.sources.files import open_binary
from osler.sources.vcf import Record, Stored, is_bases, is_vcf, open_vcf, trimmed

# By meaning, the names that versions of gnomAD and its browser give a field; the first counts.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "frequency": ("AF", "AF_joint", "allele_frequency", "allele frequency", "freq"),
    "highest": (
        "AF_grpmax",
        "AF_popmax",
        "AF_grpmax_joint",
        "grpmax",
        "popmax",
        "popmax_af",
        "grpmax_af",
    ),
    "count": ("AC", "AC_joint", "allele_count", "allele count"),
    "number": ("AN", "AN_joint", "allele_number", "allele number"),
    "highest_number": ("AN_grpmax", "AN_popmax", "AN_grpmax_joint"),
    "homozygotes": (
        "nhomalt",
        "nhomalt_joint",
        "homozygote_count",
        "homozygote count",
        "n_homozygotes",
    ),
}
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "chromosome": ("chrom", "chr", "chromosome", "#chrom", "contig"),
    "position": ("pos", "position", "start"),
    "reference": ("ref", "reference"),
    "alternate": ("alt", "alternate"),
    "variant": ("variant", "variant_id", "gnomad id", "variant id"),
    "filters": ("filter", "filters"),
}
_POPULATIONS = frozenset({"grpmax", "popmax"})
MOST_COLUMNS = 10_000
MOST_LINE = 1 << 20

BAD_NUMBER = "frequencies outside 0 to 1 or that are no number, not used"
BAD_LINE = "lines of the table that name no variant, left out"
DISAGREEING = "variants given twice with different frequencies; the highest is used"


@dataclass(frozen=True)
class Frequency:
    """How frequent an allele is; None where the file does not say.

    Attributes
    ----------
    overall
        Share of all alleles.
    highest
        Share in the population where it is the most frequent (grpmax or popmax).
    number, highest_number
        Alleles looked at, of all and in that population.
    homozygotes
        People with two copies.
    filters
        Why gnomAD doubts the site; empty if it passed.
    """

    overall: float | None
    highest: float | None = None
    number: int | None = None
    highest_number: int | None = None
    homozygotes: int | None = None
    filters: tuple[str, ...] = ()

    @property
    def most(self) -> float | None:
        """The highest share that is told."""
        known = [one for one in (self.overall, self.highest) if one is not None]
        return max(known, default=None)

    @property
    def most_number(self) -> int | None:
        """How many alleles the highest share is of."""
        if self.highest is not None and self.most == self.highest:
            return self.highest_number if self.highest_number is not None else self.number
        return self.number

    def to_json(self) -> dict[str, Any]:
        """Return a variant's `gnomad`."""
        return {
            "frequency": self.overall,
            "highest_frequency": self.highest,
            "alleles": self.number,
            "homozygotes": self.homozygotes,
            "filters": list(self.filters),
        }


@dataclass
class Frequencies:
    """What files of frequencies say at a person's variants.

    Attributes
    ----------
    exact
        By allele.
    sites
        By chromosome and position, what the files say of any allele there: it was looked at.
    """

    exact: dict[Allele, Frequency] = field(default_factory=dict)
    sites: dict[tuple[str, int], Frequency] = field(default_factory=dict)
    name: str = "gnomAD"

    def site_of(self, allele: Allele) -> Frequency | None:
        """Return what the files say of any allele where this one is; None without a site."""
        return self.sites.get((allele.chromosome, allele.position))

    def add(self, allele: Allele, one: Frequency, notes: Counter[str]) -> None:
        """Take what is said of an allele; of two the higher share."""
        self.sites.setdefault((allele.chromosome, allele.position), one)
        known = self.exact.get(allele)
        if known is None:
            self.exact[allele] = one
            return
        if known.most != one.most:
            notes[DISAGREEING] += 1
        if (one.most or 0.0) > (known.most or 0.0):
            self.exact[allele] = one


def read_frequencies(
    paths: Sequence[Path], alleles: Sequence[Allele], build: str | None, notes: Counter[str]
) -> Frequencies:
    """Read frequencies of the variants from sites VCFs or tables.

    Parameters
    ----------
    paths
        Such as one a chromosome, or exomes and genomes.
    build
        Of the patient's file.
    notes
        Counts what was doubtful.

    Raises
    ------
    InputError
        If a file has no frequencies, is of another build, or is cut short.
    """
    wanted = Wanted.around(alleles)
    found = Frequencies(name=", ".join(path.name for path in paths))
    for path in paths:
        agreement = Agreement()
        sites = is_vcf(path) and not _is_plain_table(path)
        read = _of_vcf(path, wanted, build, notes) if sites else _of_table(path, wanted, notes)
        for allele, one in read:
            if agreement.holds(allele, wanted):
                found.add(allele, one, notes)
        agreement.settle(path.name, notes)
    return found


def _is_plain_table(path: Path) -> bool:
    """Say whether what begins as a VCF's columns goes on as a table."""
    start = Stored.file(path).first_unpacked(16)
    return start.startswith(b"#CHROM\tPOS\t") and not start.startswith(b"#CHROM\tPOS\tID")


def _of_vcf(
    path: Path, wanted: Wanted, build: str | None, notes: Counter[str]
) -> Iterator[tuple[Allele, Frequency]]:
    with open_vcf(path) as vcf:
        _check_has_frequencies(vcf.header.lines, vcf.where)
        check_build(vcf, build, notes)
        for record in records_at(path, vcf, wanted):
            for which, alternate in enumerate(record.alternates):
                if is_bases(alternate) and is_bases(record.reference):
                    place = trimmed(record.position, record.reference, alternate)
                    one = _frequency(_reader(record, which), record.filters, notes)
                    yield Allele(record.chromosome, *place), one


def _reader(record: Record, which: int) -> Callable[[str], str | None]:
    def _read(name: str) -> str | None:
        # In a VCF of gnomAD these name a population; in tables they are its share.
        text = None if name in _POPULATIONS else record.info(name)
        # AN is one number for all alternates of a site.
        if name.startswith("AN") and text and "," not in text:
            return text
        return per_allele(text, which, len(record.alternates))

    return _read


def _check_has_frequencies(lines: Sequence[bytes], where: str) -> None:
    ids = {
        line[11:].partition(b",")[0].decode() for line in lines if line.startswith(b"##INFO=<ID")
    }
    if not ids.intersection((*_NAMES["frequency"], *_NAMES["highest"], "AC")):
        expected = "a sites VCF with AF, or a table with a column AF"
        raise InputError(Fault(where, "no allele frequency (AF) in its header", expected))


def _frequency(
    read: Callable[[str], str | None], filters: tuple[str, ...], notes: Counter[str]
) -> Frequency:
    told = {meaning: _first(read, names) for meaning, names in _NAMES.items()}
    overall, highest = (_share(told[one], notes) for one in ("frequency", "highest"))
    count, number = _whole(told["count"]), _whole(told["number"])
    if overall is None and count is not None and number and count <= number:
        overall = count / number
    return Frequency(
        overall,
        highest,
        number,
        _whole(told["highest_number"]),
        _whole(told["homozygotes"]),
        filters,
    )


def _first(read: Callable[[str], str | None], names: tuple[str, ...]) -> str | None:
    return next((text for name in names if (text := read(name)) not in (None, "", ".")), None)


def _share(text: str | None, notes: Counter[str]) -> float | None:
    if text is None or text.lower() in {"na", "nan", "n/a"}:
        return None
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        notes[BAD_NUMBER] += 1
        return None
    return share


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and len(text) <= 12 else None


def _of_table(
    path: Path, wanted: Wanted, notes: Counter[str]
) -> Iterator[tuple[Allele, Frequency]]:
    """Read a table with a header line, tabs or commas between the columns."""
    notes[f"{path.name}: a table does not tell its genome build, taken as the patient's"] = 0
    with open_binary(path) as stream:
        lines = _decoded(stream, path.name)
        header = next(lines, "")
        separator = "\t" if "\t" in header else ","
        columns = _columns(_cells(header, separator), path.name)
        for line in lines:
            row = _cells(line, separator)
            allele = _named(row, columns)
            if allele is None:
                notes[BAD_LINE] += 1
            elif wanted.reaches(allele.chromosome, allele.position, allele.position):
                yield allele, _frequency(_cell_reader(row, columns), _filters(row, columns), notes)


def _decoded(stream: Any, where: str) -> Iterator[str]:
    """Yield the lines that are no comment; a line without end is refused."""
    text = io.TextIOWrapper(stream, "utf-8-sig", "replace")
    while line := text.readline(MOST_LINE):
        if len(line) == MOST_LINE:
            raise InputError(Fault(where, "a line without end", "a table"))
        if not line.startswith("##") and line.strip():
            yield line


def _cells(line: str, separator: str) -> list[str]:
    """Return the cells of one line: a stray quotation mark cannot swallow the next ones."""
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])
    except csv.Error:
        return []


def _columns(names: Sequence[str], where: str) -> dict[str, int]:
    if len(names) > MOST_COLUMNS:
        raise InputError(Fault(where, "too many columns", f"at most {MOST_COLUMNS}"))
    known = {name.strip().lower(): number for number, name in reversed(list(enumerate(names)))}
    listed = {**_COLUMNS, **_NAMES}
    found = {
        meaning: next((known[one.lower()] for one in spellings if one.lower() in known), -1)
        for meaning, spellings in listed.items()
    }
    placed = all(found[one] >= 0 for one in ("chromosome", "position", "reference", "alternate"))
    faults = []
    if not placed and found["variant"] < 0:
        expected = "columns chrom, pos, ref and alt, or variant (17-43045711-G-A)"
        faults.append(Fault(where, "no columns that name the variant", expected))
    if found["frequency"] < 0 and found["highest"] < 0 and found["count"] < 0:
        faults.append(Fault(where, "no column of frequencies", "AF, AF_grpmax or AF_popmax"))
    if faults:
        raise InputError(faults)
    return {meaning: number for meaning, number in found.items() if number >= 0}


def _named(row: Sequence[str], columns: Mapping[str, int]) -> Allele | None:
    parts = [
        _cell(row, columns, one) for one in ("chromosome", "position", "reference", "alternate")
    ]
    if all(parts):
        return Allele.read("-".join(parts))
    return Allele.read(_cell(row, columns, "variant"))


def _cell(row: Sequence[str], columns: Mapping[str, int], meaning: str) -> str:
    number = columns.get(meaning, -1)
    return row[number].strip() if 0 <= number < len(row) else ""


def _cell_reader(row: Sequence[str], columns: Mapping[str, int]) -> Callable[[str], str | None]:
    meanings = {names[0]: meaning for meaning, names in _NAMES.items()}

    def _read(name: str) -> str | None:
        meaning = meanings.get(name)
        return (_cell(row, columns, meaning) or None) if meaning else None

    return _read


def _filters(row: Sequence[str], columns: Mapping[str, int]) -> tuple[str, ...]:
    text = _cell(row, columns, "filters")
    named = [one.strip() for one in text.replace("|", ";").replace(",", ";").split(";")]
    return tuple(one for one in named if one and one.upper() not in {"PASS", ".", "NA"})
