"""What a treatment does on average, to whom it does more, and whether the data can say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from osler.effect.average import average, by_group
from osler.effect.checks.balance import Balance, balance
from osler.effect.checks.overlap import NEAR_CERTAIN, Overlap, overlap
from osler.effect.checks.sensitivity import Sensitivity, sensitivity_of_average
from osler.effect.checks.timing import refuse_known_outcome
from osler.effect.nuisance import DEFAULT, estimate
from osler.effect.problem import CONTINUOUS, LOWER, RISK, TIME_TO_EVENT, Problem
from osler.effect.saving import EVERYONE, POPULATIONS, Known, Rows, verdict_of
from osler.effect.scores import doubly_robust
from osler.errors import Damaged, Fault, InputError, NotEstimable
from osler.learn.losses import Floats
from osler.learn.modelfile import Stored, load_model, save_model
from osler.learn.parameters import NOT_FITTED, Parameters
from osler.model.estimate import Estimate

if TYPE_CHECKING:
    from osler.effect.individual import Individual
    from osler.effect.policy import Policy
    from osler.effect.verdict import Verdict

KIND = "treatment-effect"
MOST_OUTSIDE_FOR_ANYONE = 0.34
NO_ROWS = "a saved model holds no rows of the data, which this needs: fit it again"


class TreatmentEffect(Parameters):
    """Average and individual effects of a treatment, with a verdict on choosing by person.

    Effects are differences, treated minus reference: of means, of risks, or for time to event of
    the risk of cause 1 by the horizon. They are those of the treatment only if all that decided
    it and bears on the outcome is among the covariates, or if it was drawn by lot.

    Parameters
    ----------
    outcome
        ``"continuous"``, ``"binary"`` or ``"time-to-event"``.
    horizon
        Time at which risks are compared, in the unit of `y`.
    randomised
        Whether treatment was drawn by lot; then shares, not covariates, give its chances.
    better
        Whether ``"lower"`` or ``"higher"`` outcomes are to be wished for.
    seed
        Makes a fit repeatable.
    reference
        Label of the arm that others are compared with; 0 by default.
    measure
        For time to event ``"risk"``, or ``"rmst"`` for the mean time without an event up to the
        horizon.
    learner
        ``"default"``, or ``"fast"`` for penalised linear predictors alone.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(400, 2))
    >>> treated = rng.integers(0, 2, 400)
    >>> y = x[:, 0] + 2.0 * treated + rng.normal(size=400)
    >>> model = TreatmentEffect(randomised=True, learner="fast").fit(x, treated, y)
    >>> found = model.average_effect()
    >>> bool(found.low < 2.0 < found.high)
    True
    """

    _settings = (
        "outcome", "horizon", "randomised", "better", "seed", "reference", "measure", "learner",
    )  # fmt: skip

    def __init__(
        self,
        outcome: str = CONTINUOUS,
        horizon: float | None = None,
        randomised: bool = False,
        better: str = LOWER,
        seed: int = 0,
        reference: Any = None,
        measure: str = RISK,
        learner: str = DEFAULT,
    ) -> None:
        self.outcome, self.horizon, self.randomised = outcome, horizon, randomised
        self.better, self.seed, self.reference = better, seed, reference
        self.measure, self.learner = measure, learner
        self._known: Known | None = None
        self._kept: Rows | None = None
        self._individual: Individual | None = None
        self._verdict: Verdict | None = None
        self._policies: dict[int, Policy] = {}
        self._fit_notes: tuple[str, ...] = ()
        self._call_notes: tuple[str, ...] = ()

    def fit(
        self, X: Any, treatment: Any, y: Any, *, groups: Any = None, probability: Any = None
    ) -> Self:
        """Learn from rows of a trial, or of care as it was.

        Parameters
        ----------
        X
            Covariates known when treatment was decided; missing values allowed.
        treatment : shape (n,)
            0/1, or labels of two or more arms.
        y : shape (n,)
            Outcome; for time to event a structured array with `event` and `time`.
        groups : shape (n,), optional
            Subject of each row, where a subject appears more than once.
        probability : shape (n,) or (n, K), optional
            Chances of the arms by design.

        Raises
        ------
        InputError
            All faults of the input at once.
        NotEstimable
            If the rows cannot answer: one arm or too small a one, too few outcomes, an outcome
            that was known at time zero, treatment all but decided by the covariates.
        """
        problem = Problem.of(
            X, treatment, y, outcome=self.outcome, horizon=self.horizon,
            randomised=self.randomised, better=self.better, reference=self.reference,
            cluster=groups, probability=probability, measure=self.measure,
        )  # fmt: skip
        notes = refuse_known_outcome(problem)
        nuisance = estimate(problem, self.seed, self.learner)
        judged = overlap(problem, nuisance.propensity)
        if judged.outside > NEAR_CERTAIN:
            raise NotEstimable(str(judged))
        if not judged.sufficient:
            notes = (*notes, str(judged))
        self._kept = Rows.of(problem, nuisance)
        self._known = Known.of(self._kept)
        self._individual, self._verdict, self._policies = None, None, {}
        self._fit_notes, self._call_notes = notes, ()
        return self

    @property
    def arms(self) -> tuple[str, ...]:
        """Labels of the arms."""
        return self._ready().labels

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Input columns in fitted order."""
        return self._ready().schema.names

    @property
    def rows(self) -> Rows:
        """The rows of the fit with what was estimated of each; a loaded model has none."""
        return self._rows()

    @property
    def overlap(self) -> Overlap:
        """How far the arms share their people."""
        return self._ready().overlap

    @property
    def balance(self) -> list[Balance]:
        """How the arms differ in every covariate, before and after weighing."""
        rows = self._rows()
        return balance(rows.problem, rows.nuisance.propensity)

    def average_effect(
        self, arm: Any = None, population: str = EVERYONE, level: float = 0.95
    ) -> Estimate:
        """Return the average effect of an arm against the reference.

        Parameters
        ----------
        arm
            Label of the arm; may be left out where there is but one besides the reference.
        population
            ``"everyone"``; ``"overlap"``, where each row counts by how undecided its treatment
            was; or ``"common support"``, the rows for whom every arm was open.

        Raises
        ------
        NotEstimable
            For everyone, where the arms do not share their people enough; the message says what
            would help.
        """
        known, which = self._ready(), self._arm(arm)
        if population not in POPULATIONS:
            raise InputError(
                Fault("population", repr(population), f"one of {', '.join(POPULATIONS)}")
            )
        _check_level(level)
        return known.average(known.labels[which], population, level)

    def sensitivity(self, arm: Any = None) -> Sensitivity:
        """Return how strong an unmeasured cause would have to be to explain the average away."""
        rows, which = self._compared(), self._arm(arm)
        return sensitivity_of_average(
            rows.problem, rows.nuisance, rows.scores, self.average_effect(arm), which
        )

    def group_effects(
        self, groups: Any, arm: Any = None, level: float = 0.95
    ) -> dict[str, Estimate]:
        """Return the average effect within groups made of what was known at time zero.

        Parameters
        ----------
        groups : shape (n,)
            A label for every row of the fit, in its order.
        """
        rows, which = self._compared(), self._arm(arm)
        return by_group(
            rows.scores, groups, rows.problem, which, level=level, nuisance=rows.nuisance
        )

    def effects_by_cause(self, arm: Any = None, level: float = 0.95) -> dict[str, Estimate]:
        """Return risk differences by the horizon of every cause and of any, side by side.

        A treatment that spares one cause leaves more people to the others: no cause alone says
        what it does.
        """
        rows, which = self._compared(), self._arm(arm)
        if rows.problem.kind != TIME_TO_EVENT:
            raise InputError(Fault("outcome", rows.problem.kind, "time-to-event"))
        answer = {}
        causes: list[int | None] = [*range(1, rows.problem.survival.causes + 1), None]
        for cause in causes:
            problem = replace(rows.problem, cause=cause, measure=RISK)
            if (cause, RISK) == (rows.problem.cause, rows.problem.measure):
                nuisance, scores = rows.nuisance, rows.scores
            else:
                nuisance = estimate(problem, self.seed, self.learner)
                scores = doubly_robust(problem, nuisance)
            name = "any cause" if cause is None else f"cause {cause}"
            answer[name] = average(scores, problem, which, level=level, nuisance=nuisance)
        return answer

    def effect(self, X: Any, arm: Any = None) -> Floats:
        """Return the expected effect for people like each row, shape (n,).

        Where `verdict` does not say "personalise", the differences between these numbers are not
        shown to be more than noise, and the average effect is to be told instead.

        Raises
        ------
        NotEstimable
            Where the chances of the arms leave more than a third of the rows of the fit outside
            common support.
        """
        known, which = self._ready(), self._arm(arm)
        frame, self._call_notes = known.schema.align(X)
        return self._speaking().effect(frame, which)

    def effect_interval(
        self, X: Any, level: float = 0.95, arm: Any = None
    ) -> tuple[Floats, Floats]:
        """Return intervals for the conditional effect at each row, (low, high), each (n,)."""
        _check_level(level)
        known, which = self._ready(), self._arm(arm)
        frame, self._call_notes = known.schema.align(X)
        return self._speaking().interval(frame, level, which)

    def expected(self, X: Any) -> dict[str, Floats]:
        """Return the expected outcome of people like each row in every arm, by label, each (n,)."""
        known = self._ready()
        frame, self._call_notes = known.schema.align(X)
        found = self._learned().outcomes(frame)
        return {label: found[:, arm] for arm, label in enumerate(known.labels)}

    def verdict(self) -> Verdict:
        """Return whether to personalise, treat by the average, or say that overlap is missing."""
        if self._verdict is None:
            from osler.effect.verdict import judge

            rows = self._rows()
            self._verdict = judge(rows.problem, rows.nuisance, self.seed)
        return self._verdict

    def policy(self, depth: int = 2) -> Policy:
        """Return the best rule of at most `depth` questions, with its value on held-out rows.

        Raises
        ------
        NotEstimable
            Where the arms do not share their people enough, or there are too few rows.
        """
        self._ready()
        if depth not in self._policies:
            from osler.effect.policy import learn

            rows = self._compared()
            problem = rows.problem
            self._policies[depth] = learn(
                rows.scores, problem.frame, list(problem.labels), depth=depth,
                better=problem.better, practice=rows.nuisance.pseudo, seed=self.seed,
                cluster=problem.cluster,
            )  # fmt: skip
        return self._policies[depth]

    def save(self, folder: str | Path, *, individual: bool = True) -> Path:
        """Write the model as JSON and arrays with their digests; no data row is in it.

        The verdict is reached first, if it was not, so that it goes with the model; rules of the
        depths that were asked for go too.

        Parameters
        ----------
        individual
            Whether individual effects go with it, which may have to be learned first. Without
            them the loaded model tells averages, verdict and rules.
        """
        known = self._ready()
        stored = Stored(
            KIND,
            {
                "settings": {name: _plain(value) for name, value in self.get_params().items()},
                "known": known.to_json(),
                "verdict": self.verdict().to_json(),
                "policies": [one.to_json() for one in self._policies.values()],
                "notes": list(self._fit_notes),
            },
        )
        if individual:
            self._learned().put(stored)
        return save_model(stored, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a saved model; what it says equals what the saved one said.

        Raises
        ------
        InputError
            If there is no such model, or one of a newer format.
        Damaged
            If a file is missing, cut or changed.
        """
        from osler.effect.individual import Individual
        from osler.effect.policy import Policy

        stored = load_model(folder, KIND)
        try:
            model = cls(**stored.spec["settings"])
            model._known = Known.from_json(stored.spec["known"])
            model._verdict = verdict_of(stored.spec["verdict"])
            policies = [Policy.from_json(one) for one in stored.spec["policies"]]
            model._policies = {one.depth: one for one in policies}
            model._fit_notes = tuple(str(note) for note in stored.spec["notes"])
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged("the model's files lack a part") from error
        if "individual" in stored.spec:
            model._individual = Individual.get(stored)
        return model

    def _ready(self) -> Known:
        if self._known is None:
            raise NotEstimable(NOT_FITTED)
        return self._known

    def _rows(self) -> Rows:
        self._ready()
        if self._kept is None:
            raise NotEstimable(NO_ROWS)
        return self._kept

    def _compared(self) -> Rows:
        """Return the rows, if the arms share enough of their people."""
        judged = self._ready().overlap
        if not judged.sufficient:
            raise NotEstimable(str(judged))
        return self._rows()

    def _speaking(self) -> Individual:
        """Return the learned effects, unless hardly anybody could have had either arm."""
        judged = self._ready().overlap
        if sum(judged.outside_by_arm.values()) > MOST_OUTSIDE_FOR_ANYONE:
            raise NotEstimable(str(judged))
        return self._learned()

    def _learned(self) -> Individual:
        if self._individual is None:
            from osler.effect.individual import learn

            rows = self._rows()
            self._individual = learn(rows.problem, rows.nuisance, self.seed)
        return self._individual

    def _arm(self, arm: Any) -> int:
        known = self._ready()
        others = [one for one in range(len(known.labels)) if one != known.reference]
        if arm is None and len(others) == 1:
            return others[0]
        found = [one for one in others if known.labels[one] == str(arm)]
        if not found:
            listed = ", ".join(known.labels[one] for one in others)
            came = "none" if arm is None else "no arm of the fit besides the reference"
            raise InputError(Fault("arm", came, f"one of {listed}"))
        return found[0]


def _plain(value: Any) -> Any:
    """Return a setting as JSON takes it."""
    return value.item() if hasattr(value, "item") else value


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(Fault("level", "a value outside (0, 1)", "such as 0.95"))
