"""The vault on disk: its files, its keys, its generations, and the one step that changes it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from osler.errors import Damaged, Fault, InputError, KeyUnavailable, Refused
from osler.vault import disk, frames, ledger, manifest
from osler.vault.access import Actor, Pseudonyms
from osler.vault.heads import Head, Heads
from osler.vault.keys import KEY_BYTES, Kdf, Key, Root, decode, encode
from osler.vault.ledger import Chain, Ledger, Record, Scope
from osler.vault.manifest import FileKind, Header, LedgerKey, Manifest, Retired, StoredFile

FIRST_NAME_ID = 1_000_000_000_000_001
# Readers of an earlier generation have this long to finish with files that were replaced.
RETIRED_KEPT_SECONDS = 24 * 3600.0
OPENING_ATTEMPTS = 20

LOCKS = "locks"
KEYS = "keys"
DATA_FOLDERS = {
    "segment": "shards",
    "subjects": "tables",
    "codes": "tables",
    "attachment": "attachments",
}


@dataclass(frozen=True)
class NewFile:
    """A file that is on disk but belongs to no generation yet, with its data key."""

    file: StoredFile
    data_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Change:
    """What one commit does.

    Parameters
    ----------
    added, dropped
        Files that come, and names of files that go.
    update
        What else changes in the manifest.
    rotate
        Make a new root secret and wrap every data key anew.
    new_key
        The user's new key, if it changes; implies `rotate`.
    purge
        Delete what goes, and all that went before, at once.
    """

    added: tuple[NewFile, ...] = ()
    dropped: frozenset[str] = frozenset()
    update: Callable[[Manifest], Manifest] = lambda current: current
    rotate: bool = False
    new_key: Key | None = None
    purge: bool = False


@dataclass(frozen=True)
class State:
    """A vault as read at one moment, authenticated."""

    digest: str
    header: Header
    wrapping_key: bytes = field(repr=False)
    root: Root
    manifest: Manifest
    wrapped_keys: Mapping[str, bytes]
    chain: Chain


class Store:
    """One open vault; pinned to the generation it was opened at, unless it writes.

    Parameters
    ----------
    path
        Its folder.
    key
        What opens it.
    heads
        Folder of heads, outside the vault.
    """

    def __init__(self, path: Path, key: Key, heads: Path) -> None:
        key.refuse_inside(path)
        self.path = path
        self._mutex = threading.RLock()
        header = read_header(path)
        self.vault_id = header.vault_id
        self.heads = Heads(heads, header.vault_id, path)
        self._wrapping_key = wrapping_key(key, header)
        self.ledger = Ledger(path / ledger.NAME, header.vault_id, ())
        self._state: State | None = None
        self._writing = False
        self._epoch = 0
        self._chain = self.ledger.beginning()
        self._committed = (0, "")
        self.refresh()

    @classmethod
    def create(
        cls, path: Path, key: Key, heads: Path, *, shards: int, kdf: Kdf, actor: Actor
    ) -> Store:
        """Make an empty vault: all of it or, after a crash, nothing at `path`."""
        path = path.resolve()
        key.refuse_inside(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}{disk.TEMPORARY}{secrets.token_hex(6)}")
        fresh.mkdir(mode=0o700)
        _write_empty(fresh, key, kdf.salted(), shards)
        disk.sync_folder(fresh)
        fresh.rename(path)
        disk.sync_folder(path.parent)
        store = cls(path, key, heads)
        store.append(actor, "init", {"shards": shards}, "none")
        return store

    # --- reading -------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The vault at the pinned generation."""
        if self._state is None:
            raise RuntimeError("the vault is not open yet")
        return self._state

    @property
    def manifest(self) -> Manifest:
        """The manifest of the pinned generation."""
        return self.state.manifest

    @property
    def pseudonyms(self) -> Pseudonyms:
        """The keyed names of subjects."""
        return Pseudonyms(self.manifest.pseudonym_key)

    def binding(self, name: str) -> bytes:
        """Return what a file's encryption is bound to: this vault and its name."""
        return binding(self.vault_id, name)

    def data_key(self, file: StoredFile) -> bytes:
        """Unwrap the key of a file."""
        wrapped = self.state.wrapped_keys.get(file.key)
        if wrapped is None:
            raise Damaged(f"{file.name}: its key is missing")
        return self.state.root.unwrap_data_key(wrapped, file.name, file.key)

    def content(self, file: StoredFile) -> pa.Buffer:
        """Read a file of the pinned generation and check it against the manifest.

        Raises
        ------
        Damaged
            If it is gone, or not the one that the manifest names.
        InputError
            If it is gone because the vault has moved on; opening it again helps.
        """
        try:
            content = frames.read_file(self.path / file.name)
        except OSError as error:
            self.refuse_outdated()
            raise Damaged(f"{file.name}: it cannot be read") from error
        if content.size != file.size or hashlib.sha256(content).hexdigest() != file.digest:
            raise Damaged(f"{file.name}: it is not the file that the manifest names")
        return content

    def refuse_outdated(self) -> None:
        """Refuse to go on if the vault has a later generation than the pinned one."""
        if read_header(self.path).generation != self.manifest.generation:
            raise InputError(
                Fault(
                    "vault",
                    "it was changed since it was opened and the data of then are gone",
                    "the present generation",
                    "open it again",
                )
            )

    def erased_since(self) -> frozenset[str]:
        """Return the marks of subjects and names that were erased after the pinned generation."""
        if read_header(self.path).generation == self.manifest.generation:
            return frozenset()
        present = self._read_state(marks=()).manifest
        return frozenset(present.tombstones) - frozenset(self.manifest.tombstones)

    # --- the ledger ----------------------------------------------------------------------------

    def append(
        self, actor: Actor, action: str, what: Mapping[str, Any], scope: Scope, listed: bytes = b""
    ) -> Record:
        """Write one act into the ledger and wait for the disk.

        Raises
        ------
        Refused
            If it cannot be written: then there is no answer either.
        KeyUnavailable
            If the vault has been given another key meanwhile.
        """
        try:
            with self._mutex, self._lock("ledger", "holds the ledger"):
                self._follow_rotation()
                return self._append(actor, action, what, scope, listed)
        except OSError as error:
            raise Refused(
                f"the ledger cannot be written ({error.strerror}), so nothing is answered; "
                "make room for it and let it be written"
            ) from error

    def _append(
        self, actor: Actor, action: str, what: Mapping[str, Any], scope: Scope, listed: bytes = b""
    ) -> Record:
        chain = self.ledger.scan(self._chain)
        head = self.heads.read()
        if head is not None and head.records > chain.records:
            raise Damaged("ledger: it was rolled back or cut; the head outside knows a later one")
        earlier = chain.last.committed if chain.last else self._committed
        record = Record(
            number=chain.records + 1,
            time=now(),
            user=actor.user,
            purpose=actor.purpose,
            action=action,
            what=what,
            scope=scope,
            generation=self.manifest.generation,
            committed=max(earlier, self._committed),
            listed=listed,
        )
        self._chain = self.ledger.append(chain, record)
        self.heads.write(Head(self._chain.records, self._chain.digest.hex(), *record.committed))
        return record

    def _follow_rotation(self) -> None:
        """Fetch the ledger's present key if another process rotated the root."""
        if read_header(self.path).epoch == self._epoch:
            return
        state = self._read_state(marks=())
        self.ledger.keys = state.manifest.ledger_keys
        self._epoch = state.header.epoch

    # --- changing ------------------------------------------------------------------------------

    @contextmanager
    def writing(self, patience_seconds: float = disk.LOCK_PATIENCE_SECONDS) -> Iterator[None]:
        """Be the one writer: move to the present generation and clear what a crash left."""
        if self._writing:
            raise InputError(
                Fault("vault", "this handle is writing already", "one change at a time")
            )
        with self._lock("writer", "writes this vault", patience_seconds):
            self._writing = True
            try:
                with self._lock("commit", "commits"):
                    self.refresh()
                    self._clear_leftovers()
                yield
            finally:
                self._writing = False

    def refresh(self) -> None:
        """Move to the present generation."""
        self._adopt(self._settled_state())

    def commit(self, change: Change, actor: Actor) -> None:
        """Bring a change into place in one step; until then, and on failure, nothing has changed.

        The caller has written the act into the ledger before.
        """
        with self._lock("commit", "commits"), self._mutex:
            with self._lock("ledger", "holds the ledger"):
                self.refresh()
                before = self.state
                for folder in {(self.path / new.file.name).parent for new in change.added}:
                    disk.sync_folder(folder)
                after = self._changed(before, change)
                content = after.manifest.seal(after.header, after.root)
                disk.replace(self.path / manifest.NAME, content)
                self._adopt(replace(after, digest=hashlib.sha256(content).hexdigest()))
                # The change is in place; this record only makes its undoing easier to notice.
                with suppress(OSError):
                    what = {"generation": self.manifest.generation}
                    self._append(actor, "committed", what, "none")
            self._delete(before.manifest.names() - self.manifest.names(), must=change.purge)

    def new_name(self, kind: FileKind, shard: int | None = None) -> str:
        """Return a random name for a new file, below the folder of its kind."""
        folder = DATA_FOLDERS[kind] if shard is None else f"{DATA_FOLDERS[kind]}/{shard:03d}"
        suffix = "" if kind == "attachment" else ".parquet"
        return f"{folder}/{secrets.token_hex(16)}{suffix}"

    def _changed(self, before: State, change: Change) -> State:
        rotate = change.rotate or change.new_key is not None
        generation = before.manifest.generation + 1
        files = (
            *(file for file in before.manifest.files if file.name not in change.dropped),
            *(replace(new.file, generation=generation) for new in change.added),
        )
        header, wrapping, root = before.header, before.wrapping_key, before.root
        if rotate:
            header, wrapping, root = self._rotated(before, change.new_key)
        keys, wrapped = before.manifest.keys, before.wrapped_keys
        if rotate or change.added or change.dropped:
            new_keys = {new.file.key: new.data_key for new in change.added}
            wrapped = self._rewrapped(files, new_keys, root if rotate else None)
            keys = _write_keys(self.path, wrapped)
        updated = replace(
            change.update(before.manifest),
            generation=generation,
            created_at=now(),
            files=files,
            retired=() if change.purge else _retired(before.manifest, change.dropped),
            keys=keys,
            ledger_records=before.chain.records,
            ledger_head=before.chain.digest.hex(),
        )
        if rotate:
            fresh = LedgerKey(before.chain.records + 1, os.urandom(KEY_BYTES))
            updated = replace(updated, ledger_keys=(*updated.ledger_keys, fresh))
        header = replace(
            header, generation=updated.generation, format_version=updated.format_version
        )
        return State("", header, wrapping, root, updated, wrapped, before.chain)

    def _rotated(self, before: State, new_key: Key | None) -> tuple[Header, bytes, Root]:
        header, wrapping = before.header, before.wrapping_key
        if new_key is not None:
            new_key.refuse_inside(self.path)
            kdf = header.kdf.salted()
            wrapping = new_key.wrapping_key(kdf)
            header = replace(header, kdf=kdf, key_kind=new_key.kind)
        root = Root.fresh(header.vault_id)
        wrapped = root.wrap(wrapping)
        return replace(header, epoch=header.epoch + 1, wrapped_root=wrapped), wrapping, root

    def _rewrapped(
        self, files: tuple[StoredFile, ...], new_keys: Mapping[str, bytes], root: Root | None
    ) -> dict[str, bytes]:
        """Return the wrapped key of every file: those there are, unless the root is new."""
        wrapped = {}
        for file in files:
            if root is None and file.key not in new_keys:
                wrapped[file.key] = self.state.wrapped_keys[file.key]
                continue
            data_key = new_keys[file.key] if file.key in new_keys else self.data_key(file)
            wrapper = root or self.state.root
            wrapped[file.key] = wrapper.wrap_data_key(data_key, file.name, file.key)
        return wrapped

    def _delete(self, names: set[str], *, must: bool) -> None:
        for name in names:
            try:
                (self.path / name).unlink(missing_ok=True)
            except OSError:
                if must:
                    raise

    def _clear_leftovers(self) -> None:
        kept = self.manifest.names()
        for path in stored_paths(self.path):
            if path.relative_to(self.path).as_posix() not in kept:
                path.unlink(missing_ok=True)

    # --- the state on disk -----------------------------------------------------------------------

    def _settled_state(self) -> State:
        """Read the state; again, if a writer changed it while it was being read."""
        for _ in range(OPENING_ATTEMPTS):
            seen = read_manifest_bytes(self.path)
            try:
                head = self.heads.read()
                state = self._read_state(marks=(head.records,) if head else ())
                faults = history_faults(state.manifest, state.digest, state.chain, head)
            except Damaged:
                if read_manifest_bytes(self.path) == seen:
                    raise
                continue
            if not faults:
                return state
            if read_manifest_bytes(self.path) == seen:
                raise Damaged(
                    f"{faults[0]}; if an older copy was put back on purpose, "
                    f"remove {self.heads.path} and what it protected against may have happened"
                )
        raise InputError(
            Fault("vault", "it changes without rest", "a moment's pause", "try again later")
        )

    def _read_state(self, marks: tuple[int, ...]) -> State:
        content = read_manifest_bytes(self.path)
        header = Header.parse(manifest.split(content)[0])
        if header.vault_id != self.vault_id:
            raise Damaged("manifest: it is another vault's")
        try:
            root = Root.unwrap(header.vault_id, header.wrapped_root, self._wrapping_key)
        except KeyUnavailable as error:
            if self._state is None:
                raise
            raise KeyUnavailable(
                "the vault was given another key; open it again with it"
            ) from error
        current = Manifest.unseal(content, root)
        wrapped = read_keys(self.path, current.keys)
        found = Ledger(self.path / ledger.NAME, header.vault_id, current.ledger_keys)
        chain = found.scan(marks=(current.ledger_records, *marks))
        digest = hashlib.sha256(content).hexdigest()
        return State(digest, header, self._wrapping_key, root, current, wrapped, chain)

    def _adopt(self, state: State) -> None:
        self._state = state
        self._wrapping_key = state.wrapping_key
        self.ledger.keys = state.manifest.ledger_keys
        self._epoch = state.header.epoch
        self._chain = state.chain
        self._committed = (state.manifest.generation, state.digest)

    @contextmanager
    def _lock(
        self, name: str, what: str, patience_seconds: float = disk.LOCK_PATIENCE_SECONDS
    ) -> Iterator[None]:
        with disk.locked(self.path / LOCKS / name, what, patience_seconds):
            yield


