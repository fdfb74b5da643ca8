"""Averages, groups and populations: right where truth is known, and honest in their width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.effect.average import (
    average,
    by_group,
    mean_and_error,
    overlap_average,
    trimmed_average,
)
from osler.effect.nuisance import Nuisance, estimate, folds_of
from osler.effect.problem import Problem
from osler.effect.regression import strongest
from osler.effect.scores import doubly_robust
from osler.errors import InputError, NotEstimable


def study(seed: int, n: int = 600, strength: float = 1.0) -> tuple[Problem, np.ndarray]:
    """Confounded treatment with a known effect of each row."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    a = (rng.random(n) < 1 / (1 + np.exp(-strength * x[:, 0]))).astype(int)
    effect = 1.0 + 0.5 * x[:, 1]
    return Problem.of(x, a, x[:, 0] + effect * a + rng.normal(size=n)), effect


def oracle(problem: Problem, seed: int, propensity: bool, outcome: bool) -> Nuisance:
    """Return nuisances of which either may be wrong."""
    x = problem.frame.to_numpy()
    right = 1 / (1 + np.exp(-x[:, 0]))
    chance = np.column_stack([1 - right, right]) if propensity else np.full((len(x), 2), 0.5)
    expected = np.column_stack([x[:, 0], x[:, 0] + 1 + 0.5 * x[:, 1]])
    if not outcome:
        expected = np.zeros_like(expected)
    return Nuisance(chance, expected, folds_of(problem, seed), problem.number)


def test_confounding_is_taken_out() -> None:
    """The naive difference is far off and the doubly robust average is not."""
    problem, _ = study(2, 2000)
    naive = problem.number[problem.arm == 1].mean() - problem.number[problem.arm == 0].mean()
    found = average(doubly_robust(problem, estimate(problem, 0, "fast")), problem, 1)
    assert naive > 1.5
    assert found.low < 1.0 < found.high
    assert found.n == 2000
    assert "minus" in found.meaning


@pytest.mark.parametrize(("propensity", "outcome"), [(True, False), (False, True), (True, True)])
def test_one_right_nuisance_is_enough(propensity: bool, outcome: bool) -> None:
    """Scores are right on average if either the chances or the expected outcomes are."""
    gaps = []
    for seed in range(30):
        problem, _ = study(seed)
        scores = doubly_robust(problem, oracle(problem, seed, propensity, outcome))
        gaps.append(average(scores, problem, 1).value - 1.0)
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / np.sqrt(len(gaps))


def test_both_wrong_is_not_enough() -> None:
    """With both nuisances wrong the confounding shows, so the test above can fail."""
    problem, _ = study(3, 3000)
    scores = doubly_robust(problem, oracle(problem, 0, False, False))
    assert average(scores, problem, 1).value > 1.4


def test_intervals_cover() -> None:
    """About 95 of 100 intervals hold the truth, of everyone and of a group."""
    hits = np.zeros(2)
    seeds = 120
    for seed in range(seeds):
        problem, _ = study(seed, 400)
        nuisance = estimate(problem, seed, "fast")
        scores = doubly_robust(problem, nuisance)
        inside = problem.frame["x2"].to_numpy() > 0
        group = by_group(scores, inside, problem, 1, nuisance=nuisance)["True"]
        for at, found in enumerate((average(scores, problem, 1, nuisance=nuisance), group)):
            hits[at] += found.low <= 1.0 <= found.high
    # Fewer than 106 of 120 happens once in a thousand if the coverage is 0.95.
    assert (hits >= 106).all()


def test_rows_of_one_subject_count_as_one() -> None:
    """Doubling every row of a subject does not make an average surer."""
    problem, _ = study(4, 300)
    scores = doubly_robust(problem, oracle(problem, 0, True, True))
    value, error, subjects = mean_and_error(scores[:, 1] - scores[:, 0], problem.cluster)
    twice = np.repeat(np.arange(300), 2)
    again = mean_and_error((scores[:, 1] - scores[:, 0])[twice], problem.cluster[twice])
    assert again == pytest.approx((value, error, subjects))


def test_no_subject_straddles_folds() -> None:
    """All rows of a subject are held out together."""
    rng = np.random.default_rng(0)
    subject = rng.integers(0, 60, 300)
    problem = Problem.of(
        rng.normal(size=(300, 2)), subject % 2, rng.normal(size=300), cluster=subject
    )
    fold = folds_of(problem, 0)
    assert all(len(set(fold[subject == one].tolist())) == 1 for one in set(subject.tolist()))


def test_an_arm_of_one_subject_is_not_estimable() -> None:
    """Twenty rows of one person are not an arm that can be learned from without her."""
    rng = np.random.default_rng(0)
    subject = np.concatenate([np.zeros(20, int), np.arange(1, 81)])
    problem = Problem.of(
        rng.normal(size=(100, 2)), (subject == 0).astype(int), rng.normal(size=100),
        cluster=subject,
    )  # fmt: skip
    with pytest.raises(NotEstimable, match="few subjects"):
        estimate(problem, 0, "fast")


