"""A user writes study files, wrong ones among them, and asks for patients' reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

Osler = Callable[..., Any]

VAULT = ("--vault", "v", "--key-file", "key")

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"b{n}: &b{n} [{','.join(['*a' if n == 0 else f'*b{n - 1}'] * 9)}]\n" for n in range(12)
)
NOT_A_STUDY = {
    "empty": "",
    "a list": "- 1\n",
    "a text": "hello",
    "cut": "a: [1",
    "a tag": "!!python/object/apply:os.system ['touch pwned']\n",
    "NUL": "a: \0b",
    "nested": "[" * 50_000,
    "nested mappings": "{a: " * 3000 + "}" * 3000,
    "laughs": LAUGHS,
    "itself": "title: a\ntask: &t {predicates: *t}\n",
    "a list as key": "? [a, b]\n: 1\n",
    "a mapping as key": "{a: 1}: 2\n",
}


@pytest.mark.parametrize("case", NOT_A_STUDY)
def test_what_is_no_study_file_is_told_in_one_line(osler: Osler, check: Any, case: str) -> None:
    """Text that is no sound YAML mapping, or one that never ends, is one fault."""
    Path("x.yaml").write_text(NOT_A_STUDY[case])
    ended = osler("study", "explain", "x.yaml")
    assert check.is_the_users(ended), ended.err
    assert len(ended.err.splitlines()) == 1
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("title: Admission", "title: A\ntitle: B", ["twice"]),
        ("title: Admission", 'title: "a\\e[31mred"', ["control characters"]),
        ("title: Admission", "titel: A\nfoo: 1", ["did you mean title?", "foo"]),
        ("trigger: diagnosis", "trigger: diagnoses", ["'diagnoses'"]),
        ("event: admission", "event: admision", ["'admision'"]),
        ("[death]", "[deth]", ["'deth'"]),
        ("[1y, 3y]", "[0d, -1y, abc, 5]", ["'0d'", "'-1y'", "'abc'", "horizon: 5"]),
        ("windows: [full]", "windows: [-3d, 3]", ["-3d", "entry 2"]),
        ("[count, last]", "[cnt]", ["cnt"]),
        ("age: true", "age: 3", ["age"]),
        ("folds: 2", "folds: 1, fold: 3", ["folds: 1", "did you mean folds?"]),
        ("folds: 2", "folds: 2, temporal_holdout: soon", ["temporal_holdout"]),
        ("folds: 2", "folds: 2, temporal_holdout: 2015-01-01T00:00:00+02:00", ["time zone"]),
        ("folds: 2", "folds: 2, site: 5", ["site"]),
        ("time_budget_s: 2", "time_budget_s: .nan", ["time_budget_s"]),
        ("thresholds: [0.2]", "thresholds: [0.2, 2, true]", ["thresholds"]),
        ("bootstrap: 20", "bootstrap: -5", ["bootstrap"]),
        ("bootstrap: 20", "bootstrap: 20, limits: {nonsense: 3}", ["nonsense"]),
        ("[age_band]", "[[a, b, c], 3]", ["groups: a list", "groups: a number"]),
    ],
)
def test_explain_tells_what_is_wrong(
    osler: Osler, check: Any, study: str, old: str, new: str, told: list[str]
) -> None:
    """Each wrong value, key or name is told with its place."""
    assert old in study
    Path("x.yaml").write_text(study.replace(old, new))
    ended = osler("study", "explain", "x.yaml")
    assert check.is_the_users(ended), ended.err
    assert all(one in ended.err for one in told), ended.err


def test_explain_tells_every_problem_at_once(osler: Osler, check: Any, study: str) -> None:
    """Faults of all sections come together, one line each, the last line counting the rest."""
    wrong = study.replace("folds: 2", "folds: 1").replace("age: true", "age: 3").replace("1y", "x")
    Path("x.yaml").write_text(wrong + "foo: 1\n")
    ended = osler("study", "explain", "x.yaml")
    assert len(ended.err.splitlines()) == 4
    Path("x.yaml").write_text(wrong + "".join(f"foo{n}: 1\n" for n in range(12)))
    ended = osler("study", "explain", "x.yaml")
    assert check.is_the_users(ended)
    assert ended.err.splitlines()[-1].endswith("and 8 more faults like these")


@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_a_study_that_is_no_file_is_told(osler: Osler, check: Any, path: str) -> None:
    """Neither a missing file nor a folder is a study."""
    assert check.is_the_users(osler("study", "explain", path))


def test_bytes_that_are_no_text_and_too_many_are_told(osler: Osler, check: Any) -> None:
    """A study file is UTF-8 and at most a megabyte."""
    for content in (b"title: \xfc", b"#" * 1_000_001):
        Path("x.yaml").write_bytes(content)
        assert check.is_the_users(osler("study", "explain", "x.yaml"))


def test_a_question_is_read_back_in_words(osler: Osler, study: str) -> None:
    """`study explain` says the question, in text and as JSON alone on standard output."""
    Path("x.yaml").write_text(study)
    said = osler("study", "explain", "x.yaml")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Admission\n")
    assert json.loads(osler("study", "explain", "x.yaml", "--json").out)["question"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("SNOMED//59621000", "SNOMED//none", "the cohort is empty"),
        ("VISIT_START//v3-ActCode//IMP", "NONE", ""),
        ("age: true", "age: false, include: [NONE]", "features: include"),
        ("folds: 2", "folds: 2, temporal_holdout: 1990-01-01", "widen the cohort"),
        ("bootstrap: 20", "bootstrap: 20, references: [NONE]", "NONE"),
    ],
    ids=["nobody", "no event", "no feature", "all held out", "no reference"],
)
def test_what_cannot_be_estimated_says_what_would_help(
    clinic: Osler, check: Any, study: str, old: str, new: str, told: str
) -> None:
    """Sound data without an answer end with 2, one sentence and no folder."""
    Path("x.yaml").write_text(study.replace(old, new))
    before = check.stored()
    ended = clinic("study", "run", "x.yaml", *VAULT, "--out", "none")
    assert check.is_the_users(ended), ended.err
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not Path("none").exists()
    assert check.stored() == before


def test_three_people_and_one_class_are_too_few(clinic: Osler, check: Any, study: str) -> None:
    """A cohort of three, or a label that all share, is told with what would help."""
    Path("few").mkdir()
    for file in Path("export").iterdir():
        lines = [line for line in file.read_text().splitlines() if "patient-000" in line]
        kept = [line for line in lines if any(f"patient-000{n}" in line for n in range(3))]
        Path("few", file.name).write_text("\n".join(kept) + "\n")
    assert clinic("vault", "init", "w", "--key-file", "key").code == 0
    assert clinic("load", "fhir", "few", "--vault", "w", "--key-file", "key").code == 0
    call = ("study", "run", "study.yaml", "--vault", "w", "--key-file", "key", "--out", "none")
    ended = clinic(*call)
    assert check.is_the_users(ended)
    assert "3 subjects" in ended.err
    Path("label.yaml").write_text(
        """
