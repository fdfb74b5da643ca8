"""Polygenic scores that stand on a patient's timeline, for her report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from osler.genome.score.findings import KIND, NO_REFERENCE, RELATIVE
from osler.model import Finding, Provenance, Reason
from osler.workflows.patient.part import Part

PREFIX = "PGS//"
# As `osler.genome.score.codes` writes where a sum stands: `z +1.23 (Z_norm2)`.
STANDING = re.compile(r"z (?P<z>[+-]?\d+(\.\d+)?)\b")
NOT_COMPUTED = "the value is the one that stands on the timeline; it was not computed anew"


def scores(events: pl.DataFrame, descriptions: Mapping[str, str], provenance: Provenance) -> Part:
    """Return the latest value of each polygenic score on a timeline.

    A sum alone says nothing: its finding abstains. One that stands beside a reference has its
    Z score as value.

    Parameters
    ----------
    events
        The patient's timeline, with what was derived about polygenic scores.
    descriptions
        What the vault's codes mean.
    """
    latest = (
        events.filter(
            pl.col("code").str.starts_with(PREFIX) & pl.col("numeric_value").is_not_null()
        )
        .group_by("code", maintain_order=True)
        .agg(pl.col("numeric_value", "text_value", "time").last())
    )
    section = [
        {
            "score_id": code.removeprefix(PREFIX),
            "what": descriptions.get(code),
            "value": float(value),
            "standing": text if text and STANDING.match(text) else None,
            "date": None if time is None else time.date().isoformat(),
        }
        for code, value, text, time in latest.iter_rows()
    ]
    return Part(tuple(_finding(one, provenance) for one in section), section or None)


def _finding(score: Mapping[str, Any], provenance: Provenance) -> Finding:
    name, total, standing = score["score_id"], score["value"], score["standing"]
    told = STANDING.match(standing) if standing else None
    beside = standing if told else "cannot be compared with anybody"
    reported = f"{PREFIX}{name}, sum {total:.4g}, reported {score['date'] or 'without a date'}"
    return Finding(
        kind=KIND,
        statement=f"polygenic score {name}: {beside}",
        value=float(told["z"]) if told else None,
        unit="standard deviations" if told else None,
        interval=None,
        reasons=(Reason(reported, None, "timeline"),),
        evidence=(),
        caveats=(RELATIVE, NOT_COMPUTED) if told else (NO_REFERENCE, RELATIVE, NOT_COMPUTED),
        status="final" if told else "abstained",
        provenance=provenance,
    )
