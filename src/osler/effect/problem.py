"""The rows of one target trial, checked, with all their faults at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from osler.errors import Fault, InputError, NotEstimable
from osler.learn.losses import Bools, Floats, Ints
from osler.learn.outcome import SurvivalOutcome, as_binary, as_survival
from osler.learn.table import MOST, as_frame

CONTINUOUS, BINARY, TIME_TO_EVENT = "continuous", "binary", "time-to-event"
KINDS = (CONTINUOUS, BINARY, TIME_TO_EVENT)
LOWER, HIGHER = "lower", "higher"
RISK, RMST = "risk", "rmst"
FEWEST_IN_ARM = 10
FEWEST_OUTCOMES = 5
MOST_ARMS = 20


@dataclass(frozen=True)
class Problem:
    """Who was treated how, what was known at time zero, and what came of it.

    Parameters
    ----------
    frame
        Covariates known at time zero, out of `as_frame`: numbers, truths and words, null missing.
    arm : shape (n,)
        0..K-1, the place of each row's treatment in `labels`.
    labels
        Names of the arms; `reference` is the place of the one that others are compared with.
    kind
        ``"continuous"``, ``"binary"`` or ``"time-to-event"``.
    y : shape (n,)
        Numbers, or a `SurvivalOutcome`.
    horizon
        Time at which risks are compared, in the unit of `y`; None unless time to event.
    cluster : shape (n,)
        Subject of each row, 0..m-1; a subject never straddles folds.
    randomised
        Whether the arm was drawn by lot.
    better
        ``"lower"`` or ``"higher"`` values of the outcome are to be wished for.
    probability : shape (n, K), optional
        Chances of each arm by design, where they are known.
    measure
        For time to event ``"risk"``, the risk of `cause` by the horizon, or ``"rmst"``, the mean
        time until any event, up to the horizon.
    named
        Whether the columns came with names of their own.
    cause
        Which cause the risk is of; None for any.
    """

    frame: pl.DataFrame
    arm: Ints
    labels: tuple[str, ...]
    reference: int
    kind: str
    y: Floats | SurvivalOutcome
    horizon: float | None
    cluster: Ints
    randomised: bool
    better: str
    probability: Floats | None = None
    measure: str = RISK
    named: bool = True
    cause: int | None = 1
    classes: tuple[Any, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.arm)

    @property
    def arms(self) -> int:
        """Number of arms."""
        return len(self.labels)

    @property
    def subjects(self) -> int:
        """Number of different subjects."""
        return int(self.cluster.max()) + 1 if len(self.cluster) else 0

    @property
    def survival(self) -> SurvivalOutcome:
        """The outcome of a time-to-event problem."""
        if not isinstance(self.y, SurvivalOutcome):
            raise TypeError(f"a {self.kind} outcome has no times")
        return self.y

    @property
    def number(self) -> Floats:
        """The outcome of any other problem, shape (n,)."""
        if isinstance(self.y, SurvivalOutcome):
            raise TypeError("a time-to-event outcome is no single number")
        return self.y

    def one_hot(self) -> Floats:
        """Return 1 where a row is in an arm, shape (n, K)."""
        return np.asarray(self.arm[:, None] == np.arange(self.arms), dtype=np.float64)

    def take(self, rows: Any) -> Problem:
        """Return some of the rows, by mask or index."""
        index = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)
        y = self.y.take(index) if isinstance(self.y, SurvivalOutcome) else self.y[index]
        cluster = np.unique(self.cluster[index], return_inverse=True)[1]
        chance = None if self.probability is None else self.probability[index]
        return Problem(
            self.frame[index], self.arm[index], self.labels, self.reference, self.kind, y,
            self.horizon, cluster, self.randomised, self.better, chance, self.measure,
            self.named, self.cause, self.classes,
        )  # fmt: skip

    @staticmethod
    def of(
        X: Any,
        treatment: Any,
        y: Any,
        *,
        outcome: str = CONTINUOUS,
        horizon: float | None = None,
        randomised: bool = False,
        better: str = LOWER,
        reference: Any = None,
        cluster: Any = None,
        probability: Any = None,
        measure: str = RISK,
        cause: int | None = 1,
    ) -> Problem:
        """Check what a user hands over.

        Parameters
        ----------
        X
            Anything `as_frame` takes.
        treatment : shape (n,)
            0/1, or labels of two or more arms.
        y : shape (n,)
            Numbers; 0/1; or a structured array with fields `event` and `time`.
        reference
            The label others are compared with; 0 or False by default, and to be named otherwise.
        cluster : shape (n,), optional
            Subject of each row, where a subject appears more than once.
        probability : shape (n, K) or (n,), optional
            Chances by design, arms in sorted order of their labels; for two arms the chance of
            the one that is not the reference will do.

        Raises
        ------
        InputError
            All faults of form at once.
        NotEstimable
            If the rows are sound but cannot answer: one arm, an arm of fewer than ten.
        """
        faults: list[Fault | str] = _setting_faults(outcome, horizon, better, measure)
        frame, named = _collect(faults, lambda: as_frame(X), (pl.DataFrame(), True))
        codes = _collect(faults, lambda: _arms(treatment, reference), None)
        value = _collect(faults, lambda: _outcome(y, outcome), None)
        if faults or codes is None or value is None:
            raise InputError(faults)
        arm, classes, ref = codes
        member = _collect(faults, lambda: _clusters(cluster, len(arm)), arm)
        faults += _length_faults(frame.height, len(arm), len(value), len(member))
        chance = None
        if not faults and probability is not None:
            chance = _collect(
                faults, lambda: _probability(probability, len(arm), len(classes), ref), None
            )
        if faults:
            raise InputError(faults)
        labels = tuple(str(one) for one in classes)
        _enough(arm, labels)
        _enough_outcomes(value, outcome, cause)
        return Problem(
            frame, arm, labels, ref, outcome, value, None if horizon is None else float(horizon),
            member, bool(randomised), better, chance, measure, named, cause, classes,
        )  # fmt: skip


def _collect(faults: list[Fault | str], read: Any, otherwise: Any) -> Any:
    try:
        return read()
    except InputError as error:
        faults.extend(error.faults)
        return otherwise


def _setting_faults(
    outcome: str, horizon: float | None, better: str, measure: str
) -> list[Fault | str]:
    faults: list[Fault | str] = []
    if outcome not in KINDS:
        faults.append(Fault("outcome", repr(outcome), f"one of {', '.join(KINDS)}"))
    if better not in (LOWER, HIGHER):
        faults.append(Fault("better", repr(better), "'lower' or 'higher'"))
    if measure not in (RISK, RMST):
        faults.append(Fault("measure", repr(measure), "'risk' or 'rmst'"))
    if outcome == TIME_TO_EVENT and horizon is None:
        faults.append(
            Fault("horizon", "none", "the time at which risks are compared", "in the unit of y")
        )
    if horizon is not None:
        usable = isinstance(horizon, int | float | np.number) and 0 < float(horizon) < np.inf
        if not usable or isinstance(horizon, bool):
            faults.append(Fault("horizon", repr(horizon), "a finite time above 0"))
        elif outcome in (CONTINUOUS, BINARY):
            faults.append(Fault("horizon", "a time", f"none for a {outcome} outcome"))
    return faults


def _arms(treatment: Any, reference: Any) -> tuple[Ints, tuple[Any, ...], int]:
    values = _plain(treatment, "treatment")
    kinds = {str if isinstance(v, str) else float for v in values}
    if len(kinds) > 1:
        raise InputError(Fault("treatment", "words and numbers mixed", "one kind of label"))
    classes = tuple(sorted(set(values)))
    if len(classes) > MOST_ARMS:
        raise InputError(
            Fault(
                "treatment",
                f"{len(classes)} different values",
                f"at most {MOST_ARMS} arms",
                "a dose must be cut into arms",
            )
        )
    if len(classes) < 2:
        raise NotEstimable(
            "every row has the same treatment: an effect needs rows of at least two arms"
        )
    place = {value: number for number, value in enumerate(classes)}
    arm = np.array([place[value] for value in values], dtype=np.int64)
    return arm, classes, _reference(classes, reference)


def _reference(classes: tuple[Any, ...], reference: Any) -> int:
    if reference is not None:
        found = [i for i, one in enumerate(classes) if one == reference or str(one) == reference]
        if not found:
            raise InputError(
                Fault("reference", "a label that no row has", "one of the treatment's labels")
            )
        return found[0]
    if 0 in classes:
        return classes.index(0)
    listed = ", ".join(str(one) for one in classes[:8])
    raise InputError(
        Fault("reference", "none", f"one of {listed}", "name the arm that others are compared with")
    )


def _plain(values: Any, where: str) -> list[Any]:
    """Return a column's values as plain numbers and words."""
    if hasattr(values, "to_list"):
        listed = values.to_list()
    elif hasattr(values, "tolist"):
        if np.ndim(values) != 1:
            raise InputError(Fault(where, f"shape {np.shape(values)}", "one dimension"))
        listed = values.tolist()
    elif isinstance(values, list | tuple | range):
        listed = list(values)
    else:
        raise InputError(Fault(where, f"a {type(values).__name__}", "one value for every row"))
    missing = sum(_is_missing(v) for v in listed)
    if missing:
        raise InputError(
            Fault(where, f"{missing} missing values", "a label in every row", "leave them out")
        )
    strange = [v for v in listed if not isinstance(v, bool | int | float | str | np.generic)]
    if strange or not listed:
        came = "no rows" if not listed else f"{len(strange)} values of another type"
        raise InputError(Fault(where, came, "0/1 or labels"))
    return [_whole(v) for v in listed]


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas.NA has no truth value
        return True


