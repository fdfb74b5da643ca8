"""Each clinical resource made into events. One function a resource type.

Source: https://hl7.org/fhir/R4/, the page of each resource. A status that says that nothing
happened, or that the record is wrong, refuses the resource.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from osler.sources.fhir.codes import Resource, bare_codes, code_of, code_of_coding, words_of
from osler.sources.fhir.rows import ENDED, NO_CODE, NO_DATE, Rows, Unfit

Reader = Callable[[Resource, Rows], None]
MedicationOf = Callable[[Resource], tuple[str, str | None] | None]

ERROR = "entered-in-error"
# What did not happen, by type of resource.
REFUSED_STATUS = {
    "DiagnosticReport": (ERROR, "cancelled"),
    "Encounter": (ERROR, "cancelled", "planned"),
    "FamilyMemberHistory": (ERROR, "health-unknown"),
    "Immunization": (ERROR, "not-done"),
    "MedicationAdministration": (ERROR, "not-done"),
    "MedicationRequest": (ERROR, "cancelled", "draft"),
    "MedicationStatement": (ERROR, "not-taken", "intended"),
    "Observation": (ERROR, "cancelled"),
    "Procedure": (ERROR, "not-done", "preparation"),
}
REFUSED_VERIFICATION = (ERROR, "refuted")
CONFIRMED = "confirmed"

DATED_BY_ONSET = "Condition without recordedDate: dated by its onset"
NOT_TO_BE_GIVEN = "doNotPerform"


def check_status(resource: Resource) -> None:
    """Refuse what did not happen.

    Raises
    ------
    Unfit
        If the status or the verification status says so.
    """
    status = resource.get("status")
    if status in REFUSED_STATUS.get(resource["resourceType"], ()):
        raise Unfit(f"status {status}")
    for verification in bare_codes(resource.get("verificationStatus")):
        if verification in REFUSED_VERIFICATION:
            raise Unfit(f"verification status {verification}")


def read_condition(condition: Resource, rows: Rows) -> None:
    """Add a condition at the time when it was recorded."""
    time = condition.get("recordedDate")
    if not time:
        time = condition.get("onsetDateTime") or _start(condition.get("onsetPeriod"))
        rows.note(DATED_BY_ONSET)
    doubts = [code for code in bare_codes(condition.get("verificationStatus")) if code != CONFIRMED]
    _add_coded(rows, time, condition.get("code"), "Condition", text=doubts[0] if doubts else None)


def read_procedure(procedure: Resource, rows: Rows) -> None:
    """Add a procedure when it began."""
    period = procedure.get("performedPeriod") or procedure.get("occurrencePeriod")
    time = procedure.get("performedDateTime") or procedure.get("occurrenceDateTime")
    time = time or _start(period) or _end(period)
    _add_coded(rows, time, procedure.get("code"), "Procedure")


def read_immunization(immunization: Resource, rows: Rows) -> None:
    """Add an immunisation when it was given, or, told from memory, when it was written down."""
    time = immunization.get("occurrenceDateTime") or immunization.get("recorded")
    if immunization.get("primarySource") is False:
        time = immunization.get("recorded") or time
    _add_coded(rows, time, immunization.get("vaccineCode"), "Immunization")


def read_allergy(allergy: Resource, rows: Rows) -> None:
    """Add an allergy when it was recorded; the prefix keeps it apart from taking the substance."""
    time = allergy.get("recordedDate") or allergy.get("onsetDateTime")
    concept = allergy.get("code")
    if not concept:
        reactions = allergy.get("reaction") or []
        concept = next((one["substance"] for one in reactions if one.get("substance")), None)
    text = allergy.get("criticality")
    _add_coded(rows, time, concept, "AllergyIntolerance", text=text, prefix="ALLERGY//")


def read_report(report: Resource, rows: Rows) -> None:
    """Add a report when it was issued; its results are observations of their own."""
    time = report.get("issued") or report.get("effectiveDateTime")
    time = time or _end(report.get("effectivePeriod")) or _start(report.get("effectivePeriod"))
    conclusions = report.get("conclusionCode") or [None]
    _add_coded(rows, time, report.get("code"), "DiagnosticReport", text=words_of(conclusions[0]))


def read_encounter(encounter: Resource, rows: Rows) -> None:
    """Add the start and the end of an encounter, and its type."""
    period = encounter.get("period")
    time = _start(period)
    kind, words = _encounter_class(encounter.get("class"))
    start, end = f"VISIT_START//{kind}", f"VISIT_END//{kind}"
    rows.describe(start, words)
    rows.describe(end, words)
    rows.add(time, start)
    if ended := _end(period):
        left = (encounter.get("hospitalization") or {}).get("dischargeDisposition")
        rows.add(ended, end, text=words_of(left), kind=ENDED, vital=False)
    for concept in encounter.get("type") or []:
        if code_of(concept, "Encounter"):
            _add_coded(rows, time, concept, "Encounter")


def _encounter_class(stated: Any) -> tuple[str, str | None]:
    """Return code and words of the class: a Coding in R4, a list of CodeableConcept in R5."""
    if isinstance(stated, list):
        return (code_of(stated[0], "Encounter") if stated else None) or ("UNKNOWN", None)
    if not stated or not stated.get("code"):
        return "UNKNOWN", None
    return code_of_coding(stated), stated.get("display")


def read_family(history: Resource, rows: Rows) -> None:
    """Add each condition of a relative, the age at onset in years as its number."""
    time = history.get("date")
    relation = code_of(history.get("relationship"), "FamilyMemberHistory")
    if relation is None:
        raise Unfit(NO_CODE)
    relative = relation[0].rpartition("//")[2]
    conditions = history.get("condition") or []
    if not conditions:
        rows.add(time, f"FAMILY_HISTORY//{relative}")
    for condition in conditions:
        _add_coded(
            rows,
            time,
            condition.get("code"),
            "FamilyMemberHistory",
            number=_years(condition.get("onsetAge")),
            prefix=f"FAMILY_HISTORY//{relative}//",
        )


def _years(age: Resource | None) -> float | None:
    """Return an Age in years; UCUM calls a year `a`. Any other unit is left out."""
    if not age or age.get("code") != "a":
        return None
    value = age.get("value")
    return float(value) if isinstance(value, int | float) and 0 <= value < 150 else None


def medication_reader(medication_of: MedicationOf) -> dict[str, Reader]:
    """Return the readers of the three resources that name a medication.

    Parameters
    ----------
    medication_of
        Finds the code, following the reference; None when there is no code.
    """

    def add(resource: Resource, time: str | None, rows: Rows) -> None:
        named = medication_of(resource)
        if named is None:
            raise Unfit(NO_CODE)
        code, words = named
        rows.add(time, code)
        rows.describe(code, words)

    def read_request(request: Resource, rows: Rows) -> None:
        if request.get("doNotPerform") is True:
            raise Unfit(NOT_TO_BE_GIVEN)
        add(request, request.get("authoredOn"), rows)

    def read_administration(given: Resource, rows: Rows) -> None:
        period = given.get("effectivePeriod") or given.get("occurencePeriod")
        time = given.get("effectiveDateTime") or given.get("occurenceDateTime")
        add(given, time or _start(period) or _end(period), rows)

    def read_statement(statement: Resource, rows: Rows) -> None:
        time = statement.get("dateAsserted") or statement.get("effectiveDateTime")
        add(statement, time or _start(statement.get("effectivePeriod")), rows)

    return {
        "MedicationRequest": read_request,
        "MedicationAdministration": read_administration,
        "MedicationStatement": read_statement,
    }


def _add_coded(
    rows: Rows,
    time: str | None,
    concept: Resource | None,
    kind: str,
    *,
    number: float | None = None,
    text: str | None = None,
    prefix: str = "",
) -> None:
    named = code_of(concept, kind)
    if named is None:
        raise Unfit(NO_CODE)
    if not time:
        raise Unfit(NO_DATE)
    code = prefix + named[0]
    rows.add(time, code, number=number, text=text)
    rows.describe(code, named[1])


def _start(period: Resource | None) -> str | None:
    return period.get("start") if period else None


def _end(period: Resource | None) -> str | None:
    return period.get("end") if period else None


CLINICAL: dict[str, Reader] = {
    "AllergyIntolerance": read_allergy,
    "Condition": read_condition,
    "DiagnosticReport": read_report,
    "Encounter": read_encounter,
    "FamilyMemberHistory": read_family,
    "Immunization": read_immunization,
    "Procedure": read_procedure,
}
