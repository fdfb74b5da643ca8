"""One patient's report: findings with reasons, limits and what was not assessed."""

from osler.workflows.patient.report import report_patient

__all__ = ["report_patient"]
