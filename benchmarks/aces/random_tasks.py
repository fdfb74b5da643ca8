"""Random timelines and random tasks over the whole grammar, the same for the same seed.

What es-aces is known to answer differently is left out (docs/methods/cohort.md): values that are
not a number, times a microsecond apart, limits on windows without length.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import polars as pl

ZERO = datetime(2020, 1, 1)
SCHEMA = {
    "subject_id": pl.Int64,
    "time": pl.Datetime("us"),
    "code": pl.String,
    "numeric_value": pl.Float32,
    "text_value": pl.String,
    "ward": pl.String,
}
CODES = [
    *("ADMISSION//ER", "ADMISSION//ELECTIVE", "DISCHARGE", "DISCHARGE", "MEDS_DEATH"),
    *("LAB//potassium//mmol/L", "LAB//potassium//mmol/L", "LAB//smear", "DX//a", "DX//b", "NO"),
]
HOURS = [0, 0, 6, 12, 24, 24, 30, 48, 48, 72, 96, 120, 240, 480, 744, 960]
PREDICATES: dict[str, dict[str, Any]] = {
    "admission": {"code": {"regex": "^ADMISSION"}},
    "elective": {"code": "ADMISSION//ELECTIVE"},
    "discharge": {"code": "DISCHARGE"},
    "death": {"code": {"regex": "MEDS_DEATH.*"}},
    "any_dx": {"code": {"any": ["DX//a", "DX//b"]}},
    "high": {"code": "LAB//potassium//mmol/L", "value_min": 5.5, "value_min_inclusive": True},
    "above": {"code": "LAB//potassium//mmol/L", "value_min": 3.5},
    "low": {"code": {"regex": "^LAB"}, "value_max": 3.5, "value_max_inclusive": True},
    "normal": {"code": {"regex": "potassium"}, "value_min": 3.5, "value_max": 5.5},
    "smear": {"code": "LAB//smear", "text_value": "positive"},
    "on_icu": {"code": {"regex": "."}, "ward": "ICU"},
    "no_ward": {"code": "NO", "ward": "ER", "text_value": "positive"},
    "nothing": {"code": None, "value_max": 9.0},
    "gone": {"expr": "or(discharge, death)"},
    "sick": {"expr": "and(admission, any_dx)"},
    "nested": {"expr": "or(sick, high, smear)"},
    "deep": {"expr": "and(nested, on_icu)"},
    "never": {"expr": "and(low, nothing)"},
}
OFFSETS = ["24h", "1d", "12 hours", "2 days", "36h", "1 day 12h", "30d", "1:30:00", "90 minutes"]
LIMITS = ["(1, None)", "(None, 0)", "(1,2)", "(,1)", "(2,)", "(3, 3)"]


def timelines(rng: random.Random, subjects: int = 30) -> pl.DataFrame:
    """Return unsorted events with equal times, static events and missing values."""
    rows: list[tuple[Any, ...]] = []
    for subject in rng.sample(range(-30, 60), subjects):
        rows.append((subject, None, f"GENDER//{rng.choice('FFM')}", None, None, None))
        if rng.random() < 0.2:
            rows.append((subject, None, "DX//a", None, None, None))
        for _ in range(rng.randint(0, 16)):
            time = ZERO + timedelta(hours=rng.choice(HOURS))
            value = rng.choice([None, 3.5, 4.5, 5.5, 6.0])
            text, ward = rng.choice([None, "positive"]), rng.choice([None, "ICU", "ER"])
            rows.append((subject, time, rng.choice(CODES), value, text, ward))
    rng.shuffle(rows)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def task(rng: random.Random, predicates: dict[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return a task with up to four windows of any kind."""
    predicates = dict(PREDICATES if predicates is None else predicates)
    names = list(predicates)
    asked: dict[str, Any] = {"predicates": predicates}
    if rng.random() < 0.3:
        asked["patient_demographics"] = {"female": {"code": "GENDER//F"}}
        predicates["woman"] = {"expr": f"{rng.choice(['and', 'or'])}(female, {names[0]})"}
        names += ["woman"] * 3
    elif rng.random() < 0.1:
        predicates["female"] = {"code": "GENDER//F", "static": True}
        predicates["woman"] = {"expr": f"and({names[0]}, female)"}
        names += ["woman"] * 3
    asked["trigger"] = rng.choice([*names, "_ANY_EVENT", "_RECORD_START", "_RECORD_END"])
    if rng.random() < 0.05:
        return asked
    count = rng.randint(1, 4)
    index, label = rng.randrange(count), rng.randrange(count)
    windows: dict[str, dict[str, Any]] = {}
    for number in range(count):
        window = _window(rng, windows, names)
        if number == index:
            window["index_timestamp"] = rng.choice(["start", "end"])
        if number == label and rng.random() < 0.9:
            window["label"] = rng.choice(names)
        windows[f"w{number}"] = window
    return {**asked, "windows": windows}


def _window(rng: random.Random, windows: dict[str, Any], names: list[str]) -> dict[str, Any]:
    reference = rng.choice(["trigger", *(f"{w}.{e}" for w in windows for e in ("start", "end"))])
    moved = [
        reference,
        reference,
        f"{reference} {rng.choice('+-')} {rng.choice(OFFSETS)}",
        f"{reference} {rng.choice(['->', '<-'])} {rng.choice(names)}",
    ]
    forward = rng.random() < 0.6
    own, sign, arrow = ("start", "+", "->") if forward else ("end", "-", "<-")
    free = [
        None,
        f"{own} {sign} {rng.choice(OFFSETS)}",
        f"{own} {sign} {rng.choice(OFFSETS)}",
        f"{own} {arrow} {rng.choice([*names, '_ANY_EVENT'])}",
    ]
    ends = (rng.choice(moved), rng.choice(free))
    window: dict[str, Any] = dict(
        zip(("start", "end"), ends if forward else ends[::-1], strict=True)
    )
    window["start_inclusive"] = rng.random() < 0.5
    window["end_inclusive"] = rng.random() < 0.5
    if rng.random() < 0.5:
        chosen = rng.sample(names, rng.choice([1, 1, 2]))
        special = rng.choice(["_ANY_EVENT", "_RECORD_START", "_RECORD_END"])
        chosen += [special] if rng.random() < 0.3 else []
        window["has"] = {name: rng.choice(LIMITS) for name in chosen}
    return window
