"""A study's predictions as alerts on a ward: what they cost, what they give, and what else would.

A stay is one trigger of one subject; the predictions along it are its landmarks. It is watched from
its first prediction for as long as one stands: `every` after the last, or, where predictions are
made at events, the median time between two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler import evaluate
from osler.cohort.occurrences import NEXT
from osler.errors import NotEstimable
from osler.evaluate import AlertReport, Compared, Stays
from osler.workflows.study.alert_plan import AlertPlan, hours_words, policy_words
from osler.workflows.study.applied import Applied
from osler.workflows.study.gather import Material
from osler.workflows.study.judging import SELECTED, Judge

FEWEST_EVENTS = 10
HOURS_A_DAY = 24.0
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
FAR = np.iinfo(np.int64).max
NOBODY_ACTED = (
    "Nobody acted on these predictions. Where alerts are answered and events prevented, precision "
    "counted in this way falls; what alerts do to patients can only be told by a trial of them."
)
ESTIMATES = (
    "alerts_per_100_days",
    "precision",
    "sensitivity",
    "first_lead_hours",
    "stays_alerted",
    "silent_share",
    "silent_precision",
    "only_silent",
    "base_rate",
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def alerts_section(
    material: Material,
    judge: Judge,
    incidence: Floats,
    others: Mapping[str, Floats],
    *,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Return the key `alerts` of `results.json`; nothing where the study asks for none.

    Parameters
    ----------
    incidence, others
        Out-of-fold incidence of the model, and of those it is compared with, shape (n, K, t).
    threshold
        The threshold of a run that is applied to other people; None takes that of the study.
    """
    plan = judge.plan.alerts
    if plan is None:
        return {}
    try:
        return {"alerts": _told(plan, material, judge, incidence, others, threshold)}
    except NotEstimable as error:
        return {"alerts": {"why": str(error)}}


def _told(
    plan: AlertPlan,
    material: Material,
    judge: Judge,
    incidence: Floats,
    others: Mapping[str, Floats],
    threshold: float | None,
) -> dict[str, Any]:
    landmarks = landmarks_of(material, judge, plan)
    position = _position(judge, plan)
    stays = landmarks.stays(incidence[judge.rows, 0, position], plan)
    models = {
        name: landmarks.stays(one[judge.rows, 0, position], plan) for name, one in others.items()
    }
    events = int(stays.had_event.sum())
    if events < FEWEST_EVENTS:
        raise NotEstimable(
            f"{events} events within {hours_words(plan.horizon_hours)} of a prediction, in "
            f"{len(stays.start_hours):,} stays: alerts are judged by {FEWEST_EVENTS} or more; load "
            "more stays, or ask for a longer horizon"
        )
    policy = plan.policy
    if threshold is not None:
        policy = replace(policy, threshold=threshold)
    elif plan.at_burden is not None:
        policy = evaluate.at_burden(stays, policy, plan.at_burden)
    asked: dict[str, Any] = {"bootstrap": judge.plan.bootstrap, "seed": judge.seed}
    report = evaluate.alert_report(
        stays, policy, plan.horizon_hours, lead_hours=plan.lead_hours, **asked
    )
    burden = plan.at_burden if plan.at_burden is not None else report.alerts_per_100_days.value
    compared = {
        **_policies(plan, stays, burden, asked),
        **_models(plan, models, stays, burden, asked),
    }
    return {
        "horizon": {"hours": plan.horizon_hours, "text": hours_words(plan.horizon_hours)},
        "policy": {**_policy(report), "chosen_by": _chosen_by(plan, threshold)},
        "predictions": len(stays.stay),
        "stays": len(stays.start_hours),
        "events": report.events,
        "patient_days": report.patient_days,
        "shown": report.shown,
        "silent": report.silent,
        "not_judged": report.not_judged,
        **{name: getattr(report, name).to_json() for name in ESTIMATES},
        "sensitivity_by_lead": [
            {"hours": hours, "text": hours_words(hours), **one.to_json()}
            for hours, one in report.sensitivity_by_lead.items()
        ],
        "burden": burden,
        **compared,
        "notes": _notes(plan, report, stays, landmarks.odd, threshold),
    }


