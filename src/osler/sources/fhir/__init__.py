"""HL7 FHIR R4."""

from osler.sources.fhir.reading import FhirSource

__all__ = ["FhirSource"]
