"""For whom a model is worse: the same metrics within groups and their intersections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from osler.evaluate.bootstrap import Measured, Resamples, divide
from osler.evaluate.calibration import Judged
from osler.evaluate.calibration_bins import judged_of
from osler.evaluate.concordance import Pairs, binary_pairs, concordance, rows_of, uno_pairs
from osler.evaluate.curves import Censoring, RiskSets, followed_to
from osler.evaluate.inputs import WORDS_FOR_MISSING, Checking, Floats, Ints, Outcome
from osler.model import Estimate

UNKNOWN = "unknown"
MOST_LEVELS = 50
COMPARED = ("uno_c", "auroc", "calibration_in_the_large")
FEWEST_EVENTS_FOR_C = 5


@dataclass(frozen=True)
class GroupRow:
    """One group, or that it is too small to be shown.

    Parameters
    ----------
    group
        Variable to level; two entries for an intersection.
    n
        Subjects, or "<50" when suppressed.
    events
        Subjects seen to have the event by the horizon; None when suppressed.
    metrics
        Discrimination, `oe`, `calibration_in_the_large` (observed − predicted risk),
        `observed_risk`, `predicted_risk`, and `<metric>_difference` to everyone.
    stands_out
        Metrics whose difference to everyone excludes 0 even after Bonferroni's correction for the
        number of groups shown.
    """

    group: dict[str, str]
    n: int | str
    events: int | None
    suppressed: bool
    metrics: dict[str, Estimate]
    stands_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the row of `results.json`."""
        return {
            "group": dict(self.group),
            "n": self.n,
            "events": self.events,
            "suppressed": self.suppressed,
            "metrics": {name: estimate.to_json() for name, estimate in self.metrics.items()},
            "stands_out": list(self.stands_out),
        }


@dataclass(frozen=True)
class GroupTable:
    """All groups, and how far to trust that one of them differs."""

    rows: tuple[GroupRow, ...]
    note: str

    def to_json(self) -> list[dict[str, Any]]:
        """Return the list of `results.json`."""
        return [row.to_json() for row in self.rows]


@dataclass(frozen=True)
class _Whole:
    """Everything about everyone that the groups are cut from."""

    judged: Judged
    outcome: Outcome | None
    horizon: float | None
    cause: int
    pairs: list[Pairs]
    resamples: Resamples
    level: float

    @property
    def had(self) -> Floats:
        if self.outcome is None or self.horizon is None:
            return self.judged.observed
        by_then = self.outcome.time <= self.horizon
        return np.asarray(by_then & (self.outcome.event == self.cause), dtype=np.float64)


