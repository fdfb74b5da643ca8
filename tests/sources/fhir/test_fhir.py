"""The FHIR reader: what each resource becomes, and what is refused."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osler.errors import InputError
from osler.model import BIRTH, DEATH
from osler.sources.fhir import FhirSource, documents
from osler.sources.fhir.codes import SYSTEMS, plain, vocabulary_of
from osler.sources.fhir.patients import target_of

Resource = dict[str, Any]

SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
NOON = "2020-03-01T12:00:00Z"


def concept(system: str | None, code: str | None, display: str | None = None) -> Resource:
    """Return a CodeableConcept of one coding."""
    coding = {"system": system, "code": code, "display": display}
    return {"coding": [{key: value for key, value in coding.items() if value}]}


def anna(**more: Any) -> Resource:
    """Return the resource Patient."""
    return {
        "resourceType": "Patient",
        "id": "anna",
        "birthDate": "1960-05-17",
        "gender": "female",
        **more,
    }


def about(kind: str, **content: Any) -> Resource:
    """Return a resource about Anna."""
    who = "patient" if kind in ("AllergyIntolerance", "Immunization", "FamilyMemberHistory") else ""
    return {"resourceType": kind, who or "subject": {"reference": "Patient/anna"}, **content}


def glucose(**content: Any) -> Resource:
    """Return an Observation of Anna's glucose."""
    value = {"value": 5.5, "unit": "mmol per litre", "system": UCUM, "code": "mmol/L"}
    base = {
        "status": "final",
        "code": concept(LOINC, "15074-8", "Glucose"),
        "effectiveDateTime": NOON,
        "valueQuantity": value,
    }
    return about("Observation", **{**base, **content})


def without(resource: Resource, *keys: str) -> Resource:
    """Return a resource without some elements."""
    return {key: value for key, value in resource.items() if key not in keys}


def lines(path: Path, *resources: Resource) -> Path:
    """Write bulk data."""
    path.write_text("".join(json.dumps(one) + "\n" for one in resources))
    return path


