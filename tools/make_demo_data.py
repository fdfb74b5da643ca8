"""Make the files of the demo cohort from the METABRIC tables of the cBioPortal datahub.

    OSLER_DATA=/folder/with/data python tools/make_demo_data.py [--out FOLDER]

reads `clinical/metabric/` below OSLER_DATA and writes, byte for byte the same each time with the
same Polars release, what lies in `src/osler/demo/data/`. `SOURCE.md` there says what each column
is and what was found in the originals.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

import polars as pl

from osler import config

CLINICAL_TSV = "brca_metabric_clinical_data_packt.tsv"
MUTATIONS_TSV = "data_mutations_extended.txt"
DATA = Path(__file__).parents[1] / "src" / "osler" / "demo" / "data"

# Diagnosis has no date in the source. One made-up day serves for all; it lies far enough back that
# the longest follow-up (10,656 days) ends in the past.
DIAGNOSIS_DATE = date(1990, 1, 1)

# The follow-up was published in months made from days by division by 30: times 30 gives whole
# days in all 1,980 rows, times 30.4375 or 30.5 does not.
DAYS_PER_MONTH = 30
DAYS_PER_YEAR = 365.25

# Adjuvant treatment has no date either, only that it was given; it begins after surgery.
ADJUVANT_DELAY_DAYS = 30

# The index as it stands in this table is grade + nodal score + 0.002 x size in mm, missing grade
# and size counting 0 (checked below, all 1,980 rows); Galea 1992, doi:10.1007/BF01840834, has
# 0.2 x size in cm.
NPI_PER_MM = 0.002

MUTATION_COLUMNS = (
    "Hugo_Symbol",
    "NCBI_Build",
    "Chromosome",
    "Start_Position",
    "End_Position",
    "Strand",
    "Consequence",
    "Variant_Classification",
    "Variant_Type",
    "Reference_Allele",
    "Tumor_Seq_Allele1",
    "Tumor_Seq_Allele2",
    "Tumor_Sample_Barcode",
    "HGVSc",
    "HGVSp_Short",
    "Transcript_ID",
)
POSITIONS = ("Start_Position", "End_Position")


def main(argv: list[str] | None = None) -> int:
    """Write the three files and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DATA)
    out: Path = parser.parse_args(argv).out
    data = config.DATA.read()
    if data is None:
        sys.stderr.write("set OSLER_DATA to the folder that holds clinical/metabric\n")
        return 2
    for path in make(Path(data) / "clinical" / "metabric", out):
        sys.stderr.write(f"{path}: {path.stat().st_size:,} bytes\n")
    return 0


def make(source: Path, out: Path) -> list[Path]:
    """Write clinical table, mutations and sample map into `out` and return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    mutations = read_mutations(source / MUTATIONS_TSV)
    clinical = clinical_table(
        read_tsv(source / CLINICAL_TSV),
        mutated=mutations["Tumor_Sample_Barcode"],
        listed=listed_as_sequenced(source / MUTATIONS_TSV),
    )
    paths = [
        out / "metabric_clinical.parquet",
        out / "metabric_mutations.maf.parquet",
        out / "metabric_samples.csv",
    ]
    for frame, path in zip((clinical, mutations), paths, strict=False):
        frame.write_parquet(path, compression="zstd", compression_level=19, statistics=False)
    sample_map(clinical).write_csv(paths[2])
    return paths


def read_tsv(path: Path) -> pl.DataFrame:
    """Read a tab-separated table as text, empty cells as null, lines that begin with # left out."""
    return pl.read_csv(
        path, separator="\t", infer_schema_length=0, comment_prefix="#", quote_char=None
    )


def read_mutations(path: Path) -> pl.DataFrame:
    """Return the columns of the MAF that say something, in the order of the file."""
    return read_tsv(path).select(MUTATION_COLUMNS).cast(dict.fromkeys(POSITIONS, pl.Int64))


def listed_as_sequenced(path: Path) -> pl.Series:
    """Return the samples that the MAF's first line lists."""
    with path.open(encoding="utf-8") as file:
        name, _, listed = file.readline().partition(":")
    if name != "#Sequenced_Samples":
        raise ValueError(f"{path.name}: the first line does not list the sequenced samples")
    return pl.Series(listed.split())


