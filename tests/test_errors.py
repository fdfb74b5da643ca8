"""The ways osler says no."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import osler
from osler.errors import MOST_FAULTS_SHOWN, Fault, InputError


def test_a_fault_says_where_what_expected_and_the_remedy() -> None:
    """The four parts stand in one line, the remedy only when there is one."""
    assert str(Fault("a.csv, line 3", "two commas", "one", "quote the field")) == (
        "a.csv, line 3: two commas; expected one; quote the field"
    )
    assert str(Fault("a.csv", "empty", "rows")) == "a.csv: empty; expected rows"


@given(st.lists(st.text(), max_size=30))
def test_any_number_of_faults_are_at_most_eight_lines(texts: list[str]) -> None:
    """Each line is one fault; past eight, the last line counts the rest; no line holds a break."""
    error = InputError(texts)
    lines = error.lines()
    assert len(lines) == min(len(texts), MOST_FAULTS_SHOWN)
    assert len(error.faults) == len(texts)
    assert all(len(line.splitlines()) <= 1 for line in lines)
    if len(texts) > MOST_FAULTS_SHOWN:
        assert str(len(texts) - MOST_FAULTS_SHOWN + 1) in lines[-1]


def test_one_sentence_is_one_fault() -> None:
    """A text is not taken for a list of letters."""
    assert InputError("no file there").lines() == ["no file there"]


@pytest.mark.parametrize(
    ("error", "also"),
    [(osler.InputError, ValueError), (osler.MissingExtra, ImportError)],
)
def test_errors_are_also_what_python_calls_them(error: type, also: type) -> None:
    """Callers who know only Python's own errors catch osler's too."""
    assert issubclass(error, also)
    assert issubclass(error, osler.OslerError)


@pytest.mark.parametrize(
    "error", [osler.NotEstimable, osler.Refused, osler.Damaged, osler.KeyUnavailable]
)
def test_other_errors_are_not_the_users_input(error: type) -> None:
    """A question without an answer, a refusal and damage are told apart from bad input."""
    assert issubclass(error, osler.OslerError)
    assert not issubclass(error, osler.InputError)