def binding(vault_id: str, name: str) -> bytes:
    """Return what a file's encryption is bound to: its vault and its name."""
    return f"osler {vault_id}/{name}".encode()


def history_faults(current: Manifest, digest: str, chain: Chain, head: Head | None) -> list[str]:
    """Return where manifest, ledger and the head outside contradict each other.

    Parameters
    ----------
    digest
        Sha256 of the manifest file.
    chain
        The ledger, with the hashes after as many records as manifest and head know of.
    """
    faults = []
    if chain.records < current.ledger_records:
        faults.append("ledger: it was cut; the manifest knows of later records")
    elif chain.marks[current.ledger_records].hex() != current.ledger_head:
        faults.append("ledger: it is not the one that the manifest was signed with")
    here = (current.generation, digest)
    if chain.last and _is_behind(here, chain.last.committed):
        faults.append("manifest: it was rolled back; the ledger knows a later generation")
    if head is None:
        return faults
    if chain.records < head.records:
        faults.append("ledger: it was rolled back; the head outside knows of later records")
    elif chain.marks[head.records].hex() != head.digest:
        faults.append("ledger: its history is not the one that the head outside knows")
    if _is_behind(here, (head.generation, head.manifest)):
        faults.append("manifest: it was rolled back; the head outside knows a later generation")
    return faults


