"""A fitted model of effects taken apart into what may be written, and put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from scipy.stats import t as student

from osler.effect.average import average, overlap_average, trimmed_average
from osler.effect.checks.overlap import Overlap, common_support, overlap
from osler.effect.nuisance import Nuisance
from osler.effect.problem import Problem
from osler.effect.scores import doubly_robust
from osler.errors import Damaged, NotEstimable
from osler.learn.losses import Floats
from osler.learn.table import Schema
from osler.model.estimate import Estimate

if TYPE_CHECKING:
    from osler.effect.verdict import Verdict

EVERYONE, OVERLAP, SUPPORT = "everyone", "overlap", "common support"
POPULATIONS = (EVERYONE, OVERLAP, SUPPORT)
LEVEL = 0.95


@dataclass(frozen=True)
class Rows:
    """What needs the rows of the fit; a loaded model has none."""

    problem: Problem
    nuisance: Nuisance
    scores: Floats

    @staticmethod
    def of(problem: Problem, nuisance: Nuisance) -> Rows:
        """Make the scores."""
        return Rows(problem, nuisance, doubly_robust(problem, nuisance))


@dataclass(frozen=True)
class Known:
    """What is known of a fit without its rows.

    Parameters
    ----------
    schema
        Input columns.
    labels, reference
        Of the arms.
    overlap
        How far the arms share their people.
    averages
        By label of the arm and population, at level 0.95.
    freedom
        Degrees of freedom of their intervals.
    """

    schema: Schema
    labels: tuple[str, ...]
    reference: int
    overlap: Overlap
    averages: Mapping[tuple[str, str], Estimate]
    freedom: int

    @staticmethod
    def of(rows: Rows) -> Known:
        """Work out all averages once."""
        problem = rows.problem
        judged = overlap(problem, rows.nuisance.propensity)
        averages = {
            (label, population): _average(rows, arm, population)
            for arm, label in enumerate(problem.labels)
            if arm != problem.reference
            for population in POPULATIONS
            if population != EVERYONE or judged.sufficient
        }
        schema = Schema.of(problem.frame, problem.named)
        freedom = max(problem.subjects - 1, 1)
        return Known(schema, problem.labels, problem.reference, judged, averages, freedom)

    def average(self, label: str, population: str, level: float) -> Estimate:
        """Return an average at another level than it was made at.

        Raises
        ------
        NotEstimable
            For everyone, where overlap is insufficient.
        """
        found = self.averages.get((label, population))
        if found is None:
            raise NotEstimable(str(self.overlap))
        if level == LEVEL:
            return found
        made, asked = (float(student.ppf(0.5 + one / 2, self.freedom)) for one in (LEVEL, level))
        half = (found.high - found.low) / 2 * asked / made
        return replace(found, low=found.value - half, high=found.value + half, level=level)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "schema": asdict(self.schema),
            "labels": list(self.labels),
            "reference": self.reference,
            "overlap": asdict(self.overlap),
            "averages": [[*key, one.to_json()] for key, one in self.averages.items()],
            "freedom": self.freedom,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Known:
        """Rebuild from `to_json`."""
        schema = data["schema"]
        return Known(
            Schema(tuple(schema["names"]), tuple(schema["kinds"]), bool(schema["named"])),
            tuple(data["labels"]),
            int(data["reference"]),
            Overlap(**data["overlap"]),
            {(label, where): estimate_of(one) for label, where, one in data["averages"]},
            int(data["freedom"]),
        )


def _average(rows: Rows, arm: int, population: str) -> Estimate:
    problem, nuisance, scores = rows.problem, rows.nuisance, rows.scores
    if population == OVERLAP:
        return overlap_average(scores, problem, nuisance, arm)
    if population == SUPPORT:
        inside = common_support(problem, nuisance.propensity)
        return trimmed_average(scores, problem, inside, arm)
    return average(scores, problem, arm, nuisance=nuisance)


def estimate_of(data: dict[str, Any]) -> Estimate:
    """Rebuild an estimate; null becomes NaN."""
    numbers = {
        key: float("nan") if data[key] is None else float(data[key])
        for key in ("value", "low", "high", "level")
    }
    return Estimate(**numbers, n=data["n"], meaning=str(data["meaning"]))


def verdict_of(data: dict[str, Any]) -> Verdict:
    """Rebuild a verdict from its JSON.

    Raises
    ------
    Damaged
        If a part is missing.
    """
    from osler.effect.baseline_risk import RiskQuarter
    from osler.effect.heterogeneity import Heterogeneity
    from osler.effect.verdict import Verdict

    try:
        tested = data["heterogeneity"]
        kept = {one.name: tested[one.name] for one in fields(Heterogeneity)}
        kept |= {name: estimate_of(tested[name]) for name in ("calibration", "autoc")}
        quarters = [
            RiskQuarter(
                one["name"], one["arm"], int(one["n"]), estimate_of(one["baseline"]),
                estimate_of(one["effect"]),
                None if one["any_cause"] is None else estimate_of(one["any_cause"]),
            )
            for one in data["by_baseline_risk"]
        ]  # fmt: skip
        return Verdict(
            data["decision"],
            _overlap_of(data["overlap"]),
            Heterogeneity(**kept),
            {label: estimate_of(one) for label, one in data["average"].items()},
            tuple(quarters),
            data["better"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged("the model's files lack a part") from error


def _overlap_of(data: dict[str, Any]) -> Overlap:
    renamed = {("effective" if k == "effective_sample_size" else k): v for k, v in data.items()}
    return Overlap(**renamed)
