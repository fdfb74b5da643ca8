"""`osler load` and `osler export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json, KeyFile, Purpose, User, VaultArgument, VaultOption, opening

export_app = typer.Typer(help="Write what a vault holds in clear.", no_args_is_help=True)


def load(
    format_name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="meds, omop, fhir, table, genome, …")
    ],
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="File or folder.")],
    vault: VaultOption,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE", help="Mapping of a table, YAML.")
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option("--samples", metavar="FILE", help="CSV: sample, subject_id, time reported."),
    ] = None,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Load a source into a vault, and count what was read, loaded, refused and why.

    Example: osler load fhir export/ --vault clinic.vault --key-file ~/clinic.key
    """
    report = workflows.load(
        opening(vault, key_file, user, purpose),
        format_name,
        source,
        mapping=mapping,
        samples=samples,
    )
    if json:
        show.data(report.to_json())
        return
    if report.already_loaded:
        show.text("already loaded: the vault holds this very source; nothing was added")
        return
    show.text(f"read {report.read:,}, loaded {report.loaded:,}, refused {report.refused:,}")
    for reason, records in report.why.most_common():
        show.text(f"  refused {records:,}: {reason}")
    for what, records in report.notes.most_common():
        show.text(f"  note {records:,}: {what}")


@export_app.command("meds")
def export_meds(
    vault: VaultArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write.")],
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Write the vault as a MEDS 0.4 dataset, in clear.

    Example: osler export meds clinic.vault --out dataset --key-file ~/clinic.key
    """
    counts = workflows.export_meds(opening(vault, key_file, user, purpose), out)
    show.note(f"patients' data now lie in clear in {out}; the vault has registered the export")
    if json:
        show.data(counts)
        return
    show.text(f"wrote {counts['events']:,} events of {counts['subjects']:,} subjects to {out}")


@export_app.command("labels")
def export_labels(
    study: Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")],
    vault: VaultOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write.")],
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Write who takes part in a study and what became of them: MEDS labels, times to events.

    Example: osler export labels study.yaml --vault clinic.vault --out labels
    """
    told = workflows.export_labels(opening(vault, key_file, user, purpose), study, out)
    show.note(f"patients' data now lie in clear in {out}; the vault has registered the export")
    if json:
        show.data(told)
        return
    show.text(f"wrote {told['rows']:,} rows of {told['subjects']:,} subjects to {out}")
    for cause, rows in told["events"].items():
        show.text(f"  {cause}: {rows:,}")
