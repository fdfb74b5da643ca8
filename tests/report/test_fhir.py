"""The bundle is sound FHIR R4: references resolve, times have zones, nothing is made up."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from osler.report import patient_fhir
from osler.report.fhir import instant

Json = dict[str, Any]


def resources(bundle: Json, kind: str) -> list[Json]:
    """Return the resources of a kind."""
    found = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in found if one["resourceType"] == kind]


def references(value: Any) -> list[str]:
    """Return every reference in a value."""
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [one for inner in value.values() for one in references(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in references(inner)]
    return []


def test_bundle_holds_what_the_report_says(report: Json) -> None:
    """One report, one risk assessment, an observation per finding, one provenance."""
    bundle = patient_fhir(report)
    assert bundle["type"] == "collection"
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds.count("Observation") == len(report["findings"])
    for kind in ("Patient", "DiagnosticReport", "RiskAssessment", "Provenance"):
        assert kinds.count(kind) == 1
    assert (
        "Research use; not a medical device."
        in resources(bundle, "DiagnosticReport")[0]["conclusion"]
    )


def test_references_resolve(report: Json) -> None:
    """Every reference points at an entry, every entry has a name of its own."""
    bundle = patient_fhir(report)
    names = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(names)) == len(names)
    assert set(references(bundle)) <= set(names)
    assert all(entry["fullUrl"].endswith(entry["resource"]["id"]) for entry in bundle["entry"])


def test_risks_per_cause_and_horizon(report: Json) -> None:
    """Each cause at each horizon is a prediction with probability, range of time and interval."""
    risk = resources(patient_fhir(report), "RiskAssessment")[0]
    assert len(risk["prediction"]) == 6
    first = risk["prediction"][2]
    assert first["probabilityDecimal"] == pytest.approx(0.264)
    assert first["outcome"] == {"text": "Died of breast cancer"}
    assert first["whenRange"]["low"]["value"] == 0
    assert first["whenRange"]["high"] == {
        "value": 10.0,
        "unit": "years after surgery",
        "system": "http://unitsofmeasure.org",
        "code": "a",
    }
    assert first["rationale"] == "Interval 0.214 to 0.324."


def test_final_and_abstained_observations(report: Json) -> None:
    """A final finding has its value and interval; an abstained one says why not."""
    report["findings"][-1]["value"] = 0.7777
    told = resources(patient_fhir(report), "Observation")
    final, silent = told[2], told[-1]
    assert final["status"] == "final"
    assert final["valueQuantity"] == {"value": 0.264, "unit": "probability"}
    assert final["component"][0]["code"] == {"text": "95 % interval"}
    assert silent["status"] == "cancelled"
    assert not {key for key in silent if key.startswith(("value", "component"))}
    assert "calibration slope" in silent["dataAbsentReason"]["text"]
    assert "0.7777" not in json.dumps(silent)


def test_provenance_names_inputs_by_digest(report: Json) -> None:
    """What the report was made from stands in the bundle with its sha256."""
    told = resources(patient_fhir(report), "Provenance")[0]
    digests = {entity["what"]["display"]: entity["what"]["identifier"] for entity in told["entity"]}
    assert digests["run"] == {"system": "urn:osler:sha256", "value": "d" * 64}
    assert {entity["role"] for entity in told["entity"]} == {"source"}
    assert len(told["target"]) == 2 + len(report["findings"])


def test_bundle_is_the_same_each_time(report: Json) -> None:
    """The same report gives the same bundle; another report another one."""
    first, second = patient_fhir(report), patient_fhir(report)
    assert first == second
    report["subject_id"] = 7
    assert patient_fhir(report)["identifier"] != first["identifier"]


def test_bundle_is_plain_json(report: Json) -> None:
    """No NaN and no empty list or text, which FHIR forbids, wherever the report has a gap."""
    report["findings"][0]["value"] = float("nan")
    report["summary"]["horizons"][0]["causes"][0] |= {"value": float("nan"), "low": None}
    report["summary"]["horizons"][1]["causes"][0]["value"] = 1.7
    bundle = patient_fhir(report)
    text = json.dumps(bundle, allow_nan=False)
    assert not re.search(r'(\[\]|\{\}|"")', text)
    assert len(resources(bundle, "RiskAssessment")[0]["prediction"]) == 4


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("2026-11-22", "2026-11-22T00:00:00Z"),
        ("2026-11-22T23:30:00-05:00", "2026-11-23T04:30:00Z"),
        ("never", "1970-01-01T00:00:00Z"),
        (None, "1970-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z"),
    ],
)
def test_times_name_their_zone(given: Any, told: str) -> None:
    """Every time is UTC; one that cannot be read or placed is the first moment of the epoch."""
    assert instant(given) == told


def test_text_findings_are_strings(report: Json) -> None:
    """A finding in words becomes a string, not a quantity."""
    report["findings"][0] |= {"value": "poor metaboliser", "unit": None, "interval": None}
    told = resources(patient_fhir(report), "Observation")[0]
    assert told["valueString"] == "poor metaboliser"
