"""Time to the first of several competing events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.errors import Damaged, Fault, InputError, NotEstimable
from osler.learn.attribution import alone, coordinates
from osler.learn.clock import Clock
from osler.learn.designs import Designs
from osler.learn.encoding import Encoding
from osler.learn.incidence import Hazards, baseline
from osler.learn.losses import CoxLoss, Floats
from osler.learn.modelfile import Stored, load_model, save_model
from osler.learn.monotone import check_monotone
from osler.learn.outcome import SurvivalOutcome, as_arrays, as_survival, as_times
from osler.learn.parameters import FIT_ANEW, NOT_FITTED, Parameters
from osler.learn.preparing import as_members, canonical_order, fold_count, same_length
from osler.learn.score import learn_score
from osler.learn.scorefile import get_memory, get_timed, put_memory, put_timed
from osler.learn.shards import Gathered, Parts, Whole, gather
from osler.learn.splits import stratified_folds
from osler.learn.table import Schema, as_frame
from osler.learn.timed import TimedScore, learn_timed
from osler.learn.updating import Memory, folds_of_new, update_hazards
from osler.predict.estimable import (
    FEWEST_EVENTS_FOR_A_SCORE,
    check_estimable,
    notes_on_fit,
)
from osler.predict.hazard_model import (
    HazardModel,
    baseline_variance,
    flat,
    in_risk,
    loglog_interval,
    loss_of_all,
    risk_of,
    side_by_side,
)

KIND = "time-to-event"
HAZARDS = ("times", "jumps", "period", "events")


class TimeToEvent(Parameters):
    """Predicts when which of several competing events happens first.

    For every cause a penalised linear and a boosted predictor of its hazard are weighed on
    predictions for rows they did not see, which also calibrates them; the hazards together give
    incidences that sum, with survival, to one at every time.

    Parameters
    ----------
    seed
        Makes a fit repeatable; the order of the rows does not matter.
    horizon
        Time at which `explain` and `base_value` speak; the median event time if None.
    folds
        Folds of the inner cross-fitting.
    time_budget_s
        Seconds a fit may take; None for as long as it needs. A fit that reaches it keeps the best
        found so far, says so in `notes`, and is not repeatable to the last digit.
    monotone
        Column name → 1 if the incidence of cause 1 may only rise with the column at every time,
        whatever the other columns are, -1 if it may only fall. So that this holds among competing
        causes, the hazards of the other causes may only go the other way. Between cells that are
        missing and known nothing is promised, nor for the chance of any event.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = np.zeros(200, dtype=[("event", int), ("time", float)])
    >>> y["time"] = rng.exponential(np.exp(-X[:, 0]))
    >>> y["event"] = rng.integers(0, 3, size=200)
    >>> model = TimeToEvent(seed=0).fit(X, y)
    >>> curves = [model.predict_cumulative_incidence(X, [0.5], cause=k) for k in (1, 2)]
    >>> bool(np.allclose(sum(curves) + model.predict_survival(X, [0.5]), 1))
    True
    """

    _settings = ("seed", "horizon", "folds", "time_budget_s", "monotone")
    interval_meaning = (
        "where the risk of all people with these features would lie, given that the model was "
        "learned on a sample of this size; not where one person's outcome lies, and not what is "
        "wrong with the data themselves"
    )

    def __init__(
        self,
        seed: int = 0,
        horizon: float | None = None,
        folds: int = 5,
        time_budget_s: float | None = None,
        monotone: Mapping[str, int] | None = None,
    ) -> None:
        self.seed = seed
        self.horizon = horizon
        self.folds = folds
        self.time_budget_s = time_budget_s
        self.monotone = monotone
        self._model: HazardModel | None = None

    def fit(self, X: Any, y: Any, *, entry: Any = None, groups: Any = None) -> Self:
        """Learn from rows with known follow-up; `X` and `y` are left unchanged.

        Parameters
        ----------
        X : shape (n, p)
            numpy, polars, pandas or a FeatureMatrix; numbers, booleans, strings; missing allowed.
        y : shape (n,)
            Structured, with fields ``event`` (0 censored, 1..K causes) and ``time``.
        entry : shape (n,), optional
            Time at which each row came under observation (left truncation).
        groups : shape (n,), optional
            Rows of one subject; they stay in one fold.

        Raises
        ------
        InputError
            If `X` or `y` is malformed; see `as_frame` and `as_survival`.
        NotEstimable
            If there are too few rows or events to learn from.
        """
        frame, named = as_frame(X)
        outcome = as_survival(y, entry)
        same_length(frame, len(outcome), "y")
        return self._fit(frame, named, outcome, as_members(groups, frame.height))

    def fit_shards(self, parts: Parts) -> Self:
        """Learn from parts of which only one need be in memory at a time, such as shards.

        Up to `osler.learn.shards.SAMPLE_ROWS` rows in all this is `fit`. Of more, everything is
        chosen on a uniform sample of so many, and the trees are grown on all rows.

        Parameters
        ----------
        parts
            A function without arguments; called twice, it returns the same iterable of parts:
            ``(X, y)`` or ``(X, y, {"entry": ..., "groups": ...})``, as in `fit`.

        Raises
        ------
        InputError, NotEstimable
            As `fit`; also if the second reading brings other rows.
        """
        found = gather(parts, as_arrays, self.seed)
        outcome = SurvivalOutcome(*found.outcome)
        beyond = None if found.complete else found
        member = found.sampled(found.member)
        return self._fit(found.frame, found.schema.named, outcome.take(found.rows), member, beyond)

    def _fit(
        self,
        frame: pl.DataFrame,
        named: bool,
        outcome: SurvivalOutcome,
        member: NDArray[Any] | None,
        beyond: Gathered | None = None,
    ) -> Self:
        """Fit rows; where they are a sample, `beyond` gives the trees all rows."""
        check_estimable(outcome)
        clock = Clock(self.time_budget_s)
        signs = check_monotone(self.monotone, Schema.of(frame, named))
        encoding = Encoding.fit(frame, named, monotone=signs)
        order = canonical_order(
            encoding.tree_design(frame), outcome.time, outcome.event, outcome.entry
        )
        designs, outcome = Designs(encoding, frame[order]), outcome.take(order)
        member = None if member is None else member[order]
        fold = self._folds(outcome, member)
        notes = notes_on_fit(encoding, outcome)
        scores, memories, hazards = self._learn(designs, outcome, fold, clock, beyond)
        if clock.ran_out:
            notes.append("the time budget ended the search; the best found so far was kept")
        happened = outcome.time[outcome.event > 0]
        self._model = HazardModel(
            encoding,
            scores,
            hazards,
            tuple(int(n) for n in hazards.events.sum(axis=1)),
            float(np.median(happened)) if self.horizon is None else float(self.horizon),
            memories,
        )
        self._fit_notes, self._call_notes = tuple(notes), ()
        return self

    def partial_fit(self, X: Any, y: Any, *, entry: Any = None, groups: Any = None) -> Self:
        """Carry the model on with new rows alone; the first call is `fit`.

        What the rows so far said is kept as summaries, of which no row can be read; the cost is
        that of the new rows. Columns, levels, ranges, causes and periods stay those of the first
        rows. See `osler.learn.updating` and `osler.learn.pooling`.

        Parameters
        ----------
        X, y, entry, groups
            As in `fit`; there need not be events.

        Raises
        ------
        InputError
            If `X` or `y` is malformed, or has a cause that the model does not know.
        NotEstimable
            If the model keeps no summaries.
        """
        if self._model is None:
            return self.fit(X, y, entry=entry, groups=groups)
        model, outcome, designs = self._model, as_survival(y, entry), self._align(X)
        same_length(designs.frame, len(outcome), "y")
        member = as_members(groups, len(outcome))
        if outcome.causes > len(model.scores):
            expected = f"causes up to {len(model.scores)}"
            raise InputError(Fault("y['event']", "a cause that is new", expected, FIT_ANEW))
        if not model.memories:
            raise NotEstimable(f"the model keeps no summaries of its rows: {FIT_ANEW}")
        if not len(outcome):
            return self
        order = canonical_order(designs.trees, outcome.time, outcome.event, outcome.entry)
        outcome, member = outcome.take(order), None if member is None else member[order]
        designs = Designs(model.encoding, designs.frame[order])
        fold = folds_of_new(outcome.event, member, self.folds, self.seed)
        scores, memories, hazards = update_hazards(
            model.scores, model.memories, model.hazards, designs, outcome, fold, self.seed
        )
        events = tuple(int(n) for n in hazards.events.sum(axis=1))
        self._model = HazardModel(model.encoding, scores, hazards, events, model.horizon, memories)
        return self

    def _folds(self, outcome: SurvivalOutcome, member: Any) -> Any:
        count = len(outcome) if member is None else len(np.unique(member))
        if count < 2:
            raise NotEstimable("all rows are of one subject; at least two would be needed")
        fewest = int(np.sum(outcome.event > 0))
        folds = fold_count(len(outcome), fewest, count, self.folds)
        return stratified_folds(outcome.event, folds, self.seed, member)

    def _learn(
        self,
        designs: Designs,
        outcome: SurvivalOutcome,
        fold: Any,
        clock: Clock,
        beyond: Gathered | None,
    ) -> tuple[tuple[TimedScore | None, ...], tuple[Memory | None, ...], Hazards]:
        scores: list[TimedScore | None] = []
        memories: list[Memory | None] = []
        predictors = []
        rest = None if beyond is None else Whole(beyond, designs.encoding, designs.trees)
        for cause in range(outcome.causes):
            happened = outcome.event == cause + 1
            if happened.sum() < FEWEST_EVENTS_FOR_A_SCORE:
                scores.append(None)
                memories.append(None)
                predictors.append(np.zeros((len(outcome), 1)))
                continue
            loss = CoxLoss(outcome.time, happened, outcome.entry)
            # A cause that takes people away from the first must not undo the first's direction.
            own = designs if cause == 0 else designs.opposed()
            whole = None if rest is None else (rest.data, loss_of_all(rest, cause))
            score, eta = learn_score(own, loss, fold, self.seed, clock, whole)
            timed, changing = learn_timed(own, loss, score, eta, fold, clock)
            scores.append(timed)
            memories.append(Memory.of(score, own, loss))
            predictors.append(changing)
        cuts = [np.zeros(0) if score is None else score.cuts for score in scores]
        return tuple(scores), tuple(memories), baseline(outcome, side_by_side(predictors), cuts)

    @property
    def causes(self) -> tuple[int, ...]:
        """Causes that the model knows: 1..K."""
        return tuple(range(1, len(self._ready().scores) + 1))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Input columns in fitted order; `explain` has one column for each."""
        return self._ready().encoding.schema.names

    @property
    def last_event_time(self) -> float:
        """Beyond it every curve stays flat."""
        return float(self._ready().hazards.times[-1])

    @property
    def explained_horizon(self) -> float:
        """Time of the risk that `explain` takes apart by default."""
        return self._ready().horizon

    @property
    def chosen(self) -> dict[int, dict[str, Any]]:
        """What cross-fitting chose for each cause: weights, penalties, trees."""
        return {
            cause + 1: {
                **timed.score.chosen,
                "slopes": timed.slopes.tolist(),
                "cuts": timed.cuts.tolist(),
            }
            for cause, timed in enumerate(self._ready().scores)
            if timed is not None
        }

    def predict_survival(self, X: Any, times: Any) -> Floats:
        """Return the chance of no event up to each time, shape (n, t).

        1 at time 0 and non-increasing in time; flat beyond the last event, which `notes` then say.
        """
        curves = self._incidences(X, times)
        return np.asarray(np.clip(1.0 - curves.sum(axis=1), 0.0, 1.0))

    def predict_cumulative_incidence(self, X: Any, times: Any, cause: int = 1) -> Floats:
        """Return the chance that `cause` has happened first by each time, shape (n, t).

        Raises
        ------
        InputError
            If the model does not know the cause.
        """
        self._check_cause(cause)
        return np.asarray(self._incidences(X, times)[:, cause - 1])

    def predict_risk(self, X: Any, cause: int | None = None) -> Floats:
        """Return a score by which rows rank, higher is sooner, shape (n,).

        It is the chance that the event (any, or one cause) has happened, averaged over the times
        at which events happened among the rows learned from, without their first and last tenth.
        """
        model = self._ready()
        if cause is not None:
            self._check_cause(cause)
        return model.hazards.mean_incidence(model.eta(self._align(X)), cause)

    def predict_interval(
        self, X: Any, times: Any, cause: int = 1, level: float = 0.95
    ) -> tuple[Floats, Floats]:
        """Return an interval for the cumulative incidence of people like each row.

        What it covers is in `interval_meaning`: the uncertainty of estimation, from the penalised
        information of the scores (no narrower than a jackknife of the whole fit shows) and the
        number of events behind the baseline, on the complementary log-log scale.

        Returns
        -------
        (low, high), each of shape (n, t)
        """
        self._check_cause(cause)
        if not 0 < level < 1:
            raise InputError(Fault("level", "a value outside (0, 1)", "such as 0.95"))
        model, asked, designs = self._ready(), as_times(times), self._align(X)
        self._note_times(asked)
        eta, variance = model.eta(designs), model.variance(designs)
        middle = model.hazards.incidence(eta, asked)[:, cause - 1]
        spread = np.zeros_like(middle)
        for column, time in enumerate(asked):
            slope = model.hazards.slope(eta, float(time), cause)
            spread[:, column] = np.sum(slope**2 * variance, axis=(1, 2))
            spread[:, column] += slope.sum(axis=2) ** 2 @ baseline_variance(model, float(time))
        return loglog_interval(middle, np.sqrt(spread), level)

    def explain(self, X: Any, horizon: float | None = None, cause: int = 1) -> Floats:
        """Return what each input column adds to the risk of `cause` by `horizon`, shape (n, p).

        ``base_value(horizon, cause) + explain(...).sum(axis=1)`` is the predicted incidence. A
        contribution is in risk (0.05 is five of a hundred people), and describes the prediction,
        not what would happen if the column were changed.
        """
        return self._explained(self._align(X), horizon, cause)[1]

    def explain_all(self, X: Any, horizons: Any) -> Floats:
        """Return what `explain` does for every cause and horizon at once, shape (n, K, t, p)."""
        model, designs, asked = self._ready(), self._align(X), as_times(horizons)
        base, added = model.contributions(designs)
        answer = np.zeros((designs.rows, len(model.scores), len(asked), added.shape[-1]))
        for cause in self.causes:
            for at, time in enumerate(asked):
                answer[:, cause - 1, at] = in_risk(model, base, added, float(time), cause)[1]
        return answer

    def explain_alone(
        self,
        X: Any,
        columns: Sequence[Sequence[int]] | None = None,
        horizon: float | None = None,
        cause: int = 1,
    ) -> Floats:
        """Return what columns add to the risk, all else average, shape (n, m).

        Parameters
        ----------
        columns
            Positions of columns looked at together, m times; None: each column by itself.
        """
        self._check_cause(cause)
        model, designs = self._ready(), self._align(X)
        at = as_times(model.horizon if horizon is None else horizon)
        base, added = model.contributions(designs)
        asked = [[one] for one in range(added.shape[-1])] if columns is None else columns
        return alone(risk_of(model, float(at[0]), cause), base.ravel(), flat(added), asked)

    def coordinates(self, X: Any) -> Floats:
        """Return where rows lie by what moves their predictions, shape (n, K p + K).

        What each column adds to each score comes first; see `osler.learn.attribution.coordinates`.
        """
        model, designs = self._ready(), self._align(X)
        _, added = model.contributions(designs)
        parts = [
            added[:, cause, : 1 if score is None else score.periods].mean(axis=1)
            for cause, score in enumerate(model.scores)
        ]
        return coordinates(np.stack(parts, axis=1))

    def base_value(self, horizon: float | None = None, cause: int = 1) -> float:
        """Return the risk at average scores, from which `explain` starts."""
        empty = pl.DataFrame({name: [None] for name in self.feature_names})
        return self._explained(self._align(empty), horizon, cause)[0]

    def _explained(
        self, designs: Designs, horizon: float | None, cause: int
    ) -> tuple[float, Floats]:
        self._check_cause(cause)
        model = self._ready()
        at = as_times(model.horizon if horizon is None else horizon)
        return in_risk(model, *model.contributions(designs), float(at[0]), cause)

    def save(self, folder: str | Path) -> Path:
        """Write the model as JSON, arrays and text with their digests; no data row is in it."""
        model = self._ready()
        stored = Stored(
            KIND,
            {
                "settings": self.get_params(),
                "encoding": model.encoding.to_json(),
                "events": list(model.events),
                "horizon": model.horizon,
                "notes": list(self._fit_notes),
            },
            {name: getattr(model.hazards, name) for name in HAZARDS},
        )
        for cause, score in enumerate(model.scores):
            if score is not None:
                put_timed(score, f"cause{cause + 1}", stored)
        for cause, memory in enumerate(model.memories):
            if memory is not None:
                put_memory(memory, f"memory{cause + 1}", stored)
        return save_model(stored, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a saved model; its predictions equal those of the one that was saved.

        Raises
        ------
        InputError
            If there is no such model, or one of a newer format.
        Damaged
            If a file is missing, cut or changed.
        """
        stored = load_model(folder, KIND)
        try:
            spec = stored.spec
            model = cls(**spec["settings"])
            encoding = Encoding.from_json(spec["encoding"])
            hazards = Hazards(*(stored.arrays[name] for name in HAZARDS))
            names = [f"cause{cause}" for cause in range(1, hazards.causes + 1)]
            scores = tuple(
                get_timed(stored, name, encoding) if name in spec else None for name in names
            )
            events = tuple(int(n) for n in spec["events"])
            kept = [
                get_memory(stored, f"memory{cause + 1}", encoding) for cause in range(len(names))
            ]
            model._model = HazardModel(
                encoding,
                scores,
                hazards,
                events,
                float(spec["horizon"]),
                tuple(kept) if any(one is not None for one in kept) else (),
            )
            model._fit_notes = tuple(str(note) for note in spec["notes"])
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged("the model's files lack a part") from error
        return model

    def _ready(self) -> HazardModel:
        if self._model is None:
            raise NotEstimable(NOT_FITTED)
        return self._model

    def _align(self, X: Any) -> Designs:
        encoding = self._ready().encoding
        frame, self._call_notes = encoding.schema.align(X)
        return Designs(encoding, frame)

    def _incidences(self, X: Any, times: Any) -> Floats:
        model, asked, designs = self._ready(), as_times(times), self._align(X)
        self._note_times(asked)
        return model.hazards.incidence(model.eta(designs), asked)

    def _note_times(self, asked: Floats) -> None:
        if (asked > self.last_event_time).any():
            note = "beyond the last observed event the curves stay flat: nothing is known there"
            self._call_notes = (*self._call_notes, note)

    def _check_cause(self, cause: int) -> None:
        if cause not in self.causes:
            known = ", ".join(str(k) for k in self.causes)
            raise InputError(Fault("cause", repr(cause), f"one of {known}"))
