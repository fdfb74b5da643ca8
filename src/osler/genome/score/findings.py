"""One person's polygenic scores as findings for a report, and as codes for the timeline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from osler.genome.score.result import A_DISTANCE, Z_NORM2, ScoreOutcome, ScoreResult

if TYPE_CHECKING:
    from osler.model.finding import Finding, Reason
    from osler.model.provenance import Provenance

KIND = "polygenic score"
CATALOG = "PGS Catalog"
CITATION = "Lambert et al. 2021, Nature Genetics 53:420-425, doi:10.1038/s41588-021-00783-5"
RELATIVE = (
    "a polygenic score ranks people by inherited variants alone; it is no risk, and leaves out "
    "rare variants, family history, age and way of life"
)
UNVALIDATED = (
    "far from every population of the reference panel: the score was not shown to hold for people "
    "like this one"
)
NO_REFERENCE = (
    "the score is relative: without the sums of a reference panel it says nothing of this person"
)
NOT_PLACED = "no principal components: how similar this person is to the reference is not known"


def findings(result: ScoreResult, sample: str, *, provenance: Provenance) -> list[Finding]:
    """Return one finding for each score.

    Parameters
    ----------
    sample
        One of the result's samples.
    provenance
        Of the report; the digests of genotypes and weights are added to it.

    Returns
    -------
    `final` with a Z score as value where there is a reference; `abstained` where the score was
    refused or has no reference to be compared with.

    Raises
    ------
    KeyError
        If the sample is not in the result.
    """
    person = _number(result, sample)
    made = replace(provenance, inputs={**provenance.inputs, **result.inputs})
    return [
        _finding(result.row(person, number), outcome, result.standing.z_kinds[number], made)
        for number, outcome in enumerate(result.outcomes)
    ]


def codes(result: ScoreResult, sample: str) -> list[tuple[str, float | None, str | None]]:
    """Return the events that land on the timeline: code, number and text.

    `PGS//PGS000018` with the sum as number, and as text the Z score and what it is compared with,
    where there is a reference. A score that was refused is no event.

    Raises
    ------
    KeyError
        If the sample is not in the result.
    """
    person = _number(result, sample)
    rows = (result.row(person, number) for number in range(len(result.outcomes)))
    kinds = result.standing.z_kinds
    return [
        (f"PGS//{row['score_id']}", row["sum"], _text(row, kind))
        for row, kind in zip(rows, kinds, strict=True)
        if row["sum"] is not None
    ]


def _number(result: ScoreResult, sample: str) -> int:
    if sample not in result.samples:
        raise KeyError("the sample is not in the result")
    return result.samples.index(sample)


def _text(row: dict[str, Any], kind: str | None) -> str | None:
    return None if row["z"] is None else f"z {row['z']:+.2f} ({kind})"


def _finding(
    row: dict[str, Any], outcome: ScoreOutcome, kind: str | None, provenance: Provenance
) -> Finding:
    # Imported late, with the data frames that the timeline's nouns bring: scoring needs none.
    from osler.model.finding import Evidence, Finding

    told = row["z"] is not None
    return Finding(
        kind=KIND,
        statement=_statement(row, outcome, kind),
        value=row["z"],
        unit=f"standard deviations ({kind})" if told else None,
        interval=None,
        reasons=_reasons(row, outcome),
        evidence=(Evidence(CATALOG, "scoring file", CITATION),),
        caveats=_caveats(row, outcome, kind),
        status="final" if told else "abstained",
        provenance=provenance,
    )


def _statement(row: dict[str, Any], outcome: ScoreOutcome, kind: str | None) -> str:
    name = f"{outcome.score_id} ({outcome.trait})" if outcome.trait else outcome.score_id
    if outcome.status == "refused":
        return f"polygenic score {name}: not told, {outcome.match_rate:.0%} of its variants known"
    if row["z"] is None:
        return f"polygenic score {name}: relative, and not compared with a reference"
    expected = "what is expected" if kind == Z_NORM2 else "the mean of the reference"
    statement = f"polygenic score {name}: {row['z']:+.2f} standard deviations from {expected}"
    if row["percentile"] is None:
        return statement
    return (
        f"{statement}; percentile {row['percentile']:.0f} of the reference's "
        f"{row['most_similar_population']}, the population most similar to this person"
    )


def _reasons(row: dict[str, Any], outcome: ScoreOutcome) -> tuple[Reason, ...]:
    from osler.model.finding import Reason

    found = sum(outcome.matched.values())
    what = f"{found:,} of {outcome.variants:,} variants of the score in the genotypes"
    reasons = [Reason(what, row["sum"], outcome.source)]
    if row["imputed"]:
        imputed = f"{row['imputed']:,} missing genotypes taken at the frequency of a reference"
        reasons.append(Reason(imputed, None, outcome.source))
    return tuple(reasons)


def _caveats(row: dict[str, Any], outcome: ScoreOutcome, kind: str | None) -> tuple[str, ...]:
    caveats = [RELATIVE]
    if row["most_similar_population"] is not None:
        caveats.append(A_DISTANCE)
    elif kind is not None:
        caveats.append(NOT_PLACED)
    if kind is None and outcome.status == "scored":
        caveats.append(NO_REFERENCE)
    if row["low_confidence"]:
        caveats.append(UNVALIDATED)
    missing = row["missing"] - row["imputed"]
    if missing:
        caveats.append(f"{missing:,} genotypes of matched variants are missing and count nothing")
    return (*caveats, *outcome.notes)
