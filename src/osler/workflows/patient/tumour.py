"""What the alterations of a patient's tumour mean, for her report."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from osler import knowledge
from osler.genome.somatic import SomaticResult, findings, interpret, load
from osler.genome.somatic.civic import PREDICTIVE
from osler.genome.somatic.disease import CONCERNS
from osler.genome.somatic.findings import RESEARCH
from osler.genome.somatic.genes import Status
from osler.genome.somatic.interpret import RESISTANT, SENSITIVE, Interpreted, Match, drug_words
from osler.genome.somatic.match import RANK
from osler.genome.somatic.nouns import AlterationKind
from osler.model import NotAssessed, Provenance
from osler.workflows.genome.tumours import FoundTumour, NoTumour, TumourReader
from osler.workflows.patient.part import Part

WHAT = "What the tumour's alterations mean for treatment"
SOURCE = "the patient's timeline"
MOST_CITED = 4
MOST_OTHER = 3


def tumour(events: pl.DataFrame, descriptions: Mapping[str, str], provenance: Provenance) -> Part:
    """Interpret the tumour on a timeline by the newest release of knowledge.

    Parameters
    ----------
    events
        The patient's timeline, without what was derived before.
    descriptions
        What the vault's codes mean.
    """
    release = knowledge.current("tumour")
    civic = load(release)
    found = TumourReader(civic, descriptions).read(events)
    if isinstance(found, NoTumour):
        return Part(not_assessed=(NotAssessed(WHAT, found.why),))
    result = interpret(found.tumour, civic)
    return Part(
        findings=tuple(findings(result, provenance=provenance, source=_source(found))),
        section=section_of(result, found),
        inputs=((release.name, release.sha256),),
    )


def _source(found: FoundTumour) -> str:
    return SOURCE if found.reported is None else f"{SOURCE}, reported {_day(found.reported)}"


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def section_of(result: SomaticResult, found: FoundTumour) -> dict[str, Any]:
    """Return the section `tumour` of `report.json`."""
    release = result.civic.release
    known = [one for one in result.alterations if one.known and one.tier is not None]
    return {
        "cancer": result.disease.name,
        "named_by": found.named_by,
        "other_diseases": list(found.other_diseases),
        "reported": _day(found.reported) if found.reported else None,
        "stage": found.tumour.stage,
        "receptors": dict(found.tumour.receptors),
        "knowledge": {"release": release.name, "date": result.civic.date, "age": result.age},
        "tier": result.tier.tier if result.tier else None,
        "alterations": [_alteration(one) for one in known],
        "without_evidence": [
            one.alteration.title
            for one in result.alterations
            if not one.known and one.alteration.kind is not AlterationKind.WILD_TYPE
        ],
        "genes": {
            str(status): [one.gene for one in result.genes if one.status is status]
            for status in Status
        },
        "not_given": list(result.not_given),
        "notes": [*result.notes, RESEARCH],
    }


def _alteration(one: Interpreted) -> dict[str, Any]:
    alteration, tier = one.alteration, one.tier
    return {
        "title": alteration.title,
        "kind": str(alteration.kind),
        "class": alteration.classification,
        "share_of_reads": alteration.allele_fraction,
        "tier": tier.tier if tier else None,
        "tier_why": tier.why if tier else None,
        "response": _drugs(one, SENSITIVE, here=True),
        "resistance": _drugs(one, RESISTANT, here=True),
        "elsewhere": _drugs(one, SENSITIVE, here=False),
        "other": _other(one),
        "conflicts": list(one.conflicts),
        "inherited": [*one.germline.reasons, one.germline.advice] if one.germline else [],
        "subclonal": one.subclonal,
        "evidence": _evidence(one),
        "items": sum(len(match.items) for match in one.matches),
    }


def _drugs(one: Interpreted, meanings: Collection[str], *, here: bool) -> list[dict[str, Any]]:
    """Return drugs with their best evidence, each once, strongest first."""
    best: dict[tuple[frozenset[str], str | None], Match] = {}
    for match in one.matches:
        item = match.first
        wanted = match.supports and item.kind == PREDICTIVE and item.significance in meanings
        if not (wanted and item.drugs and (match.disease_match in CONCERNS) is here):
            continue
        key = (frozenset(item.drugs), item.together)
        if key not in best or _strength(match) < _strength(best[key]):
            best[key] = match
    return [
        {
            "drugs": drug_words(match.first),
            "level": match.level,
            "disease": match.first.disease.name,
            "match": str(match.variant_match),
            "caveats": list(match.caveats),
        }
        for match in sorted(best.values(), key=_strength)
    ]


def _strength(match: Match) -> tuple[str, int]:
    return (match.level, RANK[match.variant_match])


def _other(one: Interpreted) -> list[str]:
    """Return what is said in this disease of outlook and diagnosis."""
    told = [
        match.statement
        for match in one.matches
        if match.first.kind != PREDICTIVE and match.disease_match in CONCERNS
    ]
    return list(dict.fromkeys(told))[:MOST_OTHER]


def _evidence(one: Interpreted) -> list[dict[str, str]]:
    """Return the strongest items, those of this disease first, each once."""
    ordered = sorted(one.matches, key=lambda match: match.disease_match not in CONCERNS)
    items = {item.number: (item, match) for match in ordered for item in match.items}
    return [
        {
            "name": item.name,
            "level": item.level,
            "says": _says(match),
            "citation": item.citation,
        }
        for item, match in list(items.values())[:MOST_CITED]
    ]


def _says(match: Match) -> str:
    item = match.first
    direction = "" if match.supports else "against: "
    drugs = drug_words(item)
    of = f" to {drugs}" if drugs else ""
    return f"{direction}{item.significance or item.kind}{of}, {item.disease.name}"
