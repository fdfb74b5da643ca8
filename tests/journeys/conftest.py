"""A clean surrounding for every journey: its own state, key and folder."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from osler.cli import run
from osler.testing import write_fhir_export

TABLE = "id,when,value\n-5,2020-01-02,1.5\n-5,2020-01-03,2.5\n7,2020-01-02,1.0\n"
MAPPING = "subject: id\ntime: when\nevents: [{code: LAB//x//mg, numeric_value: value}]\n"
KEY = ("--key-file", "key")
VAULT = ("--vault", "v", *KEY)

STUDY = """title: Admission
task:
  predicates:
    diagnosis: {code: SNOMED//59621000}
    admission: {code: VISIT_START//v3-ActCode//IMP}
    death: {code: MEDS_DEATH}
  trigger: diagnosis
outcome: {type: time-to-event, event: admission, competing: [death], horizon: [1y, 3y]}
features: {windows: [full], aggregations: [count, last], exclude: ["VISIT_END//*"], age: true}
split: {folds: 2}
model: {time_budget_s: 2}
evaluate: {groups: [age_band], min_group: 20, thresholds: [0.2], bootstrap: 20}
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Osler = Callable[..., Ended]


@pytest.fixture
def osler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Osler:
    """Run a command as a user would, in a fresh folder, and return how it ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    for name in ("OSLER_KEY", "OSLER_NEW_KEY", "OSLER_USER", "OSLER_PURPOSE", "OSLER_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        code = run([str(one) for one in arguments])
        ended = capsys.readouterr()
        return Ended(code, ended.out, ended.err)

    return command


@pytest.fixture
def loaded(osler: Osler) -> Osler:
    """Return the command in a folder with a loaded vault `v` whose key is `key`."""
    Path("t.csv").write_text(TABLE)
    Path("m.yaml").write_text(MAPPING)
    assert osler("vault", "init", "v", *KEY).code == 0
    done = osler("load", "table", "t.csv", "--mapping", "m.yaml", *VAULT)
    assert done.code == 0, done.err
    return osler


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a vault of 120 people, a study and its run, once."""
    folder = tmp_path_factory.mktemp("clinic")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("OSLER_STATE", str(folder / "state"))
        write_fhir_export(Path("export"), patients=120)
        Path("study.yaml").write_text(STUDY)
        for call in (
            ("vault", "init", "v", *KEY, "--shards", "2"),
            ("load", "fhir", "export", *VAULT),
            ("study", "run", "study.yaml", *VAULT, "--out", "run"),
        ):
            assert run(list(call)) == 0
    return folder


@pytest.fixture
def clinic(osler: Osler, template: Path, tmp_path: Path) -> Osler:
    """Return the command in a copy of the folder that `template` made."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True, symlinks=True)
    return osler


def stored(vault: str = "v") -> dict[str, str]:
    """Return the digest of every file of a vault but its ledger and its locks."""
    return {
        path.relative_to(vault).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(vault).rglob("*")
        if path.is_file() and path.name != "ledger" and path.parent.name != "locks"
    }


def is_the_users(ended: Ended) -> bool:
    """Tell whether a command ended as it should on wrong input: 2, told in a few lines only."""
    lines = ended.err.splitlines()
    told = 1 <= len(lines) <= 8 and all(len(line) <= 1100 for line in lines)
    return ended.code == 2 and not ended.out and told and "Traceback" not in ended.err


class Checks(NamedTuple):
    """What several journeys check."""

    stored: Callable[..., dict[str, str]]
    is_the_users: Callable[[Ended], bool]


@pytest.fixture
def check() -> Checks:
    """Return the checks that several journeys share."""
    return Checks(stored, is_the_users)


@pytest.fixture
def study() -> str:
    """Return the study file of the clinic."""
    return STUDY
