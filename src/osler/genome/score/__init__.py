"""Polygenic scores: weights of the PGS Catalog times the alleles that a person carries."""

from osler.genome.score.findings import codes, findings
from osler.genome.score.matching import Rules
from osler.genome.score.options import Options, ReferenceFiles
from osler.genome.score.result import ScoreOutcome, ScoreResult
from osler.genome.score.scoring import Scorer, score
from osler.genome.score.weights import ScoringFile, read_weights

__all__ = [
    "Options",
    "ReferenceFiles",
    "Rules",
    "ScoreOutcome",
    "ScoreResult",
    "Scorer",
    "ScoringFile",
    "codes",
    "findings",
    "read_weights",
    "score",
]
