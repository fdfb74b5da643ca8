"""Overlap: told when it is there, refused with a remedy when it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.effect.checks.balance import balance
from osler.effect.checks.decided import decided
from osler.effect.checks.overlap import common_support, overlap, support_limit, supported
from osler.effect.nuisance import estimate
from osler.effect.problem import Problem


def study(strength: float, n: int = 800, seed: int = 0) -> Problem:
    """Return treatment that leans on the first covariate."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    a = (rng.random(n) < 1 / (1 + np.exp(-strength * x[:, 0]))).astype(int)
    return Problem.of(x, a, x[:, 0] + a + rng.normal(size=n))


@pytest.mark.parametrize("learner", ["fast", "default"])
def test_good_overlap_is_sufficient(learner: str) -> None:
    """People who could have had either arm are enough."""
    problem = study(0.5)
    found = overlap(problem, estimate(problem, 0, learner).propensity)
    assert found.sufficient
    assert found.outside < 0.01
    assert found.remedy == ""
    assert 200 < found.effective_sample_size <= 800


@pytest.mark.parametrize("learner", ["fast", "default"])
@pytest.mark.parametrize("strength", [5.0, 100.0])
def test_no_overlap_is_told_with_a_remedy(strength: float, learner: str) -> None:
    """Where the covariates all but decide the arm, that is said with what would help."""
    problem = study(strength)
    found = overlap(problem, estimate(problem, 0, learner).propensity)
    assert not found.sufficient
    assert found.outside > 0.3
    assert "eligibility" in found.remedy
    assert found.remedy in str(found)


def test_effective_size_is_that_of_the_weights() -> None:
    """Equal weights keep all rows; one heavy row takes the rest's voice."""
    problem = study(0.0, 100)
    half = np.full((100, 2), 0.5)
    assert overlap(problem, half).effective == pytest.approx(
        {"0": float((problem.arm == 0).sum()), "1": float((problem.arm == 1).sum())}
    )
    first = int(np.flatnonzero(problem.arm == 1)[0])
    heavy = half.copy()
    heavy[first] = (1 - 1e-6, 1e-6)
    assert overlap(problem, heavy).effective["1"] < 1.1


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 10**7))
def test_the_limit_falls_with_the_rows(rows: int) -> None:
    """More rows can carry smaller chances, never more than a tenth."""
    assert 0 < support_limit(rows + 1) <= support_limit(rows) <= 0.1


def test_support_is_judged_row_by_row() -> None:
    """A row with a small chance of any arm is outside."""
    chance = np.array([[0.5, 0.5], [0.0001, 0.9999], [0.9999, 0.0001]] * 100)
    assert supported(chance).tolist() == [True, False, False] * 100


def test_a_value_that_decides_the_arm_is_found() -> None:
    """A word with which nobody is treated is found, and alone forbids an average of everyone."""
    rng = np.random.default_rng(1)
    site = np.where(rng.random(600) < 0.1, "closed", "open")
    a = np.where(site == "closed", 0, rng.integers(0, 2, 600))
    x = np.column_stack([site, rng.normal(size=600).astype(str)]).astype(object)
    x[:, 1] = rng.normal(size=600)
    problem = Problem.of(x, a, rng.normal(size=600))
    found = decided(problem)
    assert [(one.covariate, one.arm, one.end) for one in found] == [("x0", "1", False)]
    half = np.full((600, 2), 0.5)
    judged = overlap(problem, half)
    assert not judged.sufficient
    assert "x0" in judged.remedy
    assert "closed" not in judged.remedy
    assert not common_support(problem, half)[site == "closed"].any()


def test_a_threshold_that_decides_the_arm_is_found() -> None:
    """A number above which all are treated puts everyone outside common support."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 2))
    problem = Problem.of(x, (x[:, 1] > 0.3).astype(int), rng.normal(size=300))
    assert {one.covariate for one in decided(problem)} == {"x1"}
    assert overlap(problem, np.full((300, 2), 0.5)).outside == 1.0


def test_missing_values_that_decide_the_arm_are_found() -> None:
    """If all with an empty cell are in one arm, that is structural as well."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 2))
    x[:80, 0] = np.nan
    a = np.where(np.arange(400) < 80, 1, rng.integers(0, 2, 400))
    assert decided(Problem.of(x, a, rng.normal(size=400)))


def test_randomised_arms_are_not_searched_for_rules() -> None:
    """What lot has done is not called a rule."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 2))
    a = (x[:, 1] > 0.3).astype(int)
    assert decided(Problem.of(x, a, rng.normal(size=300), randomised=True)) == []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_chance_alone_decides_nothing(seed: int) -> None:
    """Arms drawn without regard to covariates show no value that decides them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 3))
    x[:, 2] = rng.integers(0, 6, 200)
    problem = Problem.of(x, rng.permutation(np.arange(200) % 4), rng.normal(size=200))
    assert decided(problem) == []


def test_balance_shows_the_lean_and_weighing_takes_it_out() -> None:
    """The covariate that drove treatment differs before, and hardly after."""
    problem = study(1.0, 3000)
    found = {one.covariate: one for one in balance(problem, estimate(problem, 0).propensity)}
    assert found["x0"].before > 0.5
    assert found["x0"].after < 0.1
    assert found["x0"].balanced
    assert found["x2"].before < 0.1


def test_balance_knows_words_truths_and_missing_cells() -> None:
    """Levels and empty cells are compared like numbers; a constant has no difference."""
    rng = np.random.default_rng(0)
    n = 400
    x = np.empty((n, 3), dtype=object)
    x[:, 0] = rng.choice(["red", "blue"], n)
    x[:, 1] = rng.normal(size=n)
    x[:40, 1] = None
    x[:, 2] = 3.0
    problem = Problem.of(x, np.arange(n) % 2, rng.normal(size=n))
    found = {one.covariate: one for one in balance(problem, np.full((n, 2), 0.5))}
    assert set(found) == {"x0 = blue", "x0 = red", "x1", "x1 missing", "x2"}
    assert np.isnan(found["x2"].before)
    assert found["x2"].to_json()["before"] is None
    assert found["x0 = red"].before == pytest.approx(found["x0 = blue"].before)


def test_balance_of_known_means() -> None:
    """Two arms one standard deviation apart are told to be."""
    x = np.concatenate([[-1.0, 1.0] * 50, [0.0, 2.0] * 50])[:, None]
    a = np.repeat([0, 1], 100)
    problem = Problem.of(x, a, np.arange(200.0), randomised=True)
    assert balance(problem, np.full((200, 2), 0.5))[0].before == pytest.approx(1.0)
