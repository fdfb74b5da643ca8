"""The public class: what it promises, from every form of input to a saved model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from osler.effect import TreatmentEffect
from osler.errors import Damaged, InputError, NotEstimable
from osler.model.estimate import Estimate


def care(seed: int = 0, n: int = 400) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Return confounded care with words and missing cells; the average effect is 1."""
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 10, n)
    a = (rng.random(n) < 1 / (1 + np.exp(-(age - 60) / 10))).astype(int)
    y = (age - 60) / 10 + a * (1 + 0.1 * rng.normal(size=n)) + rng.normal(size=n)
    frame = pl.DataFrame(
        {
            "age": age,
            "marker": [None if one < -1 else float(one) for one in rng.normal(size=n)],
            "site": rng.choice(["north", "south"], n),
            "smoker": rng.random(n) < 0.3,
        }
    )
    return frame, a, y


def fast(**options: Any) -> TreatmentEffect:
    """Return a model with fast nuisances."""
    return TreatmentEffect(learner="fast", **options)


def test_the_average_effect_is_an_estimate() -> None:
    """It has value, interval, level, n and a meaning, and holds the truth."""
    x, a, y = care()
    found = fast().fit(x, a, y).average_effect()
    assert isinstance(found, Estimate)
    assert found.low < 1.0 < found.high
    assert (found.level, found.n) == (0.95, 400)
    assert "1 minus 0" in found.meaning


@pytest.mark.parametrize("form", ["polars", "pandas", "numpy"])
def test_x_may_come_in_any_form(form: str) -> None:
    """The numbers do not depend on how the table was handed over, and it is left as it was."""
    x, a, y = care()
    numbers = x.select("age", "marker")
    given: Any = {
        "polars": numbers,
        "pandas": pd.DataFrame(numbers.to_dict(as_series=False)),
        "numpy": numbers.to_numpy(),
    }[form]
    before = given.copy() if form != "polars" else given.clone()
    found = fast().fit(given, a, y).average_effect()
    assert found.value == fast().fit(numbers, a, y).average_effect().value
    if form == "pandas":
        pd.testing.assert_frame_equal(given, before)


def test_labels_with_a_named_reference_turn_the_sign() -> None:
    """The effect is that of the other arm minus the named one."""
    x, a, y = care()
    words = np.where(a == 1, "new", "old")
    new = fast(reference="old").fit(x, words, y).average_effect()
    old = fast(reference="new").fit(x, words, y).average_effect()
    assert new.value == pytest.approx(-old.value, abs=1e-9)


def test_rows_of_a_subject_widen_the_interval() -> None:
    """Rows given twice with their subject leave the width as it was; without it they halve it."""
    x, a, y = care()
    twice = np.repeat(np.arange(400), 2)
    once = fast().fit(x, a, y).average_effect()
    known = fast().fit(x[twice], a[twice], y[twice], groups=twice).average_effect()
    blind = fast().fit(x[twice], a[twice], y[twice]).average_effect()
    assert known.high - known.low == pytest.approx(once.high - once.low, rel=0.1)
    assert blind.high - blind.low < 0.8 * (known.high - known.low)


