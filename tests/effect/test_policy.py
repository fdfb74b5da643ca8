"""Policies: learned on some, valued on others, within limits, kept in a file."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from osler.effect.policy import Policy, learn
from osler.effect.policy_limits import Limit, capacity, search_within, switching
from osler.effect.policy_tree import policy_tree
from osler.errors import Damaged, InputError, NotEstimable
from osler.learn.clock import Clock


def trial(seed, n=600, harm=0.5):
    """Draw scores of a drug that helps by 1 where x0 > 0 and harms elsewhere."""
    rng = np.random.default_rng(seed)
    x = pl.DataFrame({"x0": rng.normal(size=n), "x1": rng.normal(size=n)})
    effect = np.where(x["x0"].to_numpy() > 0, 1.0, -harm)
    scores = np.column_stack([rng.normal(size=n), effect + rng.normal(size=n)])
    return scores, x


def test_a_clear_rule_is_learned_and_worth_what_it_is():
    """The rule asks what matters; its value and gains hold the truth in their intervals."""
    scores, x = trial(1, 2000)
    policy = learn(scores, x, ["none", "drug"], depth=1)
    assert policy.rules()[1][1] == "drug"
    assert policy.rules()[1][0].startswith("x0 >")
    assert policy.value.low <= 0.5 <= policy.value.high
    assert policy.gain["all none"].low <= 0.5 <= policy.gain["all none"].high
    assert policy.gain["all drug"].low <= 0.25 <= policy.gain["all drug"].high
    assert policy.against == "all drug"
    assert policy.share["drug"] == pytest.approx(0.5, abs=0.05)
    assert policy.agreement > 0.95
    assert policy.assign(x.head(3)) == ["drug" if v > 0 else "none" for v in x["x0"][:3]]


def test_noise_is_not_sold_as_gain():
    """Where nothing helps anyone, gains over the best single action are not above chance."""
    above = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        policy = learn(rng.normal(size=(150, 2)), rng.normal(size=(150, 2)), depth=1, seed=seed)
        above += policy.gain[policy.against].low > 0
    assert above <= 3


@pytest.mark.slow
def test_the_interval_of_the_value_covers():
    """Over 200 trials the held-out interval holds the value of the rules learned."""
    held = 0
    for seed in range(200):
        scores, x = trial(seed, 400)
        policy = learn(scores, x, depth=1, seed=seed)
        _, fresh = trial(seed + 10_000, 20_000)
        truth = np.where(fresh["x0"].to_numpy() > 0, 1.0, -0.5)[policy.tree.assign(fresh) == 1]
        held += policy.value.low <= truth.sum() / 20_000 <= policy.value.high
    assert held / 200 >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 200)


def test_lower_outcomes_and_costs_turn_signs_and_choices():
    """Lower-is-better mirrors higher; a cost above the benefit leaves everyone untreated."""
    scores, x = trial(2)
    high, low = learn(scores, x, depth=1), learn(-scores, x, depth=1, better="lower")
    assert low.value.value == pytest.approx(-high.value.value)
    assert low.gain["all 0"].value == pytest.approx(high.gain["all 0"].value)
    dear = learn(scores, x, depth=1, costs=[0.0, 5.0])
    assert dear.rules() == [("everyone", "0")]
    assert dear.losers == ()


def test_losers_are_named():
    """A rule that cannot ask what matters fails those whom it should spare."""
    rng = np.random.default_rng(0)
    n = 1500
    site = rng.choice(["a", "b"], n)
    frail = rng.random(n) < 0.2
    x = pl.DataFrame({"site": site, "frail": frail})
    effect = np.where(site == "a", -1.0, 1.0) - 3.0 * frail
    scores = np.column_stack([np.zeros(n), effect + 0.3 * rng.normal(size=n)])
    policy = learn(scores, x, ["none", "drug"], depth=1)
    assert policy.against == "all none"
    assert policy.losers[0].who == "frail"
    assert policy.losers[0].inside.high < 0
    assert all(one.inside.value < 0 for one in policy.losers)


def test_benefit_is_told_by_group_and_crossing():
    """Every group and every crossing of two has its gain; small ones have none."""
    scores, x = trial(4, 800)
    sex = np.where(np.arange(800) < 10, "other", np.where(np.arange(800) % 2 == 0, "f", "m"))
    groups = pl.DataFrame({"sex": sex, "old": x["x1"] > 0})
    policy = learn(scores, x, depth=1, groups=groups)
    assert set(policy.benefit) == {"sex", "old", "sex × old"}
    assert np.isnan(policy.benefit["sex"]["other"].value)
    assert policy.benefit["sex"]["f"].n == 395
    assert policy.benefit["sex × old"]["f, True"].value == pytest.approx(0.25, abs=0.3)


def test_current_practice_is_compared_where_given():
    """The gain over practice is the rule's value less the mean outcome there was."""
    scores, x = trial(5)
    outcome = np.full(600, 0.1)
    policy = learn(scores, x, depth=1, practice=outcome)
    assert policy.gain["current practice"].value == pytest.approx(policy.value.value - 0.1)
    assert not any("practice" in note for note in policy.notes)


def test_a_subject_is_never_on_both_sides():
    """Copies under one subject give the same held-out width as the rows once."""
    scores, x = trial(6, 300)
    once = learn(scores, x, depth=1)
    twice = learn(
        np.repeat(scores, 2, axis=0),
        pl.DataFrame({k: np.repeat(v.to_numpy(), 2) for k, v in x.to_dict().items()}),
        depth=1,
        cluster=np.repeat(np.arange(300), 2),
    )
    width = [p.value.high - p.value.low for p in (once, twice)]
    assert width[1] == pytest.approx(width[0], rel=0.1)


