"""People with tumours, for tests of what is derived of them."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from osler import knowledge
from osler.testing import PatientBuilder, cohort, patient
from osler.vault import Key, Vault
from osler.workflows import Opening

PIK3CA = ("VARIANT//GRCh37//3-178952085-A-G", "PIK3CA p.H1047R Missense_Mutation")
TP53 = ("VARIANT//GRCh37//17-7577120-C-T", "TP53 p.R273H Missense_Mutation")


def tumour(subject_id: int, *variants: tuple[str, str], day: float = 10.0) -> PatientBuilder:
    """Return a patient with breast cancer whose tumour was sequenced, with these variants."""
    one = patient(subject_id=subject_id, born=1950)
    one = one.event("DIAGNOSIS//IDC", day=day - 5, text="Breast Cancer")
    one = one.event("SEQUENCED//tumour", day=day)
    for code, text in variants:
        one = one.event(code, 0.3, day=day, text=text)
    return one


def vault_of(folder: Path, *people: PatientBuilder, shards: int = 2) -> Opening:
    """Make a vault of some patients, and return how it is opened."""
    key = Key.create_file(folder / "key")
    vault = Vault.init(folder / "vault", key, shards=shards)
    with vault.loading("test", "0" * 64) as load:
        load.append(cohort(*people))
    return Opening(folder / "vault", folder / "key", "dr.example", "tumour board")


def newer_release(folder: Path, *, without: str) -> str:
    """Install a later release about tumours that says nothing of one gene; return its name."""

    def less(text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(f"{without}\t"))

    return changed_release(folder, "civic-2021-02-25", "evidence", less)


def changed_release(folder: Path, old: str, table: str, change: Callable[[str], str]) -> str:
    """Install a later release in which one table is another; return its name."""
    shipped = knowledge.get(old)
    name = f"{old.partition('-')[0]}-2026-01-01"
    copy = folder / name
    shutil.copytree(shipped.folder, copy)
    file = copy / shipped.table(table).file
    packed = file.suffix == ".gz"
    content = gzip.decompress(file.read_bytes()) if packed else file.read_bytes()
    changed = change(content.decode()).encode()
    assert changed != content
    file.write_bytes(gzip.compress(changed) if packed else changed)
    listed = json.loads((copy / "release.json").read_text("utf-8"))
    listed |= {"name": name, "date": "2026-01-01"}
    (copy / "release.json").write_text(json.dumps(listed), "utf-8")
    knowledge.seal(copy)
    return knowledge.install(copy).name