def groups(
    y: Any,
    risk: Any,
    variables: Mapping[str, Any],
    by: Sequence[str | Sequence[str]] | None = None,
    *,
    horizon: float | None = None,
    cause: int | None = None,
    y_train: Any = None,
    min_group: int = 50,
    level: float = 0.95,
    bootstrap: int = 500,
    seed: int = 0,
    subjects: Any = None,
) -> GroupTable:
    """Measure a predicted risk within groups and two-way intersections.

    Parameters
    ----------
    y
        Structured (`event`, `time`), or 0/1 outcomes when there is no horizon.
    risk : shape (n,)
        Predicted risk of the event by the horizon.
    variables
        Name to labels of shape (n,); a missing label becomes the group "unknown". A polars or
        pandas frame will do.
    by
        Names and pairs of names; None: each variable alone.
    horizon, cause
        In the unit of `y`; the cause whose risk it is (None: any event).
    y_train
        Where the censoring is learnt for `uno_c`; None: from `y`.
    min_group
        Groups with fewer subjects are listed without numbers.
    subjects : shape (n,), optional
        The subject of each row; sizes count subjects and resamples draw them.

    Returns
    -------
    Groups in the order asked for, each with `uno_c` up to the horizon (or `auroc`), `oe`,
    `calibration_in_the_large`, `observed_risk`, `predicted_risk`, and differences to everyone.

    Raises
    ------
    InputError
        If the arrays do not fit together or a variable has over 50 levels.
    NotEstimable
        If nobody was followed to the horizon.
    """
    checking = Checking()
    checking.settings(level, bootstrap)
    if min_group < 1:
        checking.fault("min_group", f"{min_group}", "1 or more")
    judged, outcome = judged_of(checking, y, risk, horizon, cause)
    n = judged.predicted.size
    drawn = checking.subjects(subjects, n)
    asked = _asked(checking, variables, by)
    labels = {name: _labels(checking, variables, name, n) for names in asked for name in names}
    train = outcome if y_train is None else checking.outcome(y_train, "y_train")
    checking.done()
    whole = _Whole(
        judged,
        outcome,
        horizon,
        cause or 1,
        _pairs_of(judged, outcome, train, horizon, cause),
        Resamples.of(n, bootstrap, seed, drawn),
        level,
    )
    who = np.arange(n) if drawn is None else drawn
    cells = [cell for names in asked for cell in _cells(names, labels)]
    shown = sum(_size(who, index) >= min_group for _, index in cells)
    everyone = _measured(whole, np.arange(n))
    rows = [
        _row(whole, everyone, cell, index, shown)
        if _size(who, index) >= min_group
        else GroupRow(cell, f"<{min_group}", None, True, {})
        for cell, index in cells
    ]
    if drawn is not None:
        rows = [
            row if row.suppressed else _counted(row, _size(who, index))
            for row, (_, index) in zip(rows, cells, strict=True)
        ]
    return GroupTable(tuple(rows), _note(shown, level))


def _note(shown: int, level: float) -> str:
    return (
        f"{shown} groups are looked at, so about {shown * (1 - level):.1f} intervals of a metric "
        "would miss the truth by chance alone; a group is said to stand out only after "
        "Bonferroni's correction."
    )


def _counted(row: GroupRow, size: int) -> GroupRow:
    return GroupRow(row.group, size, row.events, False, row.metrics, row.stands_out)


def _size(who: Ints, index: Ints) -> int:
    return int(np.unique(who[index]).size)


def _asked(
    checking: Checking, variables: Mapping[str, Any], by: Sequence[str | Sequence[str]] | None
) -> list[tuple[str, ...]]:
    known = list(getattr(variables, "columns", variables))
    wanted = [(one,) if isinstance(one, str) else tuple(one) for one in by or known]
    for names in wanted:
        if not 1 <= len(set(names)) == len(names) <= 2:
            checking.fault("by", f"a group of {len(names)} variables", "one, or two different ones")
        unknown = [name for name in names if name not in known]
        if unknown:
            checking.fault("by", f"no variable {', '.join(unknown)}", f"of {', '.join(known)}")
    return [names for names in wanted if all(name in known for name in names)]


def _labels(checking: Checking, variables: Mapping[str, Any], name: str, n: int) -> Any:
    given = list(variables[name])
    checking.same_length(given, f"variables[{name!r}]", n)
    labels = np.array([UNKNOWN if _missing(one) else str(one) for one in given], dtype=np.str_)
    levels = len(set(labels.tolist()))
    if levels > MOST_LEVELS:
        checking.fault(
            f"variables[{name!r}]",
            f"{levels} levels",
            f"at most {MOST_LEVELS}",
            "put numbers into bands",
        )
    return labels


def _missing(value: Any) -> bool:
    return value is None or str(value) in WORDS_FOR_MISSING


def _cells(names: tuple[str, ...], labels: Mapping[str, Any]) -> list[tuple[dict[str, str], Ints]]:
    keys = list(zip(*(labels[name].tolist() for name in names), strict=True))
    found = {}
    for key in sorted(set(keys), key=lambda key: [(one == UNKNOWN, one) for one in key]):
        index = np.flatnonzero([one == key for one in keys])
        found[key] = (dict(zip(names, key, strict=True)), index)
    return list(found.values())


