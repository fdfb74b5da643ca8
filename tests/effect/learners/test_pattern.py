"""R-learners: they find who gains more, from rows that they did not see."""

from __future__ import annotations

import numpy as np

from osler.effect.learners.pattern import Contrast, LinearPattern, boosted_pattern


def contrast(seed: int, slope: float, n: int = 900) -> tuple[np.ndarray, Contrast]:
    """Draw residuals of a trial whose effect may follow a covariate."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    u = rng.integers(0, 2, n) - 0.5
    y = u * (1 + slope * x[:, 2]) + rng.normal(size=n)
    return x, Contrast(y, u, 4 * u * y, np.arange(n) % 5, np.arange(n), np.arange(n))


def test_both_learners_find_the_pattern() -> None:
    """Held-out predictions of both follow the true pattern."""
    x, c = contrast(0, 1.0)
    linear = LinearPattern(x, c).ahead(c.outcome[:, None])[:, 0]
    last = c.fold >= 2
    assert np.corrcoef(linear[last], x[last, 2])[0, 1] > 0.95
    assert np.corrcoef(boosted_pattern(x, c, 0)[last], x[last, 2])[0, 1] > 0.8


def test_without_a_pattern_the_linear_learner_says_little() -> None:
    """Of a constant effect, predictions vary far less than the effects of a pattern would."""
    spreads = []
    for seed in range(8):
        x, c = contrast(seed, 0.0)
        held = LinearPattern(x, c).ahead(c.outcome[:, None])
        spreads.append(float(held.std()))
    assert np.median(spreads) < 0.1


def test_a_fold_sees_only_what_came_before() -> None:
    """Changing one fold's outcomes changes predictions of later folds and of no others."""
    x, c = contrast(1, 0.5)
    linear = LinearPattern(x, c)
    changed = np.where(c.fold == 2, c.outcome + 50 * x[:, 0] * c.treatment, c.outcome)
    both = linear.ahead(np.column_stack([c.outcome, changed]))
    np.testing.assert_allclose(both[c.fold <= 2, 0], both[c.fold <= 2, 1])
    assert np.abs(both[c.fold == 3, 0] - both[c.fold == 3, 1]).max() > 0.1
    assert (both[c.fold == 0] == 0).all()


def test_few_rows_have_no_trees() -> None:
    """Under four hundred rows the boosted learner stays silent."""
    x, c = contrast(2, 1.0, n=200)
    assert (boosted_pattern(x, c, 0) == 0).all()
