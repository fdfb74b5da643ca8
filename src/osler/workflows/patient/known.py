"""What is known of a patient at a moment, in words."""

from __future__ import annotations

from typing import Any

import polars as pl

from osler.model import BIRTH
from osler.workflows.study.wording import in_words

MOST_LINES = 60
MOST_VARIANTS = 12
GENOTYPE = r"^[0-9.]+([/|][0-9.]+)*$"
VARIANT, MUTATION, ALTERED = "VARIANT", "MUTATION", "GENE_ALTERED"
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
    inherited = latest.filter(_is_inherited())
    lines = []
    if inherited.height > MOST_VARIANTS:
        latest = latest.filter(~_is_inherited())
        lines = [_together(inherited)]
    shown = latest.filter(~pl.col("code").is_in(_repeated(latest)))
    lines += [_line(row, descriptions) for row in shown.head(MOST_LINES).iter_rows(named=True)]
    return sorted(lines, key=lambda line: line["date"] or "", reverse=True)


def _is_inherited() -> pl.Expr:
    """Return which events are variants of a VCF: their text is a genotype."""
    genotype = pl.col("text_value").fill_null("").str.contains(GENOTYPE)
    return pl.col("code").str.starts_with(f"{VARIANT}//") & genotype


def _together(variants: pl.DataFrame) -> dict[str, Any]:
    times = variants["time"].drop_nulls()
    return {
        "what": "Variants of the inherited genome",
        "value": f"{variants.height:,}",
        "date": times[0].date().isoformat() if times.len() else None,
        "code": VARIANT,
        "times": 1,
    }


def _repeated(latest: pl.DataFrame) -> list[str]:
    """Return the codes that tell a mutation again: a variant has it whole, its gene once more.

    A reader of MAF files writes `VARIANT//`, `MUTATION//` and `GENE_ALTERED//` for one mutation,
    each for another use.
    """
    told: dict[str, set[tuple[Any, str, str]]] = {VARIANT: set(), MUTATION: set(), ALTERED: set()}
    codes: dict[tuple[str, Any, str, str], str] = {}
    of_mutations = latest.filter(pl.col("code").str.contains(f"^({'|'.join(told)})//"))
    for code, time, text in of_mutations.select("code", "time", "text_value").iter_rows():
        kind, _, rest = code.partition("//")
        if not text:
            continue
        words = text.split(" ")
        gene, protein = words[:2] if kind == VARIANT and len(words) > 1 else (rest, text)
        mutation = (time, gene.partition("//")[0], protein)
        told[kind].add(mutation)
        codes[kind, *mutation] = code
    again = [(MUTATION, one) for one in told[MUTATION] & told[VARIANT]]
    again += [(ALTERED, one) for one in told[ALTERED] & (told[VARIANT] | told[MUTATION])]
    return [codes[kind, *one] for kind, one in again]


def _line(row: dict[str, Any], descriptions: dict[str, str]) -> dict[str, Any]:
    code, time = row["code"], row["time"]
    what, value = _words(code, row["numeric_value"], row["text_value"], descriptions)
    return {
        "what": what,
        "value": value,
        "date": None if time is None else time.date().isoformat(),
        "code": code,
        "times": row["times"],
    }


def _words(
    code: str, numeric: float | None, text: str | None, descriptions: dict[str, str]
) -> tuple[str, str]:
    """Return what an event is about, and its value."""
    if code == BIRTH:
        return "Born", ""
    described = descriptions.get(code)
    kind, _, rest = code.partition("//")
    if kind == VARIANT:
        return _variant(rest, text, described)
    if described is None and numeric is None and not text and rest and "//" not in rest:
        # The name of the value keeps its letters: LumA, not luma.
        named = kind in NAMED_BY_GENE
        return (code_in_words(code), "") if named else (in_words(kind), rest.replace("_", " "))
    value = value_in_words(code, numeric, text, described=described is not None)
    return described or code_in_words(code), value


def _variant(rest: str, text: str | None, described: str | None) -> tuple[str, str]:
    """Return a variant as its gene and protein say it, else by its place."""
    if described is None or described != text:
        build, _, place = rest.partition("//")
        return f"Variant {place} ({build})", text or ""
    mutation, _, classification = described.rpartition(" ")
    return mutation or described, classification.replace("_", " ").lower() if mutation else ""


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
