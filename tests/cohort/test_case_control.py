"""Controls for cases, and several outcomes of the same rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from osler.cohort import Cohort, build, build_endpoints, case_control
from osler.errors import InputError
from osler.testing import DAY_ZERO, cohort, patient


def timed(seed: int = 0, n: int = 200) -> Cohort:
    """Return a made-up cohort with a time to event."""
    rng = np.random.default_rng(seed)
    rows = pl.DataFrame(
        {
            "subject_id": np.arange(n),
            "prediction_time": pl.Series([DAY_ZERO] * n, dtype=pl.Datetime("us")),
            "duration_days": rng.integers(1, 60, n).astype(float),
            "cause": rng.choice([0, 1, 2], n, p=[0.7, 0.15, 0.15]),
            "entry_days": np.zeros(n),
        }
    )
    return Cohort(rows, (), ("death", "other"))


def test_each_case_gets_controls_that_are_none():
    """Without a risk set no control is ever a case, and none stands twice in a set."""
    whole = timed()
    found = case_control(whole, controls=3)
    cases = int((whole.rows["cause"] == 1).sum())
    assert found.rows["set"].n_unique() == cases
    sizes = found.rows.group_by("set").agg(
        pl.len(), pl.col("subject_id").n_unique().alias("subjects"), pl.col("is_case").sum()
    )
    assert sizes.select("len", "subjects", "is_case").unique().rows() == [(4, 4, 1)]
    assert (found.rows.filter(~pl.col("is_case"))["cause"] != 1).all()
    assert found.flow[-1].rows == found.rows.height == 4 * cases


def test_controls_of_a_risk_set_are_still_at_risk():
    """They outlast their case, came in before it, and may become cases themselves."""
    whole = timed()
    late = whole.rows.with_columns(entry_days=pl.col("duration_days") / 2)
    found = case_control(Cohort(late, (), whole.causes), controls=5, risk_set=True).rows
    case = found.filter("is_case").select("set", pl.col("duration_days").alias("when"))
    drawn = found.filter(~pl.col("is_case")).join(case, on="set")
    assert (drawn["duration_days"] > drawn["when"]).all()
    assert (drawn["entry_days"] <= drawn["when"]).all()
    assert (drawn["cause"] == 1).any()


def test_case_and_controls_are_alike():
    """Equal where asked to be equal, near where asked to be near; nothing is near a missing one."""
    whole, rng = timed(n=400), np.random.default_rng(1)
    age = pl.Series(rng.integers(30, 90, 400)).cast(pl.Float64)
    match = pl.DataFrame({"sex": rng.choice(["F", "M"], 400), "age": age.set(age > 85, None)})
    found = case_control(whole, match=match, within={"age": 3}).rows
    joined = found.join(
        match.with_row_index("subject_id").cast({"subject_id": pl.Int64}), on="subject_id"
    )
    case = joined.filter("is_case").select("set", own_sex="sex", own_age="age")
    drawn = joined.filter(~pl.col("is_case")).join(case, on="set")
    assert (drawn["sex"] == drawn["own_sex"]).all()
    assert ((drawn["age"] - drawn["own_age"]).abs() <= 3).all()
    assert drawn["age"].null_count() == 0
    assert drawn.height > 100


def test_the_draw_does_not_depend_on_the_order_of_rows():
    """Sharded another way, the same people are drawn; another seed draws others."""
    whole = timed()
    turned = Cohort(whole.rows.reverse(), (), whole.causes)
    assert case_control(whole).rows.equals(case_control(turned).rows)
    assert not case_control(whole, seed=1).rows.equals(case_control(whole).rows)


@pytest.mark.parametrize("risk_set", [False, True])
def test_rows_weighted_by_their_chance_stand_for_the_cohort(risk_set):
    """Over many draws each row is in the sample as often as its chance says."""
    whole = timed(n=60)
    drawn, chance = np.zeros(60), np.zeros(60)
    for seed in range(400):
        rows = case_control(whole, controls=1, risk_set=risk_set, seed=seed).rows
        inside = rows.unique("subject_id")
        drawn[inside["subject_id"].to_numpy()] += 1
        chance[inside["subject_id"].to_numpy()] = inside["chance"].to_numpy()
    known = chance > 0
    assert np.abs(drawn[known] / 400 - chance[known]).max() < 0.12
    # Without a case's own control the case is left out, whatever its chance.
    assert known.sum() > 30


def test_a_subject_is_no_control_of_its_own_case():
    """Other rows of the case's subject are left aside; a case without controls is left out."""
    rows = timed(n=3).rows.with_columns(
        subject_id=pl.Series([1, 1, 2]), cause=pl.Series([1, 0, 1]), duration_days=pl.lit(5.0)
    )
    found = case_control(Cohort(rows, (), ("death",)))
    assert found.rows.select("subject_id", "is_case").rows() == [(2, True), (1, False)]
    assert [step.rows for step in found.flow] == [1, 2]


def test_no_case_gives_an_empty_sample():
    """An empty cohort, and one without cases, are answered."""
    for rows in (timed().rows.clear(), timed().rows.with_columns(cause=pl.lit(0))):
        found = case_control(Cohort(rows, (), ("death",)))
        assert found.rows.height == 0
        assert {"set", "is_case", "chance"} <= set(found.rows.columns)


def test_what_does_not_fit_is_refused():
    """All faults at once."""
    whole = timed()
    with pytest.raises(InputError) as caught:
        case_control(
            Cohort(whole.rows.select("subject_id", "prediction_time"), ()),
            controls=0,
            match=pl.DataFrame({"sex": ["F"]}),
            within={"sex": 1},
            risk_set=True,
        )
    assert len(caught.value.faults) == 5


def test_several_outcomes_of_the_same_rows():
    """Each endpoint is what a study of its own would find, from one reading of the events."""
    events = cohort(
        patient(subject_id=1).event("OP", day=0).event("RELAPSE", day=5).event("MEDS_DEATH", day=9),
        patient(subject_id=2).event("RELAPSE", day=-5).event("OP", day=0).event("VISIT", day=7),
    )
    codes = {"op": "OP", "relapse": "RELAPSE", "death": "MEDS_DEATH"}
    task = {"predicates": {k: {"code": v} for k, v in codes.items()}, "trigger": "op"}
    outcomes = {"relapse": {"event": "relapse"}, "death": {"event": "death", "horizon": "30d"}}
    found = build_endpoints(events, task, outcomes)
    for name, outcome in outcomes.items():
        alone = build(events, task, outcome)
        assert found[name].rows.equals(alone.rows)
        assert found[name].flow == alone.flow
    assert found["relapse"].rows["duration_days"].to_list() == [5.0]
    assert found["death"].rows["duration_days"].to_list() == [9.0, 7.0]
    with pytest.raises(InputError) as caught:
        build_endpoints(events, task, {"a": {"event": "x"}, "b": {"event": "y"}})
    assert [fault.where for fault in caught.value.faults] == ["outcome a.event", "outcome b.event"]
