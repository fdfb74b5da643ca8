"""A user makes a vault, loads it, asks it, changes its key and erases from it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Osler = Callable[..., Any]

TABLE = "id,when,value\n-5,2020-01-02,1.5\n-5,2020-01-03,2.5\n7,2020-01-02,1.0\n"


def counts(osler: Osler) -> dict[str, int]:
    """Return what `vault info` tells, without the size, which grows with the ledger."""
    told = json.loads(osler("vault", "info", "v", "--key-file", "key", "--json").out)
    return {name: value for name, value in told.items() if name != "bytes"}


def test_version_and_help_answer(osler: Osler) -> None:
    """`--version` and the help of every group end with 0."""
    assert osler("--version").out.startswith("osler ")
    for group in ([], ["vault"], ["study"], ["report"], ["export"], ["load"], ["demo"]):
        ended = osler(*group, "--help")
        assert ended.code == 0
        assert ended.out


def test_init_makes_a_private_key_file_outside(osler: Osler) -> None:
    """The key file that `vault init` makes is readable by its owner alone."""
    assert osler("vault", "init", "v", "--key-file", "key").code == 0
    assert Path("key").stat().st_mode & 0o777 == 0o600
    assert osler("vault", "init", "w", "--key-file", "w/key").code == 2
    assert not Path("w").exists()


def test_load_counts_and_knows_a_source_again(loaded: Osler) -> None:
    """Loading the same source twice loads nothing the second time and says so."""
    Path("other-name.csv").write_text(TABLE)
    call = ("load", "table", "other-name.csv", "--vault", "v", "--mapping", "m.yaml")
    again = loaded(*call, "--key-file", "key")
    assert "already loaded" in again.out
    info = json.loads(loaded("vault", "info", "v", "--key-file", "key", "--json").out)
    assert (info["subjects"], info["events"]) == (2, 3)
    assert {"shards", "bytes", "format_version"} <= set(info)


def test_verify_tells_sound_damaged_and_keyless(loaded: Osler) -> None:
    """`vault verify` ends with 0, 1 or 2: sound, damaged, or no key."""
    assert loaded("vault", "verify", "v", "--key-file", "key").code == 0
    assert loaded("vault", "verify", "v").code == 2
    assert loaded("vault", "verify", "nowhere", "--key-file", "key").code == 2
    shard = max(Path("v").rglob("*.parquet"), key=lambda path: path.stat().st_size)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    damaged = loaded("vault", "verify", "v", "--key-file", "key")
    assert damaged.code == 1
    assert damaged.err


def test_audit_answers_who_opened_a_patient(loaded: Osler) -> None:
    """The ledger names user and purpose, and neither file nor subject in clear."""
    call = ("report", "patient", "-5", "--vault", "v", "--key-file", "key", "--out", "p")
    assert loaded(*call, "--user", "dr-who", "--purpose", "tumour board").code == 0
    told = loaded("vault", "audit", "v", "--subject", "-5", "--key-file", "key", "--json")
    entries = json.loads(told.out)
    assert any(one["user"] == "dr-who" and one["purpose"] == "tumour board" for one in entries)
    everything = loaded("vault", "audit", "v", "--key-file", "key", "--json").out
    assert "t.csv" not in everything
    other = loaded("vault", "audit", "v", "--subject", "7", "--key-file", "key", "--json")
    assert all(one["user"] != "dr-who" for one in json.loads(other.out))


def test_rekey_leaves_the_old_key_without_use(loaded: Osler) -> None:
    """After `vault rekey` the old key opens nothing and the new one everything."""
    call = ("vault", "rekey", "v", "--key-file", "key", "--new-key-file", "new")
    assert loaded(*call).code == 0
    assert loaded("vault", "info", "v", "--key-file", "key").code == 2
    assert loaded("vault", "info", "v", "--key-file", "new").code == 0


def test_erase_takes_a_negative_subject_and_names_exports(loaded: Osler) -> None:
    """Erasing proves itself, names the exports that remain, and never repeats the subject."""
    loaded("report", "patient", "-5", "--vault", "v", "--key-file", "key", "--out", "p")
    ended = loaded("vault", "erase", "v", "-5", "--yes", "--key-file", "key", "--json")
    assert ended.code == 0, ended.err
    proof = json.loads(ended.out)
    assert len(proof["exports"]) == 1
    info = json.loads(loaded("vault", "info", "v", "--key-file", "key", "--json").out)
    assert info["subjects"] == 1
    gone = loaded("report", "patient", "-5", "--vault", "v", "--key-file", "key", "--out", "p2")
    assert gone.code == 2
    assert "-5" not in gone.err
    assert loaded("vault", "verify", "v", "--key-file", "key").code == 0


def test_export_round_trips(loaded: Osler) -> None:
    """What is exported as MEDS loads into another vault with equal counts."""
    assert loaded("export", "meds", "v", "--out", "out", "--key-file", "key").code == 0
    assert loaded("vault", "init", "w", "--key-file", "key").code == 0
    done = loaded("load", "meds", "out", "--vault", "w", "--key-file", "key", "--json")
    assert done.code == 0, done.err
    counts = json.loads(done.out)
    assert (counts["read"], counts["loaded"], counts["refused"]) == (3, 3, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "patient", "12345678901234567890123", "--vault", "v", "--out", "p"),
        ("report", "patient", "Jane Doe 1970", "--vault", "v", "--out", "p"),
        ("report", "patient", "4711", "4712", "--vault", "v", "--out", "p"),
        ("report", "patient", "-4711x", "--vault", "v", "--out", "p"),
        ("vault", "erase", "v", "--subject=4711"),
        ("load", "nonsense", "t.csv", "--vault", "v"),
        ("load", "table", "missing.csv", "--vault", "v"),
        ("no-such-command",),
        ("vault", "audit", "v", "--subject", "Jane"),
    ],
)
def test_a_wrong_call_ends_with_2_in_one_line_without_repeating_values(
    loaded: Osler, arguments: tuple[str, ...]
) -> None:
    """A wrong call is the user's input: exit 2, one line, no value of it repeated."""
    before = counts(loaded)
    ended = loaded(*arguments)
    assert ended.code == 2, ended.err
    assert len(ended.err.strip().splitlines()) == 1
    for value in ("4711", "Jane", "12345678901234567890123"):
        assert value not in ended.err
    assert counts(loaded) == before


def test_without_key_and_terminal_a_command_ends_with_2(osler: Osler) -> None:
    """A missing key without a terminal is told, not prompted for."""
    os.environ.pop("OSLER_KEY", None)
    ended = osler("vault", "init", "v")
    assert ended.code == 2
    assert "OSLER_KEY" in ended.err
