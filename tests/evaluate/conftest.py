"""Outcomes and predictions whose truth is known."""

import numpy as np
import pytest


def outcome(event, time):
    """Make the structured array of an outcome."""
    y = np.zeros(len(time), dtype=[("event", np.int64), ("time", float)])
    y["event"], y["time"] = event, time
    return y


class World:
    """Exponential times to two causes, of which the first depends on x; the truth is known."""

    def __init__(self, n, seed=0, *, others=True, follow=15.0):
        rng = np.random.default_rng(seed)
        self.x = rng.normal(size=n)
        self.hazard = np.exp(self.x) / 10
        self.other = 1 / 30 if others else 0.0
        first = rng.exponential(1 / self.hazard)
        second = rng.exponential(30, n) if others else np.full(n, np.inf)
        censored = np.minimum(rng.exponential(20, n), follow)
        time = np.minimum(np.minimum(first, second), censored)
        cause = np.where(first < second, 1, 2)
        self.y = outcome(np.where(censored <= np.minimum(first, second), 0, cause), time)

    def survival(self, times):
        """Return the true chance of no event."""
        return np.exp(-np.outer(self.hazard + self.other, times))

    def incidence(self, times):
        """Return the true cumulative incidence of cause 1."""
        total = self.hazard + self.other
        return (self.hazard / total)[:, None] * (1 - self.survival(times))


@pytest.fixture
def world():
    """Return a maker of worlds."""
    return World


@pytest.fixture
def make_outcome():
    """Return the maker of outcome arrays."""
    return outcome