def bundle(*resources: Resource) -> Resource:
    """Return a bundle whose entries go by `urn:uuid:` and their id."""
    entries = [{"fullUrl": f"urn:uuid:{one.get('id')}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


@pytest.fixture
def read(tmp_path: Path, load: Any) -> Any:
    """Return the function that reads resources as bulk data, Anna first."""

    def read(*resources: Resource, patient: Resource | None = None) -> Any:
        path = lines(tmp_path / "data.ndjson", patient or anna(), *resources)
        return load(FhirSource(), path)

    return read


def after_birth(loaded: Any) -> list[tuple[Any, ...]]:
    """Return code, number and text of the events that are neither birth nor static."""
    told = loaded.events.filter(pl.col("time") > datetime(1990, 1, 1))
    return list(told.select("code", "numeric_value", "text_value").iter_rows())


def test_a_patient_becomes_birth_death_and_static_events(read: Any) -> None:
    """Birth at 00:00, death in UTC, gender, race and ethnicity without a time."""
    us_core = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
    category = {"url": "ombCategory", "valueCoding": {"code": "2106-3", "display": "White"}}
    text = {"url": "text", "valueString": "Not Hispanic or Latino"}
    loaded = read(
        patient=anna(
            deceasedDateTime="2020-01-02T01:00:00+02:00",
            extension=[
                {"url": f"{us_core}race", "extension": [category]},
                {"url": f"{us_core}ethnicity", "extension": [text]},
            ],
        )
    )
    times = dict(loaded.events.select("code", "time").iter_rows())
    assert times == {
        BIRTH: datetime(1960, 5, 17),
        DEATH: datetime(2020, 1, 1, 23, 0),
        "GENDER//F": None,
        "RACE//WHITE": None,
        "ETHNICITY//NOT HISPANIC OR LATINO": None,
    }
    assert (loaded.report.read, loaded.report.loaded) == (1, 1)


@pytest.mark.parametrize(
    ("patient", "codes", "note"),
    [
        ({"birthDate": "1960"}, {BIRTH, "GENDER//F"}, None),
        ({"birthDate": "1960-13-41"}, {"GENDER//F"}, "birth, death or end not kept"),
        ({"birthDate": "9999-01-01"}, {"GENDER//F"}, "birth, death or end not kept"),
        ({"deceasedBoolean": True}, {BIRTH, "GENDER//F"}, "died at an unknown time"),
        ({"deceasedBoolean": False}, {BIRTH, "GENDER//F"}, None),
    ],
)
def test_what_is_not_known_of_a_patient_is_no_event(
    patient: Resource, codes: set[str], note: str | None, read: Any
) -> None:
    """An impossible birth or an undated death is told, and the rest of the patient kept."""
    loaded = read(patient=anna(**patient))
    assert set(loaded.codes) == codes
    assert (note is None) == (not loaded.report.notes)
    assert note is None or note in "".join(loaded.report.notes)
    assert loaded.report.loaded == 1


def test_a_condition_is_visible_from_when_it_was_recorded(read: Any) -> None:
    """The onset only dates it when no one says when it was recorded."""
    diabetes = concept(SNOMED, "44054006", "Diabetes")
    recorded = about(
        "Condition", code=diabetes, onsetDateTime="1999-01-01", recordedDate="2010-01-01"
    )
    loaded = read(recorded, about("Condition", code=diabetes, onsetDateTime="1999-01-01"))
    times = loaded.events.filter(pl.col("code") == "SNOMED//44054006")["time"]
    assert times.dt.year().to_list() == [2010, 1999]
    assert loaded.report.notes["Condition without recordedDate: dated by its onset"] == 1
    described = loaded.batches[0].codes.filter(pl.col("code") == "SNOMED//44054006")
    assert described["description"].to_list() == ["Diabetes"]


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (glucose(status="entered-in-error"), "Observation: status entered-in-error"),
        (glucose(status="cancelled"), "Observation: status cancelled"),
        (
            about(
                "Condition",
                code=concept(SNOMED, "1"),
                recordedDate=NOON,
                verificationStatus=concept(None, "refuted"),
            ),
            "Condition: verification status refuted",
        ),
        (
            about(
                "AllergyIntolerance",
                code=concept(SNOMED, "1"),
                recordedDate=NOON,
                verificationStatus=concept(None, "entered-in-error"),
            ),
            "AllergyIntolerance: verification status entered-in-error",
        ),
        (about("Procedure", status="not-done"), "Procedure: status not-done"),
        (about("Immunization", status="not-done"), "Immunization: status not-done"),
        (about("Encounter", status="planned"), "Encounter: status planned"),
        (about("MedicationRequest", status="draft"), "MedicationRequest: status draft"),
        (
            about("MedicationRequest", status="active", doNotPerform=True),
            "MedicationRequest: doNotPerform",
        ),
        (
            about("MedicationStatement", status="not-taken"),
            "MedicationStatement: status not-taken",
        ),
        (
            about("FamilyMemberHistory", status="health-unknown"),
            "FamilyMemberHistory: status health-unknown",
        ),
        (without(glucose(), "subject"), "Observation: no subject"),
        (glucose(subject={"display": "Anna"}), "Observation: no subject"),
        (glucose(subject={"reference": "Group/1"}), "Observation: the subject is not a patient"),
        (
            glucose(subject={"reference": "Patient?identifier=a|nobody"}),
            "Observation: the subject's conditional reference fits no patient, or several",
        ),
        (without(glucose(), "effectiveDateTime"), "Observation: no date"),
        (glucose(effectiveDateTime="9999-01-01"), "Observation: impossible date"),
        (glucose(effectiveDateTime="yesterday"), "Observation: unreadable date"),
        (without(glucose(), "code"), "Observation: no code"),
        (
            without(glucose(dataAbsentReason=concept(None, "not-performed")), "valueQuantity"),
            "Observation: value absent: not-performed",
        ),
        (
            without(glucose(dataAbsentReason=concept(None, "Anna left")), "valueQuantity"),
            "Observation: value absent: of another kind",
        ),
        (glucose(valueQuantity={"value": "high"}), "Observation: a value that is not a number"),
        (
            glucose(valueQuantity={"value": 1e60}),
            "Observation: a number too large or not finite",
        ),
        (glucose(code="15074-8"), "Observation: content not as FHIR has it"),
        (glucose(code=[concept(LOINC, "1")]), "Observation: content not as FHIR has it"),
        (glucose(effectiveDateTime=20200101), "Observation: content not as FHIR has it"),
        (glucose(valueString=5), None),
        (
            without(glucose(valueString={"a": 1}), "valueQuantity"),
            "Observation: content not as FHIR has it",
        ),
        (
            without(glucose(valueString="\ud800"), "valueQuantity"),
            "Observation: a text with half a character",
        ),
        (
            without(glucose(valueString="x" * (10**6 + 1)), "valueQuantity"),
            "Observation: a text over 1 MB",
        ),
        (
            glucose(code=concept(LOINC, "1" * 2000)),
            "Observation: a code over 1000 characters",
        ),
        (
            about("MedicationRequest", authoredOn=NOON, medicationReference={"reference": "M/9"}),
            "MedicationRequest: its medication is not in the source",
        ),
        (about("MedicationRequest", authoredOn=NOON), "MedicationRequest: no code"),
        ({"resourceType": "Patient", "birthDate": "1960"}, "Patient: no id"),
        (
            {"resourceType": "Patient", "id": "bert"},
            "Patient: neither birth, death, gender, race nor ethnicity",
        ),
        (
            {"resourceType": "Patient", "id": "bert", "birthDate": "1800-99-99"},
            "Patient: no usable date",
        ),
        (about("Claim"), "resource type not read: Claim"),
        (about("Anna Müller, 17.5.1960"), "resource type not read: others"),
        (["nothing"], "JSON that is not a FHIR resource"),
        ({"id": "x"}, "JSON that is not a FHIR resource"),
        ({"resourceType": "Bundle", "entry": {}}, "bundle whose entries are not a list"),
        ({"resourceType": "Bundle", "entry": [{}]}, "bundle entry without a resource"),
    ],
)
def test_what_cannot_be_an_event_is_refused_and_told(
    resource: Any, reason: str | None, read: Any
) -> None:
    """Each with its type and a reason that quotes nothing of the patient."""
    report = read(resource).report
    assert dict(report.why) == ({reason: 1} if reason else {})
    assert (report.read, report.loaded) == (2, 1 if reason else 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, ("LOINC//15074-8//mmol/L", 5.5, None)),
        (
            {"valueQuantity": {"value": 5, "comparator": "<", "unit": "mg/dL"}},
            ("LOINC//15074-8//mg/dL", 5.0, "<"),
        ),
        ({"valueQuantity": {"value": 0}}, ("LOINC//15074-8", 0.0, None)),
        ({"interpretation": [concept(None, "H")]}, ("LOINC//15074-8//mmol/L", 5.5, "H")),
        (
            {"valueCodeableConcept": concept(SNOMED, "260373001", "Detected")},
            ("LOINC//15074-8", None, "Detected"),
        ),
        ({"valueCodeableConcept": {"text": "seen"}}, ("LOINC//15074-8", None, "seen")),
        ({"valueString": "=1+1"}, ("LOINC//15074-8", None, "=1+1")),
        ({"valueBoolean": True}, ("LOINC//15074-8", 1.0, "true")),
        ({"valueBoolean": False}, ("LOINC//15074-8", 0.0, "false")),
        ({"valueInteger": -3}, ("LOINC//15074-8", -3.0, None)),
        (
            {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}},
            ("LOINC//15074-8", 0.0078125, "1:128"),
        ),
        ({"valueSampledData": {"data": "1 2"}}, ("LOINC//15074-8", None, None)),
    ],
)
def test_a_value_of_each_type(
    value: Resource, expected: tuple[str, float | None, str | None], read: Any
) -> None:
    """Numbers carry their unit in the code; answers are words; a comparator is kept as text."""
    observation = glucose(**value)
    if "valueQuantity" not in value and any(key.startswith("value") for key in value):
        observation = without(observation, "valueQuantity")
    assert after_birth(read(observation)) == [expected]


