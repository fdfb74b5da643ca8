"""Who should get what: a rule learned from doubly robust scores, valued on people it never saw."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from osler.effect.policy_limits import Limit, search_within
from osler.effect.policy_losers import losing_groups
from osler.effect.policy_rule import PolicyTree, design, encode
from osler.effect.policy_tree import HIGHER, checked, names_of
from osler.effect.policy_value import Heldout, benefit_by_group, compared, held_out
from osler.effect.subgroups import Subgroup, members
from osler.errors import Damaged, Fault, InputError, NotEstimable
from osler.learn.clock import Clock
from osler.learn.losses import Floats
from osler.model import digest_of
from osler.model.estimate import Estimate

FORMAT_VERSION = 1
KIND = "policy"


@dataclass(frozen=True)
class Policy:
    """A rule of treatment, with what it is worth.

    All values come from people whose scores the valued rule did not see: the data are split, a rule
    is learned on all but one part and valued on that part. They are the worth of learning a rule
    this way; `tree` is learned on everyone.

    Parameters
    ----------
    tree
        The rule; `rules()` says it in words.
    value
        Mean outcome under the rule.
    gain
        How much better the rule is than each alternative, by its name ("all NAME", "current
        practice"), costs taken off; positive is better whichever way the outcome is wished for.
    share
        Share of people given each action, by its name.
    agreement
        Share of people for whom a rule learned without them says the same as `tree`.
    losers
        Groups that the rule serves worse than `against`, the worst first.
    benefit
        By name of a group column (or two, crossed) and label: the gain over `against` inside, with
        intervals that hold together within the column.
    against
        The alternative that losers and benefit are measured against: the best single action.
    better, depth, level, seed
        As asked for.
    exact
        Whether the tree is the best of its depth (with limits: within `gap` of it).
    gap
        Mean score by which a rule that keeps the limits can at most be better on these data.
    prices
        What one more unit of each limit would be worth, by its name.
    notes
        What a reader has to know.
    """

    tree: PolicyTree
    value: Estimate
    gain: dict[str, Estimate]
    share: dict[str, float]
    agreement: float
    losers: tuple[Subgroup, ...]
    benefit: dict[str, dict[str, Estimate]]
    against: str
    better: str
    depth: int
    level: float
    seed: int
    exact: bool = True
    gap: float = 0.0
    prices: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def assign(self, X: Any) -> list[str]:
        """Return the name of each row's action.

        Raises
        ------
        InputError
            If columns of the fit are missing or of another kind.
        """
        return [self.tree.actions[a] for a in self.tree.assign(X)]

    def rules(self) -> list[tuple[str, str]]:
        """Return (who, action) in words, one for each leaf."""
        return self.tree.rules()

    def __str__(self) -> str:
        best = self.gain[self.against]
        return f"{self.tree}\n{self.value} under the rule; {best} better than {self.against}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "tree": self.tree.to_json(),
            "rules": [{"who": who, "action": action} for who, action in self.rules()],
            "value": self.value.to_json(),
            "gain": {name: one.to_json() for name, one in self.gain.items()},
            "share": self.share,
            "agreement": self.agreement,
            "losers": [one.to_json() for one in self.losers],
            "benefit": {
                name: {label: one.to_json() for label, one in by.items()}
                for name, by in self.benefit.items()
            },
            "against": self.against,
            "better": self.better,
            "depth": self.depth,
            "level": self.level,
            "seed": self.seed,
            "exact": self.exact,
            "gap": self.gap,
            "prices": self.prices,
            "notes": list(self.notes),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Policy:
        """Rebuild from `to_json`.

        Raises
        ------
        Damaged
            If the document does not describe a policy.
        """
        try:
            kept = {key: data[key] for key in ("share", "agreement", "against", "better", "depth")}
            kept |= {key: data[key] for key in ("level", "seed", "exact", "gap", "prices")}
            return Policy(
                tree=PolicyTree.from_json(data["tree"]),
                value=_estimate(data["value"]),
                gain={name: _estimate(one) for name, one in data["gain"].items()},
                losers=tuple(_subgroup(one) for one in data["losers"]),
                benefit={
                    name: {label: _estimate(one) for label, one in by.items()}
                    for name, by in data["benefit"].items()
                },
                notes=tuple(data["notes"]),
                **kept,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Damaged("the saved policy is not one") from error

    def save(self, path: str | Path) -> Path:
        """Write the policy as one JSON file with its digest."""
        content = self.to_json()
        document = {
            "format_version": FORMAT_VERSION,
            "kind": KIND,
            "digest": digest_of(content),
            "policy": content,
        }
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(document, indent=1, sort_keys=True, allow_nan=False), "utf-8")
        return target

    @staticmethod
    def load(path: str | Path) -> Policy:
        """Read a policy file.

        Raises
        ------
        InputError
            If there is no such file, or it is of a newer format.
        Damaged
            If it was changed, cut, or is no policy.
        """
        source = Path(path)
        if not source.is_file():
            raise InputError(Fault("path", "no file", "a saved policy"))
        try:
            document = json.loads(source.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise Damaged("the saved policy cannot be read") from error
        if not isinstance(document, dict) or document.get("kind") != KIND:
            raise Damaged("the file is not a saved policy")
        if document.get("format_version") != FORMAT_VERSION:
            raise InputError(
                Fault("policy", "another format", f"format {FORMAT_VERSION}", "upgrade osler")
            )
        content = document.get("policy")
        if not isinstance(content, dict) or digest_of(content) != document.get("digest"):
            raise Damaged("the saved policy was changed after it was written")
        return Policy.from_json(content)


def learn(
    scores: Any,
    X: Any,
    names: Any = None,
    *,
    depth: int = 2,
    better: str = HIGHER,
    costs: Any = None,
    limits: list[Limit] | None = None,
    practice: Any = None,
    groups: Any = None,
    folds: int = 5,
    seed: int = 0,
    cluster: Any = None,
    level: float = 0.95,
    time_budget_s: float | None = None,
) -> Policy:
    """Learn a rule, and value it on people it never saw.

    Parameters
    ----------
    scores : shape (n, K)
        Doubly robust scores: the mean of column a estimates the mean outcome if all got action a.
    X : n rows
        What the rule may ask. Leave out what it must not, such as race.
    names : length K, optional
        Names of the actions.
    depth
        0 to 2.
    better
        ``"higher"`` or ``"lower"`` outcomes are to be wished for.
    costs : shape (K,) or (n, K), optional
        What each action costs, in units of the outcome, 0 or more; see `switching` for a price on
        change.
    limits, optional
        See `capacity` for how many may be treated and `Limit` for harm.
    practice : shape (n,), optional
        Outcome of each row under the treatment it had (the `pseudo` of the nuisances).
    groups, optional
        Anything `as_frame` takes, one column per attribute, for which the benefit is shown, alone
        and crossed by two. Not asked by the rule.
    cluster : shape (n,), optional
        Subject of each row; a subject is never on both sides.
    time_budget_s
        For each search of a tree; after it `exact` is false.

    Raises
    ------
    InputError
        All faults of form at once.
    NotEstimable
        Fewer than ten rows (or subjects) per fold, or limits that no rule keeps.
    """
    values, frame, named = checked(scores, X, better)
    task = _Task(values, costs, limits or [], depth, folds, level, time_budget_s)
    task.check(practice, cluster)
    actions = names_of(names, values.shape[1])
    encoding = encode(frame, named)
    numbers = design(encoding, frame)
    member = members(cluster, len(values))
    if int(member.max()) + 1 < 10 * folds:
        raise NotEstimable(f"fewer than {10 * folds} subjects: a rule could not be judged")
    net = values - task.cost
    final = search_within(net, numbers, depth, task.limits, Clock(time_budget_s))
    tree = PolicyTree(final.root, encoding, actions)
    seen = held_out(net, numbers, task, member, seed)
    sign = 1.0 if better == HIGHER else -1.0
    value, gain, against = compared(values, task, seen, practice, actions, member, sign)
    own = tree.assign(frame)
    over = _over(net, seen, actions.index(against.removeprefix("all ")))
    n = len(values)
    return Policy(
        tree=tree,
        value=value,
        gain=gain,
        share={name: float((seen.action == a).mean()) for a, name in enumerate(actions)},
        agreement=float((seen.action == own).mean()),
        losers=losing_groups(over, frame, member, level, seed),
        benefit=benefit_by_group(over, groups, member, level, n),
        against=against,
        better=better,
        depth=depth,
        level=level,
        seed=seed,
        exact=final.exact,
        gap=max(final.bound - final.value, 0.0) / n,
        prices={one.name: float(p) for one, p in zip(task.limits, final.prices, strict=True)},
        notes=_notes(task, final.exact, practice is not None),
    )


def _over(net: Floats, seen: Heldout, action: int) -> Floats:
    """Return what the rule gains over one action, row by row."""
    return np.asarray(net[np.arange(len(net)), seen.action] - net[:, action])


@dataclass(frozen=True)
class _Task:
    scores: Floats
    costs: Any
    limits: list[Limit]
    depth: int
    folds: int
    level: float
    time_budget_s: float | None

    @property
    def cost(self) -> Floats:
        """Costs by row and action, shape (n, K)."""
        if self.costs is None:
            return np.zeros_like(self.scores)
        return np.broadcast_to(np.asarray(self.costs, dtype=np.float64), self.scores.shape)

    def check(self, practice: Any, cluster: Any) -> None:
        faults: list[Fault | str] = []
        n, k = self.scores.shape
        if self.depth not in (0, 1, 2):
            faults.append(Fault("depth", repr(self.depth), "0, 1 or 2"))
        if isinstance(self.folds, bool) or not isinstance(self.folds, int) or self.folds < 2:
            faults.append(Fault("folds", repr(self.folds), "2 or more"))
        if not 0 < self.level < 1:
            faults.append(Fault("level", "a value outside (0, 1)", "such as 0.95"))
        if self.costs is not None:
            cost = np.asarray(self.costs)
            shaped = cost.shape in ((k,), (n, k)) and cost.dtype.kind in "fiu"
            if not shaped or not np.isfinite(cost).all() or (cost < 0).any():
                faults.append(Fault("costs", f"shape {cost.shape}", f"0 or more, ({k},) or (n, K)"))
        for name, given in (("practice", practice), ("cluster", cluster)):
            if given is not None and np.shape(given) != (n,):
                faults.append(Fault(name, f"shape {np.shape(given)}", f"({n},)"))
        if practice is not None and not faults:
            outcome = np.asarray(practice)
            if outcome.dtype.kind not in "fiub" or not np.isfinite(outcome.astype(float)).all():
                faults.append(Fault("practice", "missing or other values", "finite numbers"))
        if faults:
            raise InputError(faults)


def _notes(task: _Task, exact: bool, practice: bool) -> tuple[str, ...]:
    notes = [
        "values are those of rules learned without the people they are valued on",
        "a group can gain on average while members of it lose: no rule's loss is seen per person",
    ]
    if task.costs is not None:
        notes.append("gains have the costs taken off; the value is the outcome alone")
    if task.limits and not exact:
        notes.append("the best rule within the limits may be better by up to the gap")
    if not practice:
        notes.append("current practice was not given and is not compared")
    return tuple(notes)


def _estimate(data: dict[str, Any]) -> Estimate:
    number = {
        key: float("nan") if data[key] is None else float(data[key])
        for key in ("value", "low", "high", "level")
    }
    return Estimate(**number, n=data["n"], meaning=str(data["meaning"]))


def _subgroup(data: dict[str, Any]) -> Subgroup:
    return Subgroup(
        str(data["who"]),
        int(data["n"]),
        _estimate(data["inside"]),
        _estimate(data["outside"]),
        _estimate(data["difference"]),
        float(data["p"]),
        bool(data["differs"]),
    )
