"""Builders of patients for tests: osler's own and those of its users.

>>> events = patient(born=1960).lab("creatinine", 1.4, day=30, unit="mg/dL").events()
>>> events["code"].to_list()
['MEDS_BIRTH', 'LAB//creatinine//mg/dL']
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from osler.model import BIRTH, DEATH, EVENT_SCHEMA, sort_events

DAY_ZERO = datetime(2020, 1, 1)

Row = tuple[int, datetime | None, str, float | None, str | None]


@dataclass(frozen=True)
class PatientBuilder:
    """A patient under construction; every method returns a new one.

    Days count from 2020-01-01 00:00 and may be negative or fractional.
    """

    subject_id: int
    rows: tuple[Row, ...] = ()

    def event(
        self,
        code: str,
        value: float | None = None,
        *,
        day: float | None = 0.0,
        text: str | None = None,
    ) -> PatientBuilder:
        """Add any event; `day=None` makes it static."""
        time = None if day is None else DAY_ZERO + timedelta(days=day)
        return replace(self, rows=(*self.rows, (self.subject_id, time, code, value, text)))

    def lab(
        self, name: str, value: float | None, *, day: float = 0.0, unit: str | None = None
    ) -> PatientBuilder:
        """Add a laboratory result, `LAB//name[//unit]`."""
        return self.event(f"LAB//{name}//{unit}" if unit else f"LAB//{name}", value, day=day)

    def condition(self, code: str, *, day: float = 0.0) -> PatientBuilder:
        """Add a recorded condition, `CONDITION//code`."""
        return self.event(f"CONDITION//{code}", day=day)

    def drug(self, code: str, *, day: float = 0.0, dose: float | None = None) -> PatientBuilder:
        """Add a medication, `MEDICATION//code`."""
        return self.event(f"MEDICATION//{code}", dose, day=day)

    def static(
        self, code: str, value: float | None = None, *, text: str | None = None
    ) -> PatientBuilder:
        """Add an event without a time."""
        return self.event(code, value, day=None, text=text)

    def died(self, *, day: float) -> PatientBuilder:
        """Add the death."""
        return self.event(DEATH, day=day)

    def events(self) -> pl.DataFrame:
        """Return the patient's events in MEDS columns, sorted."""
        frame = pl.DataFrame(list(self.rows), schema=EVENT_SCHEMA, orient="row")
        return sort_events(frame)


def patient(*, subject_id: int = 1, born: int | datetime | None = None) -> PatientBuilder:
    """Begin a patient, born at the start of a year, at a moment, or at an unknown time."""
    builder = PatientBuilder(subject_id)
    if born is None:
        return builder
    moment = datetime(born, 1, 1) if isinstance(born, int) else born
    return builder.event(BIRTH, day=(moment - DAY_ZERO) / timedelta(days=1))


def cohort(*patients: PatientBuilder) -> pl.DataFrame:
    """Return the events of several patients in one sorted frame."""
    return sort_events(pl.concat([one.events() for one in patients]))