def test_components_are_events_of_their_own(read: Any) -> None:
    """One record, two pressures; a component without a value is left out and told."""
    mmhg = {"unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}
    pressure = without(glucose(code=concept(LOINC, "85354-9")), "valueQuantity")
    pressure["component"] = [
        {"code": concept(LOINC, "8480-6"), "valueQuantity": {"value": 120, **mmhg}},
        {"code": concept(LOINC, "8462-4"), "valueQuantity": {"value": 80, **mmhg}},
        {"code": concept(LOINC, "8478-0"), "dataAbsentReason": concept(None, "unknown")},
        {"code": concept(LOINC, "1-1"), "valueQuantity": {"value": "high"}},
    ]
    loaded = read(pressure)
    assert after_birth(loaded) == [
        ("LOINC//8480-6//mm[Hg]", 120, None),
        ("LOINC//8462-4//mm[Hg]", 80, None),
    ]
    assert sum(loaded.report.notes.values()) == 2
    assert loaded.report.loaded == 2


@pytest.mark.parametrize(
    ("when", "time"),
    [
        ({"effectiveDateTime": "2020-03-01"}, datetime(2020, 3, 1, 23, 59, 59, 999999)),
        ({"effectiveDateTime": "2020-02"}, datetime(2020, 2, 29, 23, 59, 59, 999999)),
        (
            {"effectivePeriod": {"start": "2020-03-01T00:00:00Z", "end": NOON}},
            datetime(2020, 3, 1, 12),
        ),
        ({"effectiveInstant": NOON}, datetime(2020, 3, 1, 12)),
        ({"issued": "2020-03-01T12:00:00.5-01:00"}, datetime(2020, 3, 1, 13, 0, 0, 500000)),
    ],
)
def test_an_observation_is_known_when_it_is_complete(
    when: Resource, time: datetime, read: Any
) -> None:
    """A day at its end, a period at its end, and the time of issue when nothing else is told."""
    observation = {**without(glucose(), "effectiveDateTime"), **when}
    loaded = read(observation)
    assert loaded.events.filter(pl.col("numeric_value") == 5.5)["time"].to_list() == [time]


def test_the_cause_of_death_is_an_event_of_its_own(read: Any) -> None:
    """LOINC 69453-9 holds it as an answer."""
    cause = without(glucose(code=concept(LOINC, "69453-9")), "valueQuantity")
    cause["valueCodeableConcept"] = concept(SNOMED, "22298006", "Infarction")
    assert after_birth(read(cause)) == [
        ("LOINC//69453-9", None, "Infarction"),
        ("CAUSE_OF_DEATH//SNOMED//22298006", None, None),
    ]


def test_an_encounter_has_class_start_end_and_type(read: Any) -> None:
    """The end says where the patient went; an end before the start is not kept."""
    act_code = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    stay = about(
        "Encounter",
        status="finished",
        **{"class": {"system": act_code, "code": "IMP"}},
        type=[concept(SNOMED, "32485007")],
        period={"start": "2020-01-01T10:00:00Z", "end": "2020-01-04T09:00:00Z"},
        hospitalization={"dischargeDisposition": {"text": "Home"}},
    )
    backwards = {**stay, "type": [], "period": {"start": NOON, "end": "2019-01-01"}}
    same_day = {**stay, "type": [], "period": {"start": "2020-05-05", "end": "2020-05-05T09:00Z"}}
    loaded = read(stay, backwards, same_day)
    kind = "v3-ActCode//IMP"
    assert after_birth(loaded) == [
        (f"VISIT_START//{kind}", None, None),
        (f"VISIT_END//{kind}", None, "Home"),
        ("SNOMED//32485007", None, None),
        (f"VISIT_START//{kind}", None, None),
        (f"VISIT_START//{kind}", None, None),
        (f"VISIT_END//{kind}", None, "Home"),
    ]
    assert loaded.report.notes["ends before it starts: end not kept"] == 1
    assert loaded.events["time"].max() == datetime(2020, 5, 5, 23, 59, 59, 999999)


def test_the_other_resources_become_events(read: Any) -> None:
    """Procedure, immunisation, allergy, report, family: each with its code and its date."""
    read_all = read(
        about(
            "Procedure",
            status="completed",
            code=concept(SNOMED, "80146002"),
            performedPeriod={"start": "2001-01-01", "end": "2001-02-01"},
        ),
        about(
            "Immunization",
            status="completed",
            vaccineCode=concept("http://hl7.org/fhir/sid/cvx", "140"),
            occurrenceDateTime="2002-01-01",
        ),
        about(
            "Immunization",
            status="completed",
            vaccineCode=concept("http://hl7.org/fhir/sid/cvx", "62"),
            occurrenceDateTime="1991-01-01",
            recorded="2002-02-01",
            primarySource=False,
        ),
        about(
            "AllergyIntolerance",
            code=concept(RXNORM, "7980"),
            recordedDate="2003-01-01",
            criticality="high",
        ),
        about(
            "DiagnosticReport",
            status="final",
            code=concept(LOINC, "58410-2"),
            effectiveDateTime="2004-01-01",
            issued="2004-01-05",
        ),
        about(
            "FamilyMemberHistory",
            status="completed",
            date="2005-01-01",
            relationship=concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "MTH"),
            condition=[
                {
                    "code": concept(SNOMED, "254837009"),
                    "onsetAge": {"value": 42, "code": "a", "system": UCUM},
                }
            ],
        ),
    )
    told = read_all.events.filter(pl.col("time") > datetime(1990, 1, 1)).sort("time")
    assert list(told.select("code", "numeric_value", "text_value").iter_rows()) == [
        ("SNOMED//80146002", None, None),
        ("CVX//140", None, None),
        ("CVX//62", None, None),
        ("ALLERGY//RxNorm//7980", None, "high"),
        ("LOINC//58410-2", None, None),
        ("FAMILY_HISTORY//MTH//SNOMED//254837009", 42, None),
    ]
    assert told["time"].dt.date().to_list()[4].day == 5


