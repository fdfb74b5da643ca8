"""The words for metrics, causes, horizons and groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from osler.report.numbers import DAYS_PER_YEAR, UNKNOWN, as_dict, dicts, plain


@dataclass(frozen=True)
class Metric:
    """What a metric is called, what it says in a few words, and where it says `no error`."""

    name: str
    says: str = ""
    neutral: float | None = None


METRICS: Mapping[str, Metric] = {
    "uno_c": Metric("Uno's C", "how often the higher risk meets the event first; 0.5 is chance"),
    "harrell_c": Metric("Harrell's C", "the same, without weighing for censoring"),
    "auroc": Metric("AUROC", "how often the one with the event had the higher risk; 0.5 is chance"),
    "auc": Metric("AUC", "how often the one with the event by then had the higher risk"),
    "uno_c_cause_specific": Metric("Uno's C, other causes as censoring"),
    "auc_mean": Metric("AUC, mean over time"),
    "ibs_scaled": Metric("Integrated Brier score, share of error removed"),
    "brier_scaled": Metric("Brier score, share of error removed"),
    "average_precision": Metric("Average precision", "area under precision and recall"),
    "ibs": Metric("Integrated Brier score", "mean squared error over time; lower is better"),
    "brier": Metric("Brier score", "mean squared error; lower is better"),
    "log_loss": Metric("Log loss", "lower is better"),
    "calibration_slope": Metric("Calibration slope", "1 is right; below 1 is too extreme", 1.0),
    "calibration_intercept": Metric("Calibration intercept", "0 is right", 0.0),
    "calibration_in_the_large": Metric("Observed less predicted risk", "0 is right", 0.0),
    "oe": Metric("Observed over predicted", "1 is right; above 1 more events than said", 1.0),
    "ici": Metric("Integrated calibration index", "mean distance from the truth; 0 is right"),
    "d_calibration": Metric("D-calibration"),
    "d_calibration_p": Metric("D-calibration, p value"),
    "observed_risk": Metric("Observed risk"),
    "predicted_risk": Metric("Predicted risk"),
    "net_benefit": Metric("Net benefit"),
    "c": Metric("Concordance", "how often the higher risk meets the event first"),
}
# The families that the report shows with pictures, in this order; the rest is listed at the end.
MAIN = (
    "uno_c",
    "harrell_c",
    "auroc",
    "auc",
    "average_precision",
    "ibs",
    "brier",
    "log_loss",
    "calibration_slope",
    "oe",
    "ici",
)
PLAIN_NAMES = {
    "er_status": "ER status",
    "pr_status": "PR status",
    "her2_status": "HER2 status",
    "death_of_disease": "died of the disease",
    "death_of_other_cause": "died of another cause",
    "death_of_unknown_cause": "died of an unknown cause",
}
_TIMED = re.compile(r"(?P<family>.+?)_(?P<time>\d+(?:\.\d+)?)(?P<unit>[dy])\Z")
_LENGTH = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>y|mo|w|d|h)\s*\Z")
_UNITS = {"y": "year", "mo": "month", "w": "week", "d": "day", "h": "hour"}


def family_of(metric: str) -> str:
    """Return a metric's name without its time: `auc_1826d` is of the family `auc`."""
    timed = _TIMED.match(metric)
    return timed["family"] if timed else metric


def metric_of(metric: str) -> Metric:
    """Return the words for a metric, with its time if it has one.

    Examples
    --------
    >>> metric_of("uno_c").name, metric_of("auc_3652d").name, metric_of("group_oe").name
    ("Uno's C", 'AUC, 10 years', 'Observed over predicted, each group')
    >>> metric_of("lift_at_5").name
    'Lift at 5'
    """
    if metric.startswith("group_") and metric.removeprefix("group_"):
        known = metric_of(metric.removeprefix("group_"))
        return Metric(f"{known.name}, each group", known.says, known.neutral)
    family, timed = family_of(metric), _TIMED.match(metric)
    known = METRICS.get(family, Metric(words(family)))
    if timed is None:
        return known
    return Metric(
        f"{known.name}, {_length(timed['time'], timed['unit'])}", known.says, known.neutral
    )


def _length(time: str, unit: str) -> str:
    years = float(time) / DAYS_PER_YEAR if unit == "d" else float(time)
    # Keys hold whole days: 1826 of them are 5 years.
    if abs(years - round(years)) < 0.01 and years >= 0.99:
        return _plural(round(years), "year")
    return _plural(float(time), "day" if unit == "d" else "year")


def _plural(number: float, unit: str) -> str:
    return f"{plain(number)} {unit}" if number == 1 else f"{plain(number)} {unit}s"


def horizon_words(label: Any) -> str:
    """Return `5y` as `5 years`; other labels as they are.

    Examples
    --------
    >>> horizon_words("5y"), horizon_words("1y"), horizon_words("6mo"), horizon_words("discharge")
    ('5 years', '1 year', '6 months', 'discharge')
    """
    found = _LENGTH.match(str(label)) if label is not None else None
    if found is None:
        return plain(label)
    return _plural(float(found["number"]), _UNITS[found["unit"]])


def words(name: Any) -> str:
    """Return a key as words, its first letter large.

    Examples
    --------
    >>> words("age_band"), words("er_status"), words("boosted trees"), words("NPI")
    ('Age band', 'ER status', 'Boosted trees', 'NPI')
    """
    text = PLAIN_NAMES.get(str(name)) or str(name).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def cause_words(cause: Any, names: Mapping[str, Any]) -> str:
    """Return a cause as the study calls it, else as `words` does."""
    return words(names.get(str(cause)) or cause)


def causes_of(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the words that a study has for its causes."""
    return as_dict(as_dict(results.get("outcome")).get("names"))


def horizon_names(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the words for a study's horizons by label."""
    horizons = dicts(as_dict(results.get("outcome")).get("horizons"))
    return {
        str(entry.get("label")): str(entry.get("text") or horizon_words(entry.get("label")))
        for entry in horizons
    }


def group_words(group: Any) -> str:
    """Return `Age band 50 to 59 · ER status positive` for a group's definition."""
    if not isinstance(group, Mapping):
        return plain(group)
    return " · ".join(f"{words(name)} {plain(level)}" for name, level in group.items()) or UNKNOWN
