"""Whether a model may speak: its metrics beside the limits that a study sets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

from osler.errors import Fault, InputError
from osler.evaluate.by_group import GroupTable
from osler.model import Estimate

Judging = Literal["value", "compatible", "proven"]
JUDGINGS = ("value", "compatible", "proven")

GROUP = "group_"
# What `c` stands for, the first that was measured.
CONCORDANCES = ("uno_c", "harrell_c", "auroc")
HIGHER_IS_BETTER = (
    "c",
    "uno_c",
    "harrell_c",
    "auroc",
    "auc",
    "average_precision",
    "ibs_scaled",
    "brier_scaled",
    "d_calibration_p",
    "min_sensitivity_precision",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "net_benefit",
)
LOWER_IS_BETTER = ("ici", "ibs", "brier", "log_loss", "d_calibration")

# Wide enough for a useful model on a few hundred events; a study should set its own.
DEFAULT_LIMITS: Mapping[str, Any] = MappingProxyType(
    {
        "c": {"min": 0.55},
        "calibration_slope": [0.7, 1.4],
        "ici": 0.1,
        "group_oe": {"min": 0.5, "max": 2.0, "judge": "compatible"},
    }
)


@dataclass(frozen=True)
class Gate:
    """One limit and whether it was met.

    Parameters
    ----------
    value
        Of the metric; for groups that of the worst one. None when it could not be had.
    bound
        What was asked for, in words.
    """

    limit: str
    value: float | None
    bound: str
    passed: bool
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return the row of `results.json`."""
        return asdict(self)


@dataclass(frozen=True)
class _Limit:
    key: str
    low: float | None
    high: float | None
    judge: Judging

    @property
    def bound(self) -> str:
        parts = [f"{word} {value:g}" for word, value in self._ends()]
        how = {
            "value": "",
            "compatible": ", unless its interval allows it",
            "proven": ", its whole interval",
        }[self.judge]
        return " and ".join(parts) + how

    def _ends(self) -> list[tuple[str, float]]:
        ends = [("at least", self.low), ("at most", self.high)]
        return [(word, value) for word, value in ends if value is not None]

    def holds(self, estimate: Estimate) -> bool:
        low, high = estimate.low, estimate.high
        if self.judge == "compatible" and low != low:
            low = high = estimate.value
        least, most = {
            "value": (estimate.value, estimate.value),
            "compatible": (high, low),
            "proven": (low, high),
        }[self.judge]
        return (self.low is None or least >= self.low) and (self.high is None or most <= self.high)

    def distance(self, estimate: Estimate) -> float:
        """Return how far outside the limit a value is; below 0 inside, by the nearer end."""
        below = -math.inf if self.low is None else self.low - estimate.value
        above = -math.inf if self.high is None else estimate.value - self.high
        return max(below, above)


def check_limits(limits: Mapping[str, Any]) -> list[Fault]:
    """Return every way in which limits cannot be read; empty when they can.

    Examples
    --------
    >>> check_limits({"calibration_slope": [0.8, 1.25], "ici": 0.05, "c": {"min": 0.6}})
    []
    """
    faults: list[Fault] = []
    for key, given in limits.items():
        read = _read(str(key), given)
        if isinstance(read, Fault):
            faults.append(read)
    return faults


def gates(
    limits: Mapping[str, Any] | None,
    metrics: Mapping[str, Any],
    groups: GroupTable | Iterable[Any] = (),
) -> list[Gate]:
    """Hold metrics against limits; a model with a gate that is not passed does not speak.

    Parameters
    ----------
    limits
        Key to limit. A key is a metric's name; `c` is `uno_c`, else `harrell_c`, else `auroc`;
        `group_` before a metric's name holds it in every group that is shown. A limit is

        - `[low, high]`: within, ends included;
        - `{min: low, max: high, judge: ...}`: either end alone will do;
        - a number: at most it for an error, at least it for a concordance.

        `judge` is `value` (the estimate itself; the default), `compatible` (fails only when the
        whole interval lies outside; the default for groups, where noise is large) or `proven`
        (fails unless the whole interval lies inside). None: `DEFAULT_LIMITS`.
    metrics
        Name to `Estimate`, or to an object of `results.json`.
    groups
        What `groups` returned, its rows, or their objects in `results.json`.

    Returns
    -------
    One gate per limit. A metric that is missing or NaN is a gate that is not passed: a limit is to
    be shown, not presumed.

    Raises
    ------
    InputError
        If a limit cannot be read; all such faults at once.
    """
    chosen = DEFAULT_LIMITS if limits is None else limits
    faults = check_limits(chosen)
    if faults:
        raise InputError(faults)
    listed = groups.rows if isinstance(groups, GroupTable) else groups
    rows = [_plain_row(row) for row in listed]
    read = [_read(str(key), given) for key, given in chosen.items()]
    return [
        _group_gate(limit, rows) if limit.key.startswith(GROUP) else _gate(limit, metrics)
        for limit in read
        if isinstance(limit, _Limit)
    ]


