"""Synthea's records as FHIR bundles, FHIR bulk data and OMOP 5.4: all of them counted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from osler.config import DATA
from osler.model import BIRTH, DEATH
from osler.sources.fhir import FhirSource
from osler.sources.omop import OmopSource


@pytest.fixture
def clinical() -> Path:
    """Return the folder of clinical data sets, or skip."""
    named = DATA.read()
    if not named or not (Path(named) / "clinical" / "synthea_fhir_r4").is_dir():
        pytest.skip("OSLER_DATA does not hold the Synthea records")
    return Path(named) / "clinical"


def test_all_bundles_of_25_patients_are_read(clinical: Path, load: Any) -> None:
    """2,961 resources; what is refused are types that are not read."""
    folder = clinical / "synthea_fhir_r4"
    resources = [
        entry["resource"]["resourceType"]
        for file in folder.glob("*.json.gz")
        for entry in json.loads(gzip.decompress(file.read_bytes()))["entry"]
    ]
    loaded = load(FhirSource(), folder)
    assert loaded.report.read == len(resources) == 2961
    assert loaded.report.loaded == 2296
    assert all(reason.startswith("resource type not read") for reason in loaded.report.why)
    assert loaded.codes.count(BIRTH) == 25
    assert loaded.events["subject_id"].n_unique() == 25
    pressure = loaded.events.filter(pl.col("code") == "LOINC//8480-6//mm[Hg]")
    assert pressure.height == 137
    assert pressure["numeric_value"].is_between(60, 250).all()


def test_all_lines_of_bulk_data_are_read(clinical: Path, load: Any) -> None:
    """7,164 lines of 13 patients, four of them a log that is no FHIR."""
    folder = clinical / "synthea_bulk_fhir_10"
    count = sum(
        len(gzip.decompress(file.read_bytes()).splitlines()) for file in folder.glob("*.gz")
    )
    loaded = load(FhirSource(), folder, batch_rows=500)
    assert loaded.report.read == count == 7164
    assert loaded.report.loaded == 5756
    assert loaded.report.why["JSON that is not a FHIR resource"] == 4
    assert loaded.codes.count(BIRTH) == 13
    assert sum(code.startswith("VISIT_START//") for code in loaded.codes) == 1215


@pytest.mark.parametrize("name", ["Synthea27Nj_5.4.zip", "Synthea27NjParquet_5.4.zip"])
def test_omop_5_4_is_read_from_both_zips(name: str, clinical: Path, load: Any) -> None:
    """28 people; every row loaded but the condition eras, every code described."""
    loaded = load(OmopSource(), clinical / "synthea27nj_omop" / name)
    assert (loaded.report.read, loaded.report.loaded) == (25_252, 24_783)
    assert dict(loaded.report.why) == {"table not read: condition_era": 469}
    assert (loaded.codes.count(BIRTH), loaded.codes.count(DEATH)) == (28, 3)
    assert sum(code.startswith("CAUSE_OF_DEATH//SNOMED//") for code in loaded.codes) == 3
    weights = loaded.events.filter(pl.col("code") == "LOINC//29463-7//kg")
    assert weights["numeric_value"].is_between(1, 250).all()
    described = loaded.batches[-1].codes
    assert described is not None
    assert set(loaded.codes) - {BIRTH, DEATH} <= set(described["code"])
    named = described.filter(pl.col("description").is_not_null()).height
    assert named >= described.height - 20
