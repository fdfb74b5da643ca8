"""A score whose strength may change over the years, because hazards need not be proportional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from osler.learn.clock import Clock
from osler.learn.encoding import Encoding
from osler.learn.linear import ridge
from osler.learn.losses import Bools, CoxLoss, Floats, Ints
from osler.learn.score import Score, Spread

FEWEST_EVENTS_PER_PERIOD = 60
MOST_PERIODS = 4
PENALTIES = (30.0, 100.0, 300.0, 1000.0)
SLOPE_PENALTY = 1.0
MOST_ROWS = 50_000


@dataclass(frozen=True)
class TimedScore:
    """A score and how it changes from one period of follow-up to the next.

    In period g the log hazard ratio is ``slope_g · score + (x − centre)' coefficients_g``.

    Parameters
    ----------
    score
        What holds for the whole of follow-up.
    cuts : shape (periods − 1,)
        Ends of all periods but the last.
    slopes : shape (periods,)
    columns : shape (k,)
        Columns of the linear design whose effect may change.
    centre : shape (k,)
    coefficients : shape (periods, k)
    covariances : shape (periods, k, k)
        Inverse penalised information of the coefficients.
    """

    score: Score
    cuts: Floats
    slopes: Floats
    columns: Ints
    centre: Floats
    coefficients: Floats
    covariances: Floats

    @staticmethod
    def constant(score: Score) -> TimedScore:
        """Return a score that is the same throughout."""
        none = np.zeros((1, 0))
        columns = np.zeros(0, dtype=np.int64)
        covariances = np.zeros((1, 0, 0))
        return TimedScore(score, np.zeros(0), np.ones(1), columns, none[0], none, covariances)

    @property
    def periods(self) -> int:
        """Number of periods."""
        return len(self.slopes)

    def predict(self, encoding: Encoding, frame: pl.DataFrame) -> Floats:
        """Return the log hazard ratio in every period, shape (n, periods)."""
        eta = self.score.predict(encoding, frame)[:, None] * self.slopes
        if len(self.columns):
            eta = eta + self._shifted(encoding.linear_design(frame)) @ self.coefficients.T
        return eta

    def _shifted(self, design: Floats) -> Floats:
        return design[:, self.columns] - self.centre

    def variance(self, design: Floats) -> Floats:
        """Return the variance of the log hazard ratios given the linear design (n, periods)."""
        spread: Spread = self.score.spread
        variance = spread.variance(design)[:, None] * self.slopes**2
        if len(self.columns):
            x = self._shifted(design)
            variance = variance + np.einsum("ij,gjk,ik->ig", x, self.covariances, x, optimize=True)
        return np.asarray(variance)

    def contributions(self, encoding: Encoding, frame: pl.DataFrame) -> tuple[Floats, Floats]:
        """Return bases (periods,) and what each column adds in each period (n, periods, p)."""
        base, added = self.score.contributions(encoding, frame)
        answer = self.slopes[:, None] * added[:, None, :]
        if len(self.columns):
            x = self._shifted(encoding.linear_design(frame))
            owner = encoding.linear_owner[self.columns]
            for period, coefficients in enumerate(self.coefficients):
                np.add.at(answer[:, period].T, owner, (x * coefficients).T)
        return base * self.slopes, answer


def learn_timed(
    encoding: Encoding,
    frame: pl.DataFrame,
    loss: CoxLoss,
    score: Score,
    out_of_fold: Floats,
    fold: Ints,
    clock: Clock,
) -> tuple[TimedScore, Floats]:
    """Let a score change over follow-up as far as held-out rows support it.

    The number of periods (each with as many events) doubles, and a penalty on changes is tried
    for each, while the held-out partial likelihood falls. One period and no change is the start.

    Returns
    -------
    The timed score, and the out-of-fold log hazard ratios, shape (n, periods).
    """
    unchanged = TimedScore.constant(score), out_of_fold[:, None]
    happened = np.sort(loss.time[loss.happened])
    task = _Changes(encoding, frame, loss, score, out_of_fold, fold)
    best_loss = task.unchanged_loss()
    best: tuple[Floats, float] | None = None
    periods = 2
    while periods <= min(MOST_PERIODS, len(happened) // FEWEST_EVENTS_PER_PERIOD):
        cuts = np.unique(np.quantile(happened, np.arange(1, periods) / periods))
        tried = [(task.held_out_loss(cuts, p), cuts, p) for p in PENALTIES if not clock.past(0.8)]
        if not tried or min(t[0] for t in tried) >= best_loss:
            break
        best_loss, best_cuts, best_penalty = min(tried, key=lambda t: t[0])
        best = best_cuts, best_penalty
        periods *= 2
    return unchanged if best is None else task.finish(*best)


class _Changes:
    """The search for changes of a score over periods."""

    def __init__(
        self,
        encoding: Encoding,
        frame: pl.DataFrame,
        loss: CoxLoss,
        score: Score,
        out_of_fold: Floats,
        fold: Ints,
    ) -> None:
        stride = -(-frame.height // MOST_ROWS)
        self._rows = slice(None, None, stride)
        kept = score.spread.columns
        self._columns = kept[~encoding.linear_rare[kept]]
        design = encoding.linear_design(frame[self._rows])[:, self._columns]
        self._centre = design.mean(axis=0)
        self._design = np.column_stack([out_of_fold[self._rows], design - self._centre])
        used = np.zeros(frame.height, dtype=bool)
        used[self._rows] = True
        self._loss = loss.subset(used)
        self._fold = fold[self._rows]
        self._score, self._out_of_fold = score, out_of_fold
        self._encoding, self._frame, self._all_fold = encoding, frame, fold

    def unchanged_loss(self) -> float:
        parts = [self._fold == f for f in np.unique(self._fold)]
        return sum(self._loss.subset(h).value(self._design[h, 0]) for h in parts)

    def _fit(self, rows: Bools, part: CoxLoss, inside: Bools, penalty: float) -> Any:
        each = np.full(self._design.shape[1], penalty)
        each[0] = SLOPE_PENALTY
        design = self._design[rows][inside]
        return ridge(design, part, each), design, each

    def held_out_loss(self, cuts: Floats, penalty: float) -> float:
        total = 0.0
        for f in np.unique(self._fold):
            learn, held = self._fold != f, self._fold == f
            learned = zip(
                within_periods(self._loss.subset(learn), cuts),
                within_periods(self._loss.subset(held), cuts),
                strict=True,
            )
            for (inside, part), (inside_held, part_held) in learned:
                fit, _, _ = self._fit(learn, part, inside, penalty)
                total += part_held.value(fit.predict(self._design[held][inside_held]))
        return total

    def finish(self, cuts: Floats, penalty: float) -> tuple[TimedScore, Floats]:
        everyone = np.ones(len(self._design), dtype=bool)
        slopes, coefficients, covariances = [], [], []
        for inside, part in within_periods(self._loss, cuts):
            fit, design, each = self._fit(everyone, part, inside, penalty)
            information = part.hessian(fit.predict(design), design) + np.diag(each)
            slopes.append(fit.coefficients[0])
            coefficients.append(fit.coefficients[1:])
            covariances.append(np.linalg.pinv(information, hermitian=True)[1:, 1:])
        timed = TimedScore(
            self._score,
            cuts,
            np.array(slopes),
            self._columns,
            self._centre,
            np.array(coefficients),
            np.array(covariances),
        )
        return timed, self._out_of_fold_changes(cuts, penalty)

    def _out_of_fold_changes(self, cuts: Floats, penalty: float) -> Floats:
        eta = np.zeros((self._frame.height, len(cuts) + 1))
        for f in np.unique(self._fold):
            learn, held = self._fold != f, self._all_fold == f
            design = self._encoding.linear_design(self._frame.filter(pl.Series(held)))
            x = np.column_stack([self._out_of_fold[held], design[:, self._columns] - self._centre])
            parts = within_periods(self._loss.subset(learn), cuts)
            for period, (inside, part) in enumerate(parts):
                fit, _, _ = self._fit(learn, part, inside, penalty)
                eta[held, period] = fit.predict(x)
        return eta


def within_periods(loss: CoxLoss, cuts: Floats) -> list[tuple[Bools, CoxLoss]]:
    """Cut follow-up into periods: who is still followed in each, and the loss among them.

    The partial likelihoods of the periods add up to that of the whole.
    """
    starts = np.concatenate([[-np.inf], cuts])
    ends = np.concatenate([cuts, [np.inf]])
    answer = []
    for start, end in zip(starts, ends, strict=True):
        inside = loss.time > start
        time = np.minimum(loss.time, end)
        entry = None if loss.entry is None else loss.entry[inside]
        if entry is not None:
            inside_now = entry < np.where(np.isinf(end), np.inf, end)
            inside[np.flatnonzero(inside)[~inside_now]] = False
            entry = entry[inside_now]
        happened = loss.happened & (loss.time <= end)
        answer.append((inside, CoxLoss(time[inside], happened[inside], entry, loss.ties)))
    return answer
