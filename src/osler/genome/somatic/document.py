"""The result as the JSON of `osler genome somatic`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from osler.genome.somatic.civic import Civic, Evidence
from osler.genome.somatic.findings import RESEARCH, statement
from osler.genome.somatic.interpret import (
    RESISTANT,
    SENSITIVE,
    Interpreted,
    Match,
    SomaticResult,
)
from osler.genome.somatic.names import Kind
from osler.genome.somatic.nouns import AlterationKind

FORMAT_VERSION = 1


def document(results: Sequence[SomaticResult], civic: Civic, notes: Sequence[str] = ()) -> Any:
    """Return `somatic.json`: the knowledge, each sample, and each item of evidence once.

    Parameters
    ----------
    notes
        Of the file, not of one sample.
    """
    return {
        "format_version": FORMAT_VERSION,
        "knowledge": _knowledge(civic),
        "samples": [_sample(result) for result in results],
        "evidence": _evidence(results),
        "notes": [*notes, RESEARCH],
    }


def _knowledge(civic: Civic) -> dict[str, Any]:
    unread = unread_names(civic)
    return {
        "release": civic.release.name,
        "sha256": civic.release.sha256,
        "date": civic.date,
        "age": civic.age(),
        "variants": len(civic.variants),
        "names_not_read": unread,
    }


def unread_names(civic: Civic) -> list[str]:
    """Return the names of CIViC that were not understood and match nothing, gene first."""
    return sorted(
        f"{variant.gene} {variant.label}"
        for variant in civic.variants.values()
        if any(pattern.kind is Kind.UNREAD for pattern in variant.name.patterns)
    )


def _sample(result: SomaticResult) -> dict[str, Any]:
    tumour = result.tumour
    return {
        "sample": tumour.sample,
        "cancer": {"name": result.disease.name, "doid": result.disease.doid},
        "tier": result.tier.tier if result.tier else None,
        "receptors": dict(tumour.receptors),
        "given": {
            "stage": tumour.stage,
            "line": tumour.line,
            "purity": tumour.purity,
            "tmb": tumour.tmb,
            "msi": tumour.msi,
        },
        "alterations": [_alteration(one, result) for one in result.alterations],
        "genes": [{"gene": one.gene, "status": str(one.status)} for one in result.genes],
        "silent": result.silent,
        "excluded_by_receptors": result.excluded,
        "other_disease_not_listed": result.elsewhere,
        "not_given": list(result.not_given),
        "notes": list(result.notes),
    }


def _alteration(one: Interpreted, result: SomaticResult) -> dict[str, Any]:
    alteration = one.alteration
    told = {
        "gene": alteration.gene,
        "what": alteration.what,
        "kind": str(alteration.kind),
        "class": alteration.classification,
        "protein": alteration.protein,
        "vaf": alteration.allele_fraction,
        "tier": one.tier.tier if one.tier else None,
        "tier_reason": one.tier.why if one.tier else None,
        "statement": statement(one, result),
        "sensitivity": list(one.drugs(SENSITIVE)),
        "resistance": list(one.drugs(RESISTANT)),
        "conflicts": list(one.conflicts),
        "germline_suspicion": _germline(one),
        "subclonal": one.subclonal,
        "matches": [_match(match) for match in one.matches],
    }
    if alteration.partners:
        told["partners"] = list(alteration.partners)
    if alteration.kind is AlterationKind.COPY_NUMBER:
        told["copies"] = alteration.copies
    return told


def _germline(one: Interpreted) -> dict[str, Any] | None:
    if one.germline is None:
        return None
    return {"reasons": list(one.germline.reasons), "advice": one.germline.advice}


def _match(match: Match) -> dict[str, Any]:
    item = match.first
    return {
        "variant": f"{match.variant.gene} {match.variant.label}",
        "variant_match": str(match.variant_match),
        "disease": item.disease.name,
        "disease_match": str(match.disease_match),
        "type": item.kind,
        "direction": item.direction,
        "significance": item.significance,
        "drugs": list(item.drugs),
        "drug_interaction": item.together or None,
        "level": match.level,
        "tier": match.tier.tier if match.tier else None,
        "tier_reason": match.tier.why if match.tier else None,
        "assertion": f"AID{match.tier.assertion}" if match.tier and match.tier.assertion else None,
        "evidence": [one.name for one in match.items],
        "citation": item.citation,
        "statement": match.statement,
        "caveats": list(match.caveats),
    }


def _evidence(results: Iterable[SomaticResult]) -> dict[str, Any]:
    """Return every item that is cited, once."""
    items = {
        item.number: item
        for result in results
        for one in result.alterations
        for match in one.matches
        for item in match.items
    }
    return {items[number].name: _item(items[number]) for number in sorted(items)}


def _item(item: Evidence) -> dict[str, Any]:
    return {
        "level": item.level,
        "rating": item.rating,
        "type": item.kind,
        "direction": item.direction,
        "significance": item.significance,
        "disease": item.disease.name,
        "doid": item.disease.doid,
        "drugs": list(item.drugs),
        "variant_origin": item.origin,
        "citation": item.citation,
        "statement": item.statement,
    }
