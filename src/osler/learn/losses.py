"""Losses of a linear predictor: Cox's partial likelihood and the logistic likelihood."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

ETA_LIMIT = 30.0  # exp() beyond this says nothing and overflows soon after


class Loss(Protocol):
    """A convex loss of one linear predictor per row, summed over rows."""

    @property
    def rows(self) -> int:
        """Number of rows the loss was built on."""
        ...

    def value(self, eta: Floats) -> float:
        """Return minus the log-likelihood."""
        ...

    def curvature(self, eta: Floats) -> tuple[Floats, Floats]:
        """Return the first and the (diagonal) second derivative by each row's predictor."""
        ...

    def hessian(self, eta: Floats, design: Floats) -> Floats:
        """Return the second derivative by the coefficients of `design`, shape (p, p)."""
        ...

    def subset(self, keep: Bools) -> Loss:
        """Return the same loss on some of the rows."""
        ...


class LogisticLoss:
    """Minus the Bernoulli log-likelihood of a 0/1 label.

    Parameters
    ----------
    label : shape (n,)
        0 or 1.
    """

    def __init__(self, label: Floats) -> None:
        self.label = np.asarray(label, dtype=np.float64)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.label)

    def value(self, eta: Floats) -> float:
        """Return minus the log-likelihood."""
        return float(np.sum(np.logaddexp(0.0, eta) - self.label * eta))

    def curvature(self, eta: Floats) -> tuple[Floats, Floats]:
        """Return probability minus label, and the binomial variance."""
        p = expit(eta)
        return p - self.label, np.maximum(p * (1.0 - p), 1e-12)

    def hessian(self, eta: Floats, design: Floats) -> Floats:
        """Return X'WX."""
        weight = self.curvature(eta)[1]
        return np.asarray(design.T @ (design * weight[:, None]))

    def subset(self, keep: Bools) -> LogisticLoss:
        """Return the loss on some of the rows."""
        return LogisticLoss(self.label[keep])