def test_medications_are_found_wherever_they_are_named(tmp_path: Path, load: Any) -> None:
    """In place, contained, in another file, later in the same file, or in the bundle."""
    pill = {
        "resourceType": "Medication",
        "id": "pill",
        "code": concept(RXNORM, "6809", "metformin"),
    }
    late = {**pill, "id": "late", "code": concept(RXNORM, "11289", "warfarin")}
    lines(
        tmp_path / "everything.ndjson",
        about(
            "MedicationRequest",
            status="active",
            authoredOn=NOON,
            medicationCodeableConcept=concept(RXNORM, "1191"),
        ),
        about(
            "MedicationAdministration",
            status="completed",
            effectivePeriod={"start": NOON},
            medicationReference={"reference": "#inside"},
            contained=[{**pill, "id": "inside", "code": concept(RXNORM, "1202")}],
        ),
        about(
            "MedicationStatement",
            status="active",
            dateAsserted=NOON,
            effectiveDateTime="1980-01-01",
            medicationReference={"reference": "Medication/pill"},
        ),
        about(
            "MedicationRequest",
            status="active",
            authoredOn=NOON,
            medicationReference={"reference": "Medication/late/_history/2"},
        ),
        late,
        anna(),
    )
    lines(tmp_path / "Medication.000.ndjson", pill)
    loaded = load(FhirSource(), tmp_path)
    assert [code for code, *_ in after_birth(loaded)] == [
        "RxNorm//1191",
        "RxNorm//1202",
        "RxNorm//6809",
        "RxNorm//11289",
    ]
    assert (loaded.report.loaded, loaded.report.refused) == (7, 0)


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/anna"},
        {"reference": "urn:uuid:anna"},
        {"reference": "https://fhir.example.org/r4/Patient/anna/_history/2"},
        {"reference": "Patient?identifier=http://hospital.example|MRN%201"},
        {"identifier": {"system": "http://hospital.example", "value": "MRN 1"}},
    ],
)
def test_references_to_a_patient_in_every_form(
    reference: Resource, tmp_path: Path, load: Any
) -> None:
    """By id, by address in the bundle, absolute with a version, by search, by identifier."""
    patient = anna(identifier=[{"system": "http://hospital.example", "value": "MRN 1"}])
    content = bundle(glucose(subject=reference), patient)
    (tmp_path / "bundle.json").write_text(json.dumps(content, indent=1))
    loaded = load(FhirSource(), tmp_path / "bundle.json")
    assert loaded.report.refused == 0
    assert loaded.events["subject_id"].n_unique() == 1


