"""Rules for two or more decisions in a row, by backward doubly robust induction."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from osler.effect.nuisance import DEFAULT, FAST, estimate
from osler.effect.policy_rule import PolicyTree, design, encode, place
from osler.effect.policy_tree import HIGHER, LOWER, search
from osler.effect.policy_value import interval
from osler.effect.problem import Problem
from osler.effect.scores import doubly_robust
from osler.effect.subgroups import members
from osler.errors import Fault, InputError
from osler.learn.clock import Clock
from osler.learn.losses import Bools, Floats, Ints
from osler.learn.splits import stratified_folds
from osler.learn.table import as_frame
from osler.model.estimate import Estimate

MOST_SEQUENCES = 32


@dataclass(frozen=True)
class Decision:
    """One point in time at which people are treated one way or another.

    Parameters
    ----------
    X : n rows
        All that is known then and may be asked, earlier treatments and their results included;
        anything `as_frame` takes. Rows without the decision may be left empty.
    action : shape (n,)
        Label of what was done; ignored in rows without the decision.
    eligible : shape (n,), optional
        Who has the decision to make; all without it. Someone who started earlier, responded or
        died has none.
    probability : shape (n, K), optional
        Chances by design, actions in sorted order of their labels.
    randomised
        Whether actions were drawn by lot with equal chances for all.
    """

    X: Any
    action: Any
    eligible: Any = None
    probability: Any = None
    randomised: bool = False


@dataclass(frozen=True)
class DynamicPolicy:
    """A rule for every decision, with what following all of them is worth.

    Parameters
    ----------
    trees
        One per decision, in time; learned on everyone.
    value
        Mean outcome if all rules are followed, from rules that did not see the people.
    gain
        How much better than each fixed sequence of actions, by its name, and than what was done;
        positive is better.
    best_fixed
        Name of the fixed sequence that leaves the rules least to gain.
    """

    trees: tuple[PolicyTree, ...]
    value: Estimate
    gain: dict[str, Estimate]
    best_fixed: str
    better: str
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        parts = [f"decision {k + 1}\n{tree}" for k, tree in enumerate(self.trees)]
        return "\n".join([*parts, f"{self.value} if followed"])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "trees": [tree.to_json() for tree in self.trees],
            "rules": [[list(rule) for rule in tree.rules()] for tree in self.trees],
            "value": self.value.to_json(),
            "gain": {name: one.to_json() for name, one in self.gain.items()},
            "best_fixed": self.best_fixed,
            "better": self.better,
            "notes": list(self.notes),
        }


def learn_sequence(
    decisions: list[Decision],
    outcome: Any,
    *,
    depth: int = 2,
    better: str = HIGHER,
    folds: int = 5,
    seed: int = 0,
    cluster: Any = None,
    level: float = 0.95,
    learner: str = FAST,
) -> DynamicPolicy:
    """Learn a rule for every decision, from the last to the first.

    At the last decision the doubly robust scores of the outcome give the best tree. Each row's
    score under that tree then stands for its outcome at the decision before, and so on: the value
    is right if at every decision either the chances or the expected outcomes are.

    Parameters
    ----------
    decisions
        Two or more, in time, over the same n rows.
    outcome : shape (n,)
        What came of it all.
    folds
        Rules are valued on rows that they were not learned from, in as many parts.
    learner
        ``"fast"`` or ``"default"``, for the nuisances.

    Raises
    ------
    InputError
        All faults of form at once.
    NotEstimable
        If a decision has one action, or too few rows in one.

    References
    ----------
    Zhang, Tsiatis, Laber & Davidian 2013, Biometrika 100:681-694, doi:10.1093/biomet/ast014; Zhao &
    Laber 2014, Clinical Trials 11:400-407, doi:10.1177/1740774514532570. For when to start see
    `when_to_start`.
    """
    course = _Course.of(decisions, outcome, depth, better, folds, cluster, level, seed, learner)
    sign = 1.0 if better == HIGHER else -1.0
    seen, rules = course.followed()
    value = interval(
        sign * seen, course.member, level, "mean outcome if rules learned elsewhere are followed"
    )
    gain = {
        name: interval(seen - fixed, course.member, level, f"gain of the rules over {name}")
        for name, fixed in course.fixed().items()
    }
    best = min(gain, key=lambda name: gain[name].value)
    gain["what was done"] = interval(
        seen - course.outcome, course.member, level, "gain of the rules over what was done"
    )
    notes = (
        "each decision must be free of causes of the outcome that its columns do not hold",
        "the interval takes the rules as given; learning them anew would vary more",
    )
    return DynamicPolicy(rules, value, gain, best, better, notes)


def when_to_start(histories: list[Any], start: Any, **more: Any) -> list[Decision]:
    """Return the decisions of whether to start now, for those who have not started yet.

    Parameters
    ----------
    histories
        One table of n rows for each time at which treatment can start.
    start : shape (n,)
        Time at which each row started, 0..len(histories)−1; as many as there are, or more, never.
    more
        Passed to every `Decision`.

    References
    ----------
    Nie, Brunskill & Wager 2021, JASA 116:392-409, doi:10.1080/01621459.2020.1831925 (the question;
    their estimator compares rules of a family, this one works backwards).
    """
    when = np.asarray(start)
    if when.ndim != 1 or when.dtype.kind not in "iuf" or not np.isfinite(when).all():
        raise InputError(Fault("start", f"shape {when.shape}", "(n,) places of the histories"))
    return [
        Decision(X, np.where(when == k, "start", "wait"), eligible=when >= k, **more)
        for k, X in enumerate(histories)
    ]


@dataclass(frozen=True)
class _Step:
    """One decision: who has it, and everything about them."""

    rows: Ints
    problem: Problem
    numbers: Floats
    encoding: Any

    @staticmethod
    def of(decision: Decision, y: Floats, member: Ints) -> _Step:
        n = len(y)
        eligible = _eligible(decision.eligible, n)
        frame, named = as_frame(decision.X)
        action = np.asarray(decision.action)
        if frame.height != n or action.shape != (n,):
            raise InputError(
                Fault("decision", f"{frame.height} rows, actions {action.shape}", f"{n} of each")
            )
        rows = np.flatnonzero(eligible)
        chance = None if decision.probability is None else np.asarray(decision.probability)[rows]
        part = frame[rows]
        least = np.unique(action[rows])[:1].tolist() or [None]
        problem = Problem.of(
            part, action[rows], y[rows], better=HIGHER, reference=least[0],
            cluster=member[rows], probability=chance, randomised=decision.randomised,
        )  # fmt: skip
        encoding = encode(part, named)
        return _Step(rows, problem, design(encoding, part), encoding)


def _eligible(given: Any, n: int) -> Bools:
    if given is None:
        return np.ones(n, dtype=bool)
    eligible = np.asarray(given)
    if eligible.shape != (n,) or eligible.dtype != bool:
        raise InputError(Fault("eligible", f"{eligible.dtype} {eligible.shape}", f"bool, ({n},)"))
    return eligible


Chooser = Callable[[int, Floats], Ints]


@dataclass(frozen=True)
class _Course:
    steps: list[_Step]
    chances: list[Floats]
    outcome: Floats
    member: Ints
    fold: Ints
    depth: int
    seed: int
    learner: str

    @staticmethod
    def of(
        decisions: list[Decision],
        outcome: Any,
        depth: int,
        better: str,
        folds: int,
        cluster: Any,
        level: float,
        seed: int,
        learner: str,
    ) -> _Course:
        _check(decisions, outcome, depth, better, folds, cluster, level, learner)
        y = np.asarray(outcome, dtype=np.float64) * (1.0 if better == HIGHER else -1.0)
        member = members(cluster, len(y))
        steps = [_Step.of(one, y, member) for one in decisions]
        fold = stratified_folds(np.zeros(len(y), dtype=np.int64), folds, seed, member)
        chances = [estimate(_with(step, y), seed, learner).propensity for step in steps]
        return _Course(steps, chances, y, member, fold, depth, seed, learner)

    def backward(self, choose: Chooser) -> Floats:
        """Return each row's score if from every decision on the chosen actions are taken."""
        value = self.outcome.copy()
        for k in range(len(self.steps) - 1, -1, -1):
            step = self.steps[k]
            scores = self.scores(k, value)
            value[step.rows] = scores[np.arange(len(step.rows)), choose(k, scores)]
        return value

    def scores(self, k: int, value: Floats) -> Floats:
        """Return doubly robust scores of a decision for what follows it."""
        problem = _with(self.steps[k], value, self.chances[k])
        return doubly_robust(problem, estimate(problem, self.seed, self.learner))

    def followed(self) -> tuple[Floats, tuple[PolicyTree, ...]]:
        """Return every row's score under rules learned without its part, and rules of all rows."""
        seen = np.empty(len(self.outcome))
        for part in np.unique(self.fold):
            seen[self.fold == part] = self._learned(self.fold != part)[0][self.fold == part]
        roots = self._learned(np.ones(len(self.outcome), dtype=bool))[1]
        trees = tuple(
            PolicyTree(root, step.encoding, step.problem.labels)
            for root, step in zip(roots, self.steps, strict=True)
        )
        return seen, trees

    def _learned(self, train: Bools) -> tuple[Floats, list[Any]]:
        roots: list[Any] = [None] * len(self.steps)

        def choose(k: int, scores: Floats) -> Ints:
            step = self.steps[k]
            own = train[step.rows]
            found = search(scores[own], step.numbers[own], self.depth, Clock(None))
            roots[k] = found.root
            return place(found.root, step.numbers)

        return self.backward(choose), roots

    def fixed(self) -> dict[str, Floats]:
        """Return every row's score under fixed sequences of actions, by name."""
        arms = [range(step.problem.arms) for step in self.steps]
        sequences = list(itertools.product(*arms))[:MOST_SEQUENCES]
        answer = {}
        for sequence in sequences:
            name = ", then ".join(
                step.problem.labels[a] for step, a in zip(self.steps, sequence, strict=True)
            )
            answer[name] = self.backward(_always(sequence))
        return answer


