"""Policy trees: the best of their depth, found by branch and bound, said in words."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler.effect.policy_bounds import Cut, Signed, side_bounds
from osler.effect.policy_rule import PolicyTree, roundest
from osler.effect.policy_tree import hybrid_tree, policy_tree
from osler.errors import Damaged, InputError


def best_by_force(scores, x, depth):
    """Return the largest sum of scores of any tree, by trying them all."""
    best = scores.sum(axis=0).max() if len(scores) else 0.0
    if depth == 0 or not len(scores):
        return best
    for column in range(x.shape[1]):
        if depth == 1:
            order = np.argsort(x[:, column], kind="stable")
            below = scores[order].cumsum(axis=0)
            value = below.max(axis=1) + (below[-1] - below).max(axis=1)
            ends = np.append(np.diff(x[order, column]) > 0, True)
            best = max(best, value[ends].max())
            continue
        for threshold in np.unique(x[:, column])[:-1]:
            low = x[:, column] <= threshold
            best = max(
                best,
                best_by_force(scores[low], x[low], depth - 1)
                + best_by_force(scores[~low], x[~low], depth - 1),
            )
    return best


def trial(seed, rows, columns, arms, digits=9):
    """Draw covariates and scores in which the first arms help some."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).round(digits)
    scores = rng.normal(size=(rows, arms))
    scores[:, 0] += x[:, 0] > 0
    return scores, x


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 60),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(0, 3),
)
def test_no_tree_is_better(seed, rows, columns, arms, digits):
    """At depths 0, 1 and 2 the value is that of trying every tree, ties and all."""
    scores, x = trial(seed, rows, columns, arms, digits)
    for depth in (0, 1, 2):
        grown = policy_tree(scores, x, depth=depth)
        assert grown.exact
        assert grown.value == pytest.approx(best_by_force(scores, x, depth) / rows, abs=1e-9)
        action = grown.tree.assign(x)
        assert scores[np.arange(rows), action].mean() == pytest.approx(grown.value, abs=1e-9)
        assert grown.tree.depth <= depth


@pytest.mark.parametrize(("rows", "columns", "arms"), [(300, 3, 4), (500, 2, 6)])
def test_the_optimum_of_hundreds_of_rows(rows, columns, arms):
    """On hundreds of rows of all distinct numbers it is what brute force finds."""
    scores, x = trial(rows, rows, columns, arms)
    assert policy_tree(scores, x).value == pytest.approx(best_by_force(scores, x, 2) / rows)


@pytest.mark.parametrize("kind", ["constant", "equal scores", "one outlier", "doubled column"])
def test_degenerate_data_end(kind):
    """Constant columns, equal scores, outliers and copies of columns give the optimum, and end."""
    scores, x = trial(3, 80, 3, 3)
    if kind == "constant":
        x[:, 1] = 7.0
    elif kind == "equal scores":
        scores[:] = 1.0
    elif kind == "one outlier":
        scores[5, 2] = 1e9
    else:
        x[:, 2] = x[:, 0]
    expected = best_by_force(scores, x, 2) / 80
    assert policy_tree(scores, x).value == pytest.approx(expected, rel=1e-9)


def test_three_deep_on_few_rows():
    """Depth 3 is exact where it is allowed; the hybrid is at least as good as depth 2."""
    scores, x = trial(5, 40, 2, 3)
    three, two, mixed = (
        policy_tree(scores, x, depth=3),
        policy_tree(scores, x, depth=2),
        hybrid_tree(scores, x),
    )
    assert three.exact
    assert three.value == pytest.approx(best_by_force(scores, x, 3) / 40)
    assert two.value - 1e-12 <= mixed.value <= three.value + 1e-12
    assert not mixed.exact
    assert mixed.bound >= mixed.value
    with pytest.raises(InputError, match="hybrid_tree"):
        policy_tree(np.zeros((400, 2)), np.zeros((400, 1)), depth=3)


def test_lower_is_better_where_it_is_said():
    """The wish for lower outcomes is the wish for higher negated ones."""
    scores, x = trial(1, 90, 2, 3)
    low, high = policy_tree(scores, x, better="lower"), policy_tree(-scores, x, better="higher")
    assert low.value == pytest.approx(-high.value)
    assert low.tree.rules() == high.tree.rules()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(-50, 50), st.floats(0.01, 100))
def test_only_the_order_of_a_column_counts(seed, shift, scale):
    """Increasing maps of a column and constants added to rows change no choice's worth."""
    scores, x = trial(seed, 50, 2, 3)
    plain = policy_tree(scores, x)
    moved = policy_tree(scores + shift, np.exp(x / 4) * scale)
    assert moved.value - shift == pytest.approx(plain.value, abs=1e-7)


def test_a_search_out_of_time_says_so():
    """Without time the best tree so far comes back with a bound above it, and is not exact."""
    scores, x = trial(2, 400, 4, 4)
    grown = policy_tree(scores, x, time_budget_s=0.0)
    assert not grown.exact
    assert grown.bound >= policy_tree(scores, x).value - 1e-9 >= grown.value - 2e-9


