"""The vault: what the rest of osler reads patients from."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from osler import config
from osler.errors import Fault, InputError, Refused
from osler.model import EVENT_SCHEMA, sort_events
from osler.vault import erasure, history, shards, streams, tables, verification
from osler.vault.access import AccessPolicy, Actor
from osler.vault.acts import Act
from osler.vault.deriving import Derived, Deriving, named
from osler.vault.info import VaultInfo, info_of
from osler.vault.keys import Kdf, Key
from osler.vault.ledger import Record, Scope
from osler.vault.loading import Loading
from osler.vault.manifest import Derivation, Manifest
from osler.vault.store import Change, Store
from osler.vault.verification import VerifyReport

ALL: Literal["all"] = "all"
MOST_SHARDS = 1000

Subjects = Iterable[int] | Literal["all"] | None


class Vault:
    """An open vault, pinned to the generation that it was opened at.

    Every reading method stands in the ledger before it answers: once for each act when called
    within `with vault.act(...)`, else by itself. `Vault.open` and `Vault.init` make one.
    """

    def __init__(
        self, store: Store, actor: Actor, policy: AccessPolicy | None, head_folder: Path
    ) -> None:
        self._store = store
        self._actor = actor
        self._policy = policy
        self._head_folder = head_folder
        self._acts: list[Act] = []
        self._implied: Act | None = None
        self._mutex = threading.RLock()

    # --- making and opening ---------------------------------------------------------------------

    @classmethod
    def init(
        cls,
        path: Path,
        key: Key,
        *,
        shards: int = 16,
        actor: Actor | None = None,
        policy: AccessPolicy | None = None,
        head_folder: Path | None = None,
        kdf: Kdf | None = None,
    ) -> Vault:
        """Make an empty vault and open it.

        Parameters
        ----------
        path
            A folder that does not exist yet, or is empty.
        shards
            Into how many parts subjects are spread; each must fit in memory.
        kdf
            Cost of deriving the key from a passphrase; the default is RFC 9106's.

        Raises
        ------
        InputError
            If the folder holds something, the key file would lie inside it, or the number of
            shards is not from 1 to 1000.
        """
        path, faults = Path(path), []
        if not 1 <= shards <= MOST_SHARDS:
            faults.append(Fault("shards", str(shards), f"1 to {MOST_SHARDS}"))
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            faults.append(
                Fault(str(path), "not an empty folder", "a place for a new vault", "name another")
            )
        if faults:
            raise InputError(faults)
        who, heads = _actor(actor), _heads(head_folder)
        store = Store.create(path, key, heads, shards=shards, kdf=kdf or Kdf(), actor=who)
        return cls(store, who, policy, heads)

    @classmethod
    def open(
        cls,
        path: Path,
        key: Key,
        *,
        actor: Actor | None = None,
        policy: AccessPolicy | None = None,
        head_folder: Path | None = None,
        within: int | None = None,
    ) -> Vault:
        """Open a vault at its present generation.

        Parameters
        ----------
        actor
            Who and why; None takes OSLER_USER and OSLER_PURPOSE.
        policy
            Asked before every act; None allows all.
        head_folder
            Where heads are kept, outside the vault; None takes osler's state folder.
        within
            `Act.number` of an act that another process of the same actor has recorded: what is
            read here belongs to it and is not recorded again.

        Raises
        ------
        KeyUnavailable
            If there is no vault, or the key is not its key.
        Damaged
            If manifest, keys or ledger do not authenticate, or the vault was rolled back.
        InputError
            If a later version of osler made it, or it has changed since the act `within`.
        """
        who, heads = _actor(actor), _heads(head_folder)
        vault = cls(Store(Path(path), key, heads), who, policy, heads)
        if within is not None:
            vault._acts.append(vault._act_of_another(within))
        return vault

    @staticmethod
    def verify_path(
        path: Path, key: Key, *, actor: Actor | None = None, head_folder: Path | None = None
    ) -> VerifyReport:
        """Verify a vault that may be too damaged to open. Writes nothing; shows no patient data.

        Raises
        ------
        KeyUnavailable
            If there is no vault, or the key is not its key.
        """
        del actor
        return verification.verify(Path(path), key, _heads(head_folder))

    # --- acts -----------------------------------------------------------------------------------

    @contextmanager
    def act(
        self, action: str, what: Mapping[str, Any] | None = None, *, subjects: Subjects = ALL
    ) -> Iterator[Act]:
        """Record an act, and let everything read inside the `with` belong to it.

        Parameters
        ----------
        action
            In words: `study run`.
        what
            Counts, digests and plain words; other text is replaced by its keyed digest.
        subjects
            Whom it touches: `ALL` of this generation, some ids, or None for nobody.

        Raises
        ------
        Refused
            If the policy does not allow it, or the ledger cannot be written.
        """
        act = self._begin(action, what, subjects)
        with self._mutex:
            self._acts.append(act)
        try:
            yield act
        finally:
            with self._mutex:
                self._acts.remove(act)

    def record(
        self, action: str, what: Mapping[str, Any] | None = None, subjects: Subjects = None
    ) -> int:
        """Record an act before its answer is given; return the number of its record.

        Raises
        ------
        Refused
            If the policy does not allow it, or the ledger cannot be written.
        """
        return self._begin(action, what, subjects).number

    def _begin(self, action: str, what: Mapping[str, Any] | None, subjects: Subjects) -> Act:
        self._ask_policy(action, subjects)
        record = self._append(action, what or {}, subjects)
        return Act(record.number, record.scope, record.listed)

    def _append(self, action: str, what: Mapping[str, Any], subjects: Subjects) -> Record:
        pseudonyms = self._store.pseudonyms
        scope: Scope = "none" if subjects is None else "listed"
        if isinstance(subjects, str):
            scope = "all"
        listed = (
            b"" if subjects is None or isinstance(subjects, str) else pseudonyms.listed(subjects)
        )
        words = history.plain(what, pseudonyms)
        return self._store.append(
            self._actor, str(history.plain(action, pseudonyms)), words, scope, listed
        )

    def _ask_policy(self, action: str, subjects: Subjects) -> None:
        if self._policy is None:
            return
        reason = self._policy.allows(self._actor, action, self._actor.purpose)
        if reason is not None:
            self._append("refused", {"act": action}, subjects)
            raise Refused(f"{action}: not allowed: {reason}")

    def _imply(self) -> None:
        """Record, once for this handle, that all subjects may be read."""
        with self._mutex:
            if any(one.covers() for one in self._acts) or self._implied is not None:
                return
            self._implied = self._begin("read", None, ALL)

    def _act_of_another(self, number: int) -> Act:
        record = next((one for one in self._store.ledger.records() if one.number == number), None)
        mine = (self._actor.user, self._actor.purpose, self._store.manifest.generation)
        if record is None or (record.user, record.purpose, record.generation) != mine:
            raise InputError(
                Fault(
                    "vault",
                    "it changed while the work was under way, or the act is another's",
                    "the generation that the act began with",
                    "run it again",
                )
            )
        return Act(record.number, record.scope, record.listed)

    # --- reading --------------------------------------------------------------------------------

    @property
    def vault_id(self) -> str:
        """Random name of the vault, 32 hexadecimal digits."""
        return self._store.vault_id

    @property
    def generation(self) -> int:
        """The generation that is read."""
        return self._store.manifest.generation

    @property
    def digest(self) -> str:
        """Sha256 of the manifest, hence of all that is read; for provenance."""
        return self._store.state.digest

    def info(self) -> VaultInfo:
        """Return counts of subjects, events, shards and bytes."""
        self.record("info")
        return info_of(self._store)

    def derivations(self) -> list[Derivation]:
        """Return what osler derived of everyone here: about what, by which release, from what."""
        return list(self._store.manifest.derivations)

    def shard_ids(self) -> list[int]:
        """Return the numbers of all shards, also of empty ones."""
        return list(range(self._store.manifest.shards))

    def shard_events(
        self,
        shard: int,
        *,
        columns: Sequence[str] | None = None,
        categorical_codes: bool = False,
        derived: Derived = (),
    ) -> pl.DataFrame:
        """Return the events of a shard, sorted by subject and time, static ones first.

        Parameters
        ----------
        columns
            Which of `EVENT_SCHEMA`, in this order; None gives all.
        categorical_codes
            Give `code` as `pl.Categorical`: faster and smaller.
        derived
            Subjects of knowledge whose derived events are given too, or `all`.

        Raises
        ------
        InputError
            If nothing was derived about a subject of knowledge that is named.
        Damaged
            If a file of the shard is not as it was written.
        """
        current = self._store.manifest
        unknown = [name for name in columns or () if name not in EVENT_SCHEMA]
        faults = [Fault("columns", name, f"of {', '.join(EVENT_SCHEMA)}") for name in unknown]
        if not 0 <= shard < current.shards:
            faults.append(Fault("shard", str(shard), f"0 to {current.shards - 1}"))
        if faults:
            raise InputError(faults)
        self._imply()
        return shards.read_shard(
            self._store,
            shard,
            columns=columns,
            categorical=categorical_codes,
            derived=named(current, derived),
        )

    def shard_attachments(self, shard: int) -> list[tuple[int, str]]:
        """Return subject and name of every attachment of a shard's subjects, sorted."""
        self._imply()
        current = self._store.manifest
        files = [(int(one.subject_id or 0), one) for one in current.of_kind("attachment")]
        ids = pl.Series([subject for subject, _ in files], dtype=pl.Int64).to_numpy()
        places = shards.shard_of(ids, current.shard_salt, current.shards)
        return sorted(
            (subject, str(one.title))
            for (subject, one), place in zip(files, places, strict=True)
            if place == shard
        )

    def subject_events(self, subject_id: int, *, derived: Derived = ()) -> pl.DataFrame:
        """Return the events of one subject, sorted; none if the vault does not hold the subject.

        The ledger names the subject by a keyed pseudonym. `derived` is as in `shard_events`.
        """
        self._touch(subject_id, "read subject")
        current = self._store.manifest
        shard = shards.shard_of(
            pl.Series([subject_id], dtype=pl.Int64).to_numpy(), current.shard_salt, current.shards
        )
        parts = [
            shards.read_frame(self._store, file, subject_id=subject_id)
            for file in current.segments(int(shard[0]), named(current, derived))
        ]
        whole = pl.concat([shards.empty(list(EVENT_SCHEMA), categorical=False), *parts])
        return sort_events(whole.filter(pl.col("subject_id") == subject_id))

    def subject_ids(self) -> pl.Series:
        """Return the ids of all subjects, sorted."""
        self._imply()
        return tables.read_subjects(self._store)["subject_id"]

    def codes(self) -> pl.DataFrame:
        """Return `CODE_COLUMNS`, sorted by code: one row for each code that a loaded event has.

        So has each code that stands above one of these, as far as a source told what does.

        Within an act this adds nothing to it: what a code means is nobody's data.
        """
        with self._mutex:
            if not self._acts:
                self._imply()
        return tables.read_codes(self._store)

    def attachments(self, subject_id: int) -> list[str]:
        """Return the names of a subject's attachments."""
        self._touch(subject_id, "list attachments")
        files = self._store.manifest.of_kind("attachment")
        return [str(one.title) for one in files if one.subject_id == subject_id]

    def attachment(self, subject_id: int, name: str) -> Iterator[bytes]:
        """Yield an attachment part by part, each authenticated before it is given.

        Raises
        ------
        InputError
            If the subject has no attachment of that name.
        Damaged
            If a part is not as it was written, or the end is missing; parts given before are
            sound.
        """
        self._touch(subject_id, "read attachment")
        store = self._store
        files = store.manifest.of_kind("attachment")
        file = next((f for f in files if (f.subject_id, f.title) == (subject_id, name)), None)
        if file is None:
            raise InputError(Fault("attachment", "no such name", "one that `attachments` lists"))
        bound = tables.attachment_binding(store.vault_id, file.name, subject_id, name)
        path = store.path / file.name
        if not path.exists():
            store.refuse_outdated()
        return streams.read_stream(path, store.data_key(file), bound, name=file.name)

    def _touch(self, subject_id: int, action: str) -> None:
        short = self._store.pseudonyms.short(subject_id)
        if not any(one.covers(short) for one in self._acts):
            self._begin(action, None, [subject_id])

    # --- changing -------------------------------------------------------------------------------

    @contextmanager
    def loading(self, source: str, digest: str) -> Iterator[Loading]:
        """Load a source: at the end all of it is in the vault, or, on any error, nothing.

        Waits for another writer. The handle moves to the new generation.

        Parameters
        ----------
        source
            Name of the format.
        digest
            Sha256 of the source, hexadecimal, by which it is known again.
        """
        with self._store.writing():
            self._begin("load", {"source": source, "digest": digest}, None)
            load = Loading(self._store, self._actor, source, digest)
            try:
                yield load
                if not (load.abandoned or load.already_loaded):
                    load.commit()
            except BaseException:
                # The ledger tells what did not happen, if it can still be written.
                with suppress(Refused):
                    self._append("load abandoned", {}, None)
                raise
            finally:
                load.clear()

    @contextmanager
    def deriving(self, about: str, release: str, basis: str) -> Iterator[Deriving]:
        """Derive events from those of everyone: at the end all are in place, or none.

        They take the place of all that was derived about the same before. What is read inside
        belongs to this act, and nobody else can change the vault meanwhile. The handle moves to
        the new generation.

        Parameters
        ----------
        about
            Subject of knowledge, such as `tumour`.
        release
            Name of the release of knowledge.
        basis
            Digest of all that the results depend on beside what was loaded, by which they are known
            again.
        """
        with self._store.writing():
            derivation = Deriving(self._store, self._actor, about, release, basis)
            what = {"about": about, "release": release, "basis": basis}
            try:
                with self.act("derive", what) as act:
                    derivation.act_number = act.number
                    yield derivation
                if not derivation.already_derived:
                    derivation.commit()
            except BaseException:
                # The ledger tells what did not happen, if it can still be written.
                with suppress(Refused):
                    self._append("derive abandoned", {}, None)
                raise
            finally:
                derivation.clear()

    def compact(self) -> int:
        """Join the segments of each shard into one; return how many files that saved."""
        with self._store.writing():
            self._begin("compact", None, None)
            crowded = [
                shard for shard in self.shard_ids() if len(self._store.manifest.segments(shard)) > 1
            ]
            store = self._store
            dropped = [one.name for shard in crowded for one in store.manifest.segments(shard)]
            added = [
                shards.write_frame(store, shards.read_shard(store, shard), "segment", shard)
                for shard in crowded
            ]
            if added:
                change = Change(added=tuple(added), dropped=frozenset(dropped))
                self._store.commit(change, self._actor)
            return len(dropped) - len(added)

    def register_export(
        self, kind: str, digest: str, subjects: Subjects = ALL, *, where: str | None = None
    ) -> None:
        """Register what left the vault in clear, so that an erasure can name it.

        Parameters
        ----------
        kind
            In words: `patient report`.
        digest
            Sha256 of what was written.
        subjects
            Whom it holds; `ALL` (or None) for everyone of this generation.
        where
            Its place, kept encrypted, outside the ledger.

        Raises
        ------
        Refused
            If it holds someone who was erased since this handle was opened: that erasure could
            not name it.
        """
        held = ALL if subjects is None or isinstance(subjects, str) else list(subjects)
        number = self._begin(history.EXPORT, {"kind": kind, "digest": digest}, held).number
        # After the record: an erasure under way either finds it or is seen here.
        self._refuse_erased(held)
        if where is None:
            return

        def placed(current: Manifest) -> Manifest:
            return replace(current, places={**current.places, str(number): where})

        self._store.commit(Change(update=placed), self._actor)

    def _refuse_erased(self, held: list[int] | Literal["all"]) -> None:
        erased = self._store.erased_since()
        if not erased:
            return
        pseudonyms = self._store.pseudonyms
        if held == ALL or any(pseudonyms.of(one).hex() in erased for one in held):
            raise Refused(
                "export: it holds a subject who was erased meanwhile; delete what was written and "
                "run it again"
            )

    def rekey(self, new_key: Key) -> None:
        """Give the vault another key: the root secret is new, and the old key opens nothing.

        Raises
        ------
        InputError
            If the new key file lies inside the vault.
        """
        with self._store.writing():
            self._begin("rekey", None, None)
            self._store.commit(Change(new_key=new_key), self._actor)

    def erase(self, subject_id: int) -> erasure.ErasureProof:
        """Erase a subject from every file, rotate the root secret, and prove it by searching.

        Readers of earlier generations may find their files gone and have to open again. Copies
        of the vault made before are out of reach.

        Raises
        ------
        InputError
            If the vault neither holds the subject nor has erased it before.
        Damaged
            If the search finds anything of the subject afterwards.
        """
        self._ask_policy(history.ERASE, [subject_id])
        with self._store.writing():
            return erasure.erase(self._store, self._actor, subject_id)

    # --- looking after --------------------------------------------------------------------------

    def verify(self) -> VerifyReport:
        """Authenticate every file and the whole ledger, and compare them with the head outside."""
        wrapping = self._store.state.wrapping_key
        return verification.verify_with(
            self._store.path, self.vault_id, wrapping, self._head_folder
        )

    def audit(self, subject_id: int | None = None) -> list[dict[str, Any]]:
        """Return who did what, when and why: of everyone, or of what touched one subject.

        Each entry has `number`, `time`, `user`, `purpose`, `action`, `what`, `subjects` (a number
        or `all`) and `generation`. The audit itself is recorded, and not among its own entries.
        """
        asked = None if subject_id is None else [subject_id]
        number = self._begin("audit", None, asked).number
        records = [one for one in self._store.ledger.records() if one.number < number]
        if subject_id is None:
            return [history.entry(one) for one in records]
        pseudonyms = self._store.pseudonyms
        erased = pseudonyms.of(subject_id).hex() in self._store.manifest.tombstones
        touching = history.touching(records, pseudonyms.short(subject_id), erased=erased)
        return [history.entry(one) for one in touching]


def _actor(actor: Actor | None) -> Actor:
    return actor or Actor(config.user(), config.purpose())


def _heads(folder: Path | None) -> Path:
    return config.state_folder() / "heads" if folder is None else Path(folder)
