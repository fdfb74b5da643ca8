"""Ranking all diseases for a patient's findings, with a posterior and the reasons for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from osler import knowledge
from osler.errors import Fault, InputError
from osler.genome.diagnose.annotations import read_annotations
from osler.genome.diagnose.nouns import (
    ELSEWHERE,
    IMPLIED,
    IN_PROFILE,
    NOT_THERE,
    Candidate,
    Diagnosis,
    GenotypeEvidence,
    TermRatio,
)
from osler.genome.diagnose.ontology import Ontology, read_ontology
from osler.genome.diagnose.phenopacket import Phenopacket, read_packet
from osler.genome.diagnose.profiles import Floats, Library, Places
from osler.genome.diagnose.scoring import Scorer, Scores
from osler.genome.diagnose.telling import telling_signs
from osler.genome.diagnose.weights import DEFAULT, Weights

if TYPE_CHECKING:
    from osler.knowledge import Release

SUBJECT = "phenotype"
MOST_SHOWN = 25
CITATION = (
    "Human Phenotype Ontology, {date}, https://human-phenotype-ontology.org; Gargano et al. 2024, "
    "Nucleic Acids Res 52:D1333-D1346, doi:10.1093/nar/gkad1005"
)
LEFT_OUT = {
    "unknown": "unknown HPO terms, left out",
    "obsolete": "obsolete HPO terms without a replacement, left out",
    "not an abnormality": "HPO terms that are no abnormality, left out",
}
NOTHING_TO_RANK_BY = "no finding that the ontology knows: nothing to rank by"


@dataclass(frozen=True)
class Findings:
    """A patient's findings as terms of the release.

    Attributes
    ----------
    observed, excluded
        Indices of terms, each once, with the id given where it is another one.
    notes
        What was mapped, left out or contradictory.
    """

    observed: tuple[int, ...]
    excluded: tuple[int, ...]
    given: Mapping[int, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Case:
    """One case on its way to a diagnosis."""

    findings: Findings
    scores: Scores
    log_prior: Floats
    genotype: Mapping[int, GenotypeEvidence] = field(default_factory=dict)

    @property
    def logs(self) -> Floats:
        """Prior and all likelihood ratios, shape (diseases,)."""
        whole: Floats = self.log_prior + self.scores.total
        for disease, evidence in self.genotype.items():
            whole[disease] += evidence.log_lr
        return whole


class Engine:
    """Ranks diseases by the ontology and annotations of one release.

    Parameters
    ----------
    weights
        Those shipped by default.
    """

    def __init__(self, release: Release, weights: Weights = DEFAULT) -> None:
        self.release = release
        self.weights = weights
        self.ontology: Ontology = read_ontology(release.read("ontology"))
        self.annotations = read_annotations(
            release.read("annotations"), release.read("genes_to_phenotype"), self.ontology
        )
        self.library = Library(self.ontology, self.annotations, weights)

    @property
    def citation(self) -> str:
        """How the ontology is to be cited, with its version, as its licence asks."""
        return CITATION.format(date=self.release.date)

    @cached_property
    def scorer(self) -> Scorer:
        """The scorer of all profiles."""
        return Scorer(self.library)

    def findings(self, packet: Phenopacket) -> Findings:
        """Return a packet's findings as terms: mapped, without doubles and contradictions."""
        return findings_of(packet, self.ontology)

    def rank(
        self,
        packet: Phenopacket,
        *,
        exclude_own_publications: bool = False,
        top: int = MOST_SHOWN,
        genotype: Mapping[int, GenotypeEvidence] | None = None,
    ) -> Diagnosis:
        """Rank all diseases for one patient.

        Parameters
        ----------
        exclude_own_publications
            Leave out annotations that were curated from the packet's own publications.
        top
            How many candidates to show in full.
        genotype
            What the patient's variants say of each disease, by its index.
        """
        found = self.findings(packet)
        left_out = self.annotations.rows_of(packet.publications if exclude_own_publications else ())
        knows = {"release": self.release.name, "sha256": self.release.sha256}
        if not found.observed and not found.excluded and genotype is None:
            notes = (*found.notes, NOTHING_TO_RANK_BY)
            return Diagnosis(
                packet.id, (), 0.0, None, 0, len(left_out), notes=notes, knowledge=knows
            )
        case = self._case(found, left_out, genotype or {})
        logs = case.logs
        evidence = _log_sum(logs)
        # Ties go by the index, which is the order of OMIM's numbers: the same on every machine.
        order = np.argsort(-logs, kind="stable")[:top].tolist()
        posteriors = [float(np.exp(logs[one] - evidence)) for one in order]
        return Diagnosis(
            id=packet.id,
            ranking=tuple(
                self._candidate(case, disease, posterior)
                for disease, posterior in zip(order, posteriors, strict=True)
            ),
            rest=max(0.0, 1.0 - sum(posteriors)),
            log_evidence=evidence,
            ranked_diseases=self.library.n_diseases,
            annotations_left_out=len(left_out),
            telling_signs=telling_signs(self.scorer, order, posteriors, found, left_out),
            notes=found.notes,
            knowledge=knows,
        )

    def log_weights(self, packet: Phenopacket, *, exclude_own_publications: bool) -> Floats:
        """Return prior plus log likelihood ratios of every ranked disease, shape (diseases,)."""
        left_out = self.annotations.rows_of(packet.publications if exclude_own_publications else ())
        return self._case(self.findings(packet), left_out, {}).logs

    def _case(
        self, found: Findings, left_out: Places, genotype: Mapping[int, GenotypeEvidence]
    ) -> _Case:
        scores = self.scorer.score(found.observed, found.excluded, left_out)
        return _Case(found, scores, self.scorer.log_prior(left_out), genotype)

    def _candidate(self, case: _Case, disease: int, posterior: float) -> Candidate:
        told = self.annotations
        return Candidate(
            disease=told.diseases[disease],
            name=told.names[disease],
            posterior=posterior,
            log_prior=float(case.log_prior[disease]),
            terms=self._terms(case, disease),
            genes=told.genes.get(disease, ()),
            genotype=case.genotype.get(disease),
        )

    def _terms(self, case: _Case, disease: int) -> tuple[TermRatio, ...]:
        found, scores = case.findings, case.scores
        listed = []
        for place, term in enumerate(found.observed):
            ratio = float(scores.observed[place, disease])
            exact = bool(scores.exact[place, disease])
            how = IN_PROFILE if exact else ELSEWHERE
            if scores.implied[place]:
                how = IMPLIED
            listed.append(self._term(found, term, ratio, False, how))
        for place, term in enumerate(found.excluded):
            ratio = float(scores.excluded[place, disease])
            listed.append(self._term(found, term, ratio, True, NOT_THERE))
        return tuple(listed)

    def _term(
        self, found: Findings, term: int, ratio: float, excluded: bool, how: str
    ) -> TermRatio:
        return TermRatio(
            self.ontology.ids[term],
            self.ontology.names[term],
            ratio,
            excluded,
            how,
            found.given.get(term),
        )


