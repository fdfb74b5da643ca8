"""The lines of a text file, unpacked beside the reading when it is blocked gzip (BGZF).

BGZF is a row of gzip members of at most 64 KiB that tell their own length, so that a thread can
open many ahead; zlib lets go of the interpreter meanwhile. An empty member ends the file.

Source: SAM/BAM specification, section 4.1, https://samtools.github.io/hts-specs/SAMv1.pdf.
"""

from __future__ import annotations

import functools
import hashlib
import io
import stat
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from osler.errors import Fault, InputError, MissingExtra
from osler.extras import require

GZIP = b"\x1f\x8b"
END_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
READ_BYTES = 1 << 20
CHUNK_BYTES = 1 << 22
MEMBERS_TOGETHER = 64
MOST_MEMBER_BYTES = 1 << 16
MEMBER_HEAD_BYTES = 18
# One opens members while the caller reads what was opened: with more, they wait for one another.
THREADS = 1
AHEAD = 4
# Longest line: 16 million samples in four letters each. A longer one is no VCF.
MOST_LINE_BYTES = 1 << 26
_WHOLE_MEMBER = 31

# The bytes that a line lies in, and where it begins and ends there.
LineSpan = tuple[bytes, int, int]


@dataclass(frozen=True)
class Stored:
    """Bytes that can be read again and again: a file, or something kept elsewhere.

    Attributes
    ----------
    where
        What messages call it.
    path
        None if it is no file.
    """

    where: str
    open: Callable[[], BinaryIO]
    path: Path | None = None

    @classmethod
    def file(cls, path: Path) -> Stored:
        """Take a plain file.

        Raises
        ------
        InputError
            If it is not there, or is none.
        """
        try:
            is_plain = stat.S_ISREG(path.stat().st_mode)
        except FileNotFoundError as error:
            raise InputError(Fault(path.name, "not there", "a file")) from error
        except (OSError, ValueError) as error:
            raise InputError(Fault(path.name, "cannot be reached", "a readable file")) from error
        if not is_plain:
            raise InputError(Fault(path.name, "a folder, pipe or device", "a plain file"))
        return cls(path.name, lambda: path.open("rb"), path)

    @classmethod
    def parts(cls, where: str, parts: Callable[[], Iterator[bytes]]) -> Stored:
        """Take what comes in parts, such as an attachment of a vault."""
        return cls(where, lambda: _stream(parts()))

    def first(self, count: int) -> bytes:
        """Return its first bytes."""
        try:
            with self.open() as stream:
                return stream.read(count)
        except OSError as error:
            raise InputError(Fault(self.where, "cannot be opened", "a readable file")) from error

    def first_unpacked(self, count: int) -> bytes:
        """Return how it begins when it is unpacked; whatever can be had of something damaged."""
        head = self.first(MOST_MEMBER_BYTES)
        if head[:2] != GZIP:
            return head[:count]
        try:
            return zlib.decompressobj(_WHOLE_MEMBER).decompress(head, count)
        except zlib.error:
            return b""

    @property
    def is_blocked(self) -> bool:
        """Whether it begins as blocked gzip does, so that it may have an index."""
        return bool(_member_bytes(self.first(MEMBER_HEAD_BYTES)))


