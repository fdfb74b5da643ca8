"""The nouns of osler: frozen, and without any input or output."""

from osler.model.estimate import Estimate
from osler.model.events import (
    BIRTH,
    CODE_COLUMNS,
    DEATH,
    EVENT_SCHEMA,
    as_events,
    empty_events,
    end_of_day,
    sort_events,
    validate_events,
)
from osler.model.finding import Evidence, Finding, Interval, NotAssessed, Reason
from osler.model.provenance import FORMAT_VERSION, Provenance, digest_of
from osler.model.timeline import Timeline

__all__ = [
    "BIRTH",
    "CODE_COLUMNS",
    "DEATH",
    "EVENT_SCHEMA",
    "FORMAT_VERSION",
    "Estimate",
    "Evidence",
    "Finding",
    "Interval",
    "NotAssessed",
    "Provenance",
    "Reason",
    "Timeline",
    "as_events",
    "digest_of",
    "empty_events",
    "end_of_day",
    "sort_events",
    "validate_events",
]
