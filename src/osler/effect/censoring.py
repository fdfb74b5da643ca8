"""Outcomes by a horizon when some people are lost from sight before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from osler.effect.problem import RMST, Problem
from osler.effect.regression import strongest
from osler.errors import NotEstimable
from osler.learn.boosting import boost_over_folds, settings_for
from osler.learn.designs import Designs
from osler.learn.linear import ridge
from osler.learn.losses import ETA_LIMIT, Bools, CoxLoss, Floats, Ints
from osler.learn.outcome import SurvivalOutcome
from osler.learn.stacking import weigh

PENALTY = 3.0
CENSORING_PENALTY = 30.0
MOST_STEPS = 400
LOST = "lost"
ROWS_AT_ONCE = 2000
EVENTS_PER_COLUMN = 10
FEWEST_AT_HORIZON = 5


def time_outcomes(
    problem: Problem, designs: Designs, fold: Ints, seed: int, fast: bool
) -> tuple[Floats, Floats]:
    """Return the expected outcome in every arm (n, K) and the pseudo-outcome of each row (n,).

    The hazard of every cause and of being lost from sight is learned with the other folds: within
    an arm where it has enough events, else jointly with the arm as a column. The pseudo-outcome is
    the observed one over its chance of having been observed, augmented by what was expected of
    those lost; its mean given covariates and arm is right if either the hazards of the events or
    that of being lost are.

    Raises
    ------
    NotEstimable
        If nobody has an event, or nobody in some arm is followed to the horizon.

    References
    ----------
    Rubin & van der Laan 2007, Int J Biostatistics 3(1), doi:10.2202/1557-4679.1052
    (censoring-unbiased transformations); Bai, Tsiatis, Lu & Song 2017, Lifetime Data Analysis
    23:585-604 (augmented estimation of survival).
    """
    followed(problem)
    outcome = _to_horizon(problem)
    scores = _Scores(problem, designs, outcome, fold, seed, fast)
    expected = np.empty((problem.rows, problem.arms))
    pseudo = np.empty(problem.rows)
    for one in np.unique(fold):
        held = np.flatnonzero(fold == one)
        for arm in range(problem.arms):
            curves = _Curves(problem, outcome, scores, int(one), arm)
            for start in range(0, len(held), ROWS_AT_ONCE):
                rows = held[start : start + ROWS_AT_ONCE]
                own = rows[problem.arm[rows] == arm]
                expected[rows, arm] = curves.expected(rows)
                pseudo[own] = curves.pseudo(own)
    return expected, pseudo


def followed(problem: Problem) -> None:
    """Check that there are events, and that somebody in every arm is followed to the horizon."""
    y, horizon = problem.survival, float(problem.horizon or 0.0)
    counted = y.event > 0 if problem.cause is None else y.event == problem.cause
    if not y.event.any():
        raise NotEstimable("every row is censored: an effect on time needs events")
    if problem.measure != RMST and not (counted & (y.time <= horizon)).any():
        raise NotEstimable(
            "nobody has the event by the horizon: a later horizon or longer follow-up is needed"
        )
    if problem.measure != RMST and (counted & (y.time <= horizon)).all():
        raise NotEstimable(
            "everyone has had the event by the horizon: an earlier horizon would tell people apart"
        )
    for arm, label in enumerate(problem.labels):
        inside = problem.arm == arm
        lost = inside & (y.event == 0) & (y.time < horizon)
        reached = int(np.sum(inside & (y.time >= horizon)))
        if lost.any() and reached < FEWEST_AT_HORIZON:
            raise NotEstimable(
                f"fewer than {FEWEST_AT_HORIZON} rows of arm {label} are followed to the horizon "
                f"of {horizon:g}: an earlier horizon would be answerable"
            )


def _to_horizon(problem: Problem) -> SurvivalOutcome:
    """Return the outcome cut at the horizon, causes merged to the asked one (1) and others (2)."""
    y, horizon = problem.survival, float(problem.horizon or 0.0)
    whichever = problem.cause is None or problem.measure == RMST
    asked = y.event > 0 if whichever else y.event == problem.cause
    event = np.where(asked, 1, np.where(y.event > 0, 2, 0))
    event = np.where(y.time <= horizon, event, 0)
    return SurvivalOutcome(event, np.minimum(y.time, horizon), np.zeros(len(y)))


@dataclass(frozen=True)
class _Kind:
    """One hazard: who had it, and how strongly it is penalised."""

    happened: Bools
    penalty: float


class _Scores:
    """Log hazard ratios of every kind of end, by models that did not see the row."""

    def __init__(
        self, problem: Problem, designs: Designs, outcome: SurvivalOutcome, fold: Ints, seed: int,
        fast: bool,
    ) -> None:  # fmt: skip
        self._problem, self._outcome, self._fold, self._seed = problem, outcome, fold, seed
        # Straight lines alone: a curve beyond the last few rows makes weights explode.
        self._design = designs.every(1)[:, ~designs.encoding.linear_curved]
        self._trees = None if fast else designs.trees
        lost = (outcome.event == 0) & (outcome.time < float(problem.horizon or 0.0))
        self.kinds = {LOST: _Kind(lost, CENSORING_PENALTY)} if lost.any() else {}
        for cause in (1, 2):
            if (outcome.event == cause).any():
                self.kinds[str(cause)] = _Kind(outcome.event == cause, PENALTY)
        self._tables = {name: self._table(kind) for name, kind in self.kinds.items()}

    def learned(self, fold: int) -> Bools:
        """Return which rows the models of a fold were learned from, shape (n,)."""
        return np.asarray(self._fold != fold)

    def of(self, name: str, fold: int) -> Floats:
        """Return every row's score in every arm by the model of a fold, shape (n, K)."""
        return self._tables[name][fold]

    def _table(self, kind: _Kind) -> dict[int, Floats]:
        labels = np.unique(self._fold)
        linear = {int(one): self._linear(kind, self._fold != one) for one in labels}
        if self._trees is None or not kind.happened.any():
            return linear
        grown = self._grown(kind)
        weights = self._weights(kind, linear, grown)
        return {one: weights[0] * linear[one] + weights[1] * grown[one] for one in linear}

    def _linear(self, kind: _Kind, learn: Bools) -> Floats:
        n, arms = self._problem.rows, self._problem.arms
        answer = np.zeros((n, arms))
        shared: Floats | None = None
        for arm in range(arms):
            rows = learn & (self._problem.arm == arm)
            events = int((kind.happened & rows).sum())
            if events >= EVENTS_PER_COLUMN * self._design.shape[1]:
                answer[:, arm] = self._cox(self._design, kind, rows)
            else:
                shared = self._shared(kind, learn) if shared is None else shared
                answer[:, arm] = shared
        return answer

    def _shared(self, kind: _Kind, learn: Bools) -> Floats:
        """Return scores that do not differ by arm; the arms' own baselines set the level."""
        if not (kind.happened & learn).any():
            return np.zeros(self._problem.rows)
        dummies = self._problem.one_hot()[:, 1:]
        both = np.column_stack([dummies, self._design])
        return self._cox(both, kind, learn, free=dummies.shape[1])

    def _cox(self, design: Floats, kind: _Kind, rows: Bools, free: int = 0) -> Floats:
        loss = CoxLoss(self._outcome.time[rows], kind.happened[rows])
        residual = loss.curvature(np.zeros(loss.rows))[0]
        kept = free + strongest(design[rows][:, free:], residual[:, None])
        design = design[:, np.concatenate([np.arange(free), kept])]
        centred = design - design[rows].mean(axis=0)
        penalty = np.full(design.shape[1], kind.penalty)
        penalty[:free] = 0.1
        coefficients = ridge(centred[rows], loss, penalty).coefficients
        return np.asarray(centred[:, free:] @ coefficients[free:])

    def _grown(self, kind: _Kind) -> dict[int, Floats]:
        trees = self._trees
        if trees is None:
            return {}
        arms = self._problem.arms
        joint = np.column_stack([self._problem.one_hot(), trees])
        held = [self._fold == one for one in np.unique(self._fold)]
        loss = CoxLoss(self._outcome.time, kind.happened)
        settings = settings_for(*joint.shape)[0]
        grown = boost_over_folds(joint, loss, held, settings, self._seed)
        answer = {}
        for one, ensemble in zip(np.unique(self._fold), grown.trees, strict=True):
            table = np.zeros((len(joint), arms))
            for arm in range(arms if grown.rounds else 0):
                asked = joint.copy()
                asked[:, :arms] = np.arange(arms) == arm
                table[:, arm] = ensemble.predict(asked, 0, grown.rounds)
            answer[int(one)] = table
        return answer

    def _weights(self, kind: _Kind, linear: dict[int, Floats], grown: dict[int, Floats]) -> Floats:
        own = np.zeros((self._problem.rows, 2))
        rows = np.arange(self._problem.rows)
        for one in linear:
            held = rows[self._fold == one]
            at = self._problem.arm[held]
            own[held, 0], own[held, 1] = linear[one][held, at], grown[one][held, at]
            own[held] -= own[held].mean(axis=0)
        return weigh(own, CoxLoss(self._outcome.time, kind.happened), 1)[1]


