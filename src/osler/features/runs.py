"""The events that rows can see, sorted into runs: one subject, one code, in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt
import polars as pl

from osler.errors import Fault, InputError
from osler.features.slices import Ints, Measured, bisect, ranges
from osler.model import DEATH, EVENT_SCHEMA, as_events, sort_events

# Null times sort first, before any time a Datetime can hold.
TIMELESS = np.iinfo(np.int64).min
NEEDED = ("subject_id", "time", "code", "numeric_value")


@dataclass(frozen=True)
class Record:
    """Events as arrays, sorted by subject and time, static ones first.

    Parameters
    ----------
    codes, values
        One per event, as the frame has them; codes are text or categorical.
    """

    subject: Ints
    times_us: Ints
    codes: pl.Series
    values: pl.Series

    @classmethod
    def of(cls, events: pl.DataFrame) -> Record:
        """Take what is needed of a frame with MEDS columns in any order.

        Raises
        ------
        InputError
            If a column is absent, of the wrong type, or has no value where it must.
        """
        usual = all(
            events.schema.get(name) == EVENT_SCHEMA[name] for name in NEEDED if name != "code"
        ) and isinstance(events.schema.get("code"), pl.String | pl.Categorical | pl.Enum)
        events = (events if usual else as_events(events)).select(NEEDED)
        faults = [
            Fault(f"column {name}", "rows without a value", "none", "leave such rows out")
            for name in ("subject_id", "code")
            if events[name].null_count()
        ]
        if faults:
            raise InputError(faults)
        record = cls._unsorted(events)
        return record if record._in_order() else cls._unsorted(sort_events(events))

    @classmethod
    def _unsorted(cls, events: pl.DataFrame) -> Record:
        times = events["time"].to_physical()
        return cls(
            events["subject_id"].to_numpy(),
            (times.fill_null(TIMELESS) if times.null_count() else times).to_numpy(),
            events["code"],
            events["numeric_value"],
        )

    def _in_order(self) -> bool:
        later, earlier = self.subject[1:], self.subject[:-1]
        if (later < earlier).any():
            return False
        backward = self.times_us[1:] < self.times_us[:-1]
        return not (backward & (later == earlier)).any()

    def span(self, subject_ids: Ints) -> tuple[Ints, Ints, Ints]:
        """Return where each subject's events begin, where those with a time begin, and the end."""
        start = np.searchsorted(self.subject, subject_ids, side="left").astype(np.int64)
        end = np.searchsorted(self.subject, subject_ids, side="right").astype(np.int64)
        timed = bisect(self.times_us, start, end, np.full(start.size, TIMELESS))
        return start, timed, end


@dataclass(frozen=True)
class Runs:
    """Runs of the events inside some stretches of the record.

    Parameters
    ----------
    names
        Codes, sorted; `code` of a run is a position here.
    code, start, end : shape (r,)
        Of each run: its code, and its slice of `times_us`.
    of_stretch : shape (s + 1,)
        Where each stretch's runs begin.
    """

    names: list[str]
    code: Ints
    start: Ints
    end: Ints
    of_stretch: Ints
    times_us: Ints
    measured: Measured


def cut_runs(
    record: Record,
    first: Ints,
    end: Ints,
    *,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    timeless: bool,
) -> Runs:
    """Sort the events of stretches, none of which overlap, into runs.

    Parameters
    ----------
    first, end : shape (s,)
        Each stretch of events, of one subject.
    timeless
        Whether these are static events; a death among them is left out, since its date, and so
        whether it is known yet, is not known.
    """
    lengths = end - first
    chosen = ranges(first, lengths)
    stretch = np.repeat(np.arange(first.size), lengths)
    names, code = _numbered(record.codes, chosen)
    wanted = _wanted(names, include, exclude, timeless)
    if not wanted.all():
        kept = wanted[code]
        chosen, stretch = chosen[kept], stretch[kept]
        code = (np.cumsum(wanted) - 1)[code[kept]]
        names = [name for name, one in zip(names, wanted, strict=True) if one]
    key = stretch * max(len(names), 1) + code
    order = _stable_order(key, first.size * max(len(names), 1))
    chosen, key = chosen[order], key[order]
    new = np.flatnonzero(np.diff(key, prepend=-1))
    of_run = key[new]
    times = record.times_us[chosen]
    return Runs(
        names,
        of_run % max(len(names), 1),
        new,
        np.append(new[1:], key.size) if new.size else new,
        np.searchsorted(of_run, np.arange(first.size + 1) * max(len(names), 1)),
        times,
        Measured.of(record.values.gather(chosen).to_numpy(), times),
    )


def _numbered(codes: pl.Series, chosen: Ints) -> tuple[list[str], Ints]:
    """Return the distinct codes of the chosen events, sorted, and the number of each event's."""
    if not chosen.size:
        return [], np.zeros(0, dtype=np.int64)
    codes = codes.gather(chosen)
    if not isinstance(codes.dtype, pl.Categorical | pl.Enum):
        codes = codes.cast(pl.Categorical())
    numbers = codes.to_physical().to_numpy()
    place = np.full(int(numbers.max()) + 1, -1, dtype=np.int64)
    place[numbers] = np.arange(numbers.size)
    used = np.flatnonzero(place >= 0)
    names = codes.gather(place[used]).cast(pl.String)
    order = names.arg_sort().to_numpy()
    place[used[order]] = np.arange(used.size)
    return names.gather(order).to_list(), place.take(numbers)


def _wanted(
    names: list[str], include: tuple[str, ...], exclude: tuple[str, ...], timeless: bool
) -> npt.NDArray[np.bool_]:
    if include == ("*",) and not exclude and not timeless:
        return np.ones(len(names), dtype=np.bool_)

    def matches(name: str, patterns: tuple[str, ...]) -> bool:
        return any(name == one or fnmatchcase(name, one) for one in patterns)

    return np.array(
        [
            matches(name, include)
            and not matches(name, exclude)
            and not (timeless and name == DEATH)
            for name in names
        ],
        dtype=np.bool_,
    )


def _stable_order(key: Ints, keys: int) -> Ints:
    """Return the order that sorts the keys, equal ones in their given order."""
    bits = int(key.size).bit_length()
    if keys.bit_length() + bits >= 63:
        return np.argsort(key, kind="stable")
    # Key and position in one number: all distinct, so the fastest sort is a stable one.
    packed = (key << bits) | np.arange(key.size)
    packed.sort()
    return packed & ((1 << bits) - 1)
