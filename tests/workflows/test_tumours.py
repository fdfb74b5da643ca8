"""A tumour read from a timeline: its disease, receptors, stage and when all of it was known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.genome_people import PIK3CA, tumour

from osler import InputError
from osler.genome.somatic import load
from osler.testing import patient
from osler.workflows.genome.tumours import (
    NO_DISEASE,
    NOT_SEQUENCED,
    FoundTumour,
    TumourReader,
    plain_name,
)


def read(one, descriptions=None, cancer=None):
    """Read the tumour of a patient."""
    return TumourReader(load(), descriptions or {}, cancer).read(one.events())


@pytest.mark.parametrize(
    ("code", "text", "descriptions"),
    [
        ("DIAGNOSIS//IDC", "Breast Cancer", {}),
        ("ICD10CM//C50.9", None, {"ICD10CM//C50.9": "Malignant neoplasm of breast"}),
        ("SNOMED//254837009", None, {"SNOMED//254837009": "Breast carcinoma"}),
        ("CONDITION//breast cancer", None, {}),
    ],
)
def test_the_disease_comes_from_text_description_or_code(code, text, descriptions) -> None:
    """A diagnosis names the disease by its text, its code's description or its last part."""
    one = patient().event(code, day=1, text=text).event(*PIK3CA[:1], day=2, text=PIK3CA[1])
    found = read(one, descriptions)
    assert isinstance(found, FoundTumour)
    assert found.named_by == code
    assert "breast" in found.tumour.cancer


def test_what_is_no_neoplasm_names_no_tumour() -> None:
    """A disease that is no neoplasm, or a text that is no disease, does not count."""
    one = patient().event("SEQUENCED//tumour").event("DIAGNOSIS//x", text="asthma")
    assert read(one.event("DIAGNOSIS//y", text="she feels well")) is NO_DISEASE
    assert read(patient().event("DIAGNOSIS//x", text="Breast Cancer")) is NOT_SEQUENCED


def test_the_latest_of_two_diseases_counts_and_the_other_is_told() -> None:
    """With two neoplasms the later one is the tumour's, and the earlier one is named beside it."""
    one = tumour(1, PIK3CA, day=10).event("DIAGNOSIS//MEL", day=-900, text="melanoma")
    found = read(one)
    assert found.tumour.cancer == "breast cancer"
    assert found.other_diseases == ("melanoma",)


def test_the_given_disease_is_for_those_without_one() -> None:
    """A disease given from outside does not overrule the timeline, and must be known."""
    assert read(tumour(1), cancer="melanoma").tumour.cancer == "breast cancer"
    assert read(patient().event("SEQUENCED//tumour"), cancer="melanoma").named_by is None
    with pytest.raises(InputError):
        TumourReader(load(), {}, "no such thing at all")


def test_receptors_stage_and_measurements_are_the_latest() -> None:
    """The latest receptor, stage and measurement count; a status that is neither is left out."""
    one = (
        tumour(1, PIK3CA).event("ER_STATUS//positive", day=11).event("ER_STATUS//negative", day=12)
    )
    one = one.event("PR_STATUS//unknown", day=11).event("TUMOUR//stage", 2.0, day=11)
    one = one.event("TUMOUR//mutational_burden", 3.5, day=13).event("TUMOUR//purity", 0.6, day=13)
    found = read(one.event("MICROSATELLITE_STATE//stable", day=13))
    assert found.tumour.receptors == {"ER": "negative"}
    assert (found.tumour.stage, found.tumour.tmb) == ("2", 3.5)
    assert found.tumour.purity == pytest.approx(0.6)
    assert found.tumour.msi == "stable"
    assert (found.reported - found.reported.replace(day=1)).days == 13


def test_static_events_have_no_time_of_their_own() -> None:
    """A tumour known only from events without a time is reported at no time."""
    one = patient().static("SEQUENCED//tumour").static("DIAGNOSIS//x", text="Breast Cancer")
    assert read(one).reported is None
    dated = one.event(PIK3CA[0], day=4, text=PIK3CA[1])
    assert read(dated).reported is not None


def test_later_events_of_other_kinds_do_not_move_the_report() -> None:
    """A laboratory value or a death after the sequencing does not change when it was reported."""
    one = tumour(1, PIK3CA, day=10)
    later = one.lab("x", 1.0, day=500).event("TUMOUR//size//mm", 20.0, day=400).died(day=900)
    assert read(later).reported == read(one).reported


@given(st.text(max_size=60))
def test_any_text_makes_a_plain_name(text: str) -> None:
    """Whatever a record says becomes lower-case words, and doing it twice changes nothing."""
    plain = plain_name(text)
    assert plain == plain_name(plain)
    assert plain == plain.strip()
