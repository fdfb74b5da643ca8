"""What one engine says of one patient, ready for her report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from osler.model import Finding, NotAssessed


@dataclass(frozen=True)
class Part:
    """Findings, and the section of the report that shows them.

    Parameters
    ----------
    section
        Plain JSON values for the section's tables; None if the engine said nothing.
    not_assessed
        What the engine could not say, and why.
    inputs
        What it was made from, for the provenance.
    """

    findings: tuple[Finding, ...] = ()
    section: Any = None
    not_assessed: tuple[NotAssessed, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
