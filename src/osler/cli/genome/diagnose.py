"""`osler genome diagnose`: which rare diseases a patient's findings speak for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json

if TYPE_CHECKING:
    from osler.genome.diagnose import Candidate, Diagnosis
    from osler.workflows.genome.diagnose import CasesAnswer

MOST_CASES, MOST_CANDIDATES, MOST_TERMS, MOST_SIGNS = 5, 5, 3, 3


def diagnose(
    packets: Annotated[
        Path,
        typer.Argument(
            metavar="PHENOPACKETS", help="GA4GH Phenopackets: one, a JSON list, or one a line."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="JSON file to write.")
    ] = None,
    exclude_own_publications: Annotated[
        bool,
        typer.Option(
            "--exclude-own-publications",
            help="Leave out annotations curated from a case's own publications (its PMIDs).",
        ),
    ] = False,
    top: Annotated[
        int, typer.Option("--top", metavar="N", help="Candidates to show of each case.")
    ] = 25,
    vcf: Annotated[
        Path | None,
        typer.Option("--vcf", metavar="FILE", help="The patient's variants, annotated; one case."),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option("--sample", metavar="NAME", help="The patient's sample in the VCF."),
    ] = None,
    clinvar: Annotated[
        Path | None, typer.Option("--clinvar", metavar="FILE", help="ClinVar as VCF, of yours.")
    ] = None,
    gnomad: Annotated[
        Path | None,
        typer.Option("--gnomad", metavar="FILE", help="gnomAD as VCF or table, of yours."),
    ] = None,
    criteria: Annotated[
        Path | None,
        typer.Option("--criteria", metavar="FILE", help="ACMG/AMP criteria that you judged."),
    ] = None,
    loss_of_function: Annotated[
        Path | None,
        typer.Option(
            "--loss-of-function",
            metavar="FILE",
            help="Genes where loss of function causes disease: one a line, or ClinGen's table.",
        ),
    ] = None,
    build: Annotated[
        str | None,
        typer.Option("--build", metavar="NAME", help="GRCh37 or GRCh38, if the VCF does not tell."),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="The whole exome or genome was sequenced: to find nothing speaks against.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Rank rare diseases by a patient's findings, with the posterior and each finding's weight.

    Example: osler genome diagnose patient.json --out diagnosis.json
    """
    question = workflows.CasesQuestion(
        packets,
        exclude_own_publications=exclude_own_publications,
        top=top,
        variants=vcf,
        sample=sample,
        clinvar=clinvar,
        gnomad=gnomad,
        criteria=criteria,
        loss_of_function=loss_of_function,
        build=build,
        whole=whole,
    )
    tally = Tally()
    answer = workflows.diagnose(question, out, seen=None if json else tally.add)
    if json:
        show.data(answer.to_json())
        return
    if out is None:
        for one in answer.cases():
            tally.add(one)
    show.text(*tally.lines(answer))
    if out is not None:
        show.note(f"written: {out}; it holds a person's results in clear")


class Tally:
    """Keeps the first diagnoses and counts all, as they are worked out."""

    def __init__(self) -> None:
        self.first: list[Diagnosis] = []
        self.count = 0
        self.without = 0

    def add(self, one: Diagnosis) -> None:
        """Count a diagnosis."""
        self.count += 1
        self.without += not one.ranking
        if len(self.first) < MOST_CASES:
            self.first.append(one)

    def lines(self, answer: CasesAnswer) -> list[str]:
        """Say in few lines what was found."""
        told = list(answer.about["notes"])
        for number, one in enumerate(self.first, 1):
            told += [f"case {number} of {self.count:,}"] if self.count > 1 else []
            told += of_case(one)
        if self.count > len(self.first):
            told.append(f"and {self.count - len(self.first):,} more cases")
        if self.without and self.count > 1:
            told.append(f"{self.without:,} of {self.count:,} cases without anything to rank by")
        knowledge = answer.about["knowledge"]
        told.append(f"{knowledge['diseases']:,} diseases ranked by {knowledge['release']}")
        told.append("A ranking is a hypothesis to test. Research use; no medical device.")
        return told


def of_case(one: Diagnosis) -> list[str]:
    """Say of one case the leading diseases, why, and what to look for next."""
    lines = [line for candidate in one.ranking[:MOST_CANDIDATES] for line in _of(candidate)]
    signs = one.telling_signs[:MOST_SIGNS]
    if signs:
        names = ", ".join(f"{sign.name} ({sign.hpo})" for sign in signs)
        lines.append(f"  would tell them apart: {names}")
    return [*lines, *(f"  {note}" for note in one.notes)]


def _of(candidate: Candidate) -> list[str]:
    weighed = sorted(candidate.terms, key=lambda term: -abs(term.log_lr))[:MOST_TERMS]
    why = ", ".join(
        f"{'no ' if term.excluded else ''}{term.name} {term.log_lr:+.1f}" for term in weighed
    )
    lines = [f"  {candidate.posterior:6.1%}  {candidate.disease} {candidate.name}: {why}"]
    genotype = candidate.genotype
    if genotype is not None:
        shown = ", ".join(one.variant for one in genotype.evidence.variants[:MOST_TERMS])
        lines.append(f"          {genotype.gene}: {shown or 'no variant'} {genotype.log_lr:+.1f}")
    return lines
