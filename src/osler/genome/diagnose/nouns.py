"""The nouns of a diagnosis: candidates, the reasons for each, and what would tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from osler.genome.diagnose.variants import GeneEvidence


# Of log likelihood ratios in JSON.
DIGITS = 5
IN_PROFILE = "in the profile"
ELSEWHERE = "by a more general term or not at all"
IMPLIED = "implied by another finding"
NOT_THERE = "looked for and not there"


@dataclass(frozen=True)
class TermRatio:
    """How far one finding speaks for a disease.

    Attributes
    ----------
    hpo, name
        The term of the release; `given` is the id in the packet where that is another one.
    log_lr
        Natural logarithm of the likelihood ratio against the mean disease, as it is added up.
    excluded
        Whether the finding is one that was looked for and is not there.
    how
        Why it counts as it does.
    """

    hpo: str
    name: str
    log_lr: float
    excluded: bool
    how: str
    given: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry of a candidate's `terms`; `how` only where it is no plain match."""
        told: dict[str, Any] = {"hpo": self.hpo, "log_lr": round(self.log_lr, DIGITS)}
        told["name"] = self.name
        if self.excluded:
            told["excluded"] = True
        elif self.how != IN_PROFILE:
            told["how"] = self.how
        return told | ({"given": self.given} if self.given else {})


@dataclass(frozen=True)
class GenotypeEvidence:
    """What the patient's variants say of a candidate.

    Attributes
    ----------
    gene
        Of the candidate's genes the one that speaks most for it.
    inheritance
        The candidate's mode by its annotations; None if they give none or several.
    log_lr
        For that mode, as it is added to the candidate's.
    evidence
        All that is said of the gene.
    """

    gene: str
    inheritance: str | None
    log_lr: float
    evidence: GeneEvidence

    def to_json(self) -> dict[str, Any]:
        """Return a candidate's `genotype`."""
        return {
            **self.evidence.to_json(),
            "log_lr": self.log_lr,
            "inheritance": self.inheritance,
        }


@dataclass(frozen=True)
class Candidate:
    """A disease in the ranking.

    `log_prior` and the `log_lr` of its terms (and genotype) add up to the logarithm of its
    posterior plus the diagnosis' `log_evidence`.
    """

    disease: str
    name: str
    posterior: float
    log_prior: float
    terms: tuple[TermRatio, ...]
    genes: tuple[str, ...] = ()
    genotype: GenotypeEvidence | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry of a case's `ranking`."""
        told: dict[str, Any] = {
            "disease": self.disease,
            "name": self.name,
            "posterior": self.posterior,
            "log_prior": round(self.log_prior, DIGITS),
            "terms": [one.to_json() for one in self.terms],
            "genes": list(self.genes),
        }
        return told | ({"genotype": self.genotype.to_json()} if self.genotype else {})


@dataclass(frozen=True)
class TellingSign:
    """A sign not yet looked at that would tell the leading candidates apart.

    Attributes
    ----------
    bits
        Expected information on which of the leading candidates it is.
    for_, against
        Candidates that expect it, and that do not.
    """

    hpo: str
    name: str
    bits: float
    for_: tuple[str, ...]
    against: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the entry of a case's `telling_signs`."""
        return {
            "hpo": self.hpo,
            "name": self.name,
            "bits": self.bits,
            "for": list(self.for_),
            "against": list(self.against),
        }


@dataclass(frozen=True)
class Diagnosis:
    """The ranking of all diseases for one patient, its best candidates in full.

    Attributes
    ----------
    ranking
        Best first; as many as were asked for.
    rest
        Posterior of the ranked diseases that are not shown, together. All posteriors are given that
        it is one of the ranked diseases.
    log_evidence
        Logarithm of the sum over all diseases; None where nothing could be ranked.
    ranked_diseases
        How many were ranked.
    annotations_left_out
        Rows left out because they were curated from the case's own publications.
    """

    id: str
    ranking: tuple[Candidate, ...]
    rest: float
    log_evidence: float | None
    ranked_diseases: int
    annotations_left_out: int = 0
    telling_signs: tuple[TellingSign, ...] = ()
    notes: tuple[str, ...] = ()
    knowledge: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `cases` in `diagnosis.json`."""
        return {
            "id": self.id,
            "ranking": [one.to_json() for one in self.ranking],
            "rest": self.rest,
            "log_evidence": self.log_evidence,
            "ranked_diseases": self.ranked_diseases,
            "annotations_left_out": self.annotations_left_out,
            "telling_signs": [one.to_json() for one in self.telling_signs],
            "notes": list(self.notes),
        }
