"""What a study asks about: a label, or the time to an event among competing ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from osler.cohort.durations import duration
from osler.cohort.reading import Reading, shown
from osler.cohort.task import SPECIAL, Plain, Predicate, Task
from osler.cohort.words import listed, when_words, words
from osler.model import DEATH

UnknownCause = Literal["competing", "censor", "exclude"]

KEYS = frozenset(
    {
        "type",
        "event",
        "competing",
        "horizon",
        "censor",
        "entry",
        "death",
        "unknown_cause",
        "prevalent",
    }
)
CHOICES = {
    "death": ("competing", "censor"),
    "unknown_cause": ("competing", "censor", "exclude"),
    "prevalent": ("exclude", "keep"),
}
LAST_EVENT = "last_event"
DEATH_CAUSE = "death"
UNKNOWN_DEATH_CAUSE = "death_of_unknown_cause"
DEATH_WORDS = ("death", "dead", "died", "decease", "mortality")


@dataclass(frozen=True)
class Horizon:
    """A time by which the outcome is asked for, as written and in days."""

    label: str
    days: float


@dataclass(frozen=True)
class TimeToEvent:
    """The time from prediction to the first of several causes.

    Parameters
    ----------
    event
        Predicate of cause 1.
    competing
        Predicates of causes 2, 3, …
    horizons
        Times by which the question is asked; the rows themselves are not cut at them.
    censor
        Predicate that ends observation, besides the last event; None without one.
    entry
        Predicate at which a subject comes under observation; None when at the prediction.
    death
        What deaths are that no cause covers, when causes of death are not told apart.
    unknown_cause
        What a death is whose cause is not among the causes, when they are told apart.
    prevalent
        Whether rows with the event, or a competing one, before the prediction are left out.
    """

    event: str
    competing: tuple[str, ...]
    horizons: tuple[Horizon, ...]
    censor: str | None = None
    entry: str | None = None
    death: Literal["competing", "censor"] = "competing"
    unknown_cause: UnknownCause = "competing"
    prevalent: Literal["exclude", "keep"] = "exclude"

    @property
    def named_causes(self) -> tuple[str, ...]:
        """The causes that the study names, in their order."""
        return (self.event, *self.competing)


@dataclass(frozen=True)
class Binary:
    """The label of the task."""


Outcome = TimeToEvent | Binary


def read_outcome(raw: object, reading: Reading) -> Outcome | None:
    """Read the `outcome` section, noting its faults; None when it has no type to read it by."""
    given = reading.mapping("", raw)
    reading.unknown_keys("", given, KEYS)
    kind = given.get("type", "time-to-event" if "event" in given else "binary")
    if kind not in ("time-to-event", "binary"):
        reading.fault("type", shown(kind), "time-to-event or binary")
        # What else is wrong is told too, where it can be seen what was meant.
        return _time_to_event(given, reading) if "event" in given else None
    if kind == "binary":
        for name in sorted(KEYS.intersection(given) - {"type"}):
            reading.fault(name, "a key of time-to-event", "type: time-to-event, or no such key")
        return Binary()
    return _time_to_event(given, reading)


def _time_to_event(given: Mapping[str, Any], reading: Reading) -> TimeToEvent:
    event = _name("event", given.get("event"), reading)
    if event is None and given.get("event") is None:
        reading.fault("event", "absent", "the predicate of the event")
    competing = given.get("competing") or []
    competing = [competing] if isinstance(competing, str) else competing
    if not isinstance(competing, list | tuple):
        reading.fault("competing", shown(competing), "a list of predicates")
        competing = []
    named = [_name(f"competing.{i}", one, reading) or "" for i, one in enumerate(competing)]
    if len({event, *named}) <= len(named):
        reading.fault("competing", shown(competing), "each cause once, and not the event itself")
    censor = given.get("censor", LAST_EVENT)
    choices: dict[str, Any] = {}
    for key, allowed in CHOICES.items():
        choices[key] = given.get(key, allowed[0])
        if choices[key] not in allowed:
            reading.fault(key, shown(choices[key]), " or ".join(allowed))
    return TimeToEvent(
        event or "",
        tuple(named),
        _horizons(given.get("horizon"), reading),
        None if censor in (LAST_EVENT, None) else _name("censor", censor, reading),
        _name("entry", given.get("entry"), reading),
        **choices,
    )


def _name(key: str, raw: object, reading: Reading) -> str | None:
    if raw is None:
        return None
    if not isinstance(raw, str) or raw in SPECIAL:
        reading.fault(key, shown(raw), "the name of a predicate")
        return None
    return raw


def _horizons(raw: object, reading: Reading) -> tuple[Horizon, ...]:
    if raw is None:
        return ()
    horizons = []
    for one in raw if isinstance(raw, list | tuple) else [raw]:
        length = duration(one) if isinstance(one, str) else None
        if length is None or not length:
            reading.fault("horizon", shown(one), "times such as 5y, 6mo or 30d")
            continue
        horizons.append(Horizon(str(one).strip(), length / timedelta(days=1)))
    days = [one.days for one in horizons]
    if len(set(days)) < len(days):
        reading.fault("horizon", shown(raw), "each time once")
    return tuple(horizons)


def check_against(outcome: Outcome | None, task: Task, reading: Reading) -> None:
    """Note the faults that show only beside the task."""
    if isinstance(outcome, Binary):
        if task.label_window is None:
            reading.fault("type", "binary without a label", "a window with label in the task")
        return
    for key, name in predicates_of(outcome).items():
        if name in task.conditions:
            reading.fault(key, "a condition on the subject, without a time", "an event in time")


def predicates_of(outcome: Outcome | None) -> dict[str, str]:
    """Return the predicates that an outcome uses, by the key that names each."""
    if not isinstance(outcome, TimeToEvent):
        return {}
    named = {"event": outcome.event, "censor": outcome.censor, "entry": outcome.entry}
    named |= {f"competing.{i}": name for i, name in enumerate(outcome.competing)}
    return {key: name for key, name in named.items() if name}


def is_death(name: str, predicates: Mapping[str, Predicate]) -> bool:
    """Whether a predicate speaks of death: by its own name, or by a code it asks for."""
    return covers_all_deaths(name, predicates) or any(
        word in text.lower() for text in _texts(name, predicates) for word in DEATH_WORDS
    )


def covers_all_deaths(name: str, predicates: Mapping[str, Predicate]) -> bool:
    """Whether every recorded death meets the predicate."""
    one = predicates[name]
    if isinstance(one, Plain):
        limited = one.value_min is not None or one.value_max is not None or bool(one.equal)
        return DEATH in one.codes and not limited
    inner = [covers_all_deaths(part, predicates) for part in one.inputs]
    return any(inner) if one.operator == "or" else all(inner)


def _texts(name: str, predicates: Mapping[str, Predicate]) -> Collection[str]:
    one = predicates[name]
    if isinstance(one, Plain):
        return (name, *one.codes, one.regex or "")
    return (name, *(text for part in one.inputs for text in _texts(part, predicates)))


@dataclass(frozen=True)
class DeathRule:
    """How deaths that no named cause covers are counted, decided from study and predicates.

    Parameters
    ----------
    cause
        Name of the cause they become; None when they are none.
    treatment
        `covered` when a named cause holds every death.
    told_apart
        Whether the study names causes of death, so that a death without one has an unknown cause.
    """

    cause: str | None
    treatment: Literal["covered", "competing", "censor", "exclude"]
    told_apart: bool


def death_rule(outcome: TimeToEvent, predicates: Mapping[str, Predicate]) -> DeathRule:
    """Decide what an unnamed death is: a competing event unless the study says otherwise."""
    named = outcome.named_causes
    if any(covers_all_deaths(name, predicates) for name in named):
        return DeathRule(None, "covered", False)
    if any(is_death(name, predicates) for name in named):
        kept = UNKNOWN_DEATH_CAUSE if outcome.unknown_cause == "competing" else None
        return DeathRule(kept, outcome.unknown_cause, True)
    kept = DEATH_CAUSE if outcome.death == "competing" else None
    return DeathRule(kept, outcome.death, False)


def outcome_sentences(outcome: Outcome, task: Task) -> list[str]:
    """Return the question first, then how its time is counted."""
    when = when_words(task)
    who = listed([words(name) for name in task.conditions]) or "all"
    subjects = "Among subjects" if who == "all" else f"Among subjects who are {who}"
    if isinstance(outcome, Binary):
        window = task.label_window
        what = words(window.label or "") if window else "the label"
        inside = f" in window {window.name}" if window else ""
        return [
            f"{subjects} with {words(task.trigger)}, predicted {when}: is there {what}{inside}?"
        ]
    rule = death_rule(outcome, task.predicates)
    rivals = [words(name) for name in outcome.competing] + (
        [words(rule.cause)] if rule.cause else []
    )
    by = listed([horizon_words(one) for one in outcome.horizons])
    counting = f", counting {listed(rivals)} as competing events" if len(rivals) > 1 else ""
    if len(rivals) == 1:
        counting = f", counting {rivals[0]} as a competing event"
    question = (
        f"{subjects} with {words(task.trigger)}, predicted {when}, what is the chance of "
        f"{words(outcome.event)}{f' within {by}' if by else ' over time'}{counting}?"
    )
    return [question, *_time_sentences(outcome, rule)]


def horizon_words(one: Horizon) -> str:
    """Return a horizon as words, such as `5 years`."""
    for days, unit in ((365.25, "year"), (1.0, "day")):
        n = one.days / days
        if n == int(n):
            return f"{int(n)} {unit}{'' if n == 1 else 's'}"
    return one.label


def _time_sentences(outcome: TimeToEvent, rule: DeathRule) -> list[str]:
    until = "the last event of the subject"
    if outcome.censor:
        until = f"{words(outcome.censor)}, or {until} if that is earlier or there is none"
    sentences = [f"Time runs from the prediction to the first of these, else to {until}."]
    if outcome.entry:
        sentences.append(
            f"Subjects are under observation from {words(outcome.entry)} on, if it comes after "
            "the prediction (left truncation)."
        )
    if outcome.prevalent == "exclude":
        sentences.append("Rows with one of these events before the prediction are left out.")
    return sentences + _death_sentences(rule)


def _death_sentences(rule: DeathRule) -> list[str]:
    if rule.treatment == "covered":
        return []
    which = "A death whose cause is not one of these" if rule.told_apart else "A death"
    meaning = {
        "competing": f"counts as the competing event {words(rule.cause or '')}",
        "censor": "ends observation as if the subject had left, because the study says so",
        "exclude": "leaves the row out, because the study says so",
    }[rule.treatment]
    return [f"{which} {meaning}."]