def _log_sum(logs: Floats) -> float:
    """Return the logarithm of the sum of what the logarithms are of."""
    highest = float(logs.max())
    return highest + float(np.log(np.exp(logs - highest).sum()))


def rank(
    phenopacket: Phenopacket | Mapping[str, Any],
    release: Release | None = None,
    *,
    exclude_own_publications: bool = False,
    top: int = MOST_SHOWN,
    genotype: Mapping[int, GenotypeEvidence] | None = None,
) -> Diagnosis:
    """Rank all OMIM diseases for one patient's findings.

    Parameters
    ----------
    phenopacket
        A packet, or the JSON object of one (GA4GH Phenopacket v2).
    release
        By default the newest about phenotypes.
    exclude_own_publications
        Leave out annotations curated from the packet's own publications (its
        `metaData.externalReferences`), for a fair benchmark.
    top
        How many candidates to show in full.
    genotype
        What the patient's variants say of each disease, by its index.

    Raises
    ------
    InputError
        If it is no packet.

    References
    ----------
    Robinson et al. 2020, Am J Hum Genet 107:403-417, doi:10.1016/j.ajhg.2020.06.021.
    """
    if not isinstance(phenopacket, Phenopacket):
        try:
            phenopacket = read_packet(phenopacket)
        except ValueError as error:
            raise InputError(Fault("the phenopacket", str(error), "a Phenopacket")) from error
    return load(release).rank(
        phenopacket,
        exclude_own_publications=exclude_own_publications,
        top=top,
        genotype=genotype,
    )


def load(release: Release | None = None) -> Engine:
    """Return the engine of a release, by default the newest; kept for the next call."""
    return _engine(release or knowledge.current(SUBJECT))


@lru_cache(maxsize=2)
def _engine(release: Release) -> Engine:
    return Engine(release)


def findings_of(packet: Phenopacket, ontology: Ontology) -> Findings:
    """Return a packet's findings as terms of the ontology.

    An id that was replaced is mapped. A term that is both present and excluded counts as present,
    and an excluded term that a present one is a kind of is left out; notes say so.
    """
    notes: dict[str, int] = {}
    given: dict[int, str] = {}
    observed = _resolved(packet.present, ontology, given, notes)
    above = {int(one) for term in observed for one in ontology.ancestors_of(term)}
    excluded = []
    for term in _resolved(packet.excluded, ontology, given, notes):
        if term in above:
            _count(notes, "excluded findings that a present one contradicts, left out")
        else:
            excluded.append(term)
    told = tuple(f"{count} {what}" for what, count in notes.items())
    return Findings(tuple(observed), tuple(excluded), given, told)


def _resolved(
    ids: Sequence[str], ontology: Ontology, given: dict[int, str], notes: dict[str, int]
) -> list[int]:
    found: dict[int, None] = {}
    for one in ids:
        resolved = ontology.resolve(one)
        if resolved.term is None:
            _count(notes, LEFT_OUT[resolved.standing])
        elif resolved.term == 0:
            _count(notes, "terms that say no more than 'abnormal', left out")
        elif resolved.term in found:
            _count(notes, "findings told twice, counted once")
        else:
            found[resolved.term] = None
            if resolved.standing == "renamed":
                given[resolved.term] = one
                _count(notes, "terms under an older id, mapped to the current one")
    return list(found)


def _count(notes: dict[str, int], what: str) -> None:
    notes[what] = notes.get(what, 0) + 1