class _Curves:
    """Curves of one arm, from the rows of it that a fold may learn from.

    At every step of a grid the events come first and those lost from sight after them.
    """

    def __init__(
        self, problem: Problem, outcome: SurvivalOutcome, scores: _Scores, fold: int, arm: int
    ) -> None:
        self._outcome = outcome
        self._horizon = float(problem.horizon or 0.0)
        self._rmst = problem.measure == RMST
        learn = scores.learned(fold) & (problem.arm == arm)
        self._eta = {name: _limited(scores.of(name, fold)[:, arm]) for name in scores.kinds}
        jumps = {
            name: _baseline(outcome.time, kind.happened, self._eta[name], learn, name == LOST)
            for name, kind in scores.kinds.items()
        }
        self._times = _grid([times for times, _ in jumps.values()])
        self._jumps = {name: _onto(self._times, *each) for name, each in jumps.items()}

    def expected(self, rows: Ints) -> Floats:
        """Return the expected outcome of rows if they were in this arm, shape (m,)."""
        survival, incidence = self._events(rows)
        if self._rmst:
            return self._time_left(survival)[:, 0]
        return incidence[:, -1]

    def pseudo(self, rows: Ints) -> Floats:
        """Return the pseudo-outcome of rows that are in this arm, shape (m,)."""
        survival, incidence = self._events(rows)
        time, event = self._outcome.time[rows], self._outcome.event[rows]
        lost = (event == 0) & (time < self._horizon)
        observed = time if self._rmst else (event == 1).astype(np.float64)
        if LOST not in self._jumps:
            return np.asarray(observed, dtype=np.float64)
        left = self._left(survival, incidence)
        hazard = -np.expm1(-self._hazard(LOST, rows))
        seen = np.cumprod(1.0 - hazard, axis=1)
        paid = np.cumsum(left[:, 1:] * hazard / seen, axis=1)
        # Steps that a row lived through; at its own time it leaves after the events, if lost.
        before = np.searchsorted(self._times, time, side="left")
        steps = np.where(lost, np.searchsorted(self._times, time, side="right"), before)
        one, zero = np.ones((len(rows), 1)), np.zeros((len(rows), 1))
        at = np.arange(len(rows))
        chance = np.concatenate([one, seen], axis=1)[at, steps]
        due = np.concatenate([zero, paid], axis=1)[at, steps]
        value = np.where(lost, left[at, steps], observed)
        return np.asarray(value / chance - due)

    def _hazard(self, name: str, rows: Ints) -> Floats:
        if name not in self._jumps:
            return np.zeros((len(rows), len(self._times)))
        return np.exp(self._eta[name][rows])[:, None] * self._jumps[name]

    def _events(self, rows: Ints) -> tuple[Floats, Floats]:
        """Return survival and incidence before the first step and after each, (m, g + 1)."""
        asked = self._hazard("1", rows)
        total = asked + self._hazard("2", rows)
        survival = np.exp(-np.cumsum(total, axis=1))
        survival = np.concatenate([np.ones((len(rows), 1)), survival], axis=1)
        share = np.divide(asked, total, out=np.zeros_like(asked), where=total > 0)
        incidence = np.zeros_like(survival)
        np.cumsum(share * -np.diff(survival, axis=1), axis=1, out=incidence[:, 1:])
        return survival, incidence

    def _left(self, survival: Floats, incidence: Floats) -> Floats:
        """Return the expected outcome of those still without an event after each step."""
        if self._rmst:
            started = np.concatenate([[0.0], self._times])
            return np.asarray(started + self._time_left(survival))
        return np.asarray((incidence[:, [-1]] - incidence) / np.maximum(survival, 1e-300))

    def _time_left(self, survival: Floats) -> Floats:
        widths = np.diff(np.concatenate([[0.0], self._times, [self._horizon]]))
        areas = survival * widths
        left = np.cumsum(areas[:, ::-1], axis=1)[:, ::-1]
        return np.asarray(left / np.maximum(survival, 1e-300))


