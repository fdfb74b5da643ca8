"""The resource Patient, and finding out whom a reference means."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from osler.model import BIRTH, DEATH
from osler.sources.fhir.codes import Resource, plain
from osler.sources.fhir.rows import BORN, STATIC, Rows, Unfit

# http://hl7.org/fhir/R4/cm-administrative-gender-v2.html: to HL7 v2 table 0001.
GENDERS = {"male": "M", "female": "F", "other": "O", "unknown": "U"}

_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
EXTENSIONS = {f"{_US_CORE}race": "RACE", f"{_US_CORE}ethnicity": "ETHNICITY"}

NO_SUBJECT = "no subject"
NOT_A_PATIENT = "the subject is not a patient"
NOT_FOUND = "the subject's conditional reference fits no patient, or several"
NOTHING_KNOWN = "neither birth, death, gender, race nor ethnicity"
DEAD_WITHOUT_DATE = "died at an unknown time: no event"

# 200 bytes each; references by identifier are rare, and never needed where ids are used.
MOST_IDENTIFIERS = 2_000_000

Links = dict[str, tuple[str, str]]


def read_patient(patient: Resource, rows: Rows) -> None:
    """Add birth, death and what does not change in a patient.

    Raises
    ------
    Unfit
        If there is nothing of the kind.
    """
    before = len(rows)
    born, died = patient.get("birthDate"), patient.get("deceasedDateTime")
    if born:
        rows.add(born, BIRTH, kind=BORN, vital=False)
    if died:
        rows.add(died, DEATH, vital=False)
    elif patient.get("deceasedBoolean") is True:
        rows.note(DEAD_WITHOUT_DATE)
    gender = patient.get("gender")
    if gender:
        code = f"GENDER//{GENDERS.get(gender) or plain(gender).upper()}"
        rows.add(None, code, kind=STATIC)
        rows.describe(code, gender)
    for extension in patient.get("extension") or []:
        what = EXTENSIONS.get(extension.get("url"))
        if what:
            _add_categories(what, extension.get("extension") or [], rows)
    if len(rows) == before:
        raise Unfit(NOTHING_KNOWN)


def _add_categories(what: str, parts: list[Resource], rows: Rows) -> None:
    """Add each OMB category by its name, as OMOP names it too; else the text."""
    categories = [part["valueCoding"] for part in parts if part.get("url") == "ombCategory"]
    names = [category.get("display") or category.get("code") for category in categories]
    if not any(names):
        names = [part.get("valueString") for part in parts if part.get("url") == "text"]
    for name in filter(None, names):
        code = f"{what}//{plain(name).upper()}"
        rows.add(None, code, kind=STATIC)
        rows.describe(code, name)


class Patients:
    """Which patients there are, by id and by identifier."""

    def __init__(self) -> None:
        self._by_identifier: dict[int, str | None] = {}

    def add(self, patient: Resource) -> None:
        """Remember a patient's identifiers."""
        if len(self._by_identifier) >= MOST_IDENTIFIERS:
            return
        for identifier in patient.get("identifier") or []:
            key = hash((identifier.get("system"), identifier.get("value")))
            known = self._by_identifier.setdefault(key, patient["id"])
            if known != patient["id"]:
                self._by_identifier[key] = None

    def subject_of(self, resource: Resource, links: Links) -> str:
        """Return the id of the patient whom a resource is about.

        Parameters
        ----------
        links
            Type and id of the entries of the same bundle by their full address.

        Raises
        ------
        Unfit
            If there is none, it is no patient, or cannot be found.
        """
        subject = resource.get("subject") or resource.get("patient")
        if not subject:
            raise Unfit(NO_SUBJECT)
        reference = subject.get("reference")
        if not reference:
            return self._identified(subject.get("identifier"))
        kind, name = target_of(reference, links)
        if kind == "Patient?":
            return self._conditional(name)
        if kind not in ("Patient", ""):
            raise Unfit(NOT_A_PATIENT)
        if not name:
            raise Unfit(NO_SUBJECT)
        return name

    def _identified(self, identifier: Resource | None) -> str:
        if not identifier or not identifier.get("value"):
            raise Unfit(NO_SUBJECT)
        return self._known(identifier.get("system"), identifier["value"])

    def _conditional(self, query: str) -> str:
        """Find the patient of `identifier=system|value`, the only search that is of use here."""
        wanted = [part[len("identifier=") :] for part in query.split("&") if "identifier=" in part]
        if len(wanted) != 1:
            raise Unfit(NOT_FOUND)
        system, bar, value = unquote(wanted[0]).rpartition("|")
        return self._known(system if bar else None, value)

    def _known(self, system: Any, value: Any) -> str:
        found = self._by_identifier.get(hash((system, value)))
        if found is None:
            raise Unfit(NOT_FOUND)
        return found


def target_of(reference: str, links: Links) -> tuple[str, str]:
    """Return the type and id that a reference names; `Patient?` and the query if it is a search.

    The type is empty when the reference does not tell it.

    Examples
    --------
    >>> target_of("https://fhir.example.org/r4/Patient/12/_history/3", {})
    ('Patient', '12')
    >>> target_of("urn:uuid:0c2", {"urn:uuid:0c2": ("Patient", "7")})
    ('Patient', '7')
    """
    known = links.get(reference)
    if known is not None:
        return known
    if reference.startswith("urn:"):
        return "", reference.rpartition(":")[2]
    kind, question, query = reference.partition("?")
    if question:
        return f"{kind.rpartition('/')[2]}?", query
    parts = reference.partition("/_history/")[0].rsplit("/", 2)
    return (parts[-2], parts[-1]) if len(parts) > 1 else ("", parts[-1])
