"""What became of the people most like a patient, for her report: of ten and more, or not told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from osler.features import FeatureMatrix
from osler.learn.alike import FEWEST_PEOPLE, LEVEL, Group
from osler.model import Evidence, Finding, Interval, Provenance, Reason
from osler.report.alike import ALIKE
from osler.report.numbers import out_of_100
from osler.workflows.study.saved import FittedModel

INTERVAL = (
    "where the share would lie among all people like these; by Aalen and Johansen with follow-up, "
    "by Wilson for a yes or no"
)
MEANING = (
    "Alike means that what is known of them moves the model's scores the same way and as far as "
    "it does for this patient; what does not matter to the prediction does not count."
)
CARE = (
    "It is what was observed, under the care that these people had; not what a change of "
    "treatment would bring."
)
NOT_HERSELF = "The patient is not one of them."
RULE = (
    f"An outcome that fewer than {FEWEST_PEOPLE} of them had, or are known not to have had, is "
    "not told."
)
UNLIKE = (
    "Nobody whom the model learned from is much like this patient in what moves the prediction; "
    "so nothing is told of what became of others."
)


def alike_section(
    fitted: FittedModel,
    part: FeatureMatrix,
    people: str,
    horizons: Sequence[Mapping[str, Any]],
    names: Sequence[str],
) -> dict[str, Any] | None:
    """Return the section `alike` of `report.json`; None where the run kept no groups.

    Parameters
    ----------
    part
        The patient's one row, with the model's columns.
    people
        Who they are, such as `women`.
    names
        Of the causes, in words.
    """
    if fitted.alike is None:
        return None
    group = fitted.alike.group_of(fitted.model.coordinates(part)[0])
    if group.unlike:
        return {"people": None, "of": fitted.alike.total, "sentence": UNLIKE, "notes": []}
    told = [
        {
            "label": horizon["text"],
            "days": horizon["days"],
            "causes": [_outcome(group, c, h, name) for c, name in enumerate(names)],
        }
        for h, horizon in enumerate(horizons)
    ]
    return {
        "people": group.people,
        "who": people,
        "of": fitted.alike.total,
        "level": LEVEL,
        "sentence": _sentence(group.people, people, told[len(told) // 2]),
        "horizons": told,
        "notes": [MEANING, NOT_HERSELF, RULE, CARE],
    }


def _outcome(group: Group, cause: int, horizon: int, name: str) -> dict[str, Any]:
    value, low, high = (
        None if np.isnan(one[cause, horizon]) else float(one[cause, horizon])
        for one in (group.value, group.low, group.high)
    )
    return {
        "cause": name,
        "value": value,
        "low": low,
        "high": high,
        "few": bool(group.few[cause, horizon]),
        "predicted": float(group.predicted[cause, horizon]),
    }


def _sentence(size: int, people: str, horizon: Mapping[str, Any]) -> str:
    within = f" within {horizon['label']}" if horizon["label"] else ""
    told = [_words(one) for one in horizon["causes"]]
    return (
        f"Of the {size} {people} most like this one among those the model learned from, "
        f"{' and '.join(told)}{within}."
    )


def _words(outcome: Mapping[str, Any]) -> str:
    if outcome["value"] is not None:
        around = f"{LEVEL:.0%} interval {out_of_100(outcome['low'])} to "
        around += out_of_100(outcome["high"])
        return f"{out_of_100(outcome['value'])} in 100 {outcome['cause']} ({around})"
    if outcome["few"]:
        return f"fewer than {FEWEST_PEOPLE} of them {outcome['cause']}"
    return f"it cannot be told how many {outcome['cause']}"


def alike_findings(
    section: Mapping[str, Any] | None,
    title: str,
    reasons: Sequence[Sequence[Reason]],
    provenance: Provenance,
) -> tuple[Finding, ...]:
    """Return a finding for each cause: at the middle horizon, or the last one where it is told.

    Parameters
    ----------
    reasons
        Of the patient's own prediction of each cause: what these people are like her in.
    """
    if section is None or section["people"] is None:
        return ()
    horizons = section["horizons"]
    ranked = [horizons[len(horizons) // 2], *reversed(horizons)]
    found = []
    for cause, why in enumerate(reasons):
        told = [one for one in ranked if one["causes"][cause]["value"] is not None]
        if told and why:
            found.append(_finding(section, told[0], cause, title, why, provenance))
    return tuple(found)


def _finding(
    section: Mapping[str, Any],
    horizon: Mapping[str, Any],
    cause: int,
    title: str,
    reasons: Sequence[Reason],
    provenance: Provenance,
) -> Finding:
    outcome = horizon["causes"][cause]
    return Finding(
        kind=ALIKE,
        statement=_sentence(section["people"], section["who"], {**horizon, "causes": [outcome]}),
        value=outcome["value"],
        unit="probability",
        interval=Interval(outcome["low"], outcome["high"], LEVEL, INTERVAL),
        reasons=tuple(replace(one, effect=None) for one in reasons),
        evidence=(
            Evidence(
                source=f"study {title!r}",
                level="observed in the data learned from, in aggregate",
                citation=f"{section['people']:,} of {section['of']:,} people",
            ),
        ),
        caveats=tuple(section["notes"]),
        status="final",
        provenance=provenance,
        cause=outcome["cause"],
        horizon=horizon["label"] or None,
    )
