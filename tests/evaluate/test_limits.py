"""Gates: limits read, metrics held against them, and nothing presumed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler import InputError
from osler.evaluate import DEFAULT_LIMITS, GroupRow, GroupTable, check_limits, gates
from osler.model import Estimate

GOOD = {
    "uno_c": Estimate(0.72, 0.68, 0.76),
    "calibration_slope": Estimate(1.02, 0.85, 1.2),
    "ici": Estimate(0.02, 0.01, 0.03),
}


def row(oe, low, high, label="a", suppressed=False):
    """Return a group with an O/E."""
    metrics = {} if suppressed else {"oe": Estimate(oe, low, high)}
    return GroupRow({"site": label}, "<50" if suppressed else 99, None, suppressed, metrics)


def test_limits_of_a_study_file_are_met_or_not():
    """Ranges, bare numbers and min are read; each gate says why."""
    limits = {"calibration_slope": [0.8, 1.25], "ici": 0.01, "c": {"min": 0.6}}
    found = {gate.limit: gate for gate in gates(limits, GOOD)}
    assert {name: gate.passed for name, gate in found.items()} == {
        "calibration_slope": True,
        "ici": False,
        "c": True,
    }
    assert found["ici"].bound == "at most 0.01"
    assert "does not meet" in found["ici"].why
    assert found["c"].value == 0.72


def test_objects_of_a_results_file_will_do():
    """Metrics read back from JSON, null for NaN, are judged alike."""
    told = {name: one.to_json() for name, one in GOOD.items()}
    told["ici"] = {"value": None, "low": None, "high": None}
    found = gates({"calibration_slope": [0.8, 1.25], "ici": 0.05}, told)
    assert [gate.passed for gate in found] == [True, False]
    assert found[0].to_json()["limit"] == "calibration_slope"


@pytest.mark.parametrize("metrics", [{}, {"ici": Estimate(float("nan"), 0.0, 0.0, meaning="x")}])
def test_what_was_not_measured_does_not_pass(metrics):
    """A missing or NaN metric closes its gate."""
    (gate,) = gates({"ici": 0.05}, metrics)
    assert not gate.passed
    assert gate.value is None


@pytest.mark.parametrize(
    ("judge", "passed"), [("value", True), ("proven", False), ("compatible", True)]
)
def test_how_strictly_is_a_choice(judge, passed):
    """The value, the whole interval, or any of it must meet the limit."""
    limit = {"uno_c": {"min": 0.7, "judge": judge}}
    assert gates(limit, GOOD)[0].passed is passed


def test_groups_fail_only_when_their_interval_lies_outside():
    """Noise alone closes no gate; a group that is surely wrong does, and is named."""
    limit = {"group_oe": [0.8, 1.25]}
    noisy = GroupTable((row(1.5, 1.1, 2.0), row(9.0, 8.0, 9.9, suppressed=True)), "")
    assert gates(limit, {}, noisy)[0].passed
    wrong = GroupTable((row(1.0, 0.9, 1.1), row(2.0, 1.6, 2.4, "b")), "")
    (gate,) = gates(limit, {}, wrong)
    assert (gate.passed, gate.value) == (False, 2.0)
    assert "site b" in gate.why
    assert gates(limit, {}, wrong.to_json())[0] == gate


def test_without_a_group_to_judge_the_gate_is_closed():
    """Groups too small to be shown cannot prove fairness."""
    (gate,) = gates({"group_oe": [0.8, 1.25]}, {}, [row(1, 1, 1, suppressed=True)])
    assert not gate.passed
    assert "no group" in gate.why


def test_without_an_interval_the_value_is_judged():
    """With no resamples `compatible` falls back on the estimate."""
    nan = float("nan")
    assert not gates({"group_oe": [0.8, 1.25]}, {}, [row(2.0, nan, nan)])[0].passed


def test_defaults_apply_only_when_nothing_was_said():
    """None means the defaults, an empty mapping means no limits."""
    assert [gate.limit for gate in gates(None, GOOD)] == list(DEFAULT_LIMITS)
    assert gates({}, GOOD) == []
    assert check_limits(DEFAULT_LIMITS) == []


def test_unreadable_limits_are_told_all_at_once():
    """Each wrong limit is one fault with its key."""
    limits = {
        "calibration_slope": 0.9,
        "ici": [0.1],
        "oe": [2, 1],
        "c": {"minimum": 0.6},
        "uno_c": "high",
        "auroc": {"min": 0.6, "judge": "kindly"},
        "ibs": None,
        "brier_5y": True,
        "harrell_c": float("nan"),
    }
    with pytest.raises(InputError) as caught:
        gates(limits, GOOD)
    assert len(caught.value.faults) == len(limits)
    assert "it can be wrong both ways" in str(caught.value)


@given(st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_proven_implies_value_implies_compatible(value, low, high):
    """Stricter ways of judging never pass what a laxer one refuses."""
    low, high = min(value, low), max(value, high)
    passed = [
        gates({"ici": {"max": 0.5, "judge": judge}}, {"ici": Estimate(value, low, high)})[0].passed
        for judge in ("proven", "value", "compatible")
    ]
    assert passed == sorted(passed)
