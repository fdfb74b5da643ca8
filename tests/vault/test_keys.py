"""Keys: passphrases, key files, and what a wrong one is told."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from osler.errors import Damaged, InputError, KeyUnavailable
from osler.vault import Actor, Kdf, Key, Vault

CHEAP = Kdf(passes=1, memory_kib=64, lanes=1)


def test_key_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """A key file is made with mode 0600 and opens as the key that was made."""
    made = Key.create_file(tmp_path / "deep" / "key")
    assert stat.S_IMODE((tmp_path / "deep" / "key").stat().st_mode) == 0o600
    assert Key.from_file(tmp_path / "deep" / "key") == made


def test_key_file_is_never_overwritten(tmp_path: Path) -> None:
    """A key that may open something is not replaced by a new one."""
    made = Key.create_file(tmp_path / "key")
    with pytest.raises(InputError, match="exists"):
        Key.create_file(tmp_path / "key")
    assert Key.from_file(tmp_path / "key") == made


def test_a_key_never_shows_its_secret() -> None:
    """Neither text nor representation of a key holds the passphrase."""
    key = Key.from_passphrase("tell nobody")
    assert "nobody" not in f"{key} {key!r}"


def test_accents_typed_in_two_ways_are_one_passphrase() -> None:
    """Composed and decomposed Unicode give the same key."""
    assert Key.from_passphrase("caf\u00e9") == Key.from_passphrase("cafe\u0301")


@pytest.mark.parametrize("content", [b"", b"  \n", b"osler-key-1:AAAA\n", b"osler-key-1:%%%\n"])
def test_unusable_key_files_are_told_apart_from_wrong_ones(tmp_path: Path, content: bytes) -> None:
    """An empty, cut or garbled key file is refused before any vault is tried."""
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(KeyUnavailable, match="key"):
        Key.from_file(tmp_path / "key")


def test_missing_key_file_is_told(tmp_path: Path) -> None:
    """A key file that is not there is a missing key."""
    with pytest.raises(KeyUnavailable, match="cannot be read"):
        Key.from_file(tmp_path / "key")


def test_key_file_that_others_may_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A key file with loose permissions is taken, and the log says how to tighten them."""
    Key.create_file(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        Key.from_file(tmp_path / "key")
    assert "chmod 600" in caplog.text


def test_any_file_serves_as_a_passphrase(place, tmp_path: Path) -> None:
    """A file that osler did not make goes through Argon2id like a passphrase."""
    (tmp_path / "secret").write_bytes(b"from the secret store\n")
    (tmp_path / "secret").chmod(0o600)
    place.key = Key.from_file(tmp_path / "secret")
    vault = place.init()
    assert place.key.kind == "passphrase"
    assert place.open().vault_id == vault.vault_id


def test_empty_passphrase_is_no_key() -> None:
    """An empty passphrase is refused."""
    with pytest.raises(KeyUnavailable, match="empty"):
        Key.from_passphrase("")


def test_wrong_passphrase_and_wrong_kind_of_key(filled, tmp_path: Path) -> None:
    """Another passphrase does not open the vault, and a key file is told to be the wrong kind."""
    filled.key = Key.from_passphrase("something else")
    with pytest.raises(KeyUnavailable, match="does not open"):
        filled.open()
    filled.key = Key.create_file(tmp_path / "key")
    with pytest.raises(KeyUnavailable, match="passphrase"):
        filled.open()


def test_no_vault_is_told_apart_from_a_wrong_key(tmp_path: Path) -> None:
    """A folder without a vault, or no folder, says so and what to do."""
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(KeyUnavailable, match="no vault here"):
            Vault.open(path, Key.from_passphrase("x"), head_folder=tmp_path / "heads")


def test_key_file_inside_the_vault_is_refused(tmp_path: Path) -> None:
    """Who takes the vault must not find the key in it: at init, at opening and at rekeying."""
    inside, outside = tmp_path / "vault" / "key", Key.create_file(tmp_path / "key")
    heads = {"head_folder": tmp_path / "heads"}
    with pytest.raises(InputError, match="inside"):
        Vault.init(tmp_path / "vault", Key("key file", b"0" * 32, inside), **heads)
    vault = Vault.init(tmp_path / "vault", outside, **heads)
    hidden = Key.create_file(inside)
    with pytest.raises(InputError, match="inside"):
        vault.rekey(hidden)
    with pytest.raises(InputError, match="inside"):
        Vault.open(tmp_path / "vault", hidden, **heads)
    assert Vault.open(tmp_path / "vault", outside, **heads).info().subjects == 0


def test_rekeying_shuts_the_old_key_out(filled) -> None:
    """After rekeying the old key opens nothing, the new one everything, and no file was lost."""
    before, old = filled.everything(), filled.key
    vault = filled.open()
    new = Key.from_passphrase("the new one")
    vault.rekey(new)
    with pytest.raises(KeyUnavailable):
        filled.open()
    filled.key = new
    assert filled.everything().equals(before)
    assert filled.everything(vault).equals(before)
    assert filled.verify().sound
    assert old != new


def test_a_handle_of_before_the_rekeying_gets_no_more_answers(filled) -> None:
    """Whoever opened the vault with the old key is shut out by the next act."""
    old = filled.open()
    filled.open().rekey(Key.from_passphrase("the new one"))
    with pytest.raises(KeyUnavailable, match="another key"):
        old.subject_events(1)


def test_an_old_file_of_wrapped_keys_opens_nothing_after_rekeying(filled) -> None:
    """Wrapped keys put back from before a rekeying do not authenticate."""
    (kept,) = (filled.path / "keys").iterdir()
    old = kept.read_bytes()
    filled.open().rekey(Key.from_passphrase("the new one"))
    filled.key = Key.from_passphrase("the new one")
    (present,) = (filled.path / "keys").iterdir()
    assert set(json.loads(old)) == set(json.loads(present.read_bytes()))
    assert not set(json.loads(old).values()) & set(json.loads(present.read_bytes()).values())
    present.write_bytes(old)
    with pytest.raises(Damaged):
        filled.open()


@pytest.mark.parametrize(
    "cost",
    [
        {"passes": 0},
        {"passes": 10**9},
        {"memory_kib": 2**40},
        {"lanes": 0},
        {"salt": ""},
        {"passes": "3"},
        {"memory_kib": None},
    ],
)
def test_an_absurd_cost_of_the_key_is_damage(cost: dict[str, object]) -> None:
    """A header that asks for all memory or no work is refused before anything is derived."""
    with pytest.raises((Damaged, TypeError)):
        Kdf.from_json(CHEAP.salted().to_json() | cost)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "bell\a"])
def test_actors_are_named_in_one_printable_line(name: str) -> None:
    """Neither user nor purpose may be empty, long or break the line."""
    with pytest.raises(InputError):
        Actor(name, "care")
    with pytest.raises(InputError):
        Actor("anna", name)
