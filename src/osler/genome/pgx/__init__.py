"""Drug advice from the inherited genome.

`call` reads a file of variants and returns, for every sample, each gene with its phenotype and the
advice for each drug. `docs/methods/pgx-advice.md` has the method. What a report and a timeline
get to see is in `osler.genome.pgx.findings`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from osler.genome.pgx.answers import Answers
    from osler.genome.pgx.pipeline import answer, call
    from osler.genome.pgx.result import PgxResult, SampleResult

__all__ = ["Answers", "PgxResult", "SampleResult", "answer", "call"]

_HOMES = {
    "Answers": "answers",
    "PgxResult": "result",
    "SampleResult": "result",
    "answer": "pipeline",
    "call": "pipeline",
}


def __getattr__(name: str) -> Any:
    """Import a name from its home when it is first used: a command that needs one need not all."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Name what is here."""
    return __all__
