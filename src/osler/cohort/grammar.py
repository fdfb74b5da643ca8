"""From the mapping in a task file to a task, or to every fault in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from osler.cohort.predicates import read_predicates
from osler.cohort.reading import NAME, Reading, choices, shown
from osler.cohort.task import SPECIAL, Predicate, Task, Window
from osler.cohort.windows import in_order, read_windows, references

TASK_KEYS = frozenset(
    {"metadata", "description", "predicates", "patient_demographics", "trigger", "windows"}
)


def read_task(raw: object, reading: Reading, also: Iterable[str] = ()) -> Task | None:
    """Read a task; None when there are faults, all of them noted in `reading`.

    Parameters
    ----------
    raw
        What the YAML file held.
    also
        Predicates that are used outside the task, such as the events of an outcome.
    """
    if not isinstance(raw, Mapping):
        reading.fault("", shown(raw), "a mapping with predicates, trigger and windows")
        return None
    reading.unknown_keys("", raw, TASK_KEYS)
    defined = reading.mapping("predicates", raw.get("predicates"))
    demographics = reading.mapping("patient_demographics", raw.get("patient_demographics"))
    known = {*defined, *demographics}
    for name in {**defined, **demographics}:
        if not NAME.match(name) or name in SPECIAL:
            reading.fault(
                f"predicates.{name}", "this name", "letters, digits and _, and no reserved name"
            )
    windows = read_windows(raw.get("windows"), known, reading)
    trigger = _trigger(raw.get("trigger"), known, reading)
    used = {trigger, *also, *(name for one in windows for name in references(one))}
    predicates = read_predicates(defined, demographics, used, reading)
    _forbid_conditions_in_time(predicates, windows, trigger, reading)
    ordered = in_order(windows, reading)
    if reading.faults:
        return None
    text = raw.get("description")
    return Task(predicates, trigger, ordered, text if isinstance(text, str) else "")


def _trigger(value: object, known: Collection[str], reading: Reading) -> str:
    if not isinstance(value, str):
        came = "absent" if value is None else shown(value)
        reading.fault("trigger", came, "the name of a predicate")
        return ""
    if value not in known and value not in SPECIAL:
        reading.fault("trigger", f"the undefined predicate {value!r}", choices(known))
    return value


def _forbid_conditions_in_time(
    predicates: Mapping[str, Predicate],
    windows: Iterable[Window],
    trigger: str,
    reading: Reading,
) -> None:
    conditions = {name for name, one in predicates.items() if one.static}
    remedy = "derive a predicate from it with and(...)"
    if trigger in conditions:
        reading.fault("trigger", "a condition on the subject, without a time", "an event", remedy)
    for window in windows:
        for name in sorted(conditions.intersection(references(window))):
            came = f"the condition on the subject {name!r}, which has no time"
            reading.fault(f"windows.{window.name}", came, "an event", remedy)
