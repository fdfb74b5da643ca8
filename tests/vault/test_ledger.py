"""The ledger: written before the answer, chained, without patient data."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from osler.errors import Damaged, InputError, Refused
from osler.vault import ALL, Actor, disk, history
from osler.vault.access import Pseudonyms, holds

ANNA = Actor("anna", "tumour board")
BERT = Actor("bert", "quality report")


def test_the_audit_of_a_subject_names_who_opened_her(filled) -> None:
    """One's own readers, and those who read everyone, are named; readers of others are not."""
    filled.open(ANNA).subject_events(5)
    filled.open(BERT).shard_events(0)
    filled.open(BERT).subject_events(6)
    told = [(one["user"], one["purpose"], one["action"]) for one in filled.open().audit(5)]
    assert told == [
        ("tester", "testing", "store"),
        ("anna", "tumour board", "read subject"),
        ("bert", "quality report", "read"),
    ]


def test_those_who_came_later_were_not_read_earlier(filled) -> None:
    """An act on everyone of a generation did not touch those who were loaded after it."""
    filled.open(ANNA).shard_events(0)
    filled.load(filled.people(99), "02")
    filled.open(BERT).shard_events(0)
    assert [one["user"] for one in filled.open().audit(99)] == ["tester", "bert"]


def test_an_unknown_subject_was_touched_by_nobody(filled) -> None:
    """The audit of someone who was never there is empty, but for who asked."""
    assert filled.open(ANNA).audit(424242) == []
    assert [one["user"] for one in filled.open().audit(424242)] == ["anna"]


def test_an_act_is_recorded_once_and_before_its_work(filled) -> None:
    """Everything read within an act belongs to its one record, which stands there first."""
    vault = filled.open(ANNA)
    with vault.act("study run", {"models": 3}) as act:
        assert filled.open().audit()[-1]["action"] == "study run"
        vault.shard_events(0)
        vault.subject_events(5)
        vault.codes()
    with vault.act("report patient", subjects=[5]):
        vault.subject_events(5)
        vault.subject_events(6)
    mine = [one for one in filled.open().audit() if one["user"] == "anna"]
    assert [one["action"] for one in mine] == ["study run", "report patient", "read subject"]
    assert mine[0]["number"] == act.number
    assert mine[0]["what"] == {"models": 3}
    assert [one["subjects"] for one in mine] == ["all", 1, 1]


