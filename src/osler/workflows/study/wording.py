"""From columns of a matrix to things a person has heard of.

Answers to one code, such as `SMOKING//=Never` and `SMOKING//=Former`, are the levels of what was
asked, unless numbers were measured too. Codes below one parent of which a subject has at most one,
such as `GRADE//1`, `GRADE//2` and `GRADE//3`, are the levels of one variable; every other code is a
variable of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from osler.features import ANSWER_MARK, RARE

PRESENCE = ("count", "any")
# The last answer is the level that holds; where it was not asked for, that there was one.
TELLS_A_LEVEL = ("last", *PRESENCE)
WITHOUT_VALUE = (*PRESENCE, "time_since_last")
RARE_LEVEL = "another"
MOST_LEVELS = 40
AGE = "AGE"


@dataclass(frozen=True)
class Variable:
    """One thing known of a patient, and the columns that tell it.

    Parameters
    ----------
    name
        In words, such as `ER status`.
    code
        The code, or the parent of the levels' codes.
    columns
        Positions in the matrix.
    levels
        Position to level, for the columns that are levels.
    unit
        Of the numeric value; empty when it has none.
    """

    name: str
    code: str
    columns: tuple[int, ...]
    levels: dict[int, str]
    unit: str = ""


def in_words(code: str) -> str:
    """Return a code's parts as words.

    Examples
    --------
    >>> in_words("ER_STATUS")
    'ER status'
    >>> in_words("LAB//creatinine//mg/dL")
    'LAB creatinine'
    """
    if code == AGE:
        return "Age"
    asked, mark, answer = code.partition(ANSWER_MARK)
    if mark:
        return f"{in_words(asked)}: {RARE_LEVEL if answer == RARE else answer}"
    if code.endswith(f"//{RARE}"):
        return f"{in_words(code.removesuffix(f'//{RARE}'))}, rare or new"
    parts = code.split("//")
    words = " ".join(parts[:2]).replace("_", " ").split()
    kept = [word if word.isupper() and len(word) <= 4 else word.lower() for word in words]
    text = " ".join(kept)
    return text[:1].upper() + text[1:]


def variables(
    columns: Sequence[tuple[str, str]], values: sparse.csr_matrix, descriptions: dict[str, str]
) -> list[Variable]:
    """Group a matrix's columns into variables.

    Parameters
    ----------
    columns
        Code and aggregation of each column.
    values
        shape (n, p), the matrix.
    descriptions
        Code to description, for the codes that have one.
    """
    of_code: dict[str, list[int]] = defaultdict(list)
    for position, (code, _) in enumerate(columns):
        of_code[code].append(position)
    asked = _asked(of_code, columns, values)
    plain = {code: places for code, places in of_code.items() if ANSWER_MARK not in code}
    categorical = _categorical_parents(plain, columns, values)
    grouped: dict[str, list[int]] = defaultdict(list)
    for code, positions in of_code.items():
        question = code.partition(ANSWER_MARK)[0]
        parent = code.rpartition("//")[0]
        levelled = parent in categorical and code in plain and question not in asked
        grouped[question if question in asked else parent if levelled else code] += positions
    return [
        _variable(code, positions, columns, code in categorical, descriptions, asked.get(code))
        for code, positions in grouped.items()
    ]


def _variable(
    code: str,
    positions: list[int],
    columns: Sequence[tuple[str, str]],
    categorical: bool,
    descriptions: dict[str, str],
    answers: dict[int, str] | None,
) -> Variable:
    levels = dict(answers or {})
    if categorical and answers is None:
        for position in positions:
            full = columns[position][0]
            levels[position] = descriptions.get(full) or full.rpartition("//")[2].replace("_", " ")
    parts = code.split("//")
    unit = parts[2] if len(parts) > 2 and not categorical else ""
    unit = "years" if code == AGE else unit
    name = descriptions.get(code) or in_words(code)
    return Variable(name, code, tuple(positions), levels, unit)


def _asked(
    of_code: dict[str, list[int]], columns: Sequence[tuple[str, str]], values: sparse.csr_matrix
) -> dict[str, dict[int, str]]:
    """Return the codes whose answers are levels, and the columns that tell each level.

    They are where the code has no numbers, and either the last answer is a column or no subject
    has two.
    """
    answers: dict[str, list[str]] = defaultdict(list)
    for code in of_code:
        question, mark, _ = code.partition(ANSWER_MARK)
        if mark:
            answers[question].append(code)
    present = values.astype(bool).tocsc()
    found = {}
    for question, codes in answers.items():
        own = of_code.get(question, [])
        positions = [place for code in codes for place in of_code[code]]
        told = [place for place in positions if columns[place][1] == "last"]
        first = [place for code in codes if (place := _first(of_code[code], columns)) is not None]
        if not told and len(first) == len(codes):
            held = np.asarray(present[:, first].sum(axis=1)).ravel()
            told = first if held.size and held.max() <= 1 else []
        if told and all(columns[place][1] in WITHOUT_VALUE for place in own):
            found[question] = {place: _answer(columns[place][0]) for place in told}
    return found


def _answer(code: str) -> str:
    answer = code.partition(ANSWER_MARK)[2]
    return RARE_LEVEL if answer == RARE else answer


def _categorical_parents(
    of_code: dict[str, list[int]], columns: Sequence[tuple[str, str]], values: sparse.csr_matrix
) -> set[str]:
    """Return the parents whose child codes exclude each other and carry no numbers."""
    children: dict[str, list[str]] = defaultdict(list)
    for code in of_code:
        parent = code.rpartition("//")[0]
        if parent:
            children[parent].append(code)
    present = values.astype(bool).tocsc()
    chosen = set()
    for parent, codes in children.items():
        positions = [_first(of_code[code], columns) for code in codes]
        only_presence = (
            all(columns[position][1] in PRESENCE for code in codes for position in of_code[code])
            and None not in positions
        )
        if not only_presence or len(codes) > MOST_LEVELS:
            continue
        held = np.asarray(present[:, [p for p in positions if p is not None]].sum(axis=1)).ravel()
        if held.size and held.max() <= 1 and len(codes) > 1:
            chosen.add(parent)
    return chosen


def _first(positions: Iterable[int], columns: Sequence[tuple[str, str]]) -> int | None:
    return next((position for position in positions if columns[position][1] in PRESENCE), None)
