"""Readers and one writer, in threads and processes, at the same time."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from osler.errors import InputError
from osler.vault import Key


def test_a_reader_keeps_its_generation_while_others_write(filled) -> None:
    """What a handle reads does not change under it, through loads and compaction."""
    reader, before = filled.open(), filled.everything()
    filled.load(filled.people(*range(30)), "02")
    filled.open().compact()
    assert filled.everything(reader).equals(before)
    assert reader.info().generation == 2
    assert reader.codes().height == 22
    assert filled.everything().height == 150


def test_readers_and_a_writer_at_once(filled) -> None:
    """Readers that open again and again while a writer loads see whole generations only."""
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            vault = filled.open()
            events = filled.everything(vault)
            seen.add((vault.generation, events.height))
            assert filled.verify().sound

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for number in range(6):
                filled.load(filled.people(100 + number), f"{number:02x}")
        finally:
            stop.set()
        for one in readers:
            one.result()
    assert seen <= {(2 + number, 60 + 3 * number) for number in range(7)}
    assert filled.verify().sound


def test_threads_of_one_handle_record_in_turn(filled) -> None:
    """Acts of many threads on one handle all stand in the chain."""
    vault = filled.open()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(vault.subject_events, range(1, 21)))
    assert sum(one["action"] == "read subject" for one in vault.audit()) == 20
    assert filled.verify().sound


def test_an_export_is_registered_while_a_load_is_under_way(filled) -> None:
    """A short change does not wait for a long one, and neither undoes the other."""
    vault = filled.open()
    with vault.loading("test", "02") as session:
        session.append(filled.people(99))
        filled.open().register_export("report", "aa" * 32, [5], where="/out")
    assert vault.info().subjects == 21
    assert list(filled.open()._store.manifest.places.values()) == ["/out"]
    assert filled.verify().sound


def test_one_handle_makes_one_change_at_a_time(filled) -> None:
    """A change within a change is refused at once, instead of waiting for itself."""
    vault = filled.open()
    with pytest.raises(InputError, match="one change at a time"), vault.loading("test", "02"):
        vault.erase(5)
    assert vault.info().subjects == 20


def test_a_reader_outlives_an_erasure_of_another(filled) -> None:
    """After an erasure rotated the keys an open handle still records, and reads what is left."""
    reader = filled.open()
    subject = next(
        int(one)
        for one in reader.subject_ids()
        if reader._store.manifest.segments(0)
        and int(one) not in reader.shard_events(0)["subject_id"]
    )
    height = reader.shard_events(0).height
    filled.open().erase(subject)
    assert reader.shard_events(0).height == height
    reader.record("look")
    assert filled.verify().sound


@pytest.mark.slow
def test_writers_in_several_processes_take_turns(filled, tmp_path: Path) -> None:
    """Four processes that load at once all succeed, one after the other."""
    script = tmp_path / "load.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            from pathlib import Path
            from osler.testing import patient
            from osler.vault import Actor, Key, Vault
            key = Key.from_passphrase("four words are enough")
            number = int(sys.argv[3])
            vault = Vault.open(
                Path(sys.argv[1]), key, actor=Actor("t", "t"), head_folder=Path(sys.argv[2])
            )
            with vault.loading("test", f"{number:04x}") as session:
                session.append(patient(subject_id=1000 + number, born=1950).events())
            """
        )
    )
    command = [sys.executable, str(script), str(filled.path), str(filled.heads)]
    running = [subprocess.Popen([*command, str(number)]) for number in range(4)]
    assert [one.wait(timeout=120) for one in running] == [0, 0, 0, 0]
    assert filled.open().info().subjects == 24
    assert filled.verify().sound
    assert Key.from_passphrase("x") != filled.key
