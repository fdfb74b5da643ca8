"""`osler genome pgx`: what a person's inherited variants mean for drugs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json
from osler.errors import Fault, InputError

if TYPE_CHECKING:
    from osler.genome.pgx import PgxResult, SampleResult
    from osler.genome.pgx.advice import DrugAdvice

MOST_SAMPLES, MOST_LINES, LONGEST_TEXT = 5, 40, 200
WITHOUT_NAME = ("general", "n/a")


def pgx(
    variants: Annotated[
        Path, typer.Argument(metavar="FILE", help="A VCF, bgzipped or not, BCF or gVCF.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="JSON file to write.")
    ] = None,
    outside_calls: Annotated[
        Path | None,
        typer.Option(
            "--outside-calls",
            metavar="FILE",
            help="TSV without header: gene, diplotype, phenotype, activity score.",
        ),
    ] = None,
    samples: Annotated[
        str, typer.Option("--samples", metavar="LIST", help="Samples to answer, comma-separated.")
    ] = "",
    medications: Annotated[
        Path | None,
        typer.Option(
            "--medications",
            metavar="FILE",
            help="TSV without header: drug, its inhibition of CYP2D6 if known (strong, moderate).",
        ),
    ] = None,
    fhir: Annotated[
        Path | None,
        typer.Option("--fhir", metavar="FILE", help="FHIR R4 Genomics Reporting bundle to write."),
    ] = None,
    json: Json = False,
) -> None:
    """Advise on drugs by CPIC: alleles, phenotypes, recommendations, and what is not known.

    Example: osler genome pgx patient.vcf.gz --outside-calls calls.tsv --out pgx.json
    """
    chosen = [one.strip() for one in samples.split(",") if one.strip()]
    if samples and not chosen:
        raise InputError(Fault("--samples", "no name in it", "names of samples, comma-separated"))
    result = workflows.advise_on_drugs(
        variants,
        out,
        outside_calls=outside_calls,
        samples=chosen or None,
        medications=medications,
        fhir=fhir,
    )
    if json:
        show.data(result.to_json())
        return
    show.text(*summary(result))
    for place in (out, fhir):
        if place is not None:
            show.note(f"written: {place}; it holds a person's results in clear")


def summary(result: PgxResult) -> list[str]:
    """Say in few lines what was found: what deviates, what is unknown, how old the knowledge is."""
    lines = list(result.notes)
    for sample in result.samples[:MOST_SAMPLES]:
        lines += _of_sample(sample, len(result.samples) > 1)
    if len(result.samples) > MOST_SAMPLES:
        lines.append(f"and {len(result.samples) - MOST_SAMPLES:,} more samples")
    dates = result.knowledge["table_dates"]
    ages = ", ".join(
        f"{group} {' to '.join(dict.fromkeys((days[0], days[-1])))}"
        for group, days in dates.items()
        if group != "exemptions"
    )
    return [*lines, f"by {result.knowledge['release']}: {ages}", "Research use; no medical device."]


def _of_sample(sample: SampleResult, several: bool) -> list[str]:
    lines = [f"sample {sample.sample}"] if several else []
    for gene in sample.genes:
        shown = " or ".join(gene.call.printed()) or gene.call.status
        score = "" if gene.activity_score is None else f", activity score {gene.activity_score}"
        lines.append(
            f"  {gene.gene:8} {shortened(shown)}: {gene.phenotype or 'no phenotype'}{score}"
        )
    lines += _deviations(sample)
    lines += _conversion(sample)
    unknown = list(dict.fromkeys(one.drug for one in sample.not_advised))
    if unknown:
        lines.append(f"  nothing advised on {len(unknown)} drugs: {shortened(', '.join(unknown))}")
    return lines


def _deviations(sample: SampleResult) -> list[str]:
    """Return a line for each piece of advice that deviates from the usual, its drugs together."""
    told: dict[str, list[str]] = {}
    deviating = set()
    for one in sample.drugs:
        if one.deviates is False:
            continue
        deviating.add(one.drug)
        of = one.drug if one.population in WITHOUT_NAME else f"{one.drug} ({one.population})"
        for sentence in _sentences(one):
            told.setdefault(sentence, []).append(of)
    lines = [
        f"  {', '.join(dict.fromkeys(drugs))}: {shortened(sentence)}"
        for sentence, drugs in told.items()
    ]
    shown = lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        shown.append(f"  and {len(lines) - MOST_LINES} more")
    usual = {one.drug for one in sample.drugs} - deviating
    return [*shown, f"  {len(usual)} drugs without a deviation by what is known"]


def _sentences(advice: DrugAdvice) -> list[str]:
    if advice.branches:
        return [f"{when}: {what}" for when, what in advice.branches]
    return [advice.recommendation.split("\n")[0]]


def _conversion(sample: SampleResult) -> list[str]:
    if sample.phenoconversion is None or not sample.phenoconversion.inhibitors:
        return []
    names = [one.name or "unknown" for one in sample.phenoconversion.phenotypes]
    taken = ", ".join(one.drug for one in sample.phenoconversion.inhibitors)
    drugs = list(dict.fromkeys(one.drug for one in sample.converted if one.deviates))
    changes = f"; then to look at: {', '.join(drugs)}" if drugs else ""
    return [f"  with {taken}, CYP2D6 acts as {' or '.join(names) or 'before'}{changes}"]


def shortened(text: str) -> str:
    """Return text cut at a word where it is too long for a summary; the file has all of it.

    Examples
    --------
    >>> shortened("short")
    'short'
    """
    if len(text) <= LONGEST_TEXT:
        return text
    return text[:LONGEST_TEXT].rsplit(" ", 1)[0] + " …"
