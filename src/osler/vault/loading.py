"""Loading: events come in any order, and a new generation comes into place at the end.

Rows go to the buffer of their shard. When the buffers are full they are written out as encrypted
segments that nothing refers to yet; at the end each shard is sorted and written as one segment.
So memory is bounded by the buffers and two shards, and nothing is ever on disk in clear.
"""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import polars as pl

from osler.errors import Fault, InputError
from osler.model import CODE_COLUMNS, as_events, sort_events
from osler.vault import shards, streams, tables
from osler.vault.access import Actor
from osler.vault.keys import KEY_BYTES
from osler.vault.manifest import FileKind, Manifest, StoredFile
from osler.vault.store import Change, NewFile, Store
from osler.vault.subjects import ERASED_ID, SubjectNames

BUFFER_BYTES = 768 << 20
MOST_SEGMENTS = 8
WRITERS = 2
ERASED = "erased subject"
LONGEST_TITLE = 200


@dataclass(frozen=True)
class WrittenShard:
    """One shard's new segment, what it replaces, and what came in it."""

    file: NewFile
    dropped: frozenset[str]
    subjects: pl.Series
    codes: pl.Series
    events: int


@dataclass
class Outcome:
    """What the commit of a load put into the vault."""

    files: list[NewFile] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    subjects: list[pl.Series] = field(default_factory=list)
    codes: list[pl.Series] = field(default_factory=list)
    events: int = 0


