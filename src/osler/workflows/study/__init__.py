"""A study: a question made into a validated model and a report; and a model taken elsewhere."""

from osler.workflows.study.apply import apply_study
from osler.workflows.study.run import explain_study, run_study, study_summary

__all__ = ["apply_study", "explain_study", "run_study", "study_summary"]
