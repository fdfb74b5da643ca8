"""The FHIR bundle: every reference leads somewhere, and the chain is that of the guide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from osler import knowledge
from osler.genome.pgx import fhir
from osler.genome.pgx.answers import Answers, knowledge_of
from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.outside import OutsideCall
from osler.genome.pgx.result import PgxResult, SeenVariant

RELEASE = knowledge.get("cpic-2025-11-05")
PROFILE = "http://hl7.org/fhir/uv/genomics-reporting/StructureDefinition/"


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    """Return the bundle of two samples."""
    answers = Answers(RELEASE, [OutsideCall("HLA-B", Diplotype("*15:02", "*57:01"))])
    first = answers.sample(
        "one",
        {
            "CYP2C19": GeneCall("CYP2C19", "called", (Diplotype("*2", "*38"),)),
            "DPYD": GeneCall(
                "DPYD",
                "called",
                detected=("c.1905+1G>A (*2A) (heterozygous)",),
                advised=(Diplotype("Reference", "c.1905+1G>A (*2A)"),),
            ),
            "CYP2D6": GeneCall("CYP2D6", "not callable", notes=("no copy number",)),
        },
        variants=(
            SeenVariant("CYP2C19", "chr10", 94781859, "rs4244285", "G", "A", 1, 2),
            SeenVariant("G6PD", "chrX", 154532990, None, "C", "T", 1, 1),
        ),
    )
    pairs = (Diplotype("*1", "*2"), Diplotype("*1", "*3"))
    second = answers.sample("two", {"CYP2C19": GeneCall("CYP2C19", "ambiguous", pairs)})
    return fhir.bundle(PgxResult(knowledge_of(RELEASE), (first, second)))


def resources(bundle: dict[str, Any], kind: str, profile: str = "") -> list[dict[str, Any]]:
    """Return the resources of a kind and a profile."""
    found = [entry["resource"] for entry in bundle["entry"]]
    return [
        one
        for one in found
        if one["resourceType"] == kind
        and (not profile or one["meta"]["profile"] == [PROFILE + profile])
    ]


def references(value: Any) -> Iterator[str]:
    """Yield every reference in a value."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "reference":
                yield one
            else:
                yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_reference_leads_to_an_entry(bundle: dict[str, Any]) -> None:
    """No reference points outside the bundle, and no two entries have one address."""
    addresses = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(addresses)) == len(addresses)
    assert set(references(bundle["entry"])) <= set(addresses)
    for entry in bundle["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"


def test_implications_have_components_and_no_value(bundle: dict[str, Any]) -> None:
    """A therapeutic implication says all in components, as its profile demands."""
    found = resources(bundle, "Observation", "therapeutic-implication")
    assert len(found) > 10
    for one in found:
        assert not [key for key in one if key.startswith("value")]
        assert one["code"]["coding"][0]["code"] == "therapeutic-implication"
        codes = [component["code"]["coding"][0]["code"] for component in one["component"]]
        assert {"51963-7", "conclusion-string"} <= set(codes)
        assert one["derivedFrom"]


def test_each_level_is_derived_from_the_one_before(bundle: dict[str, Any]) -> None:
    """Implications rest on genotypes, genotypes on haplotypes, haplotypes on variants."""
    profile = {
        entry["fullUrl"]: entry["resource"]["meta"]["profile"][0].removeprefix(PROFILE)
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "Observation"
    }
    allowed = {
        "therapeutic-implication": {"genotype"},
        "genotype": {"haplotype", "variant"},
        "haplotype": {"variant"},
        "variant": set(),
    }
    chains = set()
    for entry in bundle["entry"]:
        if entry["fullUrl"] not in profile:
            continue
        for one in entry["resource"].get("derivedFrom", []):
            link = (profile[entry["fullUrl"]], profile[one["reference"]])
            assert link[1] in allowed[link[0]]
            chains.add(link)
    assert {
        ("therapeutic-implication", "genotype"),
        ("genotype", "haplotype"),
        ("haplotype", "variant"),
    } <= chains


def test_every_observation_has_what_fhir_demands(bundle: dict[str, Any]) -> None:
    """Status, category, code and subject are there, and a value, a component or a reason."""
    for one in resources(bundle, "Observation"):
        assert one["status"] in ("final", "preliminary")
        assert one["category"]
        assert one["code"]["coding"]
        assert one["subject"]["reference"]
        has_value = any(key.startswith("value") for key in one)
        assert not (has_value and "dataAbsentReason" in one)
        assert has_value or "dataAbsentReason" in one or one["component"]
        for component in one["component"]:
            values = [key for key in component if key.startswith("value")]
            assert len(values) == 1, component


def test_a_gene_that_was_not_called_is_a_genotype_without_a_value(bundle: dict[str, Any]) -> None:
    """Unknown is told, with its reason, and never as a reference genotype."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in resources(bundle, "Observation", "genotype"):
        if "dataAbsentReason" in one:
            found.setdefault(one["component"][0]["valueCodeableConcept"]["text"], []).append(one)
    assert {"CYP2D6", "HLA-A", "TPMT"} <= set(found)
    assert all("valueCodeableConcept" not in one for one in found["CYP2D6"])
    assert [{"text": "no copy number"}] in [one["note"] for one in found["CYP2D6"]]


def test_an_ambiguous_gene_has_a_genotype_for_each_candidate(bundle: dict[str, Any]) -> None:
    """Each candidate is preliminary; a called one is final."""
    found = [
        (one["valueCodeableConcept"]["text"], one["status"])
        for one in resources(bundle, "Observation", "genotype")
        if "valueCodeableConcept" in one
    ]
    assert ("CYP2C19 *1/*2", "preliminary") in found
    assert ("CYP2C19 *1/*3", "preliminary") in found
    assert ("CYP2C19 *2/*38", "final") in found


def test_recommendations_are_tasks_that_a_report_points_to(bundle: dict[str, Any]) -> None:
    """What asks for something unusual is a proposed task, with its reason, in the report."""
    tasks = resources(bundle, "Task", "medication-recommendation")
    assert tasks
    pointed = {
        extension["valueReference"]["reference"]
        for report in resources(bundle, "DiagnosticReport", "genomics-report")
        for extension in report.get("extension", [])
    }
    assert pointed == {f"urn:uuid:{one['id']}" for one in tasks}
    for one in tasks:
        assert (one["status"], one["intent"]) == ("requested", "proposal")
        assert one["description"]
        assert one["reasonReference"]["reference"]


def test_drugs_have_their_number_in_rxnorm(bundle: dict[str, Any]) -> None:
    """A drug that the release has a number of is coded, and always named."""
    numbers = {}
    for one in resources(bundle, "Observation", "therapeutic-implication"):
        for part in one["component"]:
            if part["code"]["coding"][0]["code"] == "51963-7":
                value = part["valueCodeableConcept"]
                numbers[value["text"]] = [coding["code"] for coding in value.get("coding", [])]
    assert numbers["abacavir"] == ["190521"]
    assert all(numbers)


def test_each_sample_has_one_report_and_its_own_subject(bundle: dict[str, Any]) -> None:
    """Two samples are two patients, and no observation is of the wrong one."""
    reports = resources(bundle, "DiagnosticReport")
    assert len(reports) == len(resources(bundle, "Patient")) == 2
    by_address = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    for report in reports:
        subjects = {
            by_address[one["reference"]]["subject"]["reference"] for one in report["result"]
        }
        assert subjects == {report["subject"]["reference"]}
        assert "Research use" in report["conclusion"]


def test_variants_are_placed_and_counted(bundle: dict[str, Any]) -> None:
    """A variant has its place, its alleles, its allelic state and its number in dbSNP."""
    found = resources(bundle, "Observation", "variant")
    states = set()
    for one in found:
        parts = {part["code"]["coding"][0]["code"]: part for part in one["component"]}
        assert {"48018-6", "48000-4", "81254-5", "69547-8", "69551-0", "53034-5"} <= set(parts)
        states.add(parts["53034-5"]["valueCodeableConcept"]["coding"][0]["display"])
    assert states == {"Heterozygous", "Hemizygous"}


def test_the_same_result_gives_the_same_bundle(bundle: dict[str, Any]) -> None:
    """Ids follow from the content; the bundle is plain JSON."""
    assert json.loads(json.dumps(bundle, allow_nan=False)) == bundle
    ids = [entry["resource"]["id"] for entry in bundle["entry"]]
    empty = PgxResult(knowledge_of(RELEASE), ())
    assert fhir.bundle(empty) == fhir.bundle(empty)
    assert len(set(ids)) == len(ids)
