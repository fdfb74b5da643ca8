"""Prognosis: what will happen, when, and by which cause."""

from osler.predict.risk import Risk
from osler.predict.time_to_event import TimeToEvent

__all__ = ["Risk", "TimeToEvent"]