def test_words_truths_and_unknowns_are_asked_in_words():
    """Levels, truths and missing cells are questions with words of their own."""
    n = 200
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b"], n)
    flag = rng.random(n) < 0.5
    number = np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n))
    noise = rng.normal(size=n) * 0.01
    cases = {"kind": kind == "a", "flag": flag, "number": np.isnan(number)}
    frame = pl.DataFrame({"kind": kind, "flag": flag, "number": number})
    said = {}
    for name, truth in cases.items():
        scores = np.column_stack([noise, np.where(truth, 1.0, -1.0)])
        tree = policy_tree(scores, frame, depth=1, actions=["no", "yes"]).tree
        assert (tree.assign(frame) == truth).all()
        said[name] = dict(tree.rules())
    assert said["flag"] == {"flag": "yes", "not flag": "no"}
    assert said["number"] == {"number unknown": "yes", "number known": "no"}
    assert set(said["kind"].values()) == {"yes", "no"}


def test_rules_cover_everyone_once_and_redundant_questions_go():
    """The rules name each leaf; a split into equal actions is no split."""
    scores = np.tile([0.0, 1.0], (30, 1))
    tree = policy_tree(scores, np.arange(30.0)[:, None]).tree
    assert tree.rules() == [("everyone", "1")]
    assert tree.depth == 0


def test_no_action_is_given_where_nobody_was_seen():
    """A side that one action serves best is one leaf, with no branch that no row has shown."""
    x = np.arange(40.0)[:, None]
    scores = np.column_stack([np.zeros(40), np.where(x[:, 0] < 20, 1.0, 0.5), np.zeros(40)])
    scores[20:30, 2] = 3.0
    tree = policy_tree(scores, x).tree
    assert len(tree.rules()) == 3
    assert {action for _, action in tree.rules()} == {"1", "2"}


def test_a_tree_survives_its_file():
    """JSON and back gives the same choices; what is not a tree is damage."""
    scores, x = trial(9, 70, 3, 3)
    x[::7, 1] = np.nan
    tree = policy_tree(scores, x).tree
    again = PolicyTree.from_json(json.loads(json.dumps(tree.to_json(), allow_nan=False)))
    assert again == tree
    assert (again.assign(x) == tree.assign(x)).all()
    broken = tree.to_json()
    broken["root"] = {"action": 99}
    for bad in (broken, {}, {"root": [], "encoding": 3, "actions": 4}):
        with pytest.raises(Damaged):
            PolicyTree.from_json(bad)


def test_faults_are_told_at_once():
    """Scores, columns and settings that cannot be are named together, without values."""
    with pytest.raises(InputError) as caught:
        policy_tree([[1.0, np.nan]], np.zeros((1, 0)), better="most")
    assert len(caught.value.faults) == 3
    for scores, x in (
        (np.zeros((3, 2)), np.zeros((4, 1))),
        (np.zeros((0, 2)), np.zeros((0, 1))),
        (np.zeros(3), np.zeros((3, 1))),
        ([["a", "b"]], [[1.0]]),
    ):
        with pytest.raises(InputError):
            policy_tree(scores, x)
    with pytest.raises(InputError, match="actions"):
        policy_tree(np.zeros((3, 2)), np.zeros((3, 1)), actions=["same", "same"])
    with pytest.raises(InputError, match="depth"):
        policy_tree(np.zeros((3, 2)), np.zeros((3, 1)), depth=5)


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e6))
def test_a_round_threshold_parts_its_neighbours(low, width):
    """The roundest threshold is at least the lower neighbour and less than the higher one."""
    high = low + width
    if high > low:
        assert low <= roundest(low, high) < high
    assert roundest(-math.inf, low) == -math.inf


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 6))
def test_bounds_hold_for_every_threshold_in_a_cell(seed, first, second):
    """No pair of thresholds in a cell gains more than the cell's bound; single ones are exact."""
    rng = np.random.default_rng(seed)
    n, arms = 25, 3
    scores = rng.normal(size=(n, arms))
    a, b = rng.integers(0, 9, n), rng.integers(0, 7, n)
    cuts = [
        Cut(np.unique(np.concatenate([[0, size], rng.integers(0, size, ranges)])))
        for size, ranges in ((9, first), (7, second))
    ]
    bounds, back = side_bounds(
        Signed.of(scores), cuts[0], cuts[1], cuts[0].place(a), cuts[1].place(b)
    )
    for t in range(9):
        for u in range(7):
            g, h = cuts[0].place(np.array([t]))[0], cuts[1].place(np.array([u]))[0]
            for most, rows in ((bounds.left, a <= t), (bounds.right, a > t)):
                gain = sum(scores[rows & part].sum(axis=0).max() for part in (b <= u, b > u))
                assert gain <= most[g, h] + 1e-9
                if cuts[0].single[g] and cuts[1].single[h]:
                    assert gain == pytest.approx(most[g, h])
            gain = sum(scores[(b <= u) & part].sum(axis=0).max() for part in (a <= t, a > t))
            assert gain <= back.left[h, g] + 1e-9


def test_thousands_of_rows_and_many_actions_are_searched_exactly():
    """On 4,000 rows, 12 columns and 8 actions of pure noise the search ends with a proof."""
    rng = np.random.default_rng(0)
    grown = policy_tree(rng.normal(size=(4000, 8)), rng.normal(size=(4000, 12)))
    assert grown.exact
    assert grown.bound == pytest.approx(grown.value)