class CoxLoss:
    """Minus Cox's partial log-likelihood, with tied times after Efron or Breslow.

    Parameters
    ----------
    time : shape (n,)
        Time of the event or of censoring.
    happened : shape (n,)
        Whether the event of interest happened then; every other end counts as censored, which
        makes the model one of the cause-specific hazard.
    entry : shape (n,), optional
        Time from which the row was under observation (left truncation). A row is at risk at t
        when entry < t <= time; a row whose entry equals its time is at risk at that time alone.
    ties
        ``"efron"`` or ``"breslow"``.

    References
    ----------
    Cox 1972, J R Stat Soc B 34:187-220; Efron 1977, JASA 72:557-565; Breslow 1974,
    Biometrics 30:89-99.
    """

    def __init__(
        self, time: Floats, happened: Bools, entry: Floats | None = None, ties: str = "efron"
    ) -> None:
        self.time = np.asarray(time, dtype=np.float64)
        self.happened = np.asarray(happened, dtype=bool)
        self.entry = None if entry is None else np.asarray(entry, dtype=np.float64)
        self.ties = ties
        self._index()

    def _index(self) -> None:
        self._order = np.argsort(self.time, kind="stable")
        ordered = self.time[self._order]
        where = self._order[self.happened[self._order]]
        self._events = where
        self.event_times, self._slot, self.deaths = np.unique(
            self.time[where], return_inverse=True, return_counts=True
        )
        self._first_at_risk = np.searchsorted(ordered, self.event_times, side="left")
        self._exit_slot = np.searchsorted(self.event_times, self.time, side="right")
        rank = np.arange(len(where)) - np.concatenate([[0], np.cumsum(self.deaths)])[self._slot]
        share = rank / self.deaths[self._slot] if len(where) else np.zeros(0)
        self._tied_share = share if self.ties == "efron" else np.zeros(len(where))
        entered = self.entry
        self._late = None if entered is None or not np.any(entered > 0) else self._lateness(entered)

    def _lateness(self, entry: Floats) -> tuple[Ints, Ints, Ints]:
        entry = np.where(entry >= self.time, np.nextafter(self.time, -np.inf), entry)
        order = np.argsort(entry, kind="stable")
        first = np.searchsorted(entry[order], self.event_times, side="left")
        return order, first, np.searchsorted(self.event_times, entry, side="right")

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.time)

    def subset(self, keep: Bools) -> CoxLoss:
        """Return the loss on some of the rows, with risk sets among themselves."""
        entry = None if self.entry is None else self.entry[keep]
        return CoxLoss(self.time[keep], self.happened[keep], entry, self.ties)

    def at_risk(self, amount: Floats) -> Floats:
        """Sum `amount` (n, ...) over the rows at risk at each event time."""
        total = _sum_from(amount[self._order], self._first_at_risk)
        if self._late is None:
            return total
        order, first, _ = self._late
        return total - _sum_from(amount[order], first)

    def _passed(self, per_time: Floats) -> Floats:
        """Sum a value per event time over the event times at which each row was at risk."""
        cumulative = np.concatenate([[0.0], np.cumsum(per_time)])
        total = cumulative[self._exit_slot]
        return total if self._late is None else total - cumulative[self._late[2]]

    def _among_deaths(self, amount: Floats) -> Floats:
        starts = np.concatenate([[0], np.cumsum(self.deaths)[:-1]]).astype(np.int64)
        return np.asarray(np.add.reduceat(amount[self._events], starts, axis=0))

    def _denominators(self, weight: Floats) -> Floats:
        """Return the risk-set sum that each event is divided by, shape (events,)."""
        total = self.at_risk(weight)[self._slot]
        if self._tied_share.any():
            total = total - self._tied_share * self._among_deaths(weight)[self._slot]
        return np.maximum(total, 1e-300)

    def exposure(self, weight: Floats) -> Floats:
        """Return, per event time, the sum over its events of one over the weight still at risk."""
        inverse = 1.0 / self._denominators(weight)
        return np.asarray(np.bincount(self._slot, inverse, len(self.deaths)))

    def value(self, eta: Floats) -> float:
        """Return minus the partial log-likelihood."""
        if not len(self._events):
            return 0.0
        eta = np.clip(eta - np.mean(eta), -ETA_LIMIT, ETA_LIMIT)
        return float(np.sum(np.log(self._denominators(np.exp(eta))) - eta[self._events]))

    def curvature(self, eta: Floats) -> tuple[Floats, Floats]:
        """Return minus the martingale residual, and the diagonal of its derivative."""
        if not len(self._events):
            return np.zeros(self.rows), np.full(self.rows, 1e-12)
        weight = np.exp(np.clip(eta - np.mean(eta), -ETA_LIMIT, ETA_LIMIT))
        expected, squared = self._expected(weight)
        return expected - self.happened, np.maximum(expected - squared, 1e-12)

    def _expected(self, weight: Floats) -> tuple[Floats, Floats]:
        inverse = 1.0 / self._denominators(weight)
        count, slot = len(self.deaths), self._slot
        first = self._passed(np.bincount(slot, inverse, count).astype(np.float64))
        second = self._passed(np.bincount(slot, inverse**2, count).astype(np.float64))
        share = self._tied_share
        if share.any():
            first[self._events] -= np.bincount(slot, share * inverse, count)[slot]
            loss = np.bincount(slot, (2 * share - share**2) * inverse**2, count)[slot]
            second[self._events] -= loss
        return weight * first, weight**2 * second

    def hessian(self, eta: Floats, design: Floats) -> Floats:
        """Return the observed information of the coefficients."""
        if not len(self._events):
            return np.zeros((design.shape[1], design.shape[1]))
        weight = np.exp(np.clip(eta - np.mean(eta), -ETA_LIMIT, ETA_LIMIT))
        expected, _ = self._expected(weight)
        weighted = design * weight[:, None]
        mean = self.at_risk(weighted)[self._slot]
        if self._tied_share.any():
            mean = mean - self._tied_share[:, None] * self._among_deaths(weighted)[self._slot]
        mean /= self._denominators(weight)[:, None]
        return np.asarray(design.T @ (design * expected[:, None]) - mean.T @ mean)


def _sum_from(ordered: Floats, first: Ints) -> Floats:
    """Sum rows from each index in `first` to the end."""
    padded = np.zeros((len(ordered) + 1, *ordered.shape[1:]))
    padded[:-1] = np.cumsum(ordered[::-1], axis=0)[::-1]
    return np.asarray(padded[first])


def expit(eta: Floats) -> Floats:
    """Return the logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * eta)))


def level_of(loss: Loss) -> float:
    """Return where a predictor starts: the log odds for a label, 0 where it has no level."""
    if not isinstance(loss, LogisticLoss):
        return 0.0
    share = float(np.clip(loss.label.mean(), 1e-6, 1 - 1e-6))
    return float(np.log(share / (1 - share)))
