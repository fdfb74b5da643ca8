"""An act that stands in the ledger, and whom it covers."""

from __future__ import annotations

from dataclasses import dataclass, field

from osler.vault.access import holds
from osler.vault.ledger import Scope


@dataclass(frozen=True)
class Act:
    """An act that stands in the ledger.

    Parameters
    ----------
    number
        Of its record; a worker process names it to read within the same act.
    scope
        Whether it covers all subjects, the listed ones, or none.
    """

    number: int
    scope: Scope
    listed: bytes = field(default=b"", repr=False)

    def covers(self, short: bytes | None = None) -> bool:
        """Tell whether it covers a subject, or all of them when none is named."""
        return self.scope == "all" or (short is not None and holds(self.listed, short))
