"""Bringing saved predictions into line with new people: intercept, slope, or a monotone curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal, get_args

import numpy as np

from osler.errors import Fault, InputError, NotEstimable
from osler.evaluate.bootstrap import divide
from osler.evaluate.calibration import KNOT_QUANTILES, from_link, spline_basis, to_link
from osler.evaluate.inputs import Checking, Floats, Ints
from osler.model import Estimate

Kind = Literal["intercept", "slope", "full"]
KINDS: tuple[str, ...] = get_args(Kind)

# Ten events for each coefficient (Steyerberg 2019, Clinical Prediction Models, section 3.4.2), and
# a hundred for a curve (Collins, Ogundimu & Altman 2016, Stat Med 35:214-226).
FEWEST_EVENTS: Mapping[str, int] = {"intercept": 10, "slope": 20, "full": 100}
CURVE_POINTS = 41
SMALLEST_HAZARD = 1e-8
MOST_STEPS = 50
SETTLED = 1e-9
LEVEL = 0.95


@dataclass(frozen=True)
class Curve:
    """What is added to a prediction on its link scale, by where the prediction lies there.

    Parameters
    ----------
    places : shape (m,)
        On the link scale, increasing; beyond the ends the same is added as at them.
    shifts : shape (m,)
        What is added; `places + shifts` never falls.
    kind
        What was fitted; None leaves the prediction as it is.
    coefficients
        Its intercept and slope with intervals, as far as they were fitted.
    """

    places: tuple[float, ...]
    shifts: tuple[float, ...]
    kind: Kind | None
    events: int
    coefficients: Mapping[str, Estimate] = field(default_factory=dict)

    def __call__(self, place: Floats) -> Floats:
        """Return what is added at each place."""
        return np.asarray(np.interp(place, self.places, self.shifts))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "places": list(self.places),
            "shifts": list(self.shifts),
            "kind": self.kind,
            "events": self.events,
            "coefficients": {name: one.to_json() for name, one in self.coefficients.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Curve:
        """Rebuild from `to_json`, without the intervals of the coefficients."""
        return cls(
            tuple(float(one) for one in data["places"]),
            tuple(float(one) for one in data["shifts"]),
            data["kind"],
            int(data["events"]),
        )


@dataclass(frozen=True)
class Recalibration:
    """A fitted update of predictions; what it holds of the people it was fitted on is sums.

    Parameters
    ----------
    curves
        One per cause, or one for a yes-or-no outcome.
    anchor
        Time at which a person's place on the scale is read; None for a yes-or-no outcome.
    n
        Rows it was fitted on.
    notes
        What was fitted otherwise than asked, and why.
    """

    kind: Kind
    curves: tuple[Curve, ...]
    anchor: float | None
    n: int
    notes: tuple[str, ...] = ()

    def probability(self, risk: Floats) -> Floats:
        """Return updated chances of a yes-or-no outcome, shape (n,)."""
        place = to_link(risk, "logit")
        return from_link(place + self.curves[0](place), "logit")

    def incidence(self, incidence: Floats, times: Floats) -> Floats:
        """Return updated incidences, shape (n, causes, t).

        Every cause's hazard is multiplied by a factor of the person; so the curves rise, and sum
        with survival to one, as before.

        Parameters
        ----------
        incidence : shape (n, causes, t)
            At `times`, which increase and hold the anchor.
        """
        if self.anchor is None:
            raise InputError(Fault("incidence", "a yes-or-no recalibration", "one of times"))
        hazards = cause_hazards(incidence)
        at = int(np.searchsorted(times, self.anchor))
        upto = hazards[:, :, : at + 1].sum(axis=2)
        places = np.log(np.maximum(upto, SMALLEST_HAZARD))
        shifts = [curve(places[:, cause]) for cause, curve in enumerate(self.curves)]
        return incidence_of(hazards * np.exp(np.stack(shifts, axis=1))[:, :, None])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "kind": self.kind,
            "curves": [curve.to_json() for curve in self.curves],
            "anchor": self.anchor,
            "n": self.n,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recalibration:
        """Rebuild from `to_json`."""
        return cls(
            data["kind"],
            tuple(Curve.from_json(one) for one in data["curves"]),
            None if data["anchor"] is None else float(data["anchor"]),
            int(data["n"]),
            tuple(data["notes"]),
        )


def cause_hazards(incidence: Floats) -> Floats:
    """Return each cause's cumulative-hazard increments between the times of its incidence.

    Within an interval the causes share the hazard of any event as they share the events; so
    `incidence_of` gives the incidence back exactly.

    Parameters
    ----------
    incidence : shape (n, causes, t)
        0 before the first time.
    """
    gained = np.diff(incidence, axis=2, prepend=0.0)
    alive = np.clip(1.0 - incidence.sum(axis=1), SMALLEST_HAZARD, 1.0)
    before = np.concatenate([np.ones((len(alive), 1)), alive[:, :-1]], axis=1)
    total = np.log(before / alive)
    share = divide(gained, gained.sum(axis=1, keepdims=True))
    return np.asarray(np.nan_to_num(share) * total[:, None, :])


def incidence_of(hazards: Floats) -> Floats:
    """Return incidences, shape (n, causes, t), from hazard increments of the same shape."""
    total = hazards.sum(axis=1)
    alive = np.exp(-np.cumsum(total, axis=1))
    before = np.concatenate([np.ones((len(alive), 1)), alive[:, :-1]], axis=1)
    share = np.nan_to_num(divide(hazards, total[:, None, :]))
    return np.cumsum(share * (before - alive)[:, None, :], axis=2)


def recalibrate_risk(y: Any, risk: Any, kind: str, *, subjects: Any = None) -> Recalibration:
    """Fit an update of the predicted chances of a yes-or-no outcome, on the scale of log odds.

    Parameters
    ----------
    y : shape (n,)
        0 or 1.
    risk : shape (n,)
        The saved model's chances of 1.
    kind
        `intercept` moves all log odds alike, `slope` also stretches them, `full` fits a monotone
        curve (restricted cubic spline with four knots).
    subjects : shape (n,), optional
        The subject of each row; the intervals of the coefficients are then of subjects.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    NotEstimable
        If there are too few of either outcome for the kind; says how many would do.

    References
    ----------
    Cox 1958, Biometrika 45:562-565; Steyerberg et al. 2004, Statistics in Medicine 23:2567-2586.
    """
    checking = Checking()
    chosen = _kind(checking, kind)
    labels = checking.labels(y, "y")
    chances = checking.probabilities(risk, "risk", 1)
    checking.same_length(chances, "risk", labels.size)
    drawn = checking.subjects(subjects, labels.size)
    checking.done()
    fewer = int(min(labels.sum(), labels.size - labels.sum()))
    _enough(fewer, chosen, "of the rarer outcome")
    place = to_link(chances, "logit")
    curve = _fitted(_Logistic(labels, place), place, chosen, int(labels.sum()), drawn)
    return Recalibration(chosen, (curve,), None, labels.size)


def recalibrate_incidence(
    y: Any,
    incidence: Any,
    times: Any,
    kind: str,
    *,
    anchor: float,
    entry: Any = None,
    subjects: Any = None,
) -> Recalibration:
    """Fit an update of predicted incidences, on the scale of each cause's log cumulative hazard.

    The events that a person had are set against those that were expected while she was watched, so
    that censoring and competing events need no weights: a Poisson model whose offset is the
    predicted cumulative hazard.

    Parameters
    ----------
    y : shape (n,)
        Structured, with fields `event` (0 censored, 1..K) and `time`.
    incidence : shape (n, causes, t)
        The saved model's cumulative incidence at `times`.
    times : shape (t,)
        Increasing, after 0; follow-up beyond the last is not used.
    kind
        `intercept` multiplies everyone's hazard alike, `slope` by a power of the predicted one,
        `full` by a monotone curve of it (restricted cubic spline with four knots).
    anchor
        Time, one of `times`, at which the predicted cumulative hazard is read for `slope`, `full`.
    entry : shape (n,), optional
        Time from which each row was watched.

    Returns
    -------
    A competing cause with too few events for the kind gets a simpler update or none, and a note.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    NotEstimable
        If the first cause has too few events for the kind; says how many would do.

    References
    ----------
    Crowson, Atkinson & Therneau 2016, Statistical Methods in Medical Research 25:1692-1706; van
    Houwelingen 2000, Statistics in Medicine 19:3401-3415.
    """
    checking = Checking()
    chosen = _kind(checking, kind)
    outcome = checking.outcome(y, "y")
    grid = checking.times(times)
    curves = np.asarray(incidence, dtype=np.float64)
    if curves.ndim != 3 or curves.shape[::2] != (len(outcome), grid.size):
        checking.fault("incidence", f"shape {curves.shape}", f"({len(outcome)}, causes, times)")
    if anchor not in grid:
        checking.fault("anchor", "a time at which there is no prediction", "one of times")
    drawn = checking.subjects(subjects, len(outcome))
    checking.done()
    hazards = cause_hazards(curves)
    entered = np.zeros(len(outcome)) if entry is None else np.asarray(entry, dtype=np.float64)
    watched = _Watched(outcome.event, outcome.time, entered, grid)
    at = int(np.searchsorted(grid, anchor))
    fitted, notes = [], []
    for cause in range(curves.shape[1]):
        had, expected = watched.counts(hazards[:, cause], cause + 1)
        place = np.log(np.maximum(hazards[:, cause, : at + 1].sum(axis=1), SMALLEST_HAZARD))
        events = int(had.sum())
        if cause == 0:
            _enough(events, chosen, "of the event")
        possible = _possible(events, chosen)
        if possible != chosen:
            done = f"{possible} alone" if possible else "nothing"
            notes.append(f"cause {cause + 1} has {events} events, so {done} was updated for it")
        model = _Poisson(had, np.log(np.maximum(expected, SMALLEST_HAZARD)))
        fitted.append(_fitted(model, place, possible, events, drawn))
    return Recalibration(chosen, tuple(fitted), float(anchor), len(outcome), tuple(notes))


@dataclass(frozen=True)
class _Watched:
    """From when to when each row was watched, and what ended it."""

    event: Ints
    time: Floats
    entry: Floats
    grid: Floats

    def counts(self, hazards: Floats, cause: int) -> tuple[Floats, Floats]:
        """Return each row's events of a cause by the last time, and how many were expected."""
        last = self.grid[-1]
        had = (self.event == cause) & (self.time <= last)
        steps = np.concatenate([[0.0], self.grid])
        cumulative = np.cumsum(np.pad(hazards, ((0, 0), (1, 0))), axis=1)
        until = _along(cumulative, steps, np.minimum(self.time, last))
        since = _along(cumulative, steps, np.minimum(self.entry, last))
        return had.astype(np.float64), np.maximum(until - since, 0.0)