def test_an_identifier_of_two_patients_finds_neither(tmp_path: Path, load: Any) -> None:
    """Guessing would put one patient's result into another's record."""
    both = [{"system": "s", "value": "1"}]
    reference = {"reference": "Patient?identifier=s|1"}
    content = bundle(
        anna(identifier=both), anna(id="bea", identifier=both), glucose(subject=reference)
    )
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    assert load(FhirSource(), tmp_path / "bundle.json").report.refused == 1


def test_entries_without_an_id_go_by_their_address(tmp_path: Path, load: Any) -> None:
    """A transaction bundle leaves the id to the server."""
    content = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:0c2", "resource": without(anna(), "id")},
            {"fullUrl": "urn:uuid:0c3", "resource": glucose(subject={"reference": "urn:uuid:0c2"})},
        ],
    }
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    loaded = load(FhirSource(), tmp_path / "bundle.json")
    assert list(loaded.ids.names) == ["0c2"]
    assert loaded.report.loaded == 2


def test_the_first_coding_of_a_known_system_makes_the_code(read: Any) -> None:
    """Else the first with any system, else the bare code, else the words."""
    local = {"system": "https://hospital.example/codes/", "code": "GLU"}
    known = {"system": LOINC, "code": "2345-7"}
    codes = [
        {"coding": [{"code": "x"}, local, known]},
        {"coding": [{"code": "x"}, local]},
        {"coding": [{"code": "x"}]},
        {"coding": [{"display": "no code"}], "text": "Sugar // urine"},
    ]
    loaded = read(*(without(glucose(code=code), "valueQuantity") for code in codes))
    assert [code for code, *_ in after_birth(loaded)] == [
        "LOINC//2345-7",
        "hospital.example/codes//GLU",
        "LOCAL//x",
        "FHIR_TEXT//Observation//Sugar / urine",
    ]