def clinical_table(table: pl.DataFrame, mutated: pl.Series, listed: pl.Series) -> pl.DataFrame:
    """Return the clinical rows, every original column unchanged, with columns `osler_...` added."""
    months = pl.col("Overall Survival (Months)").cast(pl.Float64)
    follow_up = (months * DAYS_PER_MONTH).round().cast(pl.Int32)
    age_days = (pl.col("Age at Diagnosis").cast(pl.Float64) * DAYS_PER_YEAR).round()
    diagnosis = pl.lit(DIAGNOSIS_DATE)
    end = diagnosis + pl.duration(days=follow_up)
    treated = pl.any_horizontal(
        pl.col("Chemotherapy", "Radio Therapy", "Hormone Therapy").eq("YES")
    )
    followed = months.is_not_null()
    added = table.with_columns(
        osler_diagnosis_date=diagnosis,
        osler_surgery_date=pl.when(followed).then(diagnosis),
        osler_birth_date=diagnosis - pl.duration(days=age_days),
        osler_follow_up_days=follow_up,
        osler_last_contact_date=end,
        osler_death_date=pl.when(pl.col("Overall Survival Status").eq("DECEASED")).then(end),
        osler_adjuvant_date=pl.when(treated).then(
            diagnosis + pl.duration(days=ADJUVANT_DELAY_DAYS)
        ),
        osler_nodal_score=nodal_score().cast(pl.Int8),
        osler_tumour_panel=tumour_panel(mutated, listed),
    )
    _check(added)
    return added


def nodal_score() -> pl.Expr:
    """Return the nodal score, 1 to 3, that is left of the index without grade and size."""
    index = pl.col("Nottingham prognostic index").cast(pl.Float64)
    grade = pl.col("Neoplasm Histologic Grade").cast(pl.Float64).fill_null(0.0)
    size_mm = pl.col("Tumor Size").cast(pl.Float64).fill_null(0.0)
    return (index - grade - NPI_PER_MM * size_mm).round(3)


def tumour_panel(mutated: pl.Series, listed: pl.Series) -> pl.Expr:
    """Return what the mutation file says of a tumour; null when it does not list it.

    The file lists all 2,509 samples as sequenced, while Pereira 2016 (doi:10.1038/ncomms11479)
    sequenced 2,433: of a listed tumour without a mutation it is not known which of both it is.
    """
    sample = pl.col("Sample ID")
    return (
        pl.when(sample.is_in(mutated.implode()))
        .then(pl.lit("mutations_found"))
        .when(sample.is_in(listed.implode()))
        .then(pl.lit("no_mutation_reported"))
    )


def sample_map(clinical: pl.DataFrame) -> pl.DataFrame:
    """Return which sample is whose, and that it was reported on the day of diagnosis."""
    return clinical.filter(osler_tumour_panel="mutations_found").select(
        sample="Sample ID", subject_id="Patient ID", time="osler_diagnosis_date"
    )


def _check(added: pl.DataFrame) -> None:
    """Stop if the originals no longer bear out what is said of them."""
    followed = added.filter(pl.col("osler_follow_up_days").is_not_null())
    months = followed["Overall Survival (Months)"].cast(pl.Float64)
    # The months carry ten significant digits.
    off = (months * DAYS_PER_MONTH - followed["osler_follow_up_days"]).abs().max()
    late = followed.filter(
        pl.col("osler_adjuvant_date") >= pl.col("osler_last_contact_date")
    ).height
    scores = set(followed.select(nodal_score()).to_series().to_list())
    if off is None or float(str(off)) > 1e-5:
        raise ValueError("the months of follow-up times 30 are not whole days")
    if late:
        raise ValueError("an adjuvant treatment would begin at or after the end of follow-up")
    if scores != {1.0, 2.0, 3.0}:
        raise ValueError("the index less grade and size is not a nodal score from 1 to 3")


if __name__ == "__main__":
    sys.exit(main())
