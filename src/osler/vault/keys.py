"""Keys of a vault: what the user holds, and what is derived from it and wrapped by it.

user's key → wrapping key → root secret → keys of the manifest and of the data keys → data keys
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
import secrets
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from osler.errors import Damaged, Fault, InputError, KeyUnavailable

log = logging.getLogger(__name__)

KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16
KEY_FILE_HEADER = "osler-key-1:"
LARGEST_KEY_FILE_BYTES = 1 << 20
# A header that was tampered with must not make opening a vault exhaust the machine.
MOST_MEMORY_KIB = 1 << 20
MOST_PASSES = 64
MOST_LANES = 64

KeyKind = Literal["passphrase", "key file"]


@dataclass(frozen=True)
class Kdf:
    """How a wrapping key is derived from a passphrase, by Argon2id.

    The defaults are the second recommended option of RFC 9106, section 4: three passes over
    64 MiB with four lanes, a salt of 128 bits and a tag of 256 bits. A key file, being random, is
    only run through HKDF-SHA256 (RFC 5869) with the same salt.
    """

    salt: bytes = b""
    passes: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4

    def salted(self) -> Kdf:
        """Return the same cost with a fresh salt."""
        return replace(self, salt=os.urandom(SALT_BYTES))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "salt": encode(self.salt),
            "passes": self.passes,
            "memory_kib": self.memory_kib,
            "lanes": self.lanes,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Kdf:
        """Read what `to_json` wrote, within limits that spare the machine."""
        kdf = cls(decode(value["salt"]), value["passes"], value["memory_kib"], value["lanes"])
        sane = (
            len(kdf.salt) == SALT_BYTES
            and 1 <= kdf.passes <= MOST_PASSES
            and 1 <= kdf.lanes <= MOST_LANES
            and 8 * kdf.lanes <= kdf.memory_kib <= MOST_MEMORY_KIB
        )
        if not sane:
            raise Damaged("manifest: the cost of the passphrase is beyond every sensible bound")
        return kdf


@dataclass(frozen=True)
class Key:
    """What opens a vault: a passphrase or the content of a key file. Its text never shows it.

    Parameters
    ----------
    kind
        Which of the two.
    secret
        The passphrase in UTF-8, or the 32 random bytes of a key file.
    path
        The key file, when it came from one.
    """

    kind: KeyKind
    secret: bytes = field(repr=False)
    path: Path | None = None

    @classmethod
    def from_passphrase(cls, passphrase: str) -> Key:
        """Take a passphrase; different ways to type one accent are the same (Unicode NFC).

        Raises
        ------
        KeyUnavailable
            If it is empty.
        """
        if not passphrase:
            raise KeyUnavailable("the passphrase is empty; give one of several words")
        return cls("passphrase", unicodedata.normalize("NFC", passphrase).encode())

    @classmethod
    def from_file(cls, path: Path) -> Key:
        """Read a key file made by `create_file`; any other file counts as a passphrase.

        A file that others than its owner may read is taken, because secrets mounted into
        containers look like that, but it is warned of in the log.

        Raises
        ------
        KeyUnavailable
            If the file cannot be read, is empty or is over 1 MiB.
        """
        content = _key_file_content(Path(path))
        text = content.decode("ascii", "replace").strip()
        if not text.startswith(KEY_FILE_HEADER):
            return cls("passphrase", content, Path(path))
        try:
            secret = base64.b64decode(text.removeprefix(KEY_FILE_HEADER), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise KeyUnavailable(f"{path}: a key file that is cut or damaged; use its copy")
        return cls("key file", secret, Path(path))

    @classmethod
    def create_file(cls, path: Path) -> Key:
        """Make a key file of 256 random bits, mode 0600.

        Raises
        ------
        InputError
            If there is something at `path` already.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        secret = secrets.token_bytes(KEY_BYTES)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise InputError(
                Fault(str(path), "exists", "a new key file", "name another")
            ) from error
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(f"{KEY_FILE_HEADER}{encode(secret)}\n".encode())
            stream.flush()
            os.fsync(stream.fileno())
        return cls("key file", secret, path)

    def wrapping_key(self, kdf: Kdf) -> bytes:
        """Derive the key that wraps a vault's root secret."""
        if self.kind == "key file":
            return derive(self.secret, "osler key file", kdf.salt)
        return hash_secret_raw(
            self.secret,
            kdf.salt,
            time_cost=kdf.passes,
            memory_cost=kdf.memory_kib,
            parallelism=kdf.lanes,
            hash_len=KEY_BYTES,
            type=Type.ID,
        )

    def refuse_inside(self, vault: Path) -> None:
        """Refuse a key file that lies in the vault it opens.

        Raises
        ------
        InputError
            If it does: who takes the vault would take the key.
        """
        if self.path is not None and vault.resolve() in self.path.resolve().parents:
            raise InputError(
                Fault("key file", "it lies inside the vault", "a place outside it", "move it")
            )