def test_duplicates_are_counted_and_the_first_is_kept(tmp_path: Path, load: Any) -> None:
    """In one batch or over several; a contradicted birth is a reason of its own."""
    first = glucose(id="g", meta={"versionId": "1"})
    other = glucose(id="g", meta={"versionId": "2"}, valueQuantity={"value": 99})
    (tmp_path / "a").mkdir()
    lines(tmp_path / "a" / "1.ndjson", anna(), first, first)
    lines(tmp_path / "a" / "2.ndjson", anna(), anna(birthDate="1970-01-01"), other)
    for batch_rows in (1, 1000):
        loaded = load(FhirSource(), tmp_path / "a", batch_rows=batch_rows)
        assert dict(loaded.report.why) == {
            "Observation: duplicate resource": 1,
            "Patient: duplicate resource": 1,
            "Patient: a patient already read, with another date of birth": 1,
            "Observation: another version of a resource already read": 1,
        }
        assert loaded.report.loaded == 2
        assert loaded.events["numeric_value"].drop_nulls().to_list() == [5.5]


def test_all_containers_give_the_same_events(tmp_path: Path, load: Any) -> None:
    """Bundle, bundle on one line, list, bulk data, gzip, zip; mixed in a folder they duplicate."""
    resources = (glucose(id="g"), anna())
    folder = tmp_path / "mixed"
    folder.mkdir()
    texts = {
        "pretty.json": json.dumps(bundle(*resources), indent=2),
        "line.json": json.dumps(bundle(*resources)),
        "list.json": "\ufeff" + json.dumps(resources),
        "lines.json": "\n".join(json.dumps(one) for one in resources) + "\n\n",
        "bulk.ndjson": "\r\n".join(json.dumps(one) for one in resources),
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
    (folder / "bulk.ndjson.gz").write_bytes(gzip.compress(texts["bulk.ndjson"].encode()))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("deep/folder/pretty.json", texts["pretty.json"])
    for path in (*sorted(folder.iterdir()), tmp_path / "all.zip"):
        loaded = load(FhirSource(), path)
        assert sorted(loaded.codes) == ["GENDER//F", "LOINC//15074-8//mmol/L", BIRTH], path.name
        assert (loaded.report.loaded, loaded.report.refused) == (2, 0)
    together = load(FhirSource(), folder).report
    assert (together.loaded, together.refused) == (2, 10)
    assert len(FhirSource().files(folder)) == 6


def test_malformed_lines_are_counted_and_passed_over(tmp_path: Path, load: Any) -> None:
    """Half a line, NaN, an endless number, nesting without end: the rest is read."""
    good = json.dumps(anna())
    bad = ['{"resourceType": "Pat', '{"resourceType": "Patient", "x": NaN}', "9" * 5000, "\x00"]
    path = tmp_path / "a.ndjson"
    path.write_text("\n".join([*bad, "[" * 200_000, good, '{"a":' * 200_000]) + "\n")
    loaded = load(FhirSource(), path)
    assert loaded.report.loaded == 1
    assert dict(loaded.report.why) == {"malformed JSON line": 4, "JSON nested too deep": 2}


def test_a_malformed_bundle_in_a_folder_is_one_refusal(tmp_path: Path, load: Any) -> None:
    """The others are loaded; the broken one is not named, as its name may be a patient's."""
    (tmp_path / "Anna_Secret.json").write_text(json.dumps(bundle(anna()), indent=1)[:-20])
    (tmp_path / "bea.json").write_text(json.dumps(bundle(anna(id="bea")), indent=1))
    (tmp_path / "evil.json").write_text('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>')
    (tmp_path / "note.xml").write_text("<Bundle/>")
    loaded = load(FhirSource(), tmp_path)
    assert dict(loaded.report.why) == {"malformed JSON file": 1, "not JSON but XML": 1}
    assert loaded.report.loaded == 1


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Bundle>&b;</Bundle>'
)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", b"", "nothing in it"),
        ("a.ndjson", b"\n\n", "nothing in it"),
        ("a.json", BOMB.encode(), "not JSON but XML"),
        ("a.xml", BOMB.encode(), "not JSON but XML"),
        ("a.json", b'{"resourceType": "Bundle", "entry": [', "malformed JSON file"),
        ("a.json", b"[" * 100_000, "nested too deep"),
        ("a.json", b'{"a": 1}', "not a FHIR resource"),
        ("a.csv", b"a,b\n1,2\n", "malformed JSON file"),
        (
            "a.json.gz",
            gzip.compress(b'{"resourceType": "Patient"}' * 500, mtime=0)[:-10],
            "ends too early",
        ),
        ("a.json.gz", gzip.compress(b" " * 100_000_000, mtime=0), "unpacks to more than"),
    ],
)
def test_what_is_not_fhir_at_all_is_an_input_error(
    name: str, content: bytes, told: str, tmp_path: Path, load: Any
) -> None:
    """One clear sentence, never a stack of calls, and nothing is parsed as XML."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told):
        load(FhirSource(), tmp_path / name)


def test_a_folder_without_json_is_an_input_error(tmp_path: Path) -> None:
    """It says what was expected."""
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(InputError, match=r"bundles \(.json\)"):
        FhirSource().files(tmp_path)


def test_a_bundle_too_large_to_hold_is_an_input_error(
    tmp_path: Path, load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a line too long is a counted refusal; the remedy is bulk data."""
    monkeypatch.setattr(documents, "MOST_DOCUMENT_BYTES", 1000)
    (tmp_path / "big.json").write_text(json.dumps(bundle(*[anna()] * 20), indent=1))
    with pytest.raises(InputError, match="NDJSON"):
        load(FhirSource(), tmp_path / "big.json")
    path = tmp_path / "a.ndjson"
    lines(path, anna(text="x" * 3000), anna(id="bea"))
    report = load(FhirSource(), path).report
    assert dict(report.why) == {"a line over 256 MB": 1}
    assert report.loaded == 1