def _is_behind(here: tuple[int, str], known: tuple[int, str]) -> bool:
    return here[0] < known[0] or (here[0] == known[0] and here[1] != known[1])


def wrapping_key(key: Key, header: Header) -> bytes:
    """Derive the wrapping key of a vault.

    Raises
    ------
    KeyUnavailable
        If the vault is opened by the other kind of key.
    """
    if key.kind != header.key_kind:
        raise KeyUnavailable(
            f"this vault is opened by a {header.key_kind}, and a {key.kind} was given; "
            f"give the {header.key_kind}"
        )
    return key.wrapping_key(header.kdf)


def read_header(path: Path) -> Header:
    """Read what stands in clear of a vault.

    Raises
    ------
    KeyUnavailable
        If there is no vault at `path`.
    Damaged
        If there is the rest of one, or its first line was changed.
    """
    return Header.parse(manifest.split(read_manifest_bytes(path))[0])


def read_manifest_bytes(path: Path) -> bytes:
    """Read the manifest file, telling a missing vault from a damaged one."""
    try:
        return (path / manifest.NAME).read_bytes()
    except OSError as error:
        if (path / ledger.NAME).exists() or (path / KEYS).exists():
            raise Damaged(f"manifest: it cannot be read ({error.strerror})") from error
        raise KeyUnavailable(
            f"{path}: no vault here; make one with `osler vault init` or name another folder"
        ) from error


