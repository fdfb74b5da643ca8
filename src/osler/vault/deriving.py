"""Deriving: what osler concludes from the events of a vault, kept apart from what was loaded.

All that is derived about one subject of knowledge is replaced at once: whoever reads finds the
results of one release, never some of two.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import polars as pl

from osler.errors import Fault, InputError
from osler.model import as_events, sort_events
from osler.vault import shards, tables
from osler.vault.access import Actor
from osler.vault.manifest import Derivation, Manifest
from osler.vault.store import Change, NewFile, Store

Derived = Collection[str] | Literal["all"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9 _+.-]{0,79}")
DIGEST = re.compile(r"[0-9a-f]{16,128}")


class Deriving:
    """One derivation under way; `Vault.deriving` makes it, commits it and clears it away.

    Attributes
    ----------
    already_derived
        The vault holds the results of this very basis and these very data; nothing need be
        appended.
    about
        Subject of knowledge.
    act_number
        Of its record in the ledger, for other processes that read within it.
    """

    act_number: int

    def __init__(self, store: Store, actor: Actor, about: str, release: str, basis: str) -> None:
        faults = [
            Fault(name, "a name that cannot be kept", "letters, digits, spaces, _ + . -")
            for name, value in (("about", about), ("release", release))
            if not NAME.fullmatch(value)
        ]
        if not DIGEST.fullmatch(basis):
            faults.append(Fault("basis", "no digest", "16 to 128 hexadecimal digits"))
        if faults:
            raise InputError(faults)
        self._store, self._actor = store, actor
        manifest = store.manifest
        whole = hashlib.sha256(f"{basis}\n{manifest.content_digest}".encode()).hexdigest()
        self._derivation = Derivation(about, release, whole, manifest.generation)
        self._known = tables.read_subjects(store)["subject_id"]
        self._touched: list[pl.Series] = []
        self._made: list[NewFile] = []
        self._committing = self._committed = False
        self.about = about
        self.already_derived = any(
            (one.about, one.release, one.basis) == (about, release, whole)
            for one in manifest.derivations
        )

    def append(self, events: pl.DataFrame) -> int:
        """Take derived events in any order and write them; return how many.

        Each call writes one file for every shard concerned, so give the results of a whole shard
        at once.

        Raises
        ------
        InputError
            If a column is missing or of another type, a row has no subject or no code, or a
            subject is not in the vault: nothing is derived of nobody.
        """
        rows = as_events(events)
        unknown = rows.filter(~pl.col("subject_id").is_in(self._known.implode()))
        faults = [
            Fault(f"column {name}", f"{missing} rows without a value", "none")
            for name in ("subject_id", "code")
            if (missing := rows[name].null_count())
        ]
        if unknown.height and not faults:
            faults.append(
                Fault("derived events", f"{unknown.height} of subjects not in the vault", "none")
            )
        if faults:
            raise InputError(faults)
        self._write(rows)
        return rows.height

    def commit(self) -> None:
        """Put all of it in place of what was derived about the same before."""
        touched = pl.concat(self._touched).unique() if self._touched else self._known.clear()
        self._derivation = replace(
            self._derivation,
            events=sum(new.file.rows for new in self._made),
            subjects=touched.len(),
        )
        self._record(touched)
        self._committing = True
        gone = [one.name for one in self._store.manifest.files if one.derived == self.about]
        self._store.commit(
            Change(added=tuple(self._made), dropped=frozenset(gone), update=self._marked),
            self._actor,
        )
        self._committed = True

    def clear(self) -> None:
        """Delete what was written and is not in place."""
        if self._committing:
            # A commit that failed may yet be in place; the next writer clears what is not.
            return
        for new in self._made:
            with suppress(OSError):
                (self._store.path / new.file.name).unlink(missing_ok=True)

    def _write(self, rows: pl.DataFrame) -> None:
        manifest = self._store.manifest
        shard = shards.shard_of(rows["subject_id"].to_numpy(), manifest.shard_salt, manifest.shards)
        parts = rows.with_columns(pl.Series("shard", shard)).partition_by(
            "shard", include_key=False, maintain_order=True, as_dict=True
        )
        for (number,), part in parts.items():
            frame, where = sort_events(part), int(number)
            self._made.append(
                shards.write_frame(self._store, frame, "segment", where, derived=self.about)
            )
            self._touched.append(frame["subject_id"].unique())

    def _record(self, touched: pl.Series) -> None:
        one = self._derivation
        what = {"about": one.about, "events": one.events, "subjects": one.subjects}
        listed = self._store.pseudonyms.listed(touched.to_list())
        self._store.append(self._actor, "store derived", what, "listed", listed)

    def _marked(self, current: Manifest) -> Manifest:
        others = tuple(one for one in current.derivations if one.about != self.about)
        return replace(current, derivations=(*others, self._derivation))


def named(manifest: Manifest, derived: Derived) -> list[str]:
    """Return the subjects of knowledge asked for.

    Raises
    ------
    InputError
        If nothing was derived about one of them.
    """
    known = manifest.derived_names()
    if isinstance(derived, str) and derived == "all":
        return known
    asked = [derived] if isinstance(derived, str) else list(derived)
    faults = [
        Fault(
            "derived",
            f"{one!r}, about which this vault holds no results"
            if NAME.fullmatch(one)
            else "a name that no derivation has",
            f"one of {', '.join(known)}" if known else "none: nothing was derived yet",
            "derive them with `osler genome derive`, or leave them out",
        )
        for one in asked
        if one not in known
    ]
    if faults:
        raise InputError(faults)
    return asked
