"""The sums of everybody, what they rest on, and what they mean beside a reference panel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from osler.genome.score.similarity import Similarity
from osler.genome.score.totals import Sums
from osler.model.provenance import FORMAT_VERSION, Provenance

Status = Literal["scored", "refused"]

RELATIVE = (
    "a polygenic score is a relative measure; without a reference it has no meaning by itself"
)
A_DISTANCE = (
    "most_similar_population is the nearest population of the reference panel in its principal "
    "components: a distance, not a person's ancestry, ethnicity or race"
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreOutcome:
    """What became of one score's file.

    Parameters
    ----------
    status
        `refused` when too few of its variants were found; then nobody has a sum.
    match_rate
        Variants found over all variants of the file.
    matched, unmatched
        How each was matched, and why the others were not; together all variants of the file.
    """

    score_id: str
    trait: str | None
    source: str
    sha256: str
    status: Status
    build: str | None
    variants: int
    match_rate: float
    matched: dict[str, int]
    unmatched: dict[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """Sums beside those of a reference panel.

    Parameters
    ----------
    similarity
        None if nobody's components are known.
    z, percentile, z_most_similar, z_norm1, z_norm2 : shape (scores, samples)
        NaN where not known. `z` is Z_norm2 where it is, else the plain Z score beside the whole
        panel.
    z_kinds
        What `z` is, for each score.
    panel_size
        People of the panel whose sums are known, for each score.
    """

    similarity: Similarity | None
    z: Floats
    percentile: Floats
    z_most_similar: Floats
    z_norm1: Floats
    z_norm2: Floats
    z_kinds: tuple[str | None, ...]
    panel_size: tuple[int, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoreResult:
    """Polygenic scores of the samples of one file.

    Parameters
    ----------
    sums
        NaN for a score that was refused.
    notes
        What holds for the whole file.
    """

    samples: tuple[str, ...]
    outcomes: tuple[ScoreOutcome, ...]
    sums: Sums
    standing: Standing
    build: str | None
    notes: tuple[str, ...]
    provenance: Provenance

    @property
    def all_refused(self) -> bool:
        """Tell whether no score was answered."""
        return all(one.status == "refused" for one in self.outcomes)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one object for each sample and score, samples in the file's order."""
        for person in range(len(self.samples)):
            for score in range(len(self.outcomes)):
                yield self.row(person, score)

    def row(self, person: int, score: int) -> dict[str, Any]:
        """Return what is known of one person's score."""
        outcome, sums, standing = self.outcomes[score], self.sums, self.standing
        total, alleles = float(sums.sums[score, person]), int(sums.alleles[score, person])
        similarity = standing.similarity
        return {
            "sample": self.samples[person],
            "score_id": outcome.score_id,
            "status": outcome.status,
            "sum": _number(total),
            "average": _number(total / alleles) if alleles else None,
            "allele_count": alleles,
            "match_rate": outcome.match_rate,
            "missing": int(sums.missing[score, person]),
            "imputed": int(sums.imputed[score, person]),
            "z": _number(standing.z[score, person]),
            "z_norm1": _number(standing.z_norm1[score, person]),
            "z_norm2": _number(standing.z_norm2[score, person]),
            "z_most_similar": _number(standing.z_most_similar[score, person]),
            "percentile": _number(standing.percentile[score, person]),
            "most_similar_population": similarity.name(person) if similarity else None,
            "low_confidence": _far(similarity, person),
        }

    def head(self) -> dict[str, Any]:
        """Return everything but the samples' rows, as plain JSON."""
        return {
            "format_version": FORMAT_VERSION,
            "build": self.build,
            "scores": [
                {
                    **asdict(one),
                    "z_kind": self.standing.z_kinds[number],
                    "reference_people": self.standing.panel_size[number],
                }
                for number, one in enumerate(self.outcomes)
            ],
            "similarity": self.similarities(),
            "notes": list(self.notes + self.standing.notes),
            "provenance": asdict(self.provenance),
        }

    def similarities(self) -> list[dict[str, Any]] | None:
        """Return each person's distances to the panel's populations; None without a panel."""
        similarity = self.standing.similarity
        if similarity is None:
            return None
        return [
            {
                "sample": name,
                "most_similar_population": similarity.name(person),
                "low_confidence": _far(similarity, person),
                "squared_distance": _by_name(
                    similarity.populations, similarity.squared_distances[person]
                ),
                "probability": _by_name(similarity.populations, similarity.probabilities[person]),
            }
            for person, name in enumerate(self.samples)
        ]

    def write(self, stream: TextIO) -> None:
        """Write `scores.json`, a line for each sample and score, never all of it in memory."""
        head = json.dumps(self.head(), indent=2, ensure_ascii=False, allow_nan=False)
        stream.write(head.removesuffix("\n}") + ',\n  "samples": [')
        for number, row in enumerate(self.rows()):
            stream.write(",\n    " if number else "\n    ")
            stream.write(json.dumps(row, ensure_ascii=False, allow_nan=False))
        stream.write("\n  ]\n}\n")

    def to_json(self) -> dict[str, Any]:
        """Return the whole result as the plain JSON object of `scores.json`."""
        return {**self.head(), "samples": list(self.rows())}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _far(similarity: Similarity | None, person: int) -> bool | None:
    if similarity is None or similarity.nearest[person] < 0:
        return None
    return bool(similarity.far[person])


def _by_name(names: tuple[str, ...], values: Floats) -> dict[str, float | None]:
    return {name: _number(value) for name, value in zip(names, values, strict=True)}