def read_keys(path: Path, file: StoredFile) -> dict[str, bytes]:
    """Read the file of wrapped data keys."""
    try:
        content = (path / file.name).read_bytes()
    except OSError as error:
        raise Damaged(f"{file.name}: it cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != file.digest:
        raise Damaged(f"{file.name}: it is not the file that the manifest names")
    return {name: decode(wrapped) for name, wrapped in json.loads(content).items()}


def stored_paths(path: Path) -> Iterator[Path]:
    """Yield every file below the vault that a manifest may name, and unfinished manifests."""
    yield from path.glob(f"{manifest.NAME}{disk.TEMPORARY}*")
    for folder in {KEYS, *DATA_FOLDERS.values()}:
        # Never through a link: what is not referred to is deleted, and a link may lead anywhere.
        if (path / folder).is_symlink():
            continue
        for inner, _, names in os.walk(path / folder, followlinks=False):
            yield from (Path(inner) / name for name in names)


def now() -> str:
    """Return the time in UTC, ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _retired(before: Manifest, dropped: frozenset[str]) -> tuple[Retired, ...]:
    moment = time.time()
    kept = [one for one in before.retired if moment - one.since < RETIRED_KEPT_SECONDS]
    gone = [Retired(file, moment) for file in before.files if file.name in dropped]
    return (*kept, *gone)


def _write_keys(path: Path, wrapped: Mapping[str, bytes]) -> StoredFile:
    content = json.dumps({name: encode(one) for name, one in sorted(wrapped.items())}).encode()
    name = f"{KEYS}/{secrets.token_hex(16)}.json"
    disk.write_new(path / name, content)
    disk.sync_folder(path / KEYS)
    digest = hashlib.sha256(content).hexdigest()
    return StoredFile(name, "keys", digest, len(content), "")


def _write_empty(path: Path, key: Key, kdf: Kdf, shards: int) -> None:
    for folder in (LOCKS, KEYS, *set(DATA_FOLDERS.values())):
        (path / folder).mkdir(mode=0o700)
    vault_id = secrets.token_hex(16)
    root = Root.fresh(vault_id)
    disk.write_new(path / ledger.NAME, b"")
    empty = Manifest(
        generation=1,
        created_at=now(),
        shards=shards,
        shard_salt=secrets.randbits(64),
        keys=_write_keys(path, {}),
        ledger_records=0,
        ledger_head=Ledger(path / ledger.NAME, vault_id, ()).beginning().digest.hex(),
        ledger_keys=(LedgerKey(1, os.urandom(KEY_BYTES)),),
        pseudonym_key=os.urandom(KEY_BYTES),
        next_name_id=FIRST_NAME_ID,
    )
    header = Header(vault_id, 1, 1, key.kind, kdf, root.wrap(key.wrapping_key(kdf)))
    disk.write_new(path / manifest.NAME, empty.seal(header, root))
