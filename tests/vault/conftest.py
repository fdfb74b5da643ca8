"""Vaults made quickly: a passphrase that costs nothing to try, heads beside the test."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from osler.testing import cohort, patient
from osler.vault import AccessPolicy, Actor, Kdf, Key, Vault, VerifyReport

CHEAP = Kdf(passes=1, memory_kib=64, lanes=1)
ACTOR = Actor("tester", "testing")
DIGEST = "ab" * 32


@dataclass
class Place:
    """A vault of a test: where it is, its key, and how to open it again."""

    path: Path
    heads: Path
    key: Key

    def init(self, shards: int = 3) -> Vault:
        """Make the vault."""
        return Vault.init(
            self.path, self.key, shards=shards, actor=ACTOR, head_folder=self.heads, kdf=CHEAP
        )

    def open(
        self, actor: Actor = ACTOR, policy: AccessPolicy | None = None, within: int | None = None
    ) -> Vault:
        """Open the vault anew."""
        return Vault.open(
            self.path,
            self.key,
            actor=actor,
            policy=policy,
            head_folder=self.heads,
            within=within,
        )

    def verify(self) -> VerifyReport:
        """Verify the vault."""
        return Vault.verify_path(self.path, self.key, head_folder=self.heads)

    def people(self, *subject_ids: int) -> pl.DataFrame:
        """Return three events for each subject, one of a code that only this subject has."""
        return cohort(
            *(
                patient(subject_id=one, born=1950)
                .lab("creatinine", 1.0 + one % 7 / 10, day=one % 50)
                .event(f"ONLY//{one}", day=3, text="note")
                for one in subject_ids
            )
        )

    def load(
        self,
        events: pl.DataFrame,
        digest: str = DIGEST,
        *,
        vault: Vault | None = None,
        scan_of: int | None = None,
    ) -> Vault:
        """Load events, and a small attachment of one subject."""
        vault = vault or self.open()
        with vault.loading("test", digest) as session:
            session.append(events)
            if scan_of is not None:
                session.attach(scan_of, "scan.dcm", io.BytesIO(b"pixel" * 1000))
        return vault

    def everything(self, vault: Vault | None = None) -> pl.DataFrame:
        """Return all events of the vault in one order."""
        vault = vault or self.open()
        whole = pl.concat([vault.shard_events(shard) for shard in vault.shard_ids()])
        return whole.sort("subject_id", "time", "code", nulls_last=False)

    def files(self) -> list[Path]:
        """Return every file of the vault."""
        return sorted(path for path in self.path.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: no test can cut the power."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give a place for a vault."""
    return Place(
        tmp_path / "vault", tmp_path / "heads", Key.from_passphrase("four words are enough")
    )


@pytest.fixture
def filled(place: Place) -> Place:
    """Make a vault of twenty subjects, one of them with an attachment."""
    place.load(place.people(*range(1, 21)), vault=place.init(), scan_of=5)
    return place


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], Place]:
    """Make several places in one test."""
    key = Key.from_passphrase("four words are enough")
    return lambda name: Place(tmp_path / name, tmp_path / "heads", key)