def forced(scores, weight, most, x):
    """Return the best sum of any tree of depth 2 within a limit, for two actions, by force."""

    def stumps(rows):
        found = [(scores[rows, a].sum(), weight[rows, a].sum()) for a in (0, 1)]
        for column in range(x.shape[1]):
            for threshold in np.unique(x[rows, column])[:-1]:
                low = rows & (x[:, column] <= threshold)
                high = rows & ~low
                for a, b in ((0, 1), (1, 0)):
                    gain = scores[low, a].sum() + scores[high, b].sum()
                    found.append((gain, weight[low, a].sum() + weight[high, b].sum()))
        return np.array(found)

    best = -np.inf
    for column in range(x.shape[1]):
        for threshold in np.unique(x[:, column]):
            low = x[:, column] <= threshold
            one, other = stumps(low), stumps(~low)
            gain = one[:, None, 0] + other[None, :, 0]
            used = one[:, None, 1] + other[None, :, 1]
            best = max(best, gain[used <= most + 1e-9].max(initial=-np.inf))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_limits_are_kept_and_the_gap_holds_the_best(seed):
    """The rule keeps its capacity, and the best rule that does lies between value and bound."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 2))
    scores = np.column_stack([np.zeros(40), rng.normal(size=40) + 0.5 * (x[:, 0] > 0)])
    limit = capacity(0.2, [1], 40, 2)
    found = search_within(scores, x, 2, [limit], Clock(None))
    best = forced(scores, limit.weight, 8, x)
    assert found.value - 1e-9 <= best <= found.bound + 1e-9
    assert found.value >= 0.75 * best
    if found.exact:
        assert found.value == pytest.approx(best)


def test_harm_and_capacity_together():
    """A policy under two limits keeps both on the data it was learned from, and prices them."""
    scores, x = trial(7, 200)
    harm = np.column_stack([np.zeros(200), (x["x1"].to_numpy() > 0).astype(float)])
    limits = [capacity(0.3, [1], 200, 2), Limit("harm", harm, 0.1)]
    policy = learn(scores, x, ["none", "drug"], limits=limits, depth=1, folds=2)
    treated = np.array(policy.assign(x)) == "drug"
    assert treated.mean() <= 0.3 + 1e-9
    assert (harm[:, 1] * treated).mean() <= 0.1 + 1e-9
    assert set(policy.prices) == {"share treated", "harm"}
    assert policy.against == "all none"
    assert policy.gap >= 0


def test_limits_that_nothing_keeps_are_not_estimable():
    """If no rule keeps a limit there is none."""
    scores, x = trial(8, 200)
    with pytest.raises(NotEstimable):
        learn(scores, x, limits=[Limit("impossible", np.ones((200, 2)), 0.5)])


def test_a_price_on_change_keeps_people_where_they_are():
    """With a high price on switching the rule that all keep their treatment cannot be beaten."""
    cost = switching([0, 1, 1], 2, 0.5)
    assert cost.tolist() == [[0.0, 0.5], [0.5, 0.0], [0.5, 0.0]]
    scores, x = trial(9, 300)
    policy = learn(scores, x, depth=1, costs=switching(np.zeros(300, int), 2, 10.0))
    assert policy.rules() == [("everyone", "0")]
    for wrong in (lambda: switching([0, 5], 2, 1.0), lambda: switching([0, 1], 2, -1.0)):
        with pytest.raises(InputError):
            wrong()


def test_a_policy_survives_its_file_and_notices_change(tmp_path):
    """Saved and loaded it is the same; an edited, cut or foreign file is refused."""
    scores, x = trial(10, 300)
    groups = pl.DataFrame({"g": np.arange(300) % 2})
    policy = learn(scores, x, ["none", "drug"], groups=groups)
    path = policy.save(tmp_path / "folder" / "policy.json")
    assert Policy.load(path) == policy
    text = path.read_text("utf-8")
    document = json.loads(text)
    document["policy"]["value"]["value"] = 99.0
    for content in (json.dumps(document), text[:-40], "[]", '{"kind": "other"}'):
        path.write_text(content, "utf-8")
        with pytest.raises(Damaged):
            Policy.load(path)
    document["format_version"] = 99
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(InputError, match="format"):
        Policy.load(path)
    with pytest.raises(InputError):
        Policy.load(tmp_path / "none.json")


def test_the_same_seed_gives_the_same_policy():
    """Policies repeat by their seed."""
    scores, x = trial(11, 200)
    assert learn(scores, x, depth=1, seed=3) == learn(scores, x, depth=1, seed=3)


def test_the_rule_is_the_best_of_its_depth():
    """Without limits the final rule is that of the exact search."""
    scores, x = trial(12, 150)
    assert learn(scores, x, depth=2).rules() == policy_tree(scores, x).tree.rules()


def test_faults_are_told_at_once():
    """Settings and shapes that cannot be are named together; too few people are not estimable."""
    scores, x = trial(13, 100)
    with pytest.raises(InputError) as caught:
        learn(scores, x, depth=3, folds=1, level=0, costs=[-1, 0], practice=[1], cluster=[1])
    assert len(caught.value.faults) == 6
    with pytest.raises(InputError, match="practice"):
        learn(scores, x, practice=np.full(100, np.nan))
    with pytest.raises(InputError, match="limit"):
        learn(scores, x, limits=[Limit("bad", np.zeros((3, 2)), np.nan)])
    with pytest.raises(NotEstimable):
        learn(scores[:20], x.head(20))
    with pytest.raises(InputError, match="groups"):
        learn(scores, x, groups=np.arange(100.0)[:, None])
