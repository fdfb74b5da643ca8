"""Asking again: one trigger made into many index times (landmarks), by the clock or at events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from osler.cohort.durations import duration
from osler.cohort.moments import NEVER, Ints, Moments
from osler.cohort.reading import Reading, shown
from osler.cohort.task import RECORD_END, SPECIAL
from osler.cohort.words import length_words, words
from osler.errors import Fault, InputError

KEYS = frozenset({"every", "at", "first", "until", "within", "most"})
DURATIONS = ("every", "first", "within")
MICROSECOND = timedelta(microseconds=1)
# One block of events; more is a question that nobody meant to ask.
MOST_ROWS = 50_000_000


@dataclass(frozen=True)
class Repeat:
    """At which times after each trigger the question is asked, in place of at the trigger.

    All windows of the task hold for each of these times as they would for the trigger.

    Parameters
    ----------
    every_us
        The clock: one time after each of these lengths. None when `at` is given.
    at
        Predicate: one time at each of its moments.
    first_us
        Least time after the trigger.
    until
        Predicate whose first moment after the trigger ends it: only times before it count.
    within_us
        Time after the trigger that ends it; None for no limit.
    most
        Most times for one trigger; None for no limit.
    """

    every_us: int | None = None
    at: str | None = None
    first_us: int = 0
    until: str | None = None
    within_us: int | None = None
    most: int | None = None

    @property
    def predicates(self) -> dict[str, str]:
        """The predicates in use, by the key that names each."""
        named = {"at": self.at, "until": self.until}
        return {key: name for key, name in named.items() if name and name not in SPECIAL}


def read_repeat(raw: object, reading: Reading) -> Repeat:
    """Read the `index` section, noting its faults."""
    given = reading.mapping("", raw)
    reading.unknown_keys("", given, KEYS)
    if ("every" in given) == ("at" in given):
        came = "both every and at" if "at" in given else "neither every nor at"
        reading.fault("", came, "every: a time such as 24h, or at: a predicate")
    lengths = {key: _length(key, given.get(key), reading) for key in DURATIONS}
    named = {key: _predicate(key, given.get(key), reading) for key in ("at", "until")}
    for key in ("every", "within"):
        if lengths[key] == 0:
            reading.fault(key, shown(given[key]), "a time longer than nothing")
    most = given.get("most")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        reading.fault("most", shown(most), "a whole number from 1")
        most = None
    return Repeat(
        lengths["every"],
        named["at"],
        lengths["first"] or 0,
        named["until"],
        lengths["within"],
        most,
    )


def _length(key: str, raw: object, reading: Reading) -> int | None:
    if raw is None:
        return None
    length = duration(raw) if isinstance(raw, str) else None
    if length is None:
        reading.fault(key, shown(raw), "a time such as 24h, 7d or 30 minutes")
        return None
    return length // MICROSECOND


def _predicate(key: str, raw: object, reading: Reading) -> str | None:
    if raw is not None and not isinstance(raw, str):
        reading.fault(key, shown(raw), "the name of a predicate")
        return None
    return raw


def repeated(
    moments: Moments, subject: Ints, trigger_us: Ints, repeat: Repeat
) -> tuple[Ints, Ints]:
    """Return, for every index time, the row of its trigger and the time, in order.

    Raises
    ------
    InputError
        If there are more index times than anybody can have meant.
    """
    end = _end(moments, subject, trigger_us, repeat)
    if repeat.every_us is not None:
        return _by_the_clock(trigger_us + repeat.first_us, end, repeat.every_us, repeat.most)
    return _at_events(moments, subject, trigger_us + repeat.first_us, end, repeat)


def _end(moments: Moments, subject: Ints, trigger_us: Ints, repeat: Repeat) -> Ints:
    end = moments.next_time(RECORD_END, subject, trigger_us, after=False)
    if repeat.until is not None:
        end = np.minimum(end, moments.next_time(repeat.until, subject, trigger_us, after=True))
    if repeat.within_us is not None:
        end = np.minimum(end, trigger_us + repeat.within_us)
    return np.where(end == NEVER, trigger_us, end)


def _check(total: int) -> None:
    if total > MOST_ROWS:
        raise InputError(
            Fault(
                "index",
                f"more than {MOST_ROWS:,} index times",
                "fewer",
                "ask less often, or end it with until, within or most",
            )
        )


def _expanded(counts: Ints, most: int | None) -> tuple[Ints, Ints]:
    """Return, for so many times per trigger, the trigger of each and its number from 0."""
    counts = np.maximum(counts, 0)
    if most is not None:
        counts = np.minimum(counts, most)
    _check(int(counts.sum()))
    trigger = np.repeat(np.arange(counts.size), counts)
    return trigger, np.arange(trigger.size) - np.repeat(np.cumsum(counts) - counts, counts)


def _by_the_clock(first: Ints, end: Ints, every_us: int, most: int | None) -> tuple[Ints, Ints]:
    # Only times before the end: the last of n is first + (n - 1) * every.
    trigger, number = _expanded(-((first - end) // every_us), most)
    return trigger, first[trigger] + number * every_us


def _at_events(
    moments: Moments, subject: Ints, first: Ints, end: Ints, repeat: Repeat
) -> tuple[Ints, Ints]:
    places = moments.occurrences(repeat.at or "")
    low = np.searchsorted(places, moments.position(subject, first, after=False))
    high = np.searchsorted(places, moments.position(subject, end, after=False))
    trigger, number = _expanded(high - low, repeat.most)
    return trigger, moments.times_us[places[low[trigger] + number]]


def repeat_sentence(repeat: Repeat, trigger: str) -> str:
    """Return when the question is asked, in words."""
    name = words(trigger)
    if repeat.every_us is not None:
        when = f"every {length_words(repeat.every_us)} from {name} on"
    else:
        when = f"at each {words(repeat.at or '')} from {name} on"
    if repeat.first_us:
        when += f", first {length_words(repeat.first_us)} after it"
    ends = [f"the next {words(repeat.until)}"] if repeat.until else []
    ends += [f"{length_words(repeat.within_us)} have passed"] if repeat.within_us else []
    when += f", until {' or '.join([*ends, 'the last event of the subject'])}"
    most = f", at most {repeat.most} times" if repeat.most else ""
    return f"The question is asked {when}{most}; each of these times stands for {name}."
