"""What osler says of a patient, and on what grounds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from osler.model.provenance import Provenance

Status = Literal["final", "abstained"]


@dataclass(frozen=True)
class Interval:
    """The range around a finding's value, with its level and its meaning."""

    low: float
    high: float
    level: float = 0.95
    meaning: str = ""


@dataclass(frozen=True)
class Reason:
    """One thing that moved the finding.

    Parameters
    ----------
    what
        The observation in words, with its unit.
    effect
        How far it moved the value, on the value's own scale; None when not additive.
    source
        The events or the knowledge that it comes from.
    """

    what: str
    effect: float | None
    source: str


@dataclass(frozen=True)
class Evidence:
    """Where the claim was shown: a study, a guideline, a validation."""

    source: str
    level: str
    citation: str


@dataclass(frozen=True)
class NotAssessed:
    """Something a reader might expect here that osler did not look at, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Finding:
    """A statement about one patient with value, uncertainty, reasons, limits and provenance.

    Parameters
    ----------
    kind
        What sort of finding, such as `prognosis` or `variant`.
    status
        `abstained` when a model that failed its limits was not allowed to speak; then `value`
        and `interval` are None and a caveat says why.
    cause, horizon
        Of a prognosis: which outcome, and by when, in words.

    Raises
    ------
    ValueError
        If a final finding has no reason, or any finding has neither caveat nor evidence.
    """

    kind: str
    statement: str
    value: float | str | None
    unit: str | None
    interval: Interval | None
    reasons: tuple[Reason, ...]
    evidence: tuple[Evidence, ...]
    caveats: tuple[str, ...]
    status: Status
    provenance: Provenance
    cause: str | None = None
    horizon: str | None = None

    def __post_init__(self) -> None:
        if self.status == "final" and not self.reasons:
            raise ValueError(f"a final {self.kind} finding needs at least one reason")
        if not self.caveats and not self.evidence:
            raise ValueError(f"a {self.kind} finding needs at least one caveat or evidence")

    def to_json(self) -> dict[str, Any]:
        """Return the finding as the plain JSON object of `report.json`."""
        return asdict(self)
