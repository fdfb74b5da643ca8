"""A pharmacist's way: a VCF, an outside call, a result, and clear words where one is wrong."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from osler import cli, knowledge
from osler.genome import pgx
from osler.genome.pgx.definitions import Definitions
from osler.genome.pgx.nouns import Position

RELEASE = "cpic-2025-11-05"
OUTSIDE = "CYP2D6\t*1/*3\nHLA-B\t*15:02/*57:01\nMT-RNR1\t1555A>G\n"
Write = Callable[..., Path]


def positions() -> list[Position]:
    """Return every position of the release's genes, in the order of a file."""
    found = {
        (one.chromosome, one.position): one
        for gene in Definitions.load(knowledge.get(RELEASE)).genes.values()
        for one in gene.all_positions
    }
    order = [f"chr{one}" for one in (*range(1, 23), "X", "Y", "M")]
    return sorted(found.values(), key=lambda one: (order.index(one.chromosome), one.position))


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Return what writes a VCF of all positions for samples with what they carry."""
    listed = positions()

    def writer(
        carried: dict[str, dict[str, str]], without: tuple[str, ...] = (), extra: str = ""
    ) -> Path:
        lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">']
        lines += [
            f"##contig=<ID={one},assembly=GRCh38>"
            for one in dict.fromkeys(position.chromosome for position in listed)
        ]
        head = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT"
        lines.append("\t".join([*head.split(), *carried]))
        for one in listed:
            if one.rsid in without:
                continue
            genotypes = [of.get(one.rsid or "", "0/0") for of in carried.values()]
            fields = [one.chromosome, one.position, one.rsid or ".", one.alleles[0]]
            fields += [",".join(one.alleles[1:]), ".", "PASS", ".", "GT", *genotypes]
            lines.append("\t".join(map(str, fields)))
        path = tmp_path_factory.mktemp("vcf") / "people.vcf"
        path.write_text("\n".join(lines) + "\n" + extra, "utf-8")
        return path

    return writer


def run(*arguments: str | Path) -> int:
    """Run the command in this process."""
    return cli.run(["genome", "pgx", *map(str, arguments)])


def result(*arguments: str | Path, folder: Path) -> dict[str, Any]:
    """Run the command and return what it wrote."""
    out = folder / "pgx.json"
    assert run(*arguments, "--out", out) == 0
    content: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return content


def gene(content: dict[str, Any], name: str, sample: int = 0) -> dict[str, Any]:
    """Return a gene of a sample."""
    (found,) = [one for one in content["samples"][sample]["genes"] if one["gene"] == name]
    assert isinstance(found, dict)
    return found


def test_a_patient_of_reference_alleles_with_an_outside_call(write: Write, tmp_path: Path) -> None:
    """Every gene is listed; what is told from outside stands in its place; drugs have advice."""
    calls = tmp_path / "calls.tsv"
    calls.write_text(OUTSIDE, "utf-8")
    content = result(write({"P": {"rs3758581": "1/1"}}), "--outside-calls", calls, folder=tmp_path)
    assert content["knowledge"]["release"] == RELEASE
    assert gene(content, "CYP2C19")["phenotype"] == "Normal Metabolizer"
    assert gene(content, "CYP2D6")["diplotypes"] == ["*1/*3"]
    assert gene(content, "CYP2D6")["activity_score"] == 1.0
    assert gene(content, "HLA-A")["status"] == "not callable"
    drugs = content["samples"][0]["drugs"]
    assert {"abacavir", "clopidogrel", "warfarin", "codeine"} <= {one["drug"] for one in drugs}
    (warfarin,) = [one for one in drugs if one["drug"] == "warfarin"]
    assert warfarin["classification"] is None


def test_the_command_shows_a_summary_or_json(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --json a short summary for people, with it the whole result on standard output."""
    path = write({"P": {"rs4244285": "1/1", "rs12769205": "1/1", "rs3758581": "1/1"}})
    assert run(path) == 0
    shown = capsys.readouterr().out
    assert "CYP2C19" in shown
    assert "clopidogrel" in shown
    assert run(path, "--json", "--out", tmp_path / "pgx.json") == 0
    streams = capsys.readouterr()
    assert json.loads(streams.out) == json.loads((tmp_path / "pgx.json").read_text("utf-8"))
    assert "in clear" not in streams.out


