"""The 100 patients of the MIMIC-IV demo as MEDS and as OMOP: where they agree, and why not.

The numbers stand in docs/methods/mimic-two-ways.md.
"""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from osler.config import DATA
from osler.model import BIRTH, DEATH
from osler.sources.base import LoadReport, Request
from osler.sources.registry import get

DAY = pl.duration(days=1)
MIDNIGHT, EVENING = time(0), time(23, 59, 59, 999999)


class IntegersOnly:
    """Both sources have integer subjects, so no name ever needs an id."""

    def of(self, names: pl.Series) -> pl.Series:
        """Return the integers that the names are."""
        return names.cast(pl.Int64)


class TwoWays(NamedTuple):
    """Events of both, with MIMIC's own subject numbers."""

    meds: pl.DataFrame
    omop: pl.DataFrame
    meds_report: LoadReport
    omop_report: LoadReport


def _load(name: str, path: Path) -> tuple[pl.DataFrame, LoadReport]:
    report = LoadReport()
    batches = list(get(name).read(Request(path, IntegersOnly(), report)))
    return pl.concat(batch.events for batch in batches), report


@pytest.fixture(scope="module")
def two() -> TwoWays:
    """Load both; the OMOP person table tells which MIMIC subject each person is."""
    named = DATA.read()
    if not named or not (Path(named) / "clinical" / "mimic4_demo_omop").is_dir():
        pytest.skip("OSLER_DATA does not hold the MIMIC-IV demo")
    clinical = Path(named) / "clinical"
    meds, meds_report = _load("meds", clinical / "mimic4_demo_meds")
    omop, omop_report = _load("omop", clinical / "mimic4_demo_omop")
    persons = pl.read_csv(clinical / "mimic4_demo_omop" / "person.csv.gz")
    same = persons.select(
        pl.col("person_id").alias("subject_id"), pl.col("person_source_value").alias("mimic")
    )
    omop = omop.join(same, on="subject_id")
    omop = omop.rename({"subject_id": "person_id", "mimic": "subject_id"})
    return TwoWays(meds, omop, meds_report, omop_report)


def moments(events: pl.DataFrame, code: str) -> pl.DataFrame:
    """Return subject and time of the events whose code begins so."""
    return events.filter(pl.col("code").str.starts_with(code)).select("subject_id", "time")


