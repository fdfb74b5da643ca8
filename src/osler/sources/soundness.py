"""What a source says twice or against itself: told in the notes of the report, never mended."""

from __future__ import annotations

import polars as pl

from osler.model import BIRTH, DEATH
from osler.sources.base import LoadReport

DUPLICATES_KEPT = "exact duplicate rows kept"
TWO_BIRTHS = "subjects with more than one time of birth"
TWO_DEATHS = "subjects with more than one time of death"
DEATH_BEFORE_BIRTH = "subjects who die before they are born"

# Eight bytes a row: 400 MB. Beyond it only duplicates within one batch are seen.
MOST_ROWS_REMEMBERED = 50_000_000


class Duplicates:
    """Counts exact duplicates among all rows, by a 64-bit hash of each.

    Two different rows share a hash with a probability of about n² / 2^65: 7e-5 at the limit.
    """

    def __init__(self) -> None:
        self._hashes: list[pl.Series] = []
        self._remembered = 0
        self._beyond = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Look at a batch."""
        if not rows.height or not rows.width:
            return
        hashes = rows.hash_rows()
        if self._remembered + rows.height > MOST_ROWS_REMEMBERED:
            self._beyond += rows.height - hashes.n_unique()
            return
        self._hashes.append(hashes)
        self._remembered += rows.height

    def note(self, report: LoadReport) -> None:
        """Tell how many there were."""
        if self._hashes:
            distinct = pl.concat(self._hashes).n_unique()
            report.note(DUPLICATES_KEPT, self._remembered - distinct + self._beyond)


class Lifespans:
    """Finds subjects born or dying twice, or the wrong way round, over all batches."""

    def __init__(self) -> None:
        self._bounds: list[pl.DataFrame] = []

    def add(self, events: pl.DataFrame) -> None:
        """Look at a batch of events."""
        bounds = (
            events.lazy()
            .filter(pl.col("code").is_in([BIRTH, DEATH]), pl.col("time").is_not_null())
            .select("subject_id", "time", "code")
            .unique()
            .collect()
        )
        if bounds.height:
            self._bounds.append(bounds)

    def note(self, report: LoadReport) -> None:
        """Tell how many subjects contradict themselves."""
        if not self._bounds:
            return
        born, died = pl.col("code") == BIRTH, pl.col("code") == DEATH
        subjects = (
            pl.concat(self._bounds)
            .group_by("subject_id")
            .agg(
                births=pl.col("time").filter(born).n_unique(),
                deaths=pl.col("time").filter(died).n_unique(),
                backwards=pl.col("time").filter(died).max() < pl.col("time").filter(born).min(),
            )
        )
        report.note(TWO_BIRTHS, subjects.filter(pl.col("births") > 1).height)
        report.note(TWO_DEATHS, subjects.filter(pl.col("deaths") > 1).height)
        report.note(DEATH_BEFORE_BIRTH, subjects.filter(pl.col("backwards")).height)


def refuse_each(reasons: pl.Series, report: LoadReport) -> None:
    """Count one refused record for every reason that is not null."""
    if reasons.null_count() < len(reasons):
        for reason, count in reasons.drop_nulls().value_counts().iter_rows():
            report.refuse(reason, count)
