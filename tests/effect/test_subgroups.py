"""Subgroups: found when they are there, seldom when not, with intervals that hold together."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from osler.effect.conditions import candidate_groups
from osler.effect.subgroups import discover
from osler.errors import InputError, NotEstimable


def made(seed, n=500, strength=0.0, skewed=False):
    """Draw effects that differ only where x0 and x1 are both over their medians."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    noise = rng.exponential(size=n) - 1 if skewed else rng.normal(size=n) * (1 + (x[:, 2] > 0))
    return noise + strength * ((x[:, 0] > 0) & (x[:, 1] > 0)), x


def test_a_strong_subgroup_is_found_and_named():
    """Both conditions of a group with another effect are named, with its size and interval."""
    effects, x = made(1, 2000, 1.5)
    found = discover(effects, x).found
    assert found
    assert "x0 >" in found[0].who
    assert "x1 >" in found[0].who
    assert found[0].inside.low < 1.5 < found[0].inside.high
    assert found[0].difference.low > 0
    assert found[0].p <= 0.05


@pytest.mark.parametrize("skewed", [False, True])
def test_nothing_is_seldom_found_where_nothing_is(skewed):
    """Where no group differs, something is found in about 5 % of data sets."""
    seeds = 60
    false = sum(
        bool(discover(*made(seed, 300, skewed=skewed), seed=seed, draws=300).found)
        for seed in range(seeds)
    )
    assert false <= 0.05 * seeds + 3 * np.sqrt(0.05 * 0.95 * seeds)


@pytest.mark.slow
@pytest.mark.parametrize("n", [300, 1000])
def test_family_wise_error_over_many_seeds(n):
    """Over 500 data sets without a subgroup the share with a finding is near 5 %."""
    seeds = 500
    false = sum(bool(discover(*made(seed, n), seed=seed, draws=300).found) for seed in range(seeds))
    assert false / seeds <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / seeds)


def test_intervals_of_all_groups_hold_together():
    """In 95 % of data sets no group's interval of the difference misses its truth, 0."""
    held = 0
    for seed in range(40):
        result = discover(*made(seed, 300), seed=seed, draws=300)
        shown = [*result.found, *result.nearest]
        held += all(one.difference.low <= 0 <= one.difference.high for one in shown)
    assert held >= 34


def test_none_found_is_not_called_none():
    """Without a finding the sentence says that smaller differences are not excluded."""
    result = discover(*made(5, 300))
    assert not result.found
    assert "not excluded" in str(result)
    assert result.nearest
    assert result.looked_at > 50


def test_several_rows_of_a_subject_count_as_one():
    """Copies of every row under the same subject change neither values nor verdicts much."""
    effects, x = made(3, 400, 1.0)
    once = discover(effects, x, seed=1)
    twice = discover(
        np.repeat(effects, 2), np.repeat(x, 2, axis=0), cluster=np.repeat(np.arange(400), 2), seed=1
    )
    assert twice.found[0].who == once.found[0].who
    assert twice.found[0].inside.value == pytest.approx(once.found[0].inside.value)
    width = (twice.found[0].difference.high - twice.found[0].difference.low) / (
        once.found[0].difference.high - once.found[0].difference.low
    )
    assert 0.8 < width < 1.25


def test_candidates_come_from_covariates_alone():
    """Words, truths, unknowns and quartiles make conditions; small and repeated groups do not."""
    n = 200
    frame = pl.DataFrame(
        {
            "sex": ["f", "m"] * (n // 2),
            "old": [True, True, False, False] * (n // 4),
            "age": [None if i % 5 == 0 else float(i) for i in range(n)],
            "rare": ["x"] * 3 + ["y"] * (n - 3),
            "copy": ["f", "m"] * (n // 2),
        },
        schema_overrides={"age": pl.Float64},
    )
    groups = candidate_groups(frame, 1, 20)
    assert {"sex 'f'", "sex 'm'", "old", "not old", "age unknown"} <= set(groups.names)
    assert not any("rare" in name or "copy" in name for name in groups.names)
    assert groups.inside.shape == (n, len(groups.names))
    pairs = candidate_groups(frame, 2, 20)
    assert "sex 'f' and old" in pairs.names
    assert len(pairs.names) > len(groups.names)


def test_what_cannot_be_answered_is_refused():
    """Too few rows are not estimable; faults of form are told at once."""
    with pytest.raises(NotEstimable):
        discover(np.zeros(50), np.zeros((50, 1)))
    with pytest.raises(InputError) as caught:
        discover([np.inf], [[1.0]], conditions=3, level=2)
    assert len(caught.value.faults) == 3
    with pytest.raises(InputError, match="cluster"):
        discover(np.zeros(100), np.zeros((100, 1)), cluster=[1, 2])
