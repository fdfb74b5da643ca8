"""The study file: what is asked, read into one frozen object, with every fault told at once."""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from osler.cohort import faults as question_faults
from osler.errors import Fault, InputError
from osler.evaluate import check_limits
from osler.features import RARE_RULES, Hierarchy
from osler.features.column import Request
from osler.model import digest_of
from osler.workflows.derived import DERIVABLE
from osler.workflows.study.alert_plan import AlertPlan, read_alerts
from osler.workflows.study.card_keys import Told, read_card
from osler.workflows.study.document import kind_of, load_yaml, read_text
from osler.workflows.study.model_plan import ModelPlan, read_model
from osler.workflows.study.trial.plan import TrialPlan, read_trial

OLDEST_YEARS = 150
LONGEST_SHOWN = 60
UNWRITABLE = ("Cc", "Cs")
DEFAULT_AGGREGATIONS = ("count", "last")
DEFAULT_AGE_BANDS = (40.0, 50.0, 60.0, 70.0)


@dataclass(frozen=True)
class FeaturePlan:
    """Which events become which columns.

    Parameters
    ----------
    windows, aggregations
        As in `osler.features.featurise`.
    include, exclude
        Patterns on codes, `*` standing for anything; exclusion wins.
    age
        Whether age at the prediction time is a column.
    min_subjects
        Columns seen in fewer training subjects are left out.
    derived
        Subjects of knowledge whose derived results count as events; else none does.
    race_and_ethnicity
        Why the model may read them; empty: it may not, and they are only audited.
    text
        Whether short text values are read as answers.
    roll_up
        Whether events count for the ancestors of their codes too.
    rare
        `drop` what fewer than `min_subjects` have, or `pool` it by vocabulary.
    hierarchy
        What stands above the codes, where it is asked for: that of the vault learnt from.
    """

    windows: tuple[str, ...] = ("full",)
    aggregations: tuple[str, ...] = DEFAULT_AGGREGATIONS
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    age: bool = True
    min_subjects: int = 10
    derived: tuple[str, ...] = ()
    race_and_ethnicity: str = ""
    text: bool = True
    roll_up: bool = False
    rare: str = "drop"
    hierarchy: Hierarchy | None = None


@dataclass(frozen=True)
class SplitPlan:
    """How the model is kept from the people it is judged on.

    Parameters
    ----------
    folds
        Number of cross-fitting folds.
    temporal_holdout
        Rows predicted at or after this moment are never trained on and are reported on their own.
    site
        Code prefix that names the centre, for leave-one-centre-out validation; never a predictor.
    """

    folds: int = 5
    temporal_holdout: datetime | None = None
    site: str | None = None


@dataclass(frozen=True)
class GroupDefinition:
    """How a group variable is read: from code prefixes, or from age in bands of years."""

    name: str
    codes: tuple[str, ...] = ()
    age_years: tuple[float, ...] = ()


@dataclass(frozen=True)
class EvaluationPlan:
    """What the model is judged by.

    Parameters
    ----------
    groups
        Group variables; a tuple of two is their intersection.
    min_group
        Smaller groups are not shown.
    thresholds
        Risks at which the net benefit is told.
    bootstrap
        Number of resamples behind each interval.
    references
        Codes whose value alone is the model to beat.
    limits
        What a model must meet before it may speak, see `osler.evaluate.gates`; None takes the
        limits that hold where a study sets none.
    alerts
        Which predictions would be shown as alerts, to be judged as such; None where none would.
    """

    groups: tuple[tuple[str, ...], ...] = ()
    min_group: int = 50
    thresholds: tuple[float, ...] = (0.1, 0.2)
    bootstrap: int = 500
    references: tuple[str, ...] = ()
    limits: Mapping[str, Any] | None = None
    alerts: AlertPlan | None = None


