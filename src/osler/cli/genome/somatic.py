"""`osler genome somatic`: what a tumour's alterations mean for its treatment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json

if TYPE_CHECKING:
    from osler.genome.somatic import SomaticResult
    from osler.workflows.genome.somatic import SomaticAnswer

MOST_SAMPLES, MOST_LINES = 5, 12


def somatic(
    variants: Annotated[Path, typer.Argument(metavar="FILE", help="A tumour MAF or a VCF.")],
    cancer: Annotated[
        str, typer.Option("--cancer", metavar="NAME", help="Name, synonym or DOID of the disease.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="JSON file to write.")
    ] = None,
    assayed: Annotated[
        Path | None,
        typer.Option(
            "--assayed", metavar="FILE", help="Genes that the test covers: one a line, or BED."
        ),
    ] = None,
    copy_number: Annotated[
        Path | None,
        typer.Option(
            "--copy-number",
            metavar="FILE",
            help="Table of gene and call, or of segments with nMajor and nMinor.",
        ),
    ] = None,
    fusions: Annotated[
        Path | None,
        typer.Option("--fusions", metavar="FILE", help="Table with FusionGene, GENE1--GENE2."),
    ] = None,
    receptors: Annotated[
        str, typer.Option("--receptors", metavar="LIST", help="ER=positive,PR=…,HER2=negative.")
    ] = "",
    tmb: Annotated[
        float | None, typer.Option("--tmb", help="Tumour mutational burden, a megabase.")
    ] = None,
    msi: Annotated[
        str | None, typer.Option("--msi", metavar="STATE", help="Microsatellite state.")
    ] = None,
    stage: Annotated[str | None, typer.Option("--stage", help="Stage of the disease.")] = None,
    line: Annotated[str | None, typer.Option("--line", help="Line of therapy.")] = None,
    tumour_sample: Annotated[
        str | None,
        typer.Option("--tumour-sample", metavar="NAME", help="The tumour's sample in the file."),
    ] = None,
    purity: Annotated[
        float | None, typer.Option("--purity", help="Share of tumour cells, 0 to 1.")
    ] = None,
    json: Json = False,
) -> None:
    """Interpret a tumour's alterations by CIViC: evidence, tiers, resistance, genes tested.

    Example: osler genome somatic tumour.maf --cancer "breast cancer" --out somatic.json
    """
    question = workflows.TumourQuestion(
        variants=variants,
        cancer=cancer,
        assayed=assayed,
        copy_number=copy_number,
        fusions=fusions,
        receptors=receptors,
        tmb=tmb,
        msi=msi,
        stage=stage,
        line=line,
        purity=purity,
        sample=tumour_sample,
    )
    answer = workflows.interpret_tumours(question, out)
    if json:
        show.data(answer.document)
        return
    show.text(*summary(answer))
    if out is not None:
        show.text(str(out))


def summary(answer: SomaticAnswer) -> list[str]:
    """Say in few lines what was found."""
    lines = []
    for result in answer.results[:MOST_SAMPLES]:
        lines += _of_one(result, len(answer.results) > 1)
    if len(answer.results) > MOST_SAMPLES:
        lines.append(f"and {len(answer.results) - MOST_SAMPLES:,} more tumours")
    knowledge = answer.document["knowledge"]
    return [*lines, *answer.document["notes"], knowledge["age"]]


def _of_one(result: SomaticResult, several: bool) -> list[str]:
    from osler.genome.somatic.findings import statement

    title = f"{result.tumour.sample or 'tumour'}: " if several else ""
    known = [one for one in result.alterations if one.known and one.tier]
    unknown = len([one for one in result.alterations if not one.known])
    lines = [f"{title}{len(known)} alterations with evidence, {unknown} without"]
    lines += [f"  {statement(one, result)}" for one in known[:MOST_LINES]]
    if len(known) > MOST_LINES:
        lines.append(f"  and {len(known) - MOST_LINES} more")
    if result.not_given:
        lines.append(f"  not given: {', '.join(result.not_given)}; tiers depend on them")
    return [*lines, *(f"  {note}" for note in result.notes)]
