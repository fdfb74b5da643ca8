"""Events gathered into moments: one row per subject and time, with predicates counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from osler.cohort.task import ANY_EVENT, RECORD_END, RECORD_START, Derived, Plain, Predicate
from osler.errors import Fault, InputError
from osler.model import EVENT_SCHEMA, as_events, sort_events

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NEVER = np.iinfo(np.int64).max
# Null times sort first, before any time a Datetime can hold.
STATIC = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Moments:
    """The distinct times of each subject, in order, and what happened at each.

    Parameters
    ----------
    subject_ids : shape (s,)
        Subjects that meet every condition on the subject and have at least one event in time.
    starts : shape (s + 1,)
        Where each subject's moments begin; the last is the number of moments.
    times_us : shape (m,)
        Microseconds since 1970.
    counts
        Predicate to its count at each moment, shape (m,).
    subjects_seen
        Subjects in the events, before any condition.
    """

    subject_ids: Ints
    starts: Ints
    times_us: Ints
    counts: Mapping[str, Ints]
    subjects_seen: int

    def cumulative(self, predicate: str) -> Ints:
        """Return the count over all moments before each position, shape (m + 1,)."""
        total = np.zeros(self.times_us.size + 1, dtype=np.int64)
        np.cumsum(self.counts[predicate], out=total[1:])
        return total

    def occurrences(self, predicate: str) -> Ints:
        """Return the positions of the moments with the predicate, in order."""
        return np.flatnonzero(self.counts[predicate] > 0)

    def position(self, subject: Ints, time_us: Ints, *, after: bool) -> Ints:
        """Return the first moment of the subject at or after a time, or strictly after it.

        The end of the subject's moments when there is none. All rows are bisected together.
        """
        low = self.starts[subject]
        left = self.starts[subject + 1] - low
        while left.any():
            half = left >> 1
            found = self.times_us.take(low + half, mode="clip")
            passed = (found <= time_us) if after else (found < time_us)
            passed &= left > 0
            low += (half + 1) * passed
            left = np.where(passed, left - half - 1, half)
        return low

    def next_time(self, predicate: str, subject: Ints, time_us: Ints, *, after: bool) -> Ints:
        """Return the time of the next occurrence at or after (or after) a time, else NEVER."""
        position = self.position(subject, time_us, after=after)
        return self._time_of(predicate, subject, position, forward=True)

    def previous_time(self, predicate: str, subject: Ints, time_us: Ints, *, before: bool) -> Ints:
        """Return the time of the last occurrence at or before (or before) a time, else NEVER."""
        position = self.position(subject, time_us, after=not before)
        return self._time_of(predicate, subject, position, forward=False)

    def _time_of(self, predicate: str, subject: Ints, position: Ints, *, forward: bool) -> Ints:
        places = self.occurrences(predicate)
        rank = np.searchsorted(places, position) - (0 if forward else 1)
        inside = (rank >= 0) & (rank < places.size)
        where = places[np.where(inside, rank, 0)] if places.size else np.zeros_like(rank)
        inside &= (where >= self.starts[subject]) & (where < self.starts[subject + 1])
        times = self.times_us[where] if self.times_us.size else np.zeros_like(where)
        return np.where(inside, times, NEVER)


def gather(events: pl.DataFrame, predicates: Mapping[str, Predicate]) -> Moments:
    """Count predicates at every moment of every subject.

    Parameters
    ----------
    events
        MEDS columns in any order; codes may be categorical.
    predicates
        Each after its inputs.

    Raises
    ------
    InputError
        If a column is absent or of the wrong type.
    """
    events = _in_order(_with_columns(events, predicates))
    subject = events["subject_id"].to_numpy()
    time = events["time"].to_physical().fill_null(STATIC).to_numpy()
    first = _firsts(subject, time)
    owner, at = subject[first], time[first]
    matches = _matcher(events)
    counts: dict[str, Ints] = {}
    for name, one in predicates.items():
        if isinstance(one, Plain):
            counts[name] = _at_moments(matches(one), first)
    timeless = at == STATIC
    for name, one in predicates.items():
        if isinstance(one, Derived):
            counts[name] = _combine(one, counts, predicates, timeless)
    return _keep_eligible(owner, at, counts, predicates)


def _with_columns(events: pl.DataFrame, predicates: Mapping[str, Predicate]) -> pl.DataFrame:
    further = {
        column for one in predicates.values() if isinstance(one, Plain) for column, _ in one.equal
    }
    absent = sorted(further - set(events.columns) - set(EVENT_SCHEMA))
    if absent:
        raise InputError(
            Fault(f"column {name}", "absent", "the column a predicate asks for") for name in absent
        )
    wanted = [*EVENT_SCHEMA, *sorted(further - set(EVENT_SCHEMA))]
    usual = all(
        events.schema.get(name) == kind
        for name, kind in EVENT_SCHEMA.items()
        if name in ("subject_id", "time", "numeric_value")
    ) and isinstance(events.schema.get("code"), pl.String | pl.Categorical | pl.Enum)
    if not usual:
        plain = as_events(events)
        events = plain.with_columns(events.select(sorted(further - set(EVENT_SCHEMA))))
    faults = [
        Fault(f"column {name}", "rows without a value", "none", "leave such rows out")
        for name in ("subject_id", "code")
        if events[name].null_count()
    ]
    if faults:
        raise InputError(faults)
    return events.select(name for name in wanted if name in events.columns)


def _in_order(events: pl.DataFrame) -> pl.DataFrame:
    subject = events["subject_id"].to_numpy()
    time = events["time"].to_physical().fill_null(STATIC).to_numpy()
    backward = (subject[1:] < subject[:-1]) | (
        (subject[1:] == subject[:-1]) & (time[1:] < time[:-1])
    )
    return sort_events(events) if backward.any() else events


def _firsts(subject: Ints, time: Ints) -> Ints:
    if not subject.size:
        return np.zeros(0, dtype=np.int64)
    changed = (subject[1:] != subject[:-1]) | (time[1:] != time[:-1])
    return np.concatenate(([0], np.flatnonzero(changed) + 1))


def _at_moments(matched: Bools, first: Ints) -> Ints:
    if not first.size:
        return np.zeros(0, dtype=np.int64)
    counted: Ints = np.add.reduceat(matched, first, dtype=np.int64)
    return counted


def _matcher(events: pl.DataFrame) -> Callable[[Plain], Bools]:
    """Return a function from a predicate to the events that meet it."""
    codes = events["code"]
    if not isinstance(codes.dtype, pl.Categorical | pl.Enum):
        codes = codes.cast(pl.Categorical())
    numbers = codes.to_physical().to_numpy()
    distinct = codes.unique()
    places = distinct.to_physical().to_numpy()
    names = distinct.cast(pl.String)

    def matches(one: Plain) -> Bools:
        chosen = (
            names.is_in(list(one.codes)) if one.regex is None else names.str.contains(one.regex)
        )
        met = np.zeros(int(places.max(initial=0)) + 1, dtype=np.bool_)
        met[places] = chosen.to_numpy()
        met = met.take(numbers)
        limits = _limits(one)
        if limits is not None:
            met &= _where(events, limits)
        return met

    return matches


def _where(events: pl.DataFrame, limits: pl.Expr) -> Bools:
    try:
        met = events.select(limits.fill_null(False).alias("met"))["met"]
    except pl.exceptions.PolarsError as error:
        raise InputError(
            Fault(
                "predicates", "a value that its column cannot be compared with", "one of its type"
            )
        ) from error
    return met.to_numpy()


def _limits(one: Plain) -> pl.Expr | None:
    # NaN is a missing value here, although polars would compare it as the greatest number.
    value = pl.col("numeric_value").fill_nan(None)
    parts = [pl.col(column) == wanted for column, wanted in one.equal]
    if one.value_min is not None:
        least = one.value_min
        parts.append(value >= least if one.value_min_inclusive else value > least)
    if one.value_max is not None:
        most = one.value_max
        parts.append(value <= most if one.value_max_inclusive else value < most)
    return pl.all_horizontal(parts) if parts else None


def _combine(
    one: Derived,
    counts: Mapping[str, Ints],
    predicates: Mapping[str, Predicate],
    timeless: Bools,
) -> Ints:
    """Return 1 where the inputs hold together at a moment.

    A condition on the subject holds at all moments: subjects that do not meet it are left out.
    """
    held = []
    for name in one.inputs:
        here = counts[name] > 0
        held.append(here | ~timeless if predicates[name].static else here)
    combined = np.logical_and.reduce(held) if one.operator == "and" else np.logical_or.reduce(held)
    counted: Ints = combined.astype(np.int64)
    return counted


def _keep_eligible(
    owner: Ints,
    at: Ints,
    counts: dict[str, Ints],
    predicates: Mapping[str, Predicate],
) -> Moments:
    """Keep moments in time of subjects that meet all conditions, and add the special counts."""
    seen, index = np.unique(owner, return_inverse=True)
    eligible = np.ones(seen.size, dtype=np.bool_)
    for name, one in predicates.items():
        if one.static:
            met = np.zeros(seen.size, dtype=np.bool_)
            met[index[(at == STATIC) & (counts[name] > 0)]] = True
            eligible &= met
    keep = eligible[index] & (at != STATIC)
    times = at[keep]
    subject_ids, starts = np.unique(owner[keep], return_index=True)
    kept = {name: one[keep] for name, one in counts.items()}
    edges = np.append(starts, times.size).astype(np.int64)
    kept[ANY_EVENT] = np.ones(times.size, dtype=np.int64)
    for name, places in ((RECORD_START, edges[:-1]), (RECORD_END, edges[1:] - 1)):
        kept[name] = np.zeros(times.size, dtype=np.int64)
        kept[name][places] = 1
    return Moments(subject_ids, edges, times, kept, seen.size)
