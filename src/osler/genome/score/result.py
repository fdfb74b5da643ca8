"""The sums of everybody, what they rest on, and what they mean beside a reference panel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from osler.genome.score.totals import Sums

if TYPE_CHECKING:
    from osler.genome.score.similarity import Similarity
    from osler.model.provenance import Provenance

FORMAT_VERSION = 1
Status = Literal["scored", "refused"]

RELATIVE = (
    "a polygenic score is a relative measure; without a reference it has no meaning by itself"
)
A_DISTANCE = (
    "most_similar_population is the nearest population of the reference panel in its principal "
    "components: a distance, not a person's ancestry, ethnicity or race"
)

# What a `z` is where the panel's components are known.
Z_NORM2 = "Z_norm2"
ROWS_TOGETHER = 10_000

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

    @classmethod
    def without_reference(cls, shape: tuple[int, ...]) -> Standing:
        """Return what can be said of sums that nothing is beside: that they are relative."""
        n_scores, n_samples = shape
        nothing = np.broadcast_to(np.nan, (n_scores, n_samples))
        return cls(
            None, nothing, nothing, nothing, nothing, nothing, (None,) * n_scores, (0,) * n_scores,
            (RELATIVE,),
        )  # fmt: skip


@dataclass(frozen=True)
class ScoreResult:
    """Polygenic scores of the samples of one file.

    Parameters
    ----------
    sums
        NaN for a score that was refused.
    notes
        What holds for the whole file.
    software, created_at, inputs
        Of the provenance: inputs are the digests of genotypes and weights.
    """

    samples: tuple[str, ...]
    outcomes: tuple[ScoreOutcome, ...]
    sums: Sums
    standing: Standing
    build: str | None
    notes: tuple[str, ...]
    software: str
    created_at: str
    inputs: dict[str, str]

    @property
    def provenance(self) -> Provenance:
        """Return from what, with what and when the result was made."""
        # Imported late: the nouns of the timeline bring data frames, and a score needs none.
        from osler.model.provenance import Provenance

        return Provenance(self.software, self.created_at, inputs=self.inputs)

    @property
    def all_refused(self) -> bool:
        """Tell whether no score was answered."""
        return all(one.status == "refused" for one in self.outcomes)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one object for each sample and score, samples in the file's order."""
        for start in range(0, len(self.samples), ROWS_TOGETHER):
            people = slice(start, start + ROWS_TOGETHER)
            columns = [self.columns(score, people) for score in range(len(self.outcomes))]
            names = [tuple(one) for one in columns]
            for fields in zip(*(zip(*one.values(), strict=True) for one in columns), strict=True):
                for name, values in zip(names, fields, strict=True):
                    yield dict(zip(name, values, strict=True))

    def row(self, person: int, score: int) -> dict[str, Any]:
        """Return what is known of one person's score."""
        columns = self.columns(score, slice(person, person + 1))
        return {name: values[0] for name, values in columns.items()}

    def columns(self, score: int, people: slice) -> dict[str, list[Any]]:
        """Return what is known of one score and some people, a list for each key of `samples`."""
        outcome, standing = self.outcomes[score], self.standing
        samples = self.samples[people]
        sums, alleles = self.sums.sums[score, people], self.sums.alleles[score, people]
        average = np.divide(sums, alleles, out=np.full(len(samples), np.nan), where=alleles > 0)
        similarity = standing.similarity
        return {
            "sample": list(samples),
            "score_id": [outcome.score_id] * len(samples),
            "status": [outcome.status] * len(samples),
            "sum": _numbers(sums),
            "average": _numbers(average),
            "allele_count": alleles.tolist(),
            "match_rate": [outcome.match_rate] * len(samples),
            "missing": self.sums.missing[score, people].tolist(),
            "imputed": self.sums.imputed[score, people].tolist(),
            "z": _numbers(standing.z[score, people]),
            "z_norm1": _numbers(standing.z_norm1[score, people]),
            "z_norm2": _numbers(standing.z_norm2[score, people]),
            "z_most_similar": _numbers(standing.z_most_similar[score, people]),
            "percentile": _numbers(standing.percentile[score, people]),
            **_similar(similarity, range(len(self.samples))[people]),
        }

    def head(self) -> dict[str, Any]:
        """Return everything but the samples' rows, as plain JSON."""
        return {
            "format_version": FORMAT_VERSION,
            "build": self.build,
            "scores": [
                {
                    **asdict(one),
                    "notes": list(one.notes),
                    "z_kind": self.standing.z_kinds[number],
                    "reference_people": self.standing.panel_size[number],
                }
                for number, one in enumerate(self.outcomes)
            ],
            "similarity": self.similarities(),
            "notes": list(self.notes + self.standing.notes),
            "provenance": {
                "software": self.software,
                "created_at": self.created_at,
                "seed": None,
                "inputs": self.inputs,
                "format_version": FORMAT_VERSION,
            },
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
        between = "\n    "
        for start in range(0, len(self.samples), ROWS_TOGETHER):
            texts = [
                _rows_as_text(self.columns(score, slice(start, start + ROWS_TOGETHER)))
                for score in range(len(self.outcomes))
            ]
            for rows in zip(*texts, strict=True):
                stream.write(between + ",\n    ".join(rows))
                between = ",\n    "
        stream.write("\n  ]\n}\n")

    def to_json(self) -> dict[str, Any]:
        """Return the whole result as the plain JSON object of `scores.json`."""
        return {**self.head(), "samples": list(self.rows())}


def _numbers(values: Floats) -> list[float | None]:
    """Return numbers, None where there is none."""
    known = np.isfinite(values)
    if known.all():
        return list(values.tolist())
    return [one if is_known else None for one, is_known in zip(values.tolist(), known, strict=True)]


def _rows_as_text(columns: dict[str, list[Any]]) -> list[str]:
    """Return each row as a JSON object: column by column, several times as fast as row by row."""
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    known: dict[Any, str] = {}
    fields = []
    for name, values in columns.items():
        key = encode(name) + ": "
        texts = []
        for value in values:
            if type(value) is float:
                texts.append(key + float.__repr__(value))
                continue
            if (name, value) not in known:
                known[name, value] = key + encode(value)
            texts.append(known[name, value])
        fields.append(texts)
    return ["{" + ", ".join(row) + "}" for row in zip(*fields, strict=True)]


def _similar(similarity: Similarity | None, people: range) -> dict[str, list[Any]]:
    if similarity is None:
        nothing = [None] * len(people)
        return {"most_similar_population": nothing, "low_confidence": nothing}
    return {
        "most_similar_population": [similarity.name(person) for person in people],
        "low_confidence": [_far(similarity, person) for person in people],
    }


def _far(similarity: Similarity, person: int) -> bool | None:
    return None if similarity.nearest[person] < 0 else bool(similarity.far[person])


def _by_name(names: tuple[str, ...], values: Floats) -> dict[str, float | None]:
    return dict(zip(names, _numbers(values), strict=True))