def _whole(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str):
        return value
    return int(value) if float(value).is_integer() else float(value)


def _outcome(y: Any, kind: str) -> Floats | SurvivalOutcome:
    if kind == TIME_TO_EVENT:
        _refuse_past_events(y)
        return as_survival(y)
    if kind == BINARY:
        return as_binary(y)
    try:
        values = np.array(y, dtype=np.float64, copy=True)
    except (TypeError, ValueError) as error:
        raise InputError(Fault("y", "values that are no numbers", "numbers")) from error
    if values.ndim != 1:
        raise InputError(Fault("y", f"shape {values.shape}", "one dimension"))
    strange = int(np.sum(~(np.abs(values) <= MOST)))
    if strange:
        raise InputError(
            Fault(
                "y",
                f"{strange} missing or infinite values, or beyond {MOST:g}",
                "finite numbers",
                "leave such rows out and say so",
            )
        )
    return values


def _refuse_past_events(y: Any) -> None:
    """Refuse events before time zero, which only look like a mistake in the times."""
    names = getattr(getattr(y, "dtype", None), "names", None) or ()
    if {"event", "time"} <= set(names) and all(y[name].dtype.kind in "biuf" for name in names):
        past = int(np.sum((y["event"] > 0) & (y["time"] < 0)))
        if past:
            raise NotEstimable(
                f"{past} rows had their event before time zero: the outcome was known before "
                "treatment could act, and only those still free of it are eligible"
            )