@dataclass(frozen=True)
class Study:
    """A study file, checked.

    Parameters
    ----------
    task
        The ACES configuration, unmodified.
    outcome
        The `outcome:` section; its `type` is `time-to-event` or `binary`.
    people
        What the subjects are called in the patient's report, such as `women`.
    names
        What the causes are called there, such as `died of breast cancer`.
    scope, warnings
        Sentences: whom the study covers, and what every report of it must say.
    card
        What only people know of the model, for its card.
    text
        The file as it was read.
    index
        The `index:` section: times after each trigger at which the question is asked again.
    treatment
        The `treatment:` section: a target trial on the rows of the study.
    """

    title: str
    task: Mapping[str, Any]
    outcome: Mapping[str, Any]
    features: FeaturePlan
    split: SplitPlan
    model: ModelPlan
    evaluation: EvaluationPlan
    definitions: Mapping[str, GroupDefinition]
    people: str
    names: Mapping[str, str]
    scope: tuple[str, ...]
    warnings: tuple[str, ...]
    card: Told
    text: str
    index: Mapping[str, Any] | None = None
    treatment: TrialPlan | None = None

    @property
    def digest(self) -> str:
        """The sha256 of the file."""
        return digest_of(self.text)

    @property
    def label(self) -> str:
        """The predicate that a yes-or-no task asks for; `label` if the task names none."""
        windows = self.task.get("windows") or {}
        named = [one.get("label") for one in windows.values() if isinstance(one, dict)]
        return str(next((one for one in named if one), "label"))

    @property
    def time_to_event(self) -> bool:
        """Whether the answer is a time, not a yes or no."""
        return str(self.outcome["type"]) == "time-to-event"

    @classmethod
    def read(cls, path: Path) -> Study:
        """Read a study file.

        Raises
        ------
        InputError
            With every fault of the file at once.
        """
        return cls.parse(read_text(path), path.name)

    @classmethod
    def parse(cls, text: str, where: str = "study") -> Study:
        """Read a study from YAML text; `where` names it in messages."""
        content = load_yaml(text, where)
        faults: list[Fault | str] = []
        top = Section(content, where, faults)
        title = top.text("title", default="A study without a title")
        task = top.mapping("task", required=True)
        outcome = dict(top.mapping("outcome"))
        given = top.mapping("index")
        index = given if content.get("index") is not None else None
        outcome.setdefault("type", "time-to-event" if "event" in outcome else "binary")
        study = cls(
            title=title,
            task=task,
            outcome=outcome,
            features=_features(top.section("features")),
            split=_split(top.section("split")),
            model=read_model(top.section("model"), outcome),
            evaluation=_evaluation(
                top.section("evaluate"), task=task, outcome=outcome, index=index
            ),
            definitions=_definitions(top.section("groups")),
            people=top.text("people", default="people"),
            names=top.mapping("names"),
            scope=top.texts("scope"),
            warnings=top.texts("warnings"),
            card=read_card(top.section("card")),
            text=text,
            index=index,
            treatment=read_trial(top.section("treatment"), task=task, outcome=outcome),
        )
        top.finish()
        known = _causes(outcome)
        for name in study.names:
            if known and name not in known:
                top.fault(f"names: {name}", "no cause of the outcome", f"one of {', '.join(known)}")
        if isinstance(content.get("task"), dict):
            faults.extend(question_faults(task, outcome, index=study.index))
        if faults:
            raise InputError(faults)
        return study


