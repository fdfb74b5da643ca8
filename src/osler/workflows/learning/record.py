"""Writing down what was decided, encrypted beside the records of those it was decided about."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from osler.workflows.learning.decisions import events_of, read_decisions
from osler.workflows.opening import Opening
from osler.workflows.study.saved import SavedRun

SOURCE = "decisions"


def record_decisions(opening: Opening, decisions: Path, run: Path) -> dict[str, Any]:
    """Add decisions to the timelines of the vault.

    They are events like any other: encrypted, counted in the ledger, erased with their subject.
    No model reads them.

    Parameters
    ----------
    decisions
        CSV or JSON lines: `subject`, `time`, `prediction`, `shown`, `choice`, and optionally
        `options` (parted by `;`) and `override_reason`.
    run
        The run whose model spoke.

    Returns
    -------
    dict
        `read`, `recorded`, `refused`, `why`, and `already_recorded` for a file that was recorded
        before.

    Raises
    ------
    InputError
        If the file or the run cannot be read; the vault is then unchanged.
    """
    table = read_decisions(decisions)
    saved = SavedRun.load(run)
    whole = hashlib.sha256(decisions.read_bytes() + saved.digest.encode()).hexdigest()
    vault = opening.open()
    with vault.act("learn record", {"run": saved.digest}):
        known = vault.subject_ids()
    with vault.loading(source=SOURCE, digest=whole) as session:
        if session.already_loaded:
            return {
                "read": 0, "recorded": 0, "refused": 0, "why": {}, "already_recorded": True,
            }  # fmt: skip
        found = events_of(table, saved.digest, session.subjects, known)
        recorded = session.append(found.events)
        if not recorded:
            session.abandon()
    why = dict(found.why)
    if recorded < found.events.height:
        why["of a subject who was erased"] = found.events.height - recorded
    return {
        "read": found.read,
        "recorded": recorded,
        "refused": found.read - recorded,
        "why": why,
        "already_recorded": False,
    }
