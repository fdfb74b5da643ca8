"""The `model:` section of a study: time, directions, fairness; and what they mean for columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from osler.errors import Fault, InputError
from osler.features import ANSWER_MARK, Column
from osler.learn.fair import AIMS, MOST_STRENGTH

if TYPE_CHECKING:
    from osler.workflows.study.question import Section

DIRECTIONS = {"increasing": 1, "decreasing": -1}
# A direction told of a code is about its values, not about how often or when it was recorded.
OF_VALUES = frozenset({"first", "last", "mean", "min", "max", "years"})
WHERE = "model: monotone"


@dataclass(frozen=True)
class FairnessPlan:
    """Which groups a label's model is to bring together, in what, and how hard.

    Parameters
    ----------
    groups
        Name of a group variable, as in `evaluate: groups`.
    aim, strength
        As in `osler.learn.fair.Aim`.
    """

    groups: str
    aim: str
    strength: float

    @property
    def settings(self) -> dict[str, Any]:
        """What `osler.predict.Risk` takes as `fairness`."""
        return {"aim": self.aim, "strength": self.strength}


@dataclass(frozen=True)
class ModelPlan:
    """What the study asks of its model.

    Parameters
    ----------
    monotone
        Pattern on codes, or the name of a column → ``"increasing"`` or ``"decreasing"``.
    """

    time_budget_s: float | None = None
    monotone: Mapping[str, str] = field(default_factory=dict)
    fairness: FairnessPlan | None = None

    def directions(self, columns: Sequence[Column]) -> dict[str, int] | None:
        """Return the direction of every column that has one; None where nothing was asked.

        A pattern without an aggregation is about a code and the codes below it, and then about
        columns of values (`first`, `last`, `mean`, `min`, `max`, and age), not of counts or times;
        the name of a column, ``CODE|window|aggregation``, is about this column alone.

        Raises
        ------
        InputError
            If a column is asked to go both ways.
        """
        if not self.monotone:
            return None
        found: dict[str, int] = {}
        faults = []
        for pattern, word in self.monotone.items():
            own = [str(one) for one in columns if _about(pattern, one)]
            if any(found.setdefault(one, DIRECTIONS[word]) != DIRECTIONS[word] for one in own):
                faults.append(Fault(f"{WHERE}: {pattern}", "both directions", "one"))
        if faults:
            raise InputError(faults)
        return found or None

    def check_columns(self, columns: Sequence[Column]) -> None:
        """Refuse patterns that no column matches; tells all of them.

        Raises
        ------
        InputError
            If there is one.
        """
        faults = [
            Fault(f"{WHERE}: {pattern}", "no column of values", "a code among the features")
            for pattern in self.monotone
            if not any(_about(pattern, one) for one in columns)
        ]
        if faults:
            raise InputError(faults)
        self.directions(columns)


def _about(pattern: str, column: Column) -> bool:
    if "|" in pattern:
        return str(column) == pattern or fnmatchcase(str(column), pattern)
    if column.aggregation not in OF_VALUES or ANSWER_MARK in column.code:
        return False
    own = column.code
    return f"{own}//".startswith(f"{pattern}//") or fnmatchcase(own, pattern)


def read_model(section: Section, outcome: Mapping[str, Any]) -> ModelPlan:
    """Read the section; its faults are noted."""
    budget = section.number("time_budget_s", default=0.0, low=0.0, high=1e6)
    monotone = section.mapping("monotone")
    for pattern, word in monotone.items():
        if not isinstance(pattern, str) or not isinstance(word, str) or word not in DIRECTIONS:
            section.fault("monotone", _shown(pattern, word), "a code and increasing or decreasing")
    plan = ModelPlan(
        budget or None,
        {key: word for key, word in monotone.items() if _shown_well(key, word)},
        _fairness(section, outcome) if "fairness" in section.content else None,
    )
    section.known.append("fairness")
    section.finish()
    return plan


def _shown_well(pattern: Any, word: Any) -> bool:
    return isinstance(pattern, str) and isinstance(word, str) and word in DIRECTIONS


def _shown(pattern: Any, word: Any) -> str:
    text = f"{pattern!r}: {word!r}"
    return text if len(text) <= 60 else f"{text[:60]}…"


def _fairness(section: Section, outcome: Mapping[str, Any]) -> FairnessPlan | None:
    below = section.section("fairness")
    known = len(below.faults)
    groups = below.text("groups", default="")
    aim = below.text("aim", default=AIMS[0])
    strength = below.number("strength", default=1.0, low=0.0, high=MOST_STRENGTH)
    below.finish()
    if not groups and len(below.faults) == known:
        below.fault("groups", "absent", "the name of a group, such as sex")
    if aim not in AIMS:
        below.fault("aim", aim if len(aim) <= 60 else f"{aim[:60]}…", f"one of {', '.join(AIMS)}")
    if outcome.get("type") != "binary":
        remedy = "measure it with evaluate: groups, or ask for a label within a horizon"
        below.fault("", "an outcome in time", "a study of a label (outcome type binary)", remedy)
    if len(below.faults) > known or strength == 0:
        return None
    return FairnessPlan(groups, aim, strength)
