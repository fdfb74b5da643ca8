"""Rules for several decisions: the optimum of known designs is found, and valued honestly."""

from __future__ import annotations

import numpy as np
import pytest

from osler.effect.dynamic import Decision, learn_sequence, when_to_start
from osler.errors import InputError, NotEstimable


def two_stages(seed, n=800):
    """Draw two decisions: the first helps where x1 > −0.25, the second where x2 > 0."""
    rng = np.random.default_rng(seed)
    x1 = rng.normal(size=n)
    a1 = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x1))).astype(int)
    x2 = 0.5 * x1 + 0.5 * a1 + rng.normal(size=n)
    a2 = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x2))).astype(int)
    y = x1 + a1 * x1 + a2 * np.where(x2 > 0, 1.0, -1.0) + rng.normal(size=n)
    return [Decision(x1[:, None], a1), Decision(np.column_stack([x1, a1, x2]), a2)], y


def value_of(first, second, rows=100_000):
    """Return the true mean outcome of two rules in that design."""
    rng = np.random.default_rng(1)
    x1 = rng.normal(size=rows)
    b1 = first(x1)
    x2 = 0.5 * x1 + 0.5 * b1 + rng.normal(size=rows)
    b2 = second(x1, b1, x2)
    return float((x1 + b1 * x1 + b2 * np.where(x2 > 0, 1.0, -1.0)).mean())


def true_value(policy):
    """Return what following a learned policy is truly worth."""
    first, second = policy.trees
    return value_of(
        lambda u: first.assign(u[:, None]),
        lambda u, b, v: second.assign(np.column_stack([u, b, v])),
    )


BEST = value_of(lambda u: (u > -0.2).astype(int), lambda u, b, v: (v > 0).astype(int))


def test_the_known_optimum_is_nearly_reached():
    """The learned rules ask what matters and lose little against the best ones."""
    decisions, y = two_stages(0, 1500)
    policy = learn_sequence(decisions, y, depth=1)
    assert "x2" in str(policy.trees[1])
    truth = true_value(policy)
    assert truth > BEST - 0.15
    assert policy.value.low <= truth <= policy.value.high
    assert policy.gain["what was done"].low > 0
    assert policy.best_fixed in policy.gain
    assert len(policy.gain) == 5
    assert policy.to_json()["rules"][0]


@pytest.mark.slow
def test_the_interval_covers_the_rules_value():
    """Over 60 data sets the interval holds what the learned rules are worth."""
    held = 0
    for seed in range(60):
        policy = learn_sequence(*two_stages(seed, 600), depth=1, seed=seed)
        held += policy.value.low <= true_value(policy) <= policy.value.high
    assert held / 60 >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 60)


def test_fixed_sequences_have_their_true_gain():
    """The gain over always treating is that of the design, within its interval."""
    decisions, y = two_stages(3, 1500)
    policy = learn_sequence(decisions, y, depth=1)
    ones = lambda *known: np.ones(len(known[0]), dtype=int)  # noqa: E731 (a rule in one line)
    always = value_of(ones, ones)
    estimate = policy.gain["1, then 1"]
    assert estimate.low <= true_value(policy) - always <= estimate.high


def test_lower_outcomes_mirror_higher_ones():
    """Wishing for lower outcomes of the negated outcome gives the same rules."""
    decisions, y = two_stages(4, 400)
    high = learn_sequence(decisions, y, depth=1)
    low = learn_sequence(decisions, -y, depth=1, better="lower")
    assert [str(t) for t in high.trees] == [str(t) for t in low.trees]
    assert low.value.value == pytest.approx(-high.value.value)


def test_when_to_start_treats_those_who_turn_ill():
    """Those who have started have no decision left; the rule starts where starting pays."""
    rng = np.random.default_rng(0)
    n = 1500
    ill = [rng.normal(size=n), rng.normal(size=n)]
    first, second = rng.random(n) < 0.4, rng.random(n) < 0.4
    start = np.where(first, 0, np.where(second, 1, 2))
    gain = np.where(start == 0, ill[0] * 1.0, np.where(start == 1, np.sign(ill[1]), 0.0))
    y = gain + rng.normal(size=n) * 0.5
    decisions = when_to_start([x[:, None] for x in ill], start)
    assert decisions[1].eligible.sum() == (start >= 1).sum()
    policy = learn_sequence(decisions, y, depth=1)
    late = policy.trees[1]
    assert dict(late.rules())[late.rules()[1][0]] == "start"
    assert policy.gain["wait, then wait"].low > 0
    assert learn_sequence(decisions, y, depth=1).value == policy.value


def test_randomised_and_designed_chances_are_used():
    """Chances by design give an answer close to learned ones in a trial."""
    rng = np.random.default_rng(5)
    n = 600
    x, a1, a2 = rng.normal(size=n), rng.integers(0, 2, n), rng.integers(0, 2, n)
    y = a1 * x + a2 * 0.5 + rng.normal(size=n)
    half = np.full((n, 2), 0.5)
    lot = [Decision(x[:, None], a, randomised=True) for a in (a1, a2)]
    known = [Decision(x[:, None], a, probability=half) for a in (a1, a2)]
    one, other = learn_sequence(lot, y, depth=1), learn_sequence(known, y, depth=1)
    assert one.value.value == pytest.approx(other.value.value, abs=0.1)


def test_what_cannot_be_is_refused():
    """One action at a decision is not estimable; faults of form are told at once."""
    decisions, y = two_stages(6, 200)
    with pytest.raises(NotEstimable):
        learn_sequence([decisions[0], Decision(np.zeros((200, 1)), np.ones(200))], y)
    with pytest.raises(InputError) as caught:
        learn_sequence([], [np.nan], depth=9, better="x", folds=0, level=0, learner="x")
    assert len(caught.value.faults) == 7
    with pytest.raises(InputError, match="decision"):
        learn_sequence([Decision(np.zeros((3, 1)), [0, 1, 0])], y)
    with pytest.raises(InputError, match="eligible"):
        learn_sequence([Decision(np.zeros((200, 1)), np.ones(200), eligible=[1] * 200)], y)
    with pytest.raises(InputError, match="start"):
        when_to_start([np.zeros((2, 1))], [[0]])
