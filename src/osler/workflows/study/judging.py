"""How good the out-of-fold predictions are: overall, beside a reference, by group, by centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osler import evaluate
from osler.errors import NotEstimable
from osler.model import Estimate
from osler.workflows.study.fitting import CrossFitted, Outcomes
from osler.workflows.study.gather import UNKNOWN, Material
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.question import EvaluationPlan

CALIBRATION_BINS = 10
INCIDENCE_POINTS = 80
SELECTED = "osler"

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Judge:
    """Predictions beside outcomes, for the rows that are judged.

    Parameters
    ----------
    rows
        Positions in the cohort of the rows that are judged.
    train
        Outcome of the rows that the models learned from, for the censoring.
    at
        Positions of the horizons among the fitted times.
    """

    outcomes: Outcomes
    subjects: NDArray[np.int64]
    rows: Rows
    train: NDArray[Any]
    times: Floats
    at: tuple[int, ...]
    horizons: tuple[Horizon, ...]
    plan: EvaluationPlan
    seed: int

    @property
    def y(self) -> NDArray[Any]:
        """The outcome of the judged rows."""
        return self.outcomes.y[self.rows]

    @property
    def common(self) -> dict[str, Any]:
        """What every evaluation is given."""
        subjects = self.subjects[self.rows]
        return {
            "bootstrap": self.plan.bootstrap,
            "seed": self.seed,
            "subjects": subjects if len(np.unique(subjects)) < len(subjects) else None,
        }

    def metrics(self, incidence: Floats, cause: int = 1) -> dict[str, Estimate]:
        """Measure the incidence of a cause, shape (n, K, t), over the judged rows."""
        own = incidence[self.rows, cause - 1]
        if self.outcomes.entry_days is None:
            return evaluate.binary(
                self.y, own[:, 0], thresholds=self.plan.thresholds, **self.common
            )
        asked = {"horizons": [one.days for one in self.horizons], **self.common}
        if len(self.outcomes.causes) == 1:
            return evaluate.time_to_event(self.train, self.y, 1 - own, self.times, **asked)
        return evaluate.competing(self.train, self.y, own, self.times, cause, **asked)

    def against(self, incidence: Floats, reference: Floats, name: str) -> dict[str, Any]:
        """Compare the concordance for the main cause with that of a reference, paired."""
        kind = "auroc" if self.outcomes.entry_days is None else "uno_c"
        first, second = incidence[self.rows, 0], reference[self.rows, 0]
        asked: dict[str, Any] = {**self.common}
        if kind == "auroc":
            first, second = first[:, 0], second[:, 0]
        else:
            asked |= {"y_train": self.train, "times": self.times}
            if len(self.outcomes.causes) > 1:
                asked["cause"] = 1
            else:
                first, second = 1 - first, 1 - second
        difference = evaluate.compare(kind, self.y, first, second, **asked)
        label = "AUROC" if kind == "auroc" else "Uno's C"
        return {"what": f"{label}, {SELECTED} minus {name}", **difference.to_json()}

    def calibration(self, incidence: Floats) -> dict[str, Any]:
        """Return bins, slope, intercept and ICI per horizon and cause."""
        told: dict[str, Any] = {}
        for horizon, position in zip(self.horizons, self.at, strict=True):
            for cause, name in enumerate(self.outcomes.causes):
                risk = incidence[self.rows, cause, position]
                table = self._table(risk, horizon, cause + 1)
                if table is not None:
                    told.setdefault(horizon.label or "all", {})[name] = _table_json(table)
        return told

    def _table(self, risk: Floats, horizon: Horizon, cause: int) -> Any:
        timed = self.outcomes.entry_days is not None
        several = len(self.outcomes.causes) > 1
        try:
            return evaluate.calibration_table(
                self.y,
                risk,
                horizon.days if timed else None,
                cause=cause if timed and several else None,
                bins=CALIBRATION_BINS,
                **self.common,
            )
        except NotEstimable:
            return None

    def net_benefit(self, incidence: Floats) -> list[dict[str, Any]]:
        """Return the net benefit at a grid of thresholds, the main cause, every horizon."""
        timed = self.outcomes.entry_days is not None
        grid = sorted({*np.round(np.arange(0.02, 0.62, 0.02), 2).tolist(), *self.plan.thresholds})
        told = []
        for horizon, position in zip(self.horizons, self.at, strict=True):
            try:
                rows = evaluate.net_benefit(
                    self.y,
                    incidence[self.rows, 0, position],
                    horizon.days if timed else None,
                    thresholds=grid,
                    cause=1 if timed and len(self.outcomes.causes) > 1 else None,
                    label=horizon.label or None,
                    **self.common,
                )
            except NotEstimable:
                continue
            told += [row.to_json() for row in rows]
        return told

    def groups(self, incidence: Floats, material: Material) -> tuple[list[dict[str, Any]], str]:
        """Return the metrics within groups and intersections at the middle horizon."""
        formed = [
            group
            for group in self.plan.groups
            if not any(name in unformed(material) for name in group)
        ]
        if not formed:
            return [], ""
        timed = self.outcomes.entry_days is not None
        middle = len(self.at) // 2
        names = sorted({name for group in formed for name in group})
        found = evaluate.groups(
            self.y,
            incidence[self.rows, 0, self.at[middle]],
            {name: material.groups[name].to_numpy()[self.rows] for name in names},
            [group[0] if len(group) == 1 else group for group in formed],
            horizon=self.horizons[middle].days if timed else None,
            cause=1 if timed and len(self.outcomes.causes) > 1 else None,
            y_train=self.train if timed else None,
            min_group=self.plan.min_group,
            **self.common,
        )
        return [row.to_json() for row in found.rows], found.note

    def fairness(self, incidence: Floats, material: Material) -> list[dict[str, Any]]:
        """Return who is flagged and missed in each group, each threshold, middle horizon."""
        timed = self.outcomes.entry_days is not None
        middle = len(self.at) // 2
        told = []
        for group in self.plan.groups:
            if any(name in unformed(material) for name in group):
                continue
            parts = [material.groups[name].to_numpy()[self.rows] for name in group]
            labels = [", ".join(str(one) for one in levels) for levels in zip(*parts, strict=True)]
            for threshold in self.plan.thresholds:
                try:
                    table = evaluate.fairness(
                        self.y,
                        incidence[self.rows, 0, self.at[middle]],
                        labels,
                        self.horizons[middle].days if timed else None,
                        threshold=threshold,
                        variable=", ".join(group),
                        cause=1 if timed and len(self.outcomes.causes) > 1 else None,
                        **self.common,
                    )
                except NotEstimable:
                    continue
                told.append({"horizon": self.horizons[middle].label, **table.to_json()})
        return told

    def sites(self, incidence: Floats, site: NDArray[Any]) -> list[dict[str, Any]]:
        """Return the metrics in each centre by models that never saw it."""
        told = []
        for name in sorted(set(site[self.rows].tolist())):
            rows = self.rows[site[self.rows] == name]
            line: dict[str, Any] = {"site": name, "n": len(rows)}
            if len(rows) < self.plan.min_group:
                told.append({**line, "suppressed": True, "metrics": {}})
                continue
            judge = Judge(**{**self.__dict__, "rows": rows})
            try:
                measured = {key: one.to_json() for key, one in judge.metrics(incidence).items()}
            except NotEstimable as error:
                told.append({**line, "suppressed": False, "metrics": {}, "why": str(error)})
                continue
            told.append({**line, "suppressed": False, "metrics": measured})
        return told


def judge_of(
    material: Material,
    outcomes: Outcomes,
    fitted: CrossFitted,
    horizons: list[Horizon],
    plan: EvaluationPlan,
    seed: int,
) -> Judge:
    """Judge the rows held out in time when there are any, else all rows out of fold."""
    held_out = np.flatnonzero(fitted.fold < 0)
    rows = held_out if held_out.size else np.arange(len(fitted.fold))
    return Judge(
        outcomes=outcomes,
        subjects=material.cohort.rows["subject_id"].to_numpy(),
        rows=rows,
        train=outcomes.y[np.flatnonzero(fitted.fold >= 0)],
        times=fitted.times,
        at=tuple(int(np.searchsorted(fitted.times, one.days)) for one in horizons),
        horizons=tuple(horizons),
        plan=plan,
        seed=seed,
    )


def unformed(material: Material) -> list[str]:
    """Return the group variables of which nothing is recorded for anyone."""
    return [one.name for one in material.groups if one.null_count() == 0 and (one == UNKNOWN).all()]


def observed_incidence(outcomes: Outcomes, last_days: float) -> dict[str, Any]:
    """Return what happened to the cohort: Aalen–Johansen per cause, with intervals."""
    if outcomes.entry_days is None:
        return {}
    times = np.linspace(0, last_days, INCIDENCE_POINTS)
    entry = outcomes.entry_days if outcomes.entry_days.any() else None
    curves = evaluate.incidence(outcomes.y, times, entry=entry)
    return {
        name: curves[cause].to_json()
        for cause, name in enumerate(outcomes.causes, start=1)
        if cause in curves
    }


def _table_json(table: Any) -> dict[str, Any]:
    return {
        "bins": [vars(one) for one in table.bins],
        "slope": table.slope.to_json(),
        "intercept": table.intercept.to_json(),
        "ici": table.ici.to_json(),
        "oe": table.oe.to_json(),
    }
