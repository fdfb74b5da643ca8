"""Verification: every file of a vault authenticated, and its history compared.

It writes nothing, neither into the vault nor into the head outside: a vault on a read-only disk
can be verified, and verifying a copy says nothing about the original. It shows no patient data, so
the ledger need not know of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec

import polars as pl

from osler.errors import Damaged, Fault, InputError
from osler.model import validate_events
from osler.vault import frames, ledger, manifest, streams, tables
from osler.vault.heads import Head, Heads
from osler.vault.keys import Key, Root
from osler.vault.ledger import Ledger
from osler.vault.manifest import Header, Manifest, StoredFile
from osler.vault.shards import shard_of
from osler.vault.store import (
    LOCKS,
    OPENING_ATTEMPTS,
    binding,
    history_faults,
    read_header,
    read_keys,
    read_manifest_bytes,
    wrapping_key,
)

P = ParamSpec("P")

DIGEST_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True)
class VerifyReport:
    """What verification found.

    Parameters
    ----------
    sound
        True if there is no fault.
    faults
        What is damaged, and where; no patient data.
    warnings
        What could not be checked.
    """

    sound: bool
    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def verify(path: Path, key: Key, head_folder: Path) -> VerifyReport:
    """Authenticate every file and the whole ledger, and compare them with the head outside.

    Raises
    ------
    KeyUnavailable
        If the key is not this vault's, or there is no vault.
    """
    try:
        header = read_header(path)
        wrapping = wrapping_key(key, header)
    except Damaged as error:
        return VerifyReport(False, (str(error),), ())
    return verify_with(path, header.vault_id, wrapping, head_folder)


def verify_with(path: Path, vault_id: str, wrapping: bytes, head_folder: Path) -> VerifyReport:
    """Verify with a wrapping key; again, if a writer changed the vault meanwhile."""
    for _ in range(OPENING_ATTEMPTS):
        try:
            content = read_manifest_bytes(path)
            report = _verify_once(path, content, wrapping, Heads(head_folder, vault_id, path))
        except Damaged as error:
            report = VerifyReport(False, (str(error),), ())
        if report.sound or _unchanged(path, content):
            return report
    raise InputError(Fault("vault", "it changes without rest", "a moment's pause", "try again"))


def _unchanged(path: Path, content: bytes) -> bool:
    try:
        return read_manifest_bytes(path) == content
    except Damaged:
        return True


def _verify_once(path: Path, content: bytes, wrapping: bytes, heads: Heads) -> VerifyReport:
    # The head first: whatever is read after it is at least as late.
    head = heads.read()
    header = Header.parse(manifest.split(content)[0])
    root = Root.unwrap(header.vault_id, header.wrapped_root, wrapping)
    current = Manifest.unseal(content, root)
    check = _Check(path, header.vault_id, root, current)
    check.run(check.history, hashlib.sha256(content).hexdigest(), head)
    check.run(check.keys)
    for file in current.files:
        check.run(check.file, file)
    for retired in current.retired:
        check.run(check.digest, retired.file)
    check.run(check.locks)
    check.heads(head, heads)
    faults = tuple(dict.fromkeys(check.faults))
    return VerifyReport(not faults, faults, tuple(check.warnings))


@dataclass
class _Check:
    """Findings under way; a part that is damaged does not keep the others from being looked at."""

    path: Path
    vault_id: str
    root: Root
    current: Manifest
    wrapped: dict[str, bytes] = field(default_factory=dict)
    records: int = 0
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def run(self, part: Callable[P, None], *about: P.args, **named: P.kwargs) -> None:
        try:
            part(*about, **named)
        except Damaged as error:
            self.faults.append(str(error))

    def history(self, digest: str, head: Head | None) -> None:
        kept = Ledger(self.path / ledger.NAME, self.vault_id, self.current.ledger_keys)
        marks = (self.current.ledger_records, *((head.records,) if head else ()))
        chain = kept.scan(marks=marks)
        self.records = chain.records
        self.faults += history_faults(self.current, digest, chain, head)
        for number, record in enumerate(kept.records(), 1):
            if record.number != number:
                raise Damaged(f"ledger: record {number} has another number")

    def keys(self) -> None:
        self.wrapped = read_keys(self.path, self.current.keys)
        if set(self.wrapped) != {file.key for file in self.current.files}:
            raise Damaged(f"{self.current.keys.name}: its keys are not those of the files")

    def file(self, file: StoredFile) -> None:
        self.digest(file)
        if file.key not in self.wrapped:
            return
        key = self.root.unwrap_data_key(self.wrapped[file.key], file.name, file.key)
        if file.kind == "attachment":
            self._attachment(file, key)
        else:
            self._frame(file, key)

    def locks(self) -> None:
        for lock in (self.path / LOCKS).glob("*"):
            if not lock.is_file() or lock.stat().st_size:
                raise Damaged(f"{LOCKS}/{lock.name}: a lock holds no bytes, and this one does")

    def heads(self, head: Head | None, heads: Heads) -> None:
        if head is not None and self.records > head.records + 1:
            self.warnings.append(
                f"the head outside the vault is {self.records - head.records} records behind; "
                "see that its folder can be written"
            )
        if head is None:
            self.warnings.append(
                "there is no head outside the vault for this place, so the return to an earlier "
                "copy of the whole folder could not be noticed"
            )
            later = max((one.records for one in heads.elsewhere()), default=0) - self.records
            if later > 0:
                self.warnings.append(
                    f"in another place this vault has a history that is {later} records longer: "
                    "this folder is an older copy of it"
                )

    def digest(self, file: StoredFile) -> None:
        whole, size = hashlib.sha256(), 0
        try:
            with (self.path / file.name).open("rb") as stream:
                while block := stream.read(DIGEST_BLOCK_BYTES):
                    whole.update(block)
                    size += len(block)
        except OSError as error:
            raise Damaged(f"{file.name}: it cannot be read ({error.strerror})") from error
        if size != file.size or whole.hexdigest() != file.digest:
            raise Damaged(f"{file.name}: it is not the file that the manifest names")

    def _attachment(self, file: StoredFile, key: bytes) -> None:
        if file.subject_id is None or file.title is None:
            raise Damaged(f"{file.name}: an attachment of nobody")
        bound = tables.attachment_binding(self.vault_id, file.name, file.subject_id, file.title)
        for _ in streams.read_stream(self.path / file.name, key, bound, name=file.name):
            pass

    def _frame(self, file: StoredFile, key: bytes) -> None:
        content = frames.read_file(self.path / file.name)
        frame = frames.from_parquet(content, key, binding(self.vault_id, file.name), name=file.name)
        if frame.height != file.rows:
            raise Damaged(f"{file.name}: it has another number of rows than the manifest says")
        if file.kind == "segment":
            self._segment(file, frame)

    def _segment(self, file: StoredFile, frame: pl.DataFrame) -> None:
        if validate_events(frame):
            raise Damaged(f"{file.name}: its rows are not a sound MEDS shard")
        ids = frame["subject_id"].unique().to_numpy()
        shards = shard_of(ids, self.current.shard_salt, self.current.shards)
        if (shards != file.shard).any():
            raise Damaged(f"{file.name}: it holds subjects of another shard")
