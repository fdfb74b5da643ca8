"""Letting a candidate speak, and going back: signed, in the ledger, never without a proposal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from osler.errors import Damaged, Fault, InputError, Refused
from osler.model import digest_of
from osler.workflows.learning.propose import PROPOSED
from osler.workflows.learning.status import PROMOTED, ROLLED_BACK, promotions
from osler.workflows.opening import Opening


def read_proposal(path: Path) -> dict[str, Any]:
    """Read a proposal and check it against its digest.

    Raises
    ------
    InputError
        If it is no proposal.
    Damaged
        If it is not what was written.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        told = content.pop("digest")
        needed = {"run", "against", "protocol", "passed", "judged", "vault", "seed"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            Fault(str(path), "no proposal", "a file that `osler learn propose` wrote")
        ) from error
    if digest_of(content) != told or not needed <= set(content):
        raise Damaged(f"{path} is not the proposal that was written")
    return {**content, "digest": told}


def promote(opening: Opening, proposal: Path, signed_by: str) -> dict[str, Any]:
    """Make a candidate the model in use.

    Raises
    ------
    Refused
        If it did not pass, was not proposed in this vault, is proposed against a model that is no
        longer in use, or the signer is not one of the protocol's.
    """
    told = read_proposal(proposal)
    vault = opening.open()
    _check_signer(told, signed_by)
    if not told["passed"]:
        failed = [one for one in told["judged"] if one["verdict"] != "no worse"]
        named = ", ".join(f"{one['metric']} in {one['group']}" for one in failed[:3])
        raise Refused(f"the candidate was not shown to be no worse: {named}")
    proposed = {one["what"].get("proposal") for one in vault.audit() if one["action"] == PROPOSED}
    if told["digest"] not in proposed:
        raise Refused("this proposal was not made in this vault; `osler learn propose` makes one")
    history = promotions(vault)
    if history and history[-1]["run"] != told["against"]:
        raise Refused(
            "the proposal is against a model that is no longer in use; propose it against the "
            f"current one, {str(history[-1]['run'])[:16]}"
        )
    vault.record(
        PROMOTED,
        {
            "run": told["run"], "before": told["against"], "proposal": told["digest"],
            "protocol": told["protocol"]["digest"], "signed": digest_of(signed_by),
        },
    )  # fmt: skip
    return {"current": told["run"], "before": told["against"], "proposal": told["digest"]}


def rollback(opening: Opening, signed_by: str) -> dict[str, Any]:
    """Go back to the model that was in use before the last promotion.

    Raises
    ------
    Refused
        If nothing was promoted, or the last act was a rollback already.
    """
    vault = opening.open()
    acts = [one for one in vault.audit() if one["action"] in (PROMOTED, ROLLED_BACK)]
    if not acts:
        raise Refused("nothing was promoted in this vault, so that there is nothing to go back to")
    stack: list[tuple[str, str]] = []
    for one in acts:
        if one["action"] == PROMOTED:
            stack.append((str(one["what"]["run"]), str(one["what"]["before"])))
        elif stack:
            stack.pop()
    if not stack:
        raise Refused("every promotion was taken back already")
    left, back = stack[-1]
    vault.record(ROLLED_BACK, {"run": back, "left": left, "signed": digest_of(signed_by)})
    return {"current": back, "left": left}


def _check_signer(told: dict[str, Any], signed_by: str) -> None:
    if signed_by not in told["protocol"]["signers"]:
        raise Refused(
            "the signer is not one of those whom the protocol names: "
            + ", ".join(told["protocol"]["signers"])
        )
