"""A score carried on with new rows alone, from summaries of those that it was learned from.

What is known of the old rows is a quadratic about the old score: the penalised information of its
linear part, that of its level and of the strength of its trees. The new rows' likelihood is added
to it and the sum is minimised, which is a Newton step of a fit on all rows if the old likelihood is
near its quadratic. Trees are carried on where held-out new rows show that they gain.

References
----------
Opper 1998, A Bayesian approach to on-line learning (the posterior so far as a Gaussian prior);
Luo & Song 2020, J R Stat Soc B 82:69-97 (renewable estimation from summaries).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osler.learn.boosting import TreeData, Trees, boost, boost_over_folds, settings_for
from osler.learn.designs import Designs
from osler.learn.incidence import Hazards
from osler.learn.linear import limits, nearest_within
from osler.learn.losses import ETA_LIMIT, Bools, CoxLoss, Floats, Ints, LogisticLoss, Loss
from osler.learn.outcome import SurvivalOutcome
from osler.learn.pooling import pooled
from osler.learn.preparing import fold_count
from osler.learn.score import Score
from osler.learn.splits import stratified_folds
from osler.learn.timed import TimedScore, within_periods
from osler.learn.treesum import add_up

MOST_ROWS = 20_000
MOST_STEPS = 30
TOLERANCE = 1e-9
FEWEST_ROWS_FOR_TREES = 100
FEWEST_EVENTS_FOR_TREES = 30
CHANCE_GAIN = 2.0


@dataclass(frozen=True)
class Memory:
    """What is kept of the rows of a fit, of which none can be read from it.

    Parameters
    ----------
    rows
        How many there were.
    mean : shape (p_linear,)
        Of each column of the linear design.
    information : shape (2, 2)
        Of the level and of the strength of the trees; the level's is 0 where the loss has none.
    """

    rows: int
    mean: Floats
    information: Floats

    @staticmethod
    def of(score: Score, designs: Designs, loss: Loss) -> Memory:
        """Summarise the rows that a score was learned from; of very many an even part."""
        stride = -(-designs.rows // MOST_ROWS)
        used = np.zeros(designs.rows, dtype=bool)
        used[::stride] = True
        part = designs
        if stride > 1:
            part = Designs(designs.encoding, designs.frame[np.flatnonzero(used)])
        trees = _tree_part(score, part)
        beside = np.column_stack([np.ones(part.rows), trees])
        information = loss.subset(used).hessian(score.predict(part), beside) * stride
        return Memory(designs.rows, part.linear_mean(), np.asarray(information))


class Shifted:
    """A loss of what is added to scores that are held fixed, over periods of follow-up.

    Parameters
    ----------
    parts
        For each period, the rows in it and the loss among them.
    offset : shape (n, periods)
        What is held fixed.
    slopes : shape (periods,)
        By how much an addition counts in each period.
    """

    def __init__(self, parts: list[tuple[Bools, Loss]], offset: Floats, slopes: Floats) -> None:
        self._parts, self._offset, self._slopes = parts, offset, slopes

    @staticmethod
    def of_risk(loss: LogisticLoss, offset: Floats) -> Shifted:
        """Return the loss of an addition to log odds."""
        return Shifted([(np.ones(loss.rows, dtype=bool), loss)], offset[:, None], np.ones(1))

    @staticmethod
    def of_hazard(loss: CoxLoss, timed: TimedScore, offset: Floats) -> Shifted:
        """Return the loss of an addition to a log hazard ratio that changes over periods."""
        parts: list[tuple[Bools, Loss]] = list(within_periods(loss, timed.cuts))
        return Shifted(parts, offset, timed.slopes)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._offset)

    def value(self, eta: Floats) -> float:
        """Return minus the log-likelihood."""
        return sum(part.value(self._at(eta, g)[inside]) for g, (inside, part) in self._each())

    def curvature(self, eta: Floats) -> tuple[Floats, Floats]:
        """Return the first and the (diagonal) second derivative by each row's addition."""
        first, second = np.zeros(self.rows), np.full(self.rows, 1e-12)
        for g, (inside, part) in self._each():
            slope, bend = part.curvature(self._at(eta, g)[inside])
            first[inside] += self._slopes[g] * slope
            second[inside] += self._slopes[g] ** 2 * bend
        return first, second

    def hessian(self, eta: Floats, design: Floats) -> Floats:
        """Return the second derivative by the coefficients of `design`, shape (p, p)."""
        total = np.zeros((design.shape[1], design.shape[1]))
        for g, (inside, part) in self._each():
            total += self._slopes[g] ** 2 * part.hessian(self._at(eta, g)[inside], design[inside])
        return total

    def subset(self, keep: Bools) -> Shifted:
        """Return the same loss on some of the rows."""
        parts = [(inside[keep], part.subset(keep[inside])) for inside, part in self._parts]
        return Shifted(parts, self._offset[keep], self._slopes)

    def after(self, added: Floats) -> Shifted:
        """Return the loss of what is added on top of an addition."""
        offset = self._offset + np.outer(added, self._slopes)
        return Shifted(self._parts, offset, self._slopes)

    def _each(self) -> list[tuple[int, tuple[Bools, Loss]]]:
        return list(enumerate(self._parts))

    def _at(self, eta: Floats, period: int) -> Floats:
        return np.asarray(self._offset[:, period] + self._slopes[period] * eta)


