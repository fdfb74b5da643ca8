"""Attachments: authenticated streams bound to their subject and name."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.errors import Damaged, InputError
from osler.vault import streams

KEY = b"k" * 32


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        """Return at most a thousand bytes."""
        return self._inner.read(min(size, 1000))


@settings(max_examples=20, deadline=None)
@given(
    size=st.sampled_from([0, 1, 2, 3])
    | st.integers(streams.CHUNK_BYTES - 2, streams.CHUNK_BYTES + 2)
    | st.integers(2 * streams.CHUNK_BYTES - 1, 2 * streams.CHUNK_BYTES + 1)
)
def test_streams_of_any_length_come_back(tmp_path_factory, size: int) -> None:
    """Lengths around the borders of a chunk come back byte for byte."""
    path, content = tmp_path_factory.mktemp("stream") / "file", os.urandom(size)
    streams.write_stream(path, Dribble(content), KEY, b"bound")
    assert b"".join(streams.read_stream(path, KEY, b"bound", name="file")) == content


@pytest.mark.parametrize("harm", ["cut chunk", "cut byte", "swap", "repeat", "append", "empty"])
def test_streams_whose_parts_move_are_refused(tmp_path: Path, harm: str) -> None:
    """No chunk can be cut off, swapped, repeated or added."""
    path, size = tmp_path / "file", streams.SEALED_CHUNK_BYTES
    streams.write_stream(path, io.BytesIO(os.urandom(3 * streams.CHUNK_BYTES)), KEY, b"bound")
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut chunk": whole[: 2 * size],
            "cut byte": whole[:-1],
            "swap": whole[size : 2 * size] + whole[:size] + whole[2 * size :],
            "repeat": whole[:size] + whole,
            "append": whole + b"x",
            "empty": b"",
        }[harm]
    )
    with pytest.raises(Damaged):
        list(streams.read_stream(path, KEY, b"bound", name="file"))


def test_attachments_are_listed_and_read(filled) -> None:
    """A subject's attachment comes back under its name; another subject has none."""
    vault = filled.open()
    assert vault.attachments(5) == ["scan.dcm"]
    assert vault.attachments(6) == []
    assert b"".join(vault.attachment(5, "scan.dcm")) == b"pixel" * 1000
    for subject, name in ((6, "scan.dcm"), (5, "other")):
        with pytest.raises(InputError, match="no such name"):
            vault.attachment(subject, name)


def test_a_name_is_used_once_for_each_subject(filled) -> None:
    """A second attachment of the same name is refused and the load with it."""
    vault = filled.open()

    def twice() -> None:
        with vault.loading("images", "02") as session:
            assert session.attach(6, "scan.dcm", io.BytesIO(b"a"))
            session.attach(5, "scan.dcm", io.BytesIO(b"b"))

    with pytest.raises(InputError, match="already"):
        twice()
    assert vault.attachments(6) == []
    assert filled.verify().sound


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201])
def test_unusable_names_are_refused(filled, name: str) -> None:
    """A name is one printable line."""
    with pytest.raises(InputError, match="name"), filled.open().loading("i", "02") as session:
        session.attach(5, name, io.BytesIO(b"a"))


def test_a_subject_with_only_an_attachment_is_a_subject(place) -> None:
    """Someone of whom there is only an image is counted, and can be erased."""
    vault = place.init()
    with vault.loading("images", "02") as session:
        session.attach(9, "scan", io.BytesIO(b"a"))
    assert vault.info().subjects == 1
    assert vault.erase(9).attachments_erased == 1
    assert vault.info().subjects == 0


def test_streams_that_break_leave_nothing(filled) -> None:
    """When the source of an attachment fails, the load fails and no part of it stays."""

    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionError

    def broken_load() -> None:
        with filled.open().loading("images", "02") as session:
            session.attach(6, "a", io.BytesIO(b"whole"))
            session.attach(6, "b", Broken())

    files = filled.files()
    with pytest.raises(ConnectionError):
        broken_load()
    assert filled.files() == files