def _pairs_of(
    judged: Judged,
    outcome: Outcome | None,
    train: Outcome | None,
    horizon: float | None,
    cause: int | None,
) -> list[Pairs]:
    if outcome is None or train is None or horizon is None:
        return binary_pairs(judged.observed)
    learnt = train.of_any_cause() if cause is None else train
    return uno_pairs(outcome, Censoring.of(learnt), horizon, cause or 1)


def _measured(whole: _Whole, index: Ints) -> dict[str, Measured]:
    resamples, n = whole.resamples.subset(index), int(index.size)
    name = "auroc" if whole.horizon is None else "uno_c"
    events = int(whole.had[index].sum())
    if events < FEWEST_EVENTS_FOR_C:
        found = {name: Measured.impossible(f"fewer than {FEWEST_EVENTS_FOR_C} events", n)}
    else:
        pairs = rows_of(whole.pairs, index)
        meaning = "AUROC in the group" if name == "auroc" else "Uno's C up to the horizon"
        found = {name: concordance(whole.judged.predicted[index], pairs, resamples, meaning)}
    return found | _risks(whole, index, resamples)


def _risks(whole: _Whole, index: Ints, resamples: Resamples) -> dict[str, Measured]:
    n = int(index.size)
    observed, predicted = whole.judged.observed[index], whole.judged.predicted[index]
    if whole.outcome is not None and whole.horizon is not None:
        own = whole.outcome.rows(index)
        if not followed_to(own, whole.horizon):
            ended = Measured.impossible("nobody in the group is followed to the horizon", n)
            names = ("oe", "calibration_in_the_large", "observed_risk", "predicted_risk")
            return dict.fromkeys(names, ended)
        observed = RiskSets.of(own).influenced(whole.cause, whole.horizon).pseudo_values
    draws = resamples.means(np.column_stack([observed, predicted]))
    seen, foreseen = float(observed.mean()), float(predicted.mean())
    ratio = (
        Measured(seen / foreseen, divide(draws[:, 0], draws[:, 1]), n, "observed over expected")
        if foreseen > 0
        else Measured.impossible("no event is expected", n)
    )
    large = draws[:, 0] - draws[:, 1]
    return {
        "oe": ratio,
        "calibration_in_the_large": Measured(
            seen - foreseen, large, n, "observed − predicted risk (0 is right)"
        ),
        "observed_risk": Measured(seen, draws[:, 0], n, "observed risk"),
        "predicted_risk": Measured(foreseen, draws[:, 1], n, "mean predicted risk"),
    }


def _row(
    whole: _Whole, everyone: dict[str, Measured], cell: dict[str, str], index: Ints, shown: int
) -> GroupRow:
    found = _measured(whole, index)
    metrics = {name: one.estimate(whole.level) for name, one in found.items()}
    outstanding = []
    for name in COMPARED:
        if name not in found or not np.isfinite(found[name].value):
            continue
        apart = found[name].minus(everyone[name])
        told = apart.estimate(whole.level)
        meaning = f"difference to everyone: {told.meaning}"
        metrics[f"{name}_difference"] = Estimate(
            told.value, told.low, told.high, told.level, told.n, meaning
        )
        if _excludes_zero(apart, 1 - (1 - whole.level) / max(shown, 1)):
            outstanding.append(name)
    events = int(whole.had[index].sum())
    return GroupRow(cell, int(index.size), events, False, metrics, tuple(outstanding))


def _excludes_zero(difference: Measured, level: float) -> bool:
    # Far tails of a few hundred resamples are noise, so the corrected interval is a normal one.
    usable = difference.draws[np.isfinite(difference.draws)]
    if usable.size < 2 or not np.isfinite(difference.value):
        return False
    z = NormalDist().inv_cdf((1 + level) / 2)
    return bool(abs(difference.value) > z * usable.std(ddof=1) > 0)