def update_score(
    score: Score,
    memory: Memory,
    designs: Designs,
    loss: Shifted,
    fold: Ints,
    seed: int,
    events: int,
    level: bool,
) -> tuple[Score, Memory, Floats]:
    """Carry a score on with new rows.

    Parameters
    ----------
    loss
        Of additions to the score on the new rows.
    fold : shape (n,)
        Fold of each new row.
    events
        How many of the new rows have the event.
    level
        Whether the loss has a level.

    Returns
    -------
    The new score, the memory of all rows so far, and what was added to the score of each new row
    by what did not see the row, shape (n,).
    """
    columns = score.spread.columns
    centred = designs.every(1)[:, columns] - memory.mean[columns]
    trees = _tree_part(score, designs)
    design = np.column_stack([np.full(designs.rows, float(level)), trees, centred])
    prior = np.zeros((design.shape[1], design.shape[1]))
    prior[:2, :2] = memory.information + np.diag([float(not level), 1e-6])
    prior[2:, 2:] = np.linalg.pinv(score.spread.covariance, hermitian=True)
    low, high = _bounds(score, designs)
    moved = _minimise(design, loss, prior, low, high)
    added = design @ moved
    grown, weight, unseen = _carried_on(designs, loss, added, fold, seed, events)
    information = loss.hessian(added, design)
    share = memory.rows / (memory.rows + designs.rows)
    covariance = np.linalg.pinv(prior[2:, 2:] + information[2:, 2:], hermitian=True)
    own = weight * grown.predict(designs.trees).mean() if grown.size else 0.0
    new = _moved(score, memory, moved, grown, weight, float(own), designs)
    spread = replace(
        score.spread, floor=score.spread.floor * share, covariance=np.asarray(covariance)
    )
    mean = share * memory.mean + (1 - share) * designs.linear_mean()
    kept = Memory(memory.rows + designs.rows, mean, memory.information + information[:2, :2])
    linear = _unseen(design, loss, prior, low, high, fold) if len(np.unique(fold)) > 1 else added
    return replace(new, spread=spread), kept, linear + unseen - unseen.mean()


def _unseen(
    design: Floats, loss: Shifted, prior: Floats, low: Floats, high: Floats, fold: Ints
) -> Floats:
    """Return what is added to each row when its fold is left out."""
    found = np.zeros(len(design))
    for one in np.unique(fold):
        held = fold == one
        moved = _minimise(design[~held], loss.subset(~held), prior, low, high)
        found[held] = design[held] @ moved
    return found


def _tree_part(score: Score, designs: Designs) -> Floats:
    if not score.trees.size:
        return np.zeros(designs.rows)
    return np.asarray(score.trees.predict(designs.trees) - score.means[1])


def _bounds(score: Score, designs: Designs) -> tuple[Floats, Floats]:
    """Return limits of the changes, so that no coefficient leaves the sign that it must have."""
    columns = score.spread.columns
    low, high = limits(designs.linear_sign[columns])
    now = score.coefficients[columns]
    # Trees may be weakened to nothing but not turned round.
    return np.concatenate([[-np.inf, -1.0], low - now]), np.concatenate([[np.inf] * 2, high - now])


def _minimise(design: Floats, loss: Shifted, prior: Floats, low: Floats, high: Floats) -> Floats:
    """Minimise the loss and the quadratic of what is known, by Newton's method within bounds."""
    b = np.clip(np.zeros(design.shape[1]), low, high)
    current = loss.value(design @ b) + 0.5 * float(b @ prior @ b)
    for _ in range(MOST_STEPS):
        eta = design @ b
        gradient = design.T @ loss.curvature(eta)[0] + prior @ b
        hessian = loss.hessian(eta, design) + prior
        step = b - np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        if (step < low).any() or (step > high).any():
            step = nearest_within(hessian, b, gradient, low, high)
        size, trial = 2.0, np.inf
        while trial > current + 1e-12 and size > 1e-4:
            size /= 2
            at = b + size * (step - b)
            trial = loss.value(design @ at) + 0.5 * float(at @ prior @ at)
        if trial > current + 1e-12:
            break
        b, gain, current = at, current - trial, trial
        if gain < TOLERANCE * (1.0 + abs(current)):
            break
    return np.clip(b, low, high)


