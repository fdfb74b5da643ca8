"""A question made into rows: who, from when, and what became of them."""

from osler.cohort.build import Cohort, build, build_endpoints, explain, extract, faults
from osler.cohort.case_control import case_control
from osler.cohort.durations import duration
from osler.cohort.flow import FlowStep
from osler.cohort.occurrences import occurrences
from osler.cohort.outcome import Horizon

__all__ = [
    "Cohort",
    "FlowStep",
    "Horizon",
    "build",
    "build_endpoints",
    "case_control",
    "duration",
    "explain",
    "extract",
    "faults",
    "occurrences",
]