def _clusters(cluster: Any, rows: int) -> Ints:
    if cluster is None:
        return np.arange(rows, dtype=np.int64)
    values = _plain(cluster, "cluster")
    texts = np.array([str(value) for value in values])
    return np.unique(texts, return_inverse=True)[1].astype(np.int64)


def _length_faults(frame: int, arm: int, y: int, cluster: int) -> list[Fault | str]:
    lengths = {"treatment": arm, "y": y, "cluster": cluster}
    return [
        Fault(name, f"{rows} rows", f"the {frame} of X")
        for name, rows in lengths.items()
        if rows != frame
    ]


def _probability(given: Any, rows: int, arms: int, reference: int) -> Floats:
    where, expected = "probability", f"chances of shape ({rows}, {arms}), each row summing to 1"
    try:
        chance = np.array(given, dtype=np.float64, copy=True)
    except (TypeError, ValueError) as error:
        raise InputError(Fault(where, "values that are no numbers", expected)) from error
    if chance.ndim == 1 and arms == 2:
        pair = (1 - chance, chance) if reference == 0 else (chance, 1 - chance)
        chance = np.column_stack(pair)
    if chance.shape != (rows, arms):
        raise InputError(Fault(where, f"shape {chance.shape}", expected))
    sound: Bools = np.all((chance > 0) & (chance < 1), axis=1) & (
        np.abs(chance.sum(axis=1) - 1) < 1e-6
    )
    if not sound.all():
        raise InputError(Fault(where, f"{int((~sound).sum())} rows that are not", expected))
    return chance


def _enough(arm: Ints, labels: tuple[str, ...]) -> None:
    counts = np.bincount(arm, minlength=len(labels))
    small = [label for label, count in zip(labels, counts, strict=True) if count < FEWEST_IN_ARM]
    if small:
        raise NotEstimable(
            f"fewer than {FEWEST_IN_ARM} rows in {_listed(small)}: more rows of such arms, or "
            "leaving them out of the question, would make it answerable"
        )


def _enough_outcomes(y: Floats | SurvivalOutcome, kind: str, cause: int | None) -> None:
    if isinstance(y, SurvivalOutcome):
        if not y.event.any():
            raise NotEstimable("every row is censored: an effect needs events")
        asked = y.event > 0 if cause is None else y.event == cause
        scarce, what = int(asked.sum()), "events of the asked cause"
    elif kind == BINARY:
        scarce, what = int(min(y.sum(), len(y) - y.sum())), "rows with the rarer outcome"
    else:
        if np.ptp(y) == 0:
            raise NotEstimable("every row has the same outcome: there is nothing to compare")
        return
    if scarce < FEWEST_OUTCOMES:
        raise NotEstimable(
            f"{scarce} {what}: at least {FEWEST_OUTCOMES} are needed, by more people or longer "
            "follow-up"
        )


def _listed(labels: list[str]) -> str:
    return "arm " + labels[0] if len(labels) == 1 else "arms " + ", ".join(labels)
