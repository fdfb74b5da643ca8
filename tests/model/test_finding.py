"""Findings: no claim without a reason, none without a limit or its evidence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from osler.model import Evidence, Finding, Interval, Provenance, Reason

FINDING = Finding(
    kind="prognosis",
    statement="18 of 100 women like this die of the disease within ten years",
    value=0.18,
    unit="risk by 10 years",
    interval=Interval(0.12, 0.25),
    reasons=(Reason("tumour of 31 mm", 0.04, "MEASUREMENT//tumour_size//mm"),),
    evidence=(Evidence("internal validation", "5-fold", "results.json"),),
    caveats=("under the care of that era",),
    status="final",
    provenance=Provenance("osler 0.1.0", "2026-01-01T00:00:00Z"),
)


def test_a_final_finding_needs_a_reason() -> None:
    """Nothing is claimed of a patient without saying why."""
    with pytest.raises(ValueError, match="at least one reason"):
        replace(FINDING, reasons=())


def test_an_abstained_finding_needs_no_reason() -> None:
    """A model that may not speak gives a caveat instead of a value."""
    silent = replace(FINDING, status="abstained", value=None, interval=None, reasons=())
    assert silent.to_json()["value"] is None


@pytest.mark.parametrize("status", ["final", "abstained"])
def test_every_finding_has_a_limit_or_its_evidence(status: str) -> None:
    """A finding with neither caveat nor evidence cannot be made, whatever its status."""
    with pytest.raises(ValueError, match="caveat or evidence"):
        replace(FINDING, status=status, caveats=(), evidence=())


def test_a_finding_is_plain_json_with_the_published_keys() -> None:
    """The JSON object has the keys that others script against."""
    written = json.loads(json.dumps(FINDING.to_json(), allow_nan=False))
    assert set(written) == {
        "kind",
        "statement",
        "value",
        "unit",
        "interval",
        "reasons",
        "evidence",
        "caveats",
        "status",
        "provenance",
        "cause",
        "horizon",
    }
    assert set(written["reasons"][0]) == {"what", "effect", "source"}
    assert set(written["evidence"][0]) == {"source", "level", "citation"}
    assert {"low", "high", "level"} <= set(written["interval"])
