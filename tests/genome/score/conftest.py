"""Builders of small files of genotypes and weights."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

END_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
CONTIGS = "##contig=<ID=1,length=248956422>\n##contig=<ID=X,length=156040895>\n"
COLUMNS = ("chr_name", "chr_position", "effect_allele", "other_allele", "effect_weight")

WriteVcf = Callable[..., Path]
WriteWeights = Callable[..., Path]


def blocked(content: bytes, size: int = 200) -> bytes:
    """Return content in blocked gzip, members of `size` bytes of it each, with the end marker."""
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    return b"".join(map(_member, parts)) + END_MARKER


def _member(content: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(content) + packer.flush()
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(body) + 25)
    return head + body + struct.pack("<II", zlib.crc32(content), len(content))


def vcf_text(
    records: Sequence[str], samples: Sequence[str] = ("A", "B"), about: str = CONTIGS
) -> str:
    """Return a VCF; a record is `CHROM POS REF ALT FORMAT genotype …`, separated by blanks."""
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    lines = [f"##fileformat=VCFv4.3\n{about}" + "\t".join(head)]
    for record in records:
        chromosome, position, reference, alternative, *rest = record.split()
        fixed = [chromosome, position, ".", reference, alternative, ".", "PASS", "."]
        lines.append("\t".join([*fixed, *rest]))
    return "\n".join(lines) + "\n"


@pytest.fixture
def write_vcf(tmp_path: Path) -> WriteVcf:
    """Write a VCF, in blocked gzip if its name ends in `.gz`."""

    def write(
        records: Sequence[str],
        samples: Sequence[str] = ("A", "B"),
        about: str = CONTIGS,
        name: str = "people.vcf",
    ) -> Path:
        content = vcf_text(records, samples, about).encode()
        path = tmp_path / name
        path.write_bytes(blocked(content) if name.endswith(".gz") else content)
        return path

    return write


@pytest.fixture
def write_weights(tmp_path: Path) -> WriteWeights:
    """Write a scoring file; a row is its fields separated by blanks, `-` for an empty one."""

    def write(
        rows: Sequence[str],
        columns: Sequence[str] = COLUMNS,
        about: Sequence[str] = ("#genome_build=GRCh38",),
        name: str = "score.txt",
    ) -> Path:
        fields = ["\t".join("" if one == "-" else one for one in row.split()) for row in rows]
        path = tmp_path / name
        path.write_text("\n".join([*about, "\t".join(columns), *fields]) + "\n", "utf-8")
        return path

    return write
