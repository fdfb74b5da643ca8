"""Names of subjects and the ids they are given."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from osler.vault.access import Pseudonyms
from osler.vault.store import FIRST_NAME_ID
from osler.vault.subjects import SubjectNames, empty_table

PSEUDONYMS = Pseudonyms(b"k" * 32)


def fresh(table: pl.DataFrame | None = None, next_id: int = FIRST_NAME_ID) -> SubjectNames:
    """Return names of an empty vault, or of one with a table."""
    return SubjectNames(empty_table() if table is None else table, next_id, PSEUDONYMS, ())


def test_integers_are_their_own_ids() -> None:
    """Integers in text, also negative ones, stay; null stays null."""
    got = fresh().of(pl.Series("who", ["7", "-3", None, "9223372036854775807"]))
    assert got.to_list() == [7, -3, None, 2**63 - 1]
    assert got.name == "who"
    assert fresh().of(pl.Series([5, None], dtype=pl.Int32)).to_list() == [5, None]


def test_what_only_looks_like_an_integer_is_a_name() -> None:
    """`007`, `+7`, `-0`, ` 7` and what is too large may be other people than 7."""
    names = ["007", "+7", "-0", " 7", "7.0", "9223372036854775808", "-9223372036854775808", ""]
    got = fresh().of(pl.Series(names)).to_list()
    assert got == list(range(FIRST_NAME_ID, FIRST_NAME_ID + len(names)))


def test_names_are_numbered_as_they_come() -> None:
    """Ids follow the order of first appearance, and a name keeps its id."""
    names = fresh()
    first, second = FIRST_NAME_ID, FIRST_NAME_ID + 1
    assert names.of(pl.Series(["b", "a", "b"])).to_list() == [first, second, first]
    assert names.of(pl.Series(["c", "a"])).to_list() == [FIRST_NAME_ID + 2, second]


def test_an_id_that_is_taken_is_not_given() -> None:
    """A name never gets an id that an integer name or an event has already."""
    names = fresh()
    assert names.of(pl.Series([str(FIRST_NAME_ID), "x"])).to_list() == [
        FIRST_NAME_ID,
        FIRST_NAME_ID + 1,
    ]
    names.take(pl.Series([FIRST_NAME_ID + 2]))
    assert names.of(pl.Series(["y"])).item() == FIRST_NAME_ID + 3


def test_an_integer_that_was_given_to_a_name_is_somebody_else() -> None:
    """An integer in text that equals an id already given is treated as a name."""
    names = fresh()
    names.of(pl.Series(["x"]))
    assert names.of(pl.Series([str(FIRST_NAME_ID)])).item() == FIRST_NAME_ID + 1


@given(st.lists(st.none() | st.text() | st.integers().map(str), max_size=30))
def test_ids_are_stable_and_distinct(listed: list[str | None]) -> None:
    """The same name always has the same id, and two names never share one."""
    names = fresh()
    first = names.of(pl.Series("n", listed, dtype=pl.String)).to_list()
    assert names.of(pl.Series("n", listed, dtype=pl.String)).to_list() == first
    pairs = set(zip(listed, first, strict=True)) - {(None, None)}
    assert len({name for name, _ in pairs}) == len({given for _, given in pairs}) == len(pairs)


def test_names_are_kept_across_loads_encrypted(place) -> None:
    """A name has the same id in the next load, and no file shows it."""

    def rows(ids: pl.Series) -> pl.DataFrame:
        return pl.DataFrame({"subject_id": ids, "time": None, "code": "A"})

    vault = place.init()
    with vault.loading("table", "01") as session:
        ids = session.subjects.of(pl.Series(["patient-zero", "unused", "patient-one"]))
        session.append(rows(ids.gather([0, 2])))
    with place.open().loading("table", "02") as session:
        again = session.subjects.of(pl.Series(["patient-one", "new", "patient-zero"]))
        session.append(rows(again))
    assert again.to_list() == [ids[2], FIRST_NAME_ID + 3, ids[0]]
    assert not any(b"patient-" in path.read_bytes() for path in place.files())
    assert place.open().subject_ids().to_list() == sorted(again)
