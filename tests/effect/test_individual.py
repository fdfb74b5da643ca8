"""Individual effects: near the truth, with intervals that hold it, safe to save."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from osler.effect.individual import Individual, learn
from osler.effect.nuisance import Nuisance
from osler.effect.problem import Problem
from osler.errors import Damaged, InputError
from osler.learn.table import as_frame


def oracle(problem: Problem, expected: np.ndarray, chance: np.ndarray) -> Nuisance:
    """Return nuisances that are right."""
    return Nuisance(chance, expected, np.arange(problem.rows) % 3, problem.number)


def study(seed: int, n: int = 400, slope: float = 0.8) -> tuple[Problem, Nuisance, np.ndarray]:
    """Draw a confounded study whose effect is 1 plus a multiple of the second covariate."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    right = 1 / (1 + np.exp(-x[:, 0]))
    w = (rng.random(n) < right).astype(int)
    effect = 1 + slope * x[:, 1]
    y = x[:, 0] + w * effect + 0.7 * rng.normal(size=n)
    problem = Problem.of(x, w, y)
    expected = np.column_stack([x[:, 0], x[:, 0] + effect])
    return problem, oracle(problem, expected, np.column_stack([1 - right, right])), effect


@pytest.fixture(scope="module")
def learned() -> tuple[Problem, Individual, np.ndarray]:
    """Learn one study, for several tests."""
    problem, nuisance, effect = study(0)
    return problem, learn(problem, nuisance, 0), effect


def test_effects_are_near_the_truth(learned: tuple[Problem, Individual, np.ndarray]) -> None:
    """Errors are a fraction of how much effects differ, and intervals hold nearly all of them."""
    problem, model, effect = learned
    found = model.predict(problem.frame)
    low, high = model.interval(problem.frame)
    assert np.sqrt(np.mean((found - effect) ** 2)) < 0.4 * effect.std()
    assert np.mean((low <= effect) & (effect <= high)) > 0.85
    assert np.mean(high - low) < 3.5 * effect.std()
    assert ((low <= found) & (found <= high)).all()


def test_wider_for_a_higher_level(learned: tuple[Problem, Individual, np.ndarray]) -> None:
    """An interval of a higher level holds that of a lower one; levels outside (0, 1) fail."""
    problem, model, _ = learned
    narrow, wide = model.interval(problem.frame, 0.5), model.interval(problem.frame, 0.99)
    assert (wide[0] < narrow[0]).all()
    assert (narrow[1] < wide[1]).all()
    for level in (0.0, 1.0, -1.0):
        with pytest.raises(InputError):
            model.interval(problem.frame, level)
        with pytest.raises(InputError):
            model.outcome_interval(problem.frame, level)


def test_a_single_outcome_is_less_certain_than_a_mean(
    learned: tuple[Problem, Individual, np.ndarray],
) -> None:
    """Intervals of one person's own difference hold 90 % of such differences and are wider."""
    problem, model, effect = learned
    rng = np.random.default_rng(9)
    own = effect + 0.7 * (rng.normal(size=len(effect)) - rng.normal(size=len(effect)))
    low, high = model.outcome_interval(problem.frame, 0.9)
    mean = model.interval(problem.frame, 0.9)
    assert np.mean((low <= own) & (own <= high)) >= 0.88
    assert np.mean(high - low) > 1.5 * np.mean(mean[1] - mean[0])
    assert "not the difference of one person's own two outcomes" in model.estimand


def test_saved_and_loaded_it_is_the_same(
    learned: tuple[Problem, Individual, np.ndarray], tmp_path: Path
) -> None:
    """A loaded model answers as the saved one; none of its files holds a row of the data."""
    problem, model, _ = learned
    again = Individual.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict(problem.frame), model.predict(problem.frame))
    for old, new in zip(model.interval(problem.frame), again.interval(problem.frame), strict=True):
        np.testing.assert_array_equal(old, new)
    arrays = np.load(tmp_path / "model" / "arrays.npz")
    own = set(problem.frame.to_numpy().ravel().tolist())
    assert not any(own & set(arrays[name].ravel().tolist()) for name in arrays.files)