def test_errors_in_a_folder_do_not_name_the_file(tmp_path: Path, load: Any) -> None:
    """Bundles are often named after their patient."""
    content = gzip.compress(json.dumps(anna()).encode() * 50)
    (tmp_path / "Anna_Secret.json.gz").write_bytes(content[:-9])
    with pytest.raises(InputError) as caught:
        load(FhirSource(), tmp_path)
    assert "Secret" not in str(caught.value)


def test_reports_hold_no_patient_value(read: Any) -> None:
    """Reasons and notes come from fixed words."""
    loaded = read(
        glucose(status="SECRET", valueQuantity={"value": "SECRET"}),
        glucose(subject={"reference": "SECRET/1"}),
        glucose(effectiveDateTime="SECRET"),
        about("SECRET1"),
    )
    assert loaded.report.refused == 4
    assert "SECRET" not in str(loaded.report.to_json())


@given(st.text(max_size=30))
def test_a_part_of_a_code_never_holds_the_mark_between_parts(text: str) -> None:
    """Neither codes nor the names of systems."""
    assert "//" not in plain(text)
    assert "//" not in vocabulary_of(f"http://{text}")


@given(st.sampled_from(sorted(SYSTEMS)))
def test_a_known_system_is_known_with_a_version(system: str) -> None:
    """A canonical address may end with a bar and a version."""
    assert vocabulary_of(f"{system}|2024") == SYSTEMS[system]


