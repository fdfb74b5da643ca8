"""Erasure: nothing of the subject stays, nothing of others goes, and the proof says so."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from pathlib import Path

import polars as pl
import pytest

from osler.errors import Damaged, InputError, KeyUnavailable, Refused
from osler.vault import Key, erasure

SUBJECT = 7_120_000_451


@pytest.fixture
def crowd(filled):
    """Make a vault with one more subject, in two segments and with an attachment."""
    filled.load(filled.people(SUBJECT, 3), "02", scan_of=SUBJECT)
    filled.load(filled.people(SUBJECT, 4), "03")
    return filled


def test_nothing_of_the_subject_stays(crowd) -> None:
    """No shard, attachment, table, name or byte holds the subject, and all others are whole."""
    others = crowd.everything().filter(pl.col("subject_id") != SUBJECT)
    vault = crowd.open()
    proof = vault.erase(SUBJECT)
    assert (proof.events_erased, proof.attachments_erased) == (6, 1)
    assert proof.rows_scanned == others.height + 20
    assert proof.searched_for == ("int64 little-endian", "int64 big-endian", "decimal text")
    assert proof.files_searched == len(crowd.files())
    assert crowd.everything().equals(others)
    assert vault.subject_events(SUBJECT).is_empty()
    assert SUBJECT not in vault.subject_ids()
    assert f"ONLY//{SUBJECT}" not in vault.codes()["code"]
    assert set(vault.codes()["code"]) == set(others["code"])
    assert vault.info().subjects == 20
    assert crowd.verify().sound


def test_the_proof_and_its_errors_never_name_the_subject(crowd) -> None:
    """Neither proof nor message nor audit shows the identifier."""
    vault = crowd.open()
    with pytest.raises(InputError) as caught:
        vault.erase(55_500_017)
    assert "55500017" not in str(caught.value)
    assert str(SUBJECT) not in json.dumps(vault.erase(SUBJECT).to_json())
    assert str(SUBJECT) not in json.dumps(vault.audit())


def test_files_of_the_subject_go_at_once_and_never_come_back(crowd) -> None:
    """Old files are deleted with the erasure; put back, they are neither read nor readable."""
    old = {path: path.read_bytes() for path in crowd.files()}
    reader = crowd.open()
    crowd.open().erase(SUBJECT)
    assert not [path for path in crowd.files() if "keys" in path.parts and path in old]
    for path, content in old.items():
        if path.name not in ("manifest", "ledger"):
            path.write_bytes(content)
    vault = crowd.open()
    assert vault.subject_events(SUBJECT).is_empty()
    assert crowd.verify().sound
    (old_keys,) = (path for path in old if "keys" in path.parts)
    wrapped = json.loads(old[old_keys])
    now = vault._store.state
    opened = 0
    for file in now.manifest.files:
        if file.key in wrapped:
            with pytest.raises(Damaged):
                now.root.unwrap_data_key(base64.b64decode(wrapped[file.key]), file.name, file.key)
            opened += 1
    assert opened
    assert reader.generation < vault.generation


def test_a_reader_of_before_is_told_to_open_again(crowd) -> None:
    """A reader whose files went with the erasure gets a clear message, and no data."""
    reader = crowd.open()
    crowd.open().erase(SUBJECT)
    with pytest.raises(InputError, match="open it again"):
        reader.subject_events(SUBJECT)


def test_later_loads_honour_the_tombstone(crowd) -> None:
    """Events and attachments of the erased are refused and counted, those of others taken."""
    vault = crowd.open()
    vault.erase(SUBJECT)
    with vault.loading("test", "04") as session:
        assert session.append(crowd.people(SUBJECT, 500, SUBJECT)) == 3
        assert not session.attach(SUBJECT, "again", io.BytesIO(b"x"))
    assert dict(session.refused) == {"erased subject": 7}
    assert vault.subject_events(SUBJECT).is_empty()
    assert vault.subject_events(500).height == 3
    vault.rekey(Key.from_passphrase("new"))
    with vault.loading("test", "05") as session:
        assert session.append(crowd.people(SUBJECT)) == 0


def test_names_of_the_erased_are_known_again(place) -> None:
    """A subject erased by id does not come back under the name it had in a source."""
    vault = place.init()

    def rows(ids: pl.Series) -> pl.DataFrame:
        return pl.DataFrame({"subject_id": ids, "time": None, "code": "A"})

    with vault.loading("table", "01") as session:
        first = session.subjects.of(pl.Series(["Erika Mustermann", "Max Mustermann"]))
        session.append(rows(first))
    proof = vault.erase(first[0])
    assert "name 1" in proof.searched_for
    with vault.loading("table", "02") as session:
        again = session.subjects.of(pl.Series(["Erika Mustermann", "Max Mustermann", "new"]))
        assert session.append(rows(again)) == 2
    assert again[1] == first[1]
    assert again[2] not in first
    assert session.refused["erased subject"] == 1
    assert vault.info().subjects == 2


def test_exports_that_hold_the_subject_are_named(crowd) -> None:
    """Those of everyone and of this subject are listed with place and digest; others are not."""
    vault = crowd.open()
    vault.register_export("MEDS dataset", "aa" * 32, where="/data/out")
    vault.register_export("patient report", "bb" * 32, [SUBJECT], where=f"/out/{SUBJECT}")
    vault.register_export("patient report", "cc" * 32, [3], where="/out/3")
    vault.register_export("predictions", "dd" * 32, [3, SUBJECT])
    listed = crowd.open().erase(SUBJECT).exports
    assert [(one["kind"], one["digest"][:2], one["where"], one["subjects"]) for one in listed] == [
        ("MEDS dataset", "aa", "/data/out", "all"),
        ("patient report", "bb", f"/out/{SUBJECT}", 1),
        ("predictions", "dd", None, 2),
    ]
    kept = crowd.open()._store.manifest.places
    assert sorted(kept.values()) == ["/data/out", "/out/3"]


def test_exports_from_before_the_subject_came_do_not_hold_her(filled) -> None:
    """An export of everyone holds those who were there then."""
    filled.open().register_export("MEDS dataset", "aa" * 32)
    filled.load(filled.people(SUBJECT), "02")
    assert filled.open().erase(SUBJECT).exports == ()


def test_the_audit_outlives_the_erasure(crowd) -> None:
    """Who opened the subject stays known; who read everyone afterwards did not touch her."""
    crowd.open().subject_events(SUBJECT)
    crowd.open().erase(SUBJECT)
    crowd.open().shard_events(0)
    told = [one["action"] for one in crowd.open().audit(SUBJECT)]
    assert told == ["store", "store", "read subject", "erase"]


def test_erasing_twice_searches_again(crowd) -> None:
    """Erasing the erased is no error: it clears what a crash may have left, and proves anew."""
    vault = crowd.open()
    vault.erase(SUBJECT)
    again = vault.erase(SUBJECT)
    assert (again.events_erased, again.files_rewritten) == (0, 0)
    assert crowd.verify().sound


def test_the_last_subject_can_be_erased(place) -> None:
    """A vault that is empty afterwards is sound."""
    place.load(place.people(1), vault=place.init())
    vault = place.open()
    assert vault.erase(1).events_erased == 3
    assert vault.info().events == vault.info().subjects == 0
    assert vault.codes().is_empty()
    assert place.verify().sound


def test_a_byte_search_that_finds_something_is_an_error(crowd) -> None:
    """A file in the vault that holds the identifier in clear keeps the proof from being given."""
    (crowd.path / "notes.txt").write_bytes(b"see " + str(SUBJECT).encode())
    with pytest.raises(Damaged, match=r"notes\.txt: it holds the subject as decimal text"):
        crowd.open().erase(SUBJECT)


def test_the_search_spans_blocks(tmp_path: Path, monkeypatch) -> None:
    """An identifier that lies across two blocks of reading is found."""
    monkeypatch.setattr(erasure, "SEARCH_BLOCK_BYTES", 16)
    (tmp_path / "file").write_bytes(b"x" * 12 + b"0123456789" + b"x" * 12)
    with pytest.raises(Damaged):
        erasure._search(tmp_path / "file", tmp_path, {"text": b"0123456789", "other": b"ab"})
    erasure._search(tmp_path / "file", tmp_path, {"text": b"0123456799"})


def test_identifiers_too_short_to_prove_are_told(filled) -> None:
    """The decimal text of a small id occurs by chance, so the proof says it did not search it."""
    proof = filled.open().erase(5)
    assert proof.not_searched_for == ("decimal text",)
    assert dataclasses.asdict(proof) == proof.to_json()


def test_an_old_vault_key_does_not_come_back(crowd) -> None:
    """After erasure the manifest of before cannot be put back, nor its root used."""
    old = (crowd.path / "manifest").read_bytes()
    crowd.open().erase(SUBJECT)
    (crowd.path / "manifest").write_bytes(old)
    with pytest.raises((Damaged, KeyUnavailable)):
        crowd.open()


def test_an_export_with_someone_erased_meanwhile_is_refused(crowd) -> None:
    """Who opened the vault before an erasure cannot register the erased as exported after it."""
    for held in (None, [3, SUBJECT]):
        reader = crowd.open()
        crowd.load(crowd.people(SUBJECT + 1 if held is None else 3), f"{held is None:02x}ee")
        crowd.open().erase(SUBJECT + 1 if held is None else SUBJECT)
        with pytest.raises(Refused, match="erased meanwhile"):
            reader.register_export("study run", "aa" * 32, held, where="/out")
        reader.register_export("study run", "aa" * 32, [4], where="/out")
    assert crowd.verify().sound
