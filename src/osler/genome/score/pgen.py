"""Scoring PLINK 2 files (`.pgen` with `.pvar` or `.pvar.zst`, and `.psam`) through pgenlib."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, takewhile
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
from osler.genome.score.vcf import Answerer, Header, site_of
from osler.sources.vcf.header import told_in

_MALE = "1"
_MISSING = -9.0
_HASHED_BYTES = 1 << 20
# CHROM, POS, ID, REF and ALT stand first, in an order that the line of names tells.
_READ_COLUMNS = 5
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
        self.variants = _pvar(path)
        names, self.male = _people(path)
        self.header = Header(names, told_in(_about(self.variants)).build)

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
        asked, offsets = self.scan(answerer)
        try:
            reader = self.library.PgenReader(
                str(self.path).encode(),
                raw_sample_ct=len(self.header.samples),
                variant_ct=len(offsets) - 1,
                allele_idx_offsets=offsets,
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise self.unreadable(
                "a .pgen that is damaged, or has other people or variants than .psam and .pvar"
            ) from error
        try:
            for where, variants in groupby(asked, key=lambda one: one.where):
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

    def scan(self, answerer: Answerer) -> tuple[list[_Variant], NDArray[np.uintp]]:
        """Return the variants at positions that a score asks for, and where alleles begin.

        Returns
        -------
        The variants, and the running count of alleles, shape (all variants + 1,).

        Raises
        ------
        InputError
            If a line of the `.pvar` is none.
        """
        position, reference, alternative = _pvar_columns(self.path, self.variants)
        found: list[_Variant] = []
        counts: list[int] = []
        last, name, tables = b"", "", answerer.asks_for("")
        for line in io.BytesIO(self.variants):
            if line.startswith(b"#"):
                continue
            cells = line.rstrip(b"\r\n").split(b"\t", _READ_COLUMNS)
            if len(cells) < _READ_COLUMNS:
                raise self.unreadable(f"a .pvar whose variant {len(counts) + 1} is no variant")
            counts.append(2 + cells[alternative].count(b","))
            if cells[0] != last:
                last, name = cells[0], naming.chromosome(cells[0].decode("utf-8", "replace"))
                tables = answerer.asks_for(name)
            if not tables:
                continue
            at = int(cells[position]) if cells[position].isdigit() else 0
            if any(at in table for table in tables):
                alleles = [cells[reference], *cells[alternative].split(b",")]
                site = site_of([one.decode("ascii", "replace") for one in alleles])
                in_males = name == "X" and last.decode().upper() not in _PSEUDOAUTOSOMAL
                found.append(_Variant(len(counts) - 1, (name, at), site, in_males))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uintp)
        return found, offsets


def _beside(path: Path, endings: Sequence[str]) -> Path:
    """Return the file of the same name with one of these endings."""
    found = [path.with_suffix(ending) for ending in endings]
    there = next((one for one in found if one.is_file()), None)
    if there is None:
        raise InputError(
            Fault(str(path), f"no {' or '.join(endings)} beside it", "the files of one data set")
        )
    return there


def _pvar(path: Path) -> bytes:
    """Return the content of the `.pvar`, plain or compressed."""
    source = _beside(path, (".pvar", ".pvar.zst", ".pvar.gz"))
    content = read_bytes(source)
    return _unpacked(source, content) if source.suffix == ".zst" else content


def _about(content: bytes) -> list[str]:
    """Return the lines of a `.pvar` that say something of the whole."""
    about = takewhile(lambda line: line.startswith(b"##"), io.BytesIO(content))
    return [line.decode("utf-8", "replace").rstrip() for line in about]


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


def _pvar_columns(path: Path, content: bytes) -> tuple[int, int, int]:
    """Return which columns hold POS, REF and ALT.

    Raises
    ------
    InputError
        If there is no line of column names.
    """
    header = next((line for line in io.BytesIO(content) if not line.startswith(b"##")), b"")
    columns = header.decode("utf-8", "replace").rstrip().split("\t")[:_READ_COLUMNS]
    if columns[0] != "#CHROM" or not {"POS", "REF", "ALT"} <= set(columns):
        raise InputError(
            Fault(str(path), "a .pvar without column names", "a line #CHROM POS ID REF ALT")
        )
    return columns.index("POS"), columns.index("REF"), columns.index("ALT")


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
