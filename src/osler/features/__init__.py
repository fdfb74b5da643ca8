"""Rows made into a matrix: what was known at the prediction time, and nothing later."""

from osler.features.column import AGE_NAME, AGGREGATIONS, ANSWER_MARK, RARE, Column
from osler.features.featurise import featurise, featurise_shards
from osler.features.hierarchy import Hierarchy
from osler.features.matrix import RARE_RULES, FeatureMatrix

__all__ = [
    "AGE_NAME",
    "AGGREGATIONS",
    "ANSWER_MARK",
    "RARE",
    "RARE_RULES",
    "Column",
    "FeatureMatrix",
    "Hierarchy",
    "featurise",
    "featurise_shards",
]
