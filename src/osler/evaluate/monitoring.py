"""Watching a model in use: tests that hold whenever, and however often, one looks.

A test here is a wager against the model. Its capital starts at 1; as long as nothing has changed it
cannot be expected to grow, so that it reaches 1/α with a chance of at most α, over all time
(Ville's inequality). Wagers are opened at every label, with weights that add up to one, because it
is not known when a change comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import expit, logit

from osler.errors import Fault, InputError
from osler.evaluate.inputs import Floats, Ints

CALIBRATION, DISCRIMINATION = "calibration", "discrimination"
LEVEL = 0.05
# Shares of the level; groups share theirs evenly. What a group does not use is not lost: without
# groups the other two get it.
SHARE_OF_CALIBRATION, SHARE_OF_DISCRIMINATION = 0.4, 0.2
INTERCEPTS = (-1.0, -0.4, 0.0, 0.4, 1.0)
SLOPES = (0.4, 0.7, 1.0, 1.4, 2.2)
STAKES = (0.05, 0.1, 0.2, 0.4, 0.8)
CLIP = 1e-6
# Opening weights fall as 1 / (j log² j), which adds up; slowly, so that late changes are seen too.
FIRST = 20.0


@dataclass(frozen=True)
class Wager:
    """One test as it stands.

    Parameters
    ----------
    name
        ``"calibration"``, ``"discrimination"``, or either within a group: ``"calibration, sex F"``.
    level
        The chance, over all time, that it raises an alarm though nothing changed.
    seen
        Labels (or pairs) that it has used.
    evidence
        Capital of the wager, its largest so far beside it: how many times more likely the labels
        are under a change than without one.
    alarm_at
        The label, counted from 1, at which it first reached 1 / level; None if it has not.
    log_open : shape (k,)
        Logarithm of the capital in wagers on each kind of change.
    unopened
        Weight of the wagers that are not open yet.
    """

    name: str
    level: float
    log_open: Floats
    seen: int = 0
    unopened: float = 1.0
    evidence: float = 1.0
    most: float = 1.0
    alarm_at: int | None = None

    @property
    def alarmed(self) -> bool:
        """Whether it ever raised an alarm."""
        return self.alarm_at is not None

    def after(self, log_ratios: Floats, places: Ints) -> Wager:
        """Return the wager after some labels.

        Parameters
        ----------
        log_ratios : shape (m, k)
            Logarithm of what each kind of change pays for each label.
        places : shape (m,)
            Number of each label among all, for `alarm_at`.
        """
        if not len(log_ratios):
            return self
        weights = opening_weights(self.seen, len(log_ratios))
        total = np.cumsum(log_ratios, axis=0)
        before = np.vstack([np.zeros(total.shape[1]), total[:-1]])
        # One wager on every kind of change is opened before each label.
        opened = np.log(weights / log_ratios.shape[1])[:, None] - before
        opened[0] = np.logaddexp(opened[0], self.log_open)
        capital = total + np.logaddexp.accumulate(opened, axis=0)
        unopened = self.unopened - np.cumsum(weights)
        evidence = np.exp(np.logaddexp.reduce(capital, axis=1)) + unopened
        reached = np.flatnonzero(evidence >= 1 / self.level)
        first = int(places[reached[0]]) if reached.size else None
        return replace(
            self,
            log_open=capital[-1],
            seen=self.seen + len(log_ratios),
            unopened=float(unopened[-1]),
            evidence=float(evidence[-1]),
            most=max(self.most, float(evidence.max())),
            alarm_at=first if self.alarm_at is None else self.alarm_at,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, its state included."""
        return {
            "name": self.name, "level": self.level, "seen": self.seen, "evidence": self.evidence,
            "most": self.most, "alarm_at": self.alarm_at, "unopened": self.unopened,
            "log_open": [None if np.isneginf(one) else float(one) for one in self.log_open],
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Wager:
        """Return what `to_json` gave."""
        log_open = np.array([-np.inf if one is None else one for one in data["log_open"]])
        return cls(
            data["name"], data["level"], log_open, data["seen"], data["unopened"],
            data["evidence"], data["most"], data["alarm_at"],
        )  # fmt: skip


def opening_weights(seen: int, count: int) -> Floats:
    """Return the weight of the wagers opened at each of the next labels; over all time under 1."""
    place = np.arange(seen, seen + count) + FIRST
    # The integral of 1 / (x log² x) from FIRST - 1 on is 1 / log(FIRST - 1).
    return np.asarray(np.log(FIRST - 1) / (place * np.log(place) ** 2))


@dataclass(frozen=True)
class Monitor:
    """What is watched of a model, and how it stands; advance it with `watch`.

    Parameters
    ----------
    auroc
        What the model reached when it was accepted; discrimination is watched for falling under
        it. None leaves it out.
    groups
        Labels of the groups that are watched on their own.
    level
        Chance of any alarm, over all time and all tests, if nothing changed.
    """

    auroc: float | None = None
    groups: tuple[str, ...] = ()
    level: float = LEVEL
    seen: int = 0
    wagers: tuple[Wager, ...] = ()
    waiting: tuple[tuple[float, ...], tuple[float, ...]] = field(default=((), ()))

    def __post_init__(self) -> None:
        faults = []
        if not 0 < self.level < 1:
            faults.append(Fault("level", f"{self.level:g}", "a chance between 0 and 1"))
        if self.auroc is not None and not 0.5 < self.auroc < 1:
            faults.append(Fault("auroc", f"{self.auroc:g}", "between 0.5 and 1, or None"))
        if len(set(self.groups)) < len(self.groups):
            faults.append(Fault("groups", "a label twice", "each once"))
        if faults:
            raise InputError(faults)
        if not self.wagers:
            object.__setattr__(self, "wagers", tuple(self._begun()))

    def _begun(self) -> list[Wager]:
        shares = {CALIBRATION: SHARE_OF_CALIBRATION}
        if self.auroc is not None:
            shares[DISCRIMINATION] = SHARE_OF_DISCRIMINATION
        left = 1 - SHARE_OF_CALIBRATION - SHARE_OF_DISCRIMINATION
        shares |= {f"{CALIBRATION}, {one}": left / len(self.groups) for one in self.groups}
        whole = sum(shares.values())
        return [
            Wager(name, self.level * share / whole, np.full(_kinds(name), -np.inf))
            for name, share in shares.items()
        ]

    @property
    def alarms(self) -> tuple[Wager, ...]:
        """The tests that have raised an alarm, the earliest first."""
        found = [one for one in self.wagers if one.alarm_at is not None]
        return tuple(sorted(found, key=lambda one: one.alarm_at or 0))

    def watch(self, y: Any, p: Any, *, groups: Any = None, acted: Any = None) -> Monitor:
        """Return the monitor after more labels, in the order in which they became known.

        Parameters
        ----------
        y : shape (m,)
            0 or 1.
        p : shape (m,)
            What the model had said.
        groups : shape (m,), optional
            Group of each person; labels that are not watched are passed over.
        acted : shape (m,), optional
            Whether care was changed because of the prediction. Such labels tell what care did and
            not whether the model was right: they are left out. This takes for granted that, given
            the prediction, acting did not depend on what would have happened without acting;
            discrimination is then weighed by the chance of not having been acted on, estimated
            from these labels by the prediction.

        Raises
        ------
        InputError
            If the inputs are malformed.

        References
        ----------
        Ville 1939; Waudby-Smith & Ramdas 2024, J R Stat Soc B 86:1-27,
        doi:10.1093/jrsssb/qkad009 (testing by betting); Arnold, Henzi & Ziegel 2023, J R Stat
        Soc B 85:1343-1365, doi:10.1093/jrsssb/qkad081 (calibration of forecasts); Shin, Ramdas &
        Rinaldo 2024, New England J Stat Data Sci 2:229-260 (wagers opened at all times).
        """
        labels, chance, member, used = _checked(y, p, groups, acted)
        places = self.seen + 1 + np.flatnonzero(used)
        kept, said = labels[used], chance[used]
        ratios = calibration_ratios(kept, said)
        pairs, at, waiting = _pairs(kept, said, places, self.waiting, _thinned(chance, used))
        wagers = []
        for one in self.wagers:
            if one.name == DISCRIMINATION:
                wagers.append(one.after(discrimination_ratios(pairs, self.auroc or 0.5), at))
            elif one.name == CALIBRATION:
                wagers.append(one.after(ratios, places))
            else:
                own = member[used] == one.name.removeprefix(f"{CALIBRATION}, ")
                wagers.append(one.after(ratios[own], places[own]))
        return replace(self, seen=self.seen + len(labels), wagers=tuple(wagers), waiting=waiting)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, from which `from_json` goes on."""
        return {
            "auroc": self.auroc, "groups": list(self.groups), "level": self.level,
            "seen": self.seen, "wagers": [one.to_json() for one in self.wagers],
            "waiting": [list(one) for one in self.waiting],
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Monitor:
        """Return what `to_json` gave."""
        positive, negative = (tuple(map(float, one)) for one in data["waiting"])
        wagers = tuple(Wager.from_json(one) for one in data["wagers"])
        return cls(
            data["auroc"], tuple(data["groups"]), data["level"], data["seen"], wagers,
            (positive, negative),
        )  # fmt: skip


def calibration_ratios(y: Floats, p: Floats) -> Floats:
    """Return how much better each recalibration foretells each label, as logarithms, (m, k)."""
    chance = np.clip(p, CLIP, 1 - CLIP)
    place = logit(chance)[:, None]
    grid = np.array([(a, b) for a in INTERCEPTS for b in SLOPES if (a, b) != (0.0, 1.0)])
    changed = np.clip(expit(grid[:, 0] + grid[:, 1] * place), CLIP, 1 - CLIP)
    happened = y[:, None] > 0
    return np.asarray(
        np.where(
            happened,
            np.log(changed) - np.log(chance)[:, None],
            np.log1p(-changed) - np.log1p(-chance)[:, None],
        )
    )


def discrimination_ratios(right: Floats, auroc: float) -> Floats:
    """Return what stakes on pairs being in the wrong order pay, as logarithms, (m, k).

    Parameters
    ----------
    right : shape (m,)
        Of each pair of one with and one without the event: 1 if the first was said to be at
        higher risk, one half for equal risks, 0 else. Their mean is the AUROC.
    """
    stakes = np.array(STAKES) / auroc
    return np.asarray(np.log1p(stakes * (auroc - right[:, None])))


def _kinds(name: str) -> int:
    return len(STAKES) if name == DISCRIMINATION else len(INTERCEPTS) * len(SLOPES) - 1


def _pairs(
    y: Floats,
    p: Floats,
    places: Ints,
    waiting: tuple[tuple[float, ...], tuple[float, ...]],
    taken: Any,
) -> tuple[Floats, Ints, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Pair the events with the non-events in the order in which they came; each is used once."""
    event = y > 0
    sides = []
    for has, before in ((True, waiting[0]), (False, waiting[1])):
        rows = (event == has) & taken
        score = np.concatenate([np.array(before), p[rows]])
        at = np.concatenate([np.zeros(len(before), dtype=np.int64), places[rows]])
        sides.append((score, at))
    (first, first_at), (second, second_at) = sides
    m = min(len(first), len(second))
    right = (first[:m] > second[:m]) + 0.5 * (first[:m] == second[:m])
    at = np.maximum(first_at[:m], second_at[:m])
    rest = (tuple(map(float, first[m:])), tuple(map(float, second[m:])))
    return np.asarray(right, dtype=np.float64), at, rest


def _thinned(chance: Floats, used: Any) -> Any:
    """Return which of the labels that were kept take part in pairs.

    Those who were likely to be acted on are rare among the rest; the others are thinned, by a
    draw that depends on the predictions alone, until the mix of predictions is everyone's.
    """
    if used.all():
        return np.ones(int(used.sum()), dtype=np.bool_)
    edges = np.quantile(chance, np.linspace(0.1, 0.9, 9))
    bins = np.searchsorted(edges, chance)
    share = np.array([used[bins == b].mean() if (bins == b).any() else 1.0 for b in range(10)])
    own = share[bins[used]]
    least = max(float(own.min(initial=1.0)), 0.05)
    random = np.random.default_rng(len(chance)).random(len(own))
    return random < least / np.maximum(own, least)


def _checked(y: Any, p: Any, groups: Any, acted: Any) -> tuple[Floats, Floats, Any, Any]:
    faults = []
    labels, chance = (np.asarray(one, dtype=np.float64) for one in (y, p))
    if labels.ndim != 1 or chance.shape != labels.shape:
        raise InputError(Fault("p", f"shape {chance.shape}", f"that of y, {labels.shape}"))
    strange = int(np.sum(~np.isin(labels, (0.0, 1.0))))
    if strange:
        faults.append(Fault("y", f"{strange} values other than 0 and 1", "0 or 1"))
    outside = int(np.sum(~((chance >= 0) & (chance <= 1))))
    if outside:
        faults.append(Fault("p", f"{outside} values that are no chances", "0 to 1"))
    member = np.full(labels.shape, "") if groups is None else np.asarray(groups).astype(str)
    done = np.zeros(labels.shape, dtype=bool) if acted is None else np.asarray(acted, dtype=bool)
    for name, one in (("groups", member), ("acted", done)):
        if one.shape != labels.shape:
            faults.append(Fault(name, f"shape {one.shape}", f"that of y, {labels.shape}"))
    if faults:
        raise InputError(faults)
    return labels, chance, member, ~done