def test_without_a_ledger_there_is_no_answer(filled, monkeypatch) -> None:
    """When the ledger cannot be written nothing is read, and the message says why."""
    vault = filled.open()

    def full(descriptor: int, content: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for answer in (
        lambda: vault.subject_events(5),
        lambda: vault.shard_events(0),
        vault.codes,
        vault.info,
        vault.audit,
        vault.subject_ids,
        lambda: vault.attachment(5, "scan.dcm"),
        lambda: vault.attachments(5),
    ):
        with pytest.raises(Refused, match="No space left"):
            answer()
    monkeypatch.undo()
    assert vault.subject_events(5).height == 3
    assert filled.verify().sound


def test_a_full_disk_leaves_no_half_record(filled, monkeypatch) -> None:
    """A record that did not fit is taken back, and the next one follows the chain."""
    vault, size, write = filled.open(), (filled.path / "ledger").stat().st_size, os.write

    def half(descriptor: int, content: memoryview) -> int:
        write(descriptor, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(Refused):
        vault.record("look")
    monkeypatch.undo()
    assert (filled.path / "ledger").stat().st_size == size
    vault.record("look")
    assert filled.verify().sound


def test_a_record_torn_by_a_crash_is_cleared_by_the_next(filled) -> None:
    """An unfinished last record that nothing knows of is no damage, and goes."""
    for torn in (b"OS", b"OSLR\x10\x00\x00\x00", b"\0" * 50):
        whole = (filled.path / "ledger").read_bytes()
        (filled.path / "ledger").write_bytes(whole + torn)
        assert filled.verify().sound
        filled.open().record("look")
        assert filled.verify().sound


def test_bytes_after_the_last_record_that_no_crash_leaves_are_damage(filled) -> None:
    """Only the beginning of a record, or empty room for one, can be left by a crash."""
    with (filled.path / "ledger").open("ab") as stream:
        stream.write(b"x")
    assert not filled.verify().sound
    with pytest.raises(Damaged, match="ledger"):
        filled.open()


def test_a_cut_ledger_is_noticed_by_the_head_outside(filled) -> None:
    """The ledger of before, put back, is refused by opening, by verifying and by an open handle."""
    vault, earlier = filled.open(), (filled.path / "ledger").read_bytes()
    vault.subject_events(5)
    later = (filled.path / "ledger").read_bytes()
    for content in (earlier, later[:-1], later[: len(earlier) + 5]):
        (filled.path / "ledger").write_bytes(content)
        assert "rolled back" in filled.verify().faults[0]
        with pytest.raises(Damaged, match="rolled back"):
            filled.open()
        with pytest.raises(Damaged, match=r"cut|rolled back"):
            vault.subject_events(6)
    (filled.path / "ledger").write_bytes(later)
    assert filled.verify().sound


def test_a_ledger_cut_below_the_manifest_is_noticed_without_a_head(filled) -> None:
    """Records that the manifest was signed with cannot go, even when there is no head outside."""
    whole = (filled.path / "ledger").read_bytes()
    shutil.rmtree(filled.heads)
    (filled.path / "ledger").write_bytes(whole[:20])
    assert filled.verify().faults == ("ledger: it was cut; the manifest knows of later records",)
    (filled.path / "ledger").write_bytes(b"")
    assert not filled.verify().sound


def test_a_whole_folder_put_back_is_noticed(filled, tmp_path: Path) -> None:
    """An older copy of the whole vault in its own place is refused."""
    shutil.copytree(filled.path, tmp_path / "copy")
    filled.load(filled.people(99), "02")
    shutil.rmtree(filled.path)
    shutil.copytree(tmp_path / "copy", filled.path)
    report = filled.verify()
    assert len(report.faults) == 2
    assert all("rolled back" in fault for fault in report.faults)
    with pytest.raises(Damaged, match="rolled back"):
        filled.open()


def test_a_copy_that_went_its_own_way_is_noticed(filled, tmp_path: Path) -> None:
    """A copy with other acts in it, put in the place of the vault, has another history."""
    shutil.copytree(filled.path, tmp_path / "copy")
    filled.open().record("look")
    here, filled.path = filled.path, tmp_path / "copy"
    filled.open().record("look elsewhere")
    filled.open().record("and again")
    filled.path = here
    shutil.copyfile(tmp_path / "copy" / "ledger", here / "ledger")
    assert "history" in filled.verify().faults[0]


def test_without_a_head_verification_says_so(filled) -> None:
    """When there is no head outside, the report warns, and is sound all the same."""
    shutil.rmtree(filled.heads)
    report = filled.verify()
    assert report.sound
    assert "no head outside" in report.warnings[0]
    filled.open().record("look")
    assert filled.verify().warnings == ()


def test_an_older_copy_elsewhere_is_warned_of(filled, tmp_path: Path) -> None:
    """A copy in another folder may be used, and verification says that it is the older one."""
    shutil.copytree(filled.path, tmp_path / "copy")
    filled.open().record("look")
    filled.path = tmp_path / "copy"
    report = filled.verify()
    assert report.sound
    assert "older copy" in report.warnings[1]


def test_a_head_folder_that_cannot_be_written_is_warned_of(place) -> None:
    """Work goes on without a head outside, and verification says what it could not check."""
    place.heads.write_text("a file, not a folder")
    place.init().record("look")
    assert place.verify().sound
    assert "no head outside" in place.verify().warnings[0]


def test_a_head_that_was_left_behind_is_warned_of(filled) -> None:
    """A head folder that stopped being written no longer protects, and that is told."""
    (head,) = filled.heads.iterdir()
    earlier = head.read_bytes()
    for _ in range(3):
        filled.open().record("look")
    head.write_bytes(earlier)
    assert "behind" in filled.verify().warnings[0]


def test_what_is_recorded_holds_no_path_date_or_identifier(filled) -> None:
    """Text that is no plain word or digest is replaced by its keyed digest."""
    vault = filled.open()
    digest = "0f" * 32
    vault.record(
        "look",
        {
            "digest": digest,
            "rows": 3,
            "share": 0.5,
            "nothing": float("nan"),
            "file": "/home/anna/report-1042.html",
            "when": "2020-01-01",
            "subject": "1042",
            "study": "Death after surgery",
            "list": ["a", "x@y.z"],
            "patient/7": True,
        },
    )
    what = filled.open().audit()[-1]["what"]
    assert (what["digest"], what["rows"], what["share"]) == (digest, 3, 0.5)
    assert what["study"] == "Death after surgery"
    assert what["nothing"] is None
    text = json.dumps(what)
    for clear in ("report", "anna", "2020", "1042", "x@y", "patient/7"):
        assert clear not in text


def test_the_ledger_on_disk_is_unreadable(filled) -> None:
    """Users, purposes and acts are encrypted at rest too."""
    filled.open(ANNA).record("look")
    content = (filled.path / "ledger").read_bytes()
    assert not any(clear in content for clear in (b"anna", b"tumour", b"look"))


def test_a_policy_refuses_and_the_refusal_is_recorded(filled) -> None:
    """What a policy forbids is not answered, says why, and stands in the subject's audit."""

    class NeedsPurpose:
        def allows(self, actor: Actor, action: str, purpose: str) -> str | None:
            return None if action == "info" else f"{purpose} is not a purpose"

    vault = filled.open(BERT, policy=NeedsPurpose())
    assert vault.info().subjects == 20
    with pytest.raises(Refused, match="quality report is not a purpose"):
        vault.subject_events(5)
    with pytest.raises(Refused):
        vault.erase(5)
    with pytest.raises(Refused), vault.loading("test", "02"):
        raise AssertionError
    refused = [one for one in filled.open().audit(5) if one["user"] == "bert"]
    assert [one["what"] for one in refused] == [{"act": "read subject"}, {"act": "erase"}]


def test_workers_read_within_the_act_of_their_parent(filled) -> None:
    """A worker that names the act writes no record of its own, and only for the same actor."""
    vault = filled.open(ANNA)
    with vault.act("study run") as act:
        filled.open(ANNA, within=act.number).shard_events(0)
        with pytest.raises(InputError, match="another"):
            filled.open(BERT, within=act.number)
        filled.load(filled.people(99), "02")
        with pytest.raises(InputError, match="changed"):
            filled.open(ANNA, within=act.number)
    assert [one["action"] for one in filled.open().audit() if one["user"] == "anna"] == [
        "study run"
    ]


def test_a_failed_load_is_told(filled) -> None:
    """The ledger says that a load began and that nothing came of it."""
    with pytest.raises(ZeroDivisionError), filled.open().loading("test", "02"):
        raise ZeroDivisionError
    assert [one["action"] for one in filled.open().audit()][-2:] == ["load", "load abandoned"]


def test_pseudonyms_are_found_only_where_they_stand() -> None:
    """A list of pseudonyms holds exactly its own, also where others overlap."""
    names = Pseudonyms(b"k" * 32)
    listed = names.listed(range(100))
    assert all(holds(listed, names.short(one)) for one in range(100))
    assert not any(holds(listed, names.short(one)) for one in range(100, 300))
    assert not holds(listed, listed[4:12])
    assert listed == names.listed(reversed(range(100)))
    assert listed != Pseudonyms(b"l" * 32).listed(range(100))


def test_registered_exports_of_everyone_are_the_default(filled) -> None:
    """An export without named subjects holds everyone of the generation."""
    vault = filled.open()
    vault.register_export("MEDS dataset", "aa" * 32, None)
    vault.register_export("predictions", "bb" * 32, ALL)
    assert [one["subjects"] for one in vault.audit()[-2:]] == ["all", "all"]
    assert [one["action"] for one in vault.audit(5)][-2:] == [history.EXPORT] * 2


def test_another_writer_is_waited_for_only_so_long(filled) -> None:
    """A lock that is held elsewhere ends in a message, not in a hang."""
    lock = filled.path / "locks" / "writer"
    with (
        disk.locked(lock, "writes"),
        pytest.raises(InputError, match="another process writes"),
        disk.locked(lock, "writes", 0.05),
    ):
        raise AssertionError


@pytest.mark.parametrize("subject", [2**63, -(2**63) - 1, 10**30])
def test_identifiers_beyond_64_bits_are_refused_unechoed(filled, subject: int) -> None:
    """An identifier that no MEDS subject can have is the user's input, and is not repeated."""
    vault = filled.open()
    for act in (vault.subject_events, vault.audit, vault.erase, vault.attachments):
        with pytest.raises(InputError, match="64 bits") as caught:
            act(subject)
        assert str(subject) not in str(caught.value)


def test_subjects_come_as_any_iterable(filled) -> None:
    """Ids of numpy, polars or Python may be named for an act."""
    vault = filled.open(ANNA)
    for subjects in (np.array([5, 6]), pl.Series([5, 6]), iter([5, 6]), {5, 6}):
        vault.record("look", subjects=subjects)
    assert [one["subjects"] for one in filled.open().audit(5) if one["user"] == "anna"] == [2] * 4
