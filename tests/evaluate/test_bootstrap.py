"""Resamples, intervals and what they cover."""

import numpy as np
import pytest

from osler.evaluate import binary, time_to_event
from osler.evaluate.bootstrap import Measured, Resamples, percentile_interval
from osler.evaluate.concordance import binary_pairs, count_pairs


def test_weights_are_multiplicities_of_a_resample():
    """Each resample has as many rows as the data, and differs from the next."""
    weights = np.concatenate(list(Resamples.of(50, 20, seed=1).weights()))
    assert weights.shape == (20, 50)
    assert (weights.sum(1) == 50).all()
    assert np.unique(weights, axis=0).shape[0] == 20


def test_the_same_seed_gives_the_same_resamples():
    """Runs repeat; another seed differs."""
    first, again, other = (
        np.concatenate(list(Resamples.of(30, 5, seed).weights())) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_rows_of_a_subject_are_drawn_together():
    """Two rows of one subject have the same multiplicity in every resample."""
    subjects = np.array([-7, 3, -7, 3, 9])
    weights = np.concatenate(list(Resamples.of(5, 40, 0, subjects).weights()))
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 3]).all()


def test_a_subset_sees_the_draws_of_the_whole():
    """Part and whole are resampled together, so that their difference is paired."""
    whole = Resamples.of(10, 7, 0)
    part = whole.subset(np.array([4, 2]))
    both = (np.concatenate(list(one.weights())) for one in (whole, part))
    everyone, some = both
    assert (everyone[:, [4, 2]] == some).all()


def test_chunks_give_the_draws_of_one_piece(monkeypatch):
    """Memory limits change nothing."""
    piece = np.concatenate(list(Resamples.of(100, 30, 3).weights()))
    monkeypatch.setattr("osler.evaluate.bootstrap.CHUNK_CELLS", 700)
    chunks = list(Resamples.of(100, 30, 3).weights())
    assert len(chunks) > 1
    assert (np.concatenate(chunks) == piece).all()


def test_clustered_rows_widen_the_interval(world):
    """Repeating every subject ten times narrows the interval unless the subjects are named."""
    made = world(200, seed=1)
    y, p = np.repeat(made.y["event"] == 1, 10), np.repeat(made.hazard / 2, 10).clip(0, 1)
    subjects = np.repeat(["a", *map(str, range(199))], 10)
    naive = binary(y, p, bootstrap=200)["auroc"]
    honest = binary(y, p, bootstrap=200, subjects=subjects)["auroc"]
    assert honest.value == naive.value
    assert (honest.high - honest.low) > 2 * (naive.high - naive.low)


def test_an_interval_always_holds_its_value():
    """A statistic whose resamples all lie above it still lies in its interval."""
    low, high, _ = percentile_interval(0.01, np.linspace(0.02, 0.05, 100), 0.95)
    assert low == 0.01 < high


def test_an_interval_of_few_usable_resamples_is_withheld():
    """When most resamples cannot be evaluated there is no interval, and the meaning says so."""
    draws = np.full(100, np.nan)
    draws[:10] = 0.5
    told = Measured(0.5, draws, 20, "a share").estimate(0.9)
    assert told.value == 0.5
    assert np.isnan(told.low)
    assert "only 10 of 100" in told.meaning


def test_a_wider_level_gives_a_wider_interval(world):
    """The level is that of the interval, and is told."""
    made = world(200)
    y, p = made.y["event"] == 1, made.hazard.clip(0, 1)
    narrow, wide = (binary(y, p, level=level)["auroc"] for level in (0.5, 0.99))
    assert (narrow.level, wide.level) == (0.5, 0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say(world):
    """Over 200 samples the 90 % intervals of C, Brier and slope hold the truth 83 to 96 % often."""
    times = np.array([5.0])
    truth_world = world(20_000, seed=999, others=False)
    truth = time_to_event(
        truth_world.y, truth_world.y, truth_world.survival(times), times, bootstrap=0
    )
    truth = {name: truth[name].value for name in ("uno_c", "auc_mean", "ibs")}
    truth |= {"calibration_slope": 1.0, "calibration_intercept": 0.0, "oe": 1.0}
    held = dict.fromkeys(truth, 0)
    for seed in range(200):
        made = world(250, seed=seed, others=False)
        found = time_to_event(
            made.y, made.y, made.survival(times), times, bootstrap=150, level=0.9, seed=seed
        )
        for name, value in truth.items():
            held[name] += found[name].low <= value <= found[name].high
    for name, often in held.items():
        assert 0.83 <= often / 200 <= 0.96, (name, often / 200)


def test_the_concordance_of_a_large_sample_is_counted(world):
    """A hundred thousand subjects are counted without a matrix of pairs."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 100_000).astype(float)
    score = labels + rng.normal(size=100_000)
    # Φ(1/√2), the AUROC of two normals one standard deviation apart.
    assert count_pairs(score, binary_pairs(labels)).value == pytest.approx(0.7602, abs=0.005)
