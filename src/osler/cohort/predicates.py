"""Predicates of a task, from the mapping in its file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import UnionType
from typing import Any

import numpy as np
import polars as pl

from osler.cohort.reading import Reading, shown
from osler.cohort.task import Derived, Plain, Predicate, Scalar

PLAIN_KEYS = frozenset(
    {
        "code",
        "value_min",
        "value_max",
        "value_min_inclusive",
        "value_max_inclusive",
        "static",
        "other_cols",
    }
)
DERIVED_KEYS = frozenset({"expr", "static"})
EXPRESSION = re.compile(r"\s*(and|or)\((.*)\)\s*\Z", re.DOTALL)


# Beyond the greatest 32-bit value a limit is as good as none, and cannot be compared.
LARGEST = float(np.finfo(np.float32).max)
KINDS: dict[str, type | UnionType] = {"text_value": str, "numeric_value": float | int}


def read_predicates(
    defined: Mapping[str, Any],
    demographics: Mapping[str, Any],
    used: Collection[str],
    reading: Reading,
) -> dict[str, Predicate]:
    """Read the predicates in use, each after its inputs; definitions nobody uses are left."""
    ordered: dict[str, Predicate] = {}
    for name in demographics:
        ordered[name] = _plain(
            f"patient_demographics.{name}", demographics[name], reading, static=True
        )
    for name in [one for one in defined if one in used]:
        _add_predicate(name, defined, ordered, (), reading)
    return ordered


def _add_predicate(
    name: str,
    defined: Mapping[str, Any],
    ordered: dict[str, Predicate],
    path: tuple[str, ...],
    reading: Reading,
) -> None:
    if name in ordered:
        return
    key = f"predicates.{name}"
    if name in path:
        reading.fault(key, f"a cycle: {' -> '.join((*path, name))}", "no predicate within itself")
        return
    raw = defined[name]
    if not (isinstance(raw, Mapping) and "expr" in raw):
        ordered[name] = _plain(key, raw, reading, static=False)
        return
    derived = _derived(key, raw, reading)
    for one in derived.inputs:
        if one in defined:
            _add_predicate(one, defined, ordered, (*path, name), reading)
        elif one not in ordered:
            reading.fault(f"{key}.expr", f"the undefined predicate {one!r}", "a defined one")
    ordered[name] = derived


def _derived(key: str, raw: Mapping[str, Any], reading: Reading) -> Derived:
    reading.unknown_keys(key, raw, DERIVED_KEYS)
    static = reading.boolean(f"{key}.static", raw.get("static"), False)
    text = raw["expr"]
    match = EXPRESSION.match(text) if isinstance(text, str) else None
    inputs = tuple(part.strip() for part in match[2].split(",")) if match else ()
    if match is None or len(inputs) < 2 or not all(inputs):
        reading.fault(f"{key}.expr", shown(text), "and(a, b, ...) or or(a, b, ...)")
        return Derived("or", ())
    return Derived("and" if match[1] == "and" else "or", inputs, static)


def _plain(key: str, raw: object, reading: Reading, *, static: bool) -> Plain:
    if not isinstance(raw, Mapping):
        reading.fault(key, shown(raw), "a mapping with a code", "write {code: ...}")
        return Plain()
    if "expr" in raw:
        reading.fault(f"{key}.expr", "a derived predicate", "a code", "move it to predicates")
        return Plain()
    codes, regex = _code(f"{key}.code", raw, reading)
    least, most = (_number(f"{key}.{name}", raw.get(name), reading) for name in _LIMITS)
    with_least, with_most = (
        reading.boolean(f"{key}.{name}_inclusive", raw.get(f"{name}_inclusive"), False)
        for name in _LIMITS
    )
    static = reading.boolean(f"{key}.static", raw.get("static"), False) or static
    equal = _equal(key, raw, reading)
    return Plain(codes, regex, least, most, with_least, with_most, equal, static)


_LIMITS = ("value_min", "value_max")


def _code(
    key: str, given: Mapping[str, Any], reading: Reading
) -> tuple[tuple[str, ...], str | None]:
    raw = given.get("code")
    if isinstance(raw, str):
        return (raw,), None
    if raw is None and "code" in given:
        # As in es-aces, where comparing a code with null is never true; public tasks hold such.
        return (), None
    if isinstance(raw, Mapping) and set(raw) == {"any"}:
        listed = raw["any"]
        if isinstance(listed, list) and listed and all(isinstance(one, str) for one in listed):
            return tuple(listed), None
        reading.fault(f"{key}.any", shown(listed), "a list of codes, at least one")
        return (), None
    if isinstance(raw, Mapping) and set(raw) == {"regex"}:
        return (), _regex(f"{key}.regex", raw["regex"], reading)
    came = "absent" if raw is None else shown(raw)
    reading.fault(key, came, "a code as text, {any: [codes]} or {regex: pattern}")
    return (), None


def _regex(key: str, raw: object, reading: Reading) -> str | None:
    if not isinstance(raw, str) or not raw:
        reading.fault(key, shown(raw), "a pattern, not empty")
        return None
    try:
        pl.Series([""]).str.contains(raw)
    except pl.exceptions.PolarsError:
        reading.fault(key, shown(raw), "a pattern in the syntax of Rust's regex crate")
        return None
    return raw


def _number(key: str, raw: object, reading: Reading) -> float | None:
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw != raw:
        reading.fault(key, shown(raw), "a number")
        return None
    return max(-LARGEST, min(LARGEST, raw))


def _equal(key: str, raw: Mapping[str, Any], reading: Reading) -> tuple[tuple[str, Scalar], ...]:
    further = {name: value for name, value in raw.items() if name not in PLAIN_KEYS}
    further |= reading.mapping(f"{key}.other_cols", raw.get("other_cols"))
    for name, value in further.items():
        if name not in reading.columns:
            reading.fault(
                f"{key}.{name}",
                "a column that events do not have",
                "one of " + ", ".join(sorted({*PLAIN_KEYS, *reading.columns})),
            )
        elif not isinstance(value, KINDS.get(name, Scalar)):
            reading.fault(f"{key}.{name}", shown(value), "a single value of the column's type")
    return tuple(further.items())
