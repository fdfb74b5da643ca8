"""What is said of the cohort that ships with osler, held against its files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
import yaml

from osler import config, demo
from osler.cohort import build
from osler.sources.base import LoadReport, Request
from osler.sources.table import TableSource

VITAL = "Patient's Vital Status"
TOOL = Path(__file__).parents[2] / "tools" / "make_demo_data.py"


class Names:
    """Gives names integers in the order in which they come."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def of(self, names: pl.Series) -> pl.Series:
        """Return one integer per name."""
        ids = [None if n is None else self.known.setdefault(n, len(self.known) + 1) for n in names]
        return pl.Series(ids, dtype=pl.Int64)


@pytest.fixture(scope="module")
def clinical() -> pl.DataFrame:
    """Return the clinical table as shipped."""
    return pl.read_parquet(demo.CLINICAL)


@pytest.fixture(scope="module")
def followed(clinical: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with follow-up."""
    return clinical.filter(pl.col("Overall Survival (Months)").is_not_null())


@pytest.fixture(scope="module")
def mutations() -> pl.DataFrame:
    """Return the mutations as shipped."""
    return pl.read_parquet(demo.MUTATIONS)


@pytest.fixture(scope="module")
def loaded() -> tuple[pl.DataFrame, LoadReport, Names]:
    """Load the clinical table as events."""
    names, report = Names(), LoadReport()
    request = Request(demo.CLINICAL, names, report, mapping=demo.MAPPING)
    events = pl.concat([batch.events for batch in TableSource().read(request)])
    return events, report, names


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    """Read the study file."""
    content: dict[str, Any] = yaml.safe_load(demo.STUDY.read_text())
    return content


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """Import the tool that makes the files."""
    spec = importlib.util.spec_from_file_location("make_demo_data", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_row_is_there(clinical: pl.DataFrame, followed: pl.DataFrame) -> None:
    """All 2,509 rows ship, of which 1,980 have follow-up and 529 have not."""
    assert clinical.height == clinical["Patient ID"].n_unique() == 2509
    assert followed.height == 1980


def test_causes_of_death(followed: pl.DataFrame) -> None:
    """646 died of the disease, 496 of other causes, one without a cause, 837 lived."""
    counts = dict(followed[VITAL].value_counts().iter_rows())
    assert counts == {"Died of Disease": 646, "Died of Other Causes": 496, "Living": 837, None: 1}
    unknown = followed.filter(pl.col(VITAL).is_null())
    assert unknown["Overall Survival Status"].to_list() == ["DECEASED"]
    assert followed["osler_death_date"].count() == 1143


def test_mutations(followed: pl.DataFrame, mutations: pl.DataFrame) -> None:
    """1,866 of the 1,980 have mutations; the others are not said to have none."""
    assert mutations.height == 17_272
    assert mutations["NCBI_Build"].unique().to_list() == ["GRCh37"]
    mutated = followed.filter(
        pl.col("Sample ID").is_in(mutations["Tumor_Sample_Barcode"].implode())
    )
    assert mutated.height == 1866
    told = dict(followed["osler_tumour_panel"].value_counts().iter_rows())
    assert told == {"mutations_found": 1866, "no_mutation_reported": 114}


def test_samples_are_those_with_mutations(mutations: pl.DataFrame) -> None:
    """The sample map holds each tumour with a mutation once, reported on the day of diagnosis."""
    samples = pl.read_csv(demo.samples_file(), try_parse_dates=True)
    assert samples.columns == ["sample", "subject_id", "time"]
    assert samples["sample"].is_unique().all()
    assert set(samples["sample"]) == set(mutations["Tumor_Sample_Barcode"])
    assert samples["time"].n_unique() == 1


def test_months_are_days_divided_by_thirty(followed: pl.DataFrame) -> None:
    """Months of follow-up times 30 are whole days in every row, and the days that ship."""
    days = followed["Overall Survival (Months)"].cast(pl.Float64) * 30
    assert ((days - days.round()).abs() < 1e-5).all()
    assert (days.round() == followed["osler_follow_up_days"]).all()


def test_index_is_grade_nodes_and_a_tenth_of_size(followed: pl.DataFrame) -> None:
    """The index as published here is grade + nodal score + 0.002 per mm, gaps counted 0."""
    made = followed.select(
        pl.col("Neoplasm Histologic Grade").cast(pl.Float64).fill_null(0)
        + pl.col("osler_nodal_score")
        + 0.002 * pl.col("Tumor Size").cast(pl.Float64).fill_null(0)
    ).to_series()
    index = followed["Nottingham prognostic index"].cast(pl.Float64)
    assert ((made - index).abs() < 5e-4).all()
    assert set(followed["osler_nodal_score"]) == {1, 2, 3}


def test_treatment_comes_after_surgery_and_before_the_end(followed: pl.DataFrame) -> None:
    """No adjuvant treatment lies at time zero or at or after the end of follow-up."""
    treated = followed.filter(pl.col("osler_adjuvant_date").is_not_null())
    assert (treated["osler_adjuvant_date"] > treated["osler_surgery_date"]).all()
    assert (treated["osler_adjuvant_date"] < treated["osler_last_contact_date"]).all()


def test_missing_stage_gives_the_cohort_away(followed: pl.DataFrame) -> None:
    """Stage is missing in all of cohort 4 and none of cohort 2: why cohort is no predictor."""
    gaps = followed.group_by("Cohort").agg(pl.col("Tumor Stage").is_null().mean())
    shares = dict(gaps.iter_rows())
    assert (shares["4"], shares["2"]) == (1.0, 0.0)


def test_mapping_loads_every_row(loaded: tuple[pl.DataFrame, LoadReport, Names]) -> None:
    """The mapping loads all rows, refuses none and leaves no event out."""
    events, report, names = loaded
    told = report.to_json()
    assert (told["read"], told["loaded"], told["refused"], told["notes"]) == (2509, 2509, 0, {})
    assert len(names.known) == 2509
    assert events["code"].null_count() == 0


def test_time_zero_holds_what_was_known_then(
    loaded: tuple[pl.DataFrame, LoadReport, Names],
) -> None:
    """Pathology stands at the moment of surgery; treatment and outcome stand after it."""
    events, _, _ = loaded
    zero = events.filter(pl.col("code").str.starts_with("PROCEDURE//"))["time"].unique().item()
    early = events.filter(pl.col("time") <= zero)["code"].str.split("//").list.first()
    late = events.filter(pl.col("time") > zero)["code"].str.split("//").list.first()
    assert set(late) == {"TREATMENT", "MEDS_DEATH", "DEATH_CAUSE", "LAST_CONTACT"}
    assert not {"TREATMENT", "MEDS_DEATH", "DEATH_CAUSE"} & set(early)
    static = events.filter(pl.col("time").is_null())["code"].str.split("//").list.first()
    assert set(static) == {"COHORT"}


def test_ages_are_those_of_the_source(
    loaded: tuple[pl.DataFrame, LoadReport, Names], followed: pl.DataFrame
) -> None:
    """Age at surgery, counted from the birth event, is the age of the source to a day or two."""
    events, _, names = loaded
    births = events.filter(pl.col("code") == "MEDS_BIRTH").select("subject_id", "time")
    zero = events.filter(pl.col("code").str.starts_with("PROCEDURE//"))["time"].unique().item()
    age = (zero - pl.col("time")).dt.total_days() / 365.25
    made = dict(births.select("subject_id", age.alias("age")).iter_rows())
    for name, given in followed.select("Patient ID", "Age at Diagnosis").iter_rows():
        assert made[names.known[name]] == pytest.approx(float(given), abs=0.005)


def test_study_answers_who_is_in(
    loaded: tuple[pl.DataFrame, LoadReport, Names], study: dict[str, Any]
) -> None:
    """The study keeps 1,951 of 1,980: without phyllodes, benign, in situ, stage 0 and IV."""
    events, _, _ = loaded
    cohort = build(events, study["task"], study["outcome"])
    assert cohort.rows.height == 1951
    left = [step.rows for step in cohort.flow if "no " in step.step and "at_surgery" in step.step]
    assert left == [1976, 1973, 1964, 1961, 1951]
    causes = dict(cohort.rows["cause"].value_counts().iter_rows())
    assert causes == {0: 823, 1: 636, 2: 492}
    apart = [step.rows for step in cohort.flow if "unknown cause" in step.step]
    assert apart == [1]


def test_study_never_predicts_from_treatment_outcome_or_centre(
    loaded: tuple[pl.DataFrame, LoadReport, Names], study: dict[str, Any]
) -> None:
    """What the study lets in is no treatment, no outcome and no centre."""
    events, _, _ = loaded
    excluded = [pattern.rstrip("*") for pattern in study["features"]["exclude"]]
    codes = events["code"].unique().to_list()
    let_in = {c.split("//")[0] for c in codes if not any(c.startswith(p) for p in excluded)}
    assert not let_in & {"TREATMENT", "PROCEDURE", "COHORT", "DEATH_CAUSE", "MEDS_DEATH"}
    assert {"TUMOUR", "ER_STATUS", "HISTOLOGY", "TUMOUR_PANEL"} <= let_in


def test_study_says_what_its_risk_is_not(study: dict[str, Any]) -> None:
    """The three warnings that every report must carry are there, and scope answers eligibility."""
    told = " ".join(study["warnings"])
    for phrase in ("care of that era", "not the risk without treatment", "HER2-positive", "effect"):
        assert phrase in told
    scope = " ".join(study["scope"])
    for phrase in ("Phyllodes", "Stage 0", "Stage IV", "in situ", "missing stage", "529", "1,866"):
        assert phrase in scope


def test_files_are_small_and_licensed() -> None:
    """The data stay under 1.5 MB beside their source and the complete licence."""
    files = (demo.CLINICAL, demo.MUTATIONS, demo.SAMPLES)
    assert sum(path.stat().st_size for path in files) < 1_500_000
    licence = demo.LICENCE.read_text()
    assert licence.startswith("## ODC Open Database License")
    assert all(f"### {section}.0 " in licence for section in range(1, 11))
    assert licence.rstrip().endswith("terms of this License.")
    source = demo.SOURCE.read_text()
    assert "10.1038/nature10983" in source
    assert "10.1038/ncomms11479" in source
    assert "ODbL" in source


def test_tool_makes_the_same_files_again(tool: ModuleType, tmp_path: Path) -> None:
    """The files are made again from the originals, equal in every cell."""
    data = config.DATA.read()
    if data is None:
        pytest.skip("OSLER_DATA is not set")
    made = tool.make(Path(data) / "clinical" / "metabric", tmp_path)
    for path, shipped in zip(made[:2], (demo.CLINICAL, demo.MUTATIONS), strict=True):
        assert pl.read_parquet(path).equals(pl.read_parquet(shipped))
    assert made[2].read_bytes() == demo.SAMPLES.read_bytes()


def test_originals_are_kept_verbatim(clinical: pl.DataFrame) -> None:
    """Every original column is in the shipped table, text unchanged."""
    data = config.DATA.read()
    if data is None:
        pytest.skip("OSLER_DATA is not set")
    path = Path(data) / "clinical" / "metabric" / "brca_metabric_clinical_data_packt.tsv"
    original = pl.read_csv(path, separator="\t", infer_schema_length=0)
    assert clinical.select(original.columns).equals(original)


def test_tool_stops_when_the_originals_have_changed(tool: ModuleType, tmp_path: Path) -> None:
    """A table whose months are not days by 30 is refused, not rounded."""
    header = (
        "Patient ID\tSample ID\tNottingham prognostic index\tChemotherapy\tHormone Therapy\t"
        "Neoplasm Histologic Grade\tAge at Diagnosis\tOverall Survival (Months)\t"
        "Overall Survival Status\tRadio Therapy\tTumor Size\n"
    )
    path = tmp_path / "table.tsv"
    path.write_text(header + "A\tA\t3.02\tNO\tNO\t1\t50.1\t12.01\tLIVING\tNO\t10\n")
    with pytest.raises(ValueError, match="whole days"):
        tool.clinical_table(tool.read_tsv(path), pl.Series(["A"]), pl.Series(["A"]))


def test_tool_needs_its_data(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OSLER_DATA the tool says so and writes nothing."""
    monkeypatch.delenv("OSLER_DATA", raising=False)
    assert tool.main([]) == 2
