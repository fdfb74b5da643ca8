"""Off-policy evaluation: right on average, honest in width, silent without overlap."""

from __future__ import annotations

import numpy as np
import pytest

from osler.effect.off_policy import evaluate_rule
from osler.errors import InputError, NotEstimable


def log(seed, n=800):
    """Draw logged treatment by x0, whose effect is x1; the rule treats where x1 > 0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    chance = 1 / (1 + np.exp(-x[:, 0]))
    action = (rng.random(n) < chance).astype(int)
    y = x[:, 0] + action * x[:, 1] + rng.normal(size=n)
    return x, action, y, (x[:, 1] > 0).astype(int), np.column_stack([1 - chance, chance])


TRUTH = 1 / np.sqrt(2 * np.pi)


def coverage(seeds, n):
    """Return how often each estimator's interval holds the truth, and the mean estimates."""
    names = ("ips", "snips", "dr")
    held, values = dict.fromkeys(names, 0), {name: [] for name in names}
    for seed in range(seeds):
        x, action, y, rule, chance = log(seed, n)
        found = evaluate_rule(action, y, rule, behaviour=chance, X=x, seed=seed)
        for name in names:
            one = getattr(found, name)
            held[name] += one.low <= TRUTH <= one.high
            values[name].append(one.value)
    return {k: v / seeds for k, v in held.items()}, values


def test_estimators_are_right_on_average():
    """IPS, SNIPS and DR centre on the rule's value and cover it; DR is the narrowest."""
    held, values = coverage(30, 800)
    for name, found in values.items():
        assert held[name] >= 0.8
        assert np.mean(found) == pytest.approx(TRUTH, abs=4 * np.std(found) / np.sqrt(30) + 0.01)
    assert np.std(values["dr"]) < np.std(values["ips"])


@pytest.mark.slow
def test_coverage_over_many_seeds():
    """Over 300 logs the intervals cover about as often as they claim."""
    held, _ = coverage(300, 1500)
    assert all(share >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 300) for share in held.values())


def test_evaluating_what_was_done_gives_its_mean():
    """The logged behaviour as the rule has weights of one and the logged mean."""
    x, action, y, _, chance = log(1)
    found = evaluate_rule(action, y, chance, behaviour=chance, X=x)
    assert found.ips.value == pytest.approx(y.mean())
    assert found.snips.value == pytest.approx(y.mean())
    assert found.effective_sample_size == pytest.approx(len(y))
    assert found.gain.value == pytest.approx(0, abs=0.05)


def test_chances_can_be_learned_and_the_note_says_so():
    """Without logged chances they come from X, close to the truth, with a note."""
    x, action, y, rule, _ = log(2, 2000)
    found = evaluate_rule(action, y, rule, X=x)
    assert found.dr is not None
    assert found.dr.low < TRUTH < found.dr.high
    assert any("estimated" in note for note in found.notes)


def test_chance_of_the_taken_action_is_enough_for_ips():
    """With the chance of the action taken alone there is IPS and SNIPS but no DR."""
    x, action, y, rule, chance = log(3)
    taken = chance[np.arange(len(y)), action]
    found = evaluate_rule(action, y, rule, behaviour=taken, X=x)
    full = evaluate_rule(action, y, rule, behaviour=chance)
    assert found.dr is None
    assert found.ips.value == pytest.approx(full.ips.value)
    assert found.to_json()["dr"] is None


def test_wrong_chances_are_noticed():
    """Chances that do not fit the log leave weights off one, and a note says so."""
    _, action, y, rule, chance = log(4, 3000)
    wrong = np.clip(chance[np.arange(len(y)), action] / 2, 0.01, 1)
    found = evaluate_rule(action, y, rule, behaviour=wrong)
    assert any("do not fit" in note for note in found.notes)


def test_without_overlap_there_is_no_answer():
    """A rule that does what the log never does is not valued, however many rows there are."""
    x, action, y, _, chance = log(5)
    with pytest.raises(NotEstimable, match="never logged"):
        evaluate_rule(action, y, np.full(len(y), 7), behaviour=chance)
    certain = np.column_stack([np.ones(len(y)), np.zeros(len(y))])
    mixed, took = np.where(x[:, [2]] > 0, certain, chance), np.where(x[:, 2] > 0, 0, action)
    with pytest.raises(NotEstimable, match="overlap"):
        evaluate_rule(took, y, np.ones(len(y), int), behaviour=mixed)
    with pytest.raises(NotEstimable, match="too few"):
        evaluate_rule(action, y, 1 - action, behaviour=chance)
    by_x = (x[:, 0] > 0).astype(int)
    with pytest.raises(NotEstimable):
        evaluate_rule(by_x, y, 1 - by_x, X=x)


def test_labels_may_be_words_and_clusters_widen():
    """Words serve as actions; rows of one subject do not count twice."""
    _, action, y, rule, chance = log(6)
    words, said = np.array(["none", "drug"])[1 - action], np.array(["none", "drug"])[1 - rule]
    found = evaluate_rule(words, y, said, behaviour=chance)
    same = evaluate_rule(words == "none", y, said == "none", behaviour=chance)
    assert found.ips.value == pytest.approx(same.ips.value)
    twice = evaluate_rule(
        np.tile(action, 2), np.tile(y, 2), np.tile(rule, 2), behaviour=np.tile(chance, (2, 1)),
        cluster=np.tile(np.arange(len(y)), 2),
    )  # fmt: skip
    once = evaluate_rule(action, y, rule, behaviour=chance)
    assert twice.ips.high - twice.ips.low == pytest.approx(once.ips.high - once.ips.low, rel=1e-6)


def test_faults_are_told_at_once():
    """Unusable logs are refused with every fault of form named."""
    with pytest.raises(InputError) as caught:
        evaluate_rule([0, 1], [np.nan, 1.0], [0, 1], level=0, cluster=[1])
    assert len(caught.value.faults) == 4
    for behaviour in ([[0.5, 0.6]] * 2, [[1.0, 0.0]] * 2, [0.0, 0.5], [2.0, 0.5], [[0.5]] * 2):
        with pytest.raises(InputError):
            evaluate_rule([0, 1], [0.0, 1.0], [0, 1], behaviour=behaviour)
    with pytest.raises(InputError, match="rule"):
        evaluate_rule([0, 1], [0.0, 1.0], [0, 1, 1], behaviour=[0.5, 0.5])
