"""The events that rows can see, sorted into runs: one subject, one code, in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt
import polars as pl

from osler.errors import Fault, InputError
from osler.features.answers import Answered, Answers, answers_of
from osler.features.column import ANSWER_MARK, Request
from osler.features.hierarchy import Hierarchy
from osler.features.slices import Ints, Measured, bisect, ranges
from osler.model import DEATH, EVENT_SCHEMA, as_events, sort_events

# Null times sort first, before any time a Datetime can hold.
TIMELESS = np.iinfo(np.int64).min
NEEDED = ("subject_id", "time", "code", "numeric_value")
TEXT = "text_value"


@dataclass(frozen=True)
class Record:
    """Events as arrays, sorted by subject and time, static ones first.

    Parameters
    ----------
    codes, values
        One per event; codes are categorical.
    texts
        Text values; None where there are none to be read.
    """

    subject: Ints
    times_us: Ints
    codes: pl.Series
    values: pl.Series
    texts: pl.Series | None

    @classmethod
    def of(cls, events: pl.DataFrame, *, text: bool = True) -> Record:
        """Take what is needed of a frame with MEDS columns in any order, and the texts if asked.

        Raises
        ------
        InputError
            If a column is absent, of the wrong type, or has no value where it must.
        """
        usual = all(
            events.schema.get(name) == EVENT_SCHEMA[name] for name in NEEDED if name != "code"
        ) and all(
            isinstance(events.schema.get(name, pl.String()), pl.String | pl.Categorical | pl.Enum)
            for name in ("code", TEXT)
        )
        events = events if usual and "code" in events.columns else as_events(events)
        text = text and TEXT in events.columns and events[TEXT].null_count() < events.height
        events = events.select(*NEEDED, *([TEXT] if text else []))
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
        times, codes = events["time"].to_physical(), events["code"]
        if codes.dtype == pl.String:
            codes = codes.cast(pl.Categorical())
        return cls(
            events["subject_id"].to_numpy(),
            (times.fill_null(TIMELESS) if times.null_count() else times).to_numpy(),
            codes,
            events["numeric_value"],
            events[TEXT] if TEXT in events.columns else None,
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
        Codes and answers, sorted; `code` of a run is a position here.
    code, start, end : shape (r,)
        Of each run: its code, and its slice of `times_us`.
    of_stretch : shape (s + 1,)
        Where each stretch's runs begin.
    answered
        Which runs are answers; None where none is.
    """

    names: list[str]
    code: Ints
    start: Ints
    end: Ints
    of_stretch: Ints
    times_us: Ints
    measured: Measured
    answered: Answered | None = None


def cut_runs(record: Record, first: Ints, end: Ints, request: Request, *, timeless: bool) -> Runs:
    """Sort the events of stretches, none of which overlap, into runs.

    An event with an answer is in the run of its code and, without its value, in that of the answer;
    where codes are rolled up, in the runs of the code's ancestors too.

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
    wanted = _wanted(names, request.include, request.exclude, timeless)
    if not wanted.all():
        kept = wanted[code]
        chosen, stretch = chosen[kept], stretch[kept]
        code = (np.cumsum(wanted) - 1)[code[kept]]
        names = [name for name, one in zip(names, wanted, strict=True) if one]
    group = stretch * max(len(names), 1)
    group += code
    answers = _answers(record, chosen, names, group)
    more = _appearances(names, code, answers, request)
    if more is None:
        del stretch, code
        return _sorted_runs(record, chosen, names, group, first.size)
    names, event, under, spoken = more
    group = stretch[event] * len(names) + under
    return _sorted_runs(record, chosen, names, group, first.size, event, answers, spoken)


def _answers(record: Record, chosen: Ints, names: list[str], group: Ints) -> Answers | None:
    if record.texts is None or not chosen.size:
        return None
    values = record.values.gather(chosen).to_numpy()
    return answers_of(record.texts.gather(chosen), values, record.times_us[chosen], names, group)


def _appearances(
    names: list[str], code: Ints, answers: Answers | None, request: Request
) -> tuple[list[str], Ints, Ints, Ints] | None:
    """Return all names, and each event under its code, its answer and its code's ancestors.

    Returns
    -------
    tuple of names, event, code, answer, or None if every event has one name
        For each appearance: which event, under which name, and which answer it is (-1 for none).
        The events under their own codes come first.
    """
    own = np.arange(code.size)
    told, told_as, said = np.zeros(0, np.int64), np.zeros(0, np.int64), list[str]()
    if answers is not None:
        told, told_as, said = answers.event, answers.name, answers.names
    rolled, rolled_to, above = _rolled_up(names, code, request.hierarchy)
    if not said and not above:
        return None
    every = sorted({*names, *said, *above})
    kept = np.array([not _matches(one, request.exclude) for one in every], dtype=np.bool_)
    place = {name: number for number, name in enumerate(every)}
    event = np.concatenate([own, told, rolled])
    under = np.concatenate(
        [
            np.array([place[one] for one in part], dtype=np.int64)[which]
            for part, which in ((names, code), (said, told_as), (above, rolled_to))
            if part
        ]
    )
    answer = np.full(event.size, -1, dtype=np.int64)
    answer[own.size : own.size + told.size] = np.arange(told.size)
    stays = kept[under]
    number = np.cumsum(kept) - 1
    left = [one for one, stay in zip(every, kept, strict=True) if stay]
    return left, event[stays], number[under[stays]], answer[stays]


def _rolled_up(
    names: list[str], code: Ints, hierarchy: Hierarchy | None
) -> tuple[Ints, Ints, list[str]]:
    """Return events and the ancestors they count for, once each, and the ancestors' names."""
    if hierarchy is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), []
    of_code = [sorted(hierarchy.above(one)) for one in names]
    above = sorted(set().union(*of_code)) if of_code else []
    place = {name: number for number, name in enumerate(above)}
    lengths = np.array([len(one) for one in of_code], dtype=np.int64)
    flat = np.array([place[one] for many in of_code for one in many], dtype=np.int64)
    if not flat.size:
        return flat, flat, []
    event = np.repeat(np.arange(code.size), lengths[code])
    return event, flat[ranges((np.cumsum(lengths) - lengths)[code], lengths[code])], above


