"""The people whose reports the demo shows."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest

from osler.workflows.demo import spread_over_risk

RUN = SimpleNamespace(
    results={"outcome": {"event": "death", "horizons": [{"label": "5y"}]}},
    predictions=pl.DataFrame(
        {"subject_id": range(100, 0, -1), "death|5y": [one / 100 for one in range(1, 101)]}
    ),
)


def test_they_are_spread_over_the_risk() -> None:
    """From low to high, each in the middle of its share."""
    assert spread_over_risk(RUN, 2) == [75, 25]


def test_the_nearest_with_evidence_are_taken() -> None:
    """One of whose tumour something is known stands for her neighbours; nobody comes twice."""
    assert spread_over_risk(RUN, 2, {70, 20, 1}) == [70, 20]
    assert spread_over_risk(RUN, 3, {50, 49}) == [50, 49, 17]


@pytest.mark.parametrize(("asked", "shown"), [(0, 0), (100, 100), (500, 100)])
def test_as_many_as_there_are(asked: int, shown: int) -> None:
    """None, all, and never more than there are."""
    assert len(set(spread_over_risk(RUN, asked, {3}))) == shown
