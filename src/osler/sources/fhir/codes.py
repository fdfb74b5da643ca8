"""Codings made into codes: `VOCABULARY//CODE`, the vocabulary named as OMOP names it.

Source of the addresses and object identifiers: https://hl7.org/fhir/R4/terminologies-systems.html;
of the names: the OMOP table `vocabulary`, so that one concept has one code in both formats.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

SYSTEMS = {
    "http://snomed.info/sct": "SNOMED",
    "urn:oid:2.16.840.1.113883.6.96": "SNOMED",
    "http://loinc.org": "LOINC",
    "urn:oid:2.16.840.1.113883.6.1": "LOINC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "urn:oid:2.16.840.1.113883.6.88": "RxNorm",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "urn:oid:2.16.840.1.113883.12.292": "CVX",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10CM",
    "urn:oid:2.16.840.1.113883.6.90": "ICD10CM",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "urn:oid:2.16.840.1.113883.6.3": "ICD10",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "urn:oid:2.16.840.1.113883.6.103": "ICD9CM",
    "http://www.cms.gov/Medicare/Coding/ICD10": "ICD10PCS",
    "urn:oid:2.16.840.1.113883.6.4": "ICD10PCS",
    "http://www.ama-assn.org/go/cpt": "CPT4",
    "urn:oid:2.16.840.1.113883.6.12": "CPT4",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "HCPCS",
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "HCPCS",
    "urn:oid:2.16.840.1.113883.6.285": "HCPCS",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "urn:oid:2.16.840.1.113883.6.69": "NDC",
    "http://www.whocc.no/atc": "ATC",
    "urn:oid:2.16.840.1.113883.6.73": "ATC",
    "http://unitsofmeasure.org": "UCUM",
    "urn:oid:2.16.840.1.113883.6.8": "UCUM",
}

# HL7's own small code systems go by the last part of their address: v3-ActCode.
_OWN = (
    "http://terminology.hl7.org/CodeSystem/",
    "http://hl7.org/fhir/",
    "http://terminology.hl7.org/ValueSet/",
)

NO_SYSTEM = "LOCAL"
IN_WORDS = "FHIR_TEXT"

Resource = dict[str, Any]


@lru_cache(maxsize=4096)
def vocabulary_of(system: str) -> str:
    """Return the short, stable name of a code system.

    A system that is not known keeps its address without what is the same in all addresses.

    Examples
    --------
    >>> vocabulary_of("http://snomed.info/sct")
    'SNOMED'
    >>> vocabulary_of("http://terminology.hl7.org/CodeSystem/v3-ActCode")
    'v3-ActCode'
    >>> vocabulary_of("https://example.org//codes/")
    'example.org/codes'
    """
    bare = system.strip().split("|")[0].rstrip("/")
    if bare in SYSTEMS:
        return SYSTEMS[bare]
    for own in _OWN:
        if bare.startswith(own):
            return plain(bare.removeprefix(own))
    for scheme in ("http://", "https://", "urn:"):
        bare = bare.removeprefix(scheme)
    return plain(bare) or NO_SYSTEM


def plain(text: str) -> str:
    """Return text in which no `//` can be taken for the mark between the parts of a code."""
    while "//" in text:
        text = text.replace("//", "/")
    return text.strip().rstrip("/")


def code_of(concept: Resource | None, kind: str) -> tuple[str, str | None] | None:
    """Return the code of a CodeableConcept and what it means in words; None when it has neither.

    The first coding of a known system wins, then the first with any system, then any, then the
    text alone.

    Parameters
    ----------
    kind
        What is coded, such as `Condition`; part of the code when there is only text.
    """
    if not concept:
        return None
    coding = best_coding(concept.get("coding") or [])
    text = concept.get("text")
    if coding is not None:
        return code_of_coding(coding), coding.get("display") or text
    if text and text.strip():
        return f"{IN_WORDS}//{kind}//{plain(text)}", text
    return None


def best_coding(codings: list[Resource]) -> Resource | None:
    """Return the coding that says most, or None."""
    best, best_rank = None, 0
    for coding in codings:
        if not coding.get("code"):
            continue
        system = coding.get("system")
        if system in SYSTEMS:
            return coding
        rank = 2 if system else 1
        if rank > best_rank:
            best, best_rank = coding, rank
    return best


def code_of_coding(coding: Resource) -> str:
    """Return `VOCABULARY//CODE`."""
    system = coding.get("system")
    return f"{vocabulary_of(system) if system else NO_SYSTEM}//{plain(coding['code'])}"


def words_of(concept: Resource | None) -> str | None:
    """Return what a CodeableConcept says in words: display, text, or else its code."""
    if not concept:
        return None
    coding = best_coding(concept.get("coding") or [])
    words: str | None = concept.get("text")
    if coding is not None:
        words = coding.get("display") or words or coding["code"]
    return words


def bare_codes(concept: Resource | list[Resource] | None) -> list[str]:
    """Return the codes alone, for the small value sets that FHIR itself defines."""
    if not concept:
        return []
    concepts = concept if isinstance(concept, list) else [concept]
    return [coding["code"] for one in concepts for coding in one.get("coding") or []]
