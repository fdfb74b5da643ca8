"""`osler learn`: what was decided, whether a model still holds, and which one speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from osler import workflows
from osler.cli import show
from osler.cli.options import Json, KeyFile, Purpose, Seed, User, opening

learn_app = typer.Typer(
    help="Learn from outcomes: record, watch, propose, promote, roll back.", no_args_is_help=True
)

Vault = Annotated[Path, typer.Argument(metavar="VAULT", help="The vault.")]
Signed = Annotated[str, typer.Option("--signed-by", metavar="NAME", help="Who signs.")]


@learn_app.command("record")
def record(
    vault: Vault,
    decisions: Annotated[
        Path, typer.Option("--decisions", metavar="FILE", help="Decisions, .csv or .jsonl.")
    ],
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="The run whose model spoke.")],
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Write down what a model said, whether it was shown, and what was done.

    Example: osler learn record clinic.vault --decisions today.csv --run run
    """
    told = workflows.record_decisions(opening(vault, key_file, user, purpose), decisions, run)
    if json:
        show.data(told)
        return
    if told["already_recorded"]:
        show.text("already recorded")
        return
    lines = [f"read {told['read']:,}, recorded {told['recorded']:,}, refused {told['refused']:,}"]
    show.text(*lines, *(f"  {count:,} {why}" for why, count in told["why"].items()))


@learn_app.command("status")
def status(
    vault: Vault,
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="The run to watch.")
    ] = None,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Tell which model is in use, and whether it still holds.

    Example: osler learn status clinic.vault --run run
    """
    told = workflows.learning_status(opening(vault, key_file, user, purpose), run)
    if json:
        show.data(told)
        return
    show.text(*workflows.status_lines(told))


@learn_app.command("propose")
def propose(
    vault: Vault,
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="The candidate.")],
    against: Annotated[Path, typer.Option("--against", metavar="RUN", help="The model in use.")],
    protocol: Annotated[
        Path, typer.Option("--protocol", metavar="FILE", help="What was agreed beforehand.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write.")],
    seed: Seed = 0,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Judge a candidate beside the model in use, on people who came later.

    Example: osler learn propose clinic.vault --run new --against run --protocol protocol.yaml
    --out proposal.json
    """
    told = workflows.propose_update(
        opening(vault, key_file, user, purpose), run, against, protocol, out, seed=seed
    )
    if json:
        show.data(told)
        return
    show.text(*workflows.proposal_lines(told), f"proposal: {out}")


@learn_app.command("promote")
def promote(
    vault: Vault,
    proposal: Annotated[
        Path, typer.Option("--proposal", metavar="FILE", help="A proposal that passed.")
    ],
    signed_by: Signed,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Make a candidate the model in use.

    Example: osler learn promote clinic.vault --proposal proposal.json --signed-by "Dr Example"
    """
    told = workflows.promote(opening(vault, key_file, user, purpose), proposal, signed_by)
    if json:
        show.data(told)
        return
    show.text(f"in use: {told['current'][:16]}, before: {told['before'][:16]}")


@learn_app.command("rollback")
def rollback(
    vault: Vault,
    signed_by: Signed,
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Go back to the model that was in use before.

    Example: osler learn rollback clinic.vault --signed-by "Dr Example"
    """
    told = workflows.rollback(opening(vault, key_file, user, purpose), signed_by)
    if json:
        show.data(told)
        return
    show.text(f"in use: {told['current'][:16]}, left: {told['left'][:16]}")


@learn_app.command("replay")
def replay(
    vault: Vault,
    proposal: Annotated[
        Path, typer.Option("--proposal", metavar="FILE", help="A proposal to judge again.")
    ],
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="The candidate.")],
    against: Annotated[Path, typer.Option("--against", metavar="RUN", help="The model in use.")],
    protocol: Annotated[
        Path, typer.Option("--protocol", metavar="FILE", help="What was agreed beforehand.")
    ],
    key_file: KeyFile = None,
    json: Json = False,
    user: User = None,
    purpose: Purpose = None,
) -> None:
    """Tell whether judging again gives a proposal bit for bit; exit 1 if not.

    Example: osler learn replay clinic.vault --proposal proposal.json --run new --against run
    --protocol protocol.yaml
    """
    same = workflows.replay(
        opening(vault, key_file, user, purpose), proposal, run, against, protocol
    )
    if json:
        show.data({"same": same})
    else:
        show.text("the same, bit for bit" if same else "not the same")
    if not same:
        raise typer.Exit(1)
