"""Prognosis: what will happen, when, and by which cause."""

from osler.predict.diagnosis import Diagnosis
from osler.predict.risk import Risk
from osler.predict.time_to_event import TimeToEvent

__all__ = ["Diagnosis", "Risk", "TimeToEvent"]
