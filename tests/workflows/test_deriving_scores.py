"""Polygenic scores are derived by the user's weights, and stand in the patient's report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.genome.score.conftest import vcf_text
from tests.workflows.genome_people import vault_of

from osler import workflows
from osler.cli import run
from osler.errors import InputError
from osler.testing import patient
from osler.workflows.genome.landing import Weights

COLUMNS = "chr_name\tchr_position\teffect_allele\tother_allele\teffect_weight\n"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep heads in the test's own folder."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))


@pytest.fixture
def opening(tmp_path: Path) -> workflows.Opening:
    """Return a vault of one person with a germline file, and one without."""
    opening = vault_of(tmp_path, patient(subject_id=7, born=1970), patient(subject_id=8, born=1970))
    (tmp_path / "a.vcf").write_text(
        vcf_text(("1 10 A G GT 0/1", "1 20 C T GT 1/1"), ["s"]), "utf-8"
    )
    (tmp_path / "map.csv").write_text("sample,subject_id,time\ns,7,2021-03-04\n", "utf-8")
    workflows.load(opening, "genome", tmp_path / "a.vcf", samples=tmp_path / "map.csv")
    return opening


def weights(folder: Path, second: float = 0.25) -> Path:
    """Write a scoring file of the two variants."""
    path = folder / "PGS1.txt"
    path.write_text(f"{COLUMNS}1\t10\tG\tA\t0.5\n1\t20\tT\tC\t{second}\n", "utf-8")
    return path


def report(opening: workflows.Opening, folder: Path) -> dict:
    """Return the report of the person with a genome."""
    workflows.report_patient(opening, 7, out=folder / "report")
    return json.loads((folder / "report" / "report.json").read_text("utf-8"))


def test_a_score_lands_and_is_reported_as_relative(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """The sum is on the timeline; without a reference the finding abstains, and says from what."""
    assert report(opening, tmp_path)["scores"] is None
    (done,) = workflows.derive(opening, ["polygenic"], weights=Weights((weights(tmp_path),)))
    assert (done.subjects, done.events) == (1, 1)
    told = report(opening, tmp_path)
    assert [one["value"] for one in told["scores"]] == [1.0]
    assert told["scores"][0]["date"] == "2021-03-04"
    (finding,) = [one for one in told["findings"] if one["kind"] == "polygenic score"]
    assert (finding["status"], finding["value"]) == ("abstained", None)
    assert any(name.startswith("derived polygenic") for name in told["provenance"]["inputs"])


def test_the_same_weights_are_not_summed_twice(opening: workflows.Opening, tmp_path: Path) -> None:
    """The content of the files counts, not their names; other weights replace the sums."""
    asked = Weights((weights(tmp_path),))
    workflows.derive(opening, ["polygenic"], weights=asked)
    assert workflows.derive(opening, ["polygenic"], weights=asked)[0].already_derived
    weights(tmp_path, second=1.0)
    assert not workflows.derive(opening, ["polygenic"], weights=asked)[0].already_derived
    assert [one["value"] for one in report(opening, tmp_path)["scores"]] == [2.5]


def test_weights_belong_to_scores(opening: workflows.Opening, tmp_path: Path) -> None:
    """Scores without weights, and weights without scores, are faults; nothing is derived."""
    with pytest.raises(InputError, match="a scoring file"):
        workflows.derive(opening, ["polygenic"])
    with pytest.raises(InputError, match="add polygenic"):
        workflows.derive(opening, ["tumour"], weights=Weights((weights(tmp_path),)))
    assert "polygenic" not in {one.about for one in opening.open().derivations()}


def test_a_load_makes_no_scores(opening: workflows.Opening) -> None:
    """Weights are named each time; a load of a genome derives what shipped knowledge says."""
    about = {one.about for one in opening.open().derivations()}
    assert about == {"tumour", "pharmacogenomics"}


def test_the_command_scores_a_vault(
    opening: workflows.Opening, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`osler genome derive` takes weights, and refuses a panel without any."""
    common = ["genome", "derive", str(opening.path), "--key-file", str(opening.key_file)]
    asked = ["--what", "polygenic", "--weights", str(weights(tmp_path))]
    capsys.readouterr()
    assert run([*common, *asked, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["derived"]
    assert (told["about"], told["subjects"]) == ("polygenic", 1)
    assert run([*common, "--reference-pcs", str(tmp_path / "pcs.txt")]) == 2
