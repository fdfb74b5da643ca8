"""Polygenic scores that stand on a patient's timeline, for her report."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from osler.model import Finding, Provenance, Reason
from osler.workflows.patient.part import Part

PREFIX = "PGS//"
KIND = "polygenic score"
LIMITS = (
    "a score compares people of one population, those it was made in; alone it is no risk",
    "the value is the one that was loaded; it was not computed anew",
)


def scores(events: pl.DataFrame, descriptions: Mapping[str, str], provenance: Provenance) -> Part:
    """Return the latest value of each polygenic score on a timeline."""
    latest = (
        events.filter(
            pl.col("code").str.starts_with(PREFIX) & pl.col("numeric_value").is_not_null()
        )
        .group_by("code", maintain_order=True)
        .agg(pl.col("numeric_value", "time").last())
    )
    section = [
        {
            "score_id": code.removeprefix(PREFIX),
            "what": descriptions.get(code),
            "value": float(value),
            "date": None if time is None else time.date().isoformat(),
        }
        for code, value, time in latest.iter_rows()
    ]
    return Part(tuple(_finding(one, provenance) for one in section), section or None)


def _finding(score: Mapping[str, str | float | None], provenance: Provenance) -> Finding:
    name, value, date = score["score_id"], score["value"], score["date"]
    return Finding(
        kind=KIND,
        statement=f"polygenic score {name}: {value:.4g}",
        value=value,
        unit=None,
        interval=None,
        reasons=(Reason(f"{PREFIX}{name}, reported {date or 'without a date'}", None, "timeline"),),
        evidence=(),
        caveats=LIMITS,
        status="final",
        provenance=provenance,
    )
