"""Tampering: no bit of any file can change, move, come back or go without being found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from osler.errors import Damaged, KeyUnavailable
from osler.vault import Key, manifest


def flipped(content: bytes, position: int) -> bytes:
    """Return bytes with one bit turned."""
    byte, bit = divmod(position, 8)
    return content[:byte] + bytes([content[byte] ^ 1 << bit]) + content[byte + 1 :]


def test_every_flipped_bit_is_found(filled) -> None:
    """In every file, a flipped bit at the start, the end and in between is found."""
    filled.load(filled.people(*range(10, 30)), "02")
    rng = np.random.default_rng(0)
    for path in filled.files():
        whole = path.read_bytes()
        if not whole:
            continue
        bits = len(whole) * 8
        for position in {0, 7, bits - 8, bits - 1, *rng.integers(0, bits, 8).tolist()}:
            path.write_bytes(flipped(whole, position))
            assert filled.verify().faults, (path, position)
        path.write_bytes(whole)
    assert filled.verify().sound


def test_every_flipped_bit_of_the_manifest_is_refused_by_reading(filled) -> None:
    """No bit of the manifest can turn without the vault refusing to open."""
    path = filled.path / "manifest"
    whole = path.read_bytes()
    line = whole.index(b"\n") + 1
    for position in [*range(0, line * 8, 3), *range(line * 8, len(whole) * 8, 97)]:
        path.write_bytes(flipped(whole, position))
        with pytest.raises((Damaged, KeyUnavailable)):
            filled.open()


def test_flipped_bits_of_data_are_refused_by_reading(filled) -> None:
    """Reading a segment or an attachment that was changed gives an error and no data."""
    vault = filled.open()
    for path in [one for one in filled.files() if "shards" in one.parts]:
        whole, shard = path.read_bytes(), int(path.parent.name)
        subject = vault.shard_events(shard)["subject_id"][0]
        path.write_bytes(flipped(whole, len(whole) * 4))
        with pytest.raises(Damaged, match="shards"):
            vault.shard_events(shard)
        with pytest.raises(Damaged, match="shards"):
            vault.subject_events(subject)
        path.write_bytes(whole)
    (scan,) = (filled.path / "attachments").iterdir()
    scan.write_bytes(flipped(scan.read_bytes(), 800))
    with pytest.raises(Damaged, match="attachments"):
        list(vault.attachment(5, "scan.dcm"))


def test_every_removed_or_cut_file_is_found(filled) -> None:
    """No file that holds anything can go, be cut, be emptied or grow unseen."""
    for path in filled.files():
        whole = path.read_bytes()
        if not whole:
            continue
        for content in (None, b"", whole[:-1], whole[: len(whole) // 2], whole + b"\0"):
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            if path.name != "ledger" or content is None or len(content) < len(whole):
                assert filled.verify().faults, path
            path.write_bytes(whole)
    assert filled.verify().sound


def test_swapped_files_are_found(filled) -> None:
    """Two segments, or the two tables, in each other's place are found and not read."""
    vault = filled.open()
    for folder in ("shards", "tables"):
        one, two = sorted(path for path in filled.files() if folder in path.parts)[:2]
        first, second = one.read_bytes(), two.read_bytes()
        one.write_bytes(second)
        two.write_bytes(first)
        assert len(filled.verify().faults) == 2
        with pytest.raises(Damaged):
            [vault.shard_events(shard) for shard in vault.shard_ids()] and vault.codes()
        one.write_bytes(first)
        two.write_bytes(second)
    assert filled.verify().sound


def test_a_replayed_manifest_is_found_without_a_head(filled) -> None:
    """The manifest of an earlier generation, with all its files there, is refused."""
    old = {path: path.read_bytes() for path in filled.files() if path.name != "ledger"}
    filled.load(filled.people(99), "02")
    shutil.rmtree(filled.heads)
    for path, content in old.items():
        path.write_bytes(content)
    assert "rolled back" in filled.verify().faults[0]
    with pytest.raises(Damaged, match="rolled back"):
        filled.open()


def test_files_of_another_vault_do_not_fit(filled, make) -> None:
    """A manifest, a ledger or a segment of another vault with the same key is refused."""
    other = make("other")
    other.load(other.people(*range(1, 21)), vault=other.init(), scan_of=5)
    for name in ("ledger", "manifest"):
        whole = (filled.path / name).read_bytes()
        shutil.copyfile(other.path / name, filled.path / name)
        assert not filled.verify().sound
        with pytest.raises(Damaged):
            filled.open()
        (filled.path / name).write_bytes(whole)


