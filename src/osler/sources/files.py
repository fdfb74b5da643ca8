"""Opening the user's files without trusting them: packed, cut short, oversized or not files at all.

Whatever is wrong with a file as a file is an `InputError` that names the file, never what is in
it. Members of an archive are named by their place in it, because a file named after a patient is
an identifier.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from osler.errors import Fault, InputError

# Tables of clinical text pack 5 to 30 to 1; deflate cannot pass 1032 to 1. Beyond 250 a file was
# made to be large. Small files may be as regular as they like.
MOST_UNPACKED_PER_PACKED = 250
RATIO_COUNTS_FROM_BYTES = 64 * 2**20
# Above any table known to us (MIMIC-IV chartevents is 30 GB), below any disk this would fill.
MOST_UNPACKED_BYTES = 512 * 2**30
# PhysioNet 2012 has 4,000 files in an archive; a million is a patient per file of a large region.
MOST_MEMBERS = 1_000_000
BUFFER_BYTES = 2**20
# The longest hospital course is a few megabytes of text.
MOST_TEXT_BYTES = 64 * 2**20
MOST_BATCH_TEXT_BYTES = 2 * 2**30

GZIP, BZIP2, XZ, ZIP, ZSTD, PARQUET = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"PK\x03\x04",
    b"\x28\xb5\x2f\xfd",
    b"PAR1",
)
_UNPACKERS: dict[bytes, Callable[..., Any]] = {GZIP: gzip.open, BZIP2: bz2.open, XZ: lzma.open}
_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)


@dataclass(frozen=True)
class Member:
    """One file of a folder or archive.

    Parameters
    ----------
    name
        Its name without folders; may be a patient's identifier, so it goes into no message.
    where
        What messages call it: its place in the folder or archive.
    stream
        Its content, unpacked; to be read before the next member is asked for.
    """

    name: str
    where: str
    stream: BinaryIO


class _Bounded(io.RawIOBase):
    """Passes on what a stream gives until it gives too much, and says plainly when it breaks."""

    def __init__(self, inner: IO[bytes], where: str, packed_bytes: int | None) -> None:
        self._inner = inner
        self._where = where
        self._given = 0
        self._most = MOST_UNPACKED_BYTES
        if packed_bytes is not None:
            ratio_bound = max(RATIO_COUNTS_FROM_BYTES, packed_bytes * MOST_UNPACKED_PER_PACKED)
            self._most = min(self._most, ratio_bound)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: any buffer
        try:
            data = self._inner.read(len(buffer))
        except _BROKEN as error:
            raise InputError(_broken(self._where, error)) from error
        self._given += len(data)
        if self._given > self._most:
            raise InputError(
                Fault(
                    self._where,
                    f"unpacks to more than {self._most // 2**20} MiB",
                    f"at most {MOST_UNPACKED_PER_PACKED} times its packed size",
                    "unpack it yourself if it is sound, and give the unpacked file",
                )
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


def _broken(where: str, error: BaseException) -> Fault:
    cut = isinstance(error, EOFError) or "end" in str(error).lower()
    came = "ends too early" if cut else "cannot be read or unpacked"
    return Fault(where, came, "a whole, readable file", "copy or download it again")


def _buffered(inner: IO[bytes], where: str, packed_bytes: int | None) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Bounded(inner, where, packed_bytes), BUFFER_BYTES))


def require_file(path: Path) -> Path:
    """Return the path if a plain file is there.

    Raises
    ------
    InputError
        If nothing is there, or a folder, a loop of links, a pipe or a device.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(Fault(path.name, "not there", "a file")) from error
    except (OSError, ValueError) as error:
        raise InputError(Fault(path.name, "cannot be reached", "a readable file")) from error
    if stat.S_ISDIR(mode):
        raise InputError(Fault(path.name, "a folder", "a file"))
    if not stat.S_ISREG(mode):
        raise InputError(Fault(path.name, "a pipe or device", "a plain file"))
    return path


def first_bytes(path: Path, count: int = 8) -> bytes:
    """Return the first bytes of a plain file, by which its kind is told.

    Raises
    ------
    InputError
        If it is not a readable file.
    """
    require_file(path)
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise InputError(Fault(path.name, "cannot be opened", "a readable file")) from error


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """Open a file, unpacked if its first bytes say gzip, bzip2, xz or a zip of one file.

    Raises
    ------
    InputError
        If it is no readable file, unpacks to far too much, or (on reading) ends too early.
    """
    head = first_bytes(path)
    size = path.stat().st_size
    with path.open("rb") as raw:
        if head.startswith(ZIP):
            with _zip(raw, path.name) as archive:
                infos = _zip_members(archive, path.name)
                if len(infos) != 1:
                    came = f"a zip with {len(infos)} files"
                    raise InputError(Fault(path.name, came, "a zip with one file"))
                with _open_zipped(archive, infos[0], path.name) as stream:
                    yield stream
        else:
            with unpacked(raw, path.name, size) as stream:
                yield stream


