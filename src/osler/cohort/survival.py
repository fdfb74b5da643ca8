"""Time to event for the rows of a task: duration, cause, entry, and who was left out why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from osler.cohort.anchors import Anchors
from osler.cohort.flow import FlowStep
from osler.cohort.moments import NEVER, Bools, Ints, Moments
from osler.cohort.outcome import DeathRule, TimeToEvent, is_death
from osler.cohort.task import Predicate
from osler.cohort.words import words

DAY_US = 86_400_000_000

# No predicate in a task can have a name with spaces.
DEATHS = "deaths in the record"


@dataclass
class FollowUp:
    """What happens after the prediction of each row that is still in.

    Parameters
    ----------
    index_us : shape (n,)
        Prediction times.
    causes_us : shape (n, k)
        Time of the first occurrence of each cause at or after the prediction, else NEVER.
    end_us : shape (n,)
        When observation ends without a cause.
    entry_us : shape (n,)
        When observation begins.
    death_us : shape (n,)
        The first recorded death at or after the prediction, else NEVER.
    kept : shape (n,)
        Positions of these rows among the rows of the task.
    """

    moments: Moments
    subject: Ints
    index_us: Ints
    causes_us: Ints
    death_us: Ints
    end_us: Ints
    entry_us: Ints
    kept: Ints
    flow: list[FlowStep]

    def keep(self, rows: Bools, step: str, note: str = "") -> None:
        """Leave out the other rows and count those that are left."""
        for name in ("subject", "index_us", "causes_us", "death_us", "end_us", "entry_us", "kept"):
            setattr(self, name, getattr(self, name)[rows])
        self.tell(np.ones(self.subject.size, dtype=np.bool_), step, note)

    def tell(self, rows: Bools, step: str, note: str = "") -> None:
        """Count rows without leaving any out."""
        self.flow.append(FlowStep(step, int(rows.sum()), np.unique(self.subject[rows]).size, note))

    def had(self, predicate: str) -> Bools:
        """Whether the predicate occurred strictly before the prediction."""
        total = self.moments.cumulative(predicate)
        before = self.moments.position(self.subject, self.index_us, after=False)
        found: Bools = total[before] > total[self.moments.starts[self.subject]]
        return found


def time_to_event(
    anchors: Anchors,
    index_us: Ints,
    outcome: TimeToEvent,
    rule: DeathRule,
    predicates: Mapping[str, Predicate],
) -> tuple[Ints, dict[str, pl.Series], list[FlowStep]]:
    """Return which rows take part, their outcome columns, and the steps of the flow."""
    follow_up = _begin(anchors, index_us, outcome)
    _leave_out(follow_up, outcome)
    _date_causes_at_death(follow_up, outcome, predicates)
    _settle_deaths(follow_up, rule)
    columns = _columns(follow_up)
    _tell_ties(follow_up, len(outcome.named_causes))
    _tell_zero(follow_up, columns)
    return follow_up.kept, columns, follow_up.flow


def _begin(anchors: Anchors, index_us: Ints, outcome: TimeToEvent) -> FollowUp:
    moments, subject = anchors.moments, anchors.subject

    def following(name: str) -> Ints:
        return moments.next_time(name, subject, index_us, after=False)

    last = np.maximum(moments.starts[subject + 1] - 1, 0)
    end = moments.times_us[last] if moments.times_us.size else np.zeros_like(index_us)
    if outcome.censor:
        end = np.minimum(end, following(outcome.censor))
    entry = index_us
    if outcome.entry:
        seen = moments.previous_time(outcome.entry, subject, index_us, before=False) != NEVER
        entry = np.where(seen, index_us, following(outcome.entry))
    causes = [following(name) for name in outcome.named_causes]
    return FollowUp(
        moments,
        subject,
        index_us,
        np.column_stack(causes),
        following(DEATHS),
        end,
        entry,
        np.arange(subject.size),
        [],
    )


def _leave_out(follow_up: FollowUp, outcome: TimeToEvent) -> None:
    """Leave out rows that cannot have the outcome, one counted reason after the other."""
    follow_up.keep(~follow_up.had(DEATHS), "alive at the prediction")
    followed = follow_up.end_us >= follow_up.index_us
    follow_up.keep(followed, "followed at or after the prediction")
    if outcome.prevalent == "exclude":
        for name in outcome.named_causes:
            follow_up.keep(~follow_up.had(name), f"no {words(name)} before the prediction")
    if outcome.entry:
        first = np.minimum(follow_up.causes_us.min(axis=1), follow_up.end_us)
        first = np.minimum(first, follow_up.death_us)
        inside = (follow_up.entry_us < first) | (follow_up.entry_us == follow_up.index_us)
        follow_up.keep(
            inside,
            f"under observation ({words(outcome.entry)}) before the outcome",
            "rows that never entered, or had the outcome by then, are left out",
        )


def _date_causes_at_death(
    follow_up: FollowUp, outcome: TimeToEvent, predicates: Mapping[str, Predicate]
) -> None:
    """Date a cause of death that was recorded after the death at the death itself."""
    for column, name in enumerate(outcome.named_causes):
        if is_death(name, predicates):
            cause = follow_up.causes_us[:, column]
            known = cause != NEVER
            follow_up.causes_us[known, column] = np.minimum(cause, follow_up.death_us)[known]


def _settle_deaths(follow_up: FollowUp, rule: DeathRule) -> None:
    """Treat deaths that no named cause explains as the rule says, and count them if unknown."""
    if rule.treatment == "covered":
        return
    unnamed = follow_up.death_us < follow_up.causes_us.min(axis=1)
    unnamed &= follow_up.death_us <= follow_up.end_us
    if rule.told_apart:
        note = {
            "competing": "a competing event of its own",
            "censor": "censored at the death",
            "exclude": "left out in the next step",
        }[rule.treatment]
        follow_up.tell(unnamed, "of these: died of an unknown cause", note)
    if rule.treatment == "exclude":
        follow_up.keep(~unnamed, "cause of death known")
    elif rule.treatment == "censor":
        follow_up.end_us = np.minimum(follow_up.end_us, follow_up.death_us)
    else:
        own = np.where(unnamed, follow_up.death_us, NEVER)
        follow_up.causes_us = np.column_stack([follow_up.causes_us, own])


def _columns(follow_up: FollowUp) -> dict[str, pl.Series]:
    """Return duration, cause and entry; an event at the end of observation still counts."""
    first = follow_up.causes_us.min(axis=1)
    happened = first <= follow_up.end_us
    stop = np.where(happened, first, follow_up.end_us)
    cause = np.where(happened, follow_up.causes_us.argmin(axis=1) + 1, 0)
    return {
        "duration_days": pl.Series(_days(stop - follow_up.index_us)),
        "cause": pl.Series(cause.astype(np.int64)),
        "entry_days": pl.Series(_days(follow_up.entry_us - follow_up.index_us)),
    }


def _days(length_us: Ints) -> npt.NDArray[np.float64]:
    return length_us / DAY_US


def _tell_ties(follow_up: FollowUp, named: int) -> None:
    causes = follow_up.causes_us[:, :named]
    first = causes.min(axis=1)
    tied = (first <= follow_up.end_us) & ((causes == first[:, None]).sum(axis=1) > 1)
    follow_up.tell(
        tied, "of these: several causes at the same time", "the one listed first is counted"
    )


def _tell_zero(follow_up: FollowUp, columns: Mapping[str, pl.Series]) -> None:
    censored_at_once = ((columns["duration_days"] == 0) & (columns["cause"] == 0)).to_numpy()
    follow_up.tell(
        censored_at_once,
        "of these: nothing recorded after the prediction",
        "kept, censored at time 0; they say nothing about the outcome",
    )


def event_counts(cause: pl.Series, causes: Sequence[str]) -> dict[str, int]:
    """Return how many rows end with each cause."""
    return {name: int((cause == number).sum()) for number, name in enumerate(causes, start=1)}
