"""What is known of a patient at a moment, in words."""

from __future__ import annotations

from typing import Any

import polars as pl

from osler.model import BIRTH
from osler.workflows.study.wording import in_words

MOST_LINES = 60
NAMED_BY_GENE = {
    "GENOTYPE": "Genotype",
    "PHENOTYPE": "Phenotype by genes",
    "MUTATION": "Mutation",
    "GENE_ALTERED": "Gene altered",
    "PGS": "Polygenic score",
}


def known(
    events: pl.DataFrame, descriptions: dict[str, str], until: Any = None
) -> list[dict[str, Any]]:
    """Return the latest value of each thing known, newest first, static ones last.

    Parameters
    ----------
    events
        One subject's timeline.
    descriptions
        Code to description.
    until
        Leave out what came later; None takes all.

    Returns
    -------
    list of dict
        `what`, `value` in words, `date` (ISO, None when static), `code`, `times` it was recorded.
    """
    if until is not None:
        events = events.filter(pl.col("time").is_null() | (pl.col("time") <= until))
    latest = (
        events.group_by("code", maintain_order=True)
        .agg(pl.col("time", "numeric_value", "text_value").last(), pl.len().alias("times"))
        .sort("time", descending=True, nulls_last=True, maintain_order=True)
    )
    return [_line(row, descriptions) for row in latest.head(MOST_LINES).iter_rows(named=True)]


def _line(row: dict[str, Any], descriptions: dict[str, str]) -> dict[str, Any]:
    code, time = row["code"], row["time"]
    return {
        "what": "Born" if code == BIRTH else descriptions.get(code) or code_in_words(code),
        "value": value_in_words(
            code, row["numeric_value"], row["text_value"], described=code in descriptions
        ),
        "date": None if time is None else time.date().isoformat(),
        "code": code,
        "times": row["times"],
    }


def code_in_words(code: str) -> str:
    """Return a code's parts as words; the names of genes and scores keep their letters.

    Examples
    --------
    >>> code_in_words("GENOTYPE//CYP2D6//*1/*4")
    'Genotype CYP2D6'
    """
    kind, _, rest = code.partition("//")
    if kind not in NAMED_BY_GENE:
        return in_words(code)
    return f"{NAMED_BY_GENE[kind]} {rest.partition('//')[0]}".strip()


def value_in_words(
    code: str, numeric: float | None, text: str | None, *, described: bool = False
) -> str:
    """Return an event's value with its unit, else its text, else what its name leaves of it."""
    parts = code.split("//")
    if numeric is not None:
        unit = parts[2] if len(parts) > 2 else ""
        return f"{numeric:.4g} {unit}".strip()
    if text:
        return text
    return "" if described or len(parts) < 3 else parts[-1].replace("_", " ")