@contextmanager
def unpacked(raw: BinaryIO, where: str, packed_bytes: int) -> Iterator[BinaryIO]:
    """Wrap a seekable stream so that gzip, bzip2 and xz are unpacked within the limits."""
    head = raw.read(8)
    raw.seek(0)
    if head.startswith(ZSTD):
        remedy = "unpack it first (zstd -d) and give the unpacked file"
        raise InputError(Fault(where, "packed with zstd", "plain, gzip, bzip2, xz or zip", remedy))
    for magic, unpacker in _UNPACKERS.items():
        if head.startswith(magic):
            inner = cast(IO[bytes], unpacker(raw, "rb"))
            with _buffered(inner, where, packed_bytes) as stream:
                yield stream
            return
    with _buffered(raw, where, None) as stream:
        yield stream


def files_below(path: Path, suffixes: tuple[str, ...] = ()) -> list[Path]:
    """Return the plain files in a folder and its folders, sorted; links to folders not followed.

    Parameters
    ----------
    suffixes
        Endings that count, such as `.csv` and `.csv.gz`, in any case; all files when empty.
        Hidden files never count.
    """
    found = []
    for folder, subfolders, names in os.walk(path, followlinks=False):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            file = Path(folder) / name
            counts = not name.startswith(".") and (not suffixes or name.lower().endswith(suffixes))
            if counts and file.is_file():
                found.append(file)
    return sorted(found)


def members(path: Path, suffixes: tuple[str, ...] = ()) -> Iterator[Member]:
    """Yield the files of a folder, a zip or a tar (packed or not); a single file yields itself.

    Nothing is written to disk, so no name in an archive can lead anywhere.

    Raises
    ------
    InputError
        If the archive is damaged, encrypted, sparse, or has over a million files.
    """
    if path.is_dir():
        for number, file in enumerate(files_below(path, suffixes), start=1):
            with open_binary(file) as stream:
                yield Member(file.name, f"file {number} of {path.name}", stream)
        return
    if first_bytes(path).startswith(ZIP):
        yield from _members_of_zip(path, suffixes)
    elif is_tar(path):
        yield from _members_of_tar(path, suffixes)
    else:
        with open_binary(path) as stream:
            yield Member(path.name, path.name, stream)


def is_tar(path: Path) -> bool:
    """Say whether the file, unpacked, begins like a tar archive (POSIX 1003.1 `ustar` magic)."""
    with path.open("rb") as raw, unpacked(raw, path.name, path.stat().st_size) as stream:
        block = stream.read(512)
    return block[257:262] == b"ustar"


def is_archive(path: Path) -> bool:
    """Say whether the path is a folder, a zip or a tar: something that holds files."""
    return path.is_dir() or first_bytes(path).startswith(ZIP) or is_tar(path)


def _counts(name: str, suffixes: tuple[str, ...]) -> bool:
    plain = PurePosixPath(name).name
    hidden = plain.startswith(".") or name.startswith("__MACOSX/")
    return not hidden and (not suffixes or plain.lower().endswith(suffixes))


def _too_many(where: str) -> InputError:
    return InputError(Fault(where, f"more than {MOST_MEMBERS} files", "fewer files in one archive"))


@contextmanager
def _zip(raw: BinaryIO, where: str) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(raw)
    except _BROKEN as error:
        raise InputError(_broken(where, error)) from error
    with archive:
        yield archive


def _zip_members(
    archive: zipfile.ZipFile, where: str, suffixes: tuple[str, ...] = ()
) -> list[zipfile.ZipInfo]:
    infos = [i for i in archive.infolist() if not i.is_dir() and _counts(i.filename, suffixes)]
    if len(infos) > MOST_MEMBERS:
        raise _too_many(where)
    return infos


def _open_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> BinaryIO:
    encrypted = 0x1
    if info.flag_bits & encrypted:
        raise InputError(Fault(where, "encrypted", "a zip without a password", "unpack it first"))
    try:
        inner = archive.open(info)
    except (*_BROKEN, NotImplementedError) as error:
        raise InputError(_broken(where, error)) from error
    return _buffered(inner, where, info.compress_size)


