"""Which of several diagnoses, how sure, and which test would tell the leading ones apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from scipy.special import softmax

from osler.errors import Damaged, Fault, InputError, NotEstimable
from osler.learn.attribution import alone, along_path, coordinates
from osler.learn.clock import Clock
from osler.learn.designs import Designs
from osler.learn.encoding import Encoding
from osler.learn.losses import Bools, Floats, Ints
from osler.learn.modelfile import Stored, load_model, save_model
from osler.learn.multinomial import ClassScore, ClassTrees, learn_classes
from osler.learn.parameters import NOT_FITTED, Parameters
from osler.learn.preparing import as_members, canonical_order, fold_count, same_length
from osler.learn.splits import stratified_folds
from osler.learn.table import as_frame
from osler.predict.telling import Informative, Outlooks

KIND = "diagnosis"
FEWEST_OF_A_CLASS = 5
MOST_CLASSES = 100
_ARRAYS = ("coefficients", "levels", "weights", "mean")
_OUT_OF_TIME = ("the time budget ended the search; the best found so far was kept",)


@dataclass(frozen=True)
class _Fitted:
    """What fitting leaves behind; no row of the data."""

    classes: tuple[Any, ...]
    encoding: Encoding
    score: ClassScore
    strangeness: tuple[Floats, ...]
    outlooks: Outlooks


class Diagnosis(Parameters):
    """Predicts which of several classes a row belongs to.

    A penalised multinomial logistic and a boosted predictor are stacked on predictions for rows
    they did not see, which also calibrates the result.

    Parameters
    ----------
    seed
        Makes a fit repeatable; the order of the rows does not matter.
    folds
        Folds of the inner cross-fitting.
    time_budget_s
        Seconds a fit may take; None for as long as it needs.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> y = np.where(X[:, 0] > 0, "flu", np.where(X[:, 1] > 0, "cold", "none"))
    >>> model = Diagnosis(seed=0).fit(X, y)
    >>> model.predict_proba(X[:2]).shape, model.classes_.tolist()
    ((2, 3), ['cold', 'flu', 'none'])
    """

    _settings = ("seed", "folds", "time_budget_s")
    set_meaning = (
        "of people who truly have a class, the share whose set holds it is the level, on average "
        "over samples, if they come from where the training rows came from; the classes that fit "
        "none stay out, so that a set can be empty"
    )

    def __init__(self, seed: int = 0, folds: int = 5, time_budget_s: float | None = None) -> None:
        self.seed = seed
        self.folds = folds
        self.time_budget_s = time_budget_s
        self._model: _Fitted | None = None

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Learn from labelled rows; `X` and `y` are left unchanged.

        Parameters
        ----------
        X : shape (n, p)
            numpy, polars, pandas or a FeatureMatrix; numbers, booleans, strings; missing allowed.
        y : shape (n,)
            Labels: strings, whole numbers or booleans.
        groups : shape (n,), optional
            Rows of one subject; they stay in one fold.

        Raises
        ------
        InputError
            If `X` or `y` is malformed.
        NotEstimable
            If there is one class only, or a class has too few rows to learn from.
        """
        frame, named = as_frame(X)
        classes, codes = _classes(y)
        same_length(frame, len(codes), "y")
        member = as_members(groups, frame.height)
        fewest = _refuse_too_few(codes, len(classes))
        encoding = Encoding.fit(frame, named)
        order = canonical_order(encoding.tree_design(frame), codes)
        frame, codes = frame[order], codes[order]
        member = None if member is None else member[order]
        subjects = len(codes) if member is None else len(np.unique(member))
        if subjects < 2:
            raise NotEstimable("all rows are of one subject; at least two would be needed")
        fold = stratified_folds(
            codes, fold_count(len(codes), fewest, subjects, self.folds), self.seed, member
        )
        clock = Clock(self.time_budget_s)
        designs = Designs(encoding, frame)
        score, unseen = learn_classes(designs, codes, len(classes), fold, self.seed, clock)
        self._model = _Fitted(
            classes,
            encoding,
            score,
            _strangeness(unseen, codes),
            Outlooks.fit(frame, codes, len(classes)),
        )
        self._call_notes = ()
        self._fit_notes = _OUT_OF_TIME if clock.ran_out else ()
        return self

    @property
    def classes_(self) -> Any:
        """The labels, in the order of the columns of `predict_proba`."""
        return np.array(self._ready().classes)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Input columns in fitted order; `explain` has one column for each."""
        return self._ready().encoding.schema.names

    @property
    def chosen(self) -> dict[str, float]:
        """What cross-fitting chose: weights, penalty, trees."""
        return dict(self._ready().score.chosen)

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class, shape (n, k); rows add up to one."""
        return self._probabilities(self._align(X))

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each row, shape (n,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    def predict_set(self, X: Any, level: float = 0.9) -> list[list[Any]]:
        """Return the classes that cannot be ruled out for each row, the most probable first.

        Parameters
        ----------
        level
            Share of the people of each class whose set is to hold it; see `set_meaning`. A class
            is in the set unless its probability is lower than that of nearly all training rows of
            this class when they were predicted unseen.

        References
        ----------
        Vovk 2013, Machine Learning 92:349-376 (class-conditional conformal prediction);
        Vovk 2015, Ann Math Artif Intell 74:9-28 (cross-conformal prediction, whose guarantee for
        any sample is 2 level - 1, and in practice the level).
        """
        if not 0 < level < 1:
            raise InputError(Fault("level", "a value outside (0, 1)", "such as 0.9"))
        model, chances = self._ready(), self.predict_proba(X)
        inside = np.column_stack(
            [
                _typicality(1 - chances[:, k], strange) > 1 - level
                for k, strange in enumerate(model.strangeness)
            ]
        )
        ranked = np.argsort(-chances, axis=1, kind="stable")
        return [
            [model.classes[k] for k in order if member[k]]
            for order, member in zip(ranked, inside, strict=True)
        ]

    def explain(self, X: Any, label: Any = None) -> Floats:
        """Return what each input column adds to the probability of a class, shape (n, p).

        ``base_value(label) + explain(X, label).sum(axis=1)`` is the predicted probability. A
        contribution describes the prediction, not what would happen if the column were changed.

        Parameters
        ----------
        label
            One of `classes_`; None for the most probable class of each row.
        """
        designs = self._align(X)
        if label is not None:
            return self._explained(designs, self._code(label))[1]
        first = np.argmax(self._probabilities(designs), axis=1)
        answer = np.zeros((designs.rows, len(self.feature_names)))
        for code in np.unique(first):
            here = np.flatnonzero(first == code)
            rows = Designs(designs.encoding, designs.frame[here])
            answer[here] = self._explained(rows, int(code))[1]
        return answer

    def explain_alone(
        self, X: Any, label: Any, columns: Sequence[Sequence[int]] | None = None
    ) -> Floats:
        """Return what columns add to the probability of a class, all else average, shape (n, m).

        Parameters
        ----------
        columns
            Positions of columns looked at together, m times; None: each column by itself.
        """
        code = self._code(label)
        base, added = self._ready().score.contributions(self._align(X))
        asked = [[one] for one in range(added.shape[-1])] if columns is None else columns
        return alone(
            lambda logits: np.asarray(softmax(logits, axis=1)[:, code]), base, added, asked
        )

    def coordinates(self, X: Any) -> Floats:
        """Return where rows lie by what moves their predictions, shape (n, k p + k).

        What each column adds to each score comes first; see `osler.learn.attribution.coordinates`.
        """
        _, added = self._ready().score.contributions(self._align(X))
        # What is added to all classes alike moves no probability.
        return coordinates(added - added.mean(axis=1, keepdims=True))

    def base_value(self, label: Any) -> float:
        """Return the probability of a class at the average scores, from which `explain` starts."""
        empty = pl.DataFrame({name: [None] for name in self.feature_names})
        return self._explained(self._align(empty), self._code(label))[0]

    def would_tell_apart(
        self, X: Any, columns: Any = None, most: int = 5
    ) -> list[list[Informative]]:
        """Return, for each row, the columns whose value would tell most about its class.

        Each column is filled with the values that it takes in the classes that are likely here;
        the answer is by how many bits the uncertainty would shrink on average, and between which
        two leading classes. A column that is known is not asked again unless `columns` names it.

        Parameters
        ----------
        columns
            Names of columns to consider; None for those that are missing in the row.
        most
            How many columns each row is told of.

        References
        ----------
        Lindley 1956, Ann Math Statist 27:986-1005 (expected information of an experiment).
        """
        model, frame = self._ready(), self._align(X).frame
        wanted = list(columns) if columns is not None else None
        unknown = [name for name in wanted or [] if name not in self.feature_names]
        if unknown:
            raise InputError([Fault("columns", name, "a column of the fit") for name in unknown])
        return model.outlooks.rank(
            frame,
            lambda rows: self._probabilities(Designs(model.encoding, rows)),
            model.classes,
            wanted,
            most,
        )

    def save(self, folder: str | Path) -> Path:
        """Write the model as JSON, arrays and text with their digests; no data row is in it."""
        model = self._ready()
        spec = {
            "settings": self.get_params(),
            "classes": list(model.classes),
            "encoding": model.encoding.to_json(),
            "outlooks": model.outlooks.to_json(),
            "chosen": model.score.chosen,
            "notes": list(self._fit_notes),
        }
        stored = Stored(KIND, spec)
        for number, strange in enumerate(model.strangeness):
            stored.arrays[f"strangeness_{number}"] = strange
        for part in _ARRAYS:
            stored.arrays[part] = getattr(model.score, part)
        if model.score.trees is not None:
            stored.texts["trees"] = model.score.trees.to_text()
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
            classes = tuple(stored.spec["classes"])
            model._model = _Fitted(
                classes,
                encoding,
                _stored_score(stored, encoding, len(classes)),
                tuple(stored.arrays[f"strangeness_{number}"] for number in range(len(classes))),
                Outlooks.from_json(stored.spec["outlooks"]),
            )
            model._fit_notes = tuple(str(note) for note in stored.spec["notes"])
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged("the model's files lack a part") from error
        return model

    def _probabilities(self, designs: Designs) -> Floats:
        return np.asarray(softmax(self._ready().score.predict(designs), axis=1))

    def _explained(self, designs: Designs, code: int) -> tuple[float, Floats]:
        base, added = self._ready().score.contributions(designs)

        def chance(logits: Floats) -> Floats:
            return np.asarray(softmax(logits, axis=1)[:, code])

        def gradient(logits: Floats) -> Floats:
            p = softmax(logits, axis=1)
            return np.asarray(p[:, [code]] * (np.eye(p.shape[1])[code] - p))

        return along_path(chance, gradient, base, added)

    def _code(self, label: Any) -> int:
        classes = self._ready().classes
        if label not in classes:
            raise InputError(Fault("label", "a class that was not learned", "one of classes_"))
        return classes.index(label)

    def _ready(self) -> _Fitted:
        if self._model is None:
            raise NotEstimable(NOT_FITTED)
        return self._model

    def _align(self, X: Any) -> Designs:
        encoding = self._ready().encoding
        frame, self._call_notes = encoding.schema.align(X)
        return Designs(encoding, frame)


def _classes(y: Any) -> tuple[tuple[Any, ...], Ints]:
    """Return the labels as plain values in sorted order, and the number of each row's."""
    values = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    if values.ndim != 1:
        raise InputError(Fault("y", f"{values.ndim} dimensions", "one label per row"))
    plain = values.tolist()
    if any(one is None or (isinstance(one, float) and np.isnan(one)) for one in plain):
        raise InputError(Fault("y", "missing labels", "a label in every row"))
    kinds = {type(one) for one in plain}
    if kinds == {float} and all(one.is_integer() for one in plain):
        plain, kinds = [int(one) for one in plain], {int}
    if len(kinds) > 1 or not kinds <= {str, int, bool}:
        raise InputError(
            Fault("y", "labels of mixed or other kinds", "text, whole numbers, truths")
        )
    classes = tuple(sorted(set(plain)))
    place = {label: number for number, label in enumerate(classes)}
    return classes, np.array([place[one] for one in plain], dtype=np.int64)


def _refuse_too_few(codes: Ints, classes: int) -> int:
    """Return the rows of the rarest class, if there are enough."""
    if classes < 2:
        raise NotEstimable(f"{classes} classes in y; at least two are needed")
    if classes > MOST_CLASSES:
        raise NotEstimable(
            f"{classes} classes in y; at most {MOST_CLASSES} are told apart: are these labels?"
        )
    counts = np.bincount(codes, minlength=classes)
    small = int(np.sum(counts < FEWEST_OF_A_CLASS))
    if small:
        raise NotEstimable(
            f"{small} of {classes} classes have fewer than {FEWEST_OF_A_CLASS} rows, the rarest "
            f"{counts.min()}; leave them out or join them with others"
        )
    return int(counts.min())


def _stored_score(stored: Stored, encoding: Encoding, classes: int) -> ClassScore:
    arrays = {part: stored.arrays[part] for part in _ARRAYS}
    trees = None
    if "trees" in stored.texts:
        trees = ClassTrees.from_text(stored.texts["trees"], classes, len(encoding.tree_owner))
    if arrays["coefficients"].shape != (len(encoding.linear_owner), classes):
        raise Damaged("the model's numbers do not fit its columns")
    return ClassScore(trees=trees, chosen=stored.spec["chosen"], **arrays)


def _strangeness(chances: Floats, codes: Ints) -> tuple[Floats, ...]:
    """Return, for each class, how little its own rows looked like it when unseen; sorted."""
    return tuple(np.sort(1 - chances[codes == code, code]) for code in range(chances.shape[1]))


def _typicality(strange: Floats, known: Floats) -> Floats:
    """Return the share of a class's rows that are at least as strange, the new one counted."""
    below: Bools | Ints = np.searchsorted(known, strange, side="left")
    return np.asarray((len(known) - below + 1) / (len(known) + 1))
