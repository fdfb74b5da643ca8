"""Verdicts: three words, one sentence, and what they rest on."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from osler.effect.baseline_risk import NAMES, by_baseline_risk
from osler.effect.nuisance import Nuisance, estimate
from osler.effect.problem import Problem
from osler.effect.verdict import AVERAGE_ONLY, INSUFFICIENT_OVERLAP, PERSONALISE, judge


def trial(slope: float, n: int = 400, seed: int = 0) -> tuple[Problem, Nuisance]:
    """Draw a trial whose effect may follow a covariate."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    w = rng.integers(0, 2, n)
    y = x[:, 0] + w * (1.0 + slope * x[:, 1]) + rng.normal(size=n)
    problem = Problem.of(x, w, y, randomised=True, better="higher")
    expected = np.column_stack([x[:, 0], x[:, 0] + 1])
    return problem, Nuisance(np.full((n, 2), 0.5), expected, np.arange(n) % 5, y)


def test_differences_between_people_are_personalised() -> None:
    """A strong pattern gives "personalise", with the direction in the sentence."""
    verdict = judge(*trial(1.5))
    assert verdict.decision == PERSONALISE == "personalise"
    assert str(verdict).startswith("Personalise")
    assert "higher outcomes are better" in str(verdict)
    assert str(verdict).count(".") - str(verdict).count("0.") <= 2


def test_average_only_says_what_could_have_been_missed() -> None:
    """A constant effect gives "average only", never a claim that people do not differ."""
    verdict = judge(*trial(0.0))
    assert verdict.decision == AVERAGE_ONLY == "average only"
    assert "does not mean that they do not" in str(verdict)
    assert verdict.heterogeneity.detectable_sd is not None
    assert f"{verdict.heterogeneity.detectable_sd:.2g}" in str(verdict)
    assert verdict.average["1"].low < 1.0 < verdict.average["1"].high
    assert [one.name for one in verdict.by_baseline_risk] == list(NAMES)


def test_without_overlap_there_is_no_effect() -> None:
    """Where arms share few people the verdict says so and tells no average."""
    problem, nuisance = trial(1.0)
    sure = np.where(problem.frame.to_numpy()[:, :1] > 0, 0.999, 0.4)
    apart = dataclasses.replace(nuisance, propensity=np.column_stack([sure, 1 - sure]))
    verdict = judge(problem, apart)
    assert verdict.decision == INSUFFICIENT_OVERLAP == "insufficient overlap"
    assert not verdict.average
    assert not verdict.by_baseline_risk
    assert "%" in str(verdict)
    assert verdict.overlap.outside > 0.2


def test_a_verdict_is_plain_data() -> None:
    """It is frozen and goes into JSON with its sentence."""
    verdict = judge(*trial(0.0, n=200))
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.decision = "personalise"  # type: ignore[misc] # that is what must fail
    plain = json.loads(json.dumps(verdict.to_json()))
    assert plain["decision"] == verdict.decision
    assert plain["sentence"] == str(verdict)
    assert plain["heterogeneity"]["p"] == verdict.heterogeneity.p


def test_absolute_effects_differ_by_baseline_risk() -> None:
    """A constant odds ratio helps those at high risk more, quarter by quarter."""
    rng = np.random.default_rng(1)
    n = 4000
    x = rng.normal(size=(n, 1))
    w = rng.integers(0, 2, n)
    odds = x[:, 0] - 2.0
    risk = 1 / (1 + np.exp(-np.column_stack([odds, odds - 1.0])))
    y = (rng.random(n) < risk[np.arange(n), w]).astype(int)
    problem = Problem.of(x, w, y, outcome="binary", randomised=True)
    nuisance = Nuisance(np.full((n, 2), 0.5), risk, np.arange(n) % 5, problem.number)
    rows = by_baseline_risk(problem, nuisance)
    assert [one.n for one in rows] == [n // 4] * 4
    assert rows[0].baseline.value < rows[3].baseline.value
    assert rows[3].effect.high < rows[0].effect.low
    assert rows[3].any_cause is None
    assert "had all been treated" in rows[3].baseline.meaning


def test_all_causes_stand_beside_one_of_several() -> None:
    """With competing causes, each quarter has the effect on any cause beside that on the first."""
    rng = np.random.default_rng(2)
    n = 400
    x = rng.normal(size=(n, 2))
    w = rng.integers(0, 2, n)
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = rng.integers(0, 3, n), rng.exponential(2.0, n)
    problem = Problem.of(x, w, y, outcome="time-to-event", horizon=2.0, randomised=True)
    rows = by_baseline_risk(problem, estimate(problem, 0, "fast"))
    assert all(one.any_cause is not None for one in rows)


def test_few_people_have_no_quarter_effects() -> None:
    """Quarters of fewer than twenty people have NaN rather than a number."""
    rows = by_baseline_risk(*trial(0.0, n=60))
    assert all(np.isnan(one.effect.value) for one in rows)
    assert all(np.isnan(one.baseline.value) for one in rows)