def _members_of_zip(path: Path, suffixes: tuple[str, ...]) -> Iterator[Member]:
    with path.open("rb") as raw, _zip(raw, path.name) as archive:
        # The bound of each member is that of its own size; together that of the whole file.
        declared = sum(info.file_size for info in archive.infolist())
        bound = max(RATIO_COUNTS_FROM_BYTES, path.stat().st_size * MOST_UNPACKED_PER_PACKED)
        if declared > bound:
            came = f"unpacks to more than {bound // 2**20} MiB"
            expected = f"at most {MOST_UNPACKED_PER_PACKED} times its packed size"
            raise InputError(Fault(path.name, came, expected))
        for number, info in enumerate(_zip_members(archive, path.name, suffixes), start=1):
            where = f"file {number} of {path.name}"
            with _open_zipped(archive, info, where) as stream:
                yield Member(PurePosixPath(info.filename).name, where, stream)


def _members_of_tar(path: Path, suffixes: tuple[str, ...]) -> Iterator[Member]:
    with path.open("rb") as raw, unpacked(raw, path.name, path.stat().st_size) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                yield from _tarred(archive, path.name, suffixes)
        except tarfile.TarError as error:
            raise InputError(_broken(path.name, error)) from error
        while stream.read(BUFFER_BYTES):
            pass  # to the end, so that the check sums of the packing are looked at


def _tarred(archive: tarfile.TarFile, where: str, suffixes: tuple[str, ...]) -> Iterator[Member]:
    number = 0
    while (info := archive.next()) is not None:
        # tarfile keeps every member that it has passed: memory without bound.
        cast(Any, archive).members.clear()
        if not info.isreg() or not _counts(info.name, suffixes):
            continue
        number += 1
        if number > MOST_MEMBERS:
            raise _too_many(where)
        own = f"file {number} of {where}"
        if info.issparse():
            raise InputError(Fault(own, "a sparse file", "a plain file"))
        inner = archive.extractfile(info)
        if inner is not None:
            yield Member(PurePosixPath(info.name).name, own, _buffered(inner, own, None))


def parquet_batches(
    path: Path, batch_rows: int, columns: list[str] | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the rows of a Parquet file, at most `batch_rows` at a time.

    Raises
    ------
    InputError
        If it is not Parquet, is encrypted, or is damaged.
    """
    file = open_parquet(path)
    try:
        rows_at_once = min(batch_rows, _rows_that_fit(path))
        with file:
            for batch in file.iter_batches(batch_size=rows_at_once, columns=columns):
                frame = pl.from_arrow(batch)
                if isinstance(frame, pl.DataFrame) and frame.height:
                    yield frame
    except (pa.ArrowException, OSError) as error:
        raise InputError(_broken(path.name, error)) from error


def _rows_that_fit(path: Path) -> int:
    """Return how many rows fit into memory if each holds the longest text of a dictionary.

    Parquet stores a text once and repeats it for next to nothing: a few kilobytes can be
    terabytes. The first row of a row group brings its whole dictionary, so its longest text is
    known before the column is unfolded.
    """
    longest = 1
    with pq.ParquetFile(path) as file:
        columns = (file.schema.column(number) for number in range(len(file.schema)))
        texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
        groups = range(file.num_row_groups) if texts else range(0)
    with pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False) as file:
        for group in groups:
            first = next(file.iter_batches(1, row_groups=[group], columns=texts), None)
            arrays = first.columns if first is not None else []
            longest = max([longest, *(_longest_text(array) for array in arrays)])
    if longest > MOST_TEXT_BYTES:
        came = f"a text of {longest // 2**20} MiB"
        raise InputError(Fault(path.name, came, f"at most {MOST_TEXT_BYTES // 2**20} MiB"))
    return max(1, MOST_BATCH_TEXT_BYTES // longest)


def _longest_text(array: pa.Array) -> int:
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        array = array.values
    if not pa.types.is_dictionary(array.type) or not len(array.dictionary):
        return 0
    if not _is_text(array.type.value_type):
        return 0
    return int(pc.max(pc.binary_length(array.dictionary)).as_py() or 0)


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
    return any(test(kind) for test in tests)


def open_parquet(path: Path, where: str | None = None) -> pq.ParquetFile:
    """Open a Parquet file and read its footer; `where` is what messages call it.

    Raises
    ------
    InputError
        If it is no readable Parquet file.
    """
    require_file(path)
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        fault = Fault(where or path.name, "not a readable Parquet file", "Parquet")
        raise InputError(fault) from error


def is_parquet(path: Path) -> bool:
    """Say whether a file begins as Parquet does."""
    return first_bytes(path, 4) == PARQUET


def parquet_columns(path: Path) -> list[str]:
    """Return the names of a Parquet file's columns."""
    with open_parquet(path) as file:
        return list(file.schema_arrow.names)