def test_a_changed_or_cut_model_is_refused(
    learned: tuple[Problem, Individual, np.ndarray], tmp_path: Path
) -> None:
    """A byte changed, a file cut or numbers that do not fit are damage, whatever they say."""
    folder = learned[1].save(tmp_path / "model")
    content = (folder / "arrays.npz").read_bytes()
    (folder / "arrays.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(Damaged):
        Individual.load(folder)
    with pytest.raises(InputError):
        Individual.load(tmp_path / "nothing")


def test_numbers_that_do_not_fit_are_damage(
    learned: tuple[Problem, Individual, np.ndarray], tmp_path: Path
) -> None:
    """A model whose parts disagree is refused even where the digests hold."""
    from osler.effect.individual import KIND
    from osler.learn.modelfile import Stored

    stored = Stored(KIND, {})
    learned[1].put(stored)
    stored.arrays["individual_mean"] = stored.arrays["individual_mean"][:-1]
    with pytest.raises(Damaged):
        Individual.get(stored)
    with pytest.raises(Damaged):
        Individual.get(Stored(KIND, {}))
    json.dumps(stored.spec)  # plain values only


def test_same_seed_same_numbers() -> None:
    """Learning twice with one seed gives the same effects."""
    problem, nuisance, _ = study(1, n=120)
    one, two = (learn(problem, nuisance, 3).predict(problem.frame) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_binary_effects_stay_within_bounds() -> None:
    """Differences of risks and their intervals lie within -1 and 1."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(250, 2))
    w = rng.integers(0, 2, 250)
    risk = np.column_stack([1 / (1 + np.exp(-3 * x[:, 0])), 1 / (1 + np.exp(3 * x[:, 0]))])
    y = (rng.random(250) < risk[np.arange(250), w]).astype(int)
    problem = Problem.of(x, w, y, outcome="binary")
    model = learn(problem, oracle(problem, risk, np.full((250, 2), 0.5)))
    low, high = model.interval(problem.frame, 0.999)
    effect = model.predict(problem.frame)
    assert effect.min() >= -1
    assert effect.max() <= 1
    assert low.min() >= -1
    assert high.max() <= 1
    assert np.corrcoef(effect, risk[:, 1] - risk[:, 0])[0, 1] > 0.9


def test_missing_covariates_and_words() -> None:
    """Gaps and words are no obstacle, at fit and for new people with nothing known."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    word = rng.choice(["a", "b"], 200)
    w = rng.integers(0, 2, 200)
    y = x + w * (1 + (word == "a")) + 0.5 * rng.normal(size=200)
    table = pl.DataFrame({"x": np.where(rng.random(200) < 0.2, np.nan, x), "word": word})
    problem = Problem.of(table, w, y)
    expected = np.column_stack([x, x + 1 + (word == "a")])
    model = learn(problem, oracle(problem, expected, np.full((200, 2), 0.5)))
    effect = model.predict(problem.frame)
    assert effect[word == "a"].mean() > effect[word == "b"].mean() + 0.5
    empty = pl.DataFrame({"x": [None], "word": [None]}, schema={"x": pl.Float64, "word": pl.String})
    assert np.isfinite(model.interval(empty)).all()


def test_several_arms_have_an_effect_each() -> None:
    """Of three arms two have effects, and the one asked for must be named."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(240, 2))
    w = rng.integers(0, 3, 240)
    y = x[:, 0] + np.array([0.0, 2.0, -1.0])[w] + 0.5 * rng.normal(size=240)
    problem = Problem.of(x, w, y)
    expected = x[:, :1] + np.array([[0.0, 2.0, -1.0]])
    model = learn(problem, oracle(problem, expected, np.full((240, 3), 1 / 3)))
    assert abs(model.effect(problem.frame, 1).mean() - 2) < 0.3
    assert abs(model.effect(problem.frame, 2).mean() + 1) < 0.3
    assert model.outcomes(problem.frame).shape == (240, 3)
    with pytest.raises(InputError):
        model.predict(problem.frame)


def test_covariates_that_say_nothing_leave_the_average() -> None:
    """A column of one value gives everyone the same effect."""
    rng = np.random.default_rng(5)
    w = rng.integers(0, 2, 100)
    y = 3.0 * w + rng.normal(size=100)
    problem = Problem.of(np.ones((100, 1)), w, y)
    expected = np.column_stack([np.zeros(100), np.full(100, 3.0)])
    model = learn(problem, oracle(problem, expected, np.full((100, 2), 0.5)))
    effect = model.predict(problem.frame)
    assert np.ptp(effect) == 0
    assert abs(effect[0] - 3) < 0.7
    low, high = model.interval(problem.frame)
    assert low[0] < 3 < high[0]


def test_what_the_surface_misses_moves_the_average() -> None:
    """The doubly robust residual moves effects only by what exceeds chance."""
    from osler.effect.individual import _recentred

    problem, nuisance, _ = study(7, n=200)
    shift, variance = _recentred(problem, nuisance, np.zeros(200))
    assert (shift == 0).all()
    assert (variance == 0).all()
    missed = np.where(problem.arm == 1, 2.0, 0.0) + 0.1 * np.random.default_rng(0).normal(size=200)
    shift, variance = _recentred(problem, nuisance, missed)
    assert abs(shift[1] - 2) < 0.1
    assert variance[1] > 0
    assert shift[0] == 0


def test_frames_are_left_unchanged(learned: tuple[Problem, Individual, np.ndarray]) -> None:
    """Asking for effects does not change the rows that were asked for."""
    problem, model, _ = learned
    frame, _named = as_frame(problem.frame.to_numpy())
    before = frame.clone()
    model.predict(frame)
    assert frame.equals(before)