def _key_file_content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(LARGEST_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise KeyUnavailable(f"{path}: the key file cannot be read ({error.strerror})") from error
    if not content.strip() or len(content) > LARGEST_KEY_FILE_BYTES:
        raise KeyUnavailable(f"{path}: not a key file (empty, or over 1 MiB)")
    if stat.S_IMODE(mode) & 0o077:
        log.warning("%s: others than its owner may read this key file; chmod 600 it", path)
    return content


class Root:
    """The root secret of a vault and what derives from it; rotated by rekeying and by erasure.

    Parameters
    ----------
    vault_id
        The vault; keys of two vaults never coincide.
    secret
        32 random bytes.
    """

    def __init__(self, vault_id: str, secret: bytes) -> None:
        self._vault = vault_id.encode()
        self._secret = secret
        self.manifest_key = derive(secret, "osler manifest", self._vault)
        self._data_keys = AESGCM(derive(secret, "osler data keys", self._vault))

    @classmethod
    def fresh(cls, vault_id: str) -> Root:
        """Make a random root."""
        return cls(vault_id, os.urandom(KEY_BYTES))

    @classmethod
    def unwrap(cls, vault_id: str, wrapped: bytes, wrapping_key: bytes) -> Root:
        """Open a wrapped root.

        Raises
        ------
        KeyUnavailable
            If the key is not the vault's.
        """
        try:
            secret = unseal(wrapping_key, wrapped, b"osler root" + vault_id.encode())
        except InvalidTag as error:
            raise KeyUnavailable("this key does not open this vault; give the right one") from error
        return cls(vault_id, secret)

    def wrap(self, wrapping_key: bytes) -> bytes:
        """Return the root, sealed by a wrapping key."""
        return seal(wrapping_key, self._secret, b"osler root" + self._vault)

    def wrap_data_key(self, data_key: bytes, file_name: str, key_id: str) -> bytes:
        """Seal the key of one file, bound to the file's name."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._data_keys.encrypt(nonce, data_key, self._binding(file_name, key_id))

    def unwrap_data_key(self, wrapped: bytes, file_name: str, key_id: str) -> bytes:
        """Open the key of one file.

        Raises
        ------
        Damaged
            If it was changed, or belongs to another file.
        """
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return self._data_keys.decrypt(nonce, sealed, self._binding(file_name, key_id))
        except (InvalidTag, ValueError) as error:
            raise Damaged(f"{file_name}: its wrapped key does not authenticate") from error

    def _binding(self, file_name: str, key_id: str) -> bytes:
        return b"\0".join((b"osler data key", self._vault, file_name.encode(), key_id.encode()))


def derive(secret: bytes, label: str, salt: bytes) -> bytes:
    """Derive 32 bytes by HKDF-SHA256 (RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt, label.encode()).derive(secret)


def seal(key: bytes, content: bytes, binding: bytes) -> bytes:
    """Encrypt and authenticate by AES-256-GCM under a random nonce, which leads the result."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, binding)


def unseal(key: bytes, sealed: bytes, binding: bytes) -> bytes:
    """Open what `seal` made.

    Raises
    ------
    InvalidTag
        If the bytes, the binding or the key are not those of `seal`.
    """
    if len(sealed) < NONCE_BYTES:
        raise InvalidTag
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], binding)


def encode(content: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(content).decode()


def decode(text: str) -> bytes:
    """Read base64 text strictly."""
    return base64.b64decode(text, validate=True)