def test_the_same_seed_gives_the_same_numbers() -> None:
    """Two fits are alike to the last bit, and another seed differs."""
    x, a, y = care()
    values = [fast(seed=seed).fit(x, a, y).average_effect().value for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_a_randomised_trial_uses_its_shares() -> None:
    """Drawn by lot, chances are the arms' shares, or those of the design where given."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    a = (rng.random(300) < 0.3).astype(int)
    y = x[:, 0] + a + rng.normal(size=300)
    lot = fast(randomised=True).fit(x, a, y)
    design = fast(randomised=True).fit(x, a, y, probability=np.full(300, 0.3))
    assert lot.overlap.least == pytest.approx(a.mean())
    assert design.overlap.least == 0.3
    assert lot.average_effect().low < 1.0 < lot.average_effect().high


def decided_care() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return care in which a covariate decides the treatment."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    return x, (x[:, 0] > 0).astype(int), rng.normal(size=300)


def test_treatment_decided_by_a_covariate_is_refused() -> None:
    """No number comes out, and the message says what would help."""
    with pytest.raises(NotEstimable, match="decide the treatment"):
        TreatmentEffect().fit(*decided_care())


def test_partial_overlap_gives_an_answer_for_those_it_has_one_for() -> None:
    """Everyone's average is refused, that of common support is given."""
    rng = np.random.default_rng(1)
    n = 1500
    x = rng.normal(size=(n, 2))
    shut = x[:, 1] > 0.6
    a = np.where(shut, 0, rng.integers(0, 2, n))
    model = fast().fit(x, a, x[:, 0] + a + rng.normal(size=n))
    with pytest.raises(NotEstimable, match="common support"):
        model.average_effect()
    with pytest.raises(NotEstimable):
        model.policy(1)
    inside = model.average_effect(population="common support")
    assert inside.low < 1.0 < inside.high
    assert inside.n is not None
    assert inside.n <= (~shut).sum()
    assert any("outside common support" in note for note in model.notes)


@pytest.mark.parametrize("population", ["everyone", "overlap", "common support"])
def test_each_population_is_named(population: str) -> None:
    """The meaning says over whom the average is."""
    x, a, y = care()
    found = fast().fit(x, a, y).average_effect(population=population)
    word = {"everyone": "the rows;", "overlap": "overlap population"}
    assert word.get(population, "within common support") in found.meaning


def test_levels_change_the_width_alone() -> None:
    """A lower level gives the same value in a narrower interval."""
    x, a, y = care()
    model = fast().fit(x, a, y)
    wide, narrow = model.average_effect(level=0.99), model.average_effect(level=0.5)
    assert wide.value == narrow.value
    assert wide.low < narrow.low < narrow.high < wide.high


def test_several_arms_ask_for_one() -> None:
    """With three arms the arm must be named, and its effect is against the reference."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    a = rng.integers(0, 3, 600)
    y = np.array([0.0, 1.0, 3.0])[a] + rng.normal(size=600)
    model = fast(randomised=True).fit(x, a, y)
    with pytest.raises(InputError, match="one of 1, 2"):
        model.average_effect()
    assert model.average_effect(arm=2).low < 3.0 < model.average_effect(arm="2").high
    with pytest.raises(InputError, match="arm"):
        model.average_effect(arm=0)


def test_groups_and_balance_come_from_the_rows() -> None:
    """Effects of groups hold the truth, and every covariate has its balance."""
    x, a, y = care()
    model = fast().fit(x, a, y)
    groups = model.group_effects(x["site"])
    assert set(groups) == {"north", "south"}
    assert all(one.low < 1.2 and one.high > 0.8 for one in groups.values())
    assert {one.covariate for one in model.balance} >= {"age", "marker missing", "site = north"}


def competing(n: int = 400) -> Any:
    """Return times with two causes."""
    rng = np.random.default_rng(0)
    y = np.zeros(n, dtype=[("event", int), ("time", float)])
    y["event"], y["time"] = rng.integers(0, 3, n), rng.exponential(5, n)
    return y


def test_causes_stand_side_by_side() -> None:
    """Every cause and any cause are told together; other outcomes have none."""
    x, a, y = care()
    model = fast(outcome="time-to-event", horizon=4.0).fit(x, a, competing())
    found = model.effects_by_cause()
    assert list(found) == ["cause 1", "cause 2", "any cause"]
    assert found["cause 1"] == model.average_effect()
    with pytest.raises(InputError, match="time-to-event"):
        fast().fit(x, a, y).effects_by_cause()


def test_before_a_fit_there_is_no_answer() -> None:
    """Every question before a fit says that there was none."""
    for ask in (
        lambda m: m.average_effect(),
        lambda m: m.effect([[1.0]]),
        lambda m: m.verdict(),
        lambda m: m.policy(),
        lambda m: m.save("nowhere"),
        lambda m: m.balance,
    ):
        with pytest.raises(NotEstimable, match="not been fitted"):
            ask(TreatmentEffect())


def test_settings_can_be_read_and_changed() -> None:
    """Settings round-trip, and an unknown one is a fault."""
    model = TreatmentEffect(better="higher", seed=3)
    again = TreatmentEffect(**model.get_params())
    assert again.get_params() == model.get_params()
    assert "seed=3" in repr(model)
    assert model.set_params(seed=4).seed == 4
    with pytest.raises(InputError, match="depth"):
        model.set_params(depth=3)


@pytest.mark.slow
def test_individual_effects_have_intervals_and_survive_saving(tmp_path: Path) -> None:
    """Effects lie in their intervals; a loaded model says the same and holds no rows."""
    x, a, y = care(n=250)
    model = fast(reference=np.int64(0), seed=np.int64(1)).fit(x, a, y)
    effect = model.effect(x[:7])
    low, high = model.effect_interval(x[:7])
    assert effect.shape == low.shape == (7,)
    assert ((low <= effect) & (effect <= high)).all()
    verdict = model.verdict()
    assert verdict.decision in ("personalise", "average only", "insufficient overlap")
    folder = model.save(tmp_path / "model")
    loaded = TreatmentEffect.load(folder)
    assert np.array_equal(loaded.effect(x[:7]), effect)
    assert loaded.average_effect() == model.average_effect()
    assert loaded.average_effect(level=0.8) == model.average_effect(level=0.8)
    assert loaded.verdict() == verdict
    assert loaded.get_params() == model.get_params()
    with pytest.raises(NotEstimable, match="no rows"):
        loaded.policy(1)
    with pytest.raises(NotEstimable, match="no rows"):
        loaded.group_effects(x["site"])


@pytest.mark.slow
def test_a_changed_model_is_not_loaded(tmp_path: Path) -> None:
    """A file that was changed after saving is refused."""
    x, a, y = care(n=200)
    folder = fast().fit(x, a, y).save(tmp_path / "model")
    spec = json.loads((folder / "model.json").read_text())
    spec["settings"]["better"] = "higher"
    (folder / "model.json").write_text(json.dumps(spec))
    with pytest.raises(Damaged):
        TreatmentEffect.load(folder)
    with pytest.raises(InputError):
        TreatmentEffect.load(tmp_path / "nothing")


def test_a_rule_is_learned_from_the_scores() -> None:
    """A policy says who gets which arm, and is the same when asked again."""
    x, a, y = care()
    model = fast(better="higher").fit(x, a, y)
    rule = model.policy(depth=1)
    assert set(rule.assign(x)) <= {"0", "1"}
    assert model.policy(depth=1) is rule


def test_without_overlap_nobody_has_an_effect() -> None:
    """Where chances leave most rows outside, neither average nor anybody's effect is told."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1500, 2))
    a = (rng.random(1500) < 1 / (1 + np.exp(-6 * x[:, 0]))).astype(int)
    model = fast().fit(x, a, x[:, 0] + a + rng.normal(size=1500))
    assert not model.overlap.sufficient
    for ask in (model.effect, model.effect_interval):
        with pytest.raises(NotEstimable, match="outside common support"):
            ask(x[:3])
    with pytest.raises(NotEstimable):
        model.average_effect()


@pytest.mark.parametrize("outcome", ["continuous", "binary", "time-to-event"])
def test_every_kind_of_outcome_has_its_sensitivity(outcome: str) -> None:
    """E-value and robustness are told for means and risks, none below no effect at all."""
    x, a, y = care()
    given: Any = {"continuous": y, "binary": (y > 0).astype(int), "time-to-event": competing()}
    horizon = 4.0 if outcome == "time-to-event" else None
    found = fast(outcome=outcome, horizon=horizon).fit(x, a, given[outcome]).sensitivity()
    assert found.e_value is not None
    assert found.e_value.point >= found.e_value.limit >= 1
    assert 1 > found.robustness.point >= found.robustness.limit >= 0
    assert "unmeasured cause" in str(found)


def test_a_mean_time_has_no_e_value() -> None:
    """For a mean time up to the horizon the robustness alone is told."""
    x, a, _ = care()
    model = fast(outcome="time-to-event", horizon=4.0, measure="rmst").fit(x, a, competing())
    assert model.sensitivity().e_value is None
