"""Patients and files for tests: osler's own and those of its users."""

from osler.testing.builder import DAY_ZERO, PatientBuilder, cohort, patient
from osler.testing.fhir import write_fhir_export

__all__ = ["DAY_ZERO", "PatientBuilder", "cohort", "patient", "write_fhir_export"]