def _position(judge: Judge, plan: AlertPlan) -> int:
    """Return where the risk at the horizon of the alerts stands among the fitted times."""
    if judge.outcomes.entry_days is None:
        return 0
    days = np.asarray([one.days for one in judge.horizons])
    return judge.at[int(np.argmin(np.abs(days - plan.horizon_hours / HOURS_A_DAY)))]


@dataclass(frozen=True)
class Landmarks:
    """The judged rows as predictions along stays, in microseconds since 1970.

    Attributes
    ----------
    stay : shape (n,)
        Which stay each prediction belongs to.
    time_us, event_us, known_us, observed_us : shape (n,)
        When each was made; the next event, until when it is known whether it came, and until when
        anything was seen; the largest integer for never and for good.
    origin_us, subject : shape (s,)
        The trigger of each stay, and whose it is.
    odd : int
        Predictions whose label is another than the event within the horizon says.
    """

    stay: Ints
    time_us: Ints
    event_us: Ints
    known_us: Ints
    observed_us: Ints
    origin_us: Ints
    subject: Ints
    odd: int = 0

    def stays(self, risk: Floats, plan: AlertPlan) -> Stays:
        """Return the stays with the risks that a model told."""
        size = len(self.origin_us)
        start = self._least(self.time_us, size)
        event = self._least(self._counted(plan), size)
        last = self._most(self.time_us, size)
        shown = last + min(self.reach_us(plan), FAR // 4)
        shown = np.minimum(shown, self._most(self.observed_us, size))
        end = np.maximum(shown, np.where(event == FAR, shown, event))
        known = self._most(self.known_us, size)

        def hours(moment: Ints, never: float) -> Floats:
            since = (moment - self.origin_us) / HOUR_US
            return np.where(moment == FAR, never, since)

        return Stays.of(
            self.stay,
            (self.time_us - self.origin_us[self.stay]) / HOUR_US,
            risk,
            hours(start, np.nan),
            hours(end, np.nan),
            hours(event, np.nan),
            self.subject,
            shown_until_hours=hours(np.maximum(shown, start), np.nan),
            known_until_hours=hours(known, np.inf),
        )

    def reach_us(self, plan: AlertPlan) -> int:
        """Return how long the last prediction of a stay stands."""
        if plan.every_hours is not None:
            return round(plan.every_hours * HOUR_US)
        order = np.lexsort((self.time_us, self.stay))
        gaps = np.diff(self.time_us[order])[np.diff(self.stay[order]) == 0]
        return round(float(np.median(gaps)) if gaps.size else plan.horizon_hours * HOUR_US)

    def _counted(self, plan: AlertPlan) -> Ints:
        """Return the event of each prediction that it could have warned of."""
        ahead = np.where(self.event_us == FAR, -1, self.event_us - self.time_us)
        near = (ahead > 0) & (ahead <= round(plan.horizon_hours * HOUR_US))
        return np.where(near, self.event_us, FAR)

    def _least(self, values: Ints, size: int) -> Ints:
        least = np.full(size, FAR)
        np.minimum.at(least, self.stay, values)
        return least

    def _most(self, values: Ints, size: int) -> Ints:
        most = np.full(size, np.iinfo(np.int64).min)
        np.maximum.at(most, self.stay, values)
        return most


def landmarks_of(material: Material, judge: Judge, plan: AlertPlan) -> Landmarks:
    """Return the judged rows of a study as predictions along stays."""
    rows = material.cohort.rows[judge.rows]
    keys = rows.select("subject_id", "trigger_time").unique(maintain_order=True)
    keyed = rows.select("subject_id", "trigger_time").join(
        keys.with_row_index("stay"), on=["subject_id", "trigger_time"], how="left",
        maintain_order="left",
    )  # fmt: skip
    time = _microseconds(rows["prediction_time"])
    event, known, observed = _followed(material, judge, plan, time)
    return Landmarks(
        keyed["stay"].to_numpy().astype(np.int64),
        time,
        event,
        known,
        observed,
        _microseconds(keys["trigger_time"]),
        keys["subject_id"].to_numpy().astype(np.int64),
        _odd(judge, plan, time, event),
    )


def _followed(
    material: Material, judge: Judge, plan: AlertPlan, time: Ints
) -> tuple[Ints, Ints, Ints]:
    """Return of each prediction the next event, until when that is known, and the last seen."""
    if judge.outcomes.entry_days is None:
        moments = material.occurrences[judge.rows][f"{plan.label}|{NEXT}"]
        for_good = np.full(len(time), FAR)
        return _microseconds(moments), for_good, for_good
    cause = judge.y["event"]
    end = time + np.round(judge.y["time"] * DAY_US).astype(np.int64)
    return np.where(cause == 1, end, FAR), np.where(cause == 0, end, FAR), end


def _microseconds(moments: pl.Series) -> Ints:
    """Return moments as integers; the largest for none."""
    since = moments.cast(pl.Datetime("us")).to_physical()
    return since.fill_null(FAR).to_numpy().astype(np.int64)


def _odd(judge: Judge, plan: AlertPlan, time: Ints, event: Ints) -> int:
    if judge.outcomes.entry_days is not None:
        return 0
    within = (event != FAR) & (event - time <= round(plan.horizon_hours * HOUR_US))
    return int((within != (judge.y == 1)).sum())


def _policies(
    plan: AlertPlan, stays: Stays, burden: float, asked: Mapping[str, Any]
) -> dict[str, Any]:
    cases = {policy_words(one): (stays, one) for one in (plan.policy, *plan.compare.values())}
    if len(cases) < 2 or not burden > 0:
        return {"policies": []}
    compared = evaluate.compare_alerts(cases, burden, plan.horizon_hours, **asked)
    return {"policies": [_line(name, one) for name, one in compared.items()]}


def _models(
    plan: AlertPlan,
    models: Mapping[str, Stays],
    stays: Stays,
    burden: float,
    asked: Mapping[str, Any],
) -> dict[str, Any]:
    if not models or not burden > 0:
        return {"models": []}
    cases = {name: (one, plan.policy) for name, one in {SELECTED: stays, **models}.items()}
    compared = evaluate.compare_alerts(cases, burden, plan.horizon_hours, **asked)
    return {"models": [_line(name, one) for name, one in compared.items()]}


def _line(name: str, one: Compared) -> dict[str, Any]:
    estimates = {key: value.to_json() for key, value in one.estimates.items()}
    return {"name": name, "threshold": one.policy.threshold, **estimates}


def _policy(report: AlertReport) -> dict[str, Any]:
    return {**vars(report.policy), "text": policy_words(report.policy)}


def _chosen_by(plan: AlertPlan, threshold: float | None) -> str:
    if threshold is not None:
        return "run"
    return "threshold" if plan.at_burden is None else "burden"


def _notes(
    plan: AlertPlan, report: AlertReport, stays: Stays, odd: int, threshold: float | None
) -> list[str]:
    notes = [NOBODY_ACTED]
    found = threshold is None and plan.at_burden is not None
    if found and report.shown + report.silent == len(stays.stay):
        notes.append(
            "Every prediction is over the threshold: the policy cannot alert as often as asked."
        )
    elif found:
        notes.append(
            "The threshold was found on the predictions that are judged, by how often they alert "
            "and not by what came after; elsewhere it may alert more or less often."
        )
    if report.not_judged:
        notes.append(
            f"Of {report.not_judged:,} shown alerts nobody knows whether the event came in time: "
            "their stays were not observed for so long. They are counted as alerts and in no "
            "precision."
        )
    if odd:
        notes.append(
            f"The label of {odd:,} predictions says other than whether the event came "
            f"within {hours_words(plan.horizon_hours)}: the window of the label is another."
        )
    return notes


def alerts_applied(applied: Applied, judge: Judge) -> dict[str, Any]:
    """Return the key `alerts` of a saved run on other people, at the threshold of the run.

    Where the model was recalibrated the threshold of the study holds again: that of the run was
    for other risks.
    """
    before = (applied.run.results.get("alerts") or {}).get("policy") or {}
    kept = before.get("threshold") if applied.wanted.recalibrate is None else None
    return alerts_section(applied.material, judge, applied.final, {}, threshold=kept)
