"""What a tumour's alterations mean for its treatment, by CIViC."""

from osler.genome.somatic.civic import Civic, load
from osler.genome.somatic.findings import codes, findings
from osler.genome.somatic.given import receptors_of
from osler.genome.somatic.interpret import Interpreted, Match, SomaticResult, interpret
from osler.genome.somatic.nouns import Alteration, AlterationKind, Place, Tumour

__all__ = [
    "Alteration",
    "AlterationKind",
    "Civic",
    "Interpreted",
    "Match",
    "Place",
    "SomaticResult",
    "Tumour",
    "codes",
    "findings",
    "interpret",
    "load",
    "receptors_of",
]
