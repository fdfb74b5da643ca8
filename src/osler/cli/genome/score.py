"""`osler genome score`: polygenic scores of everybody in a file of genotypes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json
from osler.errors import Fault, InputError

if TYPE_CHECKING:
    from osler.genome.score import ScoreOutcome, ScoreResult

MOST_REASONS = 6
LEAST_MATCH = 0.75

File = typer.Option


def score(
    genotypes: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="VCF, BCF, or .pgen with .pvar and .psam beside it."),
    ],
    weights: Annotated[
        list[Path],
        File("--weights", metavar="SCORE", help="Scoring file of the PGS Catalog; may repeat."),
    ],
    further: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SCORE]...", help="More scoring files, after the first."),
    ] = None,
    out: Annotated[Path | None, File("--out", metavar="FILE", help="JSON file to write.")] = None,
    min_match: Annotated[
        float,
        File("--min-match", help="Least share of a score's variants found; below, no sum is told."),
    ] = LEAST_MATCH,
    ambiguous: Annotated[
        str, File("--ambiguous", metavar="WORD", help="A/T and C/G variants: drop or keep.")
    ] = "drop",
    impute: Annotated[
        str,
        File(
            "--impute",
            metavar="WORD",
            help="Missing genotypes: expected copies of a reference, of this cohort, or none.",
        ),
    ] = "reference",
    dosage: Annotated[
        str, File("--dosage", metavar="WORD", help="auto: DS, else GP, else GT; or GT.")
    ] = "auto",
    build: Annotated[
        str | None, File("--build", metavar="NAME", help="GRCh37 or GRCh38, of the genotypes.")
    ] = None,
    allele_frequencies: Annotated[
        Path | None,
        File("--allele-frequencies", metavar="FILE", help="Of a reference, as plink2 --freq."),
    ] = None,
    reference_pcs: Annotated[
        Path | None,
        File("--reference-pcs", metavar="FILE", help="Table IID, PC1, PC2, … of a panel."),
    ] = None,
    reference_labels: Annotated[
        Path | None,
        File(
            "--reference-labels",
            metavar="FILE",
            help="Table IID, SuperPop of the panel; else the .psam beside its components.",
        ),
    ] = None,
    reference_scores: Annotated[
        Path | None,
        File("--reference-scores", metavar="FILE", help="Table IID, PGS, SUM of the panel."),
    ] = None,
    target_pcs: Annotated[
        Path | None,
        File("--target-pcs", metavar="FILE", help="Table IID, PC1, … of those who are scored."),
    ] = None,
    loadings: Annotated[
        Path | None,
        File(
            "--loadings", metavar="FILE", help="Loadings of the components: projects the genotypes."
        ),
    ] = None,
    population: Annotated[
        str, File("--population", metavar="COLUMN", help="Column of the labels to compare with.")
    ] = "SuperPop",
    json: Json = False,
) -> None:
    """Score genotypes by PGS Catalog files; a score below the least match is refused.

    Example: osler genome score cohort.vcf.gz --weights PGS000018.txt.gz --out scores.json
    """
    from osler.genome.score import Options, ReferenceFiles

    options = Options.of_words(
        min_match=min_match,
        ambiguous=ambiguous,
        impute=impute,
        dosage=dosage,
        build=build,
        allele_frequencies=allele_frequencies,
    )
    reference = ReferenceFiles(
        pcs=reference_pcs,
        labels=reference_labels,
        target_pcs=target_pcs,
        scores=reference_scores,
        loadings=loadings,
        population=population,
    )
    result = workflows.score_genotypes(
        genotypes, [*weights, *(further or [])], out, options=options, reference=reference
    )
    if json:
        show.data(result.to_json())
    else:
        show.text(*summary(result), *([str(out)] if out else []))
    if result.all_refused:
        raise refused(result)


def summary(result: ScoreResult) -> list[str]:
    """Say in few lines what was scored; nothing of any one sample."""
    lines = [f"{len(result.samples):,} samples, {len(result.outcomes):,} scores"]
    for outcome in result.outcomes:
        lines += _of_one(outcome)
    return [*lines, *(f"note: {note}" for note in result.notes + result.standing.notes)]


def _of_one(outcome: ScoreOutcome) -> list[str]:
    found = sum(outcome.matched.values())
    name = f"{outcome.score_id} ({outcome.trait})" if outcome.trait else outcome.score_id
    lines = [
        f"{name}: {outcome.status}, {found:,} of {outcome.variants:,} variants "
        f"({outcome.match_rate:.1%})"
    ]
    told = [*outcome.matched.items(), *outcome.unmatched.items()]
    return [*lines, *(f"  {count:,} {reason}" for reason, count in told[:MOST_REASONS])]


def refused(result: ScoreResult) -> InputError:
    """Return the error that says that no score was answered."""
    return InputError(
        [
            Fault(
                outcome.source,
                f"{outcome.match_rate:.1%} of its variants are in the genotypes",
                "at least the share of --min-match",
                "check build and imputation, or lower --min-match knowingly",
            )
            for outcome in result.outcomes
        ]
    )