def shared(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `left` that `right` has too."""
    return left.join(right.unique(), on=["subject_id", "time"], how="semi")


def test_every_record_of_both_is_counted(two: TwoWays) -> None:
    """All MEDS rows and all OMOP rows; of OMOP, what is derived from other tables is refused."""
    assert (two.meds_report.read, two.meds_report.refused) == (916_166, 0)
    assert two.meds_report.notes["exact duplicate rows kept"] == 82_516
    assert (two.omop_report.read, two.omop_report.loaded) == (86_239, 72_668)
    assert dict(two.omop_report.why) == {
        "table not read: drug_era": 7_931,
        "table not read: condition_era": 3_771,
        "table not read: fact_relationship": 1_752,
        "table not read: dose_era": 117,
    }


def test_the_people_their_births_and_genders_are_the_same(two: TwoWays) -> None:
    """100 people; both know the year of birth alone and place it on 1 January."""
    assert set(two.meds["subject_id"]) == set(two.omop["subject_id"])
    assert two.omop.filter(pl.col("person_id") < 0)["subject_id"].n_unique() == 47
    births = moments(two.omop, BIRTH)
    assert births.height == 100
    assert shared(births, moments(two.meds, BIRTH)).height == 100
    genders = [
        events.filter(pl.col("code").str.starts_with("GENDER//")).select("subject_id", "code")
        for events in two[:2]
    ]
    assert genders[0].sort("subject_id").equals(genders[1].sort("subject_id"))


def test_omop_knows_the_deaths_in_hospital_only(two: TwoWays) -> None:
    """16 of 31 deaths are known from the registry by their date alone; OMOP left them out."""
    meds, omop = moments(two.meds, DEATH), moments(two.omop, DEATH)
    assert (meds.height, omop.height) == (31, 15)
    in_hospital = moments(two.meds, "HOSPITAL_DISCHARGE//DIED")
    assert set(omop["subject_id"]) == set(in_hospital["subject_id"])
    outside = meds.join(omop, on="subject_id", how="anti")
    assert outside.height == 16
    assert outside["time"].dt.time().unique().to_list() == [MIDNIGHT]


def test_four_deaths_differ_because_omop_takes_the_discharge(two: TwoWays) -> None:
    """Where the discharge is written before the death; three of these are dates without a time."""
    both = moments(two.omop, DEATH).join(moments(two.meds, DEATH), on="subject_id", suffix="_meds")
    differing = both.filter(pl.col("time") != pl.col("time_meds"))
    assert (both.height, differing.height) == (15, 4)
    discharge = moments(two.meds, "HOSPITAL_DISCHARGE//DIED")
    told = differing.join(discharge, on="subject_id", suffix="_discharge")
    assert told.filter(pl.col("time_discharge") < pl.col("time_meds")).height == 4
    dated = told.filter(pl.col("time_discharge").dt.time() == MIDNIGHT)
    assert dated["time"].dt.time().to_list() == [EVENING] * 3
    timed = told.filter(pl.col("time_discharge").dt.time() != MIDNIGHT)
    assert timed["time"].to_list() == timed["time_discharge"].to_list()


def test_hospital_stays_agree_but_omop_starts_them_at_the_emergency_door(two: TwoWays) -> None:
    """180 of 275 stays begin at the ED registration that precedes the admission."""
    admissions = moments(two.meds, "HOSPITAL_ADMISSION//")
    registrations = moments(two.meds, "ED_REGISTRATION")
    starts = moments(two.omop, "VISIT_START//")
    assert (admissions.height, registrations.height, starts.height) == (275, 181, 852)
    assert shared(starts, registrations).height == 180
    assert shared(starts, admissions).height == 90
    midnight = admissions.filter(pl.col("time").dt.time() == MIDNIGHT).select(
        "subject_id", (pl.col("time") + DAY - pl.duration(microseconds=1)).alias("time")
    )
    assert shared(starts, midnight).height == midnight.height == 5


def test_one_registration_came_after_the_admission(two: TwoWays) -> None:
    """OMOP takes the earlier of the two, so this registration starts no visit."""
    registrations = moments(two.meds, "ED_REGISTRATION")
    starts = moments(two.omop, "VISIT_START//")
    lone = registrations.join(starts, on=["subject_id", "time"], how="anti")
    assert lone.height == 1
    nearby = lone.join(moments(two.meds, "HOSPITAL_ADMISSION//"), on="subject_id", suffix="_in")
    waited = (pl.col("time") - pl.col("time_in")).dt.total_minutes()
    assert nearby.filter(waited == 21 * 60 + 1).height == 1


def test_discharges_agree_but_for_midnight(two: TwoWays) -> None:
    """272 equal; three at midnight are dates, which the OMOP reader places at the day's end."""
    discharges = moments(two.meds, "HOSPITAL_DISCHARGE//")
    ends = moments(two.omop, "VISIT_END//")
    missing = discharges.join(ends, on=["subject_id", "time"], how="anti")
    assert (discharges.height, missing.height) == (275, 3)
    assert missing["time"].dt.time().to_list() == [MIDNIGHT] * 3


def test_the_further_omop_visits_are_days_of_outpatient_results(two: TwoWays) -> None:
    """577 visits of 63 people, nearly all at the minute of an event that MEDS has too."""
    stays = pl.concat(
        [moments(two.meds, "HOSPITAL_ADMISSION//"), moments(two.meds, "ED_REGISTRATION")]
    )
    outpatient = two.omop.filter(pl.col("code") == "VISIT_START//OMOP//38004207").select(
        "subject_id", "time"
    )
    others = outpatient.join(stays, on=["subject_id", "time"], how="anti")
    assert (others.height, others["subject_id"].n_unique()) == (577, 63)
    assert shared(others, two.meds.select("subject_id", "time")).height == 552


def test_what_omop_dates_after_death_is_told(two: TwoWays) -> None:
    """The reader keeps these rows and counts them."""
    notes = two.omop_report.notes
    told = {what.split(":")[0]: n for what, n in notes.items() if "after death" in what}
    assert told == {
        "condition_occurrence": 32,
        "procedure_occurrence": 32,
        "drug_exposure": 23,
        "device_exposure": 12,
    }


def test_intensive_care_is_in_both(two: TwoWays) -> None:
    """Each of the 140 ICU admissions of MEDS is the start of a visit detail."""
    stays = moments(two.meds, "ICU_ADMISSION//")
    assert shared(stays, moments(two.omop, "VISIT_DETAIL_START//")).height == stays.height == 140


def test_omop_has_no_measurements_here(two: TwoWays) -> None:
    """The tables measurement and observation are not in this copy: its numbers are drug amounts."""
    assert two.meds["numeric_value"].count() == 405_236
    assert two.omop["numeric_value"].count() == 18_220