def test_a_retired_file_is_still_authenticated(filled) -> None:
    """Files kept for readers of the generation before are checked as well."""
    before = set(filled.files())
    filled.load(filled.people(99), "02")
    (retired, *_) = sorted(path for path in before & set(filled.files()) if "tables" in path.parts)
    retired.write_bytes(flipped(retired.read_bytes(), 99))
    assert filled.verify().faults == (
        f"tables/{retired.name}: it is not the file that the manifest names",
    )
    retired.unlink()
    assert not filled.verify().sound


def test_a_lock_that_holds_bytes_is_found(filled) -> None:
    """Lock files are empty, so that there is nothing in the vault that nobody checks."""
    (filled.path / "locks" / "writer").write_bytes(b"x")
    assert "lock" in filled.verify().faults[0]


def test_files_that_nothing_refers_to_are_ignored_and_cleared(filled) -> None:
    """What a crash left, or someone put there, is never read, and the next writer clears it."""
    strays = [
        filled.path / "shards" / "000" / "0123.parquet",
        filled.path / "keys" / "0123.json",
        filled.path / "manifest.tmp-0123",
        filled.path / "attachments" / "0123",
    ]
    for stray in strays:
        stray.write_bytes(b"stray")
    assert filled.verify().sound
    filled.load(filled.people(99), "02")
    assert not any(stray.exists() for stray in strays)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b"[" * 4000 + b"\n", b'{"check": 1}\n', b"\xff\xfe\n", b"x" * 9000],
)
def test_any_other_manifest_is_damage(filled, content: bytes) -> None:
    """Whatever stands in place of the manifest is told as damage, without a stack trace."""
    (filled.path / "manifest").write_bytes(content)
    with pytest.raises(Damaged, match="manifest"):
        filled.open()
    assert not filled.verify().sound


def test_a_folder_in_place_of_a_file_is_damage(filled) -> None:
    """A file that became a folder is told as damage."""
    for path in filled.files():
        whole = path.read_bytes()
        if not whole:
            continue
        path.unlink()
        path.mkdir()
        assert not filled.verify().sound, path
        path.rmdir()
        path.write_bytes(whole)


def test_verification_writes_nothing(filled) -> None:
    """Verifying changes neither the vault nor the head outside."""
    before = {path: path.read_bytes() for path in [*filled.files(), *filled.heads.iterdir()]}
    assert filled.verify().sound
    assert filled.open().verify().sound
    assert {
        path: path.read_bytes() for path in [*filled.files(), *filled.heads.iterdir()]
    } == before


def test_verification_needs_the_key(filled, tmp_path: Path) -> None:
    """A wrong key and a missing vault are told as such and not as damage."""
    filled.key = Key.from_passphrase("another")
    with pytest.raises(KeyUnavailable):
        filled.verify()
    filled.path = tmp_path / "nothing"
    with pytest.raises(KeyUnavailable, match="no vault"):
        filled.verify()


@pytest.mark.parametrize(
    "field",
    [
        {"vault_id": "../../elsewhere"},
        {"vault_id": 5},
        {"generation": "2"},
        {"epoch": None},
        {"key_kind": "none"},
        {"wrapped_root": "%%%"},
        {"kdf": {}},
        {"format": "other"},
    ],
)
def test_a_forged_first_line_is_damage(filled, field: dict[str, object]) -> None:
    """A first line with a right checksum but fields that nobody wrote is refused unread."""
    line, rest = manifest.split((filled.path / "manifest").read_bytes())
    fields = json.loads(line) | field
    del fields["check"]
    fields["check"] = manifest._check(fields)
    (filled.path / "manifest").write_bytes(json.dumps(fields).encode() + b"\n" + rest)
    with pytest.raises(Damaged, match="manifest"):
        filled.open()


def test_clearing_leftovers_never_follows_a_link(filled, tmp_path: Path) -> None:
    """A link put into the vault does not lead the next writer to delete files elsewhere."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis").write_text("years of work")
    (filled.path / "shards" / "link").symlink_to(tmp_path / "home")
    filled.load(filled.people(99), "02")
    assert (tmp_path / "home" / "thesis").exists()


def test_a_copy_without_empty_files_and_folders_works(place) -> None:
    """Locks and empty folders, which some ways of copying leave out, are made again."""
    place.init()
    for folder in ("locks", "shards", "tables", "attachments"):
        shutil.rmtree(place.path / folder)
    assert place.verify().sound
    place.load(place.people(1), scan_of=1)
    assert place.verify().sound