class Loading:
    """One load under way; `Vault.loading` makes it, commits it and clears it away.

    Attributes
    ----------
    already_loaded
        The vault holds this very source; whatever is appended is an error of the caller.
    subjects
        Gives ids to the names of subjects.
    refused
        Events and attachments that the vault did not take, counted by reason.
    """

    def __init__(self, store: Store, actor: Actor, source: str, digest: str) -> None:
        manifest = store.manifest
        self._store = store
        self._actor = actor
        self._mark = store.pseudonyms.of_text(f"{source}\0{digest}")
        self._what = {"source": source, "digest": digest}
        self._tombstones = frozenset(manifest.tombstones)
        self._table = tables.read_subjects(store)
        self.already_loaded = self._mark in manifest.loaded
        self.subjects = SubjectNames(
            self._table, manifest.next_name_id, store.pseudonyms, self._tombstones
        )
        self.refused: Counter[str] = Counter()
        self._buffers: dict[int, list[pl.DataFrame]] = defaultdict(list)
        self._buffered_bytes = 0
        self._spilled: dict[int, list[NewFile]] = defaultdict(list)
        self._attached: list[NewFile] = []
        self._made: list[NewFile] = []
        self._codes = pl.DataFrame(schema=CODE_COLUMNS)
        self._erased: set[int] = {ERASED_ID}
        self._living: set[int] = set()
        self.abandoned = False
        self._committing = self._committed = False

    def append(self, events: pl.DataFrame, codes: pl.DataFrame | None = None) -> int:
        """Take events in any order, and descriptions of codes; return how many events were taken.

        Events of erased subjects are refused and counted in `refused`; exact duplicates are kept.

        Raises
        ------
        InputError
            If a column is missing or of another type, or a row has no subject or no code.
        """
        self._refuse_if_loaded()
        rows = _sound(as_events(events))
        if codes is not None:
            self._codes = tables.joined_codes(self._codes, codes)
        rows = self._without_erased(rows)
        if rows.is_empty():
            return 0
        self.subjects.take(rows["subject_id"].unique())
        self._buffer(rows)
        if self._buffered_bytes > BUFFER_BYTES:
            self._spill()
        return rows.height

    def attach(self, subject_id: int, name: str, stream: BinaryIO) -> bool:
        """Take a file that belongs to a subject; tell whether it was taken.

        A file of an erased subject is refused and counted in `refused`.

        Raises
        ------
        InputError
            If the subject has an attachment of that name, or the name is empty, over 200
            characters or not one printable line.
        """
        self._refuse_if_loaded()
        if self._is_erased(subject_id):
            self.refused[ERASED] += 1
            return False
        self._refuse_title(subject_id, name)
        path, data_key = self._store.new_name("attachment"), secrets.token_bytes(KEY_BYTES)
        binding = tables.attachment_binding(self._store.vault_id, path, subject_id, name)
        written = streams.write_stream(self._store.path / path, stream, data_key, binding)
        file = StoredFile(
            name=path,
            kind="attachment",
            digest=written.digest,
            size=written.size,
            key=secrets.token_hex(8),
            subject_id=subject_id,
            title=name,
        )
        self._attached.append(NewFile(file, data_key))
        return True

    def abandon(self) -> None:
        """Leave the vault as it was when the load ends, without an error."""
        self.abandoned = True

    def commit(self) -> None:
        """Sort, write and bring everything into place; nothing at all if nothing came."""
        outcome = self._written()
        attached = pl.Series([one.file.subject_id for one in self._attached], dtype=pl.Int64)
        touched = pl.concat([*outcome.subjects, attached]).unique().sort()
        if touched.is_empty():
            return
        table = tables.joined_subjects(self._table, touched, self.subjects.names())
        self._write_tables(table, outcome)
        what = self._what | {
            "events": outcome.events,
            "attachments": len(self._attached),
            "subjects": touched.len(),
            "generation": self._store.manifest.generation + 1,
        }
        listed = self._store.pseudonyms.listed(touched)
        self._store.append(self._actor, "store", what, "listed", listed)
        self._committing = True
        self._store.commit(
            Change(
                added=(*outcome.files, *self._attached),
                dropped=frozenset(outcome.dropped),
                update=lambda current: self._marked(current, table.height),
            ),
            self._actor,
        )
        self._committed = True

    def clear(self) -> None:
        """Delete what was written and is not in place.

        A commit that failed may yet be in place, so its files are left to the next writer, who
        reads the manifest anew before clearing.
        """
        if self._committing and not self._committed:
            return
        named = self._store.manifest.names()
        for new in [*self._made, *self._attached]:
            if new.file.name not in named:
                # What cannot be deleted now is cleared by the next writer.
                with suppress(OSError):
                    (self._store.path / new.file.name).unlink(missing_ok=True)

    # --- taking ---------------------------------------------------------------------------------

    def _refuse_if_loaded(self) -> None:
        if self.already_loaded:
            raise InputError(Fault("source", "already loaded", "a source that is not in the vault"))

    def _refuse_title(self, subject_id: int, title: str) -> None:
        if not title.strip() or len(title) > LONGEST_TITLE or not title.isprintable():
            raise InputError(
                Fault("attachment", "an unusable name", f"one line of at most {LONGEST_TITLE}")
            )
        present = [*self._store.manifest.of_kind("attachment")]
        present += [new.file for new in self._attached]
        if any(one.subject_id == subject_id and one.title == title for one in present):
            raise InputError(
                Fault("attachment", "a name that the subject's files have already", "a new one")
            )

    def _without_erased(self, rows: pl.DataFrame) -> pl.DataFrame:
        distinct = set(rows["subject_id"].unique()) if self._tombstones else set()
        for subject_id in distinct - self._living - self._erased:
            self._is_erased(subject_id)
        kept = rows.filter(~pl.col("subject_id").is_in(list(self._erased)))
        if kept.height < rows.height:
            self.refused[ERASED] += rows.height - kept.height
        return kept

    def _is_erased(self, subject_id: int) -> bool:
        if subject_id in self._erased:
            return True
        erased = self._store.pseudonyms.of(subject_id).hex() in self._tombstones
        (self._erased if erased else self._living).add(subject_id)
        return erased

    def _buffer(self, rows: pl.DataFrame) -> None:
        manifest = self._store.manifest
        shard = shards.shard_of(rows["subject_id"].to_numpy(), manifest.shard_salt, manifest.shards)
        parts = rows.with_columns(pl.Series("shard", shard)).partition_by(
            "shard", include_key=False, maintain_order=True, as_dict=True
        )
        for (number,), part in parts.items():
            self._buffers[int(number)].append(part)
        self._buffered_bytes += int(rows.estimated_size())

    def _spill(self) -> None:
        for shard, parts in self._buffers.items():
            frame = pl.concat(parts)
            parts.clear()
            self._spilled[shard].append(self._write(frame, "segment", shard))
        self._buffers.clear()
        self._buffered_bytes = 0

    # --- writing --------------------------------------------------------------------------------

    def _written(self) -> Outcome:
        outcome = Outcome()
        numbers = sorted({*self._buffers, *self._spilled})
        with ThreadPoolExecutor(WRITERS) as pool:
            for one in pool.map(self._write_shard, numbers):
                outcome.files.append(one.file)
                outcome.dropped |= one.dropped
                outcome.subjects.append(one.subjects)
                outcome.codes.append(one.codes)
                outcome.events += one.events
        return outcome

    def _write_shard(self, shard: int) -> WrittenShard:
        """Write a shard's new rows as one segment, together with the old when they are many."""
        spilled = [shards.read_new_frame(self._store, one) for one in self._spilled.pop(shard, [])]
        fresh = sort_events(pl.concat([*spilled, *self._buffers.pop(shard, [])]))
        subjects, codes, events = fresh["subject_id"].unique(), fresh["code"].unique(), fresh.height
        old = self._store.manifest.segments(shard)
        dropped: frozenset[str] = frozenset()
        if len(old) >= MOST_SEGMENTS:
            fresh = shards.merged([*(shards.read_frame(self._store, one) for one in old), fresh])
            dropped = frozenset(one.name for one in old)
        return WrittenShard(self._write(fresh, "segment", shard), dropped, subjects, codes, events)

    def _write_tables(self, table: pl.DataFrame, outcome: Outcome) -> None:
        """Write the tables of subjects and codes anew if they changed."""
        if not table.equals(self._table):
            self._replace("subjects", table, outcome)
        old = tables.read_codes(self._store)
        used = pl.concat([old["code"], *outcome.codes])
        codes = tables.with_ancestors(used, tables.joined_codes(old, self._codes))
        if not codes.equals(old):
            self._replace("codes", codes, outcome)

    def _replace(self, kind: FileKind, frame: pl.DataFrame, outcome: Outcome) -> None:
        outcome.files.append(self._write(frame, kind))
        outcome.dropped |= {one.name for one in self._store.manifest.of_kind(kind)}

    def _write(self, frame: pl.DataFrame, kind: FileKind, shard: int | None = None) -> NewFile:
        new = shards.write_frame(self._store, frame, kind, shard)
        self._made.append(new)
        return new

    def _marked(self, current: Manifest, subjects: int) -> Manifest:
        return replace(
            current,
            subjects=subjects,
            next_name_id=max(current.next_name_id, self.subjects.next_id),
            loaded=(*current.loaded, self._mark),
        )


def _sound(rows: pl.DataFrame) -> pl.DataFrame:
    faults = [
        Fault(f"column {name}", f"{missing} rows without a value", "none")
        for name in ("subject_id", "code")
        if (missing := rows[name].null_count())
    ]
    if faults:
        raise InputError(faults)
    return rows
