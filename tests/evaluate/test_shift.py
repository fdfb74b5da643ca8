"""How far new people are: none for the same people, and the right measurement for others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler import InputError, NotEstimable
from osler.evaluate import Reference, membership

NAMES = ("LAB//a|full|last", "LAB//b|full|last", "C|full|count")
ZERO = (False, False, True)


def people(n: int, seed: int = 0, *, shift: float = 0.0, known: float = 0.8) -> Any:
    """Return cells of n people: two measurements, of which the second is often missing, a count."""
    random = np.random.default_rng(seed)
    cells = np.column_stack(
        [random.normal(shift, 1, n), random.normal(0, 2, n), random.poisson(0.5, n)]
    ).astype(float)
    cells[random.random(n) > known, 1] = np.nan
    return cells


REFERENCE = Reference.of(people(2000), NAMES, ZERO)


def test_the_same_kind_of_people_are_in_the_domain() -> None:
    """Of new people from the same population about one in a hundred is left out."""
    placing = REFERENCE.place(people(4000, 1))
    assert 0 < (~placing.inside).mean() < 0.015


def test_a_wrong_unit_is_beyond_the_ends() -> None:
    """A measurement in another unit is out of the domain, by its own column."""
    cells = people(100, 2)
    cells[:, 0] = 88.4
    placing = REFERENCE.place(cells)
    assert not placing.inside.any()
    assert placing.outside[:, 0].all()
    assert not placing.outside[:, 2].any()


def test_who_is_not_measured_has_too_little_known() -> None:
    """People of whom nothing is known are not taken for average ones."""
    cells = people(50, 3)
    cells[:, :2] = np.nan
    assert REFERENCE.place(cells).sparse.all()


def test_the_shifted_measurement_is_named() -> None:
    """One standard deviation is one standard deviation, and the others are none."""
    found = REFERENCE.differences(people(4000, 4, shift=1.0, known=0.5))
    apart = {one.column: one.standardised for one in found}
    assert apart[NAMES[0]] == pytest.approx(1, abs=0.08)
    assert abs(apart[NAMES[1]]) < 0.1
    gap = next(one for one in found if one.column == NAMES[1]).known_difference
    assert gap.low < -0.3 < gap.high


def test_membership_is_a_half_for_the_same_people_and_more_for_others() -> None:
    """The c-statistic of one shifted normal measurement is the normal one."""
    same = REFERENCE.membership(people(2000, 5), bootstrap=100)
    other = REFERENCE.membership(people(2000, 6, shift=1.0), bootstrap=100)
    assert abs(same.value - 0.5) < 0.03
    assert other.value == pytest.approx(0.76, abs=0.03)  # Φ(1 / √2), the count and noise aside


def test_membership_by_rows_agrees() -> None:
    """Judged on the rows of both, cross-fitted, the same shift gives the same c-statistic."""
    there, here = (people(1500, seed, shift=shift)[:, [0]] for seed, shift in ((7, 0), (8, 1)))
    found = membership(there, here, bootstrap=50)
    assert found.low < 0.76 < found.high
    assert membership(there, there, bootstrap=50).value < 0.55


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-5, 5))
def test_units_do_not_matter(seed: int, scale: float, move: float) -> None:
    """The distance is the same in any unit of a measurement."""
    there, here = people(200, seed), people(50, seed + 1)
    one = Reference.of(there, NAMES, ZERO)
    factors, moves = np.array([scale, 1, 1]), np.array([move, 0, 0])
    other = Reference.of(there * factors + moves, NAMES, ZERO)
    near = one.place(here).distance
    assert np.allclose(near, other.place(here * factors + moves).distance, rtol=1e-6, atol=1e-8)


def test_a_constant_and_an_empty_column_are_harmless() -> None:
    """A column that never varies or is never known adds nothing and breaks nothing."""
    cells = np.column_stack([people(100), np.ones(100), np.full(100, np.nan)])
    found = Reference.of(cells, [*NAMES, "K|full|last", "E|full|last"], [*ZERO, False, False])
    placing = found.place(cells)
    assert np.isfinite(placing.distance).all()
    assert placing.inside.mean() > 0.95
    assert np.isnan(found.differences(cells)[4].standardised)


def test_too_few_rows_and_a_wrong_shape_are_told() -> None:
    """Nineteen rows describe nobody; cells of other columns are refused."""
    with pytest.raises(NotEstimable, match="20"):
        Reference.of(people(19), NAMES, ZERO)
    with pytest.raises(NotEstimable, match="20"):
        REFERENCE.membership(people(5))
    with pytest.raises(InputError, match="shape"):
        REFERENCE.place(people(30)[:, :2])
