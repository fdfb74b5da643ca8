"""The two made-up genomes that ship with osler: what they are, and the reports on them."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
from pathlib import Path

import pytest

from osler import demo
from osler.vault import Key
from osler.workflows.demo import KEY, _germline

TOOL = Path(__file__).parents[2] / "tools" / "make_demo_germline.py"
SOURCE = (demo.GERMLINE / "SOURCE.md").read_text("utf-8")
EXPECTED = {
    "CYP2C19": "Poor Metabolizer",
    "CYP2C9": "Intermediate Metabolizer",
    "CYP2D6": "Intermediate Metabolizer",
    "DPYD": "Intermediate Metabolizer",
    "SLCO1B1": "Decreased Function",
    "TPMT": "Intermediate Metabolizer",
    "UGT1A1": "Poor Metabolizer",
}


def test_the_worked_example_is_the_one_named() -> None:
    """The file has the digest that SOURCE.md tells, and its licence lies beside it."""
    content = demo.GENOMES[demo.WORKED_EXAMPLE].read_bytes()
    assert hashlib.sha256(content).hexdigest() in SOURCE
    licence = (demo.GERMLINE / "LICENSE-MPL-2.0.txt").read_text("utf-8")
    assert licence.startswith("Mozilla Public License Version 2.0")


@pytest.mark.skipif(not TOOL.is_file(), reason="the tools are not in this copy")
def test_the_synthetic_person_is_made_by_the_tool(tmp_path: Path) -> None:
    """The tool makes the shipped file again, byte by byte."""
    spec = importlib.util.spec_from_file_location("make_demo_germline", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.main(tmp_path / "made.vcf")
    assert (tmp_path / "made.vcf").read_bytes() == demo.GENOMES["synthetic"].read_bytes()


def test_the_calls_are_told_the_same_in_both_forms() -> None:
    """The table for the vault and the files for `osler genome pgx` hold the same calls."""
    with demo.CALLS.open(newline="", encoding="utf-8") as stream:
        table = {(one["subject"], one["gene"], one["diplotype"]) for one in csv.DictReader(stream)}
    files = {
        (name, *line.split("\t")[:2])
        for name in demo.GENOMES
        for line in demo.outside_calls(name).read_text("utf-8").splitlines()
    }
    assert table == files


@pytest.mark.slow
def test_both_get_a_report_by_the_way_of_any_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Report and pgx.json agree; the synthetic person shows each kind of result; twice is once."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    out = tmp_path / "out"
    out.mkdir()
    Key.create_file(out / KEY)
    pages = _germline(out)
    assert _germline(out) == pages
    assert [page.parent.name for page in pages] == ["germline", "germline-synthetic"]
    for page in pages:
        report = json.loads((page.parent / "report.json").read_text("utf-8"))
        (sample,) = json.loads((page.parent / "pgx.json").read_text("utf-8"))["samples"]
        told = {one["gene"]: one["phenotype"] for one in report["drugs"]["genes"]}
        assert told == {one["gene"]: one["phenotype"] for one in sample["genes"]}
        assert "inherited genome" in page.read_text("utf-8")
    assert {gene: told[gene] for gene in EXPECTED} == EXPECTED
    advised = {one["drug"] for one in report["drugs"]["advice"]}
    assert {"clopidogrel", "fluorouracil", "simvastatin", "azathioprine", "warfarin"} <= advised