def _along(cumulative: Floats, steps: Floats, at: Floats) -> Floats:
    """Return each row's own curve at its own time, linear between the steps."""
    right = np.clip(np.searchsorted(steps, at, side="left"), 1, len(steps) - 1)
    rows = np.arange(len(at))
    share = np.clip((at - steps[right - 1]) / (steps[right] - steps[right - 1]), 0.0, 1.0)
    low, high = cumulative[rows, right - 1], cumulative[rows, right]
    return np.asarray(low + share * (high - low))


@dataclass(frozen=True)
class _Logistic:
    """0/1 outcomes with the log odds that were predicted."""

    observed: Floats
    offset: Floats

    def mean(self, linear: Floats) -> Floats:
        return from_link(linear, "logit")

    def information(self, mean: Floats) -> Floats:
        return np.asarray(mean * (1 - mean))


@dataclass(frozen=True)
class _Poisson:
    """Counts of events with the logarithm of the count that was expected."""

    observed: Floats
    offset: Floats

    def mean(self, linear: Floats) -> Floats:
        return np.asarray(np.exp(np.clip(linear, -500, 50)))

    def information(self, mean: Floats) -> Floats:
        return mean


def _kind(checking: Checking, kind: str) -> Kind:
    if kind not in KINDS:
        checking.fault("kind", repr(kind), f"one of {', '.join(KINDS)}")
    found: Kind = kind  # type: ignore[assignment] # a wrong one is a fault and raised before use
    return found


