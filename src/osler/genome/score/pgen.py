"""Scoring PLINK 2 files (`.pgen` with `.pvar` or `.pvar.zst`, and `.psam`) through pgenlib."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from osler import extras
from osler.errors import Fault, InputError
from osler.genome.score import naming
from osler.genome.score.calls import Dosages
from osler.genome.score.matching import Site
from osler.genome.score.tables import read_bytes
from osler.genome.score.totals import Term, Totals
from osler.genome.score.vcf import Answerer, Header, build_of, site_of

_MALE = "1"
_MISSING = -9.0
_HASHED_BYTES = 1 << 20
_PSEUDOAUTOSOMAL = frozenset({"XY", "25", "PAR1", "PAR2"})

Floats = NDArray[np.float64]


class _Variant(NamedTuple):
    number: int
    where: tuple[str, int]
    site: Site
    haploid_in_males: bool


class Pgen:
    """A PLINK 2 file set, read once.

    Attributes
    ----------
    told : Counter
        What was doubtful, by kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.library: Any = extras.require("pgenlib", "genome")
        self.told: Counter[str] = Counter()
        self.lines = _pvar_lines(path)
        names, self.male = _people(path)
        about = [line for line in self.lines if line.startswith("##")]
        self.header = Header(names, build_of(about))

    def digest(self) -> str:
        """Return the SHA-256 of the `.pgen`."""
        found = hashlib.sha256()
        with self.path.open("rb") as file:
            for part in iter(lambda: file.read(_HASHED_BYTES), b""):
                found.update(part)
        return found.hexdigest()

    def add_to(self, totals: Totals, answerer: Answerer) -> None:
        """Add every variant that the scores ask for.

        Raises
        ------
        InputError
            If the files do not belong together, or cannot be read.
        """
        try:
            reader = self.library.PgenReader(
                str(self.path).encode(), raw_sample_ct=len(self.header.samples)
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise self.unreadable(
                "a .pgen that does not go with its .psam, or a damaged one"
            ) from error
        try:
            self._check_count(reader)
            for where, variants in groupby(self.asked(answerer), key=lambda one: one.where):
                group = list(variants)
                for variant, terms in zip(
                    group, answerer.terms(where, [one.site for one in group]), strict=True
                ):
                    if terms:
                        self.add(totals, reader, variant, terms)
        except RuntimeError as error:
            raise self.unreadable("a damaged .pgen") from error
        finally:
            reader.close()

    def unreadable(self, came: str) -> InputError:
        """Return the error for files that do not go together."""
        return InputError(Fault(str(self.path), came, "the files of one PLINK 2 data set"))

    def _check_count(self, reader: Any) -> None:
        variants = sum(1 for line in self.lines if line and not line.startswith("#"))
        if reader.get_variant_ct() != variants:
            raise self.unreadable("a .pvar with another number of variants than the .pgen")

    def add(self, totals: Totals, reader: Any, variant: _Variant, terms: Sequence[Term]) -> None:
        """Add one variant to its scores."""
        n_samples = len(self.header.samples)
        alternatives = np.empty((max(1, len(variant.site.alleles) - 1), n_samples))
        found = np.empty(n_samples, np.float32)
        for number in range(len(alternatives)):
            reader.read_dosages(variant.number, found, number + 1)
            alternatives[number] = found
        alternatives[alternatives == _MISSING] = np.nan
        ploidy = np.full(n_samples, 2.0)
        if variant.haploid_in_males:
            ploidy[self.male] = 1.0
            alternatives[:, self.male] /= 2
        haploid = variant.where[0] in naming.HAPLOID
        totals.add(Dosages(alternatives, ploidy), terms, haploid=haploid)

    def asked(self, answerer: Answerer) -> Iterator[_Variant]:
        """Yield the variants at positions that a score asks for.

        Raises
        ------
        InputError
            If a line of the `.pvar` is none.
        """
        columns = _pvar_columns(self.path, self.lines)
        number = -1
        last, tables = "", answerer.asks_for("")
        for line in self.lines:
            if line.startswith("#") or not line:
                continue
            number += 1
            cells = line.split("\t", 5)
            if cells[0] != last:
                last, name = cells[0], naming.chromosome(cells[0])
                tables = answerer.asks_for(name)
                in_males = name == "X" and last.upper() not in _PSEUDOAUTOSOMAL
            if not tables:
                continue
            try:
                position = int(cells[columns["POS"]])
                alleles = [cells[columns["REF"]], *cells[columns["ALT"]].split(",")]
            except (IndexError, ValueError):
                raise self.unreadable(
                    f"a .pvar whose variant {number + 1} cannot be read"
                ) from None
            if any(position in table for table in tables):
                yield _Variant(number, (name, position), site_of(alleles), in_males)


def _beside(path: Path, endings: Sequence[str]) -> Path:
    """Return the file of the same name with one of these endings."""
    found = [path.with_suffix(ending) for ending in endings]
    there = next((one for one in found if one.is_file()), None)
    if there is None:
        raise InputError(
            Fault(str(path), f"no {' or '.join(endings)} beside it", "the files of one data set")
        )
    return there


def _pvar_lines(path: Path) -> list[str]:
    """Return the lines of the `.pvar`, plain or compressed."""
    source = _beside(path, (".pvar", ".pvar.zst", ".pvar.gz"))
    content = read_bytes(source)
    if source.suffix == ".zst":
        content = _unpacked(source, content)
    return content.decode("utf-8", "replace").splitlines()


def _unpacked(source: Path, content: bytes) -> bytes:
    """Return what Zstandard packed."""
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(io.BytesIO(content), "zstd") as stream:
            unpacked: bytes = stream.read()
    except (OSError, ValueError) as error:
        raise InputError(
            Fault(str(source), "a file cut short or damaged", "a whole one", "fetch it again")
        ) from error
    return unpacked


def _pvar_columns(path: Path, lines: Sequence[str]) -> dict[str, int]:
    """Return which column is which; without a line of names those of a PLINK 1 `.bim` are wrong."""
    header = next((line for line in lines if line.startswith("#CHROM")), None)
    if header is None:
        raise InputError(
            Fault(
                str(path), "a .pvar without a line of column names", "a line #CHROM POS ID REF ALT"
            )
        )
    columns = {name: number for number, name in enumerate(header.split("\t"))}
    missing = [name for name in ("POS", "REF", "ALT") if columns.get(name, 9) > 4]
    if missing:
        raise InputError(
            Fault(str(path), f"a .pvar without {', '.join(missing)}", "#CHROM POS ID REF ALT")
        )
    return columns


def _people(path: Path) -> tuple[list[str], NDArray[np.bool_]]:
    """Return the samples and which of them are male.

    Raises
    ------
    InputError
        If there is no column of names, nobody, or a name twice.
    """
    source = _beside(path, (".psam",))
    rows = [
        line.split()
        for line in read_bytes(source).decode("utf-8", "replace").splitlines()
        if line.strip() and not line.startswith("##")
    ]
    header = [name.lstrip("#") for name in rows[0]] if rows and rows[0][0].startswith("#") else []
    if "IID" not in header or len(rows) < 2 or any(len(row) != len(header) for row in rows):
        raise InputError(
            Fault(str(source), "no table of people", "a line #IID … and a row for each sample")
        )
    names = [row[header.index("IID")] for row in rows[1:]]
    twice = len(names) - len(set(names))
    if twice:
        raise InputError(Fault(str(source), f"{twice} names that stand there twice", "each once"))
    sex = [row[header.index("SEX")] if "SEX" in header else "NA" for row in rows[1:]]
    return names, np.array([one in (_MALE, "M") for one in sex])