task:
  predicates: {diagnosis: {code: SNOMED//59621000}, none: {code: NONE}}
  trigger: diagnosis
  windows:
    target: {start: trigger, end: start + 1000d, start_inclusive: false, end_inclusive: true,
             label: none}
outcome: {type: binary}
split: {folds: 2}
"""
    )
    ended = clinic("study", "run", "label.yaml", *VAULT, "--out", "none")
    assert check.is_the_users(ended), ended.err
    assert "0 events" in ended.err


def test_a_run_leaves_whole_files_and_a_second_one_replaces_it(clinic: Osler) -> None:
    """Every file of a run is there, a wrong question keeps it, and another run takes its place."""
    assert sorted(path.name for path in Path("run").iterdir()) == [
        "card.html",
        "card.json",
        "card.xml",
        "digests.json",
        "model",
        "predictions.parquet",
        "report.html",
        "results.json",
        "study.yaml",
    ]
    old = Path("run/digests.json").read_text()
    again = clinic("study", "run", "study.yaml", *VAULT, "--out", "run", "--seed", "3", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["metrics"]
    assert Path("run/digests.json").read_text() != old
    assert not list(Path().rglob(".osler-*"))


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "results.json": lambda run: flip(run / "results.json"),
    "model": lambda run: shutil.rmtree(run / "model" / "fold-0"),
    "predictions.parquet": lambda run: flip(run / "predictions.parquet"),
    "study.yaml": lambda run: (run / "study.yaml").unlink(),
    "digests.json": lambda run: (run / "digests.json").write_text('{"format_version": 1}'),
    "digests.json lists": lambda run: (run / "digests.json").write_text(
        '{"format_version": 1, "sha256": {}}'
    ),
    "digests.json is": lambda run: (run / "digests.json").write_text(
        '{"format_version": "x", "sha256": [1]}'
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_run_speaks_of_nobody(clinic: Osler, case: str) -> None:
    """A changed or missing file of a run ends with 1 and its name, before the vault is read."""
    person = str(pl.read_parquet("run/predictions.parquet")["subject_id"][0])
    DAMAGE[case](Path("run"))
    ended = clinic("report", "patient", person, *VAULT, "--run", "run", "--out", "p")
    assert (ended.code, ended.out) == (1, "")
    assert case.split()[0] in ended.err
    assert person not in ended.err
    assert not Path("p").exists()


def test_a_newer_run_and_what_is_no_run_are_the_users(clinic: Osler, check: Any) -> None:
    """A run of a later osler says to update; a folder, file or vault is no run."""
    for run in ("nowhere", "study.yaml", "export", "v"):
        ended = clinic("report", "patient", "1", *VAULT, "--run", run, "--out", "p")
        assert check.is_the_users(ended), ended.err
    Path("run/digests.json").write_text('{"format_version": 99, "sha256": {}}')
    ended = clinic("report", "patient", "1", *VAULT, "--run", "run", "--out", "p")
    assert check.is_the_users(ended)
    assert "update osler" in ended.err


def test_a_report_is_written_in_every_form(clinic: Osler) -> None:
    """HTML, JSON and FHIR stand in the folder; a second report takes the place of the first."""
    person = str(pl.read_parquet("run/predictions.parquet")["subject_id"][0])
    call = ("report", "patient", person, *VAULT, "--run", "run", "--out", "p")
    ended = clinic(*call, "--format", "html, json,fhir")
    assert ended.code == 0, ended.err
    assert person not in ended.err
    names = ["report.fhir.json", "report.html", "report.json"]
    assert sorted(path.name for path in Path("p").iterdir()) == names
    report = json.loads(Path("p/report.json").read_text())
    assert str(report["subject_id"]) == person
    assert all(one["caveats"] or one["evidence"] for one in report["findings"])
    assert clinic(*call).code == 0
    assert sorted(path.name for path in Path("p").iterdir()) == names[1:]


def test_a_wrong_report_call_is_the_users(clinic: Osler, check: Any) -> None:
    """An absent subject and an unknown form end with 2 and leave no folder."""
    for more in (("123456789",), ("1", "--format", "pdf"), ("1", "--format", "")):
        ended = clinic("report", "patient", *more, *VAULT, "--run", "run", "--out", "p")
        assert check.is_the_users(ended), ended.err
        assert "123456789" not in ended.err
        assert not Path("p").exists()


def test_nothing_of_anyone_else_is_lost_to_a_report(clinic: Osler, check: Any) -> None:
    """A folder with other things, a run, a file, a vault or a place in one is never replaced."""
    person = str(pl.read_parquet("run/predictions.parquet")["subject_id"][0])
    Path("other").mkdir()
    Path("other/thesis.txt").write_text("years")
    Path("mixed").mkdir()
    Path("mixed/thesis.txt").write_text("years")
    Path("mixed/report.json").write_text('{"format_version": 1}')
    Path("mine").mkdir()
    Path("mine/report.json").write_text("not osler's")
    Path("file").write_text("x")
    Path("broken").symlink_to("nowhere")
    before = check.stored(".")
    for out in ("other", "mixed", "mine", "run", "file", "file/x", "v", "v/x", "broken", ".", "/"):
        ended = clinic("report", "patient", person, *VAULT, "--out", out)
        assert check.is_the_users(ended), (out, ended.err)
    changed = {name for name, digest in check.stored(".").items() if before.get(name) != digest}
    assert all(name.startswith(("state/", "v/")) for name in changed), changed
    assert clinic("vault", "verify", "v", "--key-file", "key").code == 0


def test_an_empty_folder_a_link_and_here_are_filled(
    clinic: Osler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An empty folder is filled as it stands, also through a link and from within."""
    person = str(pl.read_parquet("run/predictions.parquet")["subject_id"][0])
    Path("target").mkdir()
    Path("link").symlink_to("target")
    assert clinic("report", "patient", person, *VAULT, "--out", "link").code == 0
    assert Path("link").is_symlink()
    assert Path("target/report.json").is_file()
    Path("here").mkdir()
    monkeypatch.chdir("here")
    vault = ("--vault", tmp_path / "v", "--key-file", tmp_path / "key")
    ended = clinic("report", "patient", person, *vault, "--out", ".")
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in Path().iterdir()) == ["report.html", "report.json"]


def test_user_and_purpose_stand_in_the_ledger(
    clinic: Osler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OSLER_USER and OSLER_PURPOSE are recorded; options win over them."""
    person = str(pl.read_parquet("run/predictions.parquet")["subject_id"][0])
    monkeypatch.setenv("OSLER_USER", "dr.example")
    monkeypatch.setenv("OSLER_PURPOSE", "ward round")
    assert clinic("report", "patient", person, *VAULT, "--out", "p").code == 0
    assert clinic("report", "patient", person, *VAULT, "--out", "p", "--user", "dr.b").code == 0
    told = clinic("vault", "audit", "v", "--key-file", "key", "--json")
    entries = [one for one in json.loads(told.out) if one["action"] == "report patient"]
    assert [(one["user"], one["purpose"]) for one in entries] == [
        ("dr.example", "ward round"),
        ("dr.b", "ward round"),
    ]