@given(server=st.sampled_from(["", "https://x.org/", "http://x.org/a/b/"]), name=st.uuids())
def test_a_reference_names_type_and_id(server: str, name: Any) -> None:
    """Whatever server it is on."""
    assert target_of(f"{server}Patient/{name}", {}) == ("Patient", str(name))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(NOON),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["code", "coding", "system", "value", "unit", "reference", "start", "end", "text"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    contents=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "AllergyIntolerance",
                    "Condition",
                    "DiagnosticReport",
                    "Encounter",
                    "FamilyMemberHistory",
                    "Immunization",
                    "Medication",
                    "MedicationAdministration",
                    "MedicationRequest",
                    "MedicationStatement",
                    "Observation",
                    "Patient",
                    "Procedure",
                ]
            ),
            st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "meta",
                        "code",
                        "status",
                        "birthDate",
                        "deceasedDateTime",
                        "gender",
                        "extension",
                        "identifier",
                        "component",
                        "valueQuantity",
                        "valueString",
                        "effectiveDateTime",
                        "period",
                        "class",
                        "type",
                        "condition",
                        "relationship",
                        "medicationReference",
                        "contained",
                        "recordedDate",
                        "interpretation",
                        "subject",
                    ]
                ),
                JSON,
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_content_whatever_breaks_the_reader(
    contents: list[tuple[str, Resource]], tmp_path: Path, load: Any
) -> None:
    """Any JSON in any element: the resource is loaded or refused, and counted once."""
    folder = tmp_path / "fuzz"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = lines(folder / "a.ndjson", *(about(kind, **content) for kind, content in contents))
    report = load(FhirSource(), path).report
    assert report.read == len(contents) == report.loaded + report.refused


def test_nesting_within_the_parser_s_bound_does_no_harm(tmp_path: Path, load: Any) -> None:
    """A value nested as deep as JSON may be is content of another shape, not a crash."""
    nested = json.dumps(anna()).replace('"1960-05-17"', "[" * 800 + "]" * 800)
    path = tmp_path / "a.ndjson"
    path.write_text(nested + "\n" + json.dumps(anna(id="bea")) + "\n")
    report = load(FhirSource(), path).report
    assert dict(report.why) == {"Patient: content not as FHIR has it": 1}