def test_populations_agree_where_the_effect_is_constant() -> None:
    """Everyone, overlap and common support have one answer if all gain the same."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1500, 3))
    a = (rng.random(1500) < 1 / (1 + np.exp(-2 * x[:, 0]))).astype(int)
    problem = Problem.of(x, a, x[:, 0] + 2.0 * a + rng.normal(size=1500))
    nuisance = estimate(problem, 0, "fast")
    scores = doubly_robust(problem, nuisance)
    overlap = overlap_average(scores, problem, nuisance, 1)
    trimmed = trimmed_average(scores, problem, nuisance.propensity.min(axis=1) > 0.1, 1)
    everyone = average(scores, problem, 1)
    for one in (overlap, trimmed, everyone):
        assert one.low < 2.0 < one.high
    assert overlap.high - overlap.low < everyone.high - everyone.low
    assert "overlap population" in overlap.meaning
    assert trimmed.n is not None
    assert trimmed.n < 1500


def test_overlap_weights_depend_on_what_is_learned() -> None:
    """In the overlap population the effect is the weighted one, and its interval covers it."""
    hits = 0
    truth = None
    for seed in range(60):
        problem, effect = study(seed, 500, 1.5)
        x = problem.frame.to_numpy()
        chance = 1 / (1 + np.exp(-1.5 * x[:, 0]))
        weight = chance * (1 - chance)
        truth = 1.0
        nuisance = estimate(problem, seed, "fast")
        found = overlap_average(doubly_robust(problem, nuisance), problem, nuisance, 1)
        hits += found.low <= truth <= found.high
        assert np.isfinite(weight @ effect)
    assert hits >= 51


def test_a_small_group_has_no_number() -> None:
    """Fewer than twenty rows give NaN, not a number."""
    problem, _ = study(6, 200)
    scores = doubly_robust(problem, oracle(problem, 0, True, True))
    groups = np.where(np.arange(200) < 10, "few", "many")
    found = by_group(scores, groups, problem, 1)
    assert np.isnan(found["few"].value)
    assert np.isfinite(found["many"].value)


def test_groups_of_another_length_are_refused() -> None:
    """One label per row is asked for."""
    problem, _ = study(6, 200)
    scores = doubly_robust(problem, oracle(problem, 0, True, True))
    with pytest.raises(InputError, match="groups"):
        by_group(scores, np.zeros(7), problem, 1)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 2.0])
def test_levels_outside_zero_and_one_are_refused(level: float) -> None:
    """A level is a share."""
    problem, _ = study(6, 200)
    scores = doubly_robust(problem, oracle(problem, 0, True, True))
    with pytest.raises(InputError, match="level"):
        average(scores, problem, 1, level=level)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 0.9), st.floats(0.91, 0.99))
def test_wider_levels_give_wider_intervals(seed: int, low: float, high: float) -> None:
    """A higher level never narrows an interval, and the value is inside."""
    problem, _ = study(seed % 7, 120)
    scores = doubly_robust(problem, oracle(problem, 0, True, True))
    narrow, wide = (average(scores, problem, 1, level=one) for one in (low, high))
    assert wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high


def test_several_arms_are_each_compared() -> None:
    """Three arms give the right differences against a reference in the middle."""
    rng = np.random.default_rng(8)
    n = 2400
    x = rng.normal(size=(n, 3))
    lean = np.exp(0.6 * np.column_stack([x[:, 0], np.zeros(n), -x[:, 0]]))
    lean /= lean.sum(axis=1, keepdims=True)
    a = (rng.random(n)[:, None] > np.cumsum(lean, axis=1)).sum(axis=1)
    y = 2 * x[:, 0] + np.array([0.0, 1.0, 3.0])[a] + rng.normal(size=n)
    problem = Problem.of(x, np.array(["a", "b", "c"])[a], y, reference="b")
    for learner in ("fast", "default"):
        nuisance = estimate(problem, 0, learner)
        assert nuisance.propensity.sum(axis=1) == pytest.approx(1.0)
        scores = doubly_robust(problem, nuisance)
        for arm, truth in ((0, -1.0), (2, 2.0)):
            found = average(scores, problem, arm)
            assert found.low - 0.05 < truth < found.high + 0.05


def test_many_columns_of_noise_do_not_hide_the_confounder() -> None:
    """With more columns than rows most of the confounding is still taken out."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 420))
    a = (rng.random(400) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    y = x[:, 0] + a + rng.normal(size=400)
    problem = Problem.of(x, a, y)
    nuisance = estimate(problem, 0)
    found = average(doubly_robust(problem, nuisance), problem, 1)
    naive = y[a == 1].mean() - y[a == 0].mean()
    assert naive > 1.6
    assert abs(found.value - 1.0) < 0.5 * (naive - 1.0)


def test_the_strongest_columns_are_kept() -> None:
    """Screening keeps what goes with a target, and everything where columns are few."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 30))
    targets = np.column_stack([x[:, 7], -x[:, 11]]) + 0.1 * rng.normal(size=(200, 2))
    assert strongest(x, targets, 2).tolist() == [7, 11]
    assert strongest(x, targets).tolist() == list(range(30))
