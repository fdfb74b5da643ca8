"""A patient's report as a FHIR R4 bundle.

Resource shapes: HL7 FHIR R4 (4.0.1), DiagnosticReport, Observation, RiskAssessment, Provenance
(http://hl7.org/fhir/R4/).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from osler.report import genome
from osler.report.names import words
from osler.report.numbers import as_dict, dicts, finite, plain, texts, years
from osler.report.patient import evidence_words, finding_value, is_final, predictions, summary_of

SUBJECTS = "urn:osler:subject"
SHA256 = "urn:osler:sha256"
UCUM = "http://unitsofmeasure.org"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
AGENT_TYPES = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ENTITY_SOURCE = "source"
RESEARCH_ONLY = "Research use; not a medical device."
# What a result implies for treatment is told in words: the Genomics Reporting guide leaves
# implications without a value (http://hl7.org/fhir/uv/genomics-reporting/STU2/).
WITHOUT_VALUE = ("drug advice", "standard dose by genotype")
UNKNOWN_VALUE = {"coding": [{"system": ABSENT, "code": "unknown", "display": "Unknown"}]}

Json = dict[str, Any]


def patient_fhir(report: Mapping[str, Any]) -> Json:
    """Return the report as a bundle: Patient, DiagnosticReport, findings, risks and Provenance.

    The risks of the summary become one RiskAssessment with a prediction per cause and horizon;
    each finding becomes an Observation, an abstained one without a value and with the reason why
    it is absent. Ids are made from the report, so that the same report gives the same bundle.

    Parameters
    ----------
    report
        The content of `report.json`.
    """
    made = _Bundle(report)
    patient = made.add(
        "Patient", {"identifier": [{"system": SUBJECTS, "value": str(report.get("subject_id"))}]}
    )
    observations = [
        made.add("Observation", _observation(finding, patient, made.moment))
        for finding in dicts(report.get("findings"))
    ]
    targets = list(observations)
    diagnostic = made.add("DiagnosticReport", _diagnostic(report, patient, observations, made))
    targets.insert(0, diagnostic)
    risk = _risk(report, patient, diagnostic, made.moment)
    if risk is not None:
        targets.append(made.add("RiskAssessment", risk))
    made.add("Provenance", _provenance(report, targets, made.moment))
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{made.root}"},
        "timestamp": made.moment,
        "entry": made.entries,
    }


class _Bundle:
    """Entries under way, each with an id that follows from the report and its place."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        content = json.dumps(report, sort_keys=True, default=str)
        self.root = uuid.uuid5(uuid.NAMESPACE_URL, f"osler-report:{content}")
        self.moment = instant(report.get("generated_at"))
        self.entries: list[Json] = []

    def add(self, kind: str, content: Json) -> Json:
        """Add a resource and return a reference to it."""
        name = str(uuid.uuid5(self.root, f"{kind}-{len(self.entries)}"))
        resource = {"resourceType": kind, "id": name, **content}
        self.entries.append({"fullUrl": f"urn:uuid:{name}", "resource": resource})
        return {"reference": f"urn:uuid:{name}"}


def instant(value: Any) -> str:
    """Return an ISO time as a FHIR instant, which must name its zone; UTC where none is named.

    Examples
    --------
    >>> instant("2026-11-22T10:00:00"), instant("2026-11-22T12:00:00+02:00")
    ('2026-11-22T10:00:00Z', '2026-11-22T10:00:00Z')
    """
    try:
        moment = datetime.fromisoformat(str(value))
        placed = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        placed = datetime(1970, 1, 1, tzinfo=UTC)
    return placed.isoformat(timespec="seconds").replace("+00:00", "Z")


def _diagnostic(
    report: Mapping[str, Any], patient: Json, observations: list[Json], made: _Bundle
) -> Json:
    summary = summary_of(report)
    told = [line if line.endswith((".", "…")) else f"{line}." for line in genome.headlines(report)]
    sentences = [
        *texts(summary.get("sentence")),
        *told,
        *texts(report.get("warnings")),
        RESEARCH_ONLY,
    ]
    speaks = any(is_final(finding) for finding in dicts(report.get("findings")))
    named = "Prognosis" if predictions(report) else "Patient report"
    content: Json = {
        "status": "final" if speaks else "partial",
        "code": {"text": plain(report.get("title") or named)},
        "subject": patient,
        "effectiveDateTime": made.moment,
        "issued": made.moment,
        "conclusion": " ".join(sentences),
    }
    if observations:
        content["result"] = observations
    return content


