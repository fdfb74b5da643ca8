"""What a rule would have given people who were treated by another one: off-policy evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.effect.average import mean_and_error
from osler.effect.nuisance import FAST, estimate
from osler.effect.policy_value import interval
from osler.effect.problem import HIGHER, Problem
from osler.effect.subgroups import members
from osler.errors import Fault, InputError, NotEstimable
from osler.learn.losses import Floats, Ints
from osler.model.estimate import Estimate

FEWEST_EFFECTIVE = 30.0
RAREST = 0.01
RARE_SHARE = 0.05
UNFIT = 4.0


@dataclass(frozen=True)
class OffPolicy:
    """The value of a rule on logged data, by the estimators of the field.

    Parameters
    ----------
    ips
        Inverse propensity scoring: unbiased if the logged chances are right; widest.
    snips
        The same divided by the mean weight: a little biased in small samples, narrower.
    dr
        Doubly robust: a model of the outcome corrected by weighted residuals; None without `X`.
    dm
        The model alone, without an interval that holds: None without `X`.
    logged
        Mean outcome of the behaviour that was logged.
    gain
        The rule minus the logged behaviour, by `dr` or else `snips`.
    effective_sample_size
        (Σw)² / Σw² of the weights.
    largest_weight
        Of one row, as a share of all weight.
    matched
        Share of rows in which the logged action is one that the rule gives (mean chance of it).
    notes
        What a reader has to know.
    """

    ips: Estimate
    snips: Estimate
    dr: Estimate | None
    dm: float | None
    logged: Estimate
    gain: Estimate
    effective_sample_size: float
    largest_weight: float
    matched: float
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "ips": self.ips.to_json(),
            "snips": self.snips.to_json(),
            "dr": None if self.dr is None else self.dr.to_json(),
            "dm": self.dm,
            "logged": self.logged.to_json(),
            "gain": self.gain.to_json(),
            "effective_sample_size": self.effective_sample_size,
            "largest_weight": self.largest_weight,
            "matched": self.matched,
            "notes": list(self.notes),
        }


def evaluate_rule(
    action: Any,
    outcome: Any,
    rule: Any,
    *,
    behaviour: Any = None,
    X: Any = None,
    cluster: Any = None,
    level: float = 0.95,
    seed: int = 0,
) -> OffPolicy:
    """Estimate the mean outcome under a rule from data logged under another.

    Parameters
    ----------
    action : shape (n,)
        Label of the action that each row got.
    outcome : shape (n,)
        What came of it.
    rule : shape (n,) or (n, K)
        The action that the rule gives each row, or its chances of each action, actions in sorted
        order of their labels. Fixed before these data: a rule learned on them is valued too high.
    behaviour : shape (n, K) or (n,), optional
        Logged chances of each action, or of the one that was taken. Without it they are estimated
        from `X`, which must hold whatever decided the action.
    X : n rows, optional
        What was known when the action was chosen; needed for `dr`.
    cluster : shape (n,), optional
        Subject of each row.

    Raises
    ------
    InputError
        All faults of form at once.
    NotEstimable
        If the rule gives what was never logged or could not happen, or if so few logged rows
        follow it that fewer than 30 would count.

    References
    ----------
    Horvitz & Thompson 1952, JASA 47:663-685, doi:10.1080/01621459.1952.10483446 (IPS); Swaminathan
    & Joachims 2015, NeurIPS 28:3231-3239 (SNIPS); Dudík, Erhan, Langford & Li 2014, Statistical
    Science 29:485-511, doi:10.1214/14-STS500 (DR).
    """
    log = _Log.of(action, outcome, rule, behaviour, X, cluster, level)
    chance, model, notes = _behaviour(log, behaviour, X, seed)
    _supported(log, chance, behaviour is not None)
    taken = log.rule[np.arange(log.rows), log.action]
    weight = taken / chance[np.arange(log.rows), log.action]
    effective = _effective(weight)
    if effective < FEWEST_EFFECTIVE:
        raise NotEstimable(
            f"the logged actions agree with the rule in too few rows: {effective:.0f} would count, "
            f"{FEWEST_EFFECTIVE:.0f} are needed; log a behaviour that does sometimes what the rule "
            "does"
        )
    notes += _fit_notes(weight, log.member)
    return _valued(log, weight, model, effective, float(taken.mean()), notes)


def _valued(
    log: _Log,
    weight: Floats,
    model: Floats | None,
    effective: float,
    matched: float,
    notes: tuple[str, ...],
) -> OffPolicy:
    y, member, level = log.outcome, log.member, log.level
    ips = interval(weight * y, member, level, "mean outcome under the rule (IPS)")
    point = float(weight @ y / weight.sum())
    own = point + weight / weight.mean() * (y - point)
    snips = interval(own, member, level, "mean outcome under the rule (SNIPS)")
    dr, dm, best = None, None, own
    if model is not None:
        direct = (log.rule * model).sum(axis=1)
        best = direct + weight * (y - model[np.arange(log.rows), log.action])
        dr = interval(best, member, level, "mean outcome under the rule (DR)")
        dm = float(direct.mean())
    return OffPolicy(
        ips=ips,
        snips=snips,
        dr=dr,
        dm=dm,
        logged=interval(y, member, level, "mean outcome under the logged behaviour"),
        gain=interval(best - y, member, level, "the rule minus the logged behaviour"),
        effective_sample_size=effective,
        largest_weight=float(weight.max() / weight.sum()),
        matched=matched,
        notes=notes,
    )


@dataclass(frozen=True)
class _Log:
    action: Ints
    outcome: Floats
    rule: Floats
    labels: tuple[Any, ...]
    member: Ints
    level: float

    @property
    def rows(self) -> int:
        return len(self.action)

    @staticmethod
    def of(
        action: Any, outcome: Any, rule: Any, behaviour: Any, X: Any, cluster: Any, level: float
    ) -> _Log:
        faults: list[Fault | str] = []
        took, came = np.asarray(action), np.asarray(outcome)
        if took.ndim != 1 or not len(took):
            faults.append(Fault("action", f"shape {took.shape}", "(n,)"))
        if came.shape != took.shape or came.dtype.kind not in "fiub":
            faults.append(Fault("outcome", f"shape {came.shape}", f"numbers, {took.shape}"))
        elif not np.isfinite(came.astype(np.float64)).all():
            faults.append(Fault("outcome", "missing or infinite values", "finite numbers"))
        if not 0 < level < 1:
            faults.append(Fault("level", "a value outside (0, 1)", "such as 0.95"))
        if cluster is not None and np.shape(cluster) != took.shape:
            faults.append(Fault("cluster", f"shape {np.shape(cluster)}", f"{took.shape}"))
        if behaviour is None and X is None:
            faults.append(
                Fault("behaviour", "none, and no X", "logged chances, or what decided the action")
            )
        if faults:
            raise InputError(faults)
        labels, codes = np.unique(took, return_inverse=True)
        chance = _chances(rule, labels, len(took))
        return _Log(
            np.asarray(codes.ravel(), np.int64), came.astype(np.float64), chance,
            tuple(labels.tolist()), members(cluster, len(took)), level,
        )  # fmt: skip


def _chances(rule: Any, labels: Any, rows: int) -> Floats:
    given = np.asarray(rule)
    if given.ndim == 2:
        return _distribution("rule", given, rows, len(labels))
    if given.shape != (rows,):
        raise InputError(Fault("rule", f"shape {given.shape}", f"({rows},) or (n, K)"))
    place = {label: at for at, label in enumerate(labels.tolist())}
    at = [place.get(one, -1) for one in given.tolist()]
    if -1 in at:
        raise NotEstimable(
            "the rule gives an action that was never logged: nothing shows what comes of it"
        )
    return np.asarray(np.array(at)[:, None] == np.arange(len(labels)), np.float64)


def _distribution(name: str, given: Any, rows: int, arms: int) -> Floats:
    shape = (rows, arms)
    if given.shape != shape or given.dtype.kind not in "fiub":
        raise InputError(Fault(name, f"shape {given.shape}", f"chances, {shape}"))
    chance: Floats = np.asarray(given, dtype=np.float64)
    usable = np.isfinite(chance).all() and (chance >= 0).all()
    if not usable or not np.allclose(chance.sum(axis=1), 1.0, atol=1e-6):
        raise InputError(Fault(name, "rows that are no chances", "0 or more, summing to one"))
    return chance


def _behaviour(
    log: _Log, behaviour: Any, X: Any, seed: int
) -> tuple[Floats, Floats | None, tuple[str, ...]]:
    """Return chances of each action, the outcome expected under each, and notes."""
    chance = None
    arms = len(log.labels)
    if behaviour is not None:
        given = np.asarray(behaviour)
        if given.shape == (log.rows,):
            return (
                _only_taken(log, given),
                None,
                ("doubly robust needs the chance of every action",),
            )
        chance = _distribution("behaviour", given, log.rows, arms)
        if (chance[np.arange(log.rows), log.action] <= 0).any():
            raise InputError(Fault("behaviour", "chance 0 of an action that was taken", "above 0"))
    if X is None and chance is not None:
        return chance, None, ()
    if arms < 2:
        raise NotEstimable("only one action was logged: nothing shows what another would give")
    problem = Problem.of(
        X, log.action, log.outcome, better=HIGHER, reference=0, cluster=log.member,
        probability=None if chance is None or (chance <= 0).any() else chance,
    )  # fmt: skip
    fitted = estimate(problem, seed, FAST)
    if chance is not None:
        return chance, fitted.outcome, ()
    note = "the chances of the logged actions are estimated; what else decided them is not seen"
    return fitted.propensity, fitted.outcome, (note,)


def _only_taken(log: _Log, given: Any) -> Floats:
    usable = given.dtype.kind in "fiu" and np.isfinite(given).all()
    if not usable or (given <= 0).any() or (given > 1).any():
        raise InputError(Fault("behaviour", "values that are no chances", "above 0, at most 1"))
    chance = np.full((log.rows, len(log.labels)), np.nan)
    chance[np.arange(log.rows), log.action] = given
    return chance


def _supported(log: _Log, chance: Floats, known: bool) -> None:
    """Refuse a rule that does what the logged behaviour cannot."""
    with np.errstate(invalid="ignore"):
        never = (chance <= (0.0 if known else RAREST)) & (log.rule > 0)
    share = float(np.where(never, log.rule, 0.0).sum(axis=1).mean())
    if share > (0.0 if known else RARE_SHARE):
        raise NotEstimable(
            f"in {share:.0%} of rows the rule gives what the logged behaviour "
            f"{'could' if known else 'nearly'} never {'do' if known else 'did'}: no overlap there; "
            "restrict the rule or the people"
        )


def _effective(weight: Floats) -> float:
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def _fit_notes(weight: Floats, member: Ints) -> tuple[str, ...]:
    mean, error, _ = mean_and_error(weight, member)
    if error > 0 and abs(mean - 1.0) > UNFIT * error:
        return (
            f"weights average {mean:.2f} where right chances give 1: the logged chances do not "
            "fit the logged actions",
        )
    return ()
