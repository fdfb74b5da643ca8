"""The manifest: what a vault consists of at one generation, in one sealed file.

It is the only file that is ever replaced, in one step; so it is where every change happens. A
line of JSON in clear says how to derive the key; the rest is encrypted and authenticates the line
too.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cryptography.exceptions import InvalidTag

from osler.errors import Damaged, Fault, InputError
from osler.vault.keys import Kdf, KeyKind, Root, decode, encode, seal, unseal

FORMAT = "osler vault"
# 1: what was loaded. 2: also what osler derived from it; written only where there is any.
VAULT_FORMAT_VERSION = 2
NAME = "manifest"
LONGEST_HEADER_BYTES = 4096
VAULT_ID = re.compile(r"[0-9a-f]{32}")
KEY_KINDS = ("passphrase", "key file")

FileKind = Literal["segment", "subjects", "codes", "attachment", "keys"]


@dataclass(frozen=True)
class StoredFile:
    """One file of the vault: where, what, and how to know it.

    Parameters
    ----------
    name
        Path below the vault, with slashes; says nothing of what is inside.
    digest
        Sha256 of the bytes on disk, hexadecimal.
    key
        Name of its data key; empty for the file of wrapped keys itself.
    generation
        The generation that brought it; the commit sets it.
    shard
        Of a segment.
    rows
        Of a frame.
    subject_id, title
        Of an attachment.
    derived
        Of a segment that holds what osler derived: which `Derivation.about` it belongs to.
    """

    name: str
    kind: FileKind
    digest: str
    size: int
    key: str
    generation: int = 0
    shard: int | None = None
    rows: int = 0
    subject_id: int | None = None
    title: str | None = None
    derived: str | None = None


@dataclass(frozen=True)
class Derivation:
    """What osler derived of everyone in a vault about one subject of knowledge.

    Parameters
    ----------
    about
        Subject of knowledge, such as `tumour`; a vault has one derivation about each.
    release
        Name of the release of knowledge.
    basis
        Digest of everything that it was made from: the same basis gives the same results.
    generation
        The generation of the vault that was read.
    events, subjects
        How many came of it.
    """

    about: str
    release: str
    basis: str
    generation: int
    events: int = 0
    subjects: int = 0


@dataclass(frozen=True)
class Retired:
    """A file that only readers of earlier generations use, and since when (Unix seconds)."""

    file: StoredFile
    since: float


@dataclass(frozen=True)
class LedgerKey:
    """The key of the ledger's records from a sequence number on."""

    first: int
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Header:
    """What stands in clear: enough to derive the key, nothing of the content.

    `epoch` counts the roots that the vault has had; a process that knows an earlier one must
    fetch the new one before it may write into the ledger.
    """

    vault_id: str
    generation: int
    epoch: int
    key_kind: KeyKind
    kdf: Kdf
    wrapped_root: bytes
    format_version: int = 1

    def line(self) -> bytes:
        """Return the line as it stands on disk, with a checksum against accidents."""
        fields = {
            "format": FORMAT,
            "format_version": self.format_version,
            "vault_id": self.vault_id,
            "generation": self.generation,
            "epoch": self.epoch,
            "key_kind": self.key_kind,
            "kdf": self.kdf.to_json(),
            "wrapped_root": encode(self.wrapped_root),
        }
        return (json.dumps(fields | {"check": _check(fields)}) + "\n").encode()

    @classmethod
    def parse(cls, line: bytes) -> Header:
        """Read the line.

        Raises
        ------
        Damaged
            If it is not as it was written.
        InputError
            If a later version of osler wrote it.
        """
        try:
            fields = json.loads(line)
            check = fields.pop("check")
            if check != _check(fields) or fields["format"] != FORMAT:
                raise ValueError
            _refuse_later(fields["format_version"])
            _refuse_malformed(fields)
            return cls(
                vault_id=fields["vault_id"],
                generation=fields["generation"],
                epoch=fields["epoch"],
                key_kind=fields["key_kind"],
                kdf=Kdf.from_json(fields["kdf"]),
                wrapped_root=decode(fields["wrapped_root"]),
                format_version=fields["format_version"],
            )
        except InputError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise Damaged("manifest: its first line was changed") from error


