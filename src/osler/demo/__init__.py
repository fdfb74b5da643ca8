"""The cohort that ships with osler: METABRIC, under the Open Database License.

`data/SOURCE.md` says where it comes from, what each column is and what was found in it;
`data/LICENSE-ODbL.txt` is its licence. The code of osler is under another one.
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

__all__ = [
    "CLINICAL",
    "DATA",
    "LICENCE",
    "MAPPING",
    "MUTATIONS",
    "SAMPLES",
    "SOURCE",
    "STUDY",
    "samples_file",
]


def samples_file() -> Path:
    """Return the sample map: which tumour sample is whose, and when it was reported."""
    return SAMPLES
