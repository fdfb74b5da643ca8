"""Erasure: one subject leaves for good, and it is proved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from osler.errors import Damaged, Fault, InputError
from osler.vault import history, tables
from osler.vault.access import Actor
from osler.vault.manifest import Manifest, StoredFile
from osler.vault.shards import read_frame, shard_of, write_frame
from osler.vault.store import Change, NewFile, Store

SEARCH_BLOCK_BYTES = 1 << 24
# A pattern so short that chance alone may put it into encrypted bytes proves nothing.
CHANCE_ALLOWED = 1e-6


@dataclass(frozen=True)
class ErasureProof:
    """What an erasure did, and what was searched afterwards without finding the subject.

    Parameters
    ----------
    events_erased, attachments_erased
        What the subject had.
    files_rewritten, files_deleted
        Encrypted anew under fresh keys without the subject, and removed.
    generation
        The vault's generation without the subject.
    key_rotated
        The root secret is new, and every data key is wrapped by the new one.
    rows_scanned
        Decrypted rows of events and tables among which the subject was not.
    files_searched, bytes_searched
        Of the bytes as they lie on disk.
    searched_for
        Forms of the identifier that were searched for.
    not_searched_for
        Forms too short to tell from chance in encrypted bytes.
    exports
        Registered exports outside the vault that still hold the subject: number (of the
        record), kind, time, digest, where, subjects.
    """

    events_erased: int
    attachments_erased: int
    files_rewritten: int
    files_deleted: int
    generation: int
    key_rotated: bool
    rows_scanned: int
    files_searched: int
    bytes_searched: int
    searched_for: tuple[str, ...]
    not_searched_for: tuple[str, ...]
    exports: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; none of them is the subject."""
        return asdict(self)


def erase(store: Store, actor: Actor, subject_id: int) -> ErasureProof:
    """Erase a subject from every file of the vault; the caller holds the writer's lock.

    Raises
    ------
    InputError
        If the vault neither holds the subject nor has erased it before.
    Damaged
        If the search afterwards finds anything of the subject.
    """
    mark, short = store.pseudonyms.of(subject_id).hex(), store.pseudonyms.short(subject_id)
    erased = mark in store.manifest.tombstones
    table = tables.read_subjects(store)
    own = table.filter(pl.col("subject_id") == subject_id)
    if own.is_empty() and not erased:
        raise InputError(Fault("subject", "not in this vault", "a subject that it holds"))
    places = dict(store.manifest.places)
    outside = history.exports(store.ledger.records(), places, short, erased=erased)
    store.append(actor, "search again" if erased else history.ERASE, {}, "listed", short)
    names = own["name"].drop_nulls().to_list()
    removal = _Removal.plan(store, subject_id, table)
    alone = {str(one["number"]) for one in outside if one["subjects"] == 1}
    marks = [mark, *(store.pseudonyms.of_name(name).hex() for name in names)]
    store.commit(
        Change(
            added=tuple(removal.added),
            dropped=frozenset(one.name for one in removal.dropped),
            update=lambda current: _without(current, marks, alone, removal.subjects),
            rotate=True,
            purge=True,
        ),
        actor,
    )
    # Once more: an export may have been registered until the tombstone was in place.
    places |= store.manifest.places
    outside = history.exports(store.ledger.records(), places, short, erased=True)
    return _prove(store, subject_id, names, removal, tuple(outside))


@dataclass(frozen=True)
class _Removal:
    """The files that go and those that take their place."""

    added: list[NewFile]
    dropped: list[StoredFile]
    events: int
    attachments: int
    subjects: int

    @classmethod
    def plan(cls, store: Store, subject_id: int, table: pl.DataFrame) -> _Removal:
        """Write every file that holds the subject anew, without the subject."""
        added: list[NewFile] = []
        dropped: list[StoredFile] = []
        events = 0
        for file in _segments_of(store, subject_id):
            frame = read_frame(store, file)
            rest = frame.filter(pl.col("subject_id") != subject_id)
            if rest.height == frame.height:
                continue
            events += frame.height - rest.height
            dropped.append(file)
            if rest.height:
                added.append(write_frame(store, rest, "segment", file.shard, derived=file.derived))
        others = table.filter(pl.col("subject_id") != subject_id)
        if others.height < table.height:
            added.append(write_frame(store, others, "subjects"))
            dropped += store.manifest.of_kind("subjects")
        codes = tables.read_codes(store)
        kept = tables.with_ancestors(_codes_without(store, subject_id), codes)
        if kept.height < codes.height:
            added.append(write_frame(store, kept, "codes"))
            dropped += store.manifest.of_kind("codes")
        attached = [
            one for one in store.manifest.of_kind("attachment") if one.subject_id == subject_id
        ]
        return cls(added, dropped + attached, events, len(attached), others.height)


