"""A tumour's interpretation as findings for the patient's report, and as codes for the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from osler.genome.somatic.disease import CONCERNS
from osler.genome.somatic.genes import Status
from osler.genome.somatic.interpret import (
    RESISTANT,
    SENSITIVE,
    Interpreted,
    Match,
    SomaticResult,
)
from osler.genome.somatic.nouns import AlterationKind
from osler.model import Evidence as Cited
from osler.model import Finding, Provenance, Reason

KIND = "tumour alteration"
NEGATIVE_KIND = "tumour genes tested"
MOST_EVIDENCE = 12
MOST_DRUGS = 8
MOST_NAMES = 12
RESEARCH = (
    "tiers are derived from CIViC by rule, for a tumour board to judge; not a treatment decision"
)


def findings(
    result: SomaticResult, *, provenance: Provenance, source: str = "the tumour's variants"
) -> list[Finding]:
    """Return one finding for each alteration that CIViC knows, and what was found otherwise.

    Parameters
    ----------
    source
        Where the alterations come from, for the reasons.

    Returns
    -------
    Alterations with the highest tier first; then, in one finding each, the genes tested and
    negative, and the alterations of which nothing is known (`abstained`).
    """
    made = _with_release(provenance, result)
    known = [one for one in result.alterations if one.known and one.tier is not None]
    unknown = [one for one in result.alterations if not one.known]
    found = [_finding(one, result, made, source) for one in known]
    found += _negative(result, made, source)
    found += _unknown(unknown, result, made)
    return found or [_nothing(result, made)]


def codes(result: SomaticResult) -> list[tuple[str, float | None, str | None]]:
    """Return the events that land on the timeline: code, number and text.

    `TUMOUR_FINDING//ERBB2//II-C` with the share of reads as number and the alteration as text, for
    each alteration with evidence. What has none is no event.
    """
    return [
        (
            f"TUMOUR_FINDING//{one.alteration.gene}//{one.tier.tier}",
            one.alteration.allele_fraction,
            one.alteration.what,
        )
        for one in result.alterations
        if one.known and one.tier is not None and one.alteration.gene
    ]


def _with_release(provenance: Provenance, result: SomaticResult) -> Provenance:
    release = result.civic.release
    return replace(provenance, inputs={**provenance.inputs, release.name: release.sha256})


def _finding(
    one: Interpreted, result: SomaticResult, provenance: Provenance, source: str
) -> Finding:
    return Finding(
        kind=KIND,
        statement=statement(one, result),
        value=one.tier.tier if one.tier else None,
        unit="tier of AMP/ASCO/CAP 2017",
        interval=None,
        reasons=_reasons(one, result, source),
        evidence=_evidence(one.matches),
        caveats=caveats(one, result),
        status="final",
        provenance=provenance,
    )


def statement(one: Interpreted, result: SomaticResult) -> str:
    """Say in words what an alteration means in this cancer, resistance beside sensitivity."""
    tier = f"tier {one.tier.tier}" if one.tier else "no tier"
    parts = [f"{one.alteration.title} in {result.disease.name}: {tier}"]
    sensitive, resistant = one.drugs(SENSITIVE), one.drugs(RESISTANT)
    if sensitive:
        parts.append(f"evidence for response to {_listed(sensitive)}")
    if resistant:
        parts.append(f"evidence for resistance or harm with {_listed(resistant)}")
    if not (sensitive or resistant):
        parts.append("no drug evidence in this cancer")
    elsewhere = [
        drug for drug in one.drugs(SENSITIVE, applies=False) if drug not in {*sensitive, *resistant}
    ]
    if elsewhere:
        parts.append(f"in other cancers, for response to {_listed(elsewhere)}")
    return "; ".join(parts)


def _listed(drugs: Sequence[str]) -> str:
    shown = ", ".join(drugs[:MOST_DRUGS])
    more = len(drugs) - MOST_DRUGS
    return f"{shown} and {more} more" if more > 0 else shown


def _reasons(one: Interpreted, result: SomaticResult, source: str) -> tuple[Reason, ...]:
    alteration = one.alteration
    share = alteration.allele_fraction
    reads = f", in {share:.0%} of reads" if share is not None else ""
    reasons = [Reason(f"{alteration.title}{reads}", None, source)]
    release = result.civic.release.name
    if one.tier is not None:
        reasons.append(Reason(f"tier {one.tier.tier}: {one.tier.why}", None, release))
    if one.matches:
        first = one.matches[0]
        how = f"{first.variant_match}: {first.statement}; {first.disease_match}"
        reasons.append(Reason(how, None, release))
    return tuple(reasons)


def _evidence(matches: Sequence[Match]) -> tuple[Cited, ...]:
    """Cite the strongest items, each once, those for this cancer before the rest."""
    ordered = sorted(matches, key=lambda match: match.disease_match not in CONCERNS)
    items = {item.number: (item, match) for match in ordered for item in match.items}
    return tuple(
        Cited(f"CIViC {item.name}", f"CIViC level {item.level}, {_side(match)}", item.citation)
        for item, match in list(items.values())[:MOST_EVIDENCE]
    )


def _side(match: Match) -> str:
    item = match.first
    direction = "supports" if match.supports else "does not support"
    return f"{direction} {item.significance or item.kind} in {item.disease.name}"


def caveats(one: Interpreted, result: SomaticResult) -> tuple[str, ...]:
    """Return all that limits what is said of an alteration."""
    first = one.matches[0].caveats if one.matches else ()
    found = [result.age, *first]
    found += [f"evidence that disagrees: {conflict}" for conflict in one.conflicts[:MOST_NAMES]]
    if one.germline is not None:
        found.append(f"may be inherited: {'; '.join(one.germline.reasons)}; {one.germline.advice}")
    if one.subclonal:
        found.append(one.subclonal)
    count = sum(len(match.items) for match in one.matches)
    if count > MOST_EVIDENCE:
        found.append(f"{count} items of evidence, of which {MOST_EVIDENCE} are cited here")
    return (*found, *_open(result), *result.notes, RESEARCH)


def _open(result: SomaticResult) -> list[str]:
    if not result.not_given:
        return []
    return [f"not given: {', '.join(result.not_given)}; tiers depend on them"]


def _negative(result: SomaticResult, provenance: Provenance, source: str) -> list[Finding]:
    """Say which genes with drug evidence for this cancer were tested and show nothing."""
    negative = [one.gene for one in result.genes if one.status is Status.NEGATIVE]
    if not negative:
        return []
    untested = [one.gene for one in result.genes if one.status is Status.NOT_TESTED]
    text = f"no alteration found in {len(negative)} tested genes with drug evidence for this cancer"
    limits = [result.age, "negative holds for what the test can see, and for its sensitivity"]
    if untested:
        limits.append(f"not tested: {', '.join(untested)}")
    return [
        Finding(
            kind=NEGATIVE_KIND,
            statement=f"{text}: {', '.join(negative)}",
            value=float(len(negative)),
            unit="genes",
            interval=None,
            reasons=(Reason("assayed genes as given, without an alteration", None, source),),
            evidence=(),
            caveats=(*limits, *_open(result)),
            status="final",
            provenance=provenance,
        )
    ]


def _unknown(
    unknown: Sequence[Interpreted], result: SomaticResult, provenance: Provenance
) -> list[Finding]:
    """Name what was found and has no evidence; say nothing of what it means."""
    small = [one for one in unknown if one.alteration.kind is not AlterationKind.WILD_TYPE]
    if not small:
        return []
    names = [one.alteration.title for one in small]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    suspected = [one.alteration.title for one in small if one.germline]
    inherited = (f"may be inherited: {', '.join(suspected)}",) if suspected else ()
    return [
        Finding(
            kind=KIND,
            statement=(
                f"{len(names)} alterations of which CIViC says nothing: "
                f"{', '.join(names[:MOST_NAMES])}{more}"
            ),
            value=None,
            unit=None,
            interval=None,
            reasons=(),
            evidence=(),
            caveats=(result.age, "unknown does not mean harmless", *inherited, *_open(result)),
            status="abstained",
            provenance=provenance,
        )
    ]


def _nothing(result: SomaticResult, provenance: Provenance) -> Finding:
    """Say that there is nothing to interpret."""
    return Finding(
        kind=KIND,
        statement="no alteration that CIViC could speak of was given",
        value=None,
        unit=None,
        interval=None,
        reasons=(),
        evidence=(),
        caveats=(result.age, *_open(result), *result.notes),
        status="abstained",
        provenance=provenance,
    )
