"""Columns of a matrix as things a person has heard of."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from osler.workflows.study.table_one import table_one
from osler.workflows.study.wording import Variable, variables

COLUMNS = [
    ("GRADE//1", "any"),
    ("GRADE//2", "any"),
    ("SNOMED//1", "any"),
    ("SNOMED//2", "any"),
    ("LAB//x//mg", "last"),
    ("AGE", "years"),
]
# Six people: one grade each; two of them have both conditions; a measured zero; ages.
VALUES = np.array(
    [
        [1, 0, 1, 1, 5.0, 40],
        [1, 0, 1, 1, 7.0, 50],
        [0, 1, 0, 0, 9.0, 60],
        [0, 1, 0, 0, 0.0, 70],
        [1, 0, 0, 0, 0.0, 80],
        [0, 0, 0, 0, 0.0, 30],
    ]
)


def known() -> dict[str, Variable]:
    """Return the variables of the columns by code."""
    found = variables(COLUMNS, sparse.csr_array(VALUES), {"LAB//x//mg": "Substance x"})
    return {one.code: one for one in found}


def test_codes_that_exclude_each_other_are_levels_of_one_variable() -> None:
    """A subject has one grade at most, so the grades are levels; conditions are not."""
    found = known()
    assert found["GRADE"].levels == {0: "1", 1: "2"}
    assert {"SNOMED//1", "SNOMED//2"} <= set(found)
    assert found["LAB//x//mg"].name == "Substance x"
    assert found["LAB//x//mg"].unit == "mg"
    assert (found["AGE"].name, found["AGE"].unit) == ("Age", "years")


def test_every_column_belongs_to_one_variable() -> None:
    """Effects summed over variables lose nothing and count nothing twice."""
    columns = sorted(column for one in known().values() for column in one.columns)
    assert columns == list(range(len(COLUMNS)))


def test_table_one_hides_small_counts_and_tells_what_is_missing() -> None:
    """Counts under five are not told exactly; a level knows how many have none."""
    lines = table_one(list(known().values()), COLUMNS, sparse.csr_matrix(VALUES))
    grades = [line for line in lines if line["code"] == "GRADE"]
    assert [line["n"] for line in grades] == [None, None]
    assert all(line["value"] == "fewer than 5" for line in grades)
    assert grades[0]["missing"] == 1
    age = next(line for line in lines if line["code"] == "AGE")
    assert age["value"] == "55 (42.5 to 67.5) years"