def _always(sequence: tuple[int, ...]) -> Chooser:
    def choose(k: int, scores: Floats) -> Ints:
        return np.full(len(scores), sequence[k], dtype=np.int64)

    return choose


def _with(step: _Step, value: Floats, chance: Floats | None = None) -> Problem:
    old = step.problem
    return Problem(
        old.frame, old.arm, old.labels, old.reference, old.kind, value[step.rows], None,
        old.cluster, old.randomised, old.better, old.probability if chance is None else chance,
        named=old.named,
    )  # fmt: skip


def _check(
    decisions: list[Decision],
    outcome: Any,
    depth: int,
    better: str,
    folds: int,
    cluster: Any,
    level: float,
    learner: str,
) -> None:
    faults: list[Fault | str] = []
    if len(decisions) < 1:
        faults.append(Fault("decisions", "none", "one or more"))
    y = np.asarray(outcome)
    if y.ndim != 1 or y.dtype.kind not in "fiub" or not len(y):
        faults.append(Fault("outcome", f"shape {y.shape} of {y.dtype}", "(n,) numbers"))
    elif not np.isfinite(y.astype(np.float64)).all():
        faults.append(Fault("outcome", "missing or infinite values", "finite numbers"))
    if depth not in (0, 1, 2):
        faults.append(Fault("depth", repr(depth), "0, 1 or 2"))
    if better not in (LOWER, HIGHER):
        faults.append(Fault("better", repr(better), "'lower' or 'higher'"))
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        faults.append(Fault("folds", repr(folds), "2 or more"))
    if not 0 < level < 1:
        faults.append(Fault("level", "a value outside (0, 1)", "such as 0.95"))
    if learner not in (FAST, DEFAULT):
        faults.append(Fault("learner", repr(learner), "'fast' or 'default'"))
    if cluster is not None and np.shape(cluster) != y.shape:
        faults.append(Fault("cluster", f"shape {np.shape(cluster)}", f"{y.shape}"))
    if faults:
        raise InputError(faults)
