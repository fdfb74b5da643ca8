"""Files of users are opened without trusting them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from osler.errors import InputError
from osler.sources import files
from osler.sources.files import (
    files_below,
    is_archive,
    members,
    open_binary,
    parquet_batches,
    require_file,
)

CONTENT = b"a,b\n1,2\n"


def _read(path: Path) -> bytes:
    with open_binary(path) as stream:
        return stream.read()


def _zip(path: Path, contents: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def _tar(path: Path, contents: dict[str, bytes], mode: str = "w:xz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_packings_are_told_by_content(tmp_path: Path, pack: object) -> None:
    """Plain, gzip, bzip2 and xz files open alike, whatever they are called."""
    path = tmp_path / "table"
    path.write_bytes(pack(CONTENT))  # type: ignore[operator]  # any of the four
    assert _read(path) == CONTENT


def test_zip_of_one(tmp_path: Path) -> None:
    """A zip with one file opens as that file; with two it is refused."""
    assert _read(_zip(tmp_path / "one.zip", {"in/a.csv": CONTENT})) == CONTENT
    with pytest.raises(InputError, match="zip with 2 files"):
        _read(_zip(tmp_path / "two.zip", {"a.csv": CONTENT, "b.csv": CONTENT}))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_truncated(tmp_path: Path, pack: object) -> None:
    """A packed file that was cut short is refused, not half read."""
    whole: bytes = pack(os.urandom(100_000))  # type: ignore[operator]  # any of the three
    path = tmp_path / "cut"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut: ends too early"):
        _read(path)


def test_damaged(tmp_path: Path) -> None:
    """A packed file with a changed byte is refused."""
    whole = bytearray(gzip.compress(os.urandom(10_000)))
    whole[5000] ^= 255
    path = tmp_path / "bad.gz"
    path.write_bytes(whole)
    with pytest.raises(InputError, match="cannot be read"):
        _read(path)


@pytest.mark.parametrize("packed", ["gz", "zip", "tar"])
def test_bomb(tmp_path: Path, packed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that unpacks to far more than its size is refused on the way."""
    monkeypatch.setattr(files, "RATIO_COUNTS_FROM_BYTES", 2**20)
    zeros = bytes(2**23)
    path = tmp_path / f"bomb.{packed}"
    if packed == "gz":
        path.write_bytes(gzip.compress(zeros))
    elif packed == "zip":
        _zip(path, {"a.csv": zeros})
    else:
        _tar(path, {"a.csv": zeros})
    with pytest.raises(InputError, match="unpacks to more than"):
        [member.stream.read() for member in members(path)]


def test_absolute_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file may give more than the absolute limit, packed or not."""
    monkeypatch.setattr(files, "MOST_UNPACKED_BYTES", 4)
    path = tmp_path / "a.csv"
    path.write_bytes(CONTENT)
    with pytest.raises(InputError, match="unpacks to more than"):
        _read(path)


def test_encrypted_zip(tmp_path: Path) -> None:
    """A zip with a password is refused with the remedy."""
    path = _zip(tmp_path / "a.zip", {"a.csv": CONTENT})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag in the local header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    path.write_bytes(content)
    with pytest.raises(InputError, match="encrypted"):
        _read(path)


def test_members_alike(tmp_path: Path) -> None:
    """A folder, a zip and a tar with the same files give the same members."""
    contents = {"set/1.txt": b"one", "set/2.txt": b"two", "set/.hidden.txt": b"no", "x.md": b"no"}
    folder = tmp_path / "folder"
    for name, content in contents.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    places = [folder, _zip(tmp_path / "a.zip", contents), _tar(tmp_path / "a.tar.xz", contents)]
    for place in places:
        assert is_archive(place)
        got = [(m.name, m.stream.read(), m.where) for m in members(place, (".txt",))]
        assert [(name, content) for name, content, _ in got] == [
            ("1.txt", b"one"),
            ("2.txt", b"two"),
        ]
        assert not any("1.txt" in where for _, _, where in got)


def test_truncated_tar(tmp_path: Path) -> None:
    """A tar that was cut short is refused, even when its last whole file was read."""
    whole = _tar(tmp_path / "a.tar", {"1.txt": os.urandom(2000)}, "w").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:1500])
    with pytest.raises(InputError):
        [member.stream.read() for member in members(tmp_path / "cut.tar")]
    packed = _tar(tmp_path / "a.tar.xz", {"1.txt": os.urandom(2000)}).read_bytes()
    (tmp_path / "cut.tar.xz").write_bytes(packed[:-20])
    with pytest.raises(InputError):
        [member.stream.read() for member in members(tmp_path / "cut.tar.xz")]


def test_things_that_are_no_files(tmp_path: Path) -> None:
    """A folder, a loop of links, a pipe and nothing at all are refused by name."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for name, came in [
        ("", "a folder"),
        ("loop", "cannot be reached"),
        ("pipe", "pipe"),
        ("none", "not there"),
    ]:
        with pytest.raises(InputError, match=came):
            require_file(tmp_path / name)


def test_folder_loops_end(tmp_path: Path) -> None:
    """Links that lead a folder into itself are not followed."""
    (tmp_path / "a.csv").write_bytes(CONTENT)
    (tmp_path / "again").symlink_to(tmp_path)
    assert files_below(tmp_path, (".csv",)) == [tmp_path / "a.csv"]


def test_parquet(tmp_path: Path) -> None:
    """Parquet comes in batches; what only claims to be Parquet is refused."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"a": range(10)}).write_parquet(path)
    assert [batch.height for batch in parquet_batches(path, 4)] == [4, 4, 2]
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-10])
    (tmp_path / "empty.parquet").write_bytes(b"")
    for name in ("cut.parquet", "empty.parquet"):
        with pytest.raises(InputError, match="not a readable Parquet file"):
            list(parquet_batches(tmp_path / name, 4))


def test_parquet_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text repeated for nothing is read a little at a time; too long a one is refused."""
    texts = pa.array(["x" * 10_000, "y"]).dictionary_encode()
    column = texts.take(pa.array([1] * 10 + [0] * 5000))
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": column}), path, store_schema=False)
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(files, "MOST_BATCH_TEXT_BYTES", 1_000_000)
    assert next(parquet_batches(path, 1_000_000)).height == 100
    monkeypatch.setattr(files, "MOST_TEXT_BYTES", 9_999)
    with pytest.raises(InputError, match="a text of"):
        next(parquet_batches(path, 1_000_000))


def test_zstd_says_what_to_do(tmp_path: Path) -> None:
    """A packing that the standard library cannot open comes with its remedy."""
    (tmp_path / "a.csv.zst").write_bytes(b"\x28\xb5\x2f\xfd and so on")
    with pytest.raises(InputError, match="unpack it first"):
        _read(tmp_path / "a.csv.zst")
