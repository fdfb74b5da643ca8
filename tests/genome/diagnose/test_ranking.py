"""Ranking by the shipped release: what a diagnosis holds, what adds up, and what is told."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from osler import knowledge
from osler.errors import InputError
from osler.genome.diagnose import Diagnosis, Engine, Phenopacket, load, rank
from osler.genome.diagnose.findings import KIND, codes, findings
from osler.model import Provenance

PROVENANCE = Provenance("osler", "2026-01-01T00:00:00Z")
# Findings that Marfan syndrome (OMIM:154700) is known by.
MARFAN = ("HP:0001083", "HP:0002616", "HP:0001166", "HP:0001519", "HP:0000768")


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Load the shipped release once."""
    return load()


def packet(*present: str, excluded: tuple[str, ...] = (), **more: Any) -> Phenopacket:
    """Build a packet."""
    return Phenopacket("case 1", present, excluded, **more)


def test_textbook_findings_lead_to_the_disease(engine: Engine) -> None:
    """Ectopia lentis, aortic root aneurysm and long fingers put Marfan syndrome among the first."""
    found = engine.rank(packet(*MARFAN))
    assert "OMIM:154700" in [one.disease for one in found.ranking[:5]]


def test_posteriors_are_sorted_and_add_up_to_one(engine: Engine) -> None:
    """The shown candidates and the rest are all there is."""
    found = engine.rank(packet(*MARFAN, excluded=("HP:0001250",)), top=20)
    posteriors = [one.posterior for one in found.ranking]
    assert posteriors == sorted(posteriors, reverse=True)
    assert sum(posteriors) + found.rest == pytest.approx(1)
    assert len(found.ranking) == 20
    assert all(0 <= one <= 1 for one in posteriors)


def test_ratios_add_up_to_the_posterior(engine: Engine) -> None:
    """Prior and log likelihood ratios less the log evidence are the log posterior."""
    found = engine.rank(packet(*MARFAN, excluded=("HP:0001250", "HP:0000252")))
    assert found.log_evidence is not None
    for one in found.ranking:
        whole = one.log_prior + sum(term.log_lr for term in one.terms) - found.log_evidence
        assert math.exp(whole) == pytest.approx(one.posterior)


def test_every_finding_is_in_the_answer_once(engine: Engine) -> None:
    """Each candidate lists present and excluded findings, with how they count."""
    found = engine.rank(packet("HP:0001083", "HP:0001083", excluded=("HP:0001250",)))
    terms = [(one.hpo, one.excluded) for one in found.ranking[0].terms]
    assert terms == [("HP:0001083", False), ("HP:0001250", True)]


def test_all_diseases_of_omim_are_ranked(engine: Engine) -> None:
    """Each disease of the release has its place, and none of another database."""
    found = engine.rank(packet("HP:0001083"), top=100_000)
    assert len(found.ranking) == found.ranked_diseases == engine.library.n_diseases > 8000
    assert all(one.disease.startswith("OMIM:") for one in found.ranking)
    assert len({one.disease for one in found.ranking}) == len(found.ranking)


def test_own_papers_are_left_out_only_when_asked(engine: Engine) -> None:
    """Leaving out what a case's paper brought changes the scores of the diseases it describes."""
    told = engine.annotations
    row = int(np.flatnonzero(told.disease == told.index["OMIM:154700"])[0])
    rows = np.flatnonzero(told.disease == told.disease[row])
    papers = tuple(
        one for one in {told.references[told.reference[row]] for row in rows} if "PMID" in one
    )
    case = packet(*MARFAN, publications=papers)
    kept = engine.rank(case)
    without = engine.rank(case, exclude_own_publications=True)
    assert kept.annotations_left_out == 0
    assert without.annotations_left_out >= len(papers) > 0
    place = told.index["OMIM:154700"]
    with_all = engine.log_weights(case, exclude_own_publications=False)[place]
    assert engine.log_weights(case, exclude_own_publications=True)[place] < with_all


@pytest.mark.parametrize("present", [(), ("HP:9999999",), ("HP:0000118",)])
def test_a_case_without_findings_is_answered(present: tuple[str, ...], engine: Engine) -> None:
    """There is no ranking, and a note says why."""
    found = engine.rank(packet(*present))
    assert found.ranking == ()
    assert "nothing to rank by" in found.notes[-1]
    assert found.to_json()["ranking"] == []


def test_only_excluded_findings_are_an_answer_too(engine: Engine) -> None:
    """What was looked for and is not there says something."""
    found = engine.rank(packet(excluded=("HP:0001250",)))
    assert len(found.ranking) == 25


def test_telling_signs_are_not_yet_known(engine: Engine) -> None:
    """No sign is proposed that was told, or that is a kind of something told to be absent."""
    case = packet(*MARFAN, excluded=("HP:0000707",))
    found = engine.rank(case)
    assert 1 <= len(found.telling_signs) <= 5
    ontology = engine.ontology
    for sign in found.telling_signs:
        family = {ontology.ids[one] for one in ontology.ancestors_of(ontology.index[sign.hpo])}
        assert sign.hpo not in MARFAN
        assert "HP:0000707" not in family
        assert sign.bits > 0


def test_a_json_packet_is_ranked_directly() -> None:
    """The Python interface takes the object of a phenopacket, and refuses what is none."""
    found = rank({"id": "x", "phenotypicFeatures": [{"type": {"id": "HP:0001083"}}]}, top=3)
    assert (found.id, len(found.ranking)) == ("x", 3)
    with pytest.raises(InputError, match="Phenopacket"):
        rank({"a": 1})


def test_findings_say_what_they_do_not_know(engine: Engine) -> None:
    """Each leading candidate is a hypothesis with reasons, release and caveats."""
    release = knowledge.current("phenotype")
    case = engine.rank(packet(*MARFAN))
    made = findings(case, release=release, provenance=PROVENANCE)
    assert [one.kind for one in made] == [KIND] * 3
    for one, candidate in zip(made, case.ranking, strict=False):
        assert one.status == "final"
        assert one.value == candidate.posterior
        assert candidate.disease in one.statement
        assert one.reasons
        assert one.provenance.inputs[release.name] == release.sha256
        told = " ".join(one.caveats)
        for what in ("hypothesis", "no variants", "none of the candidates", str(release.date)):
            assert what in told


def test_nothing_to_rank_abstains(engine: Engine) -> None:
    """Without findings there is one finding that abstained, and no event."""
    case = engine.rank(packet())
    (one,) = findings(case, release=knowledge.current("phenotype"), provenance=PROVENANCE)
    assert (one.status, one.value) == ("abstained", None)
    assert codes(case) == []


def test_codes_are_the_leading_candidates(engine: Engine) -> None:
    """The timeline gets disease, posterior and name."""
    case: Diagnosis = engine.rank(packet(*MARFAN))
    assert codes(case) == [
        (f"DIAGNOSIS_CANDIDATE//{one.disease}", one.posterior, one.name) for one in case.ranking[:3]
    ]