@dataclass(frozen=True)
class Manifest:
    """Everything a vault consists of at one generation.

    Parameters
    ----------
    created_at
        ISO 8601, UTC.
    shards
        How many; fixed when the vault was made.
    shard_salt
        Sets the hash that sends subjects to shards, so that nobody can aim at one shard.
    files
        What this generation consists of.
    retired
        What it replaced, kept for a while for readers of earlier generations.
    keys
        The file of wrapped data keys.
    ledger_records, ledger_head
        The ledger had at least so many records, and this hash after them.
    ledger_keys
        In order of the first record that each protects.
    pseudonym_key
        Of the keyed names in ledger, tombstones and marks.
    subjects
        How many have events or attachments.
    next_name_id
        The id for the next subject whose name is no integer; never used twice.
    loaded
        Keyed digests of the sources that are in.
    tombstones
        Pseudonyms of erased subjects and of their names, hexadecimal.
    places
        Where registered exports went, by the sequence number of their record.
    derivations
        What was derived, by the subject of knowledge.
    """

    generation: int
    created_at: str
    shards: int
    shard_salt: int
    keys: StoredFile
    ledger_records: int
    ledger_head: str
    ledger_keys: tuple[LedgerKey, ...] = field(repr=False)
    pseudonym_key: bytes = field(repr=False)
    next_name_id: int
    files: tuple[StoredFile, ...] = ()
    retired: tuple[Retired, ...] = ()
    subjects: int = 0
    loaded: tuple[str, ...] = ()
    tombstones: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    derivations: tuple[Derivation, ...] = ()

    @property
    def format_version(self) -> int:
        """The first version of the format that can say all of this."""
        return 2 if self.derivations else 1

    @property
    def content_digest(self) -> str:
        """Sha256 over the digests of all that was loaded, whatever was derived from it."""
        loaded = [file.digest for file in self.files if file.derived is None]
        return hashlib.sha256("\n".join(sorted(loaded)).encode()).hexdigest()

    def of_kind(self, kind: FileKind) -> list[StoredFile]:
        """Return the files of one kind, oldest first."""
        return [file for file in self.files if file.kind == kind]

    def segments(self, shard: int, derived: Collection[str] = ()) -> list[StoredFile]:
        """Return the segments of one shard, oldest first.

        Parameters
        ----------
        derived
            Also those that hold what was derived about these subjects of knowledge.
        """
        wanted = {None, *derived}
        return [
            file
            for file in self.files
            if file.kind == "segment" and file.shard == shard and file.derived in wanted
        ]

    def loaded_segments(self) -> list[StoredFile]:
        """Return the segments of all shards that hold what was loaded."""
        return [file for file in self.of_kind("segment") if file.derived is None]

    def derived_names(self) -> list[str]:
        """Return the subjects of knowledge about which something was derived."""
        return [one.about for one in self.derivations]

    def names(self) -> set[str]:
        """Return the names of all files that are to stay on disk."""
        kept = {file.name for file in self.files} | {one.file.name for one in self.retired}
        return kept | {self.keys.name}

    def seal(self, header: Header, root: Root) -> bytes:
        """Return the bytes of the manifest file."""
        fields = asdict(self)
        if self.format_version == 1:
            _without_derived(fields)
        fields["pseudonym_key"] = encode(self.pseudonym_key)
        fields["ledger_keys"] = [[one.first, encode(one.key)] for one in self.ledger_keys]
        content = zlib.compress(json.dumps(fields).encode(), 1)
        line = header.line()
        return line + seal(root.manifest_key, content, line)

    @classmethod
    def unseal(cls, content: bytes, root: Root) -> Manifest:
        """Open the bytes of a manifest file.

        Raises
        ------
        Damaged
            If it does not authenticate, or its two parts are not of one generation.
        """
        line, sealed = split(content)
        try:
            fields = json.loads(zlib.decompress(unseal(root.manifest_key, sealed, line)))
        except InvalidTag as error:
            raise Damaged("manifest: it does not authenticate") from error
        if fields["generation"] != Header.parse(line).generation:
            raise Damaged("manifest: its parts are of different generations")
        return cls(**_typed(fields))


def split(content: bytes) -> tuple[bytes, bytes]:
    """Return the line in clear and the sealed rest of a manifest file."""
    end = content.find(b"\n", 0, LONGEST_HEADER_BYTES) + 1
    if not end:
        raise Damaged("manifest: it has no first line")
    return content[:end], content[end:]


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {
        "keys": StoredFile(**fields["keys"]),
        "files": tuple(StoredFile(**one) for one in fields["files"]),
        "retired": tuple(
            Retired(StoredFile(**one["file"]), one["since"]) for one in fields["retired"]
        ),
        "ledger_keys": tuple(LedgerKey(first, decode(key)) for first, key in fields["ledger_keys"]),
        "pseudonym_key": decode(fields["pseudonym_key"]),
        "loaded": tuple(fields["loaded"]),
        "tombstones": tuple(fields["tombstones"]),
        "derivations": tuple(Derivation(**one) for one in fields.get("derivations", ())),
    }


def _without_derived(fields: dict[str, Any]) -> None:
    """Leave out what format version 1 does not know, so that earlier versions open the vault."""
    del fields["derivations"]
    retired = [one["file"] for one in fields["retired"]]
    for file in (fields["keys"], *fields["files"], *retired):
        del file["derived"]


def _check(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def _refuse_malformed(fields: Mapping[str, Any]) -> None:
    """Refuse what no version ever wrote: the line is used before it is authenticated."""
    sane = (
        VAULT_ID.fullmatch(fields["vault_id"])
        and isinstance(fields["generation"], int)
        and isinstance(fields["epoch"], int)
        and fields["key_kind"] in KEY_KINDS
    )
    if not sane:
        raise ValueError


def _refuse_later(version: int) -> None:
    if version > VAULT_FORMAT_VERSION:
        raise InputError(
            Fault(
                "vault",
                f"format version {version}",
                f"at most {VAULT_FORMAT_VERSION}",
                "update osler to the version that made it or a later one",
            )
        )
