"""Groups whose effect differs from everyone else's; the number of groups looked at is paid for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.effect.conditions import Groups, candidate_groups
from osler.effect.simultaneous import (
    DRAWS,
    Many,
    adjusted,
    critical,
    group_means,
    largest_by_permutation,
    largest_by_signs,
    minus,
)
from osler.errors import Fault, InputError, NotEstimable
from osler.learn.losses import Bools, Floats, Ints
from osler.learn.table import as_frame
from osler.model.estimate import Estimate

FEWEST = 40
SMALLEST_SHARE = 0.05
ALIKE = 0.8


@dataclass(frozen=True)
class Subgroup:
    """A group with its effect, that of everyone else, and the difference.

    Parameters
    ----------
    who
        The conditions in words.
    n
        Rows inside.
    inside, outside, difference
        Averages over the rows, with intervals that hold together for all groups looked at.
    p
        Chance of a difference this large anywhere among the groups, if there were none.
    differs
        Whether the interval of the difference leaves 0 out.
    """

    who: str
    n: int
    inside: Estimate
    outside: Estimate
    difference: Estimate
    p: float
    differs: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "who": self.who,
            "n": self.n,
            "inside": self.inside.to_json(),
            "outside": self.outside.to_json(),
            "difference": self.difference.to_json(),
            "p": self.p,
            "differs": self.differs,
        }


@dataclass(frozen=True)
class Discovery:
    """What was looked at and what was found.

    Parameters
    ----------
    found
        Groups that differ, the clearest first; a group that is nearly another one is left out.
    nearest
        The clearest groups that do not differ, so that "none found" can be read.
    looked_at
        Number of groups compared.
    level
        Chance that no interval of any group misses.
    """

    found: tuple[Subgroup, ...]
    nearest: tuple[Subgroup, ...]
    looked_at: int
    level: float

    def __str__(self) -> str:
        if not self.found:
            return (
                f"none of {self.looked_at} groups differs from the rest at level {self.level:g}; "
                "smaller differences than their intervals allow are not excluded"
            )
        return "\n".join(
            f"{one.who}: {one.inside} inside, {one.outside} outside (n {one.n}, p {one.p:.3f})"
            for one in self.found
        )


def discover(
    effects: Any,
    X: Any,
    *,
    conditions: int = 2,
    level: float = 0.95,
    seed: int = 0,
    cluster: Any = None,
    draws: int = DRAWS,
) -> Discovery:
    """Compare the effect in every candidate group with that of everyone else.

    Parameters
    ----------
    effects : shape (n,)
        Doubly robust scores of a contrast, such as ``scores[:, arm] - scores[:, reference]``.
    X : n rows
        Anything `as_frame` takes; known at time zero.
    conditions
        1 or 2 conditions per group.
    level
        The chance that nothing is found where no group differs, and that all intervals hold.
    cluster : shape (n,), optional
        Subject of each row.
    draws
        Draws of what the largest studentised difference is if no group differs.

    Raises
    ------
    NotEstimable
        If no group and its rest have 40 rows and 5 % of all.

    Notes
    -----
    Candidates come from the covariates alone, so the family is fixed whatever the outcomes; the
    largest studentised difference is compared with what it is if rows are exchangeable
    (`largest_by_permutation`; with several rows per subject `largest_by_signs`). Intervals of the
    differences hold together, and so do those of inside and outside, whose share of the error is
    halved.
    """
    values, frame, member = _checked(effects, X, conditions, level, cluster)
    fewest = max(FEWEST, int(np.ceil(SMALLEST_SHARE * len(values))))
    groups = candidate_groups(frame, conditions, fewest)
    if not groups.names:
        raise NotEstimable(
            f"no group and its rest have {fewest} rows each: more rows or other columns are needed"
        )
    return compare(values, groups, member, level=level, seed=seed, draws=draws)


def compare(
    values: Floats,
    groups: Groups,
    member: Ints,
    *,
    level: float = 0.95,
    seed: int = 0,
    draws: int = DRAWS,
    meaning: str = "average effect",
) -> Discovery:
    """Compare groups that are already drawn up; see `discover`."""
    shown = Shown.of(values, groups, member, level, seed, draws, meaning)
    ratio = np.abs(np.nan_to_num(shown.difference.value / shown.difference.error))
    picked = _unlike(groups.inside, np.argsort(-ratio, kind="stable"), shown.p, 1.0 - level)
    found = tuple(shown.at(g) for g in picked if shown.p[g] <= 1.0 - level)
    nearest = tuple(shown.at(g) for g in picked if shown.p[g] > 1.0 - level)[:5]
    return Discovery(found, nearest, len(groups.names), level)


@dataclass(frozen=True)
class Shown:
    """Averages inside and outside of groups, and how wide intervals must be to hold together.

    Parameters
    ----------
    p : shape (G,)
        Of the differences, for all groups together.
    only, both
        Standard errors on either side of a difference, and of an average inside or outside.
    """

    groups: Groups
    inside: Many
    outside: Many
    difference: Many
    p: Floats
    only: float
    both: float
    level: float
    meaning: str

    @staticmethod
    def of(
        values: Floats,
        groups: Groups,
        member: Ints,
        level: float,
        seed: int,
        draws: int,
        meaning: str,
    ) -> Shown:
        """Average values inside and outside of every group."""
        weight = groups.inside.astype(np.float64)
        inside = group_means(values, weight, member)
        outside = group_means(values, 1.0 - weight, member)
        difference = minus(inside, outside)
        if len(np.unique(member)) == len(values):
            top = largest_by_permutation(values, weight, seed, draws)
        else:
            top = largest_by_signs(inside, outside, seed, draws)
        p = adjusted(np.nan_to_num(difference.value / difference.error), top)
        only, both = critical(top, level), critical(top, 0.5 + level / 2)
        return Shown(groups, inside, outside, difference, p, only, both, level, meaning)

    def at(self, g: int) -> Subgroup:
        """Return one group."""
        n = int(self.groups.inside[:, g].sum())
        rest = len(self.groups.inside) - n
        p = float(self.p[g])
        said = f"holds together for all {len(self.groups.names)} groups looked at"
        return Subgroup(
            self.groups.names[g],
            n,
            self._one(self.inside, g, self.both, n, f"{self.meaning} inside; {said}"),
            self._one(self.outside, g, self.both, rest, f"{self.meaning} outside; {said}"),
            self._one(
                self.difference, g, self.only, n + rest, f"{self.meaning}, inside − outside; {said}"
            ),
            p,
            p <= 1.0 - self.level,
        )

    def _one(self, many: Many, g: int, times: float, n: int, text: str) -> Estimate:
        value, half = float(many.value[g]), times * float(many.error[g])
        return Estimate(value, value - half, value + half, self.level, n, text)


def _unlike(inside: Bools, ranked: Ints, p: Floats, alpha: float, most: int = 20) -> list[int]:
    """Return groups in order of clearness, leaving out those whose rows are nearly another's."""
    kept: list[int] = []
    for g in ranked:
        if len(kept) >= most and p[g] > alpha:
            break
        if len(kept) >= 2 * most:
            break
        alike = any(_overlap(inside[:, g], inside[:, other]) > ALIKE for other in kept)
        if not alike:
            kept.append(int(g))
    return kept


