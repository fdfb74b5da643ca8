"""Whether follow-up is enough to learn from, and what is to be told where it barely is."""

from __future__ import annotations

import numpy as np

from osler.errors import NotEstimable
from osler.learn.encoding import Encoding
from osler.learn.outcome import SurvivalOutcome

FEWEST_ROWS = 10
FEWEST_EVENTS = 5
FEWEST_EVENTS_FOR_A_SCORE = 10


def check_estimable(outcome: SurvivalOutcome) -> None:
    """Refuse follow-up that is too little to learn from, with what would be enough.

    Raises
    ------
    NotEstimable
        If there are too few rows or events.
    """
    events = int(np.sum(outcome.event > 0))
    if len(outcome) < FEWEST_ROWS:
        raise NotEstimable(
            f"{len(outcome)} rows are too few to learn from; at least {FEWEST_ROWS} are needed"
        )
    if events < FEWEST_EVENTS:
        raise NotEstimable(
            f"{events} events are too few to learn from; at least {FEWEST_EVENTS} are needed: "
            "more people, or longer follow-up"
        )


def notes_on_fit(encoding: Encoding, outcome: SurvivalOutcome) -> list[str]:
    """Return sentences on causes and columns of which nothing could be learned."""
    notes = []
    for cause in range(1, outcome.causes + 1):
        count = int(np.sum(outcome.event == cause))
        if count < FEWEST_EVENTS_FOR_A_SCORE:
            notes.append(
                f"cause {cause} has {count} events, fewer than {FEWEST_EVENTS_FOR_A_SCORE}: "
                "its hazard is the same for everyone"
            )
    if not len(encoding.linear_owner) or not any(plan.linear_width for plan in encoding.plans):
        notes.append("no column varies: everyone gets the same curves")
    return notes
