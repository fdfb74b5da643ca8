"""What a VCF says of itself before its first record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from osler.errors import Fault, InputError
from osler.sources.vcf.build import Contig, Told, chromosome_name, told_by

FIXED_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
FIRST_SAMPLE = 9
MOST_HEADER_LINES = 2_000_000

_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,]*)')
_NAMING_LINES = ("##reference=", "##assembly=", "##genome", "##new_reference=", "##VEP=")
_BLOCK_LINES = ("##GVCFBlock", "##ALT=<ID=NON_REF", "##INFO=<ID=BLOCKAVG", "##source=DRAGEN_gvcf")


@dataclass(frozen=True)
class Header:
    """A VCF's header.

    Attributes
    ----------
    samples
        In the order of the columns; empty for a file of sites.
    told
        The genome build, and by what it was told.
    blocks
        It announces blocks of reference (gVCF).
    lines
        As they are, without line ends, the line of column names included.
    """

    samples: tuple[str, ...]
    contigs: tuple[Contig, ...]
    told: Told
    blocks: bool
    lines: tuple[bytes, ...]


def parse_header(lines: Sequence[bytes], where: str) -> Header:
    """Read a header whose last line has the names of the columns.

    Raises
    ------
    InputError
        If a column is missing, or a sample is named twice.
    """
    about = [line.decode("utf-8", "replace").rstrip("\r") for line in lines]
    contigs = _contigs(about)
    return Header(
        _samples(about[-1], where),
        contigs,
        told_by(contigs, _naming(about)),
        any(line.startswith(_BLOCK_LINES) for line in about),
        tuple(line.rstrip(b"\r") for line in lines),
    )


def told_in(about: Sequence[str]) -> Told:
    """Return the genome build that the lines of a header tell, in whatever format they stand."""
    return told_by(_contigs(about), _naming(about))


def _contigs(about: Sequence[str]) -> tuple[Contig, ...]:
    return tuple(_contig(line) for line in about if line.startswith("##contig="))


def _naming(about: Sequence[str]) -> list[str]:
    return [line for line in about if line.startswith(_NAMING_LINES)]


def _contig(line: str) -> Contig:
    inside = line.rstrip().removesuffix(">").removeprefix("##contig=<")
    fields = {key: value.strip('"') for key, value in _FIELD.findall(inside)}
    length = fields.get("length", "")
    return Contig(
        chromosome_name(fields.get("ID", "")),
        int(length) if length.isdigit() and len(length) < 12 else None,
        fields.get("assembly"),
    )


def _samples(line: str, where: str) -> tuple[str, ...]:
    columns = line.split("\t")
    if tuple(columns[: len(FIXED_COLUMNS)]) != FIXED_COLUMNS:
        remedy = "columns are parted by tabs" if "\t" not in line else ""
        raise InputError(
            Fault(f"{where}, line #CHROM", "other columns", "\\t".join(FIXED_COLUMNS), remedy)
        )
    samples = tuple(columns[FIRST_SAMPLE:])
    twice = sum(count > 1 for count in Counter(samples).values())
    if twice:
        raise InputError(
            Fault(f"{where}, line #CHROM", f"{twice} sample names that stand twice", "each once")
        )
    if any(not name.strip() for name in samples):
        raise InputError(Fault(f"{where}, line #CHROM", "a sample without a name", "a name each"))
    return samples
