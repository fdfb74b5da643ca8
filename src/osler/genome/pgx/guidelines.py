"""The guidelines of a release: for each drug, rows that are looked up by what its genes are.

CPIC's guidelines come in two forms, the annotations of ClinPGx and an export of CPIC's own
database, each with its own date. For a drug that both have, the newer one with rows counts.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from osler.knowledge import Release

ANNOTATIONS = "guidelines/"
EXPORT = "drugs"
PAIRS = "pypgx/cpic"
HIGH_LEVELS = ("A", "A/B")
CPIC = "CPIC"
XN = "xN combinations"
Key = tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """What a guideline recommends for one population, given what the genes are.

    Attributes
    ----------
    population
        Indication or drug history, such as `CVI ACS PCI`; never ancestry.
    deviates
        Whether it asks for another dose, another drug or other care than usual; None if not told.
    """

    population: str
    classification: str | None
    implications: tuple[str, ...]
    recommendation: str
    deviates: bool | None


@dataclass(frozen=True)
class Guideline:
    """What is recommended for one drug.

    Attributes
    ----------
    rows
        By what the genes are, in the order of `genes`.
    table, date
        The table of the release that it comes from, and that table's own date.
    """

    drug: str
    source: str
    genes: tuple[str, ...]
    rows: Mapping[Key, tuple[Row, ...]]
    table: str
    date: str
    url: str
    citation: str
    note: str = ""
    rxnorm: str | None = None

    @cached_property
    def vocabulary(self) -> dict[str, frozenset[str]]:
        """What each gene can be in this guideline."""
        return {gene: frozenset(key[at] for key in self.rows) for at, gene in enumerate(self.genes)}


def read_guidelines(release: Release) -> tuple[Guideline, ...]:
    """Read the guidelines of a release: one for each drug, the newest that has rows, by name.

    A drug that CPIC lists at a high level for a gene of the release, and of which the release has
    no guideline, comes without rows, so that a result can say so.
    """
    newest = {one.drug: one for one in _pairs(release)}
    export = {one.drug: one for one in _export(release)}
    for one in (*export.values(), *_annotations(release)):
        other = newest.get(one.drug)
        if other is None or (bool(one.rows), one.date) >= (bool(other.rows), other.date):
            newest[one.drug] = one
    return tuple(_with_rxnorm(newest[drug], export) for drug in sorted(newest))


def _with_rxnorm(guideline: Guideline, export: Mapping[str, Guideline]) -> Guideline:
    known = export.get(guideline.drug)
    if guideline.rxnorm is not None or known is None:
        return guideline
    return replace(guideline, rxnorm=known.rxnorm, note=guideline.note or known.note)


def _annotations(release: Release) -> Iterator[Guideline]:
    for name in release.names(ANNOTATIONS):
        content = json.loads(release.read(name))
        about = content["guideline"]
        genes = tuple(sorted(gene["symbol"] for gene in about["relatedGenes"]))
        rows = _rows_by_drug(content["recommendations"], genes)
        for chemical in about["relatedChemicals"]:
            drug = chemical["name"]
            yield Guideline(
                drug,
                about["source"],
                genes,
                rows.get(drug, {}),
                name,
                release.table(name).date,
                about["url"],
                newest_citation(content.get("citations", [])),
            )


def _rows_by_drug(
    recommendations: list[dict[str, Any]], genes: Key
) -> dict[str, dict[Key, tuple[Row, ...]]]:
    found: dict[str, dict[Key, tuple[Row, ...]]] = {}
    for one in recommendations:
        lookup = one["lookupKey"] or {}
        if set(lookup) != set(genes) or XN in lookup.values():
            continue
        key = tuple(lookup[gene] for gene in genes)
        row = _annotated(one)
        for chemical in one["relatedChemicals"]:
            rows = found.setdefault(chemical["name"], {})
            rows[key] = (*rows.get(key, ()), row)
    return found


def _annotated(one: Mapping[str, Any]) -> Row:
    classification = one["classification"]["term"] if one["classification"] else None
    flags = ("dosingInformation", "alternateDrugAvailable", "otherPrescribingGuidance")
    return Row(
        one["population"] or "general",
        classification,
        tuple(one["implications"]),
        one["text"]["html"],
        any(one[flag] for flag in flags),
    )


def _export(release: Release) -> Iterator[Guideline]:
    if EXPORT not in release.names(EXPORT):
        return
    date = release.table(EXPORT).date
    for one in json.loads(release.read(EXPORT)):
        genes = tuple(sorted(one["genes"]))
        rows: dict[Key, tuple[Row, ...]] = {}
        for row in one.get("recommendations") or ():
            if set(row["lookupkey"]) != set(genes):
                continue
            key = tuple(row["lookupkey"][gene] for gene in genes)
            rows[key] = (*rows.get(key, ()), _exported(row))
        yield Guideline(
            one["drugname"],
            CPIC,
            genes,
            rows,
            EXPORT,
            date,
            one["url"],
            newest_citation(one["citations"]),
            one.get("notesonusage") or "",
            str(one["drugid"]).removeprefix("RxNorm:"),
        )


def _pairs(release: Release) -> Iterator[Guideline]:
    if PAIRS not in release.names(PAIRS):
        return
    date = release.table(PAIRS).date
    defined = {name.split("/")[1] for name in release.names("alleles/")}
    defined |= {name.split("/")[1] for name in release.names("phenotypes/")}
    genes: dict[str, list[str]] = {}
    levels: dict[str, str] = {}
    for row in csv.DictReader(io.StringIO(release.read(PAIRS).decode("utf-8"))):
        if row["CPICLevel"] in HIGH_LEVELS and row["Gene"] in defined:
            genes.setdefault(row["Drug"], []).append(row["Gene"])
            levels[row["Drug"]] = f"{row['CPICLevel']}, {row['CPICLevelStatus'].lower()}"
    for drug, found in genes.items():
        note = f"CPIC lists it at level {levels[drug]}"
        yield Guideline(drug, CPIC, tuple(sorted(found)), {}, PAIRS, date, "", "", note)


def _exported(row: Mapping[str, Any]) -> Row:
    comments = row.get("comments")
    text = row["drugrecommendation"]
    if comments and comments != "n/a":
        text = f"{text}\n\n{comments}"
    implications = tuple(f"{gene}: {said}" for gene, said in sorted(row["implications"].items()))
    return Row(row["population"] or "general", row["classification"], implications, text, None)


def newest_citation(citations: list[dict[str, Any]]) -> str:
    """Return the newest publication in one line; empty if there is none.

    Examples
    --------
    >>> newest_citation([{"pmid": "1", "title": "A.", "journal": "J", "year": 2022, "authors": []}])
    'A. J 2022, PMID 1'
    """
    if not citations:
        return ""
    newest = max(citations, key=lambda one: (one.get("year") or 0, str(one.get("pmid") or "")))
    authors = newest.get("authors") or []
    who = f"{authors[0]} et al. " if len(authors) > 1 else "".join(f"{one} " for one in authors)
    title = str(newest["title"]).rstrip(".")
    return f"{who}{title}. {newest['journal']} {newest['year']}, PMID {newest['pmid']}"


BREAKS = re.compile(r"</(?:p|h\d|li|tr|ul|ol|table|div|thead|tbody)>|<br\s*/?>", re.IGNORECASE)
CELL = re.compile(r"</t[dh]>\s*(?=<t[dh])", re.IGNORECASE)
ITEM = re.compile(r"<li[^>]*>", re.IGNORECASE)
TAG = re.compile(r"<[^>]*>")


def plain_text(html: str) -> str:
    r"""Return the text of a recommendation: a line for each paragraph, heading, item and row.

    Examples
    --------
    >>> plain_text("<p>Avoid &amp; use another.</p><ul><li>one</li><li>two</li></ul>")
    'Avoid & use another.\n- one\n- two'
    """
    from html import unescape

    if "<" not in html and "&" not in html:
        return html.strip()
    flat = re.sub(r"\s+", " ", html)
    marked = ITEM.sub("- ", CELL.sub(" | ", BREAKS.sub("\n", flat)))
    lines = (" ".join(unescape(TAG.sub("", line)).split()) for line in marked.split("\n"))
    return "\n".join(line for line in lines if line)