def _limited(eta: Floats) -> Floats:
    return np.asarray(np.clip(eta, -ETA_LIMIT, ETA_LIMIT))


def _baseline(
    time: Floats, happened: Bools, eta: Floats, learn: Bools, after: bool
) -> tuple[Floats, Floats]:
    """Return the times and jumps of a baseline hazard; `after` puts it behind tied events."""
    if after:
        time = np.where(happened, np.nextafter(time, np.inf), time)
    loss = CoxLoss(time[learn], happened[learn])
    if not len(loss.event_times):
        return np.zeros(0), np.zeros(0)
    return loss.event_times, loss.exposure(np.exp(eta[learn]))


def _grid(times: list[Floats]) -> Floats:
    """Return the times of all jumps, or as many, evenly filled, as can be walked through."""
    every = np.unique(np.concatenate(times)) if times else np.zeros(0)
    if len(every) <= MOST_STEPS:
        return every
    return np.unique(every[np.linspace(0, len(every) - 1, MOST_STEPS).astype(np.int64)])


def _onto(grid: Floats, times: Floats, jumps: Floats) -> Floats:
    """Add jumps to the nearest step of the grid."""
    right = np.clip(np.searchsorted(grid, times), 0, len(grid) - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.where(np.abs(grid[left] - times) < np.abs(grid[right] - times), left, right)
    return np.bincount(nearer, jumps, len(grid)).astype(np.float64)
