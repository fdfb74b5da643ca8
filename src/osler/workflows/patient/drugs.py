"""What the inherited genome of a patient means for drugs, for her report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from osler import knowledge
from osler.errors import InputError
from osler.genome.pgx.advice import DrugAdvice
from osler.genome.pgx.findings import findings, is_silent
from osler.genome.pgx.result import GeneResult, SampleResult
from osler.knowledge import Release
from osler.model import NotAssessed, Provenance
from osler.vault import Vault
from osler.workflows.genome.germline import GermlineReader
from osler.workflows.patient.part import Part

WHAT = "Drug advice from the inherited genome"


def drugs(
    subject_id: int,
    events: pl.DataFrame,
    descriptions: Mapping[str, str],
    vault: Vault,
    provenance: Provenance,
) -> Part:
    """Read the patient's germline file, if one was loaded, and say what it means for drugs.

    Parameters
    ----------
    events
        The patient's timeline: medications on it count for phenoconversion.
    """
    release = knowledge.current("pharmacogenomics")
    reader = GermlineReader(release, descriptions)
    try:
        found = reader.read(vault, subject_id, events, vault.attachments(subject_id))
    except InputError as error:
        return Part(not_assessed=(NotAssessed(WHAT, f"the file cannot be read: {error}"),))
    if isinstance(found, str):
        return Part(not_assessed=(NotAssessed(WHAT, found),))
    return Part(
        findings=tuple(findings(found.sample, release=release, provenance=provenance)),
        section=section_of(found.sample, release, found.reported),
        inputs=((release.name, release.sha256),),
    )


def section_of(result: SampleResult, release: Release, reported: datetime | None) -> dict[str, Any]:
    """Return the section `drugs` of `report.json`: what deviates from the usual first."""
    genes = {one.gene: one for one in result.genes}
    deviating = [one for one in result.drugs if one.deviates is not False]
    others = [one for one in result.drugs if one.deviates is False]
    silent = [one.drug for one in others if is_silent(one)]
    usual = [one.drug for one in others if not is_silent(one)]
    return {
        "knowledge": {"release": release.name, "date": release.date},
        "reported": reported.date().isoformat() if reported else None,
        "advice": [_advice(group, genes) for group in _together(deviating)],
        "usual": _once(usual),
        "no_recommendation": [one for one in _once(silent) if one not in usual],
        "not_advised": [
            {"drug": one.drug, "genes": list(one.genes), "why": one.why}
            for one in result.not_advised
        ],
        "genes": [_gene(one) for one in result.genes],
        "phenoconversion": _conversion(result),
        "notes": list(result.notes),
    }


def _together(advice: Sequence[DrugAdvice]) -> list[list[DrugAdvice]]:
    """Put together the entries of a drug that recommend the same."""
    groups: dict[tuple[str, str, str | None], list[DrugAdvice]] = {}
    for one in advice:
        groups.setdefault((one.drug, one.recommendation, one.classification), []).append(one)
    return list(groups.values())


def _advice(group: Sequence[DrugAdvice], genes: dict[str, GeneResult]) -> dict[str, Any]:
    first = group[0]
    return {
        "drug": first.drug,
        "source": first.source,
        "populations": [one for one in _once(x.population for x in group) if one != "n/a"],
        "classification": first.classification,
        "recommendation": first.recommendation,
        "implications": list(first.implications),
        "branches": [{"when": when, "what": what} for when, what in first.branches],
        "genes": [_reason(name, genes.get(name)) for name in first.genes],
        "caveats": _once(caveat for one in group for caveat in one.caveats),
        "citation": first.citation or first.url,
        "table": first.table,
        "date": first.date,
    }


def _reason(name: str, gene: GeneResult | None) -> dict[str, Any]:
    shown = " or ".join(gene.call.printed()) if gene else ""
    return {"gene": name, "call": shown, "phenotype": gene.phenotype if gene else None}


def _gene(gene: GeneResult) -> dict[str, Any]:
    shown = list(gene.call.printed()) or [label for label, _ in gene.readings]
    return {
        "gene": gene.gene,
        "status": gene.call.status,
        "call": shown,
        "phenotype": gene.phenotype,
        "activity_score": gene.activity_score,
        "source": gene.call.source,
        "notes": list(gene.notes),
        "missing_positions": len(gene.call.missing),
        "settling": [{"what": one.what, "drugs": list(one.drugs)} for one in gene.settling],
    }


def _conversion(result: SampleResult) -> dict[str, Any] | None:
    conversion = result.phenoconversion
    if conversion is None:
        return None
    return {
        "inhibitors": [
            {"drug": one.drug, "strength": one.strength} for one in conversion.inhibitors
        ],
        "phenotypes": _once(one.name or "not known" for one in conversion.phenotypes),
        "not_known": list(conversion.not_known),
        "drugs": _once(one.drug for one in result.converted if one.deviates),
        "caveats": list(conversion.caveats),
    }


def _once(names: Any) -> list[str]:
    return list(dict.fromkeys(names))