def _sorted_runs(
    record: Record,
    chosen: Ints,
    names: list[str],
    group: Ints,
    stretches: int,
    event: Ints | None = None,
    answers: Answers | None = None,
    spoken: Ints | None = None,
) -> Runs:
    """Sort appearances of events by group, and inside a group as the events lie.

    Parameters
    ----------
    chosen
        Places of the events in the record.
    group : shape (n,)
        Stretch times the number of names, plus the name.
    event, spoken : shape (n,)
        Which event each is, those under their own code first, and which answer it is; None if
        each is the next event under its own code.
    """
    width = max(len(names), 1)
    if event is None:
        group, order = _stable_sort(group, stretches * width)
        place = chosen[order]
    else:
        _, by_event = _stable_sort(event, event.size)
        group, order = _stable_sort(group[by_event], stretches * width)
        order = by_event[order]
        place = chosen[event[order]]
    new = np.flatnonzero(np.diff(group, prepend=-1))
    of_run, size = group[new], group.size
    del group
    times = record.times_us[place]
    values = record.values.gather(place).to_numpy()
    if event is not None:
        values = np.where(order < chosen.size, values, np.nan)
    answered = None
    if answers is not None and spoken is not None:
        at = spoken[order]
        named = np.array([ANSWER_MARK in one for one in names], dtype=np.bool_)
        answered = Answered(named, answers.begins[at], answers.before_us[at], answers.after_us[at])
    return Runs(
        names,
        of_run % width,
        new,
        np.append(new[1:], size) if new.size else new,
        np.searchsorted(of_run, np.arange(stretches + 1) * width),
        times,
        Measured.of(values, times),
        answered,
    )


def _numbered(codes: pl.Series, chosen: Ints) -> tuple[list[str], Ints]:
    """Return the distinct codes of the chosen events, sorted, and the number of each event's."""
    if not chosen.size:
        return [], np.zeros(0, dtype=np.int64)
    codes = codes.gather(chosen)
    numbers = codes.to_physical().to_numpy()
    place = np.full(int(numbers.max()) + 1, -1, dtype=np.int64)
    place[numbers] = np.arange(numbers.size)
    used = np.flatnonzero(place >= 0)
    names = codes.gather(place[used]).cast(pl.String)
    if names.str.contains(ANSWER_MARK, literal=True).any():
        expected = f"codes without {ANSWER_MARK}, which marks an answer in the name of a column"
        raise InputError(Fault("codes", f"some that hold {ANSWER_MARK}", expected, "rename them"))
    order = names.arg_sort().to_numpy()
    place[used[order]] = np.arange(used.size)
    return names.gather(order).to_list(), place.take(numbers)


def _wanted(
    names: list[str], include: tuple[str, ...], exclude: tuple[str, ...], timeless: bool
) -> npt.NDArray[np.bool_]:
    if include == ("*",) and not exclude and not timeless:
        return np.ones(len(names), dtype=np.bool_)

    return np.array(
        [
            _matches(name, include)
            and not _matches(name, exclude)
            and not (timeless and name == DEATH)
            for name in names
        ],
        dtype=np.bool_,
    )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(name == one or fnmatchcase(name, one) for one in patterns)


def _stable_sort(key: Ints, keys: int) -> tuple[Ints, Ints]:
    """Return the keys sorted, and the order that sorts them, equal ones in their given order."""
    bits = int(key.size).bit_length()
    if keys.bit_length() + bits >= 63:
        order = np.argsort(key, kind="stable")
        return key[order], order
    # Key and position in one number: all distinct, so the fastest sort is a stable one.
    packed = key << bits
    packed |= np.arange(key.size)
    packed.sort()
    key = packed >> bits
    packed &= (1 << bits) - 1
    return key, packed