def _enough(events: int, kind: Kind, what: str) -> None:
    needed = FEWEST_EVENTS[kind]
    if events >= needed:
        return
    possible = _possible(events, kind)
    instead = f", or ask for {possible}" if possible else ""
    raise NotEstimable(
        f"{events} rows {what} to recalibrate on; {kind} needs at least {needed}: load more "
        f"subjects{instead}"
    )


def _possible(events: int, asked: Kind) -> Kind | None:
    """Return the fullest update, up to the one that was asked for, that so many events allow."""
    order: Sequence[Kind] = ("full", "slope", "intercept")
    for kind in order[order.index(asked) :]:
        if events >= FEWEST_EVENTS[kind]:
            return kind
    return None


def _fitted(
    model: _Logistic | _Poisson, place: Floats, kind: Kind | None, events: int, drawn: Ints | None
) -> Curve:
    """Fit what is added at each place."""
    low, high = float(place.min()), float(place.max())
    if kind is None:
        return Curve((low, low + 1.0), (0.0, 0.0), None, events)
    if high - low < SETTLED:  # a model that says the same of everyone can only be moved
        found, spread = _maximum(model, np.ones((len(place), 1)), drawn)
        moved = float(found[0])
        told = _coefficients(found, spread, low, "intercept", len(place))
        return Curve((low, low + 1.0), (moved, moved), kind, events, told)
    centre = float(place.mean())
    grid = np.linspace(low, high, CURVE_POINTS)
    if kind == "full":
        knots = np.unique(np.quantile(place, KNOT_QUANTILES))
        design = spline_basis(place, knots) if knots.size > 2 else _straight(place, centre)
        on_grid = spline_basis(grid, knots) if knots.size > 2 else _straight(grid, centre)
    else:
        columns = 1 if kind == "intercept" else 2
        design = _straight(place, centre)[:, :columns]
        on_grid = _straight(grid, centre)[:, :columns]
    found, spread = _maximum(model, design, drawn)
    mapped = np.maximum.accumulate(grid + on_grid @ found)
    told = {} if kind == "full" else _coefficients(found, spread, centre, kind, len(place))
    shifts = tuple(float(one) for one in mapped - grid)
    return Curve(tuple(float(one) for one in grid), shifts, kind, events, told)