def _observation(finding: Mapping[str, Any], patient: Json, moment: str) -> Json:
    final = is_final(finding)
    notes = [*texts(finding.get("caveats")), *_evidence(finding)]
    content: Json = {
        "status": "final" if final else "cancelled",
        "code": {"text": plain(finding.get("statement"))},
        "category": [{"text": words(finding.get("kind"))}],
        "subject": patient,
        "effectiveDateTime": moment,
    }
    if final:
        content.update(_value(finding))
        notes += _reasons(finding)
    elif finding.get("kind") in genome.KINDS:
        content["status"] = "final"
        content["dataAbsentReason"] = UNKNOWN_VALUE
    else:
        content["dataAbsentReason"] = {
            "coding": [{"system": ABSENT, "code": "not-performed", "display": "Not Performed"}],
            "text": " ".join(texts(finding.get("caveats"))) or "The model abstained.",
        }
    if notes:
        content["note"] = [{"text": note} for note in notes]
    return content


def _value(finding: Mapping[str, Any]) -> Json:
    value = finite(finding.get("value"))
    if finding.get("kind") in WITHOUT_VALUE:
        return {}
    if value is None:
        return {"valueString": finding_value(finding) or plain(finding.get("value"))}
    unit = finding.get("unit")
    told: Json = {"valueQuantity": {"value": value, **({"unit": str(unit)} if unit else {})}}
    interval = as_dict(finding.get("interval"))
    low, high = finite(interval.get("low")), finite(interval.get("high"))
    if low is not None and high is not None:
        level = finite(interval.get("level"))
        name = "Interval" if level is None else f"{level * 100:.4g} % interval"
        told["component"] = [
            {
                "code": {"text": name},
                "valueRange": {"low": {"value": low}, "high": {"value": high}},
            }
        ]
    return told


def _reasons(finding: Mapping[str, Any]) -> list[str]:
    return [
        f"Reason: {plain(reason.get('what'))}; effect {plain(reason.get('effect'))}; "
        f"source {plain(reason.get('source'))}"
        for reason in dicts(finding.get("reasons"))
    ]


def _evidence(finding: Mapping[str, Any]) -> list[str]:
    return [f"Evidence: {evidence_words(line)}" for line in dicts(finding.get("evidence"))]


def _risk(report: Mapping[str, Any], patient: Json, diagnostic: Json, moment: str) -> Json | None:
    """Return the summary's risks; None where there are none or the model may not speak."""
    summary = summary_of(report)
    since = plain(summary.get("from") or "the time of prediction")
    predictions = [
        prediction
        for horizon in dicts(summary.get("horizons"))
        for cause in dicts(horizon.get("causes"))
        if (prediction := _prediction(horizon, cause, since)) is not None
    ]
    if not predictions:
        return None
    notes = [*texts(summary.get("sentence")), *texts(report.get("warnings")), RESEARCH_ONLY]
    return {
        "status": "final",
        "code": {"text": plain(report.get("title") or "Prognosis")},
        "subject": patient,
        "occurrenceDateTime": moment,
        "basis": [diagnostic],
        "prediction": predictions,
        "note": [{"text": note} for note in notes],
    }


def _prediction(horizon: Mapping[str, Any], cause: Mapping[str, Any], since: str) -> Json | None:
    probability, length = finite(cause.get("value")), years(horizon.get("days"))
    if probability is None or not 0 <= probability <= 1:
        return None
    prediction: Json = {
        "outcome": {"text": words(cause.get("cause"))},
        "probabilityDecimal": round(probability, 6),
    }
    if length is not None:
        # R4 reads a bare range of years as an age; the unit says that it is not one.
        unit = {"unit": f"years after {since}", "system": UCUM, "code": "a"}
        prediction["whenRange"] = {
            "low": {"value": 0, **unit},
            "high": {"value": round(length, 4), **unit},
        }
    low, high = finite(cause.get("low")), finite(cause.get("high"))
    if low is not None and high is not None:
        prediction["rationale"] = f"Interval {low:.4g} to {high:.4g}."
    return prediction


def _provenance(report: Mapping[str, Any], targets: list[Json], moment: str) -> Json:
    provenance = as_dict(report.get("provenance"))
    software = plain(provenance.get("software") or "osler")
    content: Json = {
        "target": targets,
        "recorded": moment,
        "agent": [
            {
                "type": {"coding": [{"system": AGENT_TYPES, "code": "assembler"}]},
                "who": {"display": software},
            }
        ],
    }
    entities = [
        {
            "role": ENTITY_SOURCE,
            "what": {"identifier": {"system": SHA256, "value": str(digest)}, "display": str(name)},
        }
        for name, digest in as_dict(provenance.get("inputs")).items()
    ]
    if entities:
        content["entity"] = entities
    return content
