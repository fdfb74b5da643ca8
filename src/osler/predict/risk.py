"""The chance of one event, yes or no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri

from osler.errors import Damaged, Fault, InputError, NotEstimable
from osler.learn.attribution import alone, along_path, coordinates
from osler.learn.clock import Clock
from osler.learn.designs import Designs
from osler.learn.encoding import Encoding
from osler.learn.fair import aim_of, fair_loss
from osler.learn.losses import Floats, Ints, LogisticLoss, expit
from osler.learn.modelfile import Stored, load_model, save_model
from osler.learn.monotone import check_monotone
from osler.learn.outcome import as_binary
from osler.learn.parameters import FIT_ANEW, NOT_FITTED, Parameters
from osler.learn.preparing import as_members, canonical_order, fold_count, same_length
from osler.learn.score import Score, learn_score
from osler.learn.scorefile import get_memory, get_score, put_memory, put_score
from osler.learn.shards import Gathered, Parts, Whole, gather
from osler.learn.splits import stratified_folds
from osler.learn.table import Schema, as_frame
from osler.learn.timed import TimedScore
from osler.learn.updating import Memory, Shifted, folds_of_new, update_score

KIND = "risk"
FEWEST_OF_A_CLASS = 5


@dataclass(frozen=True)
class _Fitted:
    """What fitting leaves behind; no row of the data."""

    encoding: Encoding
    score: Score
    memory: Memory | None = None


class Risk(Parameters):
    """Predicts the chance that a label is 1.

    A penalised logistic and a boosted predictor are weighed on predictions for rows they did not
    see, which also calibrates the result.

    Parameters
    ----------
    seed
        Makes a fit repeatable; the order of the rows does not matter.
    folds
        Folds of the inner cross-fitting.
    time_budget_s
        Seconds a fit may take; None for as long as it needs. A fit that reaches it keeps the best
        found so far, says so in `notes`, and is not repeatable to the last digit.
    monotone
        Column name → 1 if the chance may only rise with the column, whatever the other columns
        are, -1 if it may only fall. Between cells that are missing and known nothing is promised.
    fairness
        ``{"aim": "equal_opportunity", "strength": 1}``: how far the groups that `fit` is told of
        as `audited` may lie apart is weighed against the likelihood; or ``"equalised_odds"``, or
        ``"calibration_within_groups"``; see `osler.learn.fair.Aim`. The group itself is not read.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
    >>> Risk(seed=0).fit(X, y).predict_proba(X[:3]).shape
    (3, 2)
    """

    _settings = ("seed", "folds", "time_budget_s", "monotone", "fairness")
    interval_meaning = (
        "where the risk of all people with these features would lie, given that the model was "
        "learned on a sample of this size; not what is wrong with the data themselves"
    )

    def __init__(
        self,
        seed: int = 0,
        folds: int = 5,
        time_budget_s: float | None = None,
        monotone: Mapping[str, int] | None = None,
        fairness: Mapping[str, Any] | None = None,
    ) -> None:
        self.seed = seed
        self.folds = folds
        self.time_budget_s = time_budget_s
        self.monotone = monotone
        self.fairness = fairness
        self._model: _Fitted | None = None

    def fit(self, X: Any, y: Any, *, groups: Any = None, audited: Any = None) -> Self:
        """Learn from labelled rows; `X` and `y` are left unchanged.

        Parameters
        ----------
        X : shape (n, p)
            numpy, polars, pandas or a FeatureMatrix; numbers, booleans, strings; missing allowed.
        y : shape (n,)
            0 or 1, or booleans.
        groups : shape (n,), optional
            Rows of one subject; they stay in one fold.
        audited : shape (n,), optional
            The group of each row that `fairness` is about, such as sex; missing is no group.

        Raises
        ------
        InputError
            If `X` or `y` is malformed; see `as_frame` and `as_binary`.
        NotEstimable
            If either class has too few rows to learn from, or groups to be brought together.
        """
        frame, named = as_frame(X)
        label = as_binary(y)
        same_length(frame, len(label), "y")
        return self._fit(frame, named, label, as_members(groups, frame.height), audited)

    def fit_shards(self, parts: Parts) -> Self:
        """Learn from parts of which only one need be in memory at a time, such as shards.

        Up to `osler.learn.shards.SAMPLE_ROWS` rows in all this is `fit`. Of more, everything is
        chosen on a uniform sample of so many, and the trees are grown on all rows.

        Parameters
        ----------
        parts
            A function without arguments; called twice, it returns the same iterable of parts:
            ``(X, y)`` or ``(X, y, {"groups": ...})``, as in `fit`.

        Raises
        ------
        InputError, NotEstimable
            As `fit`; also if the second reading brings other rows.
        """
        if self.fairness is not None:
            raise InputError(Fault("fairness", "with shards", "fit, with all rows in memory"))
        found = gather(parts, lambda y, _: (as_binary(y),), self.seed)
        label = found.outcome[0]
        member = found.sampled(found.member)
        return self._fit(
            found.frame, found.schema.named, label[found.rows], member, None,
            None if found.complete else found,
        )  # fmt: skip

    def _fit(
        self,
        frame: pl.DataFrame,
        named: bool,
        label: Floats,
        member: NDArray[Any] | None,
        audited: Any,
        beyond: Gathered | None = None,
    ) -> Self:
        """Fit rows; where they are a sample, `beyond` gives the trees all rows."""
        rarer = int(min(label.sum(), len(label) - label.sum()))
        if rarer < FEWEST_OF_A_CLASS:
            raise NotEstimable(
                f"the rarer class has {rarer} rows; at least {FEWEST_OF_A_CLASS} of each are needed"
            )
        clock = Clock(self.time_budget_s)
        signs = check_monotone(self.monotone, Schema.of(frame, named))
        encoding = Encoding.fit(frame, named, monotone=signs)
        order = canonical_order(encoding.tree_design(frame), label)
        designs, label = Designs(encoding, frame[order]), label[order]
        member = None if member is None else member[order]
        count = len(label) if member is None else len(np.unique(member))
        if count < 2:
            raise NotEstimable("all rows are of one subject; at least two would be needed")
        folds = fold_count(len(label), rarer, count, self.folds)
        fold = stratified_folds(label, folds, self.seed, member)
        loss, note = self._loss(label, audited, order)
        whole = None
        if beyond is not None:
            rest = Whole(beyond, encoding, designs.trees)
            whole = rest.data, LogisticLoss(beyond.outcome[0])
        score, _ = learn_score(designs, loss, fold, self.seed, clock, whole)
        memory = Memory.of(score, designs, LogisticLoss(label))
        self._model = _Fitted(encoding, score, memory)
        self._call_notes = ()
        self._fit_notes = (*note, *(_OUT_OF_TIME if clock.ran_out else ()))
        return self

    def partial_fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Carry the model on with new rows alone; the first call is `fit`.

        What the rows so far said is kept as summaries, of which no row can be read; the cost is
        that of the new rows. Columns, levels and ranges stay those of the first rows. See
        `osler.learn.updating`.

        Parameters
        ----------
        X, y, groups
            As in `fit`; the labels may all be alike.

        Raises
        ------
        InputError
            If `X` or `y` is malformed.
        NotEstimable
            If the model was made for fairness, which needs all rows, or keeps no summaries.
        """
        if self._model is None:
            return self.fit(X, y, groups=groups)
        label = as_binary(y)
        designs = self._align(X)
        same_length(designs.frame, len(label), "y")
        member = as_members(groups, len(label))
        if self.fairness is not None:
            raise NotEstimable(f"disparities are of all rows together: {FIT_ANEW}")
        if self._model.memory is None:
            raise NotEstimable(f"the model keeps no summaries of its rows: {FIT_ANEW}")
        if not len(label):
            return self
        order = canonical_order(designs.trees, label)
        label, member = label[order], None if member is None else member[order]
        designs = Designs(designs.encoding, designs.frame[order])
        fold = folds_of_new(label.astype(np.int64), member, self.folds, self.seed)
        score = self._model.score
        loss = Shifted.of_risk(LogisticLoss(label), score.predict(designs))
        events = int(label.sum())
        score, memory, _ = update_score(
            score, self._model.memory, designs, loss, fold, self.seed, events, level=True
        )
        self._model = _Fitted(self._model.encoding, score, memory)
        return self

    def _loss(
        self, label: Floats, audited: Any, order: Ints
    ) -> tuple[LogisticLoss, tuple[str, ...]]:
        """Return the loss of labels in order, with the penalty if any, and what to tell of it."""
        aim = aim_of(self.fairness)
        if aim is None and audited is None:
            return LogisticLoss(label), ()
        if aim is None or audited is None:
            came = "groups, but no fairness" if aim is None else "fairness, but no groups"
            remedy = "Risk(fairness=...).fit(X, y, audited=groups)"
            raise InputError(Fault("audited", came, "both or none", remedy))
        labels = np.asarray(audited, dtype=object)
        if labels.shape != label.shape:
            raise InputError(
                Fault("audited", f"shape {labels.shape}", f"a group for each of {len(label)} rows")
            )
        loss, note = fair_loss(label, labels[order].tolist(), aim)
        return loss, (note,) if note else ()

    @property
    def classes_(self) -> Any:
        """The labels, in the order of the columns of `predict_proba`."""
        return np.array([0, 1])

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Input columns in fitted order; `explain` has one column for each."""
        return self._ready().encoding.schema.names

    @property
    def chosen(self) -> dict[str, Any]:
        """What cross-fitting chose: weights, penalties, trees."""
        return dict(self._ready().score.chosen)

    def predict_proba(self, X: Any) -> Floats:
        """Return the chances of 0 and of 1, shape (n, 2)."""
        chance = expit(self._ready().score.predict(self._align(X)))
        return np.column_stack([1.0 - chance, chance])

    def predict(self, X: Any) -> Any:
        """Return 1 where its chance is at least one half, shape (n,)."""
        return (self.predict_proba(X)[:, 1] >= 0.5).astype(np.int64)

    def predict_interval(self, X: Any, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return an interval for the chance of 1 of people like each row, (low, high).

        What it covers is in `interval_meaning`; made on the scale of log odds.
        """
        if not 0 < level < 1:
            raise InputError(Fault("level", "a value outside (0, 1)", "such as 0.95"))
        score, designs = self._ready().score, self._align(X)
        middle = score.predict(designs)
        variance = TimedScore.constant(score).variance(designs)[:, 0]
        half = ndtri(0.5 + level / 2) * np.sqrt(variance)
        return expit(middle - half), expit(middle + half)

    def explain(self, X: Any) -> Floats:
        """Return what each input column adds to the chance of 1, shape (n, p).

        ``base_value() + explain(X).sum(axis=1)`` is the predicted chance. A contribution describes
        the prediction, not what would happen if the column were changed.
        """
        return self._explained(self._align(X))[1]

    def explain_alone(self, X: Any, columns: Sequence[Sequence[int]] | None = None) -> Floats:
        """Return what columns add to the chance, all else average, shape (n, m).

        Parameters
        ----------
        columns
            Positions of columns looked at together, m times; None: each column by itself.
        """
        base, added = self._ready().score.contributions(self._align(X))
        asked = [[one] for one in range(added.shape[-1])] if columns is None else columns
        return alone(_chance, np.array([base]), added[:, None, :], asked)

    def coordinates(self, X: Any) -> Floats:
        """Return where rows lie by what moves their predictions, shape (n, p + 1).

        What each column adds to each score comes first; see `osler.learn.attribution.coordinates`.
        """
        added = self._ready().score.contributions(self._align(X))[1]
        return coordinates(added[:, None, :])

    def base_value(self) -> float:
        """Return the chance at the average score, from which `explain` starts."""
        empty = pl.DataFrame({name: [None] for name in self.feature_names})
        return self._explained(self._align(empty))[0]

    def _explained(self, designs: Designs) -> tuple[float, Floats]:
        base, added = self._ready().score.contributions(designs)

        def slope(log_odds: Floats) -> Floats:
            chance = expit(log_odds)
            return np.asarray(chance * (1 - chance))

        return along_path(_chance, slope, np.array([base]), added[:, None, :])

    def save(self, folder: str | Path) -> Path:
        """Write the model as JSON, arrays and text with their digests; no data row is in it."""
        model = self._ready()
        stored = Stored(
            KIND,
            {
                "settings": self.get_params(),
                "encoding": model.encoding.to_json(),
                "notes": list(self._fit_notes),
            },
        )
        put_score(model.score, "score", stored)
        if model.memory is not None:
            put_memory(model.memory, "memory", stored)
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
            model = cls(**stored.spec["settings"])
            encoding = Encoding.from_json(stored.spec["encoding"])
            score, memory = (
                get_score(stored, "score", encoding),
                get_memory(stored, "memory", encoding),
            )
            model._model = _Fitted(encoding, score, memory)
            model._fit_notes = tuple(str(note) for note in stored.spec["notes"])
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged("the model's files lack a part") from error
        return model

    def _ready(self) -> _Fitted:
        if self._model is None:
            raise NotEstimable(NOT_FITTED)
        return self._model

    def _align(self, X: Any) -> Designs:
        encoding = self._ready().encoding
        frame, self._call_notes = encoding.schema.align(X)
        return Designs(encoding, frame)


def _chance(log_odds: Floats) -> Floats:
    return expit(log_odds[:, 0])


_OUT_OF_TIME = ("the time budget ended the search; the best found so far was kept",)
