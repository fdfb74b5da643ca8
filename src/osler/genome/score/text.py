"""The lines of a text file, decompressed beside the reading when it is blocked gzip (BGZF).

BGZF is a row of gzip members of at most 64 KiB that tell their own length (SAM/BAM specification,
section 4.1), so that a thread can open many ahead. zlib lets go of the interpreter meanwhile.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from osler.errors import Fault, InputError, MissingExtra
from osler.extras import require

GZIP = b"\x1f\x8b"
# The empty member that ends every BGZF file.
END_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
MEMBER_HEAD_BYTES = 18
READ_BYTES = 1 << 20
CHUNK_BYTES = 1 << 22
MEMBERS_TOGETHER = 64
MOST_MEMBER_BYTES = 1 << 16
# One opens members while the caller reads what was opened: with more, they wait for one another.
THREADS = 1
AHEAD = 4
_WHOLE_MEMBER = 31
# Longest line: 16 million samples in four letters each. A longer one is no VCF.
MOST_LINE_BYTES = 1 << 26

# The bytes that a line lies in, and where it begins and ends there.
Line = tuple[bytes, int, int]


class Stored(Protocol):
    """Bytes kept elsewhere than in a file of their own, such as `osler.sources.vcf.Stored`."""

    @property
    def where(self) -> str:
        """Return what messages call it."""
        ...

    @property
    def open(self) -> Callable[[], BinaryIO]:
        """Return what opens it, from its beginning."""
        ...


Source = Path | Stored


class Text:
    """A text, plain, gzipped or in blocked gzip: a file, or kept elsewhere.

    Attributes
    ----------
    ended_well
        False when a BGZF file lacks its end marker, known after the last line.
    digest
        SHA-256 of the file as it lies on the disk, whole after the last line.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.where, self.ended_well = source, where(source), True
        self.digest = hashlib.sha256()

    def lines(self) -> Iterator[Line]:
        """Yield where each line lies, without its line end; nothing is copied that need not be.

        Raises
        ------
        InputError
            If the file cannot be read, or is cut short or damaged.
        """
        rest = b""
        for chunk in self.chunks():
            start = 0
            if rest:
                start = chunk.find(b"\n") + 1
                if not start:
                    rest = self.longer(rest, chunk)
                    continue
                line = rest + chunk[: start - 1]
                yield line, 0, len(line)
            while (end := chunk.find(b"\n", start)) >= 0:
                yield chunk, start, end
                start = end + 1
            rest = chunk[start:]
        if rest:
            yield rest, 0, len(rest)

    def longer(self, rest: bytes, chunk: bytes) -> bytes:
        """Return a line that goes on; refuse one that never ends."""
        if len(rest) > MOST_LINE_BYTES:
            raise InputError(Fault(self.where, "a line without end", "a text file"))
        return rest + chunk

    def chunks(self) -> Iterator[bytes]:
        """Yield the decompressed content in parts."""
        try:
            start = first_of(self.source, MEMBER_HEAD_BYTES)
            with opened(self.source) as file:
                if start[:2] != GZIP:
                    yield from self.read(file, CHUNK_BYTES)
                elif _member_size(start):
                    yield from self.blocked(file)
                else:
                    yield from self.gzipped(file)
        except OSError as error:
            raise InputError(
                Fault(self.where, error.strerror or "unreadable", "a file that can be read")
            ) from error
        except (zlib.error, EOFError) as error:
            raise self.damaged() from error

    def read(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        """Yield the file as it lies there, and take its digest on the way."""
        for data in iter(lambda: file.read(size), b""):
            self.digest.update(data)
            yield data

    def damaged(self) -> InputError:
        """Return the error for a file that does not decompress to its end."""
        return InputError(
            Fault(self.where, "a gzip file cut short or damaged", "a whole one", "fetch it again")
        )

    def blocked(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the content of blocked gzip, opened ahead by a thread."""
        waiting: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(THREADS) as pool:
            for members in self.members(file):
                waiting.append(pool.submit(_open, members))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def members(self, file: BinaryIO) -> Iterator[list[bytes]]:
        """Yield the members of a blocked file, several at a time."""
        held, at, found = b"", 0, []
        last = b""
        parts = self.read(file, READ_BYTES)
        while True:
            size = _member_size(held[at : at + MEMBER_HEAD_BYTES])
            if size and at + size <= len(held):
                last = held[at : at + size]
                found.append(last)
                at += size
                if len(found) == MEMBERS_TOGETHER:
                    yield found
                    found = []
                continue
            if not size and at + MEMBER_HEAD_BYTES <= len(held):
                raise EOFError
            more = next(parts, b"")
            if not more:
                break
            held, at = held[at:] + more, 0
        if at < len(held):
            raise EOFError
        if found:
            yield found
        self.ended_well = last == END_MARKER

    def gzipped(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the content of plain gzip, of one member or several."""
        opened = zlib.decompressobj(_WHOLE_MEMBER)
        for data in self.read(file, READ_BYTES):
            while data:
                text = opened.decompress(data, CHUNK_BYTES)
                data = opened.unconsumed_tail
                if text:
                    yield text
                if opened.eof:
                    data = opened.unused_data.lstrip(b"\0")
                    if data:
                        opened = zlib.decompressobj(_WHOLE_MEMBER)
        if not opened.eof:
            raise EOFError


def where(source: Source) -> str:
    """Return what messages call a source."""
    return str(source) if isinstance(source, Path) else source.where


def opened(source: Source) -> BinaryIO:
    """Open a source from its beginning."""
    return source.open("rb") if isinstance(source, Path) else source.open()


def first_of(source: Source, count: int) -> bytes:
    """Return the first bytes as they are stored."""
    with opened(source) as file:
        return file.read(count)


def first_bytes(source: Source, count: int) -> bytes:
    """Return how the content begins, decompressed; nothing if it cannot be read."""
    try:
        start = first_of(source, MOST_MEMBER_BYTES)
        if start[:2] != GZIP:
            return start[:count]
        return zlib.decompressobj(_WHOLE_MEMBER).decompress(start, count)
    except (OSError, zlib.error):
        return b""


def _member_size(start: bytes) -> int:
    """Return the length in bytes of the BGZF member that starts here; 0 if none does."""
    if len(start) < MEMBER_HEAD_BYTES or start[:4] != b"\x1f\x8b\x08\x04" or start[12:14] != b"BC":
        return 0
    return int.from_bytes(start[16:18], "little") + 1


def _open(members: list[bytes]) -> bytes:
    """Decompress members, their check sums looked at."""
    if any(int.from_bytes(one[-4:], "little") > MOST_MEMBER_BYTES for one in members):
        raise EOFError
    inflate, error = _inflater()
    try:
        return b"".join([inflate(one, _WHOLE_MEMBER, MOST_MEMBER_BYTES) for one in members])
    except error as found:
        raise EOFError from found


@functools.cache
def _inflater() -> tuple[Callable[[bytes, int, int], bytes], type[Exception]]:
    """Return what decompresses a member, and its error: ISA-L where it is installed, else zlib.

    ISA-L takes less than half the time, and most of the time of a large file is decompression.
    """
    try:
        faster: Any = require("isal.isal_zlib", "genome")
    except MissingExtra:
        return zlib.decompress, zlib.error
    return faster.decompress, faster.error
