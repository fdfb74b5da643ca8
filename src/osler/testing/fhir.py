"""A made-up FHIR R4 bulk export, for guides and tests; no fact about medicine is in it.

Codes are those that Synthea writes (https://github.com/synthetichealth/synthea); the chances are
invented so that a model has something to find.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
HYPERTENSION = ("59621000", "Hypertension")
DIABETES = ("44054006", "Diabetes")
SYSTOLIC = ("8480-6", "Systolic Blood Pressure", "mm[Hg]")
BODY_MASS_INDEX = ("39156-5", "Body Mass Index", "kg/m2")
LAST_DAY = date(2020, 12, 31)

Resource = dict[str, Any]


def write_fhir_export(folder: Path, *, patients: int = 400, seed: int = 0) -> Path:
    """Write a folder of NDJSON files as a hospital's bulk export would hold them.

    Everyone is diagnosed with hypertension; some have diabetes; some are admitted or die later,
    the more often the older they are and the higher their blood pressure is.

    Parameters
    ----------
    folder
        Made if it does not exist.
    patients
        How many people.
    seed
        Equal seeds write equal files.

    Returns
    -------
    Path
        The folder.
    """
    random = np.random.default_rng(seed)
    resources = [one for number in range(patients) for one in _person(number, random)]
    folder.mkdir(parents=True, exist_ok=True)
    for kind in sorted({one["resourceType"] for one in resources}):
        lines = [json.dumps(one) for one in resources if one["resourceType"] == kind]
        (folder / f"{kind}.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def _person(number: int, random: np.random.Generator) -> list[Resource]:
    name = f"patient-{number:04d}"
    age_years = float(random.uniform(35, 85))
    diagnosed = date(2010, 1, 1) + timedelta(days=int(random.integers(0, 2500)))
    born = diagnosed - timedelta(days=round(age_years * 365.25))
    systolic = float(np.clip(random.normal(145, 15), 100, 220))
    diabetic = bool(random.random() < 0.25)
    hazard = np.exp(0.05 * (age_years - 60) + 0.03 * (systolic - 145) + 0.8 * diabetic)
    days_to_admission = float(random.exponential(2500 / hazard))
    days_to_death = float(random.exponential(9000 / hazard))
    died = diagnosed + timedelta(days=int(days_to_death))
    seen_until = min(died, LAST_DAY)
    patient = _patient(name, born, "female" if random.random() < 0.5 else "male")
    if died <= LAST_DAY:
        patient["deceasedDateTime"] = died.isoformat()
    told = [
        patient,
        _condition(name, HYPERTENSION, diagnosed),
        _observation(name, SYSTOLIC, systolic, diagnosed),
    ]
    if random.random() < 0.8:
        told.append(_observation(name, BODY_MASS_INDEX, float(random.normal(28, 4)), diagnosed))
    if diabetic:
        told.append(_condition(name, DIABETES, diagnosed - timedelta(days=200)))
    admitted = diagnosed + timedelta(days=1 + int(days_to_admission))
    if admitted <= seen_until:
        told.append(_encounter(name, "IMP", admitted, "inpatient"))
    if died > LAST_DAY:
        told.append(_encounter(name, "AMB", LAST_DAY, "check-up"))
    return told


def _patient(name: str, born: date, gender: str) -> Resource:
    return {"resourceType": "Patient", "id": name, "gender": gender, "birthDate": born.isoformat()}


def _condition(name: str, code: tuple[str, str], day: date) -> Resource:
    return {
        "resourceType": "Condition",
        "id": f"{name}-{code[0]}",
        "subject": {"reference": f"Patient/{name}"},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": {"coding": [{"system": SNOMED, "code": code[0], "display": code[1]}]},
        "recordedDate": day.isoformat(),
    }


def _observation(name: str, code: tuple[str, str, str], value: float, day: date) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"{name}-{code[0]}",
        "status": "final",
        "subject": {"reference": f"Patient/{name}"},
        "code": {"coding": [{"system": LOINC, "code": code[0], "display": code[1]}]},
        "effectiveDateTime": day.isoformat(),
        "valueQuantity": {
            "value": round(value, 1),
            "unit": code[2],
            "system": UCUM,
            "code": code[2],
        },
    }


def _encounter(name: str, kind: str, day: date, what: str) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": f"{name}-{kind}",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind},
        "type": [{"text": what}],
        "subject": {"reference": f"Patient/{name}"},
        "period": {"start": day.isoformat(), "end": day.isoformat()},
    }