class Section:
    """One mapping of a YAML file, read key by key; what is left over is a fault."""

    def __init__(self, content: Any, where: str, faults: list[Fault | str]) -> None:
        self.where = where
        self.faults = faults
        if content is not None and not isinstance(content, dict):
            self.fault("", kind_of(content), "a mapping of keys to values")
            content = {}
        self.content: dict[str, Any] = dict(content or {})
        self.known: list[str] = []

    def fault(self, key: str, came: str, expected: str, remedy: str = "") -> None:
        """Note a fault at a key of this section."""
        self.faults.append(
            Fault(f"{self.where}: {key}" if key else self.where, came, expected, remedy)
        )

    def take(self, key: str) -> Any:
        """Return the value of a key, None when absent."""
        self.known.append(key)
        return self.content.get(key)

    def section(self, key: str) -> Section:
        """Return the mapping below a key."""
        return Section(self.take(key), f"{self.where}: {key}", self.faults)

    def mapping(self, key: str, *, required: bool = False) -> dict[str, Any]:
        """Return the mapping below a key as it is."""
        value = self.take(key)
        if value is None and required:
            self.fault(key, "absent", "a mapping")
        elif value is not None and not isinstance(value, dict):
            self.fault(key, kind_of(value), "a mapping")
        return value if isinstance(value, dict) else {}

    def text(self, key: str, *, default: str) -> str:
        """Return a text."""
        value = self.take(key)
        if value is None:
            return default
        return self._line(key, value) or default

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Return a list of texts; one text stands for a list of one."""
        value = self.take(key)
        if value is None:
            return tuple(default)
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            self.fault(key, kind_of(value), "a list of texts")
            return tuple(default)
        lines = [self._line(f"{key}, entry {place}", one) for place, one in enumerate(value, 1)]
        return tuple(line for line in lines if line)

    def _line(self, key: str, value: Any) -> str:
        """Return a text as one line; empty, and a fault noted, when it is none."""
        if not isinstance(value, str):
            self.fault(key, kind_of(value), "a text")
            return ""
        line = " ".join(value.split())
        if not line or any(unicodedata.category(one) in UNWRITABLE for one in line):
            came = "a text with control characters" if line else "an empty text"
            self.fault(key, came, "a text that can be read")
            return ""
        return line

    def number(
        self, key: str, *, default: float, low: float, high: float, whole: bool = False
    ) -> float:
        """Return a number within limits."""
        value = self.take(key)
        if value is None:
            return default
        right_kind = isinstance(value, int if whole else int | float) and not isinstance(
            value, bool
        )
        if not right_kind or not low <= value <= high:
            what = "a whole number" if whole else "a number"
            self.fault(key, shown(value), f"{what} from {low:g} to {high:g}")
            return default
        return float(value)

    def finish(self) -> None:
        """Note every key that was not asked for."""
        for key in self.content:
            if key not in self.known:
                near = difflib.get_close_matches(str(key), self.known, n=1)
                remedy = f"did you mean {near[0]}?" if near else "remove it or correct its name"
                self.fault(
                    str(key) if len(str(key)) <= LONGEST_SHOWN else shown(key),
                    "a key this version does not know",
                    f"one of {', '.join(self.known)}",
                    remedy,
                )


def shown(value: Any) -> str:
    """Return a value of the study file as a message may repeat it."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _causes(outcome: Mapping[str, Any]) -> list[str]:
    """Return what the causes of an outcome may be called, as far as it is well-formed."""
    competing = outcome.get("competing") or []
    listed = [outcome.get("event"), *(competing if isinstance(competing, list) else [competing])]
    named = [one for one in listed if isinstance(one, str)]
    return [*named, "death", "death_of_unknown_cause"] if named else []


def _features(section: Section) -> FeaturePlan:
    windows = section.texts("windows", ("full",))
    aggregations = section.texts("aggregations", DEFAULT_AGGREGATIONS)
    try:
        Request.of(windows, aggregations)
    except InputError as error:
        section.faults.extend(f"{section.where}: {fault}" for fault in error.faults)
    asked = {key: section.take(key) for key in ("age", "text", "roll_up")}
    for key, value in asked.items():
        if value is not None and not isinstance(value, bool):
            section.fault(key, kind_of(value), "true or false")
    rare = section.text("rare", default=RARE_RULES[0])
    if rare not in RARE_RULES:
        section.fault("rare", shown(rare), f"one of {', '.join(RARE_RULES)}")
    derived = section.texts("derived")
    for one in derived:
        if one not in DERIVABLE:
            section.fault("derived", shown(one), f"any of {', '.join(DERIVABLE)}")
    plan = FeaturePlan(
        windows=windows,
        aggregations=aggregations,
        include=section.texts("include", ("*",)),
        exclude=section.texts("exclude"),
        age=asked["age"] is not False,
        text=asked["text"] is not False,
        roll_up=asked["roll_up"] is True,
        rare=rare,
        min_subjects=int(section.number("min_subjects", default=10, low=1, high=1e9, whole=True)),
        derived=tuple(dict.fromkeys(derived)),
        race_and_ethnicity=section.text("race_and_ethnicity", default=""),
    )
    section.finish()
    return plan


