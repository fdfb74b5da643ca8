"""Directions in which a prediction may follow a column, checked against the columns there are."""

from __future__ import annotations

from collections.abc import Mapping

from osler.errors import Fault, InputError
from osler.learn.table import WORD, Schema

DIRECTIONS = (1, -1)


def check_monotone(monotone: Mapping[str, int] | None, schema: Schema) -> dict[str, int]:
    """Return the direction of every column that has one.

    Parameters
    ----------
    monotone
        Column name → 1 (the prediction may only rise with it) or -1 (only fall). Columns of an
        array without names are called ``x0``, ``x1`` and so on.

    Raises
    ------
    InputError
        If a name is no column, a direction neither 1 nor -1, or a column holds words, which have
        no order; all of them at once.
    """
    if monotone is None:
        return {}
    if not isinstance(monotone, Mapping):
        came = f"a {type(monotone).__name__}"
        raise InputError(Fault("monotone", came, 'a mapping such as {"age": 1}'))
    kinds = dict(zip(schema.names, schema.kinds, strict=True))
    faults = []
    for name, direction in monotone.items():
        where = f"monotone: {str(name)!r}"
        if name not in kinds:
            faults.append(Fault(where, "no such column", "the name of a column of X"))
        elif kinds[name] == WORD:
            faults.append(Fault(where, "a column of words", "numbers, which have an order"))
        if isinstance(direction, bool) or direction not in DIRECTIONS:
            faults.append(Fault(where, repr(direction), "1 (rises with it) or -1 (falls with it)"))
    if faults:
        raise InputError(faults)
    return {str(name): int(direction) for name, direction in monotone.items()}