def test_samples_are_answered_in_the_order_asked_for(write: Write, tmp_path: Path) -> None:
    """`--samples` chooses and orders; each has its own genotypes."""
    path = write({"A": {}, "B": {"rs4149056": "1/1", "rs2306283": "1/1"}, "C": {}})
    content = result(path, "--samples", "B,A", folder=tmp_path)
    assert [one["sample"] for one in content["samples"]] == ["B", "A"]
    assert gene(content, "SLCO1B1")["phenotype"] == "Poor Function"
    assert gene(content, "SLCO1B1", 1)["phenotype"] == "Normal Function"


def test_a_sample_that_is_not_there_is_told_without_names(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names neither the samples asked for nor those of the file."""
    assert run(write({"Smith-4711": {}}), "--samples", "Jones-12", "--out", tmp_path / "o") == 2
    told = capsys.readouterr().err
    assert "Jones" not in told
    assert "Smith" not in told
    assert not (tmp_path / "o").exists()


def test_the_python_call_gives_what_the_command_writes(write: Write, tmp_path: Path) -> None:
    """`osler.genome.pgx.call` and the command are the same act."""
    path = write({"P": {"rs4149056": "0/1"}})
    content = result(path, folder=tmp_path)
    assert pgx.call(path).to_json() == content
    assert pgx.call(str(path), release=RELEASE, samples=["P"]).to_json() == content


def test_a_missing_position_is_listed_and_told_with_the_advice(
    write: Write, tmp_path: Path
) -> None:
    """What was not read is never taken for the reference."""
    content = result(write({"P": {}}, without=("rs1142345",)), folder=tmp_path)
    tpmt = gene(content, "TPMT")
    assert 18130687 in tpmt["missing_positions"]
    assert tpmt["settling"]
    for one in content["samples"][0]["drugs"]:
        if "TPMT" in one["genes"]:
            assert any("TPMT" in caveat for caveat in one["caveats"])


def test_a_bundle_is_written_beside_the_result(write: Write, tmp_path: Path) -> None:
    """`--fhir` writes the FHIR bundle of the same samples."""
    out = tmp_path / "bundle.json"
    result(write({"A": {}, "B": {}}), "--fhir", out, folder=tmp_path)
    content = json.loads(out.read_text("utf-8"))
    kinds = [entry["resource"]["resourceType"] for entry in content["entry"]]
    assert content["resourceType"] == "Bundle"
    assert kinds.count("DiagnosticReport") == kinds.count("Patient") == 2


@pytest.mark.parametrize("place", ["", "absent/pgx.json", "file/pgx.json"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder, a folder that is not there, and a place below a file are refused at once."""
    (tmp_path / "file").write_text("", "utf-8")
    assert run(tmp_path / "absent.vcf", "--out", tmp_path / place) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert "absent.vcf" not in told[0]


def test_nothing_is_left_where_something_was_wrong(write: Write, tmp_path: Path) -> None:
    """A result that was there stays as it was when a later run fails."""
    out = tmp_path / "pgx.json"
    out.write_text("before", "utf-8")
    bad = tmp_path / "calls.tsv"
    bad.write_text("CYP2D6\t*1/*2/*3\nCYP2C9\t*1/*2\t\tlots\n", "utf-8")
    assert run(write({"P": {}}), "--outside-calls", bad, "--out", out) == 2
    assert out.read_text("utf-8") == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.tsv", "pgx.json"]


def test_two_outputs_in_one_place_are_refused(write: Write, tmp_path: Path) -> None:
    """The result and the bundle cannot be the same file."""
    out = tmp_path / "one.json"
    assert run(write({"P": {}}), "--out", out, "--fhir", out) == 2
    assert not out.exists()


def test_a_file_that_is_no_vcf_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Something else than a VCF ends with code 2 and one line."""
    path = tmp_path / "notes.txt"
    path.write_text("not a VCF\n", "utf-8")
    assert run(path) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_medication_list_stands_beside_the_genotype(write: Write, tmp_path: Path) -> None:
    """A strong inhibitor changes what is shown beside the genotype, not the genotype."""
    calls, taken = tmp_path / "calls.tsv", tmp_path / "taken.tsv"
    calls.write_text("CYP2D6\t*1/*1\n", "utf-8")
    taken.write_text("paroxetine\n", "utf-8")
    content = result(
        write({"P": {}}), "--outside-calls", calls, "--medications", taken, folder=tmp_path
    )
    assert gene(content, "CYP2D6")["phenotype"] == "Normal Metabolizer"
    conversion = content["samples"][0]["phenoconversion"]
    assert conversion["phenotypes"] == [{"phenotype": "Poor Metabolizer", "activity_score": 0.0}]


def test_the_same_input_gives_the_same_bytes(write: Write, tmp_path: Path) -> None:
    """A result can be compared by its digest, from one process to the next."""
    path = write({"P": {"rs4244285": "0/1"}})
    written = []
    for hash_seed in ("1", "2"):
        out = tmp_path / f"{hash_seed}.json"
        command = [sys.executable, "-m", "osler", "genome", "pgx", str(path), "--out", str(out)]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        written.append(out.read_bytes())
    assert written[0] == written[1]


# ---- PharmCAT's worked example ------------------------------------------------------------------

CASES = Path(os.environ.get("OSLER_DATA", "absent")) / "genome" / "pharmcat_cases"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="OSLER_DATA has no pharmcat_cases")
NEWER_THAN_THE_RELEASE = {"hydralazine", "metoprolol"}


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """Return the result of the worked example."""
    return pgx.call(
        CASES / "pharmcat.example.vcf",
        outside_calls=CASES / "pharmcat.example.outsideCall.tsv",
        release=RELEASE,
    ).to_json()


@needs_cases
def test_every_gene_of_the_worked_example_agrees(example: dict[str, Any]) -> None:
    """Diplotype, phenotype and activity score are those of PharmCAT's report."""
    lines = (CASES / "pharmcat.example.report.tsv").read_text("utf-8").splitlines()[1:]
    header, *rows = [line.split("\t") for line in lines]
    assert len(rows) == 20
    for row in rows:
        expected = dict(zip(header, row, strict=False))
        found = gene(example, expected["Gene"])
        assert found["diplotypes"] == [expected["Source Diplotype"]]
        assert (found["phenotype"] or "") == expected["Phenotype"].strip()
        score = expected["Activity Score"]
        assert found["activity_score"] == (float(score) if score else None)


@needs_cases
def test_every_drug_of_the_worked_example_agrees(example: dict[str, Any]) -> None:
    """CPIC's drugs, populations, classifications and implications are those of the report."""
    with gzip.open(CASES / "pharmcat.example.report.json.gz") as stream:
        report = json.load(stream)["drugs"]["CPIC Guideline Annotation"]
    expected = {
        (drug, one["population"]): (one["classification"], sorted(one["implications"]))
        for drug, entry in report.items()
        for guideline in entry["guidelines"]
        for one in guideline["annotations"]
        if drug not in NEWER_THAN_THE_RELEASE
    }
    found = {
        (one["drug"], one["population"]): (one["classification"], sorted(one["implications"]))
        for one in example["samples"][0]["drugs"]
        if "CPIC" in one["source"]
    }
    assert len(expected) > 80
    assert found.keys() == expected.keys()
    for key, told in expected.items():
        assert found[key][0] == told[0], key
        if key[0] != "warfarin":
            assert found[key][1] == told[1], key