def _straight(place: Floats, centre: float) -> Floats:
    return np.column_stack([np.ones(len(place)), place - centre])


def _coefficients(
    found: Floats, spread: Floats, centre: float, kind: Kind, n: int
) -> dict[str, Estimate]:
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    told = {}
    # With a slope the intercept is told at the average prediction, where it is estimated best.
    names = {"intercept": 0.0} if kind == "intercept" else {"intercept": 0.0, "slope": 1.0}
    for position, (name, usual) in enumerate(names.items()):
        value, half = float(found[position] + usual), float(z * np.sqrt(spread[position, position]))
        where = f" at a prediction of {centre:.3g} on the link scale" if position == 0 else ""
        meaning = f"{name} of the update{where} ({usual:g} changes nothing); normal interval"
        told[name] = Estimate(value, value - half, value + half, LEVEL, n, meaning)
    return told


def _maximum(
    model: _Logistic | _Poisson, design: Floats, drawn: Ints | None = None
) -> tuple[Floats, Floats]:
    """Return the most likely coefficients and their robust covariance, by Newton's steps.

    Raises
    ------
    NotEstimable
        If they run away: the predictions separate those with from those without the event.
    """
    found = np.zeros(design.shape[1])
    found[0] = np.log(max(model.observed.sum(), 0.5) / max(_total(model), SMALLEST_HAZARD))
    if isinstance(model, _Logistic):
        found[0] = 0.0
    reached = _likelihood(model, design @ found)
    for _ in range(MOST_STEPS):
        mean = model.mean(model.offset + design @ found)
        weight = model.information(mean)
        information = (design * weight[:, None]).T @ design
        information += 1e-10 * np.trace(information) * np.eye(len(found)) + 1e-300
        step = np.linalg.solve(information, design.T @ (model.observed - mean))
        scale = 1.0
        while _likelihood(model, design @ (found + scale * step)) < reached and scale > 1e-6:
            scale /= 2
        found = found + scale * step
        reached = _likelihood(model, design @ found)
        if np.abs(step).max() < 1e-7:
            return found, _sandwich(model, design, found, information, drawn)
    raise NotEstimable(
        "the recalibration does not settle: the predictions separate those with from those "
        "without the event; ask for intercept, or load more subjects"
    )


def _total(model: _Logistic | _Poisson) -> float:
    return float(model.mean(model.offset).sum())


def _likelihood(model: _Logistic | _Poisson, added: Floats) -> float:
    linear = model.offset + added
    if isinstance(model, _Logistic):
        return float((model.observed * linear - np.logaddexp(0, linear)).sum())
    return float((model.observed * linear - model.mean(linear)).sum())


def _sandwich(
    model: _Logistic | _Poisson,
    design: Floats,
    found: Floats,
    information: Floats,
    drawn: Ints | None,
) -> Floats:
    """Return the covariance that holds also when rows of one subject go together."""
    scores = design * (model.observed - model.mean(model.offset + design @ found))[:, None]
    if drawn is not None:
        scores = np.stack(
            [np.bincount(drawn, weights=scores[:, one]) for one in range(scores.shape[1])], axis=1
        )
    bread = np.linalg.inv(information)
    return np.asarray(bread @ (scores.T @ scores) @ bread)
