"""MEDS datasets: read, validated, written."""

from osler.sources.meds.reading import MedsSource
from osler.sources.meds.validation import validate_dataset
from osler.sources.meds.writing import Written, write_dataset

__all__ = ["MedsSource", "Written", "validate_dataset", "write_dataset"]
