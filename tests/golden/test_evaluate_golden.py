"""Metrics of time to event beside scikit-survival 0.28.0 (numbers and data in the file)."""

import json
from pathlib import Path

import numpy as np
import pytest

from osler.evaluate import compare, time_to_event

GOLDEN = json.loads(Path(__file__).with_name("scikit_survival.json").read_text())
CASES = [(case, kind) for case in range(3) for kind in ("continuous", "tied")]


def outcome(given):
    """Return the structured array of an outcome in the file."""
    pairs = list(zip(given["event"], given["time"], strict=True))
    return np.array(pairs, dtype=[("event", bool), ("time", float)])


@pytest.mark.parametrize(("number", "kind"), CASES)
def test_metrics_equal_those_of_scikit_survival(number, kind):
    """C, AUC, Brier and their averages are scikit-survival's to nine digits."""
    case, times = GOLDEN["cases"][number], GOLDEN["times"]
    score = np.array(case["test"]["score"])
    score = np.round(score) if kind == "tied" else score
    survival = np.exp(-np.outer(np.exp(score), np.array(times) / 10))
    found = time_to_event(
        outcome(case["train"]), outcome(case["test"]), survival, times, bootstrap=0
    )
    expected = case[kind]
    for name in ("harrell_c", "uno_c", "auc_mean", "ibs"):
        assert found[name].value == pytest.approx(expected[name], abs=1e-9), name
    for time, auc, brier in zip(times, expected["auc"], expected["brier"], strict=True):
        assert found[f"auc_{time:g}d"].value == pytest.approx(auc, abs=1e-9)
        assert found[f"brier_{time:g}d"].value == pytest.approx(brier, abs=1e-9)


def test_a_bare_score_has_the_same_concordance():
    """The difference between two bare scores is the difference of their scikit-survival C."""
    case = GOLDEN["cases"][0]
    score = np.array(case["test"]["score"])
    told = compare(
        "uno_c",
        outcome(case["test"]),
        score,
        np.round(score),
        y_train=outcome(case["train"]),
        times=GOLDEN["times"],
        bootstrap=0,
    )
    expected = case["continuous"]["uno_c"] - case["tied"]["uno_c"]
    assert told.value == pytest.approx(expected, abs=1e-9)