def _overlap(one: Bools, other: Bools) -> float:
    """Return shared rows over rows of either, the larger of that for the group and for its rest."""
    both = float((one & other).sum()) / max(float((one | other).sum()), 1.0)
    mirrored = float((one & ~other).sum()) / max(float((one | ~other).sum()), 1.0)
    return max(both, mirrored)


def _checked(
    effects: Any, X: Any, conditions: int, level: float, cluster: Any
) -> tuple[Floats, Any, Ints]:
    faults: list[Fault | str] = []
    values = np.asarray(effects)
    if values.ndim != 1 or values.dtype.kind not in "fiub" or not len(values):
        faults.append(Fault("effects", f"shape {values.shape} of {values.dtype}", "(n,) numbers"))
    elif not np.isfinite(values.astype(np.float64)).all():
        faults.append(Fault("effects", "missing or infinite values", "finite numbers"))
    if conditions not in (1, 2):
        faults.append(Fault("conditions", repr(conditions), "1 or 2"))
    if not 0 < level < 1:
        faults.append(Fault("level", "a value outside (0, 1)", "such as 0.95"))
    try:
        frame, _ = as_frame(X)
    except InputError as error:
        raise InputError([*faults, *error.faults]) from error
    if not faults and frame.height != len(values):
        faults.append(Fault("X", f"{frame.height} rows", f"the {len(values)} of the effects"))
    if not faults and cluster is not None and np.shape(cluster) != values.shape:
        faults.append(Fault("cluster", f"shape {np.shape(cluster)}", f"({len(values)},)"))
    if faults:
        raise InputError(faults)
    return values.astype(np.float64), frame, members(cluster, len(values))


def members(cluster: Any, count: int) -> Ints:
    """Return subjects as 0..m−1; without any, each row is its own."""
    if cluster is None:
        return np.arange(count)
    return np.asarray(np.unique(np.asarray(cluster), return_inverse=True)[1].ravel(), np.int64)
