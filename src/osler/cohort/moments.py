"""Events gathered into moments: one row per subject and time, with predicates counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

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
# Half of what 64 bits hold: the records of some thousands of subjects, end to end.
LONGEST_AXIS_US = 2.0**62
# Fastest of 60 thousand to 4 million, as measured.
BLOCK_EVENTS = 250_000
# As many keys as stay in a processor's cache while they are searched.
MOST_KEYS = 100_000


@dataclass(frozen=True)
class Stretch:
    """Some subjects whose moments lie on one ascending axis, so that one search serves them all.

    Parameters
    ----------
    subjects, moments
        Ranges of positions: from the first to past the last.
    first, last, shift : shape (subjects,)
        Each subject's first and last time, and what is added to its times.
    keys : shape (moments,)
        The shifted times.
    """

    subjects: tuple[int, int]
    moments: tuple[int, int]
    first: Ints
    last: Ints
    shift: Ints
    keys: Ints


@dataclass(frozen=True)
class Moments:
    """The distinct times of each subject, in order, and what happened at each.

    Wherever rows are asked about, their subjects ascend.

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

    def owners(self) -> Ints:
        """Return the position of the subject of each moment, shape (m,)."""
        return np.repeat(np.arange(self.subject_ids.size), np.diff(self.starts))

    @cached_property
    def _stretches(self) -> tuple[Stretch, ...]:
        firsts, lasts = self.times_us[self.starts[:-1]], self.times_us[self.starts[1:] - 1]
        # Room for a time before the first moment and one past the last.
        lengths = lasts.astype(np.float64) - firsts + 4
        reach = np.cumsum(lengths)
        found, begin = [], 0
        while begin < firsts.size:
            before = reach[begin - 1] if begin else 0.0
            short = np.searchsorted(reach, before + LONGEST_AXIS_US)
            few = np.searchsorted(self.starts, self.starts[begin] + MOST_KEYS) - 1
            end = max(begin + 1, int(min(short, few, firsts.size)))
            found.append(self._stretch(begin, end, firsts[begin:end], lasts[begin:end]))
            begin = end
        return tuple(found)

    def _stretch(self, begin: int, end: int, firsts: Ints, lasts: Ints) -> Stretch:
        low, high = int(self.starts[begin]), int(self.starts[end])
        keys, shift = self.times_us[low:high], np.zeros(end - begin, dtype=np.int64)
        if end > begin + 1:
            lengths = lasts - firsts + 4
            shift = np.cumsum(lengths) - lengths - firsts
            keys = keys + np.repeat(shift, np.diff(self.starts[begin : end + 1]))
        return Stretch((begin, end), (low, high), firsts, lasts, shift, keys)

    def position(self, subject: Ints, time_us: Ints, *, after: bool) -> Ints:
        """Return the first moment of the subject at or after a time, or strictly after it.

        The end of the subject's moments when there is none.
        """
        side: Literal["left", "right"] = "right" if after else "left"
        found = np.empty(time_us.size, dtype=np.int64)
        for one in self._stretches:
            low, high = np.searchsorted(subject, one.subjects)
            own = subject[low:high] - one.subjects[0]
            key = np.clip(time_us[low:high], one.first[own] - 1, one.last[own] + 1)
            key += one.shift[own]
            found[low:high] = np.searchsorted(one.keys, key, side=side)
            found[low:high] += one.moments[0]
        return found

    def past(self, position: Ints, subject: Ints, time_us: Ints) -> Ints:
        """Return the first moment after a time, from the first one at or after it."""
        if not self.times_us.size:
            return position
        at = np.minimum(position, self.times_us.size - 1)
        here = (self.times_us[at] == time_us) & (position < self.starts[subject + 1])
        after: Ints = position + here
        return after

    def next_time(self, predicate: str, subject: Ints, time_us: Ints, *, after: bool) -> Ints:
        """Return the time of the next occurrence at or after (or after) a time, else NEVER."""
        position = self.position(subject, time_us, after=after)
        return self.time_at(self.occurrence(predicate, subject, position, forward=True))

    def previous_time(self, predicate: str, subject: Ints, time_us: Ints, *, before: bool) -> Ints:
        """Return the time of the last occurrence at or before (or before) a time, else NEVER."""
        position = self.position(subject, time_us, after=not before)
        return self.time_at(self.occurrence(predicate, subject, position, forward=False))

    def occurrence(self, predicate: str, subject: Ints, position: Ints, *, forward: bool) -> Ints:
        """Return the next moment from a position on, or the last before it; -1 where none is."""
        low, high = self.starts[subject], self.starts[subject + 1]
        if predicate == ANY_EVENT:
            where = position if forward else position - 1
        elif predicate == RECORD_START and not forward:
            where = np.where(position > low, low, -1)
        elif predicate == RECORD_END and forward:
            where = np.where(position < high, high - 1, -1)
        else:
            where = self._counted(predicate, position, forward=forward)
        return np.where((where >= low) & (where < high), where, -1)

    def _counted(self, predicate: str, position: Ints, *, forward: bool) -> Ints:
        places = self.occurrences(predicate)
        if not places.size:
            return np.full(position.size, -1, dtype=np.int64)
        rank = np.searchsorted(places, position) - (0 if forward else 1)
        inside = (rank >= 0) & (rank < places.size)
        return np.where(inside, places[np.where(inside, rank, 0)], -1)

    def time_at(self, position: Ints) -> Ints:
        """Return the time of each moment; NEVER for -1."""
        if not self.times_us.size:
            return np.full(position.size, NEVER, dtype=np.int64)
        return np.where(position < 0, NEVER, self.times_us[np.maximum(position, 0)])


