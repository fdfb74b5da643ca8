"""Concordances beside counting all pairs one by one, and beside lifelines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.evaluate import concordance as module
from osler.evaluate.bootstrap import Resamples
from osler.evaluate.concordance import (
    Pairs,
    auc_pairs,
    binary_pairs,
    concordance,
    count_pairs,
    harrell_pairs,
    uno_pairs,
    weight_below,
)
from osler.evaluate.curves import Censoring, known_status_weights
from osler.evaluate.inputs import Outcome

ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 5), st.integers(0, 4)), min_size=2, max_size=24
)


def read(rows):
    """Return the outcome and the score of (event, time, score) rows."""
    event, time, score = np.array(rows).T
    return Outcome(event.astype(np.int64), time.astype(float)), score.astype(float)


def one_by_one(outcome, score, weigh, cause=1):
    """Return the concordance by looking at every pair; `weigh` gives the weight of a pair."""
    right = total = 0.0
    for i in range(len(outcome)):
        for j in range(len(outcome)):
            weight = weigh(i, j) if i != j and outcome.event[i] == cause else 0.0
            total += weight
            right += weight * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
    return right / total if total else np.nan


def comparable(outcome, i, j, cause=1):
    """Return how a pair is comparable: later, by another cause before, or not."""
    time, event = outcome.time, outcome.event
    if time[j] > time[i] or (time[j] == time[i] and event[j] == 0):
        return "later"
    return "other" if event[j] not in (0, cause) else ""


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_harrell_equals_counting_one_by_one(rows):
    """Ties in time and score and competing causes are counted as defined."""
    outcome, score = read(rows)
    found = count_pairs(score, harrell_pairs(outcome)).value
    expected = one_by_one(outcome, score, lambda i, j: float(bool(comparable(outcome, i, j))))
    assert found == pytest.approx(expected, nan_ok=True)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.integers(1, 6))
def test_uno_equals_counting_one_by_one(rows, until):
    """Weights are 1/G(Ti)² against later subjects and 1/G(Ti)G(Tj) against other causes."""
    outcome, score = read(rows)
    censoring = Censoring.of(outcome)
    g = censoring.before(outcome.time)

    def weigh(i, j):
        if outcome.time[i] > until or g[i] <= 0:
            return 0.0
        kind = comparable(outcome, i, j)
        if kind == "other":
            return 1 / (g[i] * g[j])
        return 1 / g[i] ** 2 if kind else 0.0

    found = count_pairs(score, uno_pairs(outcome, censoring, until)).value
    assert found == pytest.approx(one_by_one(outcome, score, weigh), nan_ok=True)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_resampling_equals_counting_the_resample(rows):
    """A draw with multiplicities is the concordance of the resampled subjects."""
    outcome, score = read(rows)
    pairs = harrell_pairs(outcome)
    resamples = Resamples.of(len(rows), 3, seed=1)
    found = concordance(score, pairs, resamples, "")
    if np.isnan(found.value):
        return
    for draw, weights in zip(found.draws, np.concatenate(list(resamples.weights())), strict=True):
        index = np.repeat(np.arange(len(rows)), weights.astype(int))
        expected = count_pairs(score[index], harrell_pairs(outcome.rows(index))).value
        assert draw == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_harrell_is_that_of_lifelines(world):
    """With one cause and no ties it is lifelines' concordance_index."""
    utils = pytest.importorskip("lifelines.utils")
    made = world(300, seed=1, others=False)
    outcome = Outcome(made.y["event"], made.y["time"])
    score = made.x + np.random.default_rng(0).normal(size=300)
    expected = utils.concordance_index(made.y["time"], -score, made.y["event"])
    assert count_pairs(score, harrell_pairs(outcome)).value == pytest.approx(expected)


def test_a_perfect_score_has_one_and_a_constant_a_half(world):
    """The ends of the scale are where they should be."""
    y = world(100, others=False).y
    pairs = harrell_pairs(Outcome(y["event"], y["time"]))
    assert count_pairs(-y["time"], pairs).value == 1.0
    assert count_pairs(np.zeros(100), pairs).value == 0.5


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 70), st.integers(0, 10_000))
def test_weight_below_equals_its_definition(n, seed):
    """The suffix sums over blocks are the plain sums."""
    rng = np.random.default_rng(seed)
    score, weight = rng.integers(0, 6, n).astype(float), rng.random(n)
    order, start = rng.integers(0, 8, n).astype(float), rng.integers(-1, 10, n).astype(float)
    asked = rng.integers(-1, 7, n).astype(float)
    below, total = weight_below(score, weight, asked, order, start)
    among = order[None] >= start[:, None]
    half = (score[None] < asked[:, None]) + 0.5 * (score[None] == asked[:, None])
    assert below == pytest.approx((among * half * weight).sum(1))
    assert total == pytest.approx((among * weight).sum(1))


@pytest.mark.parametrize("kind", ["harrell", "uno", "auc", "binary"])
def test_linearised_resamples_agree_with_recounting(world, monkeypatch, kind):
    """Beyond the limit of recounting, the interval is the same to a tenth of its width."""
    made = world(1500, seed=2)
    outcome = Outcome(made.y["event"], made.y["time"])
    censoring = Censoring.of(outcome)
    pairs = {
        "harrell": lambda: harrell_pairs(outcome),
        "uno": lambda: uno_pairs(outcome, censoring, 10.0),
        "auc": lambda: auc_pairs(outcome, known_status_weights(outcome, censoring, 5.0), 5.0),
        "binary": lambda: binary_pairs((outcome.event == 1).astype(float)),
    }[kind]()
    resamples = Resamples.of(1500, 400, seed=5)
    exact = concordance(made.x, pairs, resamples, "")
    monkeypatch.setattr(module, "MOST_EXACT_ROWS", 10)
    linear = concordance(made.x, pairs, resamples, "")
    assert "linearised" in linear.meaning
    assert linear.value == exact.value
    assert np.corrcoef(linear.draws, exact.draws)[0, 1] > 0.99
    spread = exact.draws.std()
    assert (
        np.abs(
            np.quantile(linear.draws, [0.025, 0.975]) - np.quantile(exact.draws, [0.025, 0.975])
        ).max()
        < 0.4 * spread
    )


def test_without_a_comparable_pair_it_is_not_estimable():
    """No case or no control: NaN, and the meaning says what is missing."""
    nothing = [Pairs(np.zeros(3), np.ones(3))]
    found = concordance(np.arange(3.0), nothing, Resamples.of(3, 5, 0), "C").estimate(0.95)
    assert np.isnan(found.value)
    assert "more events are needed" in found.meaning
