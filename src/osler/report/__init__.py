"""Findings and results as pages, text and FHIR; this room computes nothing.

Everything a report shows stands in the dictionary that it is given (`results.json` of a study,
`report.json` of a patient). Absent keys leave their section out, or say that nothing was given.
"""

from osler.report.card import card_html
from osler.report.fhir import patient_fhir
from osler.report.patient import patient_html
from osler.report.study import study_html
from osler.report.summary import patient_text, study_text

__all__ = ["card_html", "patient_fhir", "patient_html", "patient_text", "study_html", "study_text"]
