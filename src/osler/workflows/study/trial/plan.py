"""The target trial that a study file asks for, read with every fault at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from osler.cohort import duration
from osler.workflows.study.document import kind_of

if TYPE_CHECKING:
    from osler.workflows.study.question import Section

FEWEST_ARMS, MOST_ARMS = 2, 20
NO_EVENT = "none"
BETTER = ("lower", "higher")
PRIOR = ("exclude", "keep")
DEEPEST = 2


@dataclass(frozen=True)
class PolicyPlan:
    """What a rule that assigns treatment may be.

    Parameters
    ----------
    depth
        Questions that it may ask of a person, one after the other.
    cost
        What an arm costs, in units of the outcome; what a rule gains is told after it.
    most
        Largest share that may get any arm but the reference; 1 for no limit.
    """

    depth: int = 2
    cost: Mapping[str, float] = field(default_factory=dict)
    most: float = 1.0


@dataclass(frozen=True)
class TrialPlan:
    """A target trial (Hernán & Robins 2016, Am J Epidemiol 183:758-764, doi:10.1093/aje/kwv254).

    Parameters
    ----------
    arms
        What each arm is called, and the predicate that begins it; None: none of the others.
    reference
        The arm that others are compared with.
    grace
        Time after time zero within which an arm may begin. Time is counted from its end, and who
        had the outcome or left before it is not in the trial, so that nobody is immortal.
    prior
        Whether those are left out who had the event of an arm before time zero.
    randomised
        Whether the arm was drawn by lot.
    probability
        Chance of each arm by design; empty where it is not known.
    better
        `lower` or `higher` values of the outcome are to be wished for.
    horizon
        Label of the horizon at which risks are compared; empty for the middle one.
    negative_controls
        Predicates of outcomes that no arm can change.
    include, exclude
        Patterns of the codes that are adjusted for, within the features of the study.
    also
        Patterns of codes that the study leaves out of its features, and that are adjusted for all
        the same: what decides a treatment may be nothing to predict from.
    """

    arms: Mapping[str, str | None]
    reference: str
    grace: timedelta = timedelta(0)
    prior: str = "exclude"
    randomised: bool = False
    probability: Mapping[str, float] = field(default_factory=dict)
    better: str = "lower"
    horizon: str = ""
    negative_controls: tuple[str, ...] = ()
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    policy: PolicyPlan = field(default_factory=PolicyPlan)

    @property
    def predicates(self) -> tuple[str, ...]:
        """Predicates of arms and negative controls, each once."""
        named = [one for one in self.arms.values() if one is not None]
        return tuple(dict.fromkeys([*named, *self.negative_controls]))

    @property
    def labels(self) -> tuple[str, ...]:
        """The reference, then the other arms as they stand in the file."""
        return (self.reference, *(one for one in self.arms if one != self.reference))


def read_trial(
    section: Section, *, task: Mapping[str, Any], outcome: Mapping[str, Any]
) -> TrialPlan | None:
    """Read the `treatment:` section; None when the study has none.

    Parameters
    ----------
    task, outcome
        The sections beside it, as they stand in the file.
    """
    if not section.content:
        return None
    predicates = task.get("predicates")
    defined = [str(one) for one in predicates] if isinstance(predicates, Mapping) else []
    time_to_event = outcome.get("type") == "time-to-event"
    asked = outcome.get("horizon") or []
    horizons = [str(one) for one in (asked if isinstance(asked, list) else [asked])]
    arms = _arms(section, defined)
    reference = _reference(section, arms)
    grace = _grace(section, time_to_event=time_to_event)
    plan = TrialPlan(
        arms=arms,
        reference=reference,
        grace=grace,
        prior=_one_of(section, "prior", PRIOR),
        randomised=_truth(section, "randomised"),
        probability=_probability(section, arms),
        better=_one_of(section, "better", BETTER),
        horizon=_horizon(section, horizons, time_to_event=time_to_event),
        negative_controls=_known(section, "negative_controls", defined),
        include=section.texts("include", ("*",)),
        exclude=section.texts("exclude"),
        also=section.texts("also"),
        policy=_policy(section.section("policy"), arms),
    )
    if plan.probability and not plan.randomised:
        section.fault("probability", "chances by design", "randomised: true beside them")
    section.finish()
    return plan


def _arms(section: Section, defined: Sequence[str]) -> dict[str, str | None]:
    given = section.mapping("arms", required=True)
    if given and not FEWEST_ARMS <= len(given) <= MOST_ARMS:
        section.fault("arms", f"{len(given)} arms", f"{FEWEST_ARMS} to {MOST_ARMS}")
    arms: dict[str, str | None] = {}
    for label, predicate in given.items():
        where = f"arms: {label}"
        if not isinstance(label, str) or not label.strip():
            section.fault("arms", kind_of(label), "a text that names the arm", "quote it")
            continue
        arms[label] = None if predicate in (None, NO_EVENT) else str(predicate)
        if predicate is not None and not isinstance(predicate, str):
            section.fault(where, kind_of(predicate), f"a predicate, or {NO_EVENT}")
        elif arms[label] is not None and predicate not in defined:
            section.fault(where, "a predicate that the task does not define", _choices(defined))
    named = [one for one in arms.values() if one is not None]
    if len(set(named)) < len(named) or len(arms) - len(named) > 1:
        section.fault("arms", "two arms alike", "a predicate of its own for each, one with none")
    return arms


def _reference(section: Section, arms: Mapping[str, str | None]) -> str:
    without = next((label for label, one in arms.items() if one is None), "")
    reference = section.text("reference", default=without)
    if arms and reference not in arms:
        came = "absent" if not reference else "a name that no arm has"
        section.fault("reference", came, f"one of {', '.join(arms)}")
    return reference


def _grace(section: Section, *, time_to_event: bool) -> timedelta:
    text = section.text("grace", default="")
    length = duration(text) if text else timedelta(0)
    if length is None:
        section.fault("grace", "no length of time", "such as 60d")
        return timedelta(0)
    if length and not time_to_event:
        section.fault(
            "grace",
            "a time within which treatment begins, and a label without a time",
            "a time-to-event outcome",
            "else the label may have come before the treatment",
        )
    return length


def _horizon(section: Section, horizons: Sequence[str], *, time_to_event: bool) -> str:
    horizon = section.text("horizon", default="")
    if horizon and (not time_to_event or (horizons and horizon not in horizons)):
        wanted = f"one of {', '.join(horizons)}" if horizons else "a time-to-event outcome"
        section.fault("horizon", "another time than the outcome's", wanted)
    return horizon


def _probability(section: Section, arms: Mapping[str, str | None]) -> dict[str, float]:
    given = section.mapping("probability")
    chances = [one for one in given.values() if _is_number(one) and 0 < one < 1]
    if given and (set(given) != set(arms) or len(chances) < len(given)):
        section.fault("probability", "other keys or values", "a chance for each arm")
        return {}
    if given and abs(sum(chances) - 1) > 1e-6:
        section.fault("probability", f"a sum of {sum(chances):g}", "1")
    return {str(label): float(chance) for label, chance in given.items()}


def _policy(section: Section, arms: Mapping[str, str | None]) -> PolicyPlan:
    cost = section.mapping("cost")
    for label, value in cost.items():
        if label not in arms or not _is_number(value):
            section.fault(f"cost: {label}", kind_of(value), "a number for an arm")
    plan = PolicyPlan(
        depth=int(section.number("depth", default=DEEPEST, low=0, high=DEEPEST, whole=True)),
        cost={str(one): float(value) for one, value in cost.items() if _is_number(value)},
        most=section.number("most", default=1.0, low=0.0, high=1.0),
    )
    section.finish()
    return plan


def _one_of(section: Section, key: str, allowed: Sequence[str]) -> str:
    value = section.text(key, default=allowed[0])
    if value not in allowed:
        section.fault(key, "another word", " or ".join(allowed))
        return allowed[0]
    return value


def _truth(section: Section, key: str) -> bool:
    value = section.take(key)
    if value is not None and not isinstance(value, bool):
        section.fault(key, kind_of(value), "true or false")
    return value is True


def _known(section: Section, key: str, defined: Sequence[str]) -> tuple[str, ...]:
    names = section.texts(key)
    for name in names:
        if name not in defined:
            section.fault(key, "a predicate that the task does not define", _choices(defined))
    return names


def _choices(defined: Sequence[str]) -> str:
    return f"one of {', '.join(defined)}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
