"""`osler knowledge`: which dated outside knowledge is used, and what a newer one would change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json, KeyFile, Purpose, User, opening

knowledge_app = typer.Typer(
    help="Dated outside knowledge: list, verify, compare, install.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(metavar="RELEASE", help="A release's name.")]


@knowledge_app.command("list")
def list_(json: Json = False) -> None:
    """List the releases, each with its day, digest, tables, licences and sources.

    Example: osler knowledge list --json
    """
    releases = workflows.list_knowledge()
    if json:
        show.data({"releases": releases})
        return
    for one in releases:
        days = sorted({table["date"] for table in one["tables"]})
        span = days[0] if len(days) == 1 else f"tables of {days[0]} to {days[-1]}"
        used = "in use" if one["current"] else "not in use, a newer one is there"
        show.text(f"{one['name']}  {one['title']}", f"  about {one['subject']}, {span}; {used}")
        licences = ", ".join(sorted({table["licence"] for table in one["tables"]}))
        show.text(f"  {len(one['tables'])} tables, {licences}; sha256 {one['sha256']}")


@knowledge_app.command("verify")
def verify(json: Json = False) -> None:
    """Check every table of every release against the digest it was sealed with.

    Example: osler knowledge verify
    """
    found = workflows.verify_knowledge()
    sound = not any(found.values())
    if json:
        show.data({"sound": sound, "releases": found})
    else:
        for name, faults in found.items():
            show.text(f"{name}: {'sound' if not faults else '; '.join(faults)}")
    if not sound:
        raise typer.Exit(show.OSLERS_FAULT)


@knowledge_app.command("install")
def install(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="A release: .zip, .tar.gz or a folder.")
    ],
    json: Json = False,
) -> None:
    """Install a newer release, whole and sound or not at all; the newest of a subject is used.

    Example: osler knowledge install cpic-2026-05-01.zip
    """
    release = workflows.install_knowledge(source)
    if json:
        show.data(release.to_json())
        return
    show.text(f"installed {release.name}, {len(release.tables)} tables, sha256 {release.sha256}")


@knowledge_app.command("diff")
def diff(
    old: Name,
    new: Name,
    vault: Annotated[
        Path | None,
        typer.Option("--vault", metavar="VAULT", help="Also list subjects whose findings change."),
    ] = None,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Tell what changed between two releases, and for whom in a vault the findings change.

    Example: osler knowledge diff cpic-2025-11-05 cpic-2026-05-01 --vault clinic.vault
    """
    changes = workflows.diff_knowledge(old, new).to_json()
    if vault is not None:
        found = workflows.changed_subjects(opening(vault, key_file, user, purpose), old, new)
        changes["subjects"] = list(found)
    if json:
        show.data(changes)
        return
    for one in changes["tables"]:
        lines = f"{one['lines_added']} lines more, {one['lines_removed']} fewer"
        show.text(f"{one['change']} {one['table']}: {lines}")
    show.text(f"{len(changes['tables'])} tables differ, {changes['same']} are the same")
    if vault is not None:
        subjects = [str(subject) for subject in changes["subjects"]]
        show.text(f"findings change for {len(subjects)} subjects", *subjects)