def _read(key: str, given: Any) -> _Limit | Fault:
    where = f"limits.{key}"
    judge: Judging = "compatible" if key.startswith(GROUP) else "value"
    if isinstance(given, Mapping):
        strange = sorted(str(one) for one in set(given) - {"min", "max", "judge"})
        judge = given.get("judge", judge)
        ends = given.get("min"), given.get("max")
        if strange or judge not in JUDGINGS or ends == (None, None):
            return Fault(where, "an unreadable limit", f"min, max, judge: {'|'.join(JUDGINGS)}")
    elif isinstance(given, list | tuple):
        if len(given) != 2:
            return Fault(where, f"{len(given)} numbers", "[low, high]")
        ends = given[0], given[1]
    else:
        side = _direction(key.removeprefix(GROUP))
        if side is None:
            return Fault(where, "one number", "[low, high], for it can be wrong both ways")
        ends = (given, None) if side == "min" else (None, given)
    numbers = [one for one in ends if one is not None]
    if not numbers or not all(_is_number(one) for one in numbers):
        return Fault(where, "a bound that is not a number", "numbers")
    if len(numbers) == 2 and numbers[0] > numbers[1]:
        return Fault(where, "a low end above the high end", "[low, high]")
    low, high = (None if one is None else float(one) for one in ends)
    return _Limit(key, low, high, judge)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _direction(name: str) -> Literal["min", "max"] | None:
    def is_of(kinds: tuple[str, ...]) -> bool:
        return any(name == kind or name.startswith(f"{kind}_") for kind in kinds)

    if is_of(HIGHER_IS_BETTER):
        return "min"
    return "max" if is_of(LOWER_IS_BETTER) else None


def _plain(given: Any) -> Estimate:
    if isinstance(given, Estimate):
        return given
    nan = float("nan")
    value, low, high = (
        nan if given.get(key) is None else float(given[key]) for key in ("value", "low", "high")
    )
    return Estimate(value, low, high, meaning=str(given.get("meaning", "")))


def _plain_row(row: Any) -> Mapping[str, Any]:
    return row if isinstance(row, Mapping) else vars(row)


def _find(name: str, metrics: Mapping[str, Any]) -> Estimate | None:
    names = CONCORDANCES if name == "c" else (name,)
    for one in names:
        if metrics.get(one) is not None:
            return _plain(metrics[one])
    return None


def _gate(limit: _Limit, metrics: Mapping[str, Any]) -> Gate:
    estimate = _find(limit.key, metrics)
    if estimate is None:
        return Gate(limit.key, None, limit.bound, False, f"{limit.key} was not measured")
    if estimate.value != estimate.value:
        why = estimate.meaning or "it could not be estimated"
        return Gate(limit.key, None, limit.bound, False, f"{limit.key} is {why}")
    passed = limit.holds(estimate)
    verdict = "meets" if passed else "does not meet"
    why = f"{limit.key} is {estimate}, which {verdict} {limit.bound}"
    return Gate(limit.key, estimate.value, limit.bound, passed, why)


def _group_gate(limit: _Limit, rows: list[Mapping[str, Any]]) -> Gate:
    name = limit.key.removeprefix(GROUP)
    judged = []
    for row in rows:
        estimate = None if row["suppressed"] else _find(name, row["metrics"])
        if estimate is not None and estimate.value == estimate.value:
            judged.append((row["group"], estimate))
    if not judged:
        why = f"{name} could be judged in no group; set larger groups or remove the limit"
        return Gate(limit.key, None, limit.bound, False, why)
    failing = [(group, one) for group, one in judged if not limit.holds(one)]
    worst = max(failing or judged, key=lambda pair: limit.distance(pair[1]))
    if failing:
        named = "; ".join(f"{_group_name(group)}: {one}" for group, one in failing)
        why = (
            f"{name} does not meet {limit.bound} in {len(failing)} of {len(judged)} groups: {named}"
        )
    else:
        why = f"{name} meets {limit.bound} in all {len(judged)} groups that could be judged"
    return Gate(limit.key, worst[1].value, limit.bound, not failing, why)


def _group_name(group: Mapping[str, str]) -> str:
    return ", ".join(f"{variable} {level}" for variable, level in group.items())