def _split(section: Section) -> SplitPlan:
    folds = int(section.number("folds", default=5, low=2, high=50, whole=True))
    holdout = section.take("temporal_holdout")
    if isinstance(holdout, str):
        with suppress(ValueError):
            holdout = datetime.fromisoformat(holdout)
    if isinstance(holdout, date) and not isinstance(holdout, datetime):
        holdout = datetime(holdout.year, holdout.month, holdout.day)
    if holdout is not None and not isinstance(holdout, datetime):
        section.fault("temporal_holdout", kind_of(holdout), "a date such as 2015-01-01, or null")
        holdout = None
    elif holdout is not None and holdout.tzinfo is not None:
        section.fault(
            "temporal_holdout", "a moment with a time zone", "one without, as in the vault"
        )
        holdout = None
    site = section.take("site")
    if site is not None and not isinstance(site, str):
        section.fault("site", kind_of(site), "the beginning of a code, such as SITE, or null")
        site = None
    section.finish()
    return SplitPlan(folds=folds, temporal_holdout=holdout, site=site)


def _evaluation(
    section: Section,
    *,
    task: Mapping[str, Any],
    outcome: Mapping[str, Any],
    index: Mapping[str, Any] | None,
) -> EvaluationPlan:
    limits = section.mapping("limits") if "limits" in section.content else None
    section.known.append("limits")
    section.faults.extend(f"{section.where}: {fault}" for fault in check_limits(limits or {}))
    plan = EvaluationPlan(
        groups=_groups(section),
        min_group=int(section.number("min_group", default=50, low=2, high=1e9, whole=True)),
        thresholds=_thresholds(section),
        bootstrap=int(section.number("bootstrap", default=500, low=0, high=100_000, whole=True)),
        references=section.texts("references"),
        limits=limits,
        alerts=read_alerts(section, task=task, outcome=outcome, index=index),
    )
    section.finish()
    return plan


def _groups(section: Section) -> tuple[tuple[str, ...], ...]:
    listed = section.take("groups") or []
    if isinstance(listed, str):
        listed = [listed]
    groups: list[tuple[str, ...]] = []
    for one in listed if isinstance(listed, list) else [None]:
        names = one if isinstance(one, list) else [one]
        if not 1 <= len(names) <= 2 or not all(isinstance(name, str) for name in names):
            section.fault("groups", kind_of(one), "names of groups, or pairs of names")
            continue
        groups.append(tuple(str(name) for name in names))
    return tuple(groups)


def _thresholds(section: Section) -> tuple[float, ...]:
    listed = section.take("thresholds")
    if listed is None:
        return (0.1, 0.2)
    numbers = listed if isinstance(listed, list) else [listed]
    if not all(_is_number(one) and 0 < one < 1 for one in numbers):
        section.fault("thresholds", shown(listed), "risks between 0 and 1, such as [0.1, 0.2]")
        return (0.1, 0.2)
    return tuple(float(one) for one in numbers)


def _definitions(section: Section) -> dict[str, GroupDefinition]:
    definitions = {}
    for name in list(section.content):
        if not isinstance(name, str):
            section.take(name)
            section.fault(shown(name), "a name that is not a text", "a text")
            continue
        known = len(section.faults)
        below = section.section(name)
        bands = _ages(below)
        codes = below.texts("codes")
        below.finish()
        if len(section.faults) == known and bool(bands) == bool(codes):
            below.fault("", "both age and codes" if bands else "nothing", "age or codes")
        definitions[name] = GroupDefinition(name, codes, bands)
    definitions.setdefault("age_band", GroupDefinition("age_band", age_years=DEFAULT_AGE_BANDS))
    return definitions


def _ages(section: Section) -> tuple[float, ...]:
    listed = section.take("age")
    if listed is None:
        return ()
    numbers = listed if isinstance(listed, list) else [listed]
    if not numbers or not all(_is_number(one) and 0 < one <= OLDEST_YEARS for one in numbers):
        section.fault("age", shown(listed), "ages in years, such as [40, 50, 60]")
        return ()
    return tuple(sorted({float(one) for one in numbers}))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
