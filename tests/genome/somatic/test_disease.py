"""Diseases: found by name, and compared through the ontology and the receptors."""

from __future__ import annotations

import pytest

from osler.errors import InputError
from osler.genome.somatic import load
from osler.genome.somatic.disease import Disease, DiseaseMatch

POSITIVE = {"HER2": "positive"}
NEGATIVE = {"HER2": "negative"}
TRIPLE_NEGATIVE = {"ER": "negative", "PR": "negative", "HER2": "negative"}


@pytest.mark.parametrize(
    "name", ["breast cancer", "Breast Cancer", "mammary tumour", "DOID:1612", "1612", "DOID_1612"]
)
def test_a_disease_is_found_by_any_of_its_names(name: str) -> None:
    """Name, synonym, spelling and number lead to one disease."""
    assert load().diseases.find(name).doid == "DOID:1612"


def test_the_names_of_civic_are_known() -> None:
    """A disease that CIViC calls otherwise than the ontology is found under both names."""
    diseases = load().diseases
    assert diseases.find("Glioblastoma") == diseases.find("glioblastoma multiforme")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HER2-positive breast cancer", "Her2-receptor positive breast cancer"),
        ("triple negative breast cancer", "triple-receptor negative breast cancer"),
        ("ER-positive breast cancer", "estrogen-receptor positive breast cancer"),
        ("thyroid cancer", "thyroid gland cancer"),
        ("medullary breast carcinoma", "breast medullary carcinoma"),
        ("Non-Small Cell Lung Carcinoma (NSCLC)", "lung non-small cell carcinoma"),
        ("AML", "acute myeloid leukemia"),
    ],
)
def test_the_same_words_lead_to_the_disease(name: str, expected: str) -> None:
    """Order, brackets, `gland` and `receptor` do not matter, and abbreviations are known."""
    assert load().diseases.find(name).name == expected


def test_a_name_of_several_diseases_is_not_guessed() -> None:
    """The ontology lists CML for two terms; both are offered."""
    with pytest.raises(InputError, match=r"'chronic leukemia'.*'chronic myeloid leukemia'"):
        load().diseases.find("CML")


def test_an_unknown_cancer_names_the_nearest() -> None:
    """A slip of the pen is refused with what was probably meant."""
    with pytest.raises(InputError, match="'breast cancer'"):
        load().diseases.find("brest cancer")


@pytest.mark.parametrize("name", ["", "DOID:99999999", "Lynch syndrome", "no such thing at all"])
def test_what_is_no_cancer_is_refused(name: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(InputError, match="cancer"):
        load().diseases.find(name)


def test_an_unknown_cancer_is_not_repeated() -> None:
    """What was typed might be a patient's name."""
    with pytest.raises(InputError) as refused:
        load().diseases.find("Jane Doe")
    assert "Jane" not in str(refused.value)


@pytest.mark.parametrize(
    ("own", "receptors", "other", "expected"),
    [
        ("breast cancer", {}, "Breast Cancer", DiseaseMatch.SAME),
        ("breast carcinoma", {}, "Breast Cancer", DiseaseMatch.GENERAL),
        ("breast cancer", {}, "Cancer", DiseaseMatch.PAN_CANCER),
        ("breast cancer", {}, "Inflammatory Breast Carcinoma", DiseaseMatch.SUBTYPE_OPEN),
        ("breast cancer", {}, "Colorectal Cancer", DiseaseMatch.OTHER),
        ("breast cancer", POSITIVE, "HER2", DiseaseMatch.SUBTYPE_FITS),
        ("breast carcinoma", POSITIVE, "HER2", DiseaseMatch.SUBTYPE_FITS),
        ("breast cancer", NEGATIVE, "HER2", DiseaseMatch.CONTRADICTED),
        ("breast cancer", {}, "HER2", DiseaseMatch.SUBTYPE_OPEN),
        ("colorectal cancer", POSITIVE, "HER2", DiseaseMatch.OTHER),
        ("Her2-receptor positive breast cancer", {}, "HER2", DiseaseMatch.SUBTYPE_FITS),
        ("triple-receptor negative breast cancer", {}, "HER2", DiseaseMatch.CONTRADICTED),
        ("breast cancer", TRIPLE_NEGATIVE, "TNBC", DiseaseMatch.SUBTYPE_FITS),
        ("breast cancer", {"ER": "positive"}, "TNBC", DiseaseMatch.CONTRADICTED),
        ("lung adenocarcinoma", {}, "Lung Non-small Cell Carcinoma", DiseaseMatch.GENERAL),
        ("skin melanoma", {}, "Melanoma", DiseaseMatch.GENERAL),
    ],
)
def test_how_diseases_stand_to_each_other(
    own: str, receptors: dict[str, str], other: str, expected: DiseaseMatch
) -> None:
    """Hierarchy decides, and receptor status where a subtype is defined by it."""
    names = {
        "HER2": "Her2-receptor positive breast cancer",
        "TNBC": "triple-receptor negative breast cancer",
    }
    diseases = load().diseases
    found = diseases.match(diseases.find(own), receptors, diseases.find(names.get(other, other)))
    assert found is expected


def test_a_solid_tumour_is_no_leukaemia() -> None:
    """Evidence in solid tumours, without a DOID, speaks of every cancer but those of blood."""
    diseases, solid = load().diseases, Disease(None, "Solid Tumor")
    lung, blood = diseases.find("lung cancer"), diseases.find("acute myeloid leukemia")
    assert diseases.match(lung, {}, solid) is DiseaseMatch.PAN_CANCER
    assert diseases.match(blood, {}, solid) is DiseaseMatch.OTHER
