"""Inherited genomes in a vault: read from the attachment, dated, told in the patient's report."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.workflows.genome_people import changed_release, vault_of

from osler import workflows
from osler.genome.pgx.definitions import Definitions
from osler.knowledge import get
from osler.sources import LoadReport
from osler.testing import DAY_ZERO, PatientBuilder, patient
from osler.workflows.genome import landing
from osler.workflows.genome.germline import files_by_report, medications, outside_calls
from osler.workflows.genome.tumours import NOT_SEQUENCED, TumourReader

CYP2C19_2 = {"rs4244285": "1/1", "rs12769205": "1/1", "rs3758581": "1/1"}


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep heads in the test's own folder."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def vcf() -> bytes:
    """Return a VCF of all positions of CYP2C19 and CYP2C9, with CYP2C19 *2/*2."""
    genes = Definitions.load().genes
    found = [one for name in ("CYP2C19", "CYP2C9") for one in genes[name].all_positions]
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr10,assembly=GRCh38>"]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    lines.append(
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "patient"]
        )
    )
    for one in sorted(found, key=lambda place: place.position):
        fields = [one.chromosome, one.position, one.rsid or ".", one.alleles[0]]
        fields += [",".join(one.alleles[1:]), ".", "PASS", ".", "GT"]
        lines.append("\t".join(map(str, [*fields, CYP2C19_2.get(one.rsid or "", "0/0")])))
    return ("\n".join(lines) + "\n").encode()


def loaded(folder: Path, vcf: bytes, *people: PatientBuilder) -> workflows.Opening:
    """Make a vault of some patients, and load the VCF as that of subject 7, reported on a day."""
    opening = vault_of(folder, *people)
    (folder / "person.vcf").write_bytes(vcf)
    (folder / "map.csv").write_text("sample,subject_id,time\npatient,7,2021-03-04\n", "utf-8")
    report = workflows.load(opening, "genome", folder / "person.vcf", samples=folder / "map.csv")
    assert report.loaded
    return opening


def report_of(opening: workflows.Opening, folder: Path, subject: int = 7) -> Any:
    """Return the patient's report."""
    workflows.report_patient(opening, subject, out=folder / "page")
    return json.loads((folder / "page" / "report.json").read_text("utf-8"))


def test_a_load_puts_its_meaning_on_the_timeline(tmp_path: Path, vcf: bytes) -> None:
    """After `load genome` alleles and phenotypes are events of the day of the report."""
    opening = loaded(tmp_path, vcf, patient(subject_id=7, born=1970), patient(subject_id=8))
    events = opening.open().subject_events(7, derived=["pharmacogenomics"])
    told = events.filter(pl.col("code").str.contains("//CYP2C19//"))
    assert told["code"].to_list() == [
        "GENOTYPE//CYP2C19//*2/*2",
        "PHENOTYPE//CYP2C19//Poor Metabolizer",
    ]
    assert told["time"].dt.date().unique().to_list() == [datetime(2021, 3, 4).date()]
    assert (
        opening.open()
        .subject_events(8, derived="all")
        .filter(pl.col("code").str.starts_with("PHENOTYPE"))
        .is_empty()
    )


def test_the_report_advises_on_drugs(tmp_path: Path, vcf: bytes) -> None:
    """The patient's report has the advice, the genes, and no gene that was not read as normal."""
    report = report_of(loaded(tmp_path, vcf, patient(subject_id=7, born=1970)), tmp_path)
    drugs = {one["drug"] for one in report["drugs"]["advice"]}
    assert "clopidogrel" in drugs
    assert any(
        one["kind"] == "drug advice"
        and one["status"] == "final"
        and "clopidogrel" in one["statement"]
        for one in report["findings"]
    )
    unread = next(one for one in report["drugs"]["genes"] if one["gene"] == "TPMT")
    assert unread["phenotype"] is None
    assert "azathioprine" not in report["drugs"]["usual"]
    assert not any("inherited genome" in one["what"] for one in report["not_assessed"])
    assert "cpic-2025-11-05" in report["provenance"]["inputs"]


def test_calls_made_elsewhere_and_medications_count(tmp_path: Path, vcf: bytes) -> None:
    """A loaded genotype goes before the file; an inhibitor on the timeline converts CYP2D6."""
    one = patient(subject_id=7, born=1970).event("GENOTYPE//CYP2D6//*1/*1", day=500)
    one = one.drug("paroxetine 20 mg", day=510).drug("water", day=510)
    report = report_of(loaded(tmp_path, vcf, one), tmp_path)
    gene = next(one for one in report["drugs"]["genes"] if one["gene"] == "CYP2D6")
    assert (gene["source"], gene["phenotype"]) == ("outside call", "Normal Metabolizer")
    conversion = report["drugs"]["phenoconversion"]
    assert conversion["phenotypes"] == ["Poor Metabolizer"]
    assert [one["drug"] for one in conversion["inhibitors"]] == [
        "paroxetine 20 mg, recorded 2021-05-25"
    ]


def test_without_a_file_the_report_says_so(tmp_path: Path) -> None:
    """A patient without a germline file has no advice, and the report names the gap."""
    report = report_of(vault_of(tmp_path, patient(subject_id=7, born=1970)), tmp_path)
    assert report["drugs"] is None
    gap = next(one for one in report["not_assessed"] if one["what"].startswith("Drug advice"))
    assert gap["why"] == "no germline file was loaded for this patient"


@pytest.mark.parametrize("content", [b"no VCF at all", b"##fileformat=VCFv4.2\n", b"\x1f\x8bcut"])
def test_a_damaged_file_is_told_and_keeps_nobody_else(
    tmp_path: Path, vcf: bytes, content: bytes
) -> None:
    """One file that cannot be read is counted; everyone else is still interpreted."""
    people = (patient(subject_id=7, born=1970), patient(subject_id=8, born=1970))
    opening = vault_of(tmp_path, *people)
    with opening.open().loading("test", "1" * 64) as load:
        load.attach(7, "bad.vcf.gz", io.BytesIO(content))
        load.attach(8, "good.vcf", io.BytesIO(vcf))
    (one,) = workflows.derive(opening, ["pharmacogenomics"])
    assert one.subjects == 1
    (why,) = one.skipped
    assert "cannot be read" in why
    report = report_of(opening, tmp_path)
    assert report["drugs"] is None
    assert any("cannot be read" in one["why"] for one in report["not_assessed"])


def test_a_file_of_several_people_is_nobodys(tmp_path: Path, vcf: bytes) -> None:
    """An attachment with more samples than the subject's own is refused."""
    two = b"\n".join(
        line + (b"\tother" if line.startswith(b"#CHROM") else b"\t0/0")
        if line and not line.startswith(b"##")
        else line
        for line in vcf.split(b"\n")
    )
    opening = vault_of(tmp_path, patient(subject_id=7, born=1970))
    with opening.open().loading("test", "1" * 64) as load:
        load.attach(7, "two.vcf", io.BytesIO(two))
    assert report_of(opening, tmp_path)["drugs"] is None


def test_a_load_does_not_fail_because_its_meaning_did(
    tmp_path: Path, vcf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be derived is a note; what was loaded stays loaded."""
    monkeypatch.setattr(landing, "_derive_one", _fail)
    opening = loaded(tmp_path, vcf, patient(subject_id=7, born=1970))
    assert opening.open().subject_events(7).filter(pl.col("code") == "SEQUENCED//genome").height
    report = LoadReport()
    landing.derive_after_load(opening.open(), opening, report)
    assert any("not derived: no ink" in what for what in report.notes)


def _fail(*_: object) -> None:
    from osler.errors import NotEstimable

    raise NotEstimable("no ink")


def test_many_files_are_left_to_the_command(
    tmp_path: Path, vcf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a number of files a load derives nothing of them and says how to."""
    monkeypatch.setattr(landing, "MOST_FILES_AT_LOAD", 0)
    opening = loaded(tmp_path, vcf, patient(subject_id=7, born=1970))
    assert [one.about for one in opening.open().derivations()] == ["tumour"]


def test_inherited_variants_are_no_tumour(tmp_path: Path, vcf: bytes) -> None:
    """Variants of a VCF are not taken for mutations of a tumour."""
    one = patient(subject_id=7, born=1970).event("DIAGNOSIS//x", text="Breast Cancer")
    opening = loaded(tmp_path, vcf, one)
    events = opening.open().subject_events(7)
    assert events["code"].str.starts_with("VARIANT//").any()
    from osler.genome.somatic import load

    assert TumourReader(load(), {}).read(events) is NOT_SEQUENCED


def test_whose_advice_a_release_changes(tmp_path: Path, vcf: bytes) -> None:
    """A guideline in other words changes what is said of those whom it concerns, of no other."""
    people = (patient(subject_id=7, born=1970), patient(subject_id=8, born=1970))
    opening = loaded(tmp_path, vcf, *people)
    table = next(one for one in get("cpic-2025-11-05").names("guidelines/") if "clopidogrel" in one)
    name = changed_release(
        tmp_path, "cpic-2025-11-05", table, lambda text: text.replace("Avoid", "Shun")
    )
    assert workflows.changed_subjects(opening, "cpic-2025-11-05", name) == [7]
    assert workflows.changed_subjects(opening, name, name) == []


def test_the_file_reported_last_is_read() -> None:
    """Of several files the one whose report is the latest comes last, whatever it is called."""
    one = patient().event("SEQUENCED//genome", day=5, text="b.vcf.gz")
    one = one.event("SEQUENCED//genome", day=9, text="a.vcf.gz")
    names = ["a.vcf.gz", "b.vcf.gz", "c.vcf", "scan.dcm"]
    assert files_by_report(one.events(), names) == ["c.vcf", "b.vcf.gz", "a.vcf.gz"]


def test_calls_are_read_as_pairs_and_what_is_none_is_left_out() -> None:
    """Diplotypes come in their natural order; a gene that was not called is no call."""
    one = patient().event("GENOTYPE//CYP2D6//*10/*4").event("PHENOTYPE//HLA-B//*57:01 positive")
    one = one.event("GENOTYPE//CYP2C19//ambiguous").event("GENOTYPE//").event("GENOTYPE//X//")
    calls = {call.gene: call for call in outside_calls(one.events())}
    assert str(calls["CYP2D6"].diplotype) == "*4/*10"
    assert calls["HLA-B"].phenotype == "*57:01 positive"
    assert set(calls) == {"CYP2D6", "HLA-B"}


def test_old_medications_do_not_count() -> None:
    """A drug that was last recorded over a year before the last record is not taken now."""
    one = patient().drug("paroxetine", day=0).lab("x", 1.0, day=400)
    assert medications(one.events(), {}) == ()
    coded = patient().event("RxNorm//32937", day=390).lab("x", 1.0, day=400)
    (found,) = medications(coded.events(), {"RxNorm//32937": "paroxetine"})
    assert found.drug.startswith("paroxetine, recorded 2021")
    assert DAY_ZERO.year == 2020
    assert medications(patient().events(), {}) == ()
