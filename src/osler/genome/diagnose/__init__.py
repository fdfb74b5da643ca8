"""Which rare disease a patient's findings and variants speak for."""

from osler.genome.diagnose.nouns import Candidate, Diagnosis, TellingSign, TermRatio
from osler.genome.diagnose.phenopacket import Phenopacket, read_packet, read_phenopackets
from osler.genome.diagnose.ranking import Engine, load, rank

__all__ = [
    "Candidate",
    "Diagnosis",
    "Engine",
    "Phenopacket",
    "TellingSign",
    "TermRatio",
    "load",
    "rank",
    "read_packet",
    "read_phenopackets",
]