class Lines:
    """A text read once, from its beginning: plain, gzipped or in blocked gzip.

    Attributes
    ----------
    ended_well
        False when a BGZF file lacks its end marker; known after the last line.
    cut_line
        True when the last line has no line end; known after the last line.
    digest
        SHA-256 of the file as it is stored, whole after the last line; None unless asked for.
    """

    def __init__(self, stored: Stored, *, digested: bool = False) -> None:
        self._stored = stored
        self.ended_well = True
        self.cut_line = False
        self.digest = hashlib.sha256() if digested else None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines without their ends."""
        for batch in self.batches():
            yield from batch

    def spans(self) -> Iterator[LineSpan]:
        """Yield where each line lies, without its line end; nothing is copied that need not be.

        Raises
        ------
        InputError
            If the file cannot be read, or is cut short or damaged.
        """
        rest = b""
        for chunk in self._chunks():
            start = 0
            if rest:
                start = chunk.find(b"\n") + 1
                if not start:
                    rest += chunk
                    self._check_length(len(rest))
                    continue
                line = rest + chunk[: start - 1]
                yield line, 0, len(line)
            while (end := chunk.find(b"\n", start)) >= 0:
                yield chunk, start, end
                start = end + 1
            rest = chunk[start:]
        if rest:
            self.cut_line = True
            yield rest, 0, len(rest)

    def batches(self) -> Iterator[list[bytes]]:
        """Yield lists of whole lines, without their line ends.

        Raises
        ------
        InputError
            If the file cannot be read, or is cut short or damaged.
        """
        parts: list[bytes] = []
        held = 0
        for chunk in self._chunks():
            whole, newline, tail = chunk.rpartition(b"\n")
            if not newline:
                parts.append(chunk)
                held += len(chunk)
                self._check_length(held)
                continue
            yield (b"".join([*parts, whole]) if parts else whole).split(b"\n")
            parts, held = ([tail], len(tail)) if tail else ([], 0)
        if parts:
            self.cut_line = True
            yield [b"".join(parts)]

    def _check_length(self, held: int) -> None:
        if held > MOST_LINE_BYTES:
            raise InputError(Fault(self._stored.where, "a line without end", "a text file"))

    def _chunks(self) -> Iterator[bytes]:
        """Yield the unpacked content in parts."""
        try:
            start = self._stored.first(MEMBER_HEAD_BYTES)
            with self._stored.open() as file:
                if start[:2] != GZIP:
                    yield from self._read(file, CHUNK_BYTES)
                elif _member_bytes(start):
                    yield from self._blocked(file)
                else:
                    yield from self._gzipped(file)
        except OSError as error:
            raise InputError(
                Fault(self._stored.where, "cannot be read", "a readable file")
            ) from error
        except (zlib.error, EOFError) as error:
            raise InputError(
                Fault(
                    self._stored.where,
                    "a gzip file that is cut short or damaged",
                    "a whole one",
                    "copy or download it again",
                )
            ) from error

    def _read(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        """Yield the file as it is stored, and take its digest on the way."""
        while data := file.read(size):
            if self.digest is not None:
                self.digest.update(data)
            yield data

    def _blocked(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the content of blocked gzip, opened ahead by a thread."""
        waiting: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(THREADS) as pool:
            for members in self._members(file):
                waiting.append(pool.submit(_opened, members))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _members(self, file: BinaryIO) -> Iterator[list[bytes]]:
        """Yield the members of a blocked file, several at a time."""
        held, at, last = b"", 0, b""
        found: list[bytes] = []
        for more in self._read(file, READ_BYTES):
            held, at = held[at:] + more, 0
            while len(held) - at >= MEMBER_HEAD_BYTES:
                size = _member_bytes(held[at : at + MEMBER_HEAD_BYTES])
                if not size:
                    raise EOFError
                if at + size > len(held):
                    break
                last = held[at : at + size]
                found.append(last)
                at += size
                if len(found) == MEMBERS_TOGETHER:
                    yield found
                    found = []
        if at < len(held):
            raise EOFError
        if found:
            yield found
        self.ended_well = last == END_MARKER

    def _gzipped(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the content of plain gzip, of one member or several."""
        opened = zlib.decompressobj(_WHOLE_MEMBER)
        for read in self._read(file, READ_BYTES):
            data = read
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


class _Parts(io.RawIOBase):
    """A stream of what comes in parts."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: any buffer
        while not self._held:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._held = part
        given, self._held = self._held[: len(buffer)], self._held[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def _stream(parts: Iterator[bytes]) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Parts(parts), READ_BYTES))


def _member_bytes(start: bytes) -> int:
    """Return the length of the BGZF member that starts here; 0 if none does."""
    if len(start) < MEMBER_HEAD_BYTES or start[:4] != b"\x1f\x8b\x08\x04" or start[12:14] != b"BC":
        return 0
    return int.from_bytes(start[16:18], "little") + 1


def _opened(members: list[bytes]) -> bytes:
    """Unpack members, their check sums looked at."""
    if any(int.from_bytes(one[-4:], "little") > MOST_MEMBER_BYTES for one in members):
        raise EOFError
    inflate, error = _inflater()
    try:
        return b"".join([inflate(one, _WHOLE_MEMBER, MOST_MEMBER_BYTES) for one in members])
    except error as found:
        raise EOFError from found


@functools.cache
def _inflater() -> tuple[Callable[[bytes, int, int], bytes], type[Exception]]:
    """Return what unpacks a member, and its error: ISA-L where it is installed, else zlib.

    ISA-L takes less than half the time, and most of the time of a large file is unpacking.
    """
    try:
        faster: Any = require("isal.isal_zlib", "genome")
    except MissingExtra:
        return zlib.decompress, zlib.error
    return faster.decompress, faster.error
