"""A logistic loss that also counts how far groups lie apart; the group itself predicts nothing.

References
----------
Zafar et al. 2017, WWW 26:1171-1180 (fairness as a penalty in training, on what a group's mistakes
have in common); Pleiss et al. 2017, NeurIPS 30:5680-5689 (generalised false-negative and
false-positive rates: mean risks among those with and without the event); Hardt, Price & Srebro
2016, NeurIPS 29:3315-3323 (equal opportunity, equalised odds).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.errors import Fault, InputError, NotEstimable
from osler.learn.losses import Bools, Floats, Ints, LogisticLoss, expit

EQUAL_OPPORTUNITY = "equal_opportunity"
EQUALISED_ODDS = "equalised_odds"
CALIBRATION = "calibration_within_groups"
AIMS = (EQUAL_OPPORTUNITY, EQUALISED_ODDS, CALIBRATION)
NOT_COMPARED = -1
FEWEST_EVENTS = 10
# At strength 1 a disparity of a quarter costs every member of the group half a nat.
UNIT = 0.25
MOST_STRENGTH = 1000.0


@dataclass(frozen=True)
class Aim:
    """What groups should have in common, and how much of the likelihood it is worth.

    Parameters
    ----------
    kind
        ``"equal_opportunity"``: the mean risk among those with the event;
        ``"equalised_odds"``: that, and the mean risk among those without;
        ``"calibration_within_groups"``: a mean risk equal to the share with the event.
    strength
        Of the penalty; 0 is none.
    """

    kind: str
    strength: float


class FairLoss(LogisticLoss):
    """Minus the Bernoulli log-likelihood, plus a penalty on disparities of the mean risk.

    The penalty is ``½ · strength · Σ n_c (d_c / UNIT)²`` over contrasts c, whose disparity
    ``d_c = a_c · p − o_c`` is linear in the risks p: the mean risk in a group less that of all
    compared people, among those with the event (or without it); or the mean risk in a group less
    the share with the event there. ``n_c`` counts the people whom the contrast is about. It has no
    group at prediction: what it changes is what is learned from the other columns.

    Parameters
    ----------
    label : shape (n,)
        0 or 1.
    group : shape (n,)
        Number of each row's group, `NOT_COMPARED` for none.
    """

    def __init__(self, label: Floats, group: Ints, aim: Aim) -> None:
        super().__init__(label)
        self.group, self.aim = group, aim
        contrasts = _contrasts(self.label, group, aim.kind)
        self._means = np.array([row for row, _, _ in contrasts]).reshape(-1, len(label))
        self._wanted = np.array([wanted for _, wanted, _ in contrasts])
        worth = np.array([count for _, _, count in contrasts], dtype=np.float64)
        self._worth = aim.strength * worth / UNIT**2

    def disparities(self, eta: Floats) -> Floats:
        """Return the disparity of each contrast."""
        return np.asarray(self._means @ expit(eta) - self._wanted)

    def value(self, eta: Floats) -> float:
        """Return minus the log-likelihood, with the penalty."""
        return super().value(eta) + 0.5 * float(self._worth @ self.disparities(eta) ** 2)

    def curvature(self, eta: Floats) -> tuple[Floats, Floats]:
        """Return the gradient, and a diagonal that bounds the Gauss–Newton curvature."""
        first, second = super().curvature(eta)
        moved = self._means * second
        size = np.abs(moved)
        bound = (self._worth * size.sum(axis=1)) @ size
        return first + (self._worth * self.disparities(eta)) @ moved, second + bound

    def hessian(self, eta: Floats, design: Floats) -> Floats:
        """Return X'WX and the Gauss–Newton curvature of the penalty."""
        second = super().curvature(eta)[1]
        moved = (self._means * second) @ design
        penalty = moved.T @ (self._worth[:, None] * moved)
        return np.asarray(design.T @ (design * second[:, None]) + penalty)

    def subset(self, keep: Bools) -> FairLoss:
        """Return the loss on some of the rows, whose disparities are their own."""
        return FairLoss(self.label[keep], self.group[keep], self.aim)


def compared_groups(label: Floats, labels: Sequence[object]) -> tuple[Ints, tuple[str, ...]]:
    """Return the number of each row's group, and the names of those too small to be compared.

    A group is compared if it has at least `FEWEST_EVENTS` rows with the event and as many without;
    a missing label is no group.
    """
    named = np.array(["" if one is None or one != one else str(one) for one in labels])
    group = np.full(len(named), NOT_COMPARED, dtype=np.int64)
    small = []
    for place, name in enumerate(sorted(set(named.tolist()) - {""})):
        inside = named == name
        events = int(label[inside].sum())
        if min(events, int(inside.sum()) - events) < FEWEST_EVENTS:
            small.append(name)
        else:
            group[inside] = place
    return group, tuple(small)


def _contrasts(label: Floats, group: Ints, kind: str) -> list[tuple[Floats, float, int]]:
    """Return weights of the risks, the value that is wanted of their sum, and the people."""
    if kind == CALIBRATION:
        among = [np.ones(len(label), dtype=bool)]
    else:
        among = [label == 1] if kind == EQUAL_OPPORTUNITY else [label == 1, label == 0]
    found = []
    for condition in among:
        everyone = condition & (group != NOT_COMPARED)
        for number in np.unique(group[everyone]):
            own = everyone & (group == number)
            mean = own / own.sum()
            if kind == CALIBRATION:
                found.append((mean, float(label[own].mean()), int(own.sum())))
            else:
                found.append((mean - everyone / everyone.sum(), 0.0, int(own.sum())))
    return found


def aim_of(fairness: Mapping[str, Any] | None) -> Aim | None:
    """Read ``{"aim": ..., "strength": ...}``; the strength is 1 where it is not given.

    Raises
    ------
    InputError
        With every fault of it.
    """
    if fairness is None:
        return None
    if not isinstance(fairness, Mapping):
        came = f"a {type(fairness).__name__}"
        raise InputError(Fault("fairness", came, f'a mapping such as {{"aim": "{AIMS[0]}"}}'))
    known = ("aim", "strength")
    unknown = [one for one in fairness if one not in known]
    faults = [Fault("fairness", repr(one), f"one of {', '.join(known)}") for one in unknown]
    kind, strength = fairness.get("aim"), fairness.get("strength", 1.0)
    if kind not in AIMS:
        faults.append(Fault("fairness: aim", repr(kind), f"one of {', '.join(AIMS)}"))
    number = isinstance(strength, int | float) and not isinstance(strength, bool)
    if not number or not 0 < strength <= MOST_STRENGTH:
        expected = f"a number over 0, up to {MOST_STRENGTH:g}"
        faults.append(Fault("fairness: strength", repr(strength), expected))
    if faults:
        raise InputError(faults)
    return Aim(str(kind), float(strength))


def fair_loss(label: Floats, labels: Sequence[object], aim: Aim) -> tuple[FairLoss, str]:
    """Return the loss, and a note on groups that were left out of it.

    Raises
    ------
    NotEstimable
        If fewer than two groups are large enough to be compared.
    """
    group, small = compared_groups(label, labels)
    if len(np.unique(group[group != NOT_COMPARED])) < 2:
        raise NotEstimable(
            f"fairness: fewer than two groups have {FEWEST_EVENTS} rows with the event and "
            f"{FEWEST_EVENTS} without; join small groups, or learn from more people"
        )
    note = (
        f"fairness: {len(small)} groups with fewer than {FEWEST_EVENTS} rows with or without the "
        "event were not brought together with the others"
    )
    return FairLoss(label, group, aim), note if small else ""
