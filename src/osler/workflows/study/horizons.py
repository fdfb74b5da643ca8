"""The times at which a study asks for the risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from osler.cohort import Cohort
from osler.workflows.study.question import Study

UNITS = {"y": "year", "w": "week", "d": "day", "h": "hour"}


@dataclass(frozen=True)
class Horizon:
    """One time at which the risk is told.

    Parameters
    ----------
    label
        As in the study file, such as `5y`; empty for a yes-or-no outcome.
    days
        Its length; a year is 365.25 days.
    text
        In words, such as `5 years`.
    """

    label: str
    days: float
    text: str


def horizons_of(study: Study, cohort: Cohort) -> list[Horizon]:
    """Return the study's horizons in order, the median time of an event where it names none."""
    if not study.time_to_event:
        return [Horizon("", 1.0, "")]
    if cohort.horizons:
        found = [Horizon(one.label, one.days, in_words(one.label)) for one in cohort.horizons]
        return sorted(found, key=lambda one: one.days)
    happened = cohort.rows.filter(cohort.rows["cause"] > 0)["duration_days"].to_numpy()
    days = max(float(np.round(np.median(happened))), 1.0) if happened.size else 1.0
    return [Horizon(f"{days:g}d", days, in_words(f"{days:g}d"))]


def in_words(text: str) -> str:
    """Return a length in words, as it is where its unit has no word here.

    Examples
    --------
    >>> in_words("5y"), in_words("1d"), in_words("6 months")
    ('5 years', '1 day', '6 months')
    """
    number, unit = text[:-1].strip(), UNITS.get(text[-1:])
    if unit is None or not number.replace(".", "", 1).isdigit():
        return text
    return f"{number} {unit}" if float(number) == 1 else f"{number} {unit}s"
