"""A score whose strength may change over the years, because hazards need not be proportional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.learn.clock import Clock
from osler.learn.designs import Designs
from osler.learn.linear import ROUGH, TOLERANCE, ridge
from osler.learn.losses import Bools, CoxLoss, Floats, Ints
from osler.learn.score import Score
from osler.learn.shrinkage import MOST_COLUMNS

FEWEST_EVENTS_PER_PERIOD = 60
MOST_PERIODS = 4
PENALTIES = (30.0, 100.0, 300.0, 1000.0)
LEAST_GAIN = 2.0  # held-out log-likelihood that chance alone may show
SLOPE_PENALTY = 1.0
MOST_ROWS = 20_000


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
        Sampling covariance of the coefficients under their penalty.
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

    def predict(self, designs: Designs) -> Floats:
        """Return the log hazard ratio in every period, shape (n, periods)."""
        eta = self.score.predict(designs)[:, None] * self.slopes
        if len(self.columns):
            for rows, design in designs.linear():
                eta[rows] += self._shifted(design) @ self.coefficients.T
        return eta

    def _shifted(self, design: Floats) -> Floats:
        return design[:, self.columns] - self.centre

    def variance(self, designs: Designs) -> Floats:
        """Return the variance of the log hazard ratios, shape (n, periods)."""
        variance = np.zeros((designs.rows, self.periods))
        for rows, design in designs.linear():
            variance[rows] = self.score.spread.variance(design)[:, None] * self.slopes**2
            if len(self.columns):
                x = self._shifted(design)
                changes = [np.sum((x @ each) * x, axis=1) for each in self.covariances]
                variance[rows] += np.stack(changes, axis=1)
        return variance

    def contributions(self, designs: Designs) -> tuple[Floats, Floats]:
        """Return bases (periods,) and what each column adds in each period (n, periods, p)."""
        base, added = self.score.contributions(designs)
        answer = self.slopes[:, None] * added[:, None, :]
        if len(self.columns):
            owner = designs.encoding.linear_owner[self.columns]
            for rows, design in designs.linear():
                x = self._shifted(design)
                for period, coefficients in enumerate(self.coefficients):
                    np.add.at(answer[rows, period].T, owner, (x * coefficients).T)
        return base * self.slopes, answer


def learn_timed(
    designs: Designs,
    loss: CoxLoss,
    score: Score,
    out_of_fold: Floats,
    fold: Ints,
    clock: Clock,
) -> tuple[TimedScore, Floats]:
    """Let a score change over follow-up as far as held-out rows support it.

    The number of periods (each with as many events) doubles, and a penalty on changes is tried
    for each, while the held-out partial likelihood gains more than chance: `LEAST_GAIN`, and one
    standard error over the folds. One period and no change is the start.

    References
    ----------
    Breiman et al. 1984, Classification and Regression Trees, section 3.4.3 (one standard error).

    Returns
    -------
    The timed score, and the out-of-fold log hazard ratios, shape (n, periods).
    """
    unchanged = TimedScore.constant(score), out_of_fold[:, None]
    happened = np.sort(loss.time[loss.happened])
    task = _Changes(designs, loss, score, out_of_fold, fold)
    best_loss = task.unchanged_loss()
    best: tuple[Floats, float] | None = None
    periods = 2
    while periods <= min(MOST_PERIODS, len(happened) // FEWEST_EVENTS_PER_PERIOD):
        cuts = np.unique(np.quantile(happened, np.arange(1, periods) / periods))
        tried = [(task.held_out_loss(cuts, p), cuts, p) for p in PENALTIES if not clock.past(0.8)]
        if not tried:
            break
        loss_now, *_ = least = min(tried, key=lambda t: float(t[0].sum()))
        if not _gains(best_loss - loss_now):
            break
        best_loss, best = loss_now, least[1:]
        periods *= 2
    return unchanged if best is None else task.finish(*best)


def _gains(by_fold: Floats) -> bool:
    error = float(np.sqrt(len(by_fold)) * np.std(by_fold, ddof=1))
    return float(by_fold.sum()) > max(LEAST_GAIN, error)


class _Changes:
    """The search for changes of a score over periods."""

    def __init__(
        self, designs: Designs, loss: CoxLoss, score: Score, out_of_fold: Floats, fold: Ints
    ) -> None:
        stride = -(-designs.rows // MOST_ROWS)
        kept = score.spread.columns
        # A monotone column changes over the years only with the score as a whole.
        fixed = designs.encoding.linear_rare | (designs.linear_sign != 0)
        # The strongest of many were chosen by the outcome of every fold: their gain is no gain.
        few = len(kept) < MOST_COLUMNS
        self._columns = kept[few & ~fixed[kept]]
        self._sign = np.zeros(1 + len(self._columns), dtype=np.int64)
        self._sign[0] = int(designs.encoding.tree_sign.any())
        design = designs.every(stride)[:, self._columns]
        self._centre = design.mean(axis=0)
        self._design = np.column_stack([out_of_fold[::stride], design - self._centre])
        used = np.zeros(designs.rows, dtype=bool)
        used[::stride] = True
        self._loss = loss.subset(used)
        self._fold = fold[::stride]
        self._score, self._out_of_fold = score, out_of_fold
        self._designs, self._all_fold = designs, fold

    def unchanged_loss(self) -> Floats:
        """Return the held-out loss of every fold, shape (folds,)."""
        parts = [self._fold == f for f in np.unique(self._fold)]
        return np.array([self._loss.subset(h).value(self._design[h, 0]) for h in parts])

    def _fit(
        self,
        rows: Bools,
        part: CoxLoss,
        inside: Bools,
        penalty: float,
        tolerance: float = TOLERANCE,
    ) -> Any:
        each = np.full(self._design.shape[1], penalty)
        each[0] = SLOPE_PENALTY
        design = self._design[rows][inside]
        return ridge(design, part, each, None, tolerance, self._sign), design, each

    def held_out_loss(self, cuts: Floats, penalty: float) -> Floats:
        """Return the held-out loss of every fold under these changes, shape (folds,)."""
        folds = np.unique(self._fold)
        return np.array([self._fold_loss(f, cuts, penalty) for f in folds])

    def _fold_loss(self, fold: int, cuts: Floats, penalty: float) -> float:
        total = 0.0
        learn, held = self._fold != fold, self._fold == fold
        learned = zip(
            within_periods(self._loss.subset(learn), cuts),
            within_periods(self._loss.subset(held), cuts),
            strict=True,
        )
        for (inside, part), (inside_held, part_held) in learned:
            fit, _, _ = self._fit(learn, part, inside, penalty, ROUGH)
            total += part_held.value(fit.predict(self._design[held][inside_held]))
        return total

    def finish(self, cuts: Floats, penalty: float) -> tuple[TimedScore, Floats]:
        everyone = np.ones(len(self._design), dtype=bool)
        slopes, coefficients, covariances = [], [], []
        for inside, part in within_periods(self._loss, cuts):
            fit, design, each = self._fit(everyone, part, inside, penalty)
            information = part.hessian(fit.predict(design), design)
            inverse = np.linalg.pinv(information + np.diag(each), hermitian=True)
            slopes.append(fit.coefficients[0])
            coefficients.append(fit.coefficients[1:])
            covariances.append((inverse @ information @ inverse)[1:, 1:])
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
        folds = np.unique(self._fold)
        fits = np.stack([self._period_fits(f, cuts, penalty) for f in folds])
        eta = self._out_of_fold[:, None] * fits[np.searchsorted(folds, self._all_fold), :, 0]
        for rows, design in self._designs.linear():
            x = design[:, self._columns] - self._centre
            for f, fit in zip(folds, fits, strict=True):
                inside = self._all_fold[rows] == f
                eta[rows][inside] += x[inside] @ fit[:, 1:].T
        return np.asarray(eta)

    def _period_fits(self, fold: int, cuts: Floats, penalty: float) -> Floats:
        """Return slope and coefficients in every period, learned without a fold."""
        learn = self._fold != fold
        parts = within_periods(self._loss.subset(learn), cuts)
        fits = [self._fit(learn, part, inside, penalty)[0] for inside, part in parts]
        return np.stack([fit.coefficients for fit in fits])


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
