"""Metrics within groups: who is shown, who is hidden, who differs."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from osler import InputError
from osler.evaluate import groups, incidence


@pytest.fixture
def judged(world):
    """Return 900 subjects with their true risk of cause 1 at 5, and two group variables."""
    made = world(900, seed=1)
    rng = np.random.default_rng(2)
    age = np.where(rng.random(900) < 0.5, "50-59", "60-69")
    site = np.where(np.arange(900) < 20, "small", np.where(rng.random(900) < 0.5, "a", "b"))
    return made, made.incidence([5.0])[:, 0], {"age": age, "site": site}


def test_each_group_has_its_own_metrics_and_differences(judged):
    """Observed risk is the group's own estimate; differences to everyone have intervals."""
    made, risk, variables = judged
    table = groups(made.y, risk, variables, ["age"], horizon=5.0, cause=1, bootstrap=50)
    row = table.rows[0]
    index = variables["age"] == "50-59"
    assert (row.group, row.n, row.suppressed) == ({"age": "50-59"}, int(index.sum()), False)
    observed = incidence(made.y[index], [5.0])[1].value[0]
    assert row.metrics["observed_risk"].value == pytest.approx(observed)
    assert row.metrics["predicted_risk"].value == pytest.approx(risk[index].mean())
    assert row.metrics["oe"].value == pytest.approx(observed / risk[index].mean())
    for name in ("uno_c", "uno_c_difference", "calibration_in_the_large_difference"):
        one = row.metrics[name]
        assert one.low <= one.value <= one.high
    assert row.events == int(((made.y["event"] == 1) & (made.y["time"] <= 5) & index).sum())


def test_intersections_and_small_groups(judged):
    """Pairs are crossed; a small group shows no number but its bound."""
    made, risk, variables = judged
    table = groups(
        made.y, risk, variables, ["site", ("age", "site")], horizon=5.0, cause=1, bootstrap=20
    )
    assert [row.group for row in table.rows[:3]] == [
        {"site": "a"},
        {"site": "b"},
        {"site": "small"},
    ]
    assert len(table.rows) == 3 + 6
    hidden = [row for row in table.rows if row.suppressed]
    assert {row.group["site"] for row in hidden} == {"small"}
    for row in hidden:
        assert (row.n, row.events, row.metrics) == ("<50", None, {})
    assert "6 groups are looked at" in table.note


def test_a_group_that_differs_stands_out_and_equal_ones_do_not(judged):
    """Double risk in one group is found after correction for the number of groups."""
    made, risk, variables = judged
    wrong = np.where(variables["age"] == "60-69", risk / 3, risk)
    table = groups(made.y, wrong, variables, ["age"], horizon=5.0, cause=1, bootstrap=100)
    stands = {row.group["age"]: row.stands_out for row in table.rows}
    assert "calibration_in_the_large" in stands["60-69"]
    fair = groups(made.y, risk, variables, ["age"], horizon=5.0, cause=1, bootstrap=100)
    assert all(not row.stands_out for row in fair.rows)


def test_missing_labels_are_a_group_of_their_own(judged):
    """Null, NaN and empty labels become "unknown", listed last."""
    made, risk, variables = judged
    age = [None if i % 3 == 0 else label for i, label in enumerate(variables["age"])]
    for frame in (pl.DataFrame({"age": age}), pd.DataFrame({"age": age}, dtype="category")):
        table = groups(made.y, risk, frame, horizon=5.0, bootstrap=10)
        assert table.rows[-1].group == {"age": "unknown"}
        assert table.rows[-1].n == 300


def test_labels_need_no_horizon():
    """With 0/1 outcomes the discrimination is the AUROC."""
    rng = np.random.default_rng(0)
    risk = rng.random(300)
    y = rng.random(300) < risk
    table = groups(y, risk, {"sex": rng.integers(0, 2, 300)}, bootstrap=20)
    assert {"auroc", "oe", "auroc_difference"} <= set(table.rows[0].metrics)
    assert json.loads(json.dumps(table.to_json(), allow_nan=False))[0]["group"] == {"sex": "0"}


def test_sizes_count_subjects_not_rows(judged):
    """Sixty rows of thirty subjects are thirty."""
    made, risk, _ = judged
    subjects = np.arange(900) // 2
    label = np.where(np.arange(900) < 60, "few", "many")
    table = groups(made.y, risk, {"g": label}, horizon=5.0, subjects=subjects, bootstrap=10)
    assert table.rows[0].suppressed
    assert table.rows[1].n == 420


def test_too_few_events_withhold_the_concordance_only(make_outcome):
    """A group of sixty without events has no C but an O/E."""
    event = np.r_[np.zeros(60), np.tile([0, 1], 60)].astype(int)
    y = make_outcome(event, np.r_[np.full(60, 6.0), np.linspace(1, 6, 120)])
    label = np.repeat(["none", "some"], [60, 120])
    table = groups(y, np.full(180, 0.3), {"g": label}, horizon=5.0, bootstrap=20)
    none = table.rows[0]
    assert np.isnan(none.metrics["uno_c"].value)
    assert "fewer than 5 events" in none.metrics["uno_c"].meaning
    assert none.metrics["oe"].value == 0


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (["nothing"], "no variable nothing; expected of age, site"),
        ([("age", "age")], "a group of 2 variables"),
        ([("age", "site", "age")], "one, or two different"),
    ],
)
def test_wrong_groups_are_named(judged, by, message):
    """Unknown or repeated variables are faults."""
    made, risk, variables = judged
    with pytest.raises(InputError, match=message):
        groups(made.y, risk, variables, by, horizon=5.0)


def test_a_number_is_not_a_group_variable(judged):
    """Hundreds of levels are refused with the remedy, and no label is shown."""
    made, risk, _ = judged
    with pytest.raises(InputError, match="put numbers into bands") as caught:
        groups(made.y, risk, {"age_years": np.arange(900) + 0.5}, horizon=5.0)
    assert "17.5" not in str(caught.value)


def test_labels_of_another_length_are_a_fault(judged):
    """One label per row."""
    made, risk, _ = judged
    with pytest.raises(InputError, match="3 entries"):
        groups(made.y, risk, {"g": ["a", "b", "c"]}, horizon=5.0)
