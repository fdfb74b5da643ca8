"""The test of heterogeneity keeps its level, has power, and knows its limits."""

from __future__ import annotations

import numpy as np
import pytest

from osler.effect.heterogeneity import (
    calibration_slope,
    detectable,
    heterogeneity,
    targeting_area,
)
from osler.effect.learners.pattern import Contrast, LinearPattern
from osler.effect.nuisance import Nuisance
from osler.effect.problem import Problem


def trial(seed: int, slope: float, n: int = 300, better: str = "lower") -> tuple[Problem, Nuisance]:
    """Draw a trial with known nuisances and an effect that may follow the second covariate."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    w = rng.integers(0, 2, n)
    effect = 0.5 + slope * x[:, 1]
    y = x[:, 0] + w * effect + rng.normal(size=n)
    problem = Problem.of(x, w, y, better=better, randomised=True)
    expected = np.column_stack([x[:, 0], x[:, 0] + 0.5])
    return problem, Nuisance(np.full((n, 2), 0.5), expected, np.arange(n) % 5, y)


def contrast(seed: int, slope: float, n: int) -> tuple[np.ndarray, Contrast]:
    """Draw residuals of a trial whose effect may follow a covariate."""
    problem, nuisance = trial(seed, slope, n)
    return problem.frame.to_numpy(), Contrast.of(problem, nuisance, 1)


def test_a_constant_effect_is_seldom_called_different(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 200 trials with a constant effect, at most 5 % of false alarms within chance."""
    monkeypatch.setattr("osler.effect.heterogeneity.detectable", lambda *_: None)
    shown = [heterogeneity(*trial(seed, 0.0)).shown for seed in range(200)]
    assert sum(shown) <= 16  # P(more | 0.05) < 0.03


def test_a_strong_pattern_is_found() -> None:
    """An effect whose deviation is the noise's is shown, with slope near 1 and gain on top."""
    for better, sign in (("lower", 1), ("higher", 1)):
        found = heterogeneity(*trial(1, 1.0, n=500, better=better))
        assert found.shown
        assert found.p < 0.01
        assert found.calibration.low > 0
        assert 0.5 < found.calibration.value < 2
        assert sign * found.autoc.value > 0.3
        assert found.n == 500
        assert found.arm == "1"


def test_slope_is_least_squares() -> None:
    """The slope equals that of an ordinary regression on treatment and the interaction."""
    x, c = contrast(2, 0.7, 200)
    predicted = x[:, 1:2]
    slope, error = calibration_slope(c.treatment, c.outcome[:, None], predicted, c.cluster)
    design = np.column_stack([c.treatment, c.treatment * predicted[:, 0]])
    direct = np.linalg.lstsq(design, c.outcome, rcond=None)[0][1]
    np.testing.assert_allclose(slope[0], direct)
    assert 0.05 < error[0] < 0.5


def test_repeated_subjects_widen_the_error() -> None:
    """Rows given twice as one subject each leave the error of the slope about as it was."""
    x, c = contrast(3, 0.5, 200)
    once = (c.treatment, c.outcome[:, None], x[:, 1:2], c.cluster)
    twice = tuple(np.concatenate([part, part]) for part in once)
    errors = [calibration_slope(*part)[1][0] for part in (once, twice)]
    assert abs(errors[1] / errors[0] - 1) < 0.05


def test_targeting_area_is_the_mean_of_the_curve() -> None:
    """The weighted sum equals the mean over j of what the first j gain beyond all."""
    x, c = contrast(4, 0.5, 50)
    value, error = targeting_area(c.score, x[:, 1], c.cluster)
    score = c.score[np.argsort(-x[:, 1])]
    curve = [score[:j].mean() - score.mean() for j in range(1, 51)]
    assert value == pytest.approx(np.mean(curve))
    assert error > 0
    assert np.isnan(targeting_area(c.score, np.zeros(50), c.cluster)[1])


def test_more_rows_show_less() -> None:
    """The smallest difference that could be seen falls as rows grow, and is found if planted."""
    sizes = []
    for n in (300, 1200):
        x, c = contrast(5, 0.0, n)
        linear = LinearPattern(x, c)
        sizes.append(detectable(c, x, linear, 1, 0))
    few, many = sizes
    assert few is not None
    assert many is not None
    assert 0.3 * few < many < 0.75 * few
    shown = [heterogeneity(*trial(seed, 1.2 * few)).shown for seed in range(10)]
    assert sum(shown) >= 7


def test_without_covariates_nothing_can_be_seen() -> None:
    """A column of one value shows nothing and claims no power."""
    problem, nuisance = trial(6, 0.5, 100)
    bare = Problem.of(np.ones((100, 1)), problem.arm, problem.number)
    found = heterogeneity(bare, nuisance)
    assert not found.shown
    assert found.p == 1.0
    assert found.detectable_sd is None
