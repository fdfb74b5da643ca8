"""Everything known of one person, in order of time."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from osler.model.events import as_events, sort_events


@dataclass(frozen=True)
class Timeline:
    """The events of one subject: static ones first, then by time.

    Parameters
    ----------
    subject_id
        The MEDS subject.
    events
        Rows of `EVENT_SCHEMA`, all of this subject, sorted.
    """

    subject_id: int
    events: pl.DataFrame

    @classmethod
    def of(cls, events: pl.DataFrame, subject_id: int) -> Timeline:
        """Take one subject's events out of a frame, in any order."""
        own = as_events(events).filter(pl.col("subject_id") == subject_id)
        return cls(subject_id, sort_events(own))

    def __len__(self) -> int:
        return self.events.height
