"""`pgx.json` keeps to the published interface, and findings and events say what it says."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from osler import knowledge
from osler.genome.pgx.answers import Answers, knowledge_of
from osler.genome.pgx.findings import codes, findings
from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.outside import OutsideCall
from osler.genome.pgx.phenoconversion import Medication
from osler.genome.pgx.result import PgxResult, SampleResult
from osler.model import Finding, Provenance

RELEASE = knowledge.get("cpic-2025-11-05")
GENE_KEYS = {
    "gene",
    "status",
    "diplotypes",
    "phenotype",
    "activity_score",
    "phased",
    "missing_positions",
    "notes",
}
DRUG_KEYS = {
    "drug",
    "source",
    "genes",
    "population",
    "classification",
    "implications",
    "recommendation",
    "lookup",
}
CALLS = {
    "CYP2C19": GeneCall("CYP2C19", "called", (Diplotype("*2", "*2"),), phased=True),
    "CYP2C9": GeneCall("CYP2C9", "called", (Diplotype("*1", "*1"),)),
    "TPMT": GeneCall("TPMT", "ambiguous", (Diplotype("*1", "*3A"), Diplotype("*3B", "*3C"))),
    "DPYD": GeneCall("DPYD", "no call", missing=(97078987,), notes=("nothing read",)),
    "CYP2D6": GeneCall("CYP2D6", "not callable", notes=("no copy number from a VCF",)),
}


@pytest.fixture(scope="module")
def sample() -> SampleResult:
    """Return the result of one sample."""
    outside = [OutsideCall("CYP2D6", Diplotype("*1", "*4"))]
    return Answers(RELEASE, outside, [Medication("paroxetine")]).sample("S-17", CALLS)


@pytest.fixture(scope="module")
def found(sample: SampleResult) -> list[Finding]:
    """Return its findings."""
    provenance = Provenance("osler", "2026-11-22T00:00:00+00:00")
    return findings(sample, release=RELEASE, provenance=provenance)


def test_the_json_has_the_published_keys_and_types(sample: SampleResult) -> None:
    """Every key of the interface is there, with the type that it promises."""
    content = PgxResult(knowledge_of(RELEASE), (sample,)).to_json()
    assert content["knowledge"]["release"] == RELEASE.name
    assert content["knowledge"]["sha256"] == RELEASE.sha256
    (one,) = content["samples"]
    assert one["sample"] == "S-17"
    for gene in one["genes"]:
        assert set(gene) >= GENE_KEYS
        assert gene["status"] in ("called", "ambiguous", "no call", "not callable")
        assert isinstance(gene["phased"], bool)
        assert isinstance(gene["phenotype"], str | None)
        assert isinstance(gene["activity_score"], float | None)
        assert all(isinstance(place, int) for place in gene["missing_positions"])
    for drug in one["drugs"]:
        assert set(drug) >= DRUG_KEYS
        assert "CPIC" in drug["source"]
        assert isinstance(drug["lookup"], dict)
        assert isinstance(drug["implications"], list)
        assert drug["table_date"] == RELEASE.table(drug["table"]).date


def test_every_gene_is_listed_also_when_it_was_not_called(sample: SampleResult) -> None:
    """Genes without a call, HLA and MT-RNR1 are listed, with a note and without a phenotype."""
    listed = {one.gene: one for one in sample.genes}
    assert {*CALLS, "HLA-A", "HLA-B", "MT-RNR1", "G6PD"} <= set(listed)
    for name in ("HLA-A", "MT-RNR1", "DPYD"):
        assert listed[name].phenotype is None
        assert listed[name].notes
    assert listed["DPYD"].to_json()["missing_positions"] == [97078987]


def test_the_outside_call_takes_the_place_of_the_file(sample: SampleResult) -> None:
    """A gene told from outside is called, and says where it is from."""
    entry = sample.gene("CYP2D6").to_json()
    assert (entry["status"], entry["diplotypes"]) == ("called", ["*1/*4"])
    assert (entry["phenotype"], entry["activity_score"]) == ("Intermediate Metabolizer", 1.0)
    assert entry["source"] == "outside call"


def test_a_call_of_the_file_that_differs_is_told_in_the_notes() -> None:
    """The outside call counts for every sample; each says where its own file differs."""
    answers = Answers(RELEASE, [OutsideCall("CYP2C19", Diplotype("*1", "*17"))])
    differing = answers.sample("one", {"CYP2C19": CALLS["CYP2C19"]}).gene("CYP2C19")
    same = GeneCall("CYP2C19", "called", (Diplotype("*17", "*1"),))
    agreeing = answers.sample("two", {"CYP2C19": same}).gene("CYP2C19")
    assert differing.phenotype == agreeing.phenotype == "Rapid Metabolizer"
    assert any("*2/*2" in note for note in differing.notes)
    assert not any("the file says" in note for note in agreeing.notes)


def test_writing_gives_what_to_json_gives(sample: SampleResult) -> None:
    """The fast writer and the plain object are the same content."""
    result = PgxResult(knowledge_of(RELEASE), (sample, sample), "GRCh38", ("a note",), {"a": 1})
    stream = io.StringIO()
    result.write(stream)
    assert json.loads(stream.getvalue()) == result.to_json()
    empty = io.StringIO()
    PgxResult(knowledge_of(RELEASE), ()).write(empty)
    assert json.loads(empty.getvalue())["samples"] == []


def test_the_phenoconversion_stands_beside_the_genotype(sample: SampleResult) -> None:
    """Genotype and converted phenotype are both in the result."""
    entry: Any = sample.to_json()["phenoconversion"]
    assert entry["phenotypes"] == [{"phenotype": "Poor Metabolizer", "activity_score": 0.0}]
    assert {one["drug"] for one in entry["drugs"]} >= {"codeine", "tramadol"}
    assert sample.gene("CYP2D6").phenotype == "Intermediate Metabolizer"


def test_an_unknown_gene_name_is_a_key_error(sample: SampleResult) -> None:
    """Asking for a gene that was not looked at fails as a lookup does."""
    with pytest.raises(KeyError):
        sample.gene("BRCA1")


def test_what_deviates_comes_first_and_what_is_unknown_last(found: list[Finding]) -> None:
    """The order of the findings is the order in which a reader needs them."""
    kinds = [one.kind for one in found]
    assert kinds[0] == "drug advice"
    assert found[0].status == "final"
    assert found[-1].status == "abstained"
    first_unknown = next(at for at, one in enumerate(found) if one.status == "abstained")
    assert all(one.kind != "phenoconversion" for one in found[first_unknown:])


def test_every_finding_names_the_release_or_a_dated_table(found: list[Finding]) -> None:
    """No finding is without the knowledge that it rests on."""
    for one in found:
        text = json.dumps(one.to_json())
        assert RELEASE.name in text, one.statement


def test_unknown_is_never_told_as_safe(found: list[Finding]) -> None:
    """A gene without a phenotype abstains, and the drugs that need it are not said to be usual."""
    unknown = {one.statement.split()[0].rstrip(":"): one for one in found if one.value is None}
    assert unknown["DPYD"].status == "abstained"
    assert "capecitabine" in unknown["DPYD"].statement
    usual = next(one for one in found if one.kind == "standard dose by genotype")
    assert "capecitabine" not in usual.statement
    assert "codeine" not in usual.statement or "No recommendation" not in usual.statement


def test_no_recommendation_is_not_a_usual_dose() -> None:
    """A guideline that makes no recommendation is abstained from, not called standard."""
    sample = Answers(RELEASE, [OutsideCall("CYP2D6", Diplotype("*22", "*22"))]).sample("x", {})
    provenance = Provenance("osler", "2026-11-22T00:00:00+00:00")
    found = findings(sample, release=RELEASE, provenance=provenance)
    silent = next(one for one in found if "make no recommendation" in one.statement)
    assert silent.status == "abstained"
    assert "codeine" in silent.statement
    assert not [one for one in found if one.kind == "standard dose by genotype"]


def test_equal_advice_for_several_populations_is_one_finding(found: list[Finding]) -> None:
    """Advice in the same words is told once, with all its populations."""
    clopidogrel = [one for one in found if one.statement.startswith("clopidogrel")]
    statements = [one.statement for one in clopidogrel]
    assert len(statements) == len(set(statements))
    assert all("CVI" in text or "NVI" in text for text in statements)


def test_events_say_what_was_called_and_what_was_not(sample: SampleResult) -> None:
    """Called genes are genotypes and phenotypes; the rest is told as what it is."""
    listed = codes(sample)
    assert ("GENOTYPE//CYP2C19//*2/*2", None, None) in listed
    assert ("PHENOTYPE//CYP2C19//Poor Metabolizer", None, None) in listed
    assert ("PHENOTYPE//CYP2D6//Intermediate Metabolizer", 1.0, None) in listed
    assert ("GENOTYPE//TPMT//ambiguous", None, "*1/*3A or *3B/*3C") in listed
    assert ("GENOTYPE//DPYD//no call", None, None) in listed
    assert ("GENOTYPE//HLA-A//not callable", None, None) in listed
    assert not [code for code, _, _ in listed if code.startswith("PHENOTYPE//DPYD")]
