"""The `treatment:` section of a study file, and who is in its target trial."""

from __future__ import annotations

import numpy as np
import pytest

from osler.errors import InputError, NotEstimable
from osler.testing import cohort, patient
from osler.workflows.study.gather import of_events
from osler.workflows.study.question import Study
from osler.workflows.study.run import outcomes_of
from osler.workflows.study.trial.people import People, people_of

STUDY = """
title: Does the drug help
task:
  predicates:
    start: {code: START}
    drug: {code: DRUG}
    knife: {code: KNIFE}
    fall: {code: FALL}
    death: {code: MEDS_DEATH}
  trigger: start
  windows: {}
outcome: {type: time-to-event, event: death, horizon: [1y, 3y]}
features: {windows: [full], aggregations: [count, last]}
treatment:
  arms: {drug: drug, surgery: knife, neither: none}
  grace: 30d
  negative_controls: [fall]
"""


def people(*patients: object, text: str = STUDY) -> People:
    """Return who is in the trial of a study."""
    study = Study.parse(text)
    assert study.treatment is not None
    material = of_events(cohort(*patients), study)
    return people_of(material, outcomes_of(material.cohort, study), study.treatment)


def test_an_arm_is_what_began_first_within_the_grace_period() -> None:
    """Later treatment is no arm's; two at one moment, and prior users, are left out."""
    found = people(
        patient(subject_id=1).event("START", day=0).event("DRUG", day=30).event("SEEN", day=900),
        patient(subject_id=2).event("START", day=0).event("DRUG", day=31).event("SEEN", day=900),
        patient(subject_id=3)
        .event("START", day=0)
        .event("KNIFE", day=2)
        .event("DRUG", day=5)
        .event("SEEN", day=900),
        patient(subject_id=4)
        .event("START", day=0)
        .event("KNIFE", day=2)
        .event("DRUG", day=2)
        .event("SEEN", day=900),
        patient(subject_id=5).event("DRUG", day=-3).event("START", day=0).event("SEEN", day=900),
        patient(subject_id=6).event("START", day=0).event("SEEN", day=90).died(day=400),
    )
    assert dict(zip(found.subject.tolist(), found.labels.tolist(), strict=True)) == {
        1: "drug",
        2: "neither",
        3: "surgery",
        6: "neither",
    }
    assert found.plan.labels == ("neither", "drug", "surgery")
    steps = {step.step: step.rows for step in found.flow}
    assert steps["eligible at time zero"] == 6
    assert steps["no arm begun before time zero"] == 5
    assert steps["not two arms at the same moment"] == 4


def test_nobody_is_immortal_until_the_treatment() -> None:
    """Who died or left before the grace period ended is out, and time is counted from its end."""
    found = people(
        patient(subject_id=1).event("START", day=0).event("DRUG", day=9).died(day=12),
        patient(subject_id=2).event("START", day=0).event("SEEN", day=29),
        patient(subject_id=3).event("START", day=0).event("FALL", day=100).died(day=400),
        patient(subject_id=4).event("START", day=0).event("FALL", day=9).event("SEEN", day=99),
    )
    assert found.subject.tolist() == [3, 4]
    assert np.round(found.y["time"]).tolist() == [370, 69]
    assert found.y["event"].tolist() == [1, 0]
    assert found.negative["fall"].tolist() == [1, 0]


def test_a_trial_of_nobody_says_where_they_were_lost() -> None:
    """The step of the flow is named."""
    text = STUDY.replace(", neither: none}", "}\n  reference: drug")
    with pytest.raises(NotEstimable, match="in one of the arms"):
        people(patient(subject_id=1).event("START", day=0).died(day=99), text=text)


def test_all_faults_of_a_treatment_are_told_at_once() -> None:
    """Each names its key and what would be right."""
    wrong = STUDY.replace(
        "  grace: 30d",
        "  grace: soon\n  better: more\n  reference: other\n  horizon: 9y\n  randomised: 1\n"
        "  probability: {drug: 2}\n  policy: {depth: 9, cost: {x: 1}}\n  aim: none",
    ).replace("drug: drug, surgery: knife", "drug: dug, surgery: knife")
    with pytest.raises(InputError) as caught:
        Study.parse(wrong)
    told = " ".join(map(str, caught.value.faults))
    for key in (
        "treatment: arms: drug", "treatment: grace", "treatment: better", "treatment: reference",
        "treatment: horizon", "treatment: probability", "treatment: policy: depth",
        "treatment: policy: cost: x", "treatment: aim", "treatment: randomised",
    ):  # fmt: skip
        assert key in told, key


def test_a_grace_period_needs_a_time_of_the_outcome() -> None:
    """A label has no time, so that it may have come before the treatment."""
    text = STUDY.replace(
        "outcome: {type: time-to-event, event: death, horizon: [1y, 3y]}", "outcome: {type: binary}"
    ).replace(
        "windows: {}",
        "windows:\n    w: {start: trigger, end: start + 9d, start_inclusive: False,"
        " end_inclusive: True, label: death}",
    )
    with pytest.raises(InputError, match="grace"):
        Study.parse(text)


def test_what_decides_a_treatment_may_be_adjusted_for_without_predicting() -> None:
    """Codes under `also` are in the trial's columns alone; the arms' own codes in neither."""
    text = STUDY.replace("aggregations: [count, last]", "aggregations: [count], exclude: [WARD]")
    text = text.replace("  grace: 30d", "  grace: 30d\n  also: [WARD]")
    study = Study.parse(text)
    one = patient(subject_id=1).event("WARD", day=-1).event("DRUG", day=-1).event("START", day=0)
    material = of_events(cohort(one.died(day=90)), study)
    assert "WARD" not in {column.code for column in material.matrix.columns}
    assert "WARD" in {column.code for column in material.adjusted.columns}
    plain = of_events(cohort(one.died(day=90)), Study.parse(STUDY))
    assert plain.adjusted is plain.matrix