def _segments_of(store: Store, subject_id: int) -> list[StoredFile]:
    manifest = store.manifest
    ids = pl.Series([subject_id], dtype=pl.Int64).to_numpy()
    shard = int(shard_of(ids, manifest.shard_salt, manifest.shards)[0])
    return manifest.segments(shard, manifest.derived_names())


def _codes_without(store: Store, subject_id: int) -> pl.Series:
    """Return the codes that loaded events of other subjects have."""
    found = pl.Series("code", [], dtype=pl.String)
    for file in store.manifest.loaded_segments():
        frame = read_frame(store, file, columns=["subject_id", "code"], categorical=["code"])
        codes = frame.filter(pl.col("subject_id") != subject_id)["code"].unique()
        found = pl.concat([found, codes.cast(pl.String)]).unique()
    return found


def _without(current: Manifest, marks: Iterable[str], alone: set[str], subjects: int) -> Manifest:
    return replace(
        current,
        subjects=subjects,
        tombstones=tuple(dict.fromkeys([*current.tombstones, *marks])),
        places={name: where for name, where in current.places.items() if name not in alone},
    )


def _prove(
    store: Store,
    subject_id: int,
    names: list[str],
    removal: _Removal,
    outside: tuple[dict[str, Any], ...],
) -> ErasureProof:
    rows = _scan(store, subject_id)
    files = sorted(path for path in store.path.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    forms = _forms(subject_id, names)
    telling = {
        form: pattern
        for form, pattern in forms.items()
        if size * 256.0 ** -len(pattern) < CHANCE_ALLOWED
    }
    for path in files:
        _search(path, store.path, telling)
    return ErasureProof(
        events_erased=removal.events,
        attachments_erased=removal.attachments,
        files_rewritten=len(removal.added),
        files_deleted=len(removal.dropped),
        generation=store.manifest.generation,
        key_rotated=True,
        rows_scanned=rows,
        files_searched=len(files),
        bytes_searched=size,
        searched_for=tuple(telling),
        not_searched_for=tuple(form for form in forms if form not in telling),
        exports=outside,
    )


def _scan(store: Store, subject_id: int) -> int:
    """Decrypt every frame and look for the subject; return how many rows were looked at."""
    rows = 0
    for file in [*store.manifest.of_kind("segment"), *store.manifest.of_kind("subjects")]:
        ids = read_frame(store, file, columns=["subject_id"])["subject_id"]
        rows += ids.len()
        if (ids == subject_id).any():
            raise Damaged(f"{file.name}: it still holds the subject; erase again")
    if any(one.subject_id == subject_id for one in store.manifest.files):
        raise Damaged("manifest: it still names an attachment of the subject; erase again")
    return rows


def _forms(subject_id: int, names: list[str]) -> dict[str, bytes]:
    forms = {
        "int64 little-endian": subject_id.to_bytes(8, "little", signed=True),
        "int64 big-endian": subject_id.to_bytes(8, "big", signed=True),
        "decimal text": str(subject_id).encode(),
    }
    return forms | {f"name {number}": name.encode() for number, name in enumerate(names, 1)}


def _search(path: Path, vault: Path, forms: dict[str, bytes]) -> None:
    overlap = max(map(len, forms.values())) - 1
    tail = b""
    with path.open("rb") as stream:
        while block := stream.read(SEARCH_BLOCK_BYTES):
            window = tail + block
            for form, pattern in forms.items():
                if pattern in window:
                    name = path.relative_to(vault).as_posix()
                    raise Damaged(f"{name}: it holds the subject as {form}; erase again")
            tail = window[-overlap:]
