"""Small variant files, plain or packed in each way."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

END_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
GRCH38 = ("##contig=<ID=chr7,length=159345973>",)


def text(
    records: Sequence[str], samples: Sequence[str] = ("S1",), header: Sequence[str] = GRCH38
) -> str:
    """Return a VCF; the fields of a record are parted by blanks."""
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    columns = [*columns, *samples] if samples else columns[:8]
    lines = ["##fileformat=VCFv4.2", *header, "\t".join(columns)]
    return "\n".join([*lines, *("\t".join(one.split(" ")) for one in records)]) + "\n"


def blocked(content: bytes, block_bytes: int = 60_000, end: bool = True) -> bytes:
    """Return content in blocked gzip."""
    parts = []
    for start in range(0, len(content), block_bytes):
        data = content[start : start + block_bytes]
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush()
        head = bytes.fromhex("1f8b08040000000000ff060042430200")
        size = (len(packed) + 25).to_bytes(2, "little")
        check = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
        parts.append(head + size + packed + check)
    return b"".join(parts) + (END_MARKER if end else b"")


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "bgzip": blocked,
}


@pytest.fixture
def vcf(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a VCF and gives its path."""

    def write(
        records: Sequence[str],
        samples: Sequence[str] = ("S1",),
        header: Sequence[str] = GRCH38,
        packing: str = "plain",
        name: str = "a.vcf",
    ) -> Path:
        path = tmp_path / name
        path.write_bytes(PACKINGS[packing](text(records, samples, header).encode()))
        return path

    return write


@pytest.fixture(params=sorted(PACKINGS))
def packing(request: pytest.FixtureRequest) -> str:
    """Each way to pack a file in turn."""
    return str(request.param)


@pytest.fixture
def blocked_gzip() -> Callable[..., bytes]:
    """Return the function that packs bytes in blocked gzip."""
    return blocked
