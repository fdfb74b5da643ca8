"""What ships with osler to show what it does: a cohort of women, and two made-up genomes.

METABRIC is under the Open Database License: `data/SOURCE.md` says where it comes from, what each
column is and what was found in it; `data/LICENSE-ODbL.txt` is its licence. The inherited genomes
are in `data/germline`, with a SOURCE.md and a licence of their own. The code of osler is under
another one.
"""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).parent / "data"

CLINICAL = DATA / "metabric_clinical.parquet"
MAPPING = DATA / "metabric.yaml"
MUTATIONS = DATA / "metabric_mutations.maf.parquet"
SAMPLES = DATA / "metabric_samples.csv"
STUDY = DATA / "study.yaml"
SOURCE = DATA / "SOURCE.md"
LICENCE = DATA / "LICENSE-ODbL.txt"

GERMLINE = DATA / "germline"
WORKED_EXAMPLE = "worked-example"
GENOMES = {
    WORKED_EXAMPLE: GERMLINE / "worked_example.vcf",
    "synthetic": GERMLINE / "synthetic.vcf",
}
GENOME_SAMPLES = GERMLINE / "samples.csv"
CALLS = GERMLINE / "calls.csv"
CALLS_MAPPING = GERMLINE / "calls.yaml"

__all__ = [
    "CALLS",
    "CALLS_MAPPING",
    "CLINICAL",
    "DATA",
    "GENOMES",
    "GENOME_SAMPLES",
    "GERMLINE",
    "LICENCE",
    "MAPPING",
    "MUTATIONS",
    "SAMPLES",
    "SOURCE",
    "STUDY",
    "WORKED_EXAMPLE",
    "outside_calls",
    "samples_file",
]


def outside_calls(name: str) -> Path:
    """Return what another test told of one of the made-up people, for `osler genome pgx`."""
    variants = GENOMES[name]
    return variants.with_name(f"{variants.stem}.calls.tsv")


def samples_file() -> Path:
    """Return the sample map: which tumour sample is whose, and when it was reported."""
    return SAMPLES
