"""`osler genome`: what a person's variants mean. One file for each command."""

from __future__ import annotations

import typer

from osler.cli.genome.derive import derive
from osler.cli.genome.diagnose import diagnose
from osler.cli.genome.pgx import pgx
from osler.cli.genome.score import score
from osler.cli.genome.somatic import somatic

genome_app = typer.Typer(help="What a person's variants mean.", no_args_is_help=True)
genome_app.command("derive")(derive)
genome_app.command("diagnose")(diagnose)
genome_app.command("pgx")(pgx)
genome_app.command("score")(score)
genome_app.command("somatic")(somatic)
