"""Polygenic scores of people whose inherited genome lies in a vault."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
from tests.genome.score.conftest import vcf_text
from tests.workflows.genome_people import vault_of

from osler import workflows
from osler.errors import InputError
from osler.genome.score import ReferenceFiles
from osler.model import Provenance
from osler.testing import patient
from osler.vault import Vault
from osler.vault.deriving import NAME
from osler.workflows.genome.interpreters import ShardResults
from osler.workflows.genome.polygenic import REFUSED, ScoreInterpreter

COLUMNS = "chr_name\tchr_position\teffect_allele\tother_allele\teffect_weight"
RECORDS = ("1 10 A G GT 0/1", "1 20 C T GT 1/1")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep heads in the test's own folder."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))


def weights(folder: Path, *rows: str, name: str = "PGS1.txt") -> Path:
    """Write a scoring file; a row's fields are separated by blanks."""
    path = folder / name
    path.write_text("\n".join([COLUMNS, *("\t".join(row.split()) for row in rows)]) + "\n", "utf-8")
    return path


def vault_with_genome(folder: Path, records: tuple[str, ...] = RECORDS) -> Vault:
    """Make a vault of two people, one of whom has a germline file."""
    opening = vault_of(folder, patient(subject_id=7, born=1970), patient(subject_id=8))
    (folder / "person.vcf").write_text(vcf_text(records, ["patient"]), "utf-8")
    (folder / "map.csv").write_text("sample,subject_id,time\npatient,7,2021-03-04\n", "utf-8")
    workflows.load(opening, "genome", folder / "person.vcf", samples=folder / "map.csv")
    return opening.open()


def everyone(vault: Vault, interpreter: ScoreInterpreter) -> ShardResults:
    """Interpret all shards."""
    whole = ShardResults()
    with vault.act("derive"):
        for shard in vault.shard_ids():
            part = interpreter.of_shard(vault, shard)
            whole.results += part.results
            whole.skipped += part.skipped
    return whole


def test_a_germline_file_is_scored_in_the_vault(tmp_path: Path) -> None:
    """Only who has a file has a sum, dated when the file was reported, and told as relative."""
    vault = vault_with_genome(tmp_path)
    interpreter = ScoreInterpreter([weights(tmp_path, "1 10 G A 0.5", "1 20 T C 0.25")])
    found = everyone(vault, interpreter)
    (one,) = found.results
    assert (one.subject_id, one.codes) == (7, [("PGS//PGS1", 1.0, None)])
    assert one.reported is not None
    assert one.reported.date() == datetime(2021, 3, 4).date()
    (finding,) = one.findings(Provenance("osler", "2026-01-01T00:00:00+00:00"))
    assert (finding.status, finding.value) == ("abstained", None)
    assert "relative" in finding.statement
    assert not re.search(r"\b(high|low)\b", str(finding).lower())
    assert not found.skipped


def test_who_cannot_be_scored_is_counted_with_the_reason(tmp_path: Path) -> None:
    """Too few variants, or a file of another build, is a count; nobody has a sum then."""
    vault = vault_with_genome(tmp_path)
    poor = ScoreInterpreter([weights(tmp_path, "1 10 G A 0.5", "1 30 T C 0.25")])
    assert everyone(vault, poor).skipped == {REFUSED: 1}
    other = weights(tmp_path, "1 10 G A 0.5")
    other.write_text("#genome_build=GRCh37\n" + other.read_text("utf-8"), "utf-8")
    found = everyone(vault, ScoreInterpreter([other]))
    assert not found.results
    ((why, count),) = found.skipped.items()
    assert count == 1
    assert "positions of GRCh37" in why
    assert "patient" not in why


def test_the_digest_follows_what_the_results_depend_on(tmp_path: Path) -> None:
    """Other weights, a reference, or another place of the same content: the digest tells."""
    first = weights(tmp_path, "1 10 G A 0.5")
    (tmp_path / "copy").mkdir()
    same = weights(tmp_path / "copy", "1 10 G A 0.5")
    other = weights(tmp_path, "1 10 G A 0.6", name="PGS2.txt")
    sums = tmp_path / "sums.txt"
    sums.write_text("IID\tPGS\tSUM\nR1\tPGS1\t0.5\n", "utf-8")
    digest = ScoreInterpreter([first]).digest
    assert ScoreInterpreter([same]).digest == digest
    assert ScoreInterpreter([other]).digest != digest
    assert ScoreInterpreter([first], ReferenceFiles(scores=sums)).digest != digest


@pytest.mark.parametrize("name", ["PGS1.txt", "7 (draft) é.txt", f"{'long' * 40}.txt"])
def test_results_are_kept_under_a_name_of_the_scores(tmp_path: Path, name: str) -> None:
    """Whatever a file is called, its name makes one that a vault keeps."""
    one = weights(tmp_path, "1 10 G A 0.5", name=name)
    other = weights(tmp_path, "1 10 G A 0.6", name="other.txt")
    assert NAME.fullmatch(ScoreInterpreter([one]).release_name)
    both = ScoreInterpreter([one, other]).release_name
    assert NAME.fullmatch(both)
    assert both.endswith(" and 1 more")


def test_weights_that_cannot_be_read_are_refused_before_the_vault(tmp_path: Path) -> None:
    """All faults at once."""
    empty = tmp_path / "empty.txt"
    empty.write_text("", "utf-8")
    with pytest.raises(InputError) as raised:
        ScoreInterpreter([empty, tmp_path / "none.txt"])
    assert len(raised.value.faults) == 2