def _carried_on(
    designs: Designs, loss: Shifted, added: Floats, fold: Ints, seed: int, events: int
) -> tuple[Trees, float, Floats]:
    """Grow trees on what is left, as far as held-out new rows gain more than chance would."""
    none = Trees(None, designs.trees.shape[1]), 0.0, np.zeros(designs.rows)
    few = min(events, designs.rows - events) < FEWEST_EVENTS_FOR_TREES
    if few or len(np.unique(fold)) < 2 or designs.rows < FEWEST_ROWS_FOR_TREES:
        return none
    rest = loss.after(added)
    held = [fold == one for one in np.unique(fold)]
    sign = designs.tree_sign
    data = [TreeData(designs.trees[~h], sign) for h in held]
    tried = [
        boost_over_folds(designs.trees, rest, held, settings, seed, data=data)
        for settings in settings_for(*designs.trees.shape)
    ]
    best = min(tried, key=lambda one: one.held_out_loss)
    nothing = sum(rest.subset(h).value(np.zeros(int(h.sum()))) for h in held)
    gain = nothing - best.held_out_loss
    weight = max(0.0, 1.0 - CHANCE_GAIN / gain) if gain > 0 and best.rounds else 0.0
    if not weight:
        return none
    grown = boost(TreeData(designs.trees, sign), rest, best.settings, best.rounds, seed)
    return grown, weight, weight * best.scores


def _moved(
    score: Score,
    memory: Memory,
    moved: Floats,
    grown: Trees,
    weight: float,
    own: float,
    designs: Designs,
) -> Score:
    """Return the score with its level, trees and coefficients changed, and new trees added."""
    level, strength, change = moved[0], 1.0 + moved[1], moved[2:]
    coefficients = score.coefficients.copy()
    coefficients[score.spread.columns] += change
    # The part's old mean stays where it was counted from; the change is counted from the mean.
    shift = score.shift.copy()
    shift[score.spread.columns] += memory.mean[score.spread.columns] * change
    parts = [(score.trees, lambda leaves: strength * leaves)]
    if grown.size:
        parts.append((grown, lambda leaves: weight * leaves))
    trees = add_up(parts, designs.trees.shape[1])
    means = np.array([shift.sum(), strength * score.means[1] + own])
    chosen = {
        **score.chosen,
        "updates": int(score.chosen.get("updates", 0)) + 1,
        "trees_added": int(score.chosen.get("trees_added", 0)) + grown.size,
    }
    return replace(
        score,
        coefficients=coefficients,
        trees=trees,
        means=means,
        intercept=float(score.intercept + level),
        shift=shift,
        chosen=chosen,
    )


def update_hazards(
    scores: Sequence[TimedScore | None],
    memories: Sequence[Memory | None],
    hazards: Hazards,
    designs: Designs,
    outcome: SurvivalOutcome,
    fold: Ints,
    seed: int,
) -> tuple[tuple[TimedScore | None, ...], tuple[Memory | None, ...], Hazards]:
    """Carry the scores of all causes and their baseline hazards on with new rows.

    A cause without a score keeps none; periods stay where they were cut.
    """
    changed: list[TimedScore | None] = []
    kept: list[Memory | None] = []
    most = max(1 if one is None else one.periods for one in scores)
    eta = np.zeros((len(outcome), len(scores), most))
    grown = np.ones((len(scores), most))
    for cause, (timed, memory) in enumerate(zip(scores, memories, strict=True)):
        if timed is None or memory is None:
            changed.append(timed)
            kept.append(memory)
            continue
        own = designs if cause == 0 else designs.opposed()
        happened = outcome.event == cause + 1
        before = timed.predict(own)
        loss = Shifted.of_hazard(CoxLoss(outcome.time, happened, outcome.entry), timed, before)
        score, told, added = update_score(
            timed.score, memory, own, loss, fold, seed, int(happened.sum()), level=False
        )
        changed.append(replace(timed, score=score))
        kept.append(told)
        eta[:, cause, : timed.periods] = before + np.outer(added, timed.slopes)
        grown[cause, : timed.periods] = _growth(before, np.outer(added, timed.slopes))
    cuts = [np.zeros(0) if one is None else one.cuts for one in changed]
    return tuple(changed), tuple(kept), pooled(hazards, outcome, eta, cuts, grown)


def _growth(before: Floats, added: Floats) -> Floats:
    """Return by how much mean hazard ratios grow where an addition's mean is nothing.

    Over the old rows that mean is nothing to first order; how an addition spreads, and goes with
    the score so far, is taken from the new rows.
    """
    old = np.clip(before, -ETA_LIMIT, ETA_LIMIT)
    new = np.clip(before + added - added.mean(axis=0), -ETA_LIMIT, ETA_LIMIT)
    return np.asarray(np.exp(new).mean(axis=0) / np.exp(old).mean(axis=0))


def folds_of_new(outcome: Ints, member: NDArray[Any] | None, folds: int, seed: int) -> Ints:
    """Return the fold of each new row; one for all where there are too few to hold any out."""
    subjects = len(outcome) if member is None else len(np.unique(member))
    counts = np.bincount(outcome)
    fewest = int(counts[counts > 0].min(initial=len(outcome)))
    if min(subjects, fewest) < 2:
        return np.zeros(len(outcome), dtype=np.int64)
    count = fold_count(len(outcome), fewest, subjects, folds)
    return stratified_folds(outcome, count, seed, member)
