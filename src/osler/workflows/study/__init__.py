"""A study: a question made into a validated model and a report."""

from osler.workflows.study.run import explain_study, run_study, study_summary

__all__ = ["explain_study", "run_study", "study_summary"]
