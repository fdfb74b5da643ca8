"""Fairness at a decision threshold: who is flagged, who is missed, who pays for evening it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from osler.evaluate.benefit import odds
from osler.evaluate.bootstrap import Measured, Resamples, divide
from osler.evaluate.calibration import from_link, to_link
from osler.evaluate.calibration_bins import judged_of
from osler.evaluate.curves import RiskSets, followed_to
from osler.evaluate.inputs import WORDS_FOR_MISSING, Bools, Checking, Floats, Outcome
from osler.model import Estimate

SMALLEST_GROUP = 10
FEWEST_EVENTS = 5
UNKNOWN = "unknown"
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
MEANINGS = {
    "selection_rate": "share at or over the threshold",
    "true_positive_rate": "share at or over the threshold of those with the event",
    "false_positive_rate": "share at or over the threshold of those without the event",
    "observed_risk": "observed risk",
    "predicted_risk": "mean predicted risk",
    "calibration_in_the_large": "observed − predicted risk (0 is right)",
    "missed_per_1000": "of 1,000 people: with the event and under the threshold",
    "false_alarms_per_1000": "of 1,000 people: without the event and at or over the threshold",
}
BISECTIONS = 60


@dataclass(frozen=True)
class FairnessGroup:
    """One group at the threshold, or that it is too small for a number.

    Parameters
    ----------
    n
        Subjects, or "<10".
    metrics
        `selection_rate`, `true_positive_rate`, `false_positive_rate`, `observed_risk`,
        `predicted_risk`, `calibration_in_the_large`; and who is harmed, of 1,000 people:
        `missed_per_1000`, `false_alarms_per_1000`.
    """

    level: str
    n: int | str
    suppressed: bool
    metrics: dict[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True)
class Mitigation:
    """One way to bring the groups together, and what it costs.

    Parameters
    ----------
    gap_before, gap_after
        Difference of true-positive rates between the groups.
    net_benefit_change
        After less before, over everyone, in true positives per subject.
    """

    what: str
    gap_before: Estimate
    gap_after: Estimate
    false_positive_gap_before: Estimate
    false_positive_gap_after: Estimate
    net_benefit_before: Estimate
    net_benefit_after: Estimate
    net_benefit_change: Estimate


@dataclass(frozen=True)
class FairnessTable:
    """A variable's groups at a threshold, how far they lie apart, and what could be done.

    Parameters
    ----------
    differences
        `selection_rate`, `true_positive_rate`, `false_positive_rate`: the group with the largest
        less the one with the smallest; `equalised_odds`: the larger of the last two.
    """

    variable: str
    threshold: float
    groups: tuple[FairnessGroup, ...]
    differences: dict[str, Estimate]
    mitigation: tuple[Mitigation, ...]
    note: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "variable": self.variable,
            "threshold": self.threshold,
            "groups": [
                {
                    "level": one.level,
                    "n": one.n,
                    "suppressed": one.suppressed,
                    "metrics": {name: value.to_json() for name, value in one.metrics.items()},
                }
                for one in self.groups
            ],
            "differences": {name: one.to_json() for name, one in self.differences.items()},
            "mitigation": [
                {
                    key: value.to_json() if isinstance(value, Estimate) else value
                    for key, value in vars(one).items()
                }
                for one in self.mitigation
            ],
            "note": self.note,
        }


@dataclass(frozen=True)
class _People:
    """Predictions and what happened, group by group, over the groups that are shown."""

    risk: Floats
    observed: Floats
    labels: Any
    levels: tuple[str, ...]
    resamples: Resamples
    level: float

    def sums(self, flagged: Floats) -> tuple[Floats, Floats]:
        """Return six sums for each group, shape (groups, 6), and their resamples (b, groups, 6)."""
        had, free = self.observed, 1 - self.observed
        columns = [np.ones_like(had), flagged, had, flagged * had, free, flagged * free, self.risk]
        inside = [(self.labels == level).astype(np.float64) for level in self.levels]
        table = np.column_stack([one * own for own in inside for one in columns])
        shape = (len(self.levels), len(columns))
        draws = self.resamples.totals(table).reshape(-1, *shape)
        return table.sum(axis=0).reshape(shape), draws


def fairness(
    y: Any,
    risk: Any,
    labels: Sequence[Any],
    horizon: float | None = None,
    *,
    threshold: float,
    variable: str = "group",
    cause: int | None = None,
    level: float = 0.95,
    bootstrap: int = 500,
    seed: int = 0,
    subjects: Any = None,
) -> FairnessTable:
    """Measure who is flagged and who is missed in each group, and what evening it out would cost.

    Parameters
    ----------
    y
        Structured (`event`, `time`), or 0/1 outcomes when there is no horizon.
    risk : shape (n,)
        Predicted risk of the event by the horizon.
    labels : shape (n,)
        The group of each row; a missing label becomes the group "unknown".
    threshold
        Risk at which one would act.
    cause
        The cause whose risk it is; None: any event.

    Returns
    -------
    Groups of fewer than 10 subjects, and rates in groups with fewer than five events, have no
    number. Censored outcomes enter as pseudo-observations within the group, so that a group may be
    followed less than another. The two options are a threshold for each group that gives it
    everyone's true-positive rate, and a recalibration within each group; both are chosen on one
    half of the subjects and measured on the other, in turn.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    NotEstimable
        If nobody was followed to the horizon.

    References
    ----------
    Hardt, Price & Srebro 2016, NeurIPS 29:3315-3323 (equalised odds); Vickers & Elkin 2006, Medical
    Decision Making 26:565-574 (net benefit); Andersen & Perme 2010, Statistical Methods in Medical
    Research 19:71-99 (pseudo-observations).
    """
    people, sizes, who = _gathered(
        y, risk, labels, horizon, threshold, cause, level, bootstrap, seed, subjects
    )
    shown = people.levels
    flagged = (people.risk >= threshold).astype(np.float64)
    rates = _rates(people, flagged)
    groups = tuple(
        FairnessGroup(one, size, False, _told(rates[one], level))
        if one in shown
        else FairnessGroup(one, f"<{SMALLEST_GROUP}" if size < SMALLEST_GROUP else size, True)
        for one, size in sizes.items()
    )
    compared = [one for one in shown if np.isfinite(rates[one]["true_positive_rate"].value)]
    return FairnessTable(
        variable,
        float(threshold),
        groups,
        _told(_differences(rates, compared), level),
        _options(people, flagged, threshold, who, seed, compared),
        _note(groups, compared),
    )


def mitigated(
    y: Any,
    before: Any,
    after: Any,
    labels: Sequence[Any],
    horizon: float | None = None,
    *,
    threshold: float,
    what: str,
    cause: int | None = None,
    level: float = 0.95,
    bootstrap: int = 500,
    seed: int = 0,
    subjects: Any = None,
) -> Mitigation | None:
    """Measure at a threshold what a mitigation in training did, on both sides of the trade.

    Parameters
    ----------
    before, after : shape (n,)
        Risks of the same rows by the model without and with it, neither of which saw the row.
    what
        What was done, in words.

    Other parameters are those of `fairness`.

    Returns
    -------
    Differences between groups and the net benefit, before and after, on the same resamples; None
    where there are not two groups with enough people and events.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    NotEstimable
        If nobody was followed to the horizon.
    """
    people, _, _ = _gathered(
        y, before, labels, horizon, threshold, cause, level, bootstrap, seed, subjects
    )
    changed, _, _ = _gathered(
        y, after, labels, horizon, threshold, cause, level, bootstrap, seed, subjects
    )
    flags = [(one.risk >= threshold).astype(np.float64) for one in (people, changed)]
    rates = _rates(people, flags[0])
    compared = [one for one in rates if np.isfinite(rates[one]["true_positive_rate"].value)]
    if len(compared) < 2:
        return None
    return _mitigation(people, what, flags[0], flags[1], threshold, compared)


def _gathered(
    y: Any,
    risk: Any,
    labels: Sequence[Any],
    horizon: float | None,
    threshold: float,
    cause: int | None,
    level: float,
    bootstrap: int,
    seed: int,
    subjects: Any,
) -> tuple[_People, dict[str, int], Any]:
    """Check the arrays; return the people, the size of every group, and whose row each is."""
    checking = Checking()
    checking.settings(level, bootstrap)
    checking.thresholds([threshold])
    judged, outcome = judged_of(checking, y, risk, horizon, cause)
    checking.same_length(labels, "labels", judged.predicted.size)
    drawn = checking.subjects(subjects, judged.predicted.size)
    checking.done()
    named = np.array([_named(one) for one in labels], dtype=np.str_)
    who = np.arange(len(named)) if drawn is None else drawn
    sizes = {one: int(np.unique(who[named == one]).size) for one in sorted(set(named.tolist()))}
    observed = _within_groups(judged.observed, outcome, horizon, cause or 1, named)
    shown = tuple(
        one
        for one, size in sizes.items()
        if size >= SMALLEST_GROUP and np.isfinite(observed[named == one]).all()
    )
    observed = np.where(np.isin(named, shown), observed, 0.0)
    resamples = Resamples.of(len(named), bootstrap, seed, drawn)
    return _People(judged.predicted, observed, named, shown, resamples, level), sizes, who


def _named(value: Any) -> str:
    return UNKNOWN if value is None or str(value) in WORDS_FOR_MISSING else str(value)


def _within_groups(
    observed: Floats, outcome: Outcome | None, horizon: float | None, cause: int, named: Any
) -> Floats:
    """Return 0/1 outcomes, or pseudo-observations within each group; NaN where not followed."""
    if outcome is None or horizon is None:
        return observed
    found = np.full(len(named), np.nan)
    for one in set(named.tolist()):
        rows = np.flatnonzero(named == one)
        own = outcome.rows(rows)
        if followed_to(own, horizon):
            found[rows] = RiskSets.of(own).influenced(cause, horizon).pseudo_values
    return found


def _rates(people: _People, flagged: Floats) -> dict[str, dict[str, Measured]]:
    sums, draws = people.sums(flagged)
    found = {}
    for at, one in enumerate(people.levels):
        n, few = int(sums[at, 0]), sums[at, 2] < FEWEST_EVENTS or sums[at, 4] < FEWEST_EVENTS
        values, spread = _of_sums(sums[at][None]), _of_sums(draws[:, at])
        found[one] = {
            name: Measured(float(values[name][0]), spread[name], n, meaning)
            for name, meaning in MEANINGS.items()
        }
        if few:
            why = f"fewer than {FEWEST_EVENTS} people with or without the event"
            for name in RATES[1:]:
                found[one][name] = Measured.impossible(why, n)
    return found


def _of_sums(sums: Floats) -> dict[str, Floats]:
    """Return every metric from the sums of a group, shape (b, 7)."""
    n, flagged, had, true, free, false, risk = sums.T
    return {
        "selection_rate": divide(flagged, n),
        "true_positive_rate": divide(true, had),
        "false_positive_rate": divide(false, free),
        "observed_risk": divide(had, n),
        "predicted_risk": divide(risk, n),
        "calibration_in_the_large": divide(had - risk, n),
        "missed_per_1000": 1000 * divide(had - true, n),
        "false_alarms_per_1000": 1000 * divide(false, n),
    }


def _told(found: dict[str, Measured], level: float) -> dict[str, Estimate]:
    return {name: one.estimate(level) for name, one in found.items()}


def _differences(
    rates: dict[str, dict[str, Measured]], compared: Sequence[str]
) -> dict[str, Measured]:
    """Return the largest less the smallest of each rate, and of the equalised odds."""
    if len(compared) < 2:
        few = Measured.impossible("fewer than two groups with enough people and events", 0)
        return dict.fromkeys([*RATES, "equalised_odds"], few)
    found = {}
    for name in RATES:
        ordered = sorted((rates[one][name] for one in compared), key=lambda one: one.value)
        apart = ordered[-1].minus(ordered[0])
        meaning = f"{MEANINGS[name]}: the group with most less the one with least, pair held fixed"
        found[name] = Measured(apart.value, apart.draws, apart.n, meaning)
    worse = max((found[name] for name in RATES[1:]), key=lambda one: one.value)
    meaning = "the larger of the differences of true- and false-positive rates"
    found["equalised_odds"] = Measured(worse.value, worse.draws, worse.n, meaning)
    return found


def _options(
    people: _People,
    flagged: Floats,
    threshold: float,
    who: Any,
    seed: int,
    compared: Sequence[str],
) -> tuple[Mitigation, ...]:
    """Measure both options; nothing where there are not two groups to bring together."""
    if len(compared) < 2:
        return ()
    half = np.random.default_rng(seed).permutation(int(who.max()) + 1)[who] % 2 == 0
    by_threshold, by_calibration = flagged.copy(), flagged.copy()
    for learn in (half, ~half):
        everyone = _true_positive_rate(people, learn & np.isin(people.labels, compared), threshold)
        for one in compared:
            rows = learn & (people.labels == one)
            use = ~learn & (people.labels == one)
            own = _threshold_for(people, rows, everyone)
            by_threshold[use] = people.risk[use] >= own
            moved = _moved(people.risk[use], _shift(people, rows))
            by_calibration[use] = moved >= threshold
    return tuple(
        _mitigation(people, what, flagged, after, threshold, compared)
        for what, after in (
            ("a threshold for each group", by_threshold),
            ("recalibration within each group", by_calibration),
        )
    )


def _true_positive_rate(people: _People, rows: Bools, threshold: float) -> float:
    had = people.observed[rows]
    return float(divide(had[people.risk[rows] >= threshold].sum(), had.sum()))


def _threshold_for(people: _People, rows: Bools, wanted: float) -> float:
    """Return the risk at which the rows have a true-positive rate nearest to the one wanted."""
    order = np.argsort(-people.risk[rows], kind="stable")
    risk, had = people.risk[rows][order], people.observed[rows][order]
    if not risk.size or had.sum() <= 0 or not np.isfinite(wanted):
        return float("inf")
    reached = np.cumsum(had) / had.sum()
    return float(risk[int(np.argmin(np.abs(reached - wanted)))])


def _shift(people: _People, rows: Bools) -> float:
    """Return what added to the log odds makes as many events expected as there were."""
    target = float(people.observed[rows].mean()) if rows.any() else 0.0
    low, high = -20.0, 20.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _moved(people.risk[rows], middle).mean() < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _moved(risk: Floats, shift: float) -> Floats:
    return from_link(to_link(risk, "logit") + shift, "logit")


def _mitigation(
    people: _People,
    what: str,
    before: Floats,
    after: Floats,
    threshold: float,
    compared: Sequence[str],
) -> Mitigation:
    gaps = [_differences(_rates(people, one), compared) for one in (before, after)]
    inside = np.isin(people.labels, compared)
    worth = [
        np.where(inside, one * (people.observed - (1 - people.observed) * odds(threshold)), 0.0)
        for one in (before, after)
    ]
    table = np.column_stack([*worth, worth[1] - worth[0], inside])
    totals, draws = table.sum(axis=0), people.resamples.totals(table)
    meaning = f"net benefit at a risk of {threshold:g}, in true positives per subject"
    benefit = [
        Measured(
            float(totals[at] / totals[3]),
            divide(draws[:, at], draws[:, 3]),
            int(totals[3]),
            meaning,
        ).estimate(people.level)
        for at in range(3)
    ]
    true, false = RATES[1:]
    told = [_told(one, people.level) for one in gaps]
    return Mitigation(what, told[0][true], told[1][true], told[0][false], told[1][false], *benefit)


def _note(groups: Sequence[FairnessGroup], compared: Sequence[str]) -> str:
    hidden = [one.level for one in groups if one.level not in compared]
    told = (
        f" Not compared, for want of people, of events or of follow-up: {', '.join(hidden)}."
        if hidden
        else ""
    )
    return f"The options are measured and not applied.{told}"