def blocks(events: pl.DataFrame, predicates: Mapping[str, Predicate]) -> Iterator[pl.DataFrame]:
    """Check and order events, and cut them between subjects into blocks of bounded size.

    At least one block, which may be empty. What is made of a block stays in a processor's cache,
    and what is needed beside the events is bounded by a block.

    Parameters
    ----------
    events
        MEDS columns in any order; codes may be categorical.
    predicates
        Say which further columns are needed.

    Raises
    ------
    InputError
        If a column is absent or of the wrong type.
    """
    ordered = _in_order(_with_columns(events, predicates))
    if not isinstance(ordered["code"].dtype, pl.Categorical | pl.Enum):
        ordered = ordered.with_columns(pl.col("code").cast(pl.Categorical()))
    subject = ordered["subject_id"].to_numpy()
    begin, end = 0, 0
    while end < subject.size or end == 0:
        end = min(begin + BLOCK_EVENTS, subject.size)
        if end < subject.size:
            end = int(np.searchsorted(subject, subject[end - 1], side="right"))
        yield ordered[begin:end]
        if not subject.size:
            return
        begin = end


def gather(events: pl.DataFrame, predicates: Mapping[str, Predicate]) -> Moments:
    """Count predicates at every moment of every subject.

    Parameters
    ----------
    events
        One of `blocks`.
    predicates
        Each after its inputs.
    """
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
    """Return the first event of each moment."""
    return np.flatnonzero(_changes(subject) | _changes(time))


def _changes(values: Ints) -> Bools:
    """Whether each value differs from the one before it; the first one does."""
    changed = np.ones(values.size, dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    return changed


def _at_moments(matched: Bools, first: Ints) -> Ints:
    if not first.size:
        return np.zeros(0, dtype=np.int64)
    counted: Ints = np.add.reduceat(matched, first, dtype=np.int64)
    return counted


def _matcher(events: pl.DataFrame) -> Callable[[Plain], Bools]:
    """Return a function from a predicate to the events that meet it."""
    codes = events["code"]
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
    edge = np.flatnonzero(_changes(owner))
    seen = owner[edge]
    lengths = np.diff(np.append(edge, owner.size))
    eligible = np.ones(seen.size, dtype=np.bool_)
    # Moments are in order, and one without a time comes first.
    timeless = at[edge] == STATIC
    for name, one in predicates.items():
        if one.static:
            eligible &= timeless & (counts[name][edge] > 0)
    keep = np.repeat(eligible, lengths) & (at != STATIC)
    times = at[keep]
    lengths = (lengths - timeless) * eligible
    edges = np.concatenate(([0], np.cumsum(lengths[lengths > 0])))
    kept = {name: one[keep] for name, one in counts.items()}
    kept[ANY_EVENT] = np.ones(times.size, dtype=np.int64)
    for name, places in ((RECORD_START, edges[:-1]), (RECORD_END, edges[1:] - 1)):
        kept[name] = np.zeros(times.size, dtype=np.int64)
        kept[name][places] = 1
    return Moments(seen[lengths > 0], edges, times, kept, seen.size)
