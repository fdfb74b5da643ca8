"""The public builder of patients."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.model import BIRTH, DEATH, EVENT_SCHEMA, validate_events
from osler.testing import cohort, patient, write_fhir_export


def test_a_patient_takes_three_lines() -> None:
    """The example of the guide gives a birth and a laboratory result on its day."""
    events = patient(born=1960).lab("creatinine", 1.4, day=30).events()
    assert events["code"].to_list() == [BIRTH, "LAB//creatinine"]
    assert events["time"].to_list() == [datetime(1960, 1, 1), datetime(2020, 1, 31)]
    assert events["numeric_value"][1] == pytest.approx(1.4)


def test_a_builder_is_never_changed() -> None:
    """Two patients begun from one builder do not share events."""
    begun = patient(subject_id=3)
    begun.condition("I10")
    assert begun.drug("A02", dose=5).events().height == 1


def test_every_kind_of_event_has_its_code() -> None:
    """Each method writes the vocabulary that it names."""
    events = (
        patient()
        .static("SEX//F", text="female")
        .condition("I10", day=-3)
        .drug("A02", dose=5)
        .lab("crp", None, day=0.5, unit="mg/L")
        .died(day=1)
        .events()
    )
    assert events["code"].to_list() == [
        "SEX//F",
        "CONDITION//I10",
        "MEDICATION//A02",
        "LAB//crp//mg/L",
        DEATH,
    ]
    assert events["time"][0] is None
    assert events["time"][3] == datetime(2020, 1, 1, 12)


@given(st.lists(st.tuples(st.integers(-9, 9), st.none() | st.floats(-1e4, 1e4)), max_size=20))
def test_whatever_is_built_is_sound(told: list[tuple[int, float | None]]) -> None:
    """Any patients, in any order of telling, make a sound shard."""
    people = [patient(subject_id=who).event("X", day=day) for who, day in told]
    events = cohort(*people, patient(subject_id=10))
    assert events.schema == EVENT_SCHEMA
    assert validate_events(events) == []


def test_the_made_up_export_is_repeatable_fhir(tmp_path: Path) -> None:
    """Equal seeds write equal files, one JSON resource per line, each of its file's kind."""
    first = write_fhir_export(tmp_path / "a", patients=5, seed=1)
    second = write_fhir_export(tmp_path / "b", patients=5, seed=1)
    names = sorted(file.name for file in first.iterdir())
    assert "Patient.ndjson" in names
    for name in names:
        text = (first / name).read_text("utf-8")
        assert text == (second / name).read_text("utf-8")
        kinds = {json.loads(line)["resourceType"] for line in text.splitlines()}
        assert kinds == {name.removesuffix(".ndjson")}
